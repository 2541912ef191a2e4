"""One evolution in a run folder, from wherever the folder says it is to its end.

What `evolve` does for its user, `reproduce` and `retrain` do many times: the same code,
so the same folders.
"""

import contextlib
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from evolvers import compiling, generations, map_elites
from evolvers import config as evolvers_config
from keras_fool import errors
from keras_fool.models import classifiers, scorer_contract
from keras_fool.runs import (
    checkpoints,
    evolution_record,
    execute,
    jobs,
    run_folder,
    scorers,
    workdir,
)

if TYPE_CHECKING:
    from typing import Protocol

    from keras_fool.detectors import adaptive
    from keras_fool.models import scoring
    from keras_fool.serving.client import endpoint_scorer

# Images that are bred and drawn while as many are scored: enough to share out.
_GROUP_IMAGES = 2000
# Trying batch sizes takes some seconds: the time in which so many images are scored.
_IMAGES_WORTH_TUNING = 500_000
# How many random images tell whether a classifier is sure of everything.
_RANDOM_IMAGES = 64
# In a checkpoint: in which generation each niche reached each threshold, int64 [runs, niches,
# thresholds], or `NEVER`.
REACHED, NEVER = "reached", -1
_KINDS = {"cppn": "images of CPPNs", "direct": "directly encoded images"}


class EvolutionJob(jobs.Job[evolution_record.Result]):
    """An evolution; its steps are generations."""

    unit = "generation"

    def __init__(
        self,
        evolution: map_elites.Evolution,
        scorer: scorer_contract.Scorer,
        thresholds: Sequence[float] = (),
    ):
        """Prepares.

        Args:
            evolution: The runs.
            scorer: What is fooled.
            thresholds: Confidences of which `state` shall tell when each niche reached them.
        """
        self.evolution = evolution
        self.scorer = scorer
        self._thresholds = np.array(thresholds, np.float32)
        archives = evolution.archives
        shape = (len(archives), len(archives[0].labels), len(thresholds))
        self._reached = np.full(shape, NEVER, np.int64)

    @property
    def step(self) -> int:
        """How many generations are done."""
        return self.evolution.generation + 1

    @property
    def total(self) -> int:
        """How many generations there are, the first one included."""
        return self.evolution.config.generations + 1

    def begin(self, state: Mapping[str, np.ndarray] | None, note: Callable[[str], None]) -> None:
        """Compiles, tells what the user should know of the classifier, and restores."""
        with compiling.told(note):
            self.evolution.warm_up()
        for words in self.scorer.notes:
            note(words)
        if state is not None:
            self.evolution.restore(state)
            if self._thresholds.size:
                self._reached = _checked_reached(state, self._reached.shape)
        elif advice := self._advice():
            note(advice)

    def advance(self, until: int) -> jobs.Advance[evolution_record.Result]:
        """Makes the next generation."""
        del until  # one at a time
        try:
            generation = self._generation()
        except scorer_contract.ScorerError as error:
            raise jobs.JobError(str(error), may_pass=error.may_pass) from error
        except generations.NotFiniteError as error:
            raise jobs.JobError(f"{self.scorer.name} {error}") from error
        archives = self.evolution.archives
        elites = [archive.filled() for archive in archives]
        confidences = np.stack([archive.confidences for archive in archives])
        now = confidences[..., np.newaxis] >= self._thresholds
        self._reached[now & (self._reached == NEVER)] = generation.number
        return jobs.Advance(
            evolution_record.Result(generation, elites, confidences),
            generation.births,
            f"median confidence {np.median(confidences):.6f}",
        )

    def state(self) -> dict[str, np.ndarray]:
        """The archives, the random streams, and where thresholds were given `REACHED`."""
        reached = {REACHED: self._reached.copy()} if self._thresholds.size else {}
        return {**self.evolution.state(), **reached}

    def _generation(self) -> generations.Generation:
        return self.evolution.advance()

    def _advice(self) -> str | None:
        """Says where a classifier seems to be given other values than it was trained on."""
        from keras_fool.models import preprocess_advice

        scorer = self.scorer
        if not preprocess_advice.may_scale_wrongly(scorer):
            return None
        if self.evolution.config.renderer == "cpu":
            images = self.evolution.random_images(_RANDOM_IMAGES)
        else:  # nothing is drawn here
            images = scorer_contract.trial_images(scorer.image_shape)
        return preprocess_advice.of_random_images(scorer, images)


