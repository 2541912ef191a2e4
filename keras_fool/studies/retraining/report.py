"""The files that a retraining study ends with, made from what its folder holds.

On digits Table S2 of the paper's supplement (C.1), else what section C.2 says of ImageNet;
each also as a picture, and with the confidence of every champion.
"""

import dataclasses
import hashlib

import numpy as np

from keras_fool.models import classifiers, image_views, scoring
from keras_fool.runs import files
from keras_fool.studies import evolutions, experiment, tables
from keras_fool.studies.retraining import config as config_module
from keras_fool.studies.retraining import folder as folder_module
from keras_fool.studies.retraining import outcomes, section_c2, table_s2


@dataclasses.dataclass(frozen=True)
class Section:
    """What a section of the paper's supplement calls its experiment."""

    name: str
    title: str
    dataset: str


SECTIONS = {
    "C.1": Section("table_s2", "Table S2: retraining with a fooling class", "mnist"),
    "C.2": Section(
        "retrain_imagenet", "Section C.2: retraining once with a fooling class", "imagenet2012"
    ),
}


def make(
    folder: folder_module.Folder, config: config_module.Config, title: str
) -> tuple[str, dict[str, bytes]]:
    """The table as Markdown, and the other files by name.

    Args:
        folder: At least one of its classifiers was fooled.
        config: Its settings.
        title: What the picture is called.
    """
    found = outcomes.rows(folder, config)
    name = SECTIONS[config.section].name
    confidences = {"confidences.csv": outcomes.confidences_csv(folder, found)}
    if config.section == "C.1":
        return table_s2.as_markdown(found, config.dataset), {
            f"{name}.csv": outcomes.as_csv(found, table_s2.PAPER),
            f"{name}.png": table_s2.draw(found, title, config.dataset),
            **confidences,
        }
    sure = [folder.confidences(row.number) for row in found]
    comparisons = section_c2.compare(sure)
    fooling = section_c2.fooling_images(config)
    return section_c2.as_markdown(found, fooling, comparisons), {
        f"{name}.csv": section_c2.as_csv(found, fooling),
        f"{name}.png": section_c2.draw(sure, title),
        "mann_whitney.csv": section_c2.comparisons_csv(comparisons),
        **confidences,
    }


def settings(folder: folder_module.Folder, config: config_module.Config) -> dict[str, object]:
    """What shaped a complete study, as JSON values."""
    numbers = range(1, config.iterations + 1)
    return {
        **config.recorded(),
        "evaluations": sum(evolutions.images_of(config.evolution(number)) for number in numbers),
        "training_steps": config.steps * config.iterations,
        "crops": config.crops,
        "classifiers": [
            {
                "name": folder_module.name(number),
                "sha256": folder.find_classifier(number).identity["sha256"],
                "training_seed": config.training(number).seed,
                "evolution_seed": config.evolution(number).seed,
            }
            for number in numbers
        ],
        "drawn": [_drawn(folder, number) for number in numbers[:-1]],
    }


def _drawn(folder: folder_module.Folder, number: int) -> dict[str, object]:
    """How many images were drawn, and how many of them are different images."""
    drawn = folder.drawn([number])
    counts: dict[str, object] = {"from": folder_module.name(number)}
    for part, images in {"train": drawn.train, "val": drawn.val}.items():
        counts[part] = len(images)
        contents = {hashlib.sha256(np.ascontiguousarray(image)).digest() for image in images}
        counts[f"{part}_distinct"] = len(contents)
    return counts


def write(folder: folder_module.Folder, config: config_module.Config) -> str:
    """Writes the files into the folder itself; returns the Markdown."""
    title = _title(folder, config)
    markdown, contents = make(folder, config, title)
    contents[f"{SECTIONS[config.section].name}.md"] = f"# {title}\n\n{markdown}".encode()
    files.write_all({folder.path / name: content for name, content in contents.items()})
    return markdown


def _title(folder: folder_module.Folder, config: config_module.Config) -> str:
    """The title, marked where this is not the paper's experiment in full."""
    sizes = ("iterations", "first_runs", "runs", "generations", "steps", "first_train")
    paper = config_module.Config.of_paper(
        config.dataset, config.num_labels, config.architecture, config.image_size, config.crop_size
    )
    differs = [
        f"{name} {getattr(config, name)}, not {getattr(paper, name)}"
        for name in sizes
        if getattr(config, name) != getattr(paper, name)
    ]
    section = SECTIONS[config.section]
    text = experiment.titled(section.title, 1, config.dataset, section.dataset, config.view)
    if differs:
        text += f" (a try: {'; '.join(differs)})"
    fooled = sum(folder.is_evolved(number + 1) for number in range(config.iterations))
    unfinished = (
        f", {fooled} of {config.iterations} iterations" if fooled < config.iterations else ""
    )
    return f"{text}{unfinished}"


def missed_table(folder: folder_module.Folder, config: config_module.Config) -> str:
    """How many images of the fooling class each DNN misses, as PNGs and through the view."""
    rows = []
    for number in range(2, config.iterations + 1):
        images = folder.drawn(range(1, number)).val
        plain = folder.find_classifier(number)
        shares = [
            100 * _missed(classifiers.with_view(plain, view), images, config.num_labels)
            for view in (image_views.PLAIN, config.view)
        ]
        rows.append([number, len(images), *map(tables.percent, shares)])
    table = tables.markdown(["DNN", "images", "as PNGs", f"through {config.view}"], rows)
    return (
        "The fooling class is learned from PNGs. Of its validation images, this many per cent are "
        f"not taken for the fooling class as PNGs, and as evolution shows them:\n\n{table}"
    )


def _missed(classifier: classifiers.Classifier, images: np.ndarray, fooling: int) -> float:
    """The share of images whose surest label is not the fooling class."""
    confidences = scoring.LocalScorer(classifier).score(images)
    return float((confidences.argmax(axis=1) != fooling).mean())
