"""Flags parsed once, and the classifiers that many tests use."""

import contextlib
import os
import pathlib
import resource
import signal

import pytest
from absl import flags
from absl.testing import flagsaver

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")  # the bits that tests compare are the CPU's
flags.FLAGS(["pytest"])

from keras_fool.command_line import cli  # noqa: E402, it defines flags
from keras_fool.models import classifiers  # noqa: E402, likewise
from tests import exploring  # noqa: E402

exploring.load_profile()


@pytest.fixture(autouse=True)
def signals_are_left_as_they_were():
    """Else what a later test does by a signal would depend on the tests before it."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    yield
    assert [signal.getsignal(number) for number in numbers] == before


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> pathlib.Path:
    """A .keras file: bytes [12, 10, 1] -> three confidences; random but decided weights."""
    import keras

    keras.utils.set_random_seed(1)
    decided = keras.initializers.RandomNormal(stddev=1.0, seed=2)
    image = keras.Input((12, 10, 1), dtype="uint8")
    features = keras.layers.Conv2D(4, 3, activation="relu")(keras.layers.Rescaling(1 / 255)(image))
    flat = keras.layers.Flatten()(features)
    outputs = keras.layers.Dense(3, activation="softmax", kernel_initializer=decided)(flat)
    path = tmp_path_factory.mktemp("models") / "tiny.keras"
    keras.Model(image, outputs).save(path)
    return path


@pytest.fixture(scope="session")
def shipped() -> classifiers.Classifier:
    return classifiers.find("mnist_a")


@pytest.fixture
def command(capsys):
    """Runs a command as `python -m` does, in this process: (exit code, stdout, stderr)."""

    def run(module, *arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        argv = [module.__name__, *map(str, arguments)]
        with flagsaver.flagsaver(), pytest.raises(SystemExit) as ended:
            cli.run(module.main, uses=module.USES, argv=argv)
        return ended.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def full_disk():
    """`with full_disk(limit)`: no file grows beyond so many bytes, as on a full disk.

    Not for the whole test: what pytest itself prints may go to a longer file.
    """

    @contextlib.contextmanager
    def limited(limit: int):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        assert signal.getsignal(signal.SIGXFSZ) is signal.SIG_IGN  # Python's default
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited
