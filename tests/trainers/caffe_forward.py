"""What Caffe computes, slowly: float64, channels first, colours BGR, weights as in its files."""

import math

import numpy as np


def convolve(x, weights, bias, *, stride=1, pad=0, groups=1):
    """[channels, height, width] -> the same, by Caffe's formula for the size."""
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    outputs, _, rows, columns = weights.shape
    height = (x.shape[1] - rows) // stride + 1
    width = (x.shape[2] - columns) // stride + 1
    found = np.empty((outputs, height, width))
    for group in range(groups):
        mine = slice(group * outputs // groups, (group + 1) * outputs // groups)
        seen = x[group * len(x) // groups : (group + 1) * len(x) // groups]
        for row in range(height):
            for column in range(width):
                top, left = row * stride, column * stride
                window = seen[:, top : top + rows, left : left + columns]
                found[mine, row, column] = np.tensordot(weights[mine], window, 3) + bias[mine]
    return found


def relu(x):
    return np.maximum(x, 0)


def max_pool(x, size=3, stride=2, pad=0):
    """Rounds up: the last windows may reach over the edge."""
    height, width = (math.ceil((side + 2 * pad - size) / stride) + 1 for side in x.shape[1:])
    found = np.empty((len(x), height, width))
    for row in range(height):
        for column in range(width):
            top, left = max(0, row * stride - pad), max(0, column * stride - pad)
            bottom, right = row * stride - pad + size, column * stride - pad + size
            found[:, row, column] = x[:, top:bottom, left:right].max(axis=(1, 2))
    return found


def lrn(x, size=5, alpha=1e-4, beta=0.75):
    found = np.empty_like(x)
    for channel in range(len(x)):
        around = x[max(0, channel - size // 2) : channel + size // 2 + 1]
        found[channel] = x[channel] / (1 + alpha / size * (around**2).sum(axis=0)) ** beta
    return found


def inner_product(x, weights, bias):
    return weights @ x.reshape(-1) + bias


def softmax(x):
    x = np.exp(x - x.max())
    return x / x.sum()


def bgr(image, mean=(104.0, 117.0, 123.0)):
    """What Caffe's networks see of an RGB image [height, width, 3]: BGR minus a mean."""
    mean = np.asarray(mean, np.float64)
    if mean.ndim == 1:
        mean = mean[:, np.newaxis, np.newaxis]
    return image.transpose(2, 0, 1)[::-1].astype(np.float64) - mean


def lenet(image, weights):
    x = image.transpose(2, 0, 1) / 256
    x = max_pool(convolve(x, *weights["conv1"]), 2)
    x = max_pool(convolve(x, *weights["conv2"]), 2)
    x = relu(inner_product(x, *weights["ip1"]))
    return softmax(inner_product(x, *weights["ip2"]))


def alexnet(x, weights, *, pool_first):
    def both(x):
        return lrn(max_pool(x)) if pool_first else max_pool(lrn(x))

    x = both(relu(convolve(x, *weights["conv1"], stride=4)))
    x = both(relu(convolve(x, *weights["conv2"], pad=2, groups=2)))
    x = relu(convolve(x, *weights["conv3"], pad=1))
    x = relu(convolve(x, *weights["conv4"], pad=1, groups=2))
    x = max_pool(relu(convolve(x, *weights["conv5"], pad=1, groups=2)))
    x = relu(inner_product(x, *weights["fc6"]))
    x = relu(inner_product(x, *weights["fc7"]))
    return softmax(inner_product(x, *weights["fc8"]))


def googlenet(x, weights):
    def conv(x, name, **kwargs):
        return relu(convolve(x, *weights[name], **kwargs))

    x = lrn(max_pool(conv(x, "conv1/7x7_s2", stride=2, pad=3)))
    x = lrn(conv(conv(x, "conv2/3x3_reduce"), "conv2/3x3", pad=1))
    x = max_pool(x)
    for block in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"):
        name = f"inception_{block}"
        branches = [
            conv(x, f"{name}/1x1"),
            conv(conv(x, f"{name}/3x3_reduce"), f"{name}/3x3", pad=1),
            conv(conv(x, f"{name}/5x5_reduce"), f"{name}/5x5", pad=2),
            conv(max_pool(x, 3, 1, pad=1), f"{name}/pool_proj"),
        ]
        x = np.concatenate(branches)
        if block in ("3b", "4e"):
            x = max_pool(x)
    return softmax(inner_product(x.mean(axis=(1, 2)), *weights["loss3/classifier"]))
