import threading
import time

import numpy as np
import pytest

from keras_fool.serving.server import scheduling, status


class Model:
    """Doubles x; notes the rows of every run, and waits while it is held."""

    def __init__(self):
        self.rows = []
        self.free = threading.Event()
        self.begun = threading.Event()

    def __call__(self, inputs):
        self.rows.append(len(inputs["x"]))
        self.begun.set()
        assert self.free.wait(30)
        return {"y": 2 * inputs["x"]}


def batched(**changes) -> scheduling.BatchScheduler:
    limits = {"max_batch_size": 8, "timeout": 0.0, "max_enqueued_batches": 10, **changes}
    return scheduling.BatchScheduler(1, **limits)


def ask_all(scheduled, model, requests, *, first_runs: bool = True) -> list:
    """Asks for all at once: each answer, or the error.

    Args:
        scheduled: A batch scheduler.
        model: Held, it answers once all requests are in the queue or refused.
        requests: What to ask for.
        first_runs: Whether the first request runs before the others come.
    """
    answers = [None] * len(requests)
    decided, join = threading.Semaphore(0), scheduled._join

    def joined(*arguments):
        try:
            return join(*arguments)
        finally:
            decided.release()

    scheduled._join = joined

    def ask(number):
        try:
            answers[number] = scheduled.run("m", model, requests[number])
        except status.ServingError as error:
            answers[number] = error

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(requests))]
    for thread in threads:
        thread.start()
        if first_runs:
            assert model.begun.wait(30)
    for _ in requests:
        assert decided.acquire(timeout=30)
    model.free.set()
    for thread in threads:
        thread.join()
    return answers


def rows(number: int, start: float = 0) -> dict:
    return {"x": np.arange(start, start + number, dtype=np.float32)[:, None]}


def test_requests_that_wait_share_a_run_and_get_their_own_rows():
    model = Model()
    requests = [rows(2, 10 * number) for number in range(7)]

    answers = ask_all(batched(), model, requests)

    for request, answer in zip(requests, answers, strict=True):
        np.testing.assert_array_equal(answer["y"], 2 * request["x"])
    assert sum(model.rows) == 14
    assert max(model.rows) == 8  # four of them, while the first one ran


def ran_in(model, inputs) -> tuple[dict, list[int]]:
    """The outputs of a run without batching, and the rows of each call."""
    sizes = []

    def call(arrays):
        sizes.append(len(arrays["x"]))
        return model(arrays)

    return scheduling.Scheduler(1).run("m", call, inputs), sizes


LARGE = {"x": np.random.default_rng(1).normal(size=(5000, 784)).astype(np.float32)}


def test_a_large_request_runs_in_pieces_of_bounded_size():
    outputs, sizes = ran_in(lambda inputs: {"y": 2 * inputs["x"]}, LARGE)

    np.testing.assert_array_equal(outputs["y"], 2 * LARGE["x"])
    assert max(sizes) <= 1.5 * 1024
    assert min(sizes) >= 48
    assert sum(sizes[:-1]) == 5000


@pytest.mark.parametrize("shape", [(30, 1000, 1000), (40_000, 784), (3_000_000,), (400_000, 0)])
def test_pieces_are_never_small_and_never_large(shape):
    array = np.broadcast_to(np.uint8(0), shape)  # of any size, without any memory
    pieces = scheduling._pieces({"x": array})
    sizes = [end - begin for begin, end in pieces]
    row = max(1, int(np.prod(shape[1:])))

    assert sum(sizes) == len(array)
    assert min(sizes) >= min(48, len(array))
    assert all(begin % 24 == 0 for begin, _ in pieces)
    assert max(sizes) * row <= max(2**24, 144 * row)


@pytest.mark.parametrize(
    "model",
    [
        lambda x: x - x.mean(),
        lambda x: x / np.abs(x).sum(),
        lambda x: x + np.arange(len(x), dtype=np.float32)[:, None],
        lambda x: x[::-1],
        lambda x: np.concatenate([x, x]),
        lambda x: x.sum(),
        lambda x: np.sort(x, 0),
        lambda x: x[:100],
    ],
    ids=range(8),
)
@pytest.mark.parametrize("data", ["random", "ones"])
def test_a_model_whose_rows_depend_on_the_batch_runs_whole(model, data):
    inputs = LARGE if data == "random" else {"x": np.ones_like(LARGE["x"])}

    outputs, _ = ran_in(lambda arrays: {"y": model(arrays["x"])}, inputs)

    np.testing.assert_array_equal(outputs["y"], model(inputs["x"]))


