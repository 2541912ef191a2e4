import collections
import io
import threading

import numpy as np
import pytest

from evolvers import neat_breeding, render
from evolvers.config import Config
from evolvers.emitters import CppnEmitter
from evolvers.generations import NotFiniteError
from evolvers.map_elites import Evolution
from evolvers.render.cpu import CpuRenderer
from tests.evolvers.scorers import LinearScorer, MoodyScorer

ENCODINGS = pytest.mark.parametrize("encoding", ["cppn", "direct"])


@pytest.fixture
def evolve():
    """Makes evolutions, small if nothing else is said, and closes them after the test."""
    made = []

    def make(scorer=None, niches=None, emitter=None, *, options=None, **settings):
        config = Config(**{"initial": 20, "batch": 15, "generations": 8} | settings)
        made.append(Evolution(config, scorer or LinearScorer(), niches, emitter, **(options or {})))
        return made[-1]

    yield make
    for evolution in made:
        evolution.close()


THOROUGH = {"skip_duplicates": False}


def finish(evolution: Evolution) -> Evolution:
    while evolution.generation < evolution.config.generations:
        evolution.advance()
    return evolution


def described(evolution: Evolution, run: int = 0) -> list[tuple]:
    """All there is to know of a run's elites, to the bit."""
    return [
        (
            elite.identity,
            elite.parent,
            elite.generation,
            str(elite.genome.to_json()),
            elite.confidences.tobytes(),
            elite.image.tobytes(),
        )
        for elite in evolution.archives[run].elites
    ]


