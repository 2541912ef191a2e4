"""Which devices a training is spread over: names for `tf.distribute` strategies."""

import tensorflow as tf

from trainers import config


def create(name: str = "auto") -> tf.distribute.Strategy:
    """The strategy of a name.

    Args:
        name: "one" (the first GPU, or the CPU), "mirrored" (every GPU holds the weights
            and takes a share of each batch; without GPUs, every logical CPU device
            does), or "auto" (mirrored where there are several GPUs, else one).

    Raises:
        ValueError: `name` is unknown; the known ones are named.
    """
    if name not in config.STRATEGIES:
        raise ValueError(f"unknown strategy {name!r}; known: {', '.join(config.STRATEGIES)}.")
    gpus = [device.name for device in tf.config.list_logical_devices("GPU")]
    cpus = [device.name for device in tf.config.list_logical_devices("CPU")]
    if name == "mirrored" or (name == "auto" and len(gpus) > 1):
        return tf.distribute.MirroredStrategy(gpus or cpus)
    return tf.distribute.OneDeviceStrategy((gpus or cpus)[0])
