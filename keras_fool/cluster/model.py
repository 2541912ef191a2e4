"""A classifier in Ray's object store, and what its workers must answer."""

from typing import Any

import ray

from keras_fool.cluster import pool, shipping


class Model:
    """What the workers of a job are sent of its classifier: once to each machine."""

    def __init__(self, shipped: shipping.Shipped, answers: str | None):
        """Puts it into the object store.

        Args:
            shipped: The classifier.
            answers: What `shipping.answers` gives here; None where workers compute in another
                way than this process, and need agree with each other alone.
        """
        self._sha256 = shipped.sha256
        # In a list Ray passes a reference on as it is: most calls need no model.
        self._reference = [ray.put(shipped)]
        self._answers = answers
        self._first = "this machine"

    @property
    def arguments(self) -> tuple[str, list[Any]]:
        """What methods of `worker.Worker` take of it."""
        return self._sha256, self._reference

    def check(self, answered: pool.Answered) -> None:
        """Checks that a worker gives the confidences that the others give.

        Raises:
            PoolError: It gives other ones for trial images.
        """
        answers = answered.answer.answers
        if answers is None:
            return
        if self._answers is None:
            self._answers, self._first = answers, answered.place
        if answers != self._answers:
            raise pool.PoolError(
                f"the worker on {answered.place} gives other confidences for the same images than "
                f"{self._first} (SHA-256 {answers[:12]} and {self._answers[:12]}): take machines "
                "with processors or GPUs of one kind, and --gpus_per_worker for GPUs."
            )
