r"""Writes any classifier as a folder that TF Serving loads.

    python -m keras_fool.export --model=my_model.keras --preprocess=tf --output=exports/mine
    python -m keras_fool.serve --model_base_path=exports/mine

Reads the classifier that --model names: one that `train` wrote, a .keras or .h5 file, the folder
of a SavedModel, a network of keras.applications, or several with commas between them, whose
confidences are averaged.

Writes --output: a version folder such as exports/mine/3, or a folder of versions such as
exports/mine (by default exports/ and the classifier's name), which gets a new version with the
next free number. The version folder holds a SavedModel with the signatures serving_default (uint8
images), float_images (float32, 0..255) and encoded_images (PNG or JPEG of any size), each giving
probabilities and logits; the labels in assets/labels.txt; and requests with which a server warms
up. It appears whole, by a rename, so that a server that watches the folder never sees half of it,
and only after a check that it scores images as the classifier does.

Takes some seconds after TensorFlow has started.
"""

import pathlib
import re
from collections.abc import Sequence

from keras_fool import errors
from keras_fool.command_line import cli, common_flags, flag_groups, model_flags, next_steps
from keras_fool.models import model_formats

USES = flag_groups.Groups(
    what=model_flags.WHAT,
    how=model_flags.CROPS,
    where=(
        flag_groups.Told(
            common_flags.OUTPUT,
            "The folder that is written: a version folder such as exports/mine/3, or a folder of "
            "versions such as exports/mine, in which the next free number is taken (default: "
            "exports/<classifier>).",
        ),
    ),
    expert=model_flags.OF_ONE,
)


def main(arguments: Sequence[str]) -> None:
    """Finds the classifier, exports it, and says how to serve it."""
    cli.no_arguments(arguments)
    with errors.reported(ValueError):
        classifier = model_flags.classifier()
    if classifier.is_remote:
        raise errors.UserError(
            f"{classifier.name} is an endpoint, which is served already: export a classifier."
        )
    if not classifier.in_tensorflow:
        raise errors.UserError(
            f"{classifier.name} is not computed by TensorFlow, as what TF Serving serves must be."
        )
    folder = _version_folder(classifier.name)
    if folder.exists():
        raise errors.UserError(f"{folder} exists and was not changed; choose another --output.")
    cli.loading(folder)
    with cli.native_messages_hidden(), errors.needs_extra("serving"):
        from keras_fool.serving.server import saved_model
    with errors.reported(ValueError, saved_model.ExportError), cli.native_messages_hidden():
        scorer = saved_model.save(folder, classifier)
    print(
        f"exported {scorer.name}: {len(scorer.labels)} labels, images "
        f"{' x '.join(map(str, scorer.image_shape))}\n"
        f"{_remark(scorer.independent)}folder   {folder}\n"
        f"serve    {next_steps.command('serve', f'--model_base_path={folder.parent}')}"
    )


def _remark(independent: bool) -> str:
    """What users of the server must add to its address; "" where it is nothing."""
    if not independent:
        return ""
    return "outputs  independent labels: ask it with ?outputs=sigmoid behind the address\n"


def _version_folder(name: str) -> pathlib.Path:
    if common_flags.OUTPUT.value is None:
        stem = re.sub("/[0-9]+$", "", model_formats.without_suffix(name))
        output = pathlib.Path("exports") / re.sub("[^A-Za-z0-9_.-]+", "_", stem)
    else:
        output = pathlib.Path(common_flags.OUTPUT.value)
    if re.fullmatch("[0-9]+", output.name):
        return output
    taken = [int(path.name) for path in output.glob("*") if re.fullmatch("[0-9]+", path.name)]
    return output / str(max(taken, default=0) + 1)


if __name__ == "__main__":
    cli.run(main, USES)
