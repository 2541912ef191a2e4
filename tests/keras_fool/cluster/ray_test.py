"""Commands on a real Ray cluster of several nodes leave the bytes that one machine leaves."""

import functools
import ipaddress
import json
import os
import pathlib
import random
import re
import shutil
import signal

import keras
import numpy as np
import PIL.Image
import psutil
import pytest

import keras_fool
from keras_fool import errors
from keras_fool.cluster import connection
from keras_fool.command_line import cli
from keras_fool.models import classifiers
from keras_fool.pages import audit_page
from tests.keras_fool import folders, processes
from tests.keras_fool.cluster import ordered
from tests.keras_fool.conftest import SMALL

# Read when Ray is imported: the nodes are on the loopback address.
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
ray = pytest.importorskip("ray")
pytestmark = pytest.mark.slow

RUNS = ("--runs=5", "--batch_size=20")
LAST = 200
LONG = (*RUNS, f"--generations={LAST}", "--checkpoint_every=25")
OBEYING = f"--import={ordered.__name__}"
ROOT = pathlib.Path(keras_fool.__file__).parents[1]
# Python imports it when it starts. The process that serves a client from outside dies once where it
# is ordered, and where it dies by chance: in Ray's fork, before it has begun.
MORTAL = """
import os, sys


def obey():
    if os.path.exists({order!r}):
        os.unlink({order!r})
        os._exit(1)


if "--mode=proxy" in sys.orig_argv:
    os.register_at_fork(after_in_child=obey)
"""


@pytest.fixture(scope="session")
def orders(tmp_path_factory) -> pathlib.Path:
    """The folder of orders for workers: see `ordered`."""
    return tmp_path_factory.mktemp("orders")


@pytest.fixture(scope="session")
def nodes(orders, tmp_path_factory):
    """Three nodes, whose workers import this checkout."""
    from tests.keras_fool.cluster import nodes

    variables = {"PYTHONPATH": _path_with(ROOT), ordered.VARIABLE: str(orders)}
    mortal = tmp_path_factory.mktemp("mortal")
    (mortal / "sitecustomize.py").write_text(MORTAL.format(order=str(orders / "die")))
    # So that it dies by order alone: where it died by chance, gRPC had begun anew after a fork.
    head = {"PYTHONPATH": _path_with(mortal), "GRPC_ENABLE_FORK_SUPPORT": "0"}
    with nodes.started([variables] * 3, head) as found:
        yield found


@pytest.fixture
def evolve(tmp_path, tiny_model, nodes):
    """Starts the command on the cluster, in a folder of a name, or on this machine alone.

    With a function of `processes` instead of `start`, that function does.
    """

    def start(name: str, *arguments: str, here: bool = False, by=processes.start, **more):
        where = () if here else (f"--cluster={nodes.address}",)
        return by(
            "evolve",
            f"--model={tiny_model}",
            f"--workdir={tmp_path / name}",
            *arguments,
            *where,
            log=tmp_path / f"{name}.log",
            folder=tmp_path,
            **more,
        )

    return start


@pytest.fixture
def stopped(evolve, tmp_path):
    """Has the command send itself a signal between two checkpoints, and waits for its end."""

    def stop(name: str, number: int = signal.SIGKILL, **more) -> None:
        path = tmp_path / name
        once = {"within": path, "once": "checkpoint/*.npz", "change": 12, "number": number}
        evolve(name, *LONG, by=processes.killed, **once, **more)

    return stop


@pytest.fixture(scope="session")
def long_alone(made_once, tiny_model):
    """The folder that `LONG` leaves on one machine."""

    def make(folder: pathlib.Path) -> None:
        arguments = (*LONG, f"--model={tiny_model}", f"--workdir={folder / 'alone'}")
        processes.start("evolve", *arguments, log=folder / "log").finish()

    return folders.contents(made_once("cluster_long", make) / "alone")


def generations(path: pathlib.Path) -> int:
    """How many generations of its five runs a folder has."""
    table = path / "metrics.csv"
    return (table.read_text().count("\n") - 1) // 5 if table.is_file() else 0


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param((*RUNS, "--generations=8", "--first_run=2"), id="parts"),
        pytest.param((*RUNS, "--generations=8", "--encoding=direct"), id="parts of pixels"),
        pytest.param(("--generations=8", "--batch_size=60"), id="batches"),
    ],
)
def test_a_cluster_leaves_the_same_bytes(evolve, tmp_path, arguments):
    evolve("alone", *arguments, here=True).finish()
    evolve("cluster", *arguments, "--workers=2").finish()

    expected = folders.contents(tmp_path / "alone")
    assert "champions.csv" in expected
    assert folders.contents(tmp_path / "cluster") == expected
    assert "Traceback" not in (tmp_path / "cluster.log").read_text()


