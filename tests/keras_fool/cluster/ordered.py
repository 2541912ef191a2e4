"""Imported by workers (--import) that are ordered to die or to hang in the middle of a run.

An order is a file in a folder that `VARIABLE` names in their environment: its name is the last
generation that some runs have made, its text the number of the signal that the worker sends itself
before it makes the next one. It is carried out once, and nobody has to look at the right moment.
"""

import contextlib
import os
import pathlib

from evolvers import generations, map_elites

VARIABLE = "KERAS_FOOL_TEST_ORDERS"


def _obey(folder: pathlib.Path) -> None:
    advance = map_elites.Evolution.advance

    def advanced(evolution: map_elites.Evolution) -> generations.Generation:
        order = folder / str(evolution.generation)
        with contextlib.suppress(FileNotFoundError):  # there is none, or another worker was first
            number = int(order.read_text())
            order.unlink()
            os.kill(os.getpid(), number)
        return advance(evolution)

    map_elites.Evolution.advance = advanced


if VARIABLE in os.environ:
    _obey(pathlib.Path(os.environ[VARIABLE]))
