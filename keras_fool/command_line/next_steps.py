"""What commands end with: what to try next, as command lines with the paths of what was made."""

import pathlib
import shlex
from collections.abc import Mapping

from absl import flags

from keras_fool.command_line import common_flags
from keras_fool.models import saved_classifiers
from keras_fool.runs import run_records, workdir

_NAMING = (
    common_flags.DATASET,
    common_flags.MODEL,
    common_flags.WEIGHTS,
    common_flags.PREPROCESS,
    common_flags.OUTPUTS,
    common_flags.LABEL_NAMES,
    common_flags.IMAGE_SIZE,
    common_flags.CROPS,
    common_flags.CROP_SIZE,
    common_flags.VIEW,
    common_flags.OUTPUT_NAME,
    common_flags.SIGNATURE_NAME,
    common_flags.IMPORT,
)


def command(name: str, *arguments: object) -> str:
    """A command line that a shell takes as it is.

    Args:
        name: The command, such as "render".
        *arguments: Its words.
    """
    return shlex.join(["python", "-m", f"keras_fool.{name}", *map(str, arguments)])


def lines(*commands: str) -> str:
    """The last lines of a command: each of `commands` stands in one."""
    headings = ["next", *[""] * len(commands)]
    pairs = zip(headings, commands, strict=False)
    return "\n".join(f"{heading:<13}{command}" for heading, command in pairs)


def same_classifier() -> list[str]:
    """The flags of this command line that name its classifier."""
    given = [flag for flag in _NAMING if flags.FLAGS[flag.name].present]
    if common_flags.MODEL.value is not None:
        given = [flag for flag in given if flag is not common_flags.DATASET]
    return [f"--{flag.name}={_as_text(flag.value)}" for flag in given]


def _as_text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def after_run(folder: pathlib.Path) -> str:
    """What to try with the images of a complete run.

    Args:
        folder: The run folder.

    Raises:
        ValueError: It is damaged.
    """
    records = run_records.RunRecords(folder)
    surest = max(records.rows, key=lambda row: float(row["confidence"]))
    if records.kind.has_genomes:
        look = command("render", folder / surest["file"], "--size=1024")
    else:
        look = command("gallery", f"--images={folder}", "--when=best", "--layout=selection")
    another = _another(records.config)
    if another is None:
        return lines(look, command("gallery", f"--images={folder}", "--layout=selection"))
    return lines(look, command("transfer", f"--images={folder}", f"--models={another}"))


def run_of(image: pathlib.Path) -> pathlib.Path | None:
    """The run folder that an image lies in, if it does."""
    return next((path for path in image.parents if (path / workdir.CONFIG).is_file()), None)


def _another(config: Mapping) -> str | None:
    """A known classifier of the same labels and images that the run did not fool."""
    images = config.get("image_shape", ())
    alike = saved_classifiers.alike(config["labels"], images, config["settings"]["scorer"])
    return next((name for name, _ in alike), None)