def test_a_cluster_is_reached_from_outside(evolve, tmp_path, nodes, orders):
    arguments = (*RUNS, "--generations=5")
    evolve("alone", *arguments, here=True).finish()
    order = orders / "die"
    order.touch()  # as it dies by chance, too: it is asked for again
    try:
        evolve("client", *arguments, f"--cluster={nodes.client_address}", here=True).finish()
    finally:
        obeyed = not order.exists()
        order.unlink(missing_ok=True)

    assert obeyed
    assert folders.contents(tmp_path / "client") == folders.contents(tmp_path / "alone")


def test_a_local_cluster_listens_to_this_machine_alone(evolve):
    endless = (*RUNS, "--generations=1000000")  # until it has been looked at
    started = evolve("local", *endless, "--cluster=local", here=True)
    tree = psutil.Process(started.process.pid)

    def is_at_work() -> bool:
        return any("ray::Worker.advance" in title for title in map(title_of, listed(tree)))

    started.wait_until(is_at_work)
    listening = {
        connection.laddr.ip
        for process in listed(tree)
        for connection in connections(process)
        if connection.status == psutil.CONN_LISTEN
    }
    started.process.terminate()

    assert started.exit_code() == 128 + signal.SIGTERM
    assert listening
    assert all(ipaddress.ip_address(ip.removeprefix("::ffff:")).is_loopback for ip in listening)


def evolve_with_four_threads(folder: pathlib.Path, arguments: list[str]) -> None:
    """The command on a machine of four cores, as far as TensorFlow knows."""
    import tensorflow as tf

    from keras_fool import evolve

    tf.config.threading.set_intra_op_parallelism_threads(4)
    os.chdir(folder)
    cli.run(evolve.main, evolve.USES, ["evolve", *arguments])


def test_no_bit_depends_on_how_runs_are_shared_out(tmp_path, nodes):
    """With four threads it would: they give images other bits in batches of other sizes."""
    arguments = ["--model=mnist_a", "--runs=6", "--generations=2", "--batch_size=100"]
    found = []
    for workers in (1, 3):
        path = tmp_path / str(workers)
        where = [f"--workdir={path}", f"--cluster={nodes.address}", f"--workers={workers}"]
        target = functools.partial(evolve_with_four_threads, tmp_path, [*arguments, *where])
        processes.start_function(target, log=tmp_path / f"{workers}.log").finish()
        found.append(folders.contents(path))

    assert "champions.csv" in found[0]
    assert found[0] == found[1]


def test_three_workers_killed_at_random_moments(evolve, tmp_path, orders, long_alone):
    for number in random.Random(18).sample(range(LAST), 3):
        (orders / str(number)).write_text(str(int(signal.SIGKILL)))

    evolve("killed", *LONG, OBEYING).finish()

    assert not folders.names(orders)
    # The last one's loss may be seen after the end, where its work was given to two.
    assert re.search("[23] workers were lost", (tmp_path / "killed.log").read_text())
    assert folders.contents(tmp_path / "killed") == long_alone


def test_the_command_stopped_and_killed_goes_on(evolve, stopped, tmp_path, long_alone):
    path, log = tmp_path / "stopped", tmp_path / "stopped.log"

    stopped("stopped", signal.SIGTERM)
    last_line = log.read_text().splitlines()[-1]
    assert re.search(r"generation \d+", last_line)
    assert "to go on: python -m" in last_line
    assert "Traceback" not in log.read_text()
    assert "champions.csv" not in folders.names(path)

    stopped("stopped")
    evolve("stopped", *LONG, "--workers=2").finish()

    assert folders.contents(path) == long_alone


def test_one_machine_and_a_cluster_go_on_with_each_others_runs(
    evolve, stopped, tmp_path, long_alone
):
    for here in (True, False):
        stopped("moved", here=here)
    evolve("moved", *LONG, here=True).finish()

    assert (tmp_path / "moved.log").read_text().count("goes on after generation") == 2
    assert folders.contents(tmp_path / "moved") == long_alone


