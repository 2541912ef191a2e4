import json
import os
import pathlib
import socket
import subprocess
import sys

import numpy as np
import pytest

from tests.trainers import samples
from trainers import classifier, config, strategies, workers

ROOT = pathlib.Path(__file__).parent.parent.parent
WORKER = """
import json
import sys

import numpy as np

from tests.trainers import samples
from trainers import classifier, config, image_folder, strategies, workers

strategy = strategies.create("multiworker")
settings = config.Config(iterations=20, batch=32, evaluate_every=20)
whole = classifier.Training(settings, samples.small_digits(), strategy)
losses, half = [], None
for until in range(1, 21):
    if until == 11:
        half = whole.state()
    losses.append(whole.advance(until).loss)
resumed = classifier.Training(settings, samples.small_digits(), strategy)
here = whole.workers
resumed.restore(here.from_chief(half if here.is_chief else None, resumed.state()))
error = resumed.advance().test_error_percent
special = {"a": np.array([-0.0, np.nan, 1e-45], np.float32), "b": np.array(-(2**40))}
shared = here.from_chief(special if here.is_chief else None, special)
found = {
    "number": here.number,
    "replicas": list(here.replicas),
    "losses": losses,
    "error": error,
    "resumed_exactly": all(
        value.tobytes() == resumed.state()[key].tobytes() for key, value in whole.state().items()
    ),
    "shared_exactly": all(special[key].tobytes() == shared[key].tobytes() for key in special),
    "nothing_shared": here.from_chief(None, special) is None,
    "total": here.total(np.array([here.number + 1, 10])).tolist(),
    "any": [here.any(here.number == 1), here.any(False)],
}
here.check_settings({"seed": 1, "batch": 32})
try:
    here.check_settings({"seed": 1, "batch": 32 + here.number})
except ValueError as refusal:
    found["refusal"] = str(refusal)
stream = image_folder.load(sys.argv[1], 20, 16)
settings = config.Config(iterations=3, batch=4, evaluate_every=3)
training = classifier.Training(settings, stream, strategy)
found["stream"] = [training.advance(1).loss, training.advance().loss]
found["stream_error"] = training.test_error_percent()
here.wait()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def pictures_path(tmp_path_factory) -> pathlib.Path:
    return samples.picture_folder(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def two(pictures_path) -> list[dict]:
    """What two workers on this machine found."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, pictures_path],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for environment in samples.worker_environments(2)
    ]
    results = [process.communicate(timeout=300) for process in started]
    for process, (_, stderr) in zip(started, results, strict=True):
        assert process.returncode == 0, stderr
    return [json.loads(stdout.splitlines()[-1]) for stdout, _ in results]


@pytest.mark.slow
def test_two_workers_learn_what_one_process_learns(two, pictures_path):
    strategy = strategies.create("one")
    settings = config.Config(iterations=20, batch=32, evaluate_every=20)
    one = classifier.Training(settings, samples.small_digits(), strategy)
    losses = [one.advance(until).loss for until in range(1, 21)]
    from trainers import image_folder

    stream = image_folder.load(str(pictures_path), 20, 16)
    settings = config.Config(iterations=3, batch=4, evaluate_every=3)
    streamed = classifier.Training(settings, stream, strategy)
    stream_losses = [streamed.advance(1).loss, streamed.advance().loss]

    for found in two:
        np.testing.assert_allclose(found["losses"], losses, rtol=1e-3, atol=1e-5)
        assert found["error"] == pytest.approx(one.test_error_percent(), abs=2)
        np.testing.assert_allclose(found["stream"], stream_losses, rtol=1e-3)
        assert found["stream_error"] == pytest.approx(streamed.test_error_percent(), abs=20)
    assert two[0]["losses"] == two[1]["losses"]
    assert two[0]["error"] == two[1]["error"]
    assert losses[-1] < losses[0]


@pytest.mark.slow
def test_two_workers_agree(two):
    assert [found["number"] for found in two] == [0, 1]
    assert [found["replicas"] for found in two] == [[0], [1]]
    for found in two:
        assert found["resumed_exactly"]
        assert found["shared_exactly"]
        assert found["nothing_shared"]
        assert found["total"] == [3, 20]
        assert found["any"] == [True, False]


@pytest.mark.slow
def test_other_settings_of_a_worker_are_refused_by_name(two):
    assert two[0]["refusal"].startswith("another worker was given other settings")
    assert two[1]["refusal"] == (
        "batch is 32 at worker 0 and 33 at worker 1: give all the same command."
    )


def test_one_process_agrees_with_itself():
    alone = workers.Workers(strategies.create("one"))
    state = {"a": np.zeros(3)}

    assert (alone.count, alone.number, alone.is_chief) == (1, 0, True)
    assert alone.replicas == range(1)
    assert alone.from_chief(state, state) is state
    assert alone.from_chief(None, state) is None
    assert alone.any(True)
    assert not alone.any(False)
    alone.check_settings({"seed": 1})


@pytest.mark.slow
def test_a_port_that_is_taken_is_one_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        finished = subprocess.run(
            [
                sys.executable,
                "-c",
                "from trainers import strategies; strategies.create('multiworker')",
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "TF_CONFIG": json.dumps(
                    {"cluster": {"worker": [address]}, "task": {"type": "worker", "index": 0}}
                ),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    assert finished.returncode == 1
    assert f"ValueError: process 0 ({address}) cannot join {address}: " in finished.stderr
