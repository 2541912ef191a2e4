"""The batch shapes in which an image's confidences are the same bits, whatever its place.

TensorFlow's kernels take the images of a batch in blocks, of 8 or 6 where the processor has
AVX2, and the images that are left over go through other code, whose last bits differ: in a
batch of 2048 the last two. So batches are whole numbers of both blocks, filled up with images
that nobody asked for, and few shapes are met: for each new one a graph is traced.

Where kernels share more than two threads, last bits depend on the shape, too; one is used there.
"""

UNIT = 24  # of 6 and of 8
# The one shape: little is padding in generations of 200 or 400 images.
ONE = 9 * UNIT  # 216
# Smaller batches go through other kernels; who never makes a larger one may use one `UNIT`.
_SMALLEST = 2 * UNIT


def largest(asked_for: int | None, usual: int, fitting: int) -> int:
    """The largest batch to use.

    Args:
        asked_for: Images in one call that the user asks for, at least 1; None for not asked.
        usual: What is used otherwise, where it fits; a multiple of `UNIT`.
        fitting: Images that fit into memory; where fewer than a unit do, a unit is used.

    Returns:
        A multiple of `UNIT`.
    """
    if asked_for is None:
        return max(UNIT, min(usual, fitting // UNIT * UNIT))
    smallest = _SMALLEST if fitting >= _SMALLEST else UNIT
    return max(smallest, -(-asked_for // UNIT) * UNIT)


def limited(limit: int) -> int:
    """The largest batch that a server with a limit is sent: a multiple of `UNIT` if it can be."""
    return limit // UNIT * UNIT or limit


def fixed(num_images: int, largest: int) -> int:
    """The batch shape that `num_images` are filled up to.

    Four significant bits: at most an eighth and a unit of a batch is padding, and a run, whose
    batches are all nearly as large, meets two or three shapes.

    Args:
        num_images: At least 1, at most `largest`.
        largest: As the function of that name gives it, or `limited`.
    """
    units = -(-num_images // UNIT)
    step = 1 << max(0, units.bit_length() - 4)
    return min(largest, max(_SMALLEST, -(-units // step) * step * UNIT))
