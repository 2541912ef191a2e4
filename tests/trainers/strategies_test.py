import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from trainers import strategies

TWO_DEVICES = """
import json
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

from tests.trainers import samples
from trainers import classifier, config, strategies

data = samples.small_digits()
settings = config.Config(iterations=40, batch=32, evaluate_every=40)
found = {}
for name in ("one", "mirrored"):
    strategy = strategies.create(name)
    whole = classifier.Training(settings, data, strategy)
    losses, half = [], None
    for until in range(1, 41):
        if until == 21:
            half = whole.state()
        losses.append(whole.advance(until).loss)
    resumed = classifier.Training(settings, data, strategy)
    resumed.restore(half)
    error = resumed.advance().test_error_percent
    found[name] = {
        "replicas": strategy.num_replicas_in_sync,
        "losses": losses,
        "error": error,
        "resumed_exactly": all(
            np.array_equal(value, resumed.state()[key]) for key, value in whole.state().items()
        ),
    }
try:
    classifier.Training(config.Config(batch=33), data, strategies.create("mirrored"))
except ValueError as refusal:
    found["refusal"] = str(refusal)
print(json.dumps(found))
"""


@pytest.mark.slow
def test_two_devices_learn_what_one_learns():
    # In a process of its own: logical devices are set before TensorFlow starts.
    finished = subprocess.run(
        [sys.executable, "-c", TWO_DEVICES], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    found = json.loads(finished.stdout.splitlines()[-1])
    one, mirrored = found["one"], found["mirrored"]

    assert (one["replicas"], mirrored["replicas"]) == (1, 2)
    np.testing.assert_allclose(mirrored["losses"], one["losses"], rtol=1e-3, atol=1e-5)
    assert one["losses"][-1] < one["losses"][0] / 2
    assert mirrored["error"] == pytest.approx(one["error"], abs=2)
    assert one["resumed_exactly"]
    assert mirrored["resumed_exactly"]
    assert "batch must be a multiple of 2" in found["refusal"]


@pytest.mark.parametrize("name", ["auto", "one"])
def test_one_device_is_enough(name):
    strategy = strategies.create(name)

    assert isinstance(strategy, tf.distribute.OneDeviceStrategy)
    assert strategy.num_replicas_in_sync == 1


def test_unknown_strategy_names_the_known_ones():
    with pytest.raises(
        ValueError, match="unknown strategy 'tpu'; known: auto, one, mirrored, multi"
    ):
        strategies.create("tpu")


def test_several_workers_need_to_know_each_other(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)

    with pytest.raises(ValueError, match="TF_CONFIG is not set"):
        strategies.create("multiworker")
