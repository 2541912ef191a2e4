import dataclasses
import gc
import os
import pathlib
import signal
import time
import types
from typing import ClassVar

import pytest

from keras_fool.runs import stopping
from keras_fool.studies import steps


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Late(steps.Step):
    """A step whose loop gets a signal when it has no work left."""

    kind = "late"
    folder: pathlib.Path
    done: ClassVar[set[str]] = set()

    def is_done(self) -> bool:
        return self.name in self.done

    def run(self, context) -> None:
        del context
        with stopping.StopRequest():
            os.kill(os.getpid(), signal.SIGTERM)
        self.done.add(self.name)


def test_a_signal_that_python_loses_comes_again():
    """What a handler raises while garbage is collected goes nowhere."""
    raised = []

    def collected(phase, _) -> None:
        if phase == "start" and not raised:
            raised.append(True)
            signal.raise_signal(signal.SIGTERM)

    def collect_and_wait() -> None:
        gc.collect()
        for _ in range(1000):
            time.sleep(0.01)

    gc.callbacks.append(collected)
    try:
        with stopping.answered(), pytest.raises(stopping.Interrupted) as stopped:
            collect_and_wait()
    finally:
        gc.callbacks.remove(collected)
    assert raised
    assert stopped.value.number == signal.SIGTERM


def test_a_signal_at_the_end_of_a_step_stops_before_the_next(tmp_path):
    todo = [Late(name=name, work=1, folder=tmp_path) for name in ("one", "two")]
    with stopping.answered(), pytest.raises(stopping.Interrupted) as stopped:
        steps.run(todo, types.SimpleNamespace(note=lambda _: None))
    assert stopped.value.number == signal.SIGTERM
    assert Late.done == {"one"}


def test_a_signal_that_was_not_needed_is_forgotten_when_something_new_begins():
    with stopping.answered():
        with stopping.StopRequest():
            os.kill(os.getpid(), signal.SIGTERM)
        steps.run([], types.SimpleNamespace(note=lambda _: None))
        stopping.check()