def test_an_idle_worker_takes_over_from_one_that_hangs(evolve, tmp_path, orders, long_alone):
    (orders / str(LAST // 4)).write_text(str(int(signal.SIGSTOP)))

    evolve("slow", *LONG, OBEYING).finish()

    assert not folders.names(orders)
    assert folders.contents(tmp_path / "slow") == long_alone


def test_a_full_object_store_is_no_loss(evolve, tmp_path, nodes):
    from tests.keras_fool.cluster.nodes import STORE_BYTES

    arguments = ("--generations=5", "--batch_size=60")
    evolve("alone", *arguments, here=True).finish()
    with connection.signals_kept():
        ray.init(address=nodes.address, log_to_driver=False, logging_level="ERROR")
    try:
        held = [ray.put(np.full(STORE_BYTES // 5, number, np.uint8)) for number in range(6)]
        evolve("full", *arguments, "--workers=2").finish()
        assert all(ray.get(one)[0] == number for number, one in enumerate(held))
    finally:
        ray.shutdown()

    assert folders.contents(tmp_path / "full") == folders.contents(tmp_path / "alone")


def test_a_worker_of_another_version_is_refused(tmp_path, tiny_model):
    from tests.keras_fool.cluster import nodes

    other = tmp_path / "other"
    for package in ("keras_fool", "evolvers", "trainers"):
        shutil.copytree(
            ROOT / package, other / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    file = other / "keras_fool" / "__init__.py"
    text = file.read_text()
    file.write_text(text.replace(f'"{keras_fool.__version__}"', '"9.9.9"'))
    assert file.read_text() != text
    log = tmp_path / "log"

    with nodes.started([{"PYTHONPATH": _path_with(other)}]) as found:
        started = processes.start(
            *("evolve", f"--model={tiny_model}", f"--workdir={tmp_path / 'run'}", *RUNS),
            f"--cluster={found.address}",
            log=log,
            folder=tmp_path,
        )
        assert started.exit_code() == 1

    last_line = log.read_text().splitlines()[-1]
    assert "Traceback" not in log.read_text()
    for part in ("keras_fool", "9.9.9", keras_fool.__version__, "to go on"):
        assert part in last_line
    assert generations(tmp_path / "run") == 0


def test_an_address_without_a_cluster_is_one_line(tmp_path, tiny_model):
    log = tmp_path / "log"
    started = processes.start(
        *("evolve", f"--model={tiny_model}", f"--workdir={tmp_path / 'run'}", *RUNS),
        "--cluster=127.0.0.1:1",
        log=log,
        folder=tmp_path,
    )

    assert started.exit_code() == 1
    last_line = log.read_text().splitlines()[-1]
    assert "--cluster=127.0.0.1:1" in last_line
    assert "Traceback" not in log.read_text()


def test_a_study_on_a_cluster_finds_the_same(tmp_path, nodes):
    arguments = ("--experiment=table_s1_mnist", "--scale=0.07")
    for name, where in (("alone", ()), ("cluster", (f"--cluster={nodes.address}", "--workers=2"))):
        processes.start(
            *("reproduce", *arguments, *where),
            log=tmp_path / f"{name}.log",
            folder=_made(tmp_path / name),
        ).finish()

    expected = folders.contents(tmp_path / "alone")
    assert any(name.endswith("table.md") for name in expected)
    assert folders.contents(tmp_path / "cluster") == expected


def audit(name: str, tmp_path, *flags: str, by=processes.start, **more):
    """Starts an audit of a classifier and labelled images, with few images for each attack."""
    return by(
        "audit",
        *flags,
        *("--budget=1000", "--quick", f"--workdir={tmp_path / name}"),
        log=tmp_path / f"{name}.log",
        folder=tmp_path,
        **more,
    )


def without_times(path: pathlib.Path) -> dict:
    """What an audit leaves, but for what tells when and how it was made."""
    found = folders.contents(path)
    for name in ("SHA256SUMS", "times.csv"):
        del found[name]
    report = json.loads(found["audit.json"])
    assert report["made"].pop("seconds") > 0
    report["made"] = {"versions": report["made"]["versions"]}
    return {**found, "audit.json": report}


@pytest.fixture
def pictures(tmp_path, blots) -> tuple[str, str]:
    """Flags: a classifier of squares, as pictures in folders are made, and such pictures."""
    decided = keras.initializers.RandomNormal(stddev=1.0, seed=2)
    image = keras.Input((12, 12, 1), dtype="uint8")
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    outputs = keras.layers.Dense(3, activation="softmax", kernel_initializer=decided)(flat)
    keras.Model(image, outputs).save(tmp_path / "square.keras")
    images = np.pad(blots[0], ((0, 0), (0, 0), (1, 1), (0, 0)))
    scorer = classifiers.find(str(tmp_path / "square.keras")).open()
    for number, label in enumerate(scorer.score(images).argmax(axis=1)):
        split = "train" if number < 120 else "test"
        file = tmp_path / "blots" / split / str(label) / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(images[number, ..., 0]).save(file)
    return f"--model={tmp_path / 'square.keras'}", f"--dataset=folder:{tmp_path / 'blots'}"


def test_an_audit_on_a_cluster_finds_the_same(tmp_path, pictures, nodes):
    """In spite of being killed while the cluster attacks a detector, too."""
    audit("alone", tmp_path, *pictures).finish()
    where = f"--cluster={nodes.address}"

    within = tmp_path / "cluster" / "adaptive"
    audit("cluster", tmp_path, *pictures, where, by=processes.killed, within=within, change=60)
    assert not (tmp_path / "cluster" / "audit.json").exists()
    audit("cluster", tmp_path, *pictures, where).finish()

    expected, found = (without_times(tmp_path / name) for name in ("alone", "cluster"))
    page, other_page = expected.pop("audit.html"), found.pop("audit.html")
    assert any(name.startswith("adaptive/") and name.endswith(".png") for name in expected)
    assert found == expected
    reports = [
        json.loads((tmp_path / name / "audit.json").read_text()) for name in ("alone", "cluster")
    ]
    assert audit_page.html(reports[1], tmp_path / "cluster").encode() == other_page
    same = {**reports[1], "made": reports[0]["made"]}
    assert audit_page.html(same, tmp_path / "cluster").encode() == page
    assert "Traceback" not in (tmp_path / "cluster.log").read_text()


def test_programs_have_evolutions_made_by_a_cluster(tmp_path, tiny_model, nodes):
    model = classifiers.find(str(tiny_model)).load()  # in memory, as a program has it
    settings = {"runs": 3, "generations": 5, "batch_size": 20, "progress": False}
    with_workers = {"cluster": nodes.address, "workers": 2}
    keras_fool.fool(model, workdir=tmp_path / "alone", **settings)
    keras_fool.fool(model, workdir=tmp_path / "cluster", **with_workers, **settings)
    assert not ray.is_initialized()

    with connection.signals_kept():
        ray.init(address=nodes.address, log_to_driver=False, logging_level="ERROR")
    try:
        with pytest.raises(errors.UserError, match="cluster='auto'"):
            keras_fool.fool(model, workdir=tmp_path / "refused", **with_workers, **settings)
        keras_fool.fool(model, workdir=tmp_path / "inside", cluster="auto", **settings)
        assert ray.is_initialized()
        assert not (tmp_path / "refused").exists()
    finally:
        ray.shutdown()

    expected = folders.contents(tmp_path / "alone")
    assert "champions.csv" in expected
    assert folders.contents(tmp_path / "cluster") == expected
    assert folders.contents(tmp_path / "inside") == expected


def test_programs_have_audits_made_by_a_cluster(
    tmp_path,
    tiny_model,
    blots,
    whole,
    nodes,
):
    keras_fool.assess(tiny_model, *blots, workdir=tmp_path, cluster=nodes.address, **SMALL)

    expected, found = without_times(whole), without_times(tmp_path)
    del expected["audit.html"], found["audit.html"]
    assert found == expected


def listed(tree: psutil.Process) -> list[psutil.Process]:
    """A process and all that it started, while it is there."""
    try:
        return [tree, *tree.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def title_of(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def connections(process: psutil.Process) -> list:
    try:
        return process.net_connections()
    except psutil.Error:
        return []


def _made(folder: pathlib.Path) -> pathlib.Path:
    folder.mkdir()
    return folder


def _path_with(folder: pathlib.Path) -> str:
    """PYTHONPATH with a folder in front of this checkout."""
    return os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
