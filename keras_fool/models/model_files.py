"""The files of a model: what tells it from others, and the names of labels among them."""

import hashlib
import pathlib

from trainers import names, regular_file

LABELS_FILE = pathlib.Path("assets") / "labels.txt"
_MOST_BYTES = 2**24
# Where an ONNX file keeps weights that are too large for it, beside it.
_WEIGHTS_BESIDE = (".data", "_data", ".weight", ".weights")


def sha256(path: pathlib.Path) -> str:
    """The SHA-256 of a file, or of all files of a model that is several.

    Args:
        path: A file, alone or with its weights beside it, or a folder.

    Returns:
        In hexadecimal digits. Of a folder, that of the lines "<sha256>  <relative path>", sorted
        by the paths, as `sha256sum` prints them.

    Raises:
        OSError: A file cannot be read.
    """
    found = files(path)
    if not path.is_dir() and len(found) == 1:
        return _sha256(path)
    lines = [f"{_sha256(found[name])}  {name}\n" for name in sorted(found)]
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def files(path: pathlib.Path) -> dict[str, pathlib.Path]:
    """All files of a model, by their names relative to its folder, or to the folder that it is.

    Args:
        path: A file, alone or with its weights beside it, or a folder.
    """
    if path.is_dir():
        found = {file.relative_to(path).as_posix(): file for file in path.rglob("*")}
        return {name: file for name, file in found.items() if file.is_file()}
    endings = _WEIGHTS_BESIDE if path.suffix == ".onnx" else ()
    beside = [path.with_name(path.name + ending) for ending in endings]
    return {file.name: file for file in (path, *beside) if file == path or file.is_file()}


def labels(folder: pathlib.Path) -> tuple[str, ...] | None:
    """The names of labels in the folder of a SavedModel, assets/labels.txt; None without it.

    Raises:
        ValueError: It holds no such names.
    """
    path = folder / LABELS_FILE
    if not path.is_file():
        return None
    try:
        lines = regular_file.read(path, _MOST_BYTES).decode("utf-8").splitlines()
        return names.checked_labels(lines, "its lines")
    except (ValueError, OSError) as error:
        said = str(getattr(error, "strerror", None) or error)
        raise ValueError(f"{path} has no names of labels: {said.rstrip('.')}.") from error


def _sha256(path: pathlib.Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
