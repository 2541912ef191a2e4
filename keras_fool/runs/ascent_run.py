"""One ascent in a run folder, from wherever the folder says it is to its end.

What `ascend` does for its user, `reproduce` does for Figures S5 to S9: the same code, so
the same folders.
"""

import contextlib
import dataclasses
import math
import pathlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from evolvers.ascent import config as config_module
from keras_fool import errors
from keras_fool.models import classifiers
from keras_fool.runs import execute, jobs, run_folder, scorers

if TYPE_CHECKING:  # TensorFlow, which a run that is complete does without
    from evolvers.ascent import loop
    from keras_fool.models.scoring import LocalScorer

# A call takes so long, in seconds: short enough to stop soon, long enough to cost nothing.
_SHORTEST_CALL, _LONGEST_CALL = 1, 4
# The images of a checkpoint are large: a hundred of ImageNet's size take 120 MB.
_CHECKPOINT_SECONDS = 60.0
_MOST_NAMED = 5
# What a network makes of each value that it sees, and keeps for the gradient: a generous
# guess (SqueezeNet 30, ResNet50 150).
_VALUES_PER_VALUE = 100
_BYTES_OF_BATCH = 2**31
_LARGEST_BATCH = 1024


class AscentJob(jobs.Job["loop.Trace"]):
    """An ascent: many steps in one call, so many that a call takes some seconds."""

    things = "image steps"

    def __init__(self, ascent: "loop.Ascent", scorer: "LocalScorer"):
        self._ascent = ascent
        self._scorer = scorer
        self._steps_per_call = 1
        self._note: Callable[[str], None] = lambda _: None  # until it begins
        self._stopped, self._lost = ascent.stopped(), ascent.not_finite()

    @property
    def step(self) -> int:
        """How many steps are done."""
        return self._ascent.step

    @property
    def total(self) -> int:
        """How many steps there are."""
        return self._ascent.config.steps

    def begin(self, state: Mapping[str, np.ndarray] | None, note: Callable[[str], None]) -> None:
        """Tells what the user should know of the classifier, and restores."""
        from keras_fool.models import preprocess_advice, scorer_contract

        for words in self._scorer.notes:
            note(words)
        images = scorer_contract.trial_images(self._scorer.image_shape)
        if state is not None:
            self._ascent.restore(state)
        elif advice := preprocess_advice.of_random_images(self._scorer, images):
            note(advice)
        self._note = note
        self._stopped, self._lost = self._ascent.stopped(), self._ascent.not_finite()

    def advance(self, until: int) -> "jobs.Advance[loop.Trace]":
        """Takes the next steps."""
        begun = time.monotonic()
        try:
            trace = self._ascent.advance(min(self._steps_per_call, until - self.step))
        except ValueError as error:
            raise jobs.JobError(str(error)) from error
        seconds = time.monotonic() - begun
        if seconds < _SHORTEST_CALL:
            self._steps_per_call *= 2
        elif seconds > _LONGEST_CALL:
            self._steps_per_call = max(1, self._steps_per_call // 2)
        self._say_what_stopped()
        last = trace.confidence[-1]
        return jobs.Advance(
            trace,
            trace.confidence.size,
            f"median confidence {np.median(last[np.isfinite(last)]):.6f}",
        )

    def state(self) -> dict[str, np.ndarray]:
        """The images, and what is kept of them."""
        return self._ascent.state()

    def _say_what_stopped(self) -> None:
        self._stopped = self._say(
            self._ascent.stopped(),
            self._stopped,
            "the gradient is 0 everywhere, so these images stay as they are",
        )
        self._lost = self._say(
            self._ascent.not_finite(),
            self._lost,
            "the confidences or the gradient are not finite, so these images go back to their best",
        )

    def _say(self, steps: np.ndarray, before: np.ndarray, what: str) -> np.ndarray:
        """Names the images that have a step now and had none before; returns `steps`."""
        from evolvers.ascent.step import NEVER

        new = np.flatnonzero((steps != NEVER) & (before == NEVER))
        named = [
            f"{self._scorer.labels[label]} of seed {seed} (step {steps[place]})"
            for place in new[:_MOST_NAMED]
            for label, seed in [self._ascent.targets[place]]
        ]
        if named:
            more = f" and {len(new) - _MOST_NAMED} more" if len(new) > _MOST_NAMED else ""
            self._note(f"{what}: {', '.join(named)}{more}.")
        return steps


def settings(
    config: config_module.Config,
    classifier: classifiers.Classifier | classifiers.Ensemble,
    mean: Sequence[float],
    labels: Sequence[int],
    seeds: Sequence[int],
) -> dict[str, object]:
    """All that shapes the result: what `workdir` compares before a run goes on.

    Args:
        config: The ascent's.
        classifier: What is fooled.
        mean: Of the data, a value per channel.
        labels: The labels to ascend to.
        seeds: Of their noise; there is an image for each label and seed.
    """
    return {
        "ascent": dataclasses.asdict(config),
        "mean": list(mean),
        "targets": {"labels": list(labels), "seeds": list(seeds)},
        "scorer": classifiers.comparable(classifier.identity),
    }


def ascend(
    path: pathlib.Path,
    config: config_module.Config,
    classifier: classifiers.Classifier | classifiers.Ensemble,
    *,
    mean: Sequence[float],
    labels: Sequence[int],
    seeds: Sequence[int],
    command: str,
    note: Callable[[str], None],
    dataset: str | None = None,
    scorer: "LocalScorer | None" = None,
    score_batch: int | None = None,
    checkpoint_every: int | None = None,
    quiet: bool = False,
) -> bool:
    """Ascends in `path` until the run is complete; begins, goes on, or finds it complete.

    Args:
        path: The run folder; made if it is not there.
        config: The settings.
        classifier: What is fooled.
        mean: As `settings` takes it.
        labels: Likewise.
        seeds: Likewise.
        command: What the user types to go on after a stop.
        note: Told, in a sentence, what the user should know.
        dataset: The data set's name, for the record.
        scorer: That of `classifier`, where the caller has opened it.
        score_batch: Images that go through the network together, at most; by default
            what memory takes. Results depend on it by rounding at most.
        checkpoint_every: Steps between checkpoints; by default a minute's. No result depends
            on it.
        quiet: Whether to show no progress.

    Returns:
        True where the run was complete before, and nothing was done.

    Raises:
        UserError: The folder holds a run of other settings or is damaged, or the model
            cannot be used, or stopped giving confidences during the run.
        StoppedError: A signal asked for it; the folder holds all steps until then.
        OSError: Something could not be written; the newest checkpoint stays.
    """
    shaped_by = settings(config, classifier, mean, labels, seeds)
    with contextlib.ExitStack() as stack:
        with errors.reported(ValueError, FileNotFoundError):
            if run_folder.is_complete(path, shaped_by):
                return True

            from evolvers.ascent import loop
            from keras_fool.runs import ascent_record

            scorer = scorer or classifier.open()
            if not scorer.gives_gradients:
                raise ValueError(
                    f"{scorer.name} has an operation that passes no gradient on, so there is no "
                    "gradient to ascend. Evolution needs none: python -m keras_fool.evolve, or "
                    "method='evolve' in Python."
                )
            about = scorers.described(classifier, scorer, dataset)
            folder = stack.enter_context(run_folder.RunFolder(path, shaped_by, about, note))
        ascent = loop.Ascent(
            config,
            scorer.confidences,
            scorer.image_shape,
            np.array(mean),
            [(label, seed) for seed in seeds for label in labels],
            batch=score_batch or fitting_batch(scorer),
            independent=scorer.independent,
        )
        execute.execute(
            folder,
            AscentJob(ascent, scorer),
            ascent_record.AscentRecord(folder, ascent, scorer),
            execute.Due(checkpoint_every, _CHECKPOINT_SECONDS),
            command=command,
            quiet=quiet,
        )
    return False


def fitting_batch(scorer: "LocalScorer") -> int:
    """How many images fit into memory with what their gradients need."""
    seen = max(math.prod(scorer.image_shape), scorer.values_seen)
    return max(1, min(_LARGEST_BATCH, _BYTES_OF_BATCH // (4 * _VALUES_PER_VALUE * seen)))
