r"""Draws sheets of champions: all runs, those that fool several classifiers, or chosen ones.

    python -m keras_fool.gallery --images=runs/fifty
    python -m keras_fool.gallery --images=runs/fool_a --layout=transfer --models=mnist_b
    python -m keras_fool.gallery --images=runs/fool_a --layout=selection --only_labels=9,6,2 \
        --min_confidence=0.9999 --image_size=512 --nocaptions

The layouts:
  runs         a row per run, a column per label (Figure S4 of Nguyen, Yosinski and Clune,
               2015, https://arxiv.org/abs/1412.1897)
  transfer     a column per run, a row per label, of images that all --models and the
               classifier they were evolved on give at least 99 % (Figure S1); by default
               the three labels of which there are most
  selection    the chosen images one after the other, each with its words

Reads run folders that evolve or ascend wrote; of an ascent, --mean_subtracted draws Figures
S5 to S9, and --when=best or --when=0.99 other images than the last ones. Genomes have no
resolution: with --image_size they are drawn again, as many pixels as a print needs; without
it the sheet shows the very pixels that the classifier saw, enlarged. (Stripes finer than
those pixels look otherwise in print: the classifier saw only one point of each.)

Writes one PNG: --output, by default <run folder>-<layout>.png beside the run folder. Costs
a second; --layout=transfer starts TensorFlow; prints of 500 images of 512 pixels need
about half a minute.
"""

import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from absl import flags

from evolvers.ascent import config
from keras_fool import errors
from keras_fool.command_line import cli, common_flags, label_choice, path_flags
from keras_fool.models import classifiers

if TYPE_CHECKING:
    from PIL import Image

    from keras_fool.runs import champions
    from keras_fool.studies import galleries

_LAYOUT = flags.DEFINE_enum(
    "layout", "runs", ["runs", "transfer", "selection"], "How the images are put in order."
)
_WHEN = flags.DEFINE_enum(
    "when",
    "last",
    ["first", "last", *config.KEPT[1:]],
    "The champions of the first or of the last generation; of an ascent the last images, the "
    "best ones, or the first ones at top-1 or of more than a confidence.",
)
_ONLY_LABELS = flags.DEFINE_string(
    "only_labels", None, "Names or numbers of labels, with commas between them; all by default."
)
_ONLY_RUNS = flags.DEFINE_list(
    "only_runs", None, "Numbers of runs, such as 0,3,10-19; all by default."
)
_MIN_CONFIDENCE = flags.DEFINE_float(
    "min_confidence",
    0.0,
    "Leaves out images of less than this confidence.",
    lower_bound=0.0,
    upper_bound=1.0,
)
_BLOCKS = flags.DEFINE_integer(
    "blocks",
    1,
    "With --layout=runs, blocks of runs side by side: many runs make a high sheet.",
    lower_bound=1,
)
_MOST_RUNS = flags.DEFINE_integer(
    "most_runs", 10, "With --layout=transfer, the largest number of columns.", lower_bound=1
)
_MEAN_SUBTRACTED = flags.DEFINE_bool(
    "mean_subtracted",
    False,
    "Show images of an ascent minus the data mean, as Figures S5 to S9 do: what was added is "
    "brighter than the middle grey, what was taken away darker. The last images are shown as "
    "they were before they were rounded to bytes, with the confidences of those.",
)
_TITLE = flags.DEFINE_string("title", None, "The first line; by default what is shown.")
_CAPTIONS = flags.DEFINE_bool(
    "captions", True, "Labels, confidences, runs and a title; without them the images alone."
)
USES = (
    common_flags.IMAGES,
    common_flags.MODELS,
    common_flags.IMAGE_SIZE,
    common_flags.OUTPUT,
    common_flags.OVERWRITE,
)


