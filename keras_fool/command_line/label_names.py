"""The names of labels, from a file that a user has."""

import json
import pathlib


def read(path: pathlib.Path) -> tuple[str, ...]:
    """Reads names, in the order of the labels.

    Args:
        path: A line per label, the name alone or after tabs (such as a number, a WordNet
            id and the name); or JSON: a list of names, or `{"0": ["n01440764", "tench"]}`
            like Keras's table of ImageNet.

    Raises:
        ValueError: It is neither, or there is no such file.
    """
    if not path.is_file():
        raise ValueError(f"there is no file of label names {path}.")
    try:
        text = path.read_text("utf-8")
        names = _from_json(json.loads(text)) if path.suffix == ".json" else _from_lines(text)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} has no names of labels in it ({error!r}): a line per label, or JSON like "
            "Keras's imagenet_class_index.json, has."
        ) from error
    if not names or not all(names):
        raise ValueError(f"{path} has an empty name in it, or none at all.")
    return names


def _from_json(content: list | dict) -> tuple[str, ...]:
    if isinstance(content, list):
        return tuple(str(name) for name in content)
    rows = [content[str(label)] for label in range(len(content))]
    return tuple(
        (row if isinstance(row, str) else row[1]).replace("_", " ").strip() for row in rows
    )


def _from_lines(text: str) -> tuple[str, ...]:
    return tuple(line.split("\t")[-1].strip() for line in text.splitlines())
