r"""Fits detectors of images that are not real data, and writes them for use with evolve.

    python -m keras_fool.fit_detectors --model=my_model.keras --dataset=folder:my_images
    python -m keras_fool.evolve --model=my_model.keras --detector=my_model-detectors/energy.npz

A detector gives images a score, higher for what is more like real data: `keras_fool/detectors/`
has one file for each, with its formula and paper. Those that have statistics are fitted on the
training images of --dataset; where it has none, on every third test image. The threshold of each
accepts --accept of every second (or third) test image, and no fooling image is used for anything.
What cannot be had from the classifier, such as features of an endpoint, is said, and the detectors
that can be fitted are written.

Writes --output, a folder with a file <detector>.npz for each: statistics, threshold, and a card
that names the classifier by its SHA-256. keras_fool.detectors.load reads them. judged.npz has the
scores of the real images that are left, on which nothing was fitted and no threshold chosen.

The detectors of the shipped classifiers, in saved_models/<name>/<version>/detectors/, were made by
the commands in saved_models/README.md.

Costs one pass of the network over the training images and the held-out ones.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from absl import flags

from keras_fool import detectors, errors
from keras_fool.command_line import (
    cli,
    common_flags,
    flag_groups,
    flag_values,
    model_flags,
    next_steps,
)
from trainers import names

if TYPE_CHECKING:
    from keras_fool.detectors import detector

_DETECTORS = flags.DEFINE_list(
    "detectors",
    None,
    f"Which detectors, with commas between them: {', '.join(detectors.NAMES)} (default: all that "
    "the classifier has what is needed for).",
)
_PARAMETERS = flags.DEFINE_list(
    "parameters",
    [],
    "Numbers that detectors take, with commas between them, such as knn.k=10,vim.variance=0.95 "
    "(default: those of their papers).",
)
_ACCEPT = flags.DEFINE_float(
    "accept",
    0.95,
    "The share of held-out real images that thresholds accept, above 0 and at most 1.",
)
USES = flag_groups.Groups(
    what=(
        flag_groups.Told(
            common_flags.DATASET,
            "The real images: mnist, digits, shapes, imagenet2012, folder:PATH (with "
            "PATH/train/<label>/ and PATH/test/<label>/), or tfds:NAME (of TensorFlow Datasets). "
            "Required. Without --model, detectors of their shipped classifier are fitted.",
        ),
        *model_flags.WHAT_OR_ENDPOINT[1:],
    ),
    how=(_DETECTORS, _PARAMETERS, _ACCEPT, *model_flags.CROPS),
    where=(
        common_flags.DATA_DIR,
        flag_groups.Told(
            common_flags.OUTPUT, "The folder that is written (default: <model>-detectors)."
        ),
        common_flags.OVERWRITE,
    ),
    expert=model_flags.OF_ONE,
)


def main(arguments: Sequence[str]) -> None:
    """Fits, chooses thresholds, writes."""
    cli.no_arguments(arguments)
    dataset = flag_values.dataset()
    parameters = _parameters()
    if _DETECTORS.value == []:
        raise errors.UsageError(f"--detectors names none: {', '.join(detectors.NAMES)}.")
    for name in _DETECTORS.value or ():
        if name not in detectors.NAMES:
            raise errors.UsageError(names.unknown("detector", name, detectors.NAMES))
    if not 0 < _ACCEPT.value <= 1:
        raise errors.UsageError(f"--accept must be above 0 and at most 1, got {_ACCEPT.value:g}.")
    with errors.reported(ValueError, FileNotFoundError):
        classifier = model_flags.classifier(of_dataset=common_flags.MODEL.value is None)
        stem = classifier.name.partition("/")[0].removesuffix(".keras").replace(",", "-")
        output = flag_values.new_output(f"{stem}-detectors")
        cli.loading(output)
        with cli.native_messages_hidden():
            from keras_fool.detectors import judged
            from keras_fool.studies import confidence, fitted_detectors, real_parts

            source = detectors.open_source(classifier)
            data = confidence.load(dataset, source.image_shape, common_flags.DATA_DIR.value)
            chosen = _DETECTORS.value
            if chosen is None:
                lacking = fitted_detectors.lacking(source)
                for reason in lacking.values():
                    cli.note(reason)
                chosen = [name for name in detectors.NAMES if name not in lacking]
            parts = real_parts.of(source, data)
            cli.note(parts.remark)
            made = fitted_detectors.fit(source, parts, chosen, parameters, _ACCEPT.value)
            real = fitted_detectors.judge(made, parts, data.name)
    output.mkdir(parents=True, exist_ok=True)
    for name, fitted in made.items():
        fitted.save(output / f"{name}.npz")
    judged.write(output, real)
    rows = [_row(fitted, (output / f"{name}.npz").stat().st_size) for name, fitted in made.items()]
    print(_table(rows))
    print(f"folder       {output}")
    words = next_steps.same_classifier()
    if common_flags.MODEL.value is None:
        words = [f"--model={classifier.name}"]
    first = output / f"{next(iter(made))}.npz"
    print(next_steps.lines(next_steps.command("evolve", *words, f"--detector={first}")))


def _table(rows: Sequence[Sequence[str]]) -> str:
    """The detectors in aligned columns."""
    from keras_fool.studies import tables

    headings = ["detector", "threshold", "95 % interval", "accepts", "fitted on", "file"]
    return tables.in_terminal(tables.markdown(headings, rows))


def _row(fitted: "detector.Detector", size: int) -> list[str]:
    chosen = fitted.operating_point
    assert chosen is not None  # `fitted_detectors.fit` chose it
    images = fitted.fitting.num_images
    return [
        fitted.name,
        f"{chosen.value:.6g}",
        f"{chosen.low:.6g} to {chosen.high:.6g}",
        f"{chosen.accepted:.2%} of {chosen.num_images:,}",
        f"{images:,} images" if images else "-",
        f"{size:,} bytes",
    ]


def _parameters() -> dict[str, dict[str, float]]:
    """--parameters by detector.

    Raises:
        UsageError: One is not NAME.PARAMETER=NUMBER.
    """
    found: dict[str, dict[str, float]] = {}
    for text in _PARAMETERS.value:
        name, equals, number = text.partition("=")
        detector_name, dot, parameter = name.partition(".")
        try:
            value = float(number) if any(sign in number for sign in ".e") else int(number)
        except ValueError:
            dot = ""
        if not (equals and dot):
            raise errors.UsageError(
                f"--parameters takes such as knn.k=10,vim.variance=0.95, got {text!r}."
            )
        found.setdefault(detector_name, {})[parameter] = value
    return found


if __name__ == "__main__":
    cli.run(main, USES)