def main(arguments: Sequence[str]) -> None:
    """Reads the champions, chooses, draws and writes."""
    cli.no_arguments(arguments)
    if not common_flags.IMAGES.value:
        raise errors.UsageError("give --images=RUN_FOLDER, a folder that evolve wrote.")
    if (_LAYOUT.value == "transfer") != bool(common_flags.MODELS.value):
        raise errors.UsageError(
            "--layout=transfer and --models belong together: the classifiers that the images "
            "fool besides the one they were evolved on."
        )
    with errors.reported(ValueError, as_error=errors.UsageError):
        folders = path_flags.run_folders(common_flags.IMAGES.value)
    output = pathlib.Path(common_flags.OUTPUT.value or f"{folders[0]}-{_LAYOUT.value}.png")
    if output.suffix != ".png":
        raise errors.UsageError(f"--output must end in .png, got {output}.")
    if output.exists() and not common_flags.OVERWRITE.value:
        raise errors.UserError(f"{output} exists; choose another --output, or say --overwrite.")

    from evolvers import compiling
    from keras_fool.runs import champions, files
    from keras_fool.sheets import sheet_drawing
    from keras_fool.studies import galleries

    with errors.reported(ValueError, FileNotFoundError):
        images = [
            champions.read(folder, _WHEN.value, unrounded=_MEAN_SUBTRACTED.value)
            for folder in folders
        ]
        if any(of.labels != images[0].labels for of in images):
            raise errors.UserError("the run folders have different labels: one sheet for each.")
        choice = galleries.Choice(
            labels=_places(images), runs=_runs(), min_confidence=_MIN_CONFIDENCE.value
        )
        with compiling.told(cli.note):
            sheet = _draw(images, choice)
    output.parent.mkdir(parents=True, exist_ok=True)
    files.write(output, sheet_drawing.png(sheet))
    print(f"{output}: {sheet.width}x{sheet.height} pixels")


def _draw(images: "Sequence[champions.Champions]", choice: "galleries.Choice") -> "Image.Image":
    from keras_fool.runs import progress
    from keras_fool.studies import galleries

    originals = " and ".join(dict.fromkeys(of.config["classifier"] for of in images))
    title = f"Images that fool {originals}" if _TITLE.value is None else _TITLE.value
    look = galleries.Look(
        title=title if _CAPTIONS.value else "",
        image_size=common_flags.IMAGE_SIZE.value,
        captions=_CAPTIONS.value,
        blocks=_BLOCKS.value,
        mean_subtracted=_MEAN_SUBTRACTED.value,
        on_rows=progress.Drawing(unit="rows of images").advance,
    )
    if _LAYOUT.value == "runs":
        return galleries.by_run(images, choice, look)
    if _LAYOUT.value == "selection":
        return galleries.selection(images, choice, look)
    with cli.native_messages_hidden():
        from keras_fool.studies import cross_scoring

        models = cross_scoring.find_models(classifiers.listed(common_flags.MODELS.value))
        scorers = cross_scoring.Scorers()
    studies = [scorers.cross_score(of, models) for of in images]
    for line in dict.fromkeys(line for scores in studies for line in scores.taken_lines):
        cli.note(line)
    sheet, counts = galleries.transferring(studies, choice, look, most_runs=_MOST_RUNS.value)
    for label, number in counts.items():
        print(f"{label:<16}{number} images that all of the classifiers are sure of")
    return sheet


def _places(images: "Sequence[champions.Champions]") -> list[int] | None:
    """--only_labels as places of labels."""
    if _ONLY_LABELS.value is None:
        return None
    with errors.reported(ValueError, as_error=errors.UsageError):
        return label_choice.labels(_ONLY_LABELS.value, images[0].labels)


def _runs() -> list[int] | None:
    """--only_runs as numbers."""
    if _ONLY_RUNS.value is None:
        return None
    runs = []
    for part in _ONLY_RUNS.value:
        first, _, last = part.partition("-")
        if not (first.isdecimal() and (last or first).isdecimal()):
            raise errors.UsageError(f"--only_runs takes numbers such as 0,3,10-19, not {part!r}.")
        runs += range(int(first), int(last or first) + 1)
    return runs


if __name__ == "__main__":
    cli.run(main, uses=USES)
