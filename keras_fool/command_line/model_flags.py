"""The classifier that a command's flags name, for every command that takes one."""

import importlib
import os
import sys
from typing import cast

from absl import flags

from keras_fool import errors
from keras_fool.command_line import cli, common_flags, flag_groups
from keras_fool.models import classifiers, given_classifiers, meanings

DATASET = flag_groups.Told(
    common_flags.DATASET,
    "mnist, digits or shapes: without --model, the classifier of these data under saved_models/.",
)
_OPTIONS = (
    common_flags.WEIGHTS,
    common_flags.PREPROCESS,
    common_flags.OUTPUTS,
    common_flags.LABEL_NAMES,
)
WHAT = (DATASET, common_flags.MODEL, *_OPTIONS)
WHAT_OR_ENDPOINT = (
    DATASET,
    flag_groups.Told(
        common_flags.MODEL,
        f"{flags.FLAGS['model'].help} Or the address of a model behind TF Serving's API, such as "
        "grpc://host:port/name.",
    ),
    *_OPTIONS,
)
CROPS = (common_flags.IMAGE_SIZE, common_flags.CROPS)
EXPERT = (common_flags.CROP_SIZE, common_flags.VIEW, common_flags.IMPORT)
_NAMES = (common_flags.OUTPUT_NAME, common_flags.SIGNATURE_NAME)
OF_ONE = (*EXPERT, *_NAMES)  # for commands with a --model


def classifier(of_dataset: bool = True) -> classifiers.AnyClassifier:
    """The classifier that --model, --dataset and the flags about them name.

    The modules of --import are imported. A note tells the user which members of an ensemble have
    no names of labels.

    Args:
        of_dataset: Whether --dataset is about the classifier, too, and not only about
            the images that it is given.

    Raises:
        ValueError: There is no such classifier, or the flags do not go together.
        UserError: As `imported` does.
    """
    imported()
    given = given_classifiers.find(
        common_flags.MODEL.value,
        common_flags.DATASET.value if of_dataset else None,
        views(),
        weights=common_flags.WEIGHTS.value,
        preprocess=common_flags.PREPROCESS.value,
        outputs=common_flags.OUTPUTS.value,
        output_name=common_flags.OUTPUT_NAME.value,
        signature_name=common_flags.SIGNATURE_NAME.value,
        named=common_flags.LABEL_NAMES.value,
    )
    found = cast(classifiers.AnyClassifier, given)  # no flag names a function
    if common_flags.LABEL_NAMES.value is None:
        note_unnamed(found)
    return found


def imported() -> None:
    """Imports the modules that --import names, for the custom objects that they register.

    Raises:
        UsageError: One is not the name of a module.
        UserError: One cannot be imported.
    """
    for name in common_flags.IMPORT.value:
        if not all(part.isidentifier() for part in name.split(".")):
            raise errors.UsageError(
                f"--import takes names of modules such as package.module, got {name!r}."
            )
        if os.getcwd() not in sys.path:  # as `python -m` has it, and an installed command does not
            sys.path.append(os.getcwd())
        try:
            with cli.native_messages_hidden():
                importlib.import_module(name)
        except Exception as error:  # the module is the user's, and may raise anything
            raise errors.UserError(
                f"--import={name} cannot be imported: {type(error).__name__}: {error}"
            ) from error


def note_unnamed(found: classifiers.AnyClassifier) -> None:
    """Tells the user which members of an ensemble have no names of labels."""
    if found.unnamed:
        cli.note(
            f"{', '.join(found.unnamed)}: the labels have no names and are taken in the order of "
            "the other members' labels."
        )


def views() -> classifiers.Views:
    """What a network sees of an image, from the flags.

    Raises:
        ValueError: The flags do not go together.
    """
    return classifiers.Views(
        common_flags.IMAGE_SIZE.value,
        common_flags.CROPS.value,
        common_flags.CROP_SIZE.value,
        common_flags.VIEW.value,
    )


def remark(classifier: classifiers.AnyClassifier) -> str:
    """A line for results where confidences do not add up to 1; else nothing."""
    if all(member.meaning != meanings.SIGMOID for member in classifier.members):
        return ""
    return "outputs      sigmoid: a confidence is the label's own probability"
