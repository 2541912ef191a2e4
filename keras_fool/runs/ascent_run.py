"""One ascent in a run folder, from wherever the folder says it is to its end.

What `ascend` does for its user, `reproduce` does for Figures S5 to S9: the same code, so
the same folders.
"""

import contextlib
import dataclasses
import math
import pathlib
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from evolvers.ascent import config as config_module
from keras_fool import errors
from keras_fool.models import classifiers
from keras_fool.runs import progress, run_records, stopping, workdir

if TYPE_CHECKING:  # TensorFlow, which `settings` and `is_complete` answer without
    from evolvers.ascent import loop
    from keras_fool.models.scoring import LocalScorer
    from keras_fool.runs import ascent_recorder

# A call takes so long, in seconds: short enough to stop soon, long enough to cost nothing.
_SHORTEST_CALL, _LONGEST_CALL = 1, 4
# What a network makes of each value that it sees, and keeps for the gradient: a generous
# guess (SqueezeNet 30, ResNet50 150).
_VALUES_PER_VALUE = 100
_BYTES_OF_BATCH = 2**31
_LARGEST_BATCH = 1024


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
        labels: What images shall be taken for.
        seeds: Of their noise; there is an image for each label and seed.
    """
    return {
        "ascent": dataclasses.asdict(config),
        "mean": list(mean),
        "targets": {"labels": list(labels), "seeds": list(seeds)},
        "scorer": classifiers.comparable(classifier.identity),
    }


def is_complete(path: pathlib.Path, settings: dict[str, object]) -> bool:
    """Whether the ascent of these settings in `path` is complete, with all of its files.

    Raises:
        ValueError: The folder holds something else, or a run of other settings, or one from
            before there were checksums that is damaged.
        OSError: A file in it cannot be read.
    """
    complete = workdir.status(path, settings) is workdir.Status.COMPLETE
    return complete and run_records.is_whole(path)


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
    image_batch: int | None = None,
    checkpoint_steps: int | None = None,
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
        image_batch: Images that go through the network together, at most; by default
            what memory takes. Results depend on it by rounding at most.
        checkpoint_steps: Steps between checkpoints; by default a minute's. No result depends
            on it.

    Returns:
        True where the run was complete before, and nothing was done.

    Raises:
        UserError: The folder holds a run of other settings or is damaged, or the model
            cannot be used, or in mid-run gave no confidences.
        StoppedError: A signal asked for it; the folder holds all steps until then.
        OSError: Something could not be written; the newest checkpoint stays.
    """
    shaped_by = settings(config, classifier, mean, labels, seeds)
    with errors.reported(ValueError):
        if is_complete(path, shaped_by):
            return True

    from evolvers.ascent import loop
    from keras_fool.models import preprocess_advice, scorer_contract, scoring
    from keras_fool.runs import ascent_folder, ascent_recorder, summaries

    with contextlib.ExitStack() as stack:
        with errors.reported(ValueError, FileNotFoundError):
            scorer = scorer or scoring.LocalScorer(classifier)
            about = {
                "classifier": classifier.name,
                "classifier_spec": classifiers.printable(classifier.spec),
                "dataset": dataset,
                "labels": scorer.labels,
                "image_shape": scorer.image_shape,
            }
            folder = ascent_folder.AscentFolder(path, shaped_by, about, note)
            stack.callback(folder.close)
            state = folder.resume()
        begun = f"nothing is saved in {path} yet; to begin again: {command}"
        is_true = stack.enter_context(stopping.saying(begun))
        ascent = loop.Ascent(
            config,
            scorer.confidences,
            scorer.image_shape,
            np.array(mean),
            [(label, seed) for seed in seeds for label in labels],
            batch=image_batch or fitting_batch(scorer),
            independent=scorer.independent,
        )
        for words in scorer.notes:
            note(words)
        images = scorer_contract.trial_images(scorer.image_shape)
        if state is None and (words := preprocess_advice.of_random_images(scorer, images)):
            note(words)
        if state is not None:
            with errors.reported(ValueError):
                ascent.restore(state)
            note(f"{path} goes on after step {ascent.step - 1}.")
            is_true(f"{path} is saved until step {ascent.step - 1}; to go on: {command}")
        events = summaries.Summaries(path, ascent.step)
        stack.callback(events.close)
        if state is None:
            events.settings(_settings_table(classifier.name, shaped_by))
        record = ascent_recorder.AscentRecorder(
            ascent, folder, events, scorer, note, checkpoint_steps=checkpoint_steps
        )
        stack.callback(record.close)
        with errors.reported(ValueError):
            _advance(ascent, record, path, command)
            is_true(f"all steps are saved in {path}; to finish: {command}")
            record.finish()
        _note_not_finite(ascent, scorer, note)
    return False


def fitting_batch(scorer: "LocalScorer") -> int:
    """How many images fit into memory with what their gradients need."""
    seen = max(math.prod(scorer.image_shape), scorer.values_seen)
    return max(1, min(_LARGEST_BATCH, _BYTES_OF_BATCH // (4 * _VALUES_PER_VALUE * seen)))


def _advance(
    ascent: "loop.Ascent",
    record: "ascent_recorder.AscentRecorder",
    path: pathlib.Path,
    command: str,
) -> None:
    images = len(ascent.targets)
    with contextlib.ExitStack() as stack:
        shown = progress.Progress(ascent.step, ascent.config.steps, "step", "image steps")
        stack.callback(shown.close)
        request = stack.enter_context(stopping.StopRequest())
        steps = 1
        while ascent.step < ascent.config.steps:
            if request.signal_number is not None:
                record.checkpoint()
                record.wait()
                raise errors.StoppedError(
                    f"stopped after {ascent.step} steps, which are saved in {path}; "
                    f"to go on: {command}",
                    request.signal_number,
                )
            begun = time.monotonic()
            trace = ascent.advance(min(steps, record.steps_to_checkpoint()))
            seconds = time.monotonic() - begun
            record.on_steps(trace)
            count = len(trace.confidence)
            last = trace.confidence[-1]
            shown.advance(float(np.median(last[np.isfinite(last)])), count * images, count)
            if seconds < _SHORTEST_CALL:
                steps *= 2
            elif seconds > _LONGEST_CALL:
                steps = max(1, steps // 2)


def _note_not_finite(
    ascent: "loop.Ascent", scorer: "LocalScorer", note: Callable[[str], None]
) -> None:
    lost = ascent.not_finite()
    if (lost >= 0).any():
        never = np.count_nonzero((lost >= 0) & (ascent.steps("last") < 0))
        left_out = f"; {never} of them had none and are left out" if never else ""
        note(
            f"{scorer.name} gave NaN or infinite confidences or gradients for "
            f"{np.count_nonzero(lost >= 0)} of {len(lost)} images: they stopped at their best "
            f"image until then{left_out}."
        )


def _settings_table(name: str, shaped_by: dict[str, object]) -> str:
    """The settings as Markdown, for TensorBoard."""
    rows = {"classifier": name, **dict(workdir.flat(shaped_by))}
    lines = [f"| {setting} | {value} |" for setting, value in rows.items()]
    return "\n".join(["| setting | value |", "|---|---|", *lines])
