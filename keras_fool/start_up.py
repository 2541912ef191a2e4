"""What libraries of C++ write to stderr while they start, and how users are spared it.

TensorFlow writes that it found no GPU and which instructions it was built for, several times and
at any TF_CPP_MIN_LOG_LEVEL.
"""

import contextlib
import os
import sys
from collections.abc import Iterator

LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_ERRORS_ONLY = "3"


@contextlib.contextmanager
def hidden() -> Iterator[int]:
    """Hides all that is written to this process's stderr, by any code.

    Yields:
        A descriptor of what stderr was.
    """
    if sys.stderr is not None:
        sys.stderr.flush()
    stderr = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield stderr
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hides what TensorFlow writes where it is imported inside, for programs that did not ask.

    Nothing is hidden where the program has imported TensorFlow before or has set
    TF_CPP_MIN_LOG_LEVEL. Otherwise that is set where TensorFlow was imported, and stays so.
    """
    if "tensorflow" in sys.modules or LOG_LEVEL in os.environ or not _has_stderr():
        yield
        return
    os.environ[LOG_LEVEL] = _ERRORS_ONLY
    try:
        with hidden():
            yield
    finally:
        if "tensorflow" not in sys.modules:
            del os.environ[LOG_LEVEL]


@contextlib.contextmanager
def with_tensorflow() -> Iterator[None]:
    """Imports TensorFlow and has it look for devices, as `quiet` does, before what is inside."""
    with quiet():
        import tensorflow as tf

        tf.config.list_physical_devices()
    yield


def _has_stderr() -> bool:
    try:
        os.fstat(2)
    except OSError:
        return False
    return True
