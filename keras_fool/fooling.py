"""How `keras_fool.fool` makes a run: in a folder that may be temporary, until it is stopped."""

import contextlib
import dataclasses
import os
import pathlib
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from evolvers import config as evolvers_config
from evolvers.ascent import config as ascent_config
from keras_fool import arguments, errors
from keras_fool.models import data_means, label_choice
from trainers import names

if TYPE_CHECKING:
    from keras_fool.runs import jobs


class Notes:
    """What the user should know: kept, and shown on stderr.

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
            with contextlib.suppress(OSError):
                print(f"note: {names.shown(words)}", file=sys.stderr, flush=True)


@dataclasses.dataclass(frozen=True, eq=False)
class Work:
    """What is made, whatever the method.

    Attributes:
        path: The run folder.
        classifier: What is fooled.
        labels: Which of its labels, as the user says; None for all.
        score_batch: Images in one call of the model; None for what suits.
        life: What the life of a run takes besides, by name.
    """

    path: pathlib.Path
    classifier: Any
    labels: Any
    score_batch: int | None
    life: Mapping[str, Any]


def evolve(work: Work, given: Mapping[str, Any]) -> None:
    """Evolves, with the settings that `arguments.checked` gave.

    Raises:
        ValueError: They do not go together, or with the classifier.
        UserError, StoppedError, OSError: As `evolution_run.evolve` does.
    """
    from keras_fool.runs import evolution_run

    classifier = work.classifier
    names_of_config = ("encoding", "coords", "runs", "first_run", "generations", "seed")
    config = evolvers_config.Config(**{n: given[n] for n in names_of_config if n in given})
    batch = given.get("batch_size", config.batch)
    word = given.get("renderer", "auto")
    if word not in ("auto", *evolvers_config.RENDERERS):
        raise ValueError(names.unknown("renderer", word, ("auto", *evolvers_config.RENDERERS)))
    renderer = evolution_run.renderer(word, work.path, config.encoding, classifier)
    config = dataclasses.replace(config, initial=batch, batch=batch, renderer=renderer)
    niches = scorer = defence = None
    if "detector" in given:
        from keras_fool import detectors

        defence = detectors.defence(given["detector"])
    if work.labels is not None:
        if classifier.labels is None:  # only the model knows how many there are
            scorer = evolution_run.open_scorer(config, classifier, work.score_batch, defence)
        known = scorer.labels if scorer else classifier.labels
        niches = label_choice.given(work.labels, known)
        niches = None if niches == list(range(len(known))) else niches
    evolution_run.evolve(
        work.path,
        config,
        classifier,
        niches=niches,
        scorer=scorer,
        score_batch=work.score_batch,
        defence=defence,
        montage_every=given.get("montage_every", 20),
        **work.life,
    )


def ascend(work: Work, given: Mapping[str, Any]) -> None:
    """Ascends, with the settings that `arguments.checked` gave.

    Raises:
        ValueError: They do not go together, or with the classifier, or that gives no gradients.
        UserError, StoppedError, OSError: As `ascent_run.ascend` does.
    """
    classifier = work.classifier
    if not classifier.gives_gradients:
        raise ValueError(
            f"{classifier.name} {classifier.why_no_gradients} to follow; "
            "method='evolve' needs none."
        )
    preset = given.get("preset", "plain")
    if preset not in ascent_config.PRESETS:
        raise ValueError(names.unknown("preset", str(preset), list(ascent_config.PRESETS)))
    changes = {name: given[name] for name in ("steps", *arguments.PARTS_OF_PRESET) if name in given}
    config = dataclasses.replace(ascent_config.PRESETS[preset], **changes)

    from keras_fool.runs import ascent_run

    scorer = classifier.open()
    channels = scorer.image_shape[2]
    if "data_mean" in given:
        mean = data_means.given(arguments.texts(given["data_mean"]), channels)
    else:
        mean = data_means.known(classifier, channels)
    ascent_run.ascend(
        work.path,
        config,
        classifier,
        mean=mean,
        labels=label_choice.some(work.labels, scorer.labels),
        seeds=arguments.seeds(given.get("seeds", 0)),
        scorer=scorer,
        score_batch=work.score_batch,
        **work.life,
    )


def until_stopped(
    make: Callable[[], None], path: pathlib.Path, told: Notes
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
        number = error.exit_code - 128
        if number != signal.SIGINT:
            os.kill(os.getpid(), number)  # not meant for this library: as the program answers it
        if not has_state():
            raise KeyboardInterrupt from None
        told.add("stopped before its end; the result is what there was until then.")
    except errors.UserError as error:
        if isinstance(error.__cause__, jobs.JobError) and has_state():
            return error.__cause__
        raise
    except stopping.Interrupted:
        raise
    except KeyboardInterrupt:  # while something is written or read
        if not has_state():
            raise
        told.add("stopped before its end; the result is what there was until then.")
    return None


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
