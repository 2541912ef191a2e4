"""Flags parsed once, how tests are shared out to processes, and the classifiers that many use."""

import contextlib
import fcntl
import gc
import os
import pathlib
import re
import resource
import signal
import sys

import pytest
from absl import flags
from absl.testing import flagsaver

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")  # the bits that tests compare are the CPU's
# Processes that tests start write as users' do.
os.environ.pop("PYTHONUNBUFFERED", None)
# All processes, and the next tests, read what was compiled once, assertions of tests too.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# Each of the processes that share the tests computes with its share of the cores, before anything
# that computes is imported: threads that wait for a core spin, and take it from the others. Never
# with more than two, as bits depend on their number.
_SHARE = len(os.sched_getaffinity(0)) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
for _threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
    os.environ.setdefault(_threads, str(max(1, min(2, _SHARE))))
flags.FLAGS(["pytest"])

from keras_fool.command_line import cli  # noqa: E402, it defines flags
from keras_fool.models import classifiers  # noqa: E402, likewise
from tests import exploring  # noqa: E402

exploring.load_profile()
# One more than CI has cores, as tests of servers wait for a third of their time; slow ones compute,
# and need memory.
_WORKERS, _SLOW_WORKERS = 3, 2
# Each process that starts others imports TensorFlow once more, and has servers of its own.
_WITH_PROCESSES = (
    "tests/evolvers/compiling_test.py",
    "tests/keras_fool/serv",  # serving/ and serve_test.py
    "tests/keras_fool/killed_test.py",
    "tests/keras_fool/ascend_test.py",
    "tests/keras_fool/cluster/ray_test.py",
)

_SERVERS = "tests/keras_fool/serving/server/"
# What they first use of the engine is compiled then, where it is new.
_ENGINE = ("tests/evolvers/breeding_test.py", "tests/evolvers/emitters_test.py")
_LONG = "tests/trainers/"


def pytest_addoption(parser, pluginmanager):
    """Passes over what pytest.ini says of pytest-xdist where that is not there (-p no:xdist)."""
    if not pluginmanager.hasplugin("xdist"):
        for option in ("--numprocesses", "--dist"):
            parser.addoption(option)
        parser.addoption("--no-loadscope-reorder", action="store_true")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config) -> int:
    """Several processes for folders; for a few files, others would only import TensorFlow."""
    files = [os.path.isfile(argument.partition("::")[0]) for argument in config.args]
    if files and all(files):
        return 0
    return _WORKERS if config.option.markexpr == "not slow" else _SLOW_WORKERS


def _share(file: str) -> str:
    """What one process tests together: files that start processes share those, others are alone."""
    return "processes" if file.startswith(_WITH_PROCESSES) else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Shares out files."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _share(super()._split_scope(nodeid))

    return Scheduling(config, log)


def pytest_collection_modifyitems(items):
    """What waits for processes comes first: then there always is something else to do meanwhile.

    Of that, servers come first. They need nothing of the engine, which the other process compiles
    meanwhile, for both, before anything else. Then come long files, as with short ones at the end
    both processes end at nearly the same time.
    """

    def place(item: pytest.Item) -> tuple[bool, ...]:
        file = item.nodeid.partition("::")[0]
        firsts = (_SERVERS, _ENGINE, _LONG)
        others = _share(file) != "processes"
        return others, *(not file.startswith(first) for first in firsts)

    items.sort(key=place)


def pytest_collection_finish():
    """Spares the garbage collector what was imported: half a million objects that stay.

    And it looks less often than by default, as each graph of TensorFlow is many objects.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 20)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """`made_once(name, make)`: a folder that `make(folder)` fills once for all processes."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent

    def made(name: str, make) -> pathlib.Path:
        folder, complete = base / f"made_once_{name}", base / f"made_once_{name}.complete"
        with open(base / f"made_once_{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not complete.exists():
                folder.mkdir()
                make(folder)
                complete.touch()
        return folder

    return made


@pytest.fixture(autouse=True)
def signals_are_left_as_they_were():
    """Else what a later test does by a signal would depend on the tests before it."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    yield
    assert [signal.getsignal(number) for number in numbers] == before


@pytest.fixture(scope="session")
def tiny_model(made_once) -> pathlib.Path:
    """A .keras file: bytes [12, 10, 1] -> three confidences; random but decided weights."""

    def make(folder: pathlib.Path) -> None:
        import keras

        keras.utils.set_random_seed(1)
        decided = keras.initializers.RandomNormal(stddev=1.0, seed=2)
        image = keras.Input((12, 10, 1), dtype="uint8")
        scaled = keras.layers.Rescaling(1 / 255)(image)
        features = keras.layers.Conv2D(4, 3, activation="relu")(scaled)
        flat = keras.layers.Flatten()(features)
        outputs = keras.layers.Dense(3, activation="softmax", kernel_initializer=decided)(flat)
        keras.Model(image, outputs).save(folder / "tiny.keras")

    return made_once("tiny", make) / "tiny.keras"


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
        out, err = capsys.readouterr()
        # Whether TensorFlow is loaded only now depends on the tests before.
        return ended.value.code, out, re.sub("note: .*loading TensorFlow.\n", "", err)

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
