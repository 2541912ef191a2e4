r"""Draws the genome inside a champion's PNG again, at any size.

    python -m keras_fool.render runs/mnist/images/run_000/last/label_3.png
    python -m keras_fool.render runs/mnist/images/run_000/last/label_3.png --size=2048
    python -m keras_fool.render runs/mnist/images/run_000/last/label_3.png --smooth

A network has no resolution: a larger print shows more detail, not larger squares. (Of evolved
pixels it shows larger squares.) Stripes finer than the pixels of the evolved image, which raw
coordinates invite, become visible: such a print looks quite different, and a note says so. With
--smooth the pixels that the classifier scored are enlarged instead, without squares. At the
image's own size it is the image that the classifier scored, to the byte, where --renderer=cpu drew
it.

Reads one PNG file that evolve wrote, and with --smooth also one of ascend. The file may come from
anyone: a genome that no run could have made, or a print that would take hours, is refused.

Writes another PNG with the same genome inside. A print of 2048 pixels takes about a second; of a
genome of thousands of nodes it takes minutes, and shows its progress.
"""

import pathlib
from collections.abc import Sequence

from absl import flags

from keras_fool import errors
from keras_fool.command_line import cli, common_flags, flag_groups, flag_values, next_steps

_SIZE, _MAX_SIZE = 1024, 8192  # pixels
_SMOOTH = flags.DEFINE_bool(
    "smooth",
    False,
    "Enlarge the pixels that the classifier scored (bicubic interpolation), rather than draw the "
    "genome with more of them.",
)
USES = flag_groups.Groups(
    how=(
        flag_groups.Told(
            common_flags.SIZE,
            "The longer side in pixels, 1 to 8192; the other one follows.",
            _SIZE,
        ),
        _SMOOTH,
    ),
    where=(
        flag_groups.Told(
            common_flags.OUTPUT,
            "The PNG that is written (default: <name>-<size>.png here, with "
            "--smooth <name>-<size>-smooth.png).",
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
    ending = "-smooth" if _SMOOTH.value else ""
    output = flag_values.new_output(f"{path.stem}-{size}{ending}.png", ".png")

    from keras_fool.runs import champion_png, files, prints

    with errors.reported(ValueError, FileNotFoundError):
        champion = champion_png.read(path)
        image = prints.draw(champion, str(path), size, cli.note, smooth=_SMOOTH.value)
    height, width = image.shape[:2]
    enlarged = champion_png.Champion(image, champion.genome, champion.about)
    files.write(output, champion_png.encode(enlarged))
    print(f"{output}: {width}x{height} pixels")
    print(next_steps.lines(*_next(path, size)))


def _next(path: pathlib.Path, size: int) -> list[str]:
    """What to try after a print."""
    run, commands = next_steps.run_of(path), []
    if not _SMOOTH.value:
        commands.append(next_steps.command("render", path, f"--size={size}", "--smooth"))
    if run is not None:
        commands.append(next_steps.command("gallery", f"--images={run}", "--layout=selection"))
    if not commands:
        larger = f"--size={min(2 * size, _MAX_SIZE)}"
        commands.append(next_steps.command("render", path, larger, "--smooth"))
    return commands


if __name__ == "__main__":
    cli.run(main, USES)
