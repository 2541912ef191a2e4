"""The files that a retraining study ends with, made of what stands in its folder.

On digits Table S2 of the paper's supplement (C.1), else what section C.2 says of ImageNet;
each also as a picture, and with the confidence of every champion.
"""

import hashlib

import numpy as np

from keras_fool.runs import files
from keras_fool.studies import (
    experiment,
    retraining,
    retraining_effect,
    retraining_figure,
    retraining_folder,
    retraining_histograms,
    retraining_table,
)

_TITLES = {
    "C.1": "Table S2: retraining with a fooling class",
    "C.2": "Section C.2: retraining once with a fooling class",
}
_OF_PAPER = {"C.1": "mnist", "C.2": "imagenet2012"}
_STEMS = {"C.1": "table_s2", "C.2": "retrain_imagenet"}


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
    stem = _STEMS[config.section]
    confidences = {
        "confidences.csv": retraining_table.confidences_csv(folder, found).encode(),
    }
    if config.section == "C.1":
        return retraining_table.as_markdown(found, config.dataset), {
            f"{stem}.csv": retraining_table.as_csv(found).encode(),
            f"{stem}.png": retraining_figure.draw(found, title, config.dataset),
            **confidences,
        }
    sure = [folder.confidences(row.number) for row in found]
    comparisons = retraining_effect.compare(sure)
    fooling = retraining_effect.fooling_images(config)
    return retraining_effect.as_markdown(found, fooling, comparisons), {
        f"{stem}.csv": retraining_effect.as_csv(found, fooling).encode(),
        f"{stem}.png": retraining_histograms.draw(sure, title),
        "mann_whitney.csv": retraining_effect.comparisons_csv(comparisons).encode(),
        **confidences,
    }


def settings(folder: retraining_folder.Folder, config: retraining.Config) -> dict[str, object]:
    """What shaped a complete study, as JSON values."""
    plan = retraining.plan(config)
    numbers = range(1, config.iterations + 1)
    return {
        **config.recorded(),
        "evaluations": sum(stage.work for stage in plan if stage.kind == "evolve"),
        "training_steps": sum(stage.work for stage in plan if stage.kind == "train"),
        "crops": config.crops,
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
    for part, images in {"train": drawn.train, "val": drawn.val}.items():
        counts[part] = len(images)
        contents = {hashlib.sha256(np.ascontiguousarray(image)).digest() for image in images}
        counts[f"{part}_distinct"] = len(contents)
    return counts


def write(folder: retraining_folder.Folder, config: retraining.Config) -> str:
    """Writes the files into the folder itself; returns the Markdown."""
    title = _title(folder, config)
    markdown, contents = make(folder, config, title)
    contents[f"{_STEMS[config.section]}.md"] = f"# {title}\n\n{markdown}".encode()
    files.write_all({folder.path / name: content for name, content in contents.items()})
    return markdown


def picture(config: retraining.Config) -> str:
    """The name of the picture among the files."""
    return f"{_STEMS[config.section]}.png"


def _title(folder: retraining_folder.Folder, config: retraining.Config) -> str:
    """The title, which says so where this is not the paper's experiment in full."""
    sizes = ("iterations", "first_runs", "runs", "generations", "steps", "first_train")
    paper = retraining.Config.of_paper(
        config.dataset, config.num_labels, config.architecture, config.image_size, config.crop_size
    )
    differs = [
        f"{name} {getattr(config, name)}, not {getattr(paper, name)}"
        for name in sizes
        if getattr(config, name) != getattr(paper, name)
    ]
    section = config.section
    text = experiment.titled(_TITLES[section], 1, config.dataset, _OF_PAPER[section], config.view)
    if differs:
        text += f" (a try: {'; '.join(differs)})"
    fooled = sum(folder.is_done("evolve", number + 1) for number in range(config.iterations))
    unfinished = (
        f", {fooled} of {config.iterations} iterations" if fooled < config.iterations else ""
    )
    return f"{text}{unfinished}"
