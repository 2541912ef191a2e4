"""How many threads TensorFlow's kernels share on a CPU: they decide how sums are split.

So the last bits of what is computed depend on their number.
"""

import os

# TensorFlow reads it where the program itself sets no number.
VARIABLE = "TF_NUM_INTRAOP_THREADS"
# With more, a kernel may share out a sum in a way that depends on how large the batch is.
_ALIKE = 2


def count() -> int | None:
    """The number of threads of this process; None where it computes on a GPU.

    TensorFlow is loaded, but not started: the number may still be set.
    """
    import tensorflow as tf

    if tf.config.get_visible_devices("GPU"):
        return None
    return (
        tf.config.threading.get_intra_op_parallelism_threads()
        or _from_environment()
        or len(os.sched_getaffinity(0))
    )


def bits_depend_on_batch() -> bool:
    """Whether the last bits of an image's confidences may depend on the size of its batch."""
    threads = count()
    return threads is not None and threads > _ALIKE


def _from_environment() -> int:
    """What the variable says; 0 where TensorFlow ignores it."""
    try:
        return max(0, int(os.environ.get(VARIABLE, "0")))
    except ValueError:
        return 0
