r"""Draws sheets of champions: all runs, those that fool several classifiers, or chosen ones.

    python -m keras_fool.gallery --images=runs/fifty
    python -m keras_fool.gallery --images=runs/fool_a --layout=transfer --models=mnist_b
    python -m keras_fool.gallery --images=runs/fool_a --layout=selection --labels=9,6,2 \
        --min_confidence=0.9999 --size=512 --nocaptions

The layouts:
  runs         a row per run, a column per label (Figure S4 of Nguyen, Yosinski and Clune,
               2015, https://arxiv.org/abs/1412.1897)
  transfer     a column per run, a row per label, of images to which all --models and the
               classifier that they were evolved on give at least 99 % (Figure S1); by default
               the three labels with most such images
  selection    the chosen images one after the other, each with its caption

Reads run folders that evolve or ascend wrote. Genomes have no resolution: with --size they are
drawn again, with as many pixels as a print needs. Without it the sheet shows the very pixels that
the classifier saw, enlarged. (Stripes finer than those pixels look different in print: the
classifier saw only one point of each.)

Writes one PNG. Costs a second; --layout=transfer starts TensorFlow; prints of 500 images of 512
pixels need about half a minute.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from absl import flags

from evolvers.ascent import config
from keras_fool import errors
from keras_fool.command_line import cli, common_flags, flag_groups, flag_values, next_steps
from keras_fool.models import classifiers, label_choice

if TYPE_CHECKING:
    from PIL import Image

    from keras_fool.runs import champions
    from keras_fool.studies import galleries

_LAYOUT = flags.DEFINE_enum(
    "layout",
    "runs",
    ["runs", "transfer", "selection"],
    "How the images are arranged, one of the layouts above.",
)
_WHEN = flags.DEFINE_enum(
    "when",
    "last",
    ["first", "last", *config.KEPT[1:]],
    "Which champions: those of the first or of the last generation; of an ascent the last "
    "images, the best ones (best), or the first ones at top-1 (top1) or of more than a "
    "confidence (0.99, 0.999, 0.9999).",
)
_ONLY_RUNS = flags.DEFINE_list(
    "only_runs", None, "Numbers of the runs that are shown, such as 0,3,10-19 (default: all)."
)
_MIN_CONFIDENCE = flags.DEFINE_float(
    "min_confidence",
    0.0,
    "The lowest confidence that is shown, 0 to 1.",
    lower_bound=0.0,
    upper_bound=1.0,
)
_BLOCKS = flags.DEFINE_integer(
    "blocks",
    1,
    "With --layout=runs, number of blocks of runs side by side, for sheets of many runs.",
    lower_bound=1,
)
_MAX_RUNS = flags.DEFINE_integer(
    "max_runs", 10, "With --layout=transfer, the largest number of columns.", lower_bound=1
)
_MEAN_SUBTRACTED = flags.DEFINE_bool(
    "mean_subtracted",
    False,
    "Show images of an ascent minus the data mean, as in Figures S5 to S9: what was added is "
    "brighter than the middle grey, what was taken away darker. The last images are shown as "
    "they were before rounding to bytes, with the confidences of those.",
)
_TITLE = flags.DEFINE_string(
    "title", None, "The first line of the sheet (default: whose images are shown)."
)
_CAPTIONS = flags.DEFINE_bool(
    "captions", True, "Write a title, labels, confidences and runs beside the images."
)
USES = flag_groups.Groups(
    what=(
        common_flags.IMAGES,
        flag_groups.Told(
            common_flags.MODELS,
            "With --layout=transfer, the classifiers that the images shall fool as well, with "
            "commas between them.",
        ),
        flag_groups.Told(
            common_flags.LABELS,
            "Names or numbers of the labels that are shown, with commas between them (default: "
            "all).",
        ),
        _ONLY_RUNS,
        _WHEN,
        _MIN_CONFIDENCE,
    ),
    how=(
        _LAYOUT,
        flag_groups.Told(
            common_flags.SIZE,
            "The longer side in pixels that each genome is drawn at, at least 8 (default: the "
            "pixels that the classifier saw, enlarged).",
        ),
        _CAPTIONS,
        _TITLE,
        _MEAN_SUBTRACTED,
    ),
    where=(
        flag_groups.Told(
            common_flags.OUTPUT,
            "The PNG that is written (default: the first run folder's path with -<layout>.png "
            "added).",
        ),
        common_flags.OVERWRITE,
    ),
    expert=(_BLOCKS, _MAX_RUNS),
)
_MIN_SIZE = 8  # pixels


def main(arguments: Sequence[str]) -> None:
    """Reads the champions, chooses, draws and writes."""
    cli.no_arguments(arguments)
    folders = flag_values.run_folders()
    if (_LAYOUT.value == "transfer") != bool(common_flags.MODELS.value):
        raise errors.UsageError(
            "--layout=transfer and --models belong together: the classifiers that the images "
            "fool besides the one they were evolved on."
        )
    if common_flags.SIZE.value is not None and common_flags.SIZE.value < _MIN_SIZE:
        raise errors.UsageError(f"--size must be at least {_MIN_SIZE} pixels for a sheet.")
    output = flag_values.new_output(f"{folders[0]}-{_LAYOUT.value}.png", ".png")

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
    with errors.reported(ValueError):
        print(next_steps.after_run(folders[0]))


def _draw(images: "Sequence[champions.Champions]", choice: "galleries.Choice") -> "Image.Image":
    from keras_fool.runs import progress
    from keras_fool.studies import galleries

    originals = " and ".join(dict.fromkeys(of.config["classifier"] for of in images))
    title = f"Images that fool {originals}" if _TITLE.value is None else _TITLE.value
    style = galleries.Style(
        title=title if _CAPTIONS.value else "",
        image_size=common_flags.SIZE.value,
        captions=_CAPTIONS.value,
        blocks=_BLOCKS.value,
        mean_subtracted=_MEAN_SUBTRACTED.value,
        on_rows=progress.Drawing(unit="rows of images").advance,
    )
    if _LAYOUT.value == "runs":
        return galleries.by_run(images, choice, style)
    if _LAYOUT.value == "selection":
        return galleries.selection(images, choice, style)
    cli.loading()
    with cli.native_messages_hidden():
        from keras_fool.studies import cross_scoring, tables

        models = cross_scoring.find_models(classifiers.listed(str(common_flags.MODELS.value)))
        scorers = cross_scoring.Scorers()
    studies = [scorers.cross_score(of, models) for of in images]
    for line in dict.fromkeys(line for scores in studies for line in scores.taken_lines):
        cli.note(line)
    sheet, counts = galleries.transferring(studies, choice, style, max_runs=_MAX_RUNS.value)
    headings = ["label", "images that all of the classifiers are sure of"]
    print(tables.aligned(headings, counts.items()))
    return sheet


def _places(images: "Sequence[champions.Champions]") -> list[int] | None:
    """--labels as places of labels."""
    if common_flags.LABELS.value is None:
        return None
    with errors.reported(ValueError, as_error=errors.UsageError):
        return label_choice.labels(common_flags.LABELS.value, images[0].labels)


def _runs() -> list[int] | None:
    """--only_runs as numbers."""
    if _ONLY_RUNS.value is None:
        return None
    with errors.reported(ValueError, as_error=errors.UsageError):
        return label_choice.numbers(_ONLY_RUNS.value, "--only_runs")


if __name__ == "__main__":
    cli.run(main, USES)
