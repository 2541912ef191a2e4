"""One evolution in a run folder, from wherever the folder says it is to its end.

What `evolve` does for its user, `reproduce` and `retrain` do many times: the same code,
so the same folders.
"""

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from evolvers import compiling, map_elites
from evolvers import config as evolvers_config
from keras_fool import errors
from keras_fool.models import classifiers, endpoints, scorer_contract
from keras_fool.runs import progress, run_records, scorers, stopping, workdir

if TYPE_CHECKING:  # TensorFlow, which `settings` and `is_complete` answer without
    from keras_fool.models.scoring import LocalScorer
    from keras_fool.runs import evolution_recorder
    from keras_fool.runs.endpoint_run import EndpointRun
    from keras_fool.serving.client.endpoint_scorer import EndpointScorer

# Images that are bred and drawn while as many are scored: enough to share out.
_GROUP_IMAGES = 2000
# Trying batch sizes takes some seconds: the time in which so many images are scored.
_IMAGES_WORTH_TUNING = 500_000
# How many random images tell whether a classifier is sure of everything.
_RANDOM_IMAGES = 64
_KINDS = {"cppn": "images of CPPNs", "direct": "directly encoded images"}


def settings(
    config: evolvers_config.Config,
    classifier: classifiers.AnyClassifier,
    num_niches: int | None = None,
) -> dict[str, object]:
    """All that shapes the result: what `workdir` compares before a run goes on.

    Args:
        config: The evolution's.
        classifier: What is fooled; where it lies on disk is left out, as it may move.
        num_niches: As `map_elites.Evolution` takes it.
    """
    scorer = classifiers.comparable(classifier.identity)
    niches = {} if num_niches is None else {"num_niches": num_niches}
    return {**dataclasses.asdict(config), **niches, "scorer": scorer}


def is_complete(path: pathlib.Path, settings: dict[str, object]) -> bool:
    """Whether the run of these settings in `path` is complete, with all of its files.

    Raises:
        ValueError: The folder holds something else, or a run of other settings, or one from
            before there were checksums that is damaged.
        OSError: A file in it cannot be read.
    """
    complete = workdir.status(path, settings) is workdir.Status.COMPLETE
    return complete and run_records.is_whole(path)


def open_scorer(
    config: evolvers_config.Config,
    classifier: classifiers.AnyClassifier,
    score_batch: int | None = None,
) -> "LocalScorer | EndpointScorer":
    """The scorer that an evolution needs: where `config` says so, one that draws.

    Args:
        config: The evolution's settings.
        classifier: What is fooled.
        score_batch: Images in one call of the model; by default what is fastest, where so
            many images come that trying pays.

    Raises:
        ValueError: The model cannot be used.
    """
    from keras_fool.models import drawing_scorer, scoring

    if isinstance(classifier, endpoints.Endpoint):
        if config.renderer == "tf":
            raise ValueError("renderer must be cpu: an endpoint is given images.")
        return scorers.open_scorer(classifier, score_batch)
    kinds = {"cpu": scoring.LocalScorer, "tf": drawing_scorer.DrawingScorer}
    scorer = kinds[config.renderer](classifier, score_batch=score_batch)
    births = config.runs * config.batch
    if score_batch is None and births * config.generations >= _IMAGES_WORTH_TUNING:
        scorer.tune(births)
    return scorer


