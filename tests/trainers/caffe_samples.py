"""Random weights in Caffe's shapes, written down from its prototxt files, not from ours."""

import numpy as np

LENET = {
    "conv1": (20, 1, 5, 5),
    "conv2": (50, 20, 5, 5),
    "ip1": (500, 800),
    "ip2": (10, 500),
}


def alexnet_shapes(num_labels: int, fc6_inputs: int) -> dict[str, tuple[int, ...]]:
    return {
        "conv1": (96, 3, 11, 11),
        "conv2": (256, 48, 5, 5),
        "conv3": (384, 256, 3, 3),
        "conv4": (384, 192, 3, 3),
        "conv5": (256, 192, 3, 3),
        "fc6": (4096, fc6_inputs),
        "fc7": (4096, 4096),
        "fc8": (num_labels, 4096),
    }


def googlenet_shapes(num_labels: int) -> dict[str, tuple[int, ...]]:
    # input, 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, projection
    table = """
        3a 192 64 96 128 16 32 32
        3b 256 128 128 192 32 96 64
        4a 480 192 96 208 16 48 64
        4b 512 160 112 224 24 64 64
        4c 512 128 128 256 24 64 64
        4d 512 112 144 288 32 64 64
        4e 528 256 160 320 32 128 128
        5a 832 256 160 320 32 128 128
        5b 832 384 192 384 48 128 128
    """
    shapes = {
        "conv1/7x7_s2": (64, 3, 7, 7),
        "conv2/3x3_reduce": (64, 64, 1, 1),
        "conv2/3x3": (192, 64, 3, 3),
    }
    for line in table.split("\n"):
        if line.strip():
            block, *numbers = line.split()
            before, one, reduced3, three, reduced5, five, projected = map(int, numbers)
            name = f"inception_{block}"
            shapes[f"{name}/1x1"] = (one, before, 1, 1)
            shapes[f"{name}/3x3_reduce"] = (reduced3, before, 1, 1)
            shapes[f"{name}/3x3"] = (three, reduced3, 3, 3)
            shapes[f"{name}/5x5_reduce"] = (reduced5, before, 1, 1)
            shapes[f"{name}/5x5"] = (five, reduced5, 5, 5)
            shapes[f"{name}/pool_proj"] = (projected, before, 1, 1)
    shapes["loss3/classifier"] = (num_labels, 1024)
    return shapes


def weights(shapes: dict[str, tuple[int, ...]], seed: int = 1) -> dict[str, list[np.ndarray]]:
    """For each layer its weights, which keep the size of what they are given, and biases."""
    rng = np.random.default_rng(seed)
    found = {}
    for name, shape in shapes.items():
        deviation = np.sqrt(2 / np.prod(shape[1:]))
        if name.startswith("conv1"):
            deviation /= 60 if shape[1] == 3 else 0.3  # bytes around a mean, or in [0, 1]
        kernel = rng.standard_normal(shape, np.float32) * np.float32(deviation)
        found[name] = [kernel, rng.normal(0, 0.1, shape[0]).astype(np.float32)]
    return found