def saved(evolution: Evolution) -> dict[str, np.ndarray]:
    """The state after a detour through a file that may hold no objects."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **evolution.state())
    file.seek(0)
    return dict(np.load(file, allow_pickle=False))


def assert_same_state(state: dict, other: dict) -> None:
    assert state.keys() == other.keys()
    for name, array in state.items():
        assert array.dtype == other[name].dtype, name
        np.testing.assert_array_equal(array, other[name], err_msg=name)


class TestRuns:
    @ENCODINGS
    def test_a_run_among_others_is_the_run_alone(self, evolve, encoding):
        together = finish(evolve(encoding=encoding, runs=8))
        alone = finish(evolve(encoding=encoding, first_run=3))
        assert described(together, run=3) == described(alone)
        assert described(together, run=3) != described(together, run=4)

    @ENCODINGS
    @pytest.mark.parametrize("group", [1, 30, 10**6])
    def test_grouping_changes_nothing(self, evolve, encoding, group):
        usual = finish(evolve(encoding=encoding, runs=5))
        other = evolve(encoding=encoding, runs=5, options={"group_images": group})
        assert [other.advance().takeovers.shape for _ in range(9)] == [(5,)] * 9
        for run in range(5):
            assert described(other, run) == described(usual, run)

    @ENCODINGS
    @pytest.mark.parametrize("part", [1, 7, 10**6])
    @pytest.mark.parametrize("runs", [1, 3])
    def test_drawing_part_by_part_changes_nothing(self, evolve, encoding, part, runs):
        usual, other = (evolve(encoding=encoding, runs=runs) for _ in range(2))
        other.scorer.part_images = part
        for _ in range(9):
            generations = usual.advance(), other.advance()
            for name in ("takeovers", "unchanged", "duplicates", "median", "births"):
                np.testing.assert_array_equal(*(getattr(made, name) for made in generations))
            accepted = [
                [(run, elite.identity, labels.tolist()) for run, elite, labels in made.accepted]
                for made in generations
            ]
            assert accepted[0] == accepted[1]
        for run in range(runs):
            assert described(other, run) == described(usual, run)

    @ENCODINGS
    def test_warming_up_touches_no_run(self, evolve, encoding):
        cold, warm = evolve(encoding=encoding), evolve(encoding=encoding)
        warm.warm_up()
        assert warm.generation == -1
        assert described(finish(warm)) == described(finish(cold))

    @ENCODINGS
    def test_the_seed_decides(self, evolve, encoding):
        first, again, other = (
            finish(evolve(encoding=encoding, seed=seed, generations=2)) for seed in (1, 1, 2)
        )
        assert described(first) == described(again)
        assert described(first) != described(other)

    @ENCODINGS
    def test_a_shorter_run_is_the_beginning_of_a_longer_one(self, evolve, encoding):
        short, long = (evolve(encoding=encoding, generations=n) for n in (3, 8))
        for _ in range(4):
            short.advance()
            long.advance()
        assert described(short) == described(long)


class TestResults:
    @ENCODINGS
    @pytest.mark.parametrize("channels", [1, 3])
    def test_twenty_generations_improve(self, evolve, encoding, channels):
        scorer = LinearScorer((12, 10, channels))
        evolution = evolve(scorer, encoding=encoding, runs=3, initial=60, batch=60)
        generations = [evolution.advance() for _ in range(21)]
        medians = np.array([generation.median for generation in generations])
        assert (np.diff(medians, axis=0) >= 0).all()
        assert (medians[-1] > medians[0] + 0.1).all()
        assert (generations[-1].minimum > generations[0].minimum).all()

    @ENCODINGS
    @pytest.mark.parametrize("channels", [1, 3])
    def test_elites_are_what_they_claim(self, evolve, encoding, channels):
        scorer = LinearScorer((12, 10, channels))
        evolution = finish(evolve(scorer, encoding=encoding, runs=2))
        for archive in evolution.archives:
            for niche, elite in enumerate(archive.elites):
                image = render.draw(elite.genome, evolution.canvas)
                np.testing.assert_array_equal(elite.image, image)
                confidences = scorer.score(image[np.newaxis])[0]
                np.testing.assert_array_equal(elite.confidences, confidences)
                assert archive.confidences[niche] == confidences[niche]

    def test_coordinates_shape_the_images(self, evolve):
        raw, normalized = (finish(evolve(coords=coords)) for coords in ("raw", "normalized"))
        assert normalized.canvas.coords == "normalized"
        assert described(raw) != described(normalized)

    def test_no_champion_is_better_than_the_best_ever_scored(self, evolve):
        class Remembering(LinearScorer):
            best = np.zeros(6, np.float32)

            def score(self, images):
                confidences = super().score(images)
                self.best = np.maximum(self.best, confidences.max(axis=0))
                return confidences

        scorer = Remembering()
        evolution = finish(evolve(scorer))
        np.testing.assert_array_equal(evolution.archives[0].confidences, scorer.best)


class TestSavedWork:
    """Leaving out work changes no result."""

    @ENCODINGS
    def test_duplicates(self, evolve, encoding):
        usual = finish(evolve(encoding=encoding, runs=3))
        scorer = LinearScorer()
        thorough = finish(evolve(scorer, encoding=encoding, runs=3, options=THOROUGH))
        for run in range(3):
            assert described(thorough, run) == described(usual, run)

    @pytest.mark.parametrize("channels", [1, 3])
    def test_unchanged_children(self, evolve, channels):
        usual_scorer, scorer = LinearScorer((12, 10, channels)), LinearScorer((12, 10, channels))
        usual = evolve(usual_scorer, runs=3)
        renderer = CpuRenderer()
        emitter = CppnEmitter(usual.canvas, renderer, skip_unchanged=False)
        thorough = finish(evolve(scorer, emitter=emitter, runs=3, options=THOROUGH))
        renderer.close()
        finish(usual)
        for run in range(3):
            assert described(thorough, run) == described(usual, run)
        assert scorer.scored == 3 * (20 + 9 * 15)
        assert usual_scorer.scored < 0.95 * scorer.scored

    def test_compiled_breeding(self, evolve):
        usual = finish(evolve(runs=2))
        renderer = CpuRenderer()
        emitter = CppnEmitter(usual.canvas, renderer, operators=neat_breeding)
        readable = finish(evolve(emitter=emitter, runs=2))
        renderer.close()
        for run in range(2):
            assert described(readable, run) == described(usual, run)

    def test_generations_in_which_nothing_is_new(self, evolve):
        # A single child is its parent's like every few generations: then nothing is scored.
        scorer = LinearScorer()
        evolution = evolve(scorer, initial=1, batch=1)
        saved_work = []
        for _ in range(60):
            before = scorer.scored
            generation = evolution.advance()
            saved_work.append(int(generation.unchanged[0] + generation.duplicates[0]))
            assert scorer.scored - before == generation.births - saved_work[-1]
        assert 0 < saved_work.count(1) < 60


class TestGeneration:
    @ENCODINGS
    def test_counts(self, evolve, encoding):
        scorer = LinearScorer()
        evolution = evolve(scorer, encoding=encoding, runs=3)
        births = work = 0
        for number in range(9):
            before = scorer.scored
            generation = evolution.advance()
            assert generation.number == evolution.generation == number
            assert generation.births == 3 * (35 if number == 0 else 15)
            skipped = generation.unchanged + generation.duplicates
            assert skipped.shape == (3,)
            assert scorer.scored - before + skipped.sum() == generation.births
            births += generation.births
            work += scorer.scored - before
        # To the end of generation G a run has initial + (G + 1) * batch births.
        assert births == 3 * (20 + 9 * 15)
        assert work == scorer.scored

    @ENCODINGS
    def test_summaries_are_of_the_archives(self, evolve, encoding):
        evolution = evolve(encoding=encoding, runs=3)
        for _ in range(5):
            generation = evolution.advance()
            for run, archive in enumerate(evolution.archives):
                confidences = [e.confidences[niche] for niche, e in enumerate(archive.elites)]
                middle = sorted(float(value) for value in confidences)[2:4]
                assert generation.median[run] == pytest.approx(sum(middle) / 2, rel=1e-12)
                assert generation.mean[run] == pytest.approx(np.mean(confidences), rel=1e-6)
                assert generation.minimum[run] == min(confidences)
                assert generation.maximum[run] == max(confidences)

    @ENCODINGS
    def test_accepted_elites_replayed_give_the_archives(self, evolve, encoding):
        evolution = evolve(encoding=encoding, runs=3)
        replayed = [[None] * 6 for _ in range(3)]
        for _ in range(9):
            generation = evolution.advance()
            takeovers = [0, 0, 0]
            for run, elite, niches in generation.accepted:
                assert elite.generation == generation.number
                takeovers[run] += len(niches)
                for niche in niches:
                    replayed[run][niche] = elite
            assert generation.takeovers.tolist() == takeovers
            assert [archive.elites for archive in evolution.archives] == replayed

    @ENCODINGS
    def test_lineages_are_closed(self, evolve, encoding):
        evolution = evolve(encoding=encoding, runs=3)
        known = [{} for _ in range(3)]
        for _ in range(9):
            born = collections.defaultdict(list)
            for run, elite, _ in evolution.advance().accepted:
                born[run].append(elite.identity)
                first = 0 if elite.identity < 20 else 20 + 15 * elite.generation
                assert first <= elite.identity < (20 if first == 0 else first + 15)
                if elite.identity < 20:
                    assert (elite.parent, elite.generation) == (-1, 0)
                else:
                    assert known[run][elite.parent] <= elite.generation
                known[run][elite.identity] = elite.generation
            for identities in born.values():
                assert identities == sorted(set(identities))


class TestState:
    @ENCODINGS
    @pytest.mark.parametrize("channels", [1, 3])
    def test_any_generation_can_be_continued_to_the_bit(self, evolve, encoding, channels):
        settings = {"encoding": encoding, "runs": 3, "first_run": 2}
        scorer = LinearScorer((12, 10, channels))
        evolution = evolve(scorer, **settings)
        states, generations = [], []
        for _ in range(9):
            generations.append(evolution.advance())
            states.append(saved(evolution))
        for number in range(8):
            other = evolve(scorer, **settings)
            other.restore(states[number])
            assert other.generation == number
            assert_same_state(saved(other), states[number])
            generation = other.advance()
            assert_same_state(saved(other), states[number + 1])
            expected = generations[number + 1]
            for name in ("takeovers", "unchanged", "duplicates", "median", "mean"):
                np.testing.assert_array_equal(getattr(generation, name), getattr(expected, name))
            assert [
                (run, elite.identity, elite.parent, niches.tolist())
                for run, elite, niches in generation.accepted
            ] == [
                (run, elite.identity, elite.parent, niches.tolist())
                for run, elite, niches in expected.accepted
            ]

    def test_continued_to_the_end(self, evolve):
        whole = finish(evolve(runs=2))
        evolution = evolve(runs=2)
        for _ in range(4):
            evolution.advance()
        other = evolve(runs=2)
        other.restore(saved(evolution))
        finish(other)
        for run in range(2):
            assert described(other, run) == described(whole, run)
        for archive, expected in zip(other.archives, whole.archives, strict=True):
            assert archive.confidences.dtype == np.float32
            np.testing.assert_array_equal(archive.confidences, expected.confidences)

    @ENCODINGS
    def test_a_champion_of_many_niches_is_stored_once(self, evolve, encoding):
        evolution = evolve(encoding=encoding, initial=2, batch=1, generations=0)
        finish(evolution)
        different = {elite.identity for elite in evolution.archives[0].elites}
        assert len(different) < 6
        state = saved(evolution)
        assert sorted(state["identity"]) == sorted(different)
        other = evolve(encoding=encoding, initial=2, batch=1)
        other.restore(state)
        assert described(other) == described(evolution)
        assert len({id(elite) for elite in other.archives[0].elites}) == len(different)

    def test_a_state_is_not_changed_by_what_follows(self, evolve):
        evolution = evolve(runs=2)
        evolution.advance()
        state = evolution.state()
        before = {name: array.tobytes() for name, array in state.items()}
        other = evolve(runs=2)
        other.restore(state)
        finish(evolution)
        finish(other)
        assert {name: array.tobytes() for name, array in state.items()} == before


class TestNiches:
    @pytest.mark.parametrize("niches", [range(4), [5, 0, 3, 2]])
    def test_some_labels_are_the_niches(self, evolve, niches):
        evolution = finish(evolve(niches=niches, runs=2))
        for archive in evolution.archives:
            assert len(archive.elites) == len(archive.confidences) == 4
            assert all(len(elite.confidences) == 6 for elite in archive.elites)
            own = [
                elite.confidences[label]
                for elite, label in zip(archive.elites, niches, strict=True)
            ]
            np.testing.assert_array_equal(archive.confidences, own)

    def test_some_labels_go_on_from_a_state(self, evolve):
        begun, whole = (evolve(niches=[4, 1]) for _ in range(2))
        for _ in range(3):
            begun.advance()
        other = evolve(niches=[4, 1])
        other.restore(begun.state())
        one, same = (finish(evolution).state() for evolution in (other, whole))
        assert one.keys() == same.keys()
        assert all(one[name].tobytes() == same[name].tobytes() for name in one)

    def test_all_labels_by_default(self, evolve):
        assert len(evolve().archives[0].elites) == 6

    @pytest.mark.parametrize("niches", [[], [-1], [6], [2, 2], range(7)])
    def test_must_be_labels(self, evolve, niches):
        with pytest.raises(ValueError, match=r"different labels in 0\.\.5, got \["):
            evolve(niches=niches)


class TestScorer:
    def test_what_it_raises_passes_on(self, evolve):
        class Failing(LinearScorer):
            def score(self, images):
                if self.scored > 100:
                    raise ConnectionError("the endpoint is gone")
                return super().score(images)

        evolution = evolve(Failing(), runs=3)
        with pytest.raises(ConnectionError, match="the endpoint is gone"):
            finish(evolution)

    @ENCODINGS
    @pytest.mark.parametrize("part", [0, 10])
    def test_a_generation_in_which_it_raises_has_not_been(self, evolve, encoding, part):
        class Failing(LinearScorer):
            calls = 0

            def score(self, images):
                self.calls += 1
                if self.calls in (1, 3, 8, 9, 14):  # first, middle and last group of some
                    raise ConnectionError("the endpoint is gone")
                return super().score(images)

        settings = {"encoding": encoding, "runs": 3, "generations": 4}
        options = {"group_images": 1}
        Failing.part_images = part
        undisturbed = evolve(LinearScorer(), options=options, **settings)
        evolution = evolve(Failing(), options=options, **settings)
        failures = 0
        while evolution.generation < 4:
            state = evolution.state() if evolution.generation >= 0 else None
            try:
                evolution.advance()
            except ConnectionError:
                failures += 1
                if state is not None:
                    assert_same_state(evolution.state(), state)

        # The ninth call may be under way when the eighth fails; of parts any next one may be.
        assert failures in ((4, 5) if part == 0 else (3, 4, 5))
        assert_same_state(evolution.state(), finish(undisturbed).state())

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_images_that_are_not_finite_win_nothing_and_are_counted(self, evolve, value):
        # An image of confidences below all others wins nothing either.
        expected = finish(evolve(MoodyScorer(value=-1), runs=3))
        moody = evolve(MoodyScorer(value=value), runs=3)

        counts = []
        while moody.generation < moody.config.generations:
            counts.append(moody.advance().not_finite)

        assert moody.scorer.lost > 10
        assert np.sum(counts) == moody.scorer.lost
        np.testing.assert_array_equal(moody.not_finite, np.sum(counts, axis=0))
        assert (moody.not_finite > 0).all()
        for run in range(3):
            assert described(moody, run) == described(expected, run)

    def test_their_number_is_that_of_the_run_alone_and_is_restored(self, evolve):
        together = finish(evolve(MoodyScorer(), runs=4, options={"group_images": 1}))
        alone = finish(evolve(MoodyScorer(), first_run=2, generations=4))
        on = evolve(MoodyScorer(), first_run=2)
        on.restore(saved(alone))
        finish(on)

        assert 0 < alone.not_finite[0] < on.not_finite[0] == together.not_finite[2]

    def test_the_state_of_a_healthy_run_does_not_speak_of_them(self, evolve):
        evolution = evolve()
        evolution.advance()
        assert "not_finite" not in evolution.state()
        assert evolution.not_finite.tolist() == [0]

    @pytest.mark.parametrize("settings", [{}, {"initial": 1, "first_run": 7}])
    def test_a_scorer_that_is_never_finite_is_refused(self, evolve, settings):
        evolution = evolve(MoodyScorer(one_in=1), **settings)
        with pytest.raises(NotFiniteError, match=f"run {settings.get('first_run', 0)}"):
            evolution.advance()
        assert evolution.generation == -1

    def test_one_that_is_not_finite_for_most_of_a_generation_is_refused(self, evolve):
        class Diverging(LinearScorer):
            diverges = False

            def score(self, images):
                rows = super().score(images)
                if self.diverges:
                    rows[: len(rows) // 2 + 1] = np.nan
                return rows

        evolution = evolve(Diverging(), runs=2, encoding="direct")
        evolution.advance()
        before = saved(evolution)
        evolution.scorer.diverges = True

        with pytest.raises(NotFiniteError, match=r"\d+ of the \d+ images of generation 1"):
            evolution.advance()

        assert_same_state(saved(evolution), before)
        few = evolve(Diverging(), batch=3, initial=20, encoding="direct")
        few.advance()
        few.scorer.diverges = True
        assert few.advance().not_finite.tolist() == [2]  # of three: nothing can be said


def test_closing_ends_the_threads(evolve):
    before = threading.active_count()
    evolution = evolve(runs=4)
    evolution.advance()
    assert threading.active_count() > before
    evolution.close()
    assert threading.active_count() == before
