"""How a run is made, for `keras_fool.fool` and for the commands `evolve` and `ascend`.

`keras_fool.fool` makes it in a folder that may be temporary, until it is complete or stopped.
"""

import contextlib
import dataclasses
import os
import pathlib
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from keras_fool import arguments, errors
from keras_fool.models import data_means, label_choice
from trainers import names

if TYPE_CHECKING:
    from keras_fool.runs import evolution_run, jobs


class Notes:
    """What the user should know: kept, and shown.

    Attributes:
        notes: The sentences so far.
    """

    def __init__(self, shown: bool):
        """Begins with nothing.

        Args:
            shown: Whether to show it.
        """
        self.notes: list[str] = []
        self._shown = shown

    def add(self, words: str) -> None:
        """Adds a sentence."""
        words = arguments.without_dashes(words)
        self.notes.append(words)
        if self._shown:
            from keras_fool.runs import progress

            progress.say(f"note: {names.shown(words)}")


@dataclasses.dataclass(frozen=True, eq=False)
class Work:
    """What is made, whatever the method.

    Attributes:
        path: The run folder.
        classifier: What is fooled.
        labels: Which of its labels, as the user says; None for all.
        score_batch: Images in one call of the model; None for what suits.
        life: What the life of a run takes besides, by name.
        hidden: Entered while libraries are imported that print what no user needs.
        opening: Entered while the classifier is opened.
        elsewhere: What makes an evolution on other machines; None for this one.
    """

    path: pathlib.Path
    classifier: Any
    labels: Any
    score_batch: int | None
    life: Mapping[str, Any]
    hidden: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext
    opening: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext
    elsewhere: "evolution_run.Elsewhere | None" = None


@dataclasses.dataclass(frozen=True)
class Made:
    """What there is to say of a run that is complete.

    Attributes:
        before: Whether it was complete before, and nothing was done.
        remark: What a reader of its confidences should know, besides; or nothing.
    """

    before: bool
    remark: str = ""


def evolve(work: Work, settings: arguments.Evolution) -> Made:
    """Evolves, or goes on, until the run is complete.

    Raises:
        UsageError: There is no such label.
        UserError, StoppedError, OSError: As `evolution_run.evolve` does.
    """
    classifier, niches, scorer, defence = work.classifier, None, None, None
    with contextlib.ExitStack() as stack:
        with errors.reported(ValueError, FileNotFoundError):
            with work.hidden():
                from keras_fool.runs import evolution_run, scorers

                encoding = settings.config.encoding
                renderer = evolution_run.renderer(
                    settings.renderer, work.path, encoding, classifier
                )
                config = dataclasses.replace(settings.config, renderer=renderer)
                if settings.detector is not None:
                    from keras_fool import detectors

                    defence = detectors.defence(settings.detector)
            if work.labels is not None and classifier.labels is None:
                with work.opening():  # only the model knows how many there are
                    scorer = evolution_run.open_scorer(
                        config, classifier, work.score_batch, defence
                    )
                    stack.callback(scorers.close, scorer)
            if work.labels is not None:
                niches = _niches(work.labels, scorer.labels if scorer else classifier.labels)
        before = evolution_run.evolve(
            work.path,
            config,
            classifier,
            niches=niches,
            scorer=scorer,
            score_batch=work.score_batch,
            defence=defence,
            montage_every=settings.montage_every,
            opening=work.opening,
            elsewhere=work.elsewhere,
            **work.life,
        )
    return Made(before, "" if defence is None else defence.remark)


def _niches(wanted: Any, known: Sequence[str]) -> list[int] | None:
    """The numbers of labels; None for all of them in order."""
    with errors.reported(ValueError, as_error=errors.UsageError):
        chosen = label_choice.given(wanted, known)
    return None if chosen == list(range(len(known))) else chosen


def ascend(work: Work, settings: arguments.Ascent) -> Made:
    """Ascends, or goes on, until the run is complete.

    Args:
        work: What is made, of a classifier that gives gradients.
        settings: The ascent's.

    Raises:
        UsageError: There is no such label, or the data mean has another number of channels.
        UserError, StoppedError, OSError: As `ascent_run.ascend` does.
    """
    classifier = work.classifier
    with work.hidden():
        from keras_fool.runs import ascent_run
    with errors.reported(ValueError), work.opening():
        scorer = classifier.open()
    with errors.reported(ValueError, as_error=errors.UsageError):
        labels = label_choice.some(work.labels, scorer.labels)
        channels = scorer.image_shape[2]
        if settings.data_mean is None:
            mean = data_means.known(classifier, channels)
        else:
            mean = data_means.given(settings.data_mean, channels)
    before = ascent_run.ascend(
        work.path,
        settings.config,
        classifier,
        mean=mean,
        labels=labels,
        seeds=settings.seeds,
        scorer=scorer,
        score_batch=work.score_batch,
        **work.life,
    )
    return Made(before)


def until_stopped(
    make: Callable[[], object], path: pathlib.Path, told: Notes
) -> "jobs.JobError | None":
    """Makes a run; where Ctrl-C ends it after a step, that is noted and no error.

    Returns:
        Why it could not go on after a step, if so.

    Raises:
        KeyboardInterrupt: No step is complete, or it came twice.
    """
    from keras_fool.runs import jobs, stopping

    def has_state() -> bool:
        return any((path / "checkpoint").glob("*.npz"))

    try:
        make()
    except errors.StoppedError as error:
        pass_on(error)
        if not has_state():
            raise KeyboardInterrupt from None
    except errors.UserError as error:
        if isinstance(error.__cause__, jobs.JobError) and has_state():
            return error.__cause__
        raise
    except stopping.Interrupted:
        raise
    except KeyboardInterrupt:  # while something is written or read
        if not has_state():
            raise
    else:
        return None
    told.add("stopped before its end; the result is what there was until then.")
    return None


def pass_on(error: errors.StoppedError) -> None:
    """Sends a signal that was not Ctrl-C once more: the program answers it, not this library."""
    number = error.exit_code - 128
    if number != signal.SIGINT:
        os.kill(os.getpid(), number)


@contextlib.contextmanager
def folder(
    workdir: str | os.PathLike | None,
) -> Iterator[tuple[pathlib.Path, list[str]]]:
    """The run folder, and the temporary folder that it is in: who keeps that takes it."""
    if workdir is not None:
        yield pathlib.Path(workdir), []
        return
    held = [tempfile.mkdtemp(prefix="keras_fool-")]
    try:
        yield pathlib.Path(held[0], "run"), held
    finally:
        for path in held:
            shutil.rmtree(path, ignore_errors=True)
