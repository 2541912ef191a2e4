"""The files that a retraining study ends with, made of what stands in its folder."""

import dataclasses

from keras_fool import files
from keras_fool.studies import (
    experiment,
    retraining,
    retraining_figure,
    retraining_folder,
    retraining_table,
)

_TITLE = "Table S2: retraining with a fooling class"


def make(
    folder: retraining_folder.Folder, config: retraining.Config, title: str
) -> tuple[str, dict[str, bytes]]:
    """The table as Markdown, and the other files by name.

    Args:
        folder: At least one of its classifiers was fooled.
        config: Its settings.
        title: What the picture is called.
    """
    found = retraining_table.rows(folder, config)
    return retraining_table.as_markdown(found, config.dataset), {
        "table_s2.csv": retraining_table.as_csv(found).encode(),
        "table_s2.png": retraining_figure.draw(found, title, config.dataset),
        "confidences.csv": retraining_table.confidences_csv(folder, found).encode(),
    }


def settings(folder: retraining_folder.Folder, config: retraining.Config) -> dict[str, object]:
    """What shaped a complete study, as JSON values."""
    plan = retraining.plan(config)
    numbers = range(1, config.iterations + 1)
    return {
        **dataclasses.asdict(config),
        "evaluations": sum(stage.work for stage in plan if stage.kind == "evolve"),
        "training_steps": sum(stage.work for stage in plan if stage.kind == "train"),
        "crops": 1,
        "classifiers": [
            {
                "name": retraining_folder.name(number),
                "sha256": folder.find_classifier(number).identity["sha256"],
                "training_seed": config.training(number).seed,
                "evolution_seed": config.evolution(number).seed,
            }
            for number in numbers
        ],
        "drawn": [_drawn(folder, number) for number in numbers[:-1]],
    }


def _drawn(folder: retraining_folder.Folder, number: int) -> dict[str, object]:
    """How many images were drawn, and how many of them are different images."""
    drawn = folder.drawn([number])
    counts = {"from": retraining_folder.name(number)}
    for part, images in dataclasses.asdict(drawn).items():
        counts[part] = len(images)
        counts[f"{part}_distinct"] = len({image.tobytes() for image in images})
    return counts


def write(folder: retraining_folder.Folder, config: retraining.Config) -> str:
    """Writes the files into the folder itself; returns the Markdown."""
    title = _title(folder, config)
    markdown, contents = make(folder, config, title)
    contents["table_s2.md"] = f"# {title}\n\n{markdown}".encode()
    files.write_all({folder.path / name: content for name, content in contents.items()})
    return markdown


def _title(folder: retraining_folder.Folder, config: retraining.Config) -> str:
    """The title, which says so where this is not the paper's experiment in full."""
    sizes = ("iterations", "first_runs", "runs", "generations", "steps", "first_train")
    paper = retraining.Config()
    differs = [
        f"{name} {getattr(config, name)}, not {getattr(paper, name)}"
        for name in sizes
        if getattr(config, name) != getattr(paper, name)
    ]
    text = experiment.titled(_TITLE, 1, config.dataset)
    if differs:
        text += f" (a try: {'; '.join(differs)})"
    fooled = sum(folder.is_done("evolve", number + 1) for number in range(config.iterations))
    unfinished = (
        f", {fooled} of {config.iterations} iterations" if fooled < config.iterations else ""
    )
    return f"{text}{unfinished}"
