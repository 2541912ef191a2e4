"""How easily is an image classifier fooled, by what, and does anything help?

From a program or a notebook:

    import keras_fool
    result = keras_fool.fool(model, preprocess="tf")     a Keras model, a name, a path, an address
    result.images, result.confidences, result.labels
    result.plot()
    result.save("runs/x"); keras_fool.load("runs/x")
    keras_fool.cross_score(result, another_model)
    keras_fool.draw(result.champions[0], 2048)
    keras_fool.fool(keras_fool.Classifier(function, image_shape=(224, 224, 3)))
    keras_fool.assess(model, images, labels)             an audit: does anything help?

`python -m keras_fool`, or `keras-fool`, lists the commands, which are modules here. They share:

    api             what is above
    audits          how easily a classifier is fooled, by what, and whether anything helps
    models          any classifier: found by its name, loaded, scored
    detectors       what tells fooling images from real ones
    runs            evolutions, ascents and trainings in folders that they go on from
    sheets          pictures of many images
    studies         the paper's experiments
    cluster         evolutions on many machines
    serving         classifiers behind TF Serving: a client, a local server
    command_line    flags, help, exit codes
    errors          errors that the user can fix
    foreign_files   JSON and tables that may come from anyone
    start_up        what libraries write when they start, hidden
"""

import importlib
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_fool import errors
    from keras_fool.api import assess, cross_score, draw, fool, load
    from keras_fool.audits.assessment import Assessment
    from keras_fool.models.in_memory import Classifier
    from keras_fool.result import Result

__version__ = "0.1.0"
__all__ = [
    "Assessment",
    "Classifier",
    "Result",
    "assess",
    "cross_score",
    "draw",
    "errors",
    "fool",
    "load",
]

# Where the names are defined. They are imported when they are asked for: TensorFlow takes seconds.
_PLACES = {
    "Assessment": "keras_fool.audits.assessment",
    "Classifier": "keras_fool.models.in_memory",
    "Result": "keras_fool.result",
    **dict.fromkeys(("assess", "cross_score", "draw", "fool", "load"), "keras_fool.api"),
}


def __getattr__(name: str) -> Any:
    if name == "errors":
        return importlib.import_module("keras_fool.errors")
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(_PLACES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _is_the_program() -> bool:
    """Whether this process is one of the commands, not another program that imports them."""
    if sys.argv[:1] == ["-m"]:  # so it is while Python looks for the module to run
        named = (argument.removeprefix("-m") for argument in sys.orig_argv[1:])
        return any(name.partition(".")[0] == __name__ for name in named)
    return bool(sys.argv) and os.path.basename(sys.argv[0]) == "keras-fool"


if _is_the_program():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback before there is a message
    from keras_fool.runs import stopping

    stopping.end_at_once_from_now_on()