def test_what_is_not_a_number_is_no_difference():
    holed = {"x": np.where(LARGE["x"] > 2, np.float32(np.nan), LARGE["x"])}

    _, sizes = ran_in(lambda inputs: {"y": np.sqrt(np.abs(inputs["x"]))}, holed)

    assert max(sizes) < 5000


def test_a_large_request_that_nobody_waits_for_any_more_ends():
    calls = []

    def model(inputs):
        calls.append(len(inputs["x"]))
        return {"y": inputs["x"]}

    with pytest.raises(status.ServingError) as caught:
        scheduling.Scheduler(1).run("m", model, LARGE, wanted=lambda: len(calls) < 2)

    assert caught.value.code is status.grpc.StatusCode.CANCELLED
    assert len(calls) == 2


def test_a_batch_waits_for_more_rows_until_it_is_full():
    model = Model()
    model.free.set()

    answers = ask_all(batched(timeout=20.0), model, [rows(4), rows(4)], first_runs=False)

    assert model.rows == [8]  # and long before twenty seconds
    assert all(len(answer["y"]) == 4 for answer in answers)


def test_only_like_rows_share_a_run():
    model = Model()
    others = [{"x": np.ones((2, 3), np.float32)}, {"x": np.ones((2, 1), np.float64)}]

    answers = ask_all(batched(), model, [rows(2), *others])

    assert sorted(model.rows) == [2, 2, 2]
    assert [answer["y"].dtype for answer in answers] == [np.float32, np.float32, np.float64]


def test_a_request_larger_than_a_batch_is_refused():
    with pytest.raises(status.ServingError, match="Task size 9 is larger than maximum input"):
        batched().run("m", Model(), rows(9))


def test_a_full_queue_is_unavailable():
    model = Model()
    answers = ask_all(batched(max_enqueued_batches=1), model, [rows(8)] * 5)
    refused = [answer for answer in answers if isinstance(answer, status.ServingError)]

    assert len(refused) == 3  # one ran, one waited
    assert {error.code for error in refused} == {status.grpc.StatusCode.UNAVAILABLE}


def test_inputs_must_have_equally_many_rows():
    for inputs in ({"x": np.float32(1)}, {}, {"x": np.ones(2), "y": np.ones(3)}):
        with pytest.raises(status.ServingError, match="Batching Run"):
            batched().run("m", Model(), inputs)


@pytest.mark.parametrize("answer", [np.float32(1), np.ones(3)])
def test_a_model_without_a_row_per_row_cannot_be_batched(answer):
    with pytest.raises(status.ServingError, match="0th dimension"):
        batched().run("m", lambda _: {"y": answer}, rows(2))


def test_an_error_reaches_all_who_share_the_run_and_the_next_run_works():
    model, scheduled = Model(), batched()

    def fails(inputs):
        model(inputs)
        raise status.invalid("no")

    answers = []

    def ask(call):
        try:
            answers.append(scheduled.run("m", call, rows(2)))
        except status.ServingError as error:
            answers.append(str(error))

    threads = [threading.Thread(target=ask, args=(fails,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    model.free.set()
    for thread in threads:
        thread.join()

    assert answers == ["no"] * 3
    assert len(scheduled.run("m", model, rows(2))["y"]) == 2


def test_without_batching_so_many_run_at_a_time():
    model, seen = Model(), []
    scheduled = scheduling.Scheduler(2, seen.append)
    threads = [threading.Thread(target=scheduled.run, args=("m", model, rows(3))) for _ in range(5)]
    for thread in threads:
        thread.start()
    while len(model.rows) < 2:
        time.sleep(0.01)
    time.sleep(0.1)  # a third one would run now
    assert len(model.rows) == 2
    model.free.set()
    for thread in threads:
        thread.join()

    assert seen == [3] * 5
