"""The four activation functions of a CPPN, as plain scalar functions.

The formulas are those of the published code of Nguyen, Yosinski and Clune, 2015
(https://arxiv.org/abs/1412.1897). neat-python's own sine, sigmoid and gaussian scale and clip their
argument, so these are registered with neat-python in their place. The renderers have vector
versions, which are tested against these.
"""

import math

NAMES = ("sine", "sigmoid", "gaussian", "linear")
SINE, SIGMOID, GAUSSIAN, LINEAR = range(4)


def sine(p):
    """sin(p), in [-1, 1]."""
    return math.sin(p)


def sigmoid(p):
    """2 / (1 + exp(-p)) - 1 = tanh(p / 2), in (-1, 1)."""
    return math.tanh(p / 2)


def gaussian(p):
    """exp(-p^2), in (0, 1]."""
    return math.exp(-p * p)


def linear(p):
    """Clips p to [-3, 3] and divides by 3: in [-1, 1]."""
    return max(-3.0, min(3.0, p)) / 3


FUNCTIONS = {"sine": sine, "sigmoid": sigmoid, "gaussian": gaussian, "linear": linear}
