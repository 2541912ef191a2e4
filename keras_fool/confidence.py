r"""Measures a classifier's confidence on real images: on all, on right and on wrong answers.

    python -m keras_fool.confidence --dataset=mnist
    python -m keras_fool.confidence --model=MobileNet:weights=imagenet --image_size=256 \
        --dataset=folder:photographs --images=runs/mobilenet

Supplement F of Nguyen, Yosinski and Clune, 2015, https://arxiv.org/abs/1412.1897, for any
classifier and data set: does a network give images that fool it as much confidence as real ones?

Reads the test images of --dataset (of imagenet2012, the validation images are enough; of
folder:PATH, PATH/test/<label>/*.jpg; of tfds:NAME, the split test or validation). Labels are
matched by their names, whatever their order, where both sides have names: the folders' names are
those of labels (capitals, spaces and underscores do not matter), and may be of some labels only.
Where the classifier has no names, the data's order is taken, and a note says so. Grey classifiers
are given the pictures' luminance. With --images, the champions in these run folders are scored,
too.

Writes a folder: confidence.md (medians, beside those of the paper), confidence.png (the
distributions) and images.csv (a row per real image, with its file).

Costs one scoring of every image: seconds for MNIST, minutes to hours for ImageNet.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import tqdm

from keras_fool import errors
from keras_fool.command_line import (
    cli,
    common_flags,
    flag_groups,
    flag_values,
    model_flags,
    next_steps,
)
from trainers import datasets, names

if TYPE_CHECKING:
    import numpy as np

    from keras_fool.models.scorer_contract import Scorer

USES = flag_groups.Groups(
    what=(
        flag_groups.Told(
            common_flags.DATASET,
            "The real images: mnist, digits, shapes, imagenet2012, folder:PATH (with "
            "PATH/test/<label>/), or tfds:NAME (of TensorFlow Datasets). Required. Without "
            "--model, their shipped classifier is measured.",
        ),
        *model_flags.WHAT_OR_ENDPOINT[1:],
        flag_groups.Told(
            common_flags.IMAGES,
            "Run folders with fooling images, with commas between them, to be measured as well "
            "(default: none).",
        ),
    ),
    how=model_flags.CROPS,
    where=(
        common_flags.DATA_DIR,
        flag_groups.Told(
            common_flags.OUTPUT, "The folder that is written (default: <dataset>-confidence)."
        ),
        common_flags.OVERWRITE,
    ),
    expert=model_flags.OF_ONE,
)


def main(arguments: Sequence[str]) -> None:
    """Scores, counts and writes."""
    cli.no_arguments(arguments)
    dataset = flag_values.dataset()
    output = flag_values.new_output(f"{datasets.short_name(dataset)}-confidence")
    with errors.reported(ValueError, FileNotFoundError):
        classifier = model_flags.classifier(of_dataset=common_flags.MODEL.value is None)
        cli.loading(output)
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
    contents = {
        "confidence.md": f"# {title}\n\n{table}".encode(),
        "confidence.png": picture,
        "images.csv": confidence.images_csv(real, scorer.labels),
    }
    cli.write_folder(output, contents, table)
    _print_unreadable(data.unreadable)
    if fooling is None:
        print(next_steps.lines(next_steps.command("evolve", *next_steps.same_classifier())))
    else:
        folder = flag_values.run_folders()[0]
        print(next_steps.lines(next_steps.command("gallery", f"--images={folder}")))


def _fooling(scorer: "Scorer") -> "np.ndarray | None":
    """The confidences of the champions in --images, if there are any."""
    import numpy as np

    from keras_fool.runs import champions
    from keras_fool.studies import confidence

    if not common_flags.IMAGES.value:
        return None
    found = [champions.read(folder) for folder in flag_values.run_folders()]
    for of in found:
        of.check_fits(scorer.name, scorer.image_shape, len(of.labels))
    return np.concatenate([confidence.of_fooling(scorer, of) for of in found])


def _print_unreadable(unreadable: Mapping[str, str]) -> None:
    if unreadable:
        name, reason = next(iter(unreadable.items()))
        print(
            f"left out: {len(unreadable)} images that cannot be read, such as "
            f"{names.shown(name)}: {names.shown(reason)}"
        )


if __name__ == "__main__":
    cli.run(main, USES)