def evolve(
    path: pathlib.Path,
    config: evolvers_config.Config,
    classifier: classifiers.AnyClassifier,
    *,
    command: str,
    note: Callable[[str], None],
    dataset: str | None = None,
    num_niches: int | None = None,
    scorer: "LocalScorer | EndpointScorer | None" = None,
    checkpoint_every: int | None = None,
    montage_every: int = 20,
) -> bool:
    """Evolves in `path` until the run is complete; begins, goes on, or finds it complete.

    Args:
        path: The run folder; made if it is not there.
        config: The evolution's settings.
        classifier: What is fooled.
        command: What the user types to go on after a stop.
        note: Told, in a sentence, what the user should know.
        dataset: The data set's name, for the record.
        num_niches: Labels to fool, the first ones of the classifier's; all by default.
        scorer: What `open_scorer` gives, where the caller has it; opened by default.
        checkpoint_every: As `evolution_recorder.EvolutionRecorder` takes it.
        montage_every: Likewise.

    Returns:
        True where the run was complete before, and nothing was done.

    Raises:
        UserError: The folder holds a run of other settings or is damaged, or the model
            cannot be used, or in mid-run gave most images no confidences: the folder holds
            all generations until then.
        StoppedError: A signal asked for it; the folder holds all generations until then.
        OSError: Something could not be written; the newest checkpoint stays.
    """
    shaped_by = settings(config, classifier, num_niches)
    with errors.reported(ValueError):
        if is_complete(path, shaped_by):
            return True

    from keras_fool.runs import evolution_folder, evolution_recorder, summaries

    with contextlib.ExitStack() as stack:
        with errors.reported(ValueError, FileNotFoundError):
            scorer = scorer or open_scorer(config, classifier)
            about = {
                "classifier": classifier.name,
                "classifier_spec": classifiers.printable(classifier.spec),
                "dataset": dataset,
                "labels": scorer.labels,
                "image_shape": scorer.image_shape,
            }
            folder = evolution_folder.EvolutionFolder(path, shaped_by, about, note)
            stack.callback(folder.close)
            state = folder.resume()
        begun = f"nothing is saved in {path} yet; to begin again: {command}"
        is_true = stack.enter_context(stopping.saying(begun))
        evolution = map_elites.Evolution(
            config, scorer, num_niches, group_images=max(_GROUP_IMAGES, scorer.score_batch)
        )
        stack.callback(evolution.close)
        _warm_up(evolution, note)
        for words in scorer.notes:
            note(words)
        if state is None:
            _say_if_sure_of_anything(evolution, scorer, note)
        if state is not None:
            with errors.reported(ValueError):
                evolution.restore(state)
            note(f"{path} goes on after generation {evolution.generation}.")
            is_true(f"{path} is saved until generation {evolution.generation}; to go on: {command}")
        watch = _watch(classifier, path, scorer, evolution.generation)
        stack.callback(watch.close)
        events = summaries.Summaries(path, evolution.generation + 1)
        stack.callback(events.close)
        if state is None:
            events.settings(_settings_table(config, scorer))
        record = evolution_recorder.EvolutionRecorder(
            evolution,
            folder,
            events,
            scorer.labels,
            title=f"{scorer.name} fooled by {_KINDS[config.encoding]}, seed {config.seed}",
            checkpoint_every=checkpoint_every,
            montage_every=montage_every,
        )
        stack.callback(record.close)
        _advance(evolution, record, watch, path, command)
        is_true(f"all generations are saved in {path}; to finish: {command}")
        record.finish()
        _note_not_finite(evolution, note)
    return False


def _warm_up(evolution: map_elites.Evolution, note: Callable[[str], None]) -> None:
    """Compiles, and says so where that is needed."""
    with compiling.told(note):
        evolution.warm_up()


def _say_if_sure_of_anything(
    evolution: map_elites.Evolution,
    scorer: "LocalScorer | EndpointScorer",
    note: Callable[[str], None],
) -> None:
    """Says where a classifier seems to be given other values than it was trained on."""
    from keras_fool.models import preprocess_advice

    if not preprocess_advice.may_scale_wrongly(scorer):
        return
    if evolution.config.renderer == "cpu":
        images = evolution.random_images(_RANDOM_IMAGES)
    else:  # nothing is drawn here
        images = scorer_contract.trial_images(scorer.image_shape)
    if words := preprocess_advice.of_random_images(scorer, images):
        note(words)


