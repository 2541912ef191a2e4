r"""Draws the genome inside a champion's PNG again, at any size.

    python -m keras_fool.render runs/mnist/images/run_000/last/label_3.png
    python -m keras_fool.render runs/mnist/images/run_000/last/label_3.png --size=2048

A network has no resolution: a larger print shows more detail, not larger squares. (Of evolved
pixels it shows larger squares.) Stripes finer than the pixels of the evolved image, which raw
coordinates invite, become visible: such a print looks quite different. At the image's own size it
is the image that the classifier scored, to the byte, where --renderer=cpu drew it.

Reads one PNG file that evolve wrote. The file may come from anyone: a genome that no run could
have made, or a print that would take hours, is refused.

Writes another PNG with the same genome inside. A print of 2048 pixels takes about a second; of a
genome of thousands of nodes it takes minutes, and shows its progress.
"""

import contextlib
import pathlib
from collections.abc import Sequence

from keras_fool import errors
from keras_fool.command_line import cli, common_flags, flag_groups, flag_values

_SIZE = 1024  # pixels
USES = flag_groups.Groups(
    how=(
        flag_groups.Told(
            common_flags.SIZE,
            "The longer side in pixels, 1 to 8192; the other one follows.",
            _SIZE,
        ),
    ),
    where=(
        flag_groups.Told(
            common_flags.OUTPUT, "The PNG that is written (default: <name>-<size>.png here)."
        ),
        common_flags.OVERWRITE,
    ),
)


def main(arguments: Sequence[str]) -> None:
    """Reads the genome, draws and writes."""
    if len(arguments) != 1:
        raise errors.UsageError("give one champion, such as images/run_000/last/label_3.png.")
    path = pathlib.Path(arguments[0]).expanduser()
    size = common_flags.SIZE.value or _SIZE
    output = flag_values.new_output(f"{path.stem}-{size}.png", ".png")

    from evolvers import compiling, genome_json, render
    from keras_fool.runs import champion_png, files, progress

    with errors.reported(ValueError, FileNotFoundError):
        champion = champion_png.read(path)
        if not champion.genome:
            made_by = champion.about[champion_png.MADE_BY]
            raise ValueError(f"there is no genome in {path}: it was made by {made_by}.")
        try:
            genome, canvas = genome_json.loads(champion.genome)
        except ValueError as error:
            raise ValueError(f"the genome in {path} is damaged: {error}") from error
    longest = max(canvas.height, canvas.width)
    height, width = (max(1, round(side * size / longest)) for side in (canvas.height, canvas.width))
    with (
        errors.reported(ValueError),
        compiling.told(cli.note),
        contextlib.closing(progress.Drawing(height)) as shown,
    ):
        image = render.draw(genome, canvas, height, width, shown.advance)
    enlarged = champion_png.Champion(image, champion.genome, champion.about)
    files.write(output, champion_png.encode(enlarged))
    print(f"{output}: {width}x{height} pixels")


if __name__ == "__main__":
    cli.run(main, USES)
