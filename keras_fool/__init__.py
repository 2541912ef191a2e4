"""What you run: the commands, and what joins classifiers and evolution.

`python -m keras_fool` lists the commands; they are the modules here. What they share:

    models          any classifier: found by its name, loaded, scored
    runs            evolutions, ascents and trainings in folders that they go on from
    sheets          pictures of many images
    studies         the paper's experiments
    serving         classifiers behind TF Serving: a client, a local server
    command_line    flags, help, exit codes
    errors          what is the user's to mend
    foreign_files   JSON and tables that may come from anyone
"""

import signal
import sys

# While Python looks for the module to run, "-m" stands there; it may be another program's.
if sys.argv[:1] == ["-m"] and any(
    argument.removeprefix("-m").partition(".")[0] == __name__ for argument in sys.orig_argv[1:]
):
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # rather than a traceback, until there are words
    from keras_fool.runs import stopping

    stopping.end_at_once_from_now_on()
