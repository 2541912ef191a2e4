"""What you run: the commands, and what joins classifiers and evolution.

`python -m keras_fool`, or `keras-fool`, lists the commands, which are the modules here. They share:

    models          any classifier: found by its name, loaded, scored
    detectors       what tells fooling images from real ones
    runs            evolutions, ascents and trainings in folders that they go on from
    sheets          pictures of many images
    studies         the paper's experiments
    serving         classifiers behind TF Serving: a client, a local server
    command_line    flags, help, exit codes
    errors          errors that the user can fix
    foreign_files   JSON and tables that may come from anyone
"""

import os
import signal
import sys

__version__ = "0.1.0"


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