def reached(path: pathlib.Path) -> np.ndarray:
    """When the niches of a run that was evolved with thresholds reached them.

    Args:
        path: The folder of a complete run.

    Returns:
        int64 [runs, niches, thresholds]: the first generation, or `NEVER`.

    Raises:
        ValueError: Its last checkpoint does not say so.
    """
    state, damaged = checkpoints.CheckpointFolder(path / "checkpoint").newest()
    found = (state or {}).get(REACHED)
    if found is None or damaged or found.dtype != np.int64 or found.ndim != 3:
        raise ValueError(
            f"the last checkpoint in {path} does not say when thresholds were reached."
        )
    return found


def _checked_reached(state: Mapping[str, np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    found = state.get(REACHED)
    if found is None or found.dtype != np.int64 or found.shape != shape:
        raise ValueError(f"not a state of this evolution: expected {REACHED} int64 {list(shape)}.")
    if (found < NEVER).any() or (found > int(state["generation"])).any():
        raise ValueError(f"not a state of this evolution: {REACHED} holds other generations.")
    return found.copy()


if TYPE_CHECKING:

    class Elsewhere(Protocol):
        """What makes evolutions on other machines: a `cluster.connection.Cluster`."""

        def job(
            self,
            evolution: map_elites.Evolution,
            classifier: classifiers.AnyClassifier,
            scorer: scorer_contract.Scorer,
            defence: "adaptive.Defence | None" = None,
            score_batch: int | None = None,
            thresholds: Sequence[float] = (),
        ) -> EvolutionJob:
            """The evolution, made there.

            Raises:
                ValueError: That cannot be.
                OSError: A file of the classifier cannot be read.
            """


def settings(
    config: evolvers_config.Config,
    classifier: classifiers.AnyClassifier,
    niches: Sequence[int] | None = None,
    defence: "adaptive.Defence | None" = None,
) -> dict[str, object]:
    """All that shapes the result: what `workdir` compares before a run goes on.

    Args:
        config: The evolution's.
        classifier: What is fooled; its path is left out, as it may move.
        niches: As `map_elites.Evolution` takes it.
        defence: The detector that must accept an image for its confidences to count.
    """
    scorer = classifiers.comparable(classifier.identity)
    detector = {} if defence is None else {"detector": defence.settings}
    return {**config.as_json(), **_niches(niches), "scorer": scorer, **detector}


def _niches(niches: Sequence[int] | None) -> dict[str, object]:
    if niches is None:
        return {}
    if list(niches) == list(range(len(niches))):
        return {"num_niches": len(niches)}
    return {"niches": list(niches)}


def renderer(
    word: str, path: pathlib.Path, encoding: str, classifier: classifiers.AnyClassifier
) -> str:
    """What draws the CPPNs of a run, one of `evolvers.config.RENDERERS`.

    Args:
        word: One of them, which is taken, or "auto": what the run was begun with, or in a new one
            "tf" where TensorFlow finds a GPU and the classifier is in its graph.
        path: The run folder, which need not be there.
        encoding: The evolution's.
        classifier: What is fooled.

    Raises:
        ValueError: The folder's settings are damaged.
    """
    if word != "auto":
        return word
    if encoding == "direct" or not classifier.in_graph:
        return "cpu"
    if (begun := workdir.recorded_settings(path)) is not None:
        return str(begun.get("renderer", "cpu"))
    import tensorflow as tf

    return "tf" if tf.config.list_physical_devices("GPU") else "cpu"


def open_scorer(
    config: evolvers_config.Config,
    classifier: classifiers.AnyClassifier,
    score_batch: int | None = None,
    defence: "adaptive.Defence | None" = None,
) -> scorer_contract.Scorer:
    """The scorer that an evolution needs: where `config` says so, one that draws.

    Args:
        config: The evolution's settings.
        classifier: What is fooled.
        score_batch: Images in one call of the model; by default what is fastest, where so
            many images come that trying pays.
        defence: The detector that must accept an image for its confidences to count.

    Raises:
        ValueError: The model cannot be used, or not with this detector.
    """
    draws = config.renderer == "tf"
    scorer: scoring.LocalScorer
    if defence is not None:
        scorer = defence.open(classifier, score_batch, draws=draws)
    elif classifier.is_remote:
        return scorers.open_scorer(classifier, score_batch, draws=draws)
    else:
        scorer = classifier.open(score_batch, draws=draws)
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
    niches: Sequence[int] | None = None,
    scorer: scorer_contract.Scorer | None = None,
    score_batch: int | None = None,
    defence: "adaptive.Defence | None" = None,
    checkpoint_every: int | None = None,
    montage_every: int = 20,
    thresholds: Sequence[float] = (),
    quiet: bool = False,
    opening: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext,
    elsewhere: "Elsewhere | None" = None,
) -> bool:
    """Evolves in `path` until the run is complete; begins, goes on, or finds it complete.

    Args:
        path: The run folder; made if it is not there.
        config: The evolution's settings.
        classifier: What is fooled.
        command: What the user types to go on after a stop.
        note: Told, in a sentence, what the user should know.
        dataset: The data set's name, for the record.
        niches: The numbers of the labels to fool; all by default.
        scorer: What `open_scorer` gives, where the caller has it, who closes it, too; by default
            it is opened and closed here.
        score_batch: As `open_scorer` takes it.
        defence: The detector that must accept an image for its confidences to count.
        checkpoint_every: Generations between checkpoints; None for every 10 seconds, or more
            where writing takes long. No result depends on it.
        montage_every: Generations between TensorBoard's montages.
        thresholds: Confidences of which `reached` shall tell when each niche reached them.
        quiet: Whether to show no progress.
        opening: Entered while the scorer is opened here.
        elsewhere: What makes it on other machines; None for this one.

    Returns:
        True where the run was complete before, and nothing was done.

    Raises:
        UserError: The folder holds a run of other settings or is damaged, or the model
            cannot be used, or in the middle of the run gave most images no confidences: the
            folder holds all generations until then.
        StoppedError: A signal asked for it; the folder holds all generations until then.
        OSError: Something could not be written; the newest checkpoint stays.
    """
    shaped_by = settings(config, classifier, niches, defence)
    with contextlib.ExitStack() as stack:
        with errors.reported(ValueError, FileNotFoundError):
            if run_folder.is_complete(path, shaped_by):
                return True
            is_given = scorer is not None
            if scorer is None:
                with opening():
                    scorer = open_scorer(config, classifier, score_batch, defence)
            about = scorers.described(classifier, scorer, dataset)
            folder = stack.enter_context(run_folder.RunFolder(path, shaped_by, about, note))
        evolution = stack.enter_context(
            contextlib.closing(
                map_elites.Evolution(
                    config, scorer, niches, group_images=max(_GROUP_IMAGES, scorer.score_batch)
                )
            )
        )
        job = EvolutionJob(evolution, scorer, thresholds)
        if elsewhere is not None:
            with errors.reported(ValueError):
                job = elsewhere.job(evolution, classifier, scorer, defence, score_batch, thresholds)
        elif classifier.is_remote:
            from keras_fool.runs import endpoint_run
            from keras_fool.serving.client import endpoint_scorer

            assert isinstance(scorer, endpoint_scorer.EndpointScorer)  # `scorers` opened it
            stack.push(_leaving(scorer, is_given))
            job = endpoint_run.EndpointJob(evolution, scorer, path, thresholds)
        record = evolution_record.EvolutionRecord(
            folder,
            evolution,
            scorer,
            title=f"{scorer.name} fooled by {_KINDS[config.encoding]}, seed {config.seed}",
            montage_every=montage_every,
        )
        due = execute.Due(checkpoint_every)
        execute.execute(folder, job, record, due, command=command, quiet=quiet)
    return False


def _leaving(
    scorer: "endpoint_scorer.EndpointScorer", is_given: bool
) -> Callable[[type[BaseException] | None, BaseException | None, object], None]:
    """What ends the waiting for an endpoint, before the evolution's threads end, which wait for it.

    Args:
        scorer: What answers.
        is_given: Whether somebody else closes it; then only an error ends the waiting.
    """

    def leave(kind: object, *_: object) -> None:
        if not is_given:
            scorer.close()
        elif kind is not None:
            scorer.interrupt()

    return leave