def _note_not_finite(evolution: map_elites.Evolution, note: Callable[[str], None]) -> None:
    if lost := evolution.not_finite.sum():
        note(
            f"{evolution.scorer.name} gave {lost} image{'s' if lost > 1 else ''} NaN or infinite "
            "confidences; they won no niche, and metrics.csv counts them (not_finite)."
        )


class _Unwatched:
    """What `EndpointRun` is for an endpoint: a classifier on this machine needs none of it."""

    def before_generation(self, births: int) -> None:
        """Lets everybody score."""

    def on_generation(self, number: int) -> None:
        """Notes nothing."""

    def interrupt(self) -> None:
        """Lets the generation come to its end."""

    def close(self) -> None:
        """Has nothing open."""


def _watch(
    classifier: classifiers.AnyClassifier,
    path: pathlib.Path,
    scorer: "LocalScorer | EndpointScorer",
    done: int,
) -> "_Unwatched | EndpointRun":
    if not isinstance(classifier, endpoints.Endpoint):
        return _Unwatched()
    from keras_fool.runs import endpoint_run

    with errors.reported(ValueError):
        return endpoint_run.EndpointRun(path, scorer, done)


def _advance(
    evolution: map_elites.Evolution,
    record: "evolution_recorder.EvolutionRecorder",
    watch: "_Unwatched | EndpointRun",
    path: pathlib.Path,
    command: str,
) -> None:
    config = evolution.config
    with contextlib.ExitStack() as stack:
        shown = progress.Progress(evolution.generation + 1, config.generations + 1)
        stack.callback(shown.close)
        request = stack.enter_context(stopping.StopRequest(watch.interrupt))
        while request.signal_number is None and evolution.generation < config.generations:
            try:
                initial = config.initial if evolution.generation < 0 else 0
                watch.before_generation(config.runs * (initial + config.batch))
                generation = evolution.advance()
            except (scorer_contract.ScorerError, map_elites.NotFiniteError) as error:
                if request.signal_number is not None:
                    break  # it was told not to wait any more
                raise errors.UserError(
                    _given_up(error, evolution, record, path, command)
                ) from error
            watch.on_generation(generation.number)
            record.on_generation(generation)
            confidences = [archive.confidences for archive in evolution.archives]
            shown.advance(float(np.median(confidences)), generation.births)
        if evolution.generation < config.generations:
            words = _saved(evolution, record, path)
            raise errors.StoppedError(f"{words}; to go on: {command}", request.signal_number)


def _given_up(
    error: scorer_contract.ScorerError | map_elites.NotFiniteError,
    evolution: map_elites.Evolution,
    record: "evolution_recorder.EvolutionRecorder",
    path: pathlib.Path,
    command: str,
) -> str:
    """What ended the run, what is saved, and how to go on where that may help."""
    if isinstance(error, map_elites.NotFiniteError):
        reason, may_pass = f"{evolution.scorer.name} {error}", False
    else:
        reason, may_pass = str(error), error.may_pass
    words = _saved(evolution, record, path)
    if may_pass:
        return f"{reason} The run {words}; to go on: {command}"
    return f"{reason} The run {words}; started again, it stops there again."


def _saved(
    evolution: map_elites.Evolution,
    record: "evolution_recorder.EvolutionRecorder",
    path: pathlib.Path,
) -> str:
    """Saves the last complete generation, and says so."""
    if evolution.generation < 0:
        return f"stopped in the first generation, with nothing to save in {path} yet"
    record.checkpoint()
    record.wait()
    return f"stopped after generation {evolution.generation}, which is saved in {path}"


def _settings_table(config: evolvers_config.Config, scorer: "LocalScorer | EndpointScorer") -> str:
    """The settings as Markdown, for TensorBoard."""
    identity = dict(workdir.flat(scorer.identity))
    rows = {"classifier": scorer.name, **identity, **dataclasses.asdict(config)}
    lines = [f"| {name} | {value} |" for name, value in rows.items()]
    return "\n".join(["| setting | value |", "|---|---|", *lines])
