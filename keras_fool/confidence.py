r"""Says how sure a classifier is of real images: of all, of the right ones, of the wrong ones.

    python -m keras_fool.confidence --dataset=mnist
    python -m keras_fool.confidence --model=MobileNet:weights=imagenet --image_size=256 \
        --dataset=folder:photographs --images=runs/mobilenet

Supplement F of Nguyen, Yosinski and Clune, 2015, https://arxiv.org/abs/1412.1897, for any
classifier and data set: is a network as sure of images that fool it as of real ones?

Reads the test images of --dataset: mnist, digits, shapes, imagenet2012 (its validation images
are enough), or folder:PATH with PATH/test/<label>/*.jpg; --model, or without one the shipped
classifier of the data set. Labels are found by their names, in whatever order, where both
have names: the folders' names are those of labels (capitals, spaces and underscores do not
matter), and may be of some labels only. Where the classifier has none, the folders' order is
taken, and said. Grey classifiers are given the pictures' luminance. With --images, folders
that evolve wrote, the champions in them are scored, too.

Writes, into --output, by default <dataset>-confidence: confidence.md (medians, beside those of
the paper), confidence.png (the distributions) and images.csv (a row per real image, with its
file). Nothing that is there is replaced without --overwrite.

Costs one scoring of every image: seconds for MNIST, minutes to hours for ImageNet.
"""

import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import tqdm

from keras_fool import errors
from keras_fool.command_line import cli, common_flags, model_flags, path_flags
from trainers import datasets, names

if TYPE_CHECKING:
    import numpy as np

    from keras_fool.models.scoring import LocalScorer

USES = (
    *model_flags.USES,
    common_flags.DATA_DIR,
    common_flags.IMAGES,
    common_flags.OUTPUT,
    common_flags.OVERWRITE,
)


def main(arguments: Sequence[str]) -> None:
    """Scores, counts and writes."""
    cli.no_arguments(arguments)
    dataset = common_flags.DATASET.value
    if dataset is None:
        raise errors.UsageError(
            "give --dataset: mnist, digits, shapes, imagenet2012 or folder:PATH."
        )
    with errors.reported(ValueError):
        datasets.check_name(dataset)
    output = pathlib.Path(common_flags.OUTPUT.value or _output(dataset))
    if output.exists() and not common_flags.OVERWRITE.value:
        raise errors.UserError(f"{output} exists; choose another --output, or say --overwrite.")
    with errors.reported(ValueError, FileNotFoundError):
        classifier = model_flags.classifier(of_dataset=common_flags.MODEL.value is None)
        with cli.native_messages_hidden():
            from keras_fool.studies import confidence, cross_scoring, real_images

            scorer = cross_scoring.Scorers().open(classifier)
            data = confidence.load(dataset, scorer.image_shape, common_flags.DATA_DIR.value)
        fooling = _fooling(scorer)
        with tqdm.tqdm(total=data.num_test, unit="image", dynamic_ncols=True) as bar:
            real = real_images.score(scorer, data, bar.update)
        for words in filter(None, (*scorer.notes, confidence.advice(scorer, data, real))):
            cli.note(words)
    title = f"How sure {scorer.name} is of {data.name}"
    table, picture = confidence.report(real, fooling, title)
    _write(output, title, table, picture, confidence.images_csv(real, scorer.labels))
    _print_unreadable(data.unreadable)


def _output(dataset: str) -> str:
    return f"{datasets.short_name(dataset)}-confidence"


def _fooling(scorer: "LocalScorer") -> "np.ndarray | None":
    """The confidences of the champions in --images, if there are any."""
    import numpy as np

    from keras_fool.runs import champions
    from keras_fool.studies import confidence

    if not common_flags.IMAGES.value:
        return None
    folders = path_flags.run_folders(common_flags.IMAGES.value)
    found = [champions.read(folder) for folder in folders]
    for of in found:
        of.check_fits(scorer.name, scorer.image_shape, len(of.labels))
    return np.concatenate([confidence.of_fooling(scorer, of) for of in found])


def _write(output: pathlib.Path, title: str, table: str, picture: bytes, images: str) -> None:
    from keras_fool.runs import files

    output.mkdir(parents=True, exist_ok=True)
    contents = {
        output / "confidence.md": f"# {title}\n\n{table}".encode(),
        output / "confidence.png": picture,
        output / "images.csv": images.encode(),
    }
    files.write_all(contents)
    print(f"{table}")
    for path in sorted(contents):
        print(path)


def _print_unreadable(unreadable: dict[str, str]) -> None:
    if unreadable:
        name, reason = next(iter(unreadable.items()))
        print(
            f"left out: {len(unreadable)} images that cannot be read, such as "
            f"{names.shown(name)}: {names.shown(reason)}"
        )


if __name__ == "__main__":
    cli.run(main, uses=USES)
