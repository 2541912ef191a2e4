import threading

import pytest

from keras_fool.runs import background


def test_jobs_run_in_order_on_one_other_thread():
    writer, seen = background.BackgroundWriter(), []
    for number in range(200):
        writer.submit(lambda number: seen.append((number, threading.get_ident())), number)
    writer.wait()
    writer.finish()

    assert [number for number, _ in seen] == list(range(200))
    assert len({thread for _, thread in seen} - {threading.get_ident()}) == 1


def test_error_surfaces_and_no_later_job_runs():
    writer, seen = background.BackgroundWriter(), []

    def fail():
        raise OSError("disk full")

    def submit_many():
        for _ in range(1000):  # the queue holds fewer: a writer that failed blocks nobody
            writer.submit(seen.append, 1)

    gate = threading.Event()
    writer.submit(gate.wait, 5)
    writer.submit(fail)
    writer.submit(seen.append, 1)
    gate.set()
    with pytest.raises(OSError, match="disk full"):
        writer.wait()
    with pytest.raises(OSError, match="disk full"):
        submit_many()
    writer.finish()

    assert not seen


def test_finish_waits_for_what_was_handed_in():
    writer, seen, gate = background.BackgroundWriter(), [], threading.Event()
    writer.submit(gate.wait, 5)
    writer.submit(seen.append, 1)
    gate.set()
    writer.finish()
    writer.finish()  # and may be called again

    assert seen == [1]
