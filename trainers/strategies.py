"""The devices on which a training runs: names of `tf.distribute` strategies."""

import os

import tensorflow as tf

from trainers import cluster, config


def create(name: str = "auto") -> tf.distribute.Strategy:
    """The strategy with a name.

    Args:
        name: "one" (the first GPU, or the CPU), "mirrored" (every GPU holds the weights
            and takes a share of each batch; without GPUs, every logical CPU device
            does), "multiworker" (the devices of all processes in $TF_CONFIG; waits for
            them, and must be created before TensorFlow has computed anything), or
            "auto" (mirrored if there are several GPUs, otherwise one).

    Raises:
        ValueError: `name` is unknown (the message lists the known names), $TF_CONFIG is missing or
            malformed, or the other processes cannot be reached.
    """
    if name not in config.STRATEGIES:
        raise ValueError(f"unknown strategy {name!r}; known: {', '.join(config.STRATEGIES)}.")
    if name == "multiworker":
        return _multiworker()
    gpus = [device.name for device in tf.config.list_logical_devices("GPU")]
    cpus = [device.name for device in tf.config.list_logical_devices("CPU")]
    if name == "mirrored" or (name == "auto" and len(gpus) > 1):
        return tf.distribute.MirroredStrategy(gpus or cpus)
    return tf.distribute.OneDeviceStrategy((gpus or cpus)[0])


def _multiworker() -> tf.distribute.Strategy:
    processes = cluster.from_environment(os.environ)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except (tf.errors.OpError, RuntimeError) as error:
        message = getattr(error, "message", str(error)).partition("\n")[0]
        raise ValueError(
            f"process {processes.number} ({processes.addresses[processes.number]}) cannot join "
            f"{', '.join(processes.addresses)}: {message}."
        ) from error
