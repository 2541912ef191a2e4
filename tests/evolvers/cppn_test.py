import json
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolvers.cppn import Cppn, CppnBatch, offsets
from tests.evolvers import samples

PARALLEL = samples.network(
    "linear sine gaussian",
    [(0, 5, 1.0), (5, 6, 2.0), (5, 6, 2.0), (5, 6, -3.0), (6, 4, 4.0), (3, 4, 0.1)],
)


def genomes(channels: int) -> list[Cppn]:
    batches = [samples.drift(channels, steps) for steps in (0, 1, 5, 20, 60)]
    return [batch[place] for batch in batches for place in range(len(batch))]


def has_parallels(genome: Cppn) -> bool:
    ends = list(zip(genome.sources.tolist(), genome.targets.tolist(), strict=True))
    return len(set(ends)) < len(ends)


class TestNeat:
    @pytest.mark.parametrize("channels", [1, 3])
    def test_round_trip_is_lossless(self, channels):
        batch = genomes(channels)
        assert any(has_parallels(genome) for genome in batch)
        for genome in batch:
            assert Cppn.from_neat(genome.to_neat(), channels) == genome

    def test_the_other_round_trip_is_lossless_too(self):
        genes = PARALLEL.to_neat(key=5)
        again = Cppn.from_neat(genes, 1).to_neat(key=5)
        assert str(again) == str(genes)
        assert list(again.strands()) == list(genes.strands())

    def test_inputs_outputs_and_hidden_nodes_have_neat_pythons_keys(self):
        genes = samples.network("linear sine", [(0, 5, 1.0), (3, 4, 2.0), (5, 4, 3.0)]).to_neat()
        assert list(genes.strands()) == [((-1, 1), 1.0), ((-4, 0), 2.0), ((1, 0), 3.0)]
        assert [gene.activation for gene in genes.nodes.values()] == ["linear", "sine"]

    def test_gaps_in_the_keys_close(self):
        genes = PARALLEL.to_neat()
        genes._delete_node(1)
        assert Cppn.from_neat(genes, 1) == samples.network(
            "linear gaussian", [(5, 4, 4.0), (3, 4, 0.1)]
        )


class TestJson:
    @pytest.mark.parametrize("channels", [1, 3])
    def test_round_trip_is_lossless(self, channels):
        for genome in genomes(channels):
            text = json.dumps(genome.to_json())
            assert Cppn.from_json(json.loads(text), channels) == genome

    @given(st.lists(st.floats(-10, 10, width=32), min_size=1))
    def test_every_weight_survives(self, weights):
        genome = samples.network("linear", [(0, 4, weight) for weight in weights])
        again = Cppn.from_json(json.loads(json.dumps(genome.to_json())), 1)
        assert again.weights.tobytes() == genome.weights.tobytes()

    def test_is_short_and_readable(self):
        assert PARALLEL.to_json() == {
            "nodes": ["linear", "sine", "gaussian"],
            "connections": [
                [0, 5, 1.0],
                [5, 6, 2.0],
                [5, 6, 2.0],
                [5, 6, -3.0],
                [6, 4, 4.0],
                [3, 4, 0.1],
            ],
        }

    def test_a_network_without_connections(self):
        genome = samples.network("sine", [])
        assert Cppn.from_json(genome.to_json(), 1) == genome

    @pytest.mark.parametrize("value", [None, 3, "text", [], {}, {"nodes": []}])
    def test_refuses_what_is_no_genome(self, value):
        with pytest.raises(ValueError, match=r"no CPPN genome: \w+Error: "):
            Cppn.from_json(value, 1)

    @pytest.mark.parametrize(
        ("nodes", "message"),
        [
            ([], "at least 1 nodes, got 0"),
            (["relu"], "among sine, sigmoid, gaussian, linear, got 'relu'"),
            (["sine", 3], "got 3"),
            (["sine", []], r"got \[\]"),
            ("sine", "got 's'"),
            (None, "no CPPN genome"),
        ],
    )
    def test_refuses_wrong_nodes(self, nodes, message):
        with pytest.raises(ValueError, match=message):
            Cppn.from_json({"nodes": nodes, "connections": []}, 1)

    @pytest.mark.parametrize(
        "weight",
        [float("nan"), float("inf"), -float("inf"), 10.01, -1e300, 10**400, "1", None, [1], {}],
    )
    @pytest.mark.filterwarnings("error")
    def test_refuses_wrong_weights(self, weight):
        value = {"nodes": ["sine"], "connections": [[0, 4, weight]]}
        with pytest.raises(ValueError, match=r"weights in \[-10, 10\]|TypeError"):
            Cppn.from_json(value, 1)

    @pytest.mark.parametrize(
        "edge",
        [
            pytest.param((-1, 4, 1.0), id="before the inputs"),
            pytest.param((6, 4, 1.0), id="after the last node"),
            pytest.param((0, 3, 1.0), id="into an input"),
            pytest.param((0, 6, 1.0), id="after the last node"),
            pytest.param((4, 5, 1.0), id="out of an output"),
            pytest.param((5, 5, 1.0), id="a node feeds itself"),
            pytest.param((0.5, 4, 1.0), id="between nodes"),
            pytest.param(("0", 4, 1.0), id="text"),
            pytest.param((None, 4, 1.0), id="nothing"),
            pytest.param((2**40, 4, 1.0), id="beyond int32"),
            pytest.param((0, 4), id="no weight"),
            pytest.param((0, 4, 1.0, 1.0), id="too many"),
            pytest.param("abcd", id="text"),
            pytest.param(3, id="a number"),
        ],
    )
    def test_refuses_wrong_connections(self, edge):
        value = {"nodes": ["sine", "sine"], "connections": [edge]}
        with pytest.raises(ValueError, match=r"^(no CPPN genome:|expected) .*\.$"):
            Cppn.from_json(value, 1)

    @pytest.mark.parametrize("length", [2, 3, 50])
    def test_refuses_cycles(self, length):
        cycle = [[5 + i, 5 + (i + 1) % length, 1.0] for i in range(length)]
        value = {"nodes": ["sine"] * (length + 1), "connections": [[0, 4, 1.0], *cycle]}
        with pytest.raises(ValueError, match="without cycles"):
            Cppn.from_json(value, 1)
        del value["connections"][-1]
        assert Cppn.from_json(value, 1).num_connections == length

    def test_a_long_chain_takes_no_long_time(self):
        # A check that takes one layer off after another is quadratic: half a minute.
        chain = [[5 + i, 6 + i, 1.0] for i in range(20_000)]
        start = time.process_time()
        Cppn.from_json({"nodes": ["sine"] * 20_002, "connections": chain}, 1)
        assert time.process_time() - start < 5


class TestBatch:
    @pytest.mark.parametrize("channels", [1, 3])
    def test_gives_back_what_was_stacked(self, channels):
        stacked = genomes(channels)
        batch = CppnBatch.stack(stacked)
        assert len(batch) == len(stacked)
        assert [batch[place] for place in range(len(batch))] == stacked
        assert batch[0].num_outputs == channels

    def test_one_without_connections(self):
        bare = samples.network("sine", [])
        batch = CppnBatch.stack([bare, PARALLEL, bare])
        assert [batch[place] for place in range(3)] == [bare, PARALLEL, bare]

    def test_genomes_have_arrays_of_their_own(self):
        batch = CppnBatch.stack([PARALLEL, PARALLEL])
        genome = batch[1]
        for array in batch.arrays[1:]:
            array[:] = 0
        assert genome == PARALLEL

    def test_dtypes(self):
        dtypes = [array.dtype for array in CppnBatch.stack([PARALLEL]).arrays]
        assert dtypes == [np.int64, np.uint8, np.int64, np.int32, np.int32, np.float32]


def test_equality_is_of_every_array():
    assert CppnBatch.stack([PARALLEL])[0] == PARALLEL
    assert str(PARALLEL) != PARALLEL
    for edges in ([(0, 4, 1.0)], [(0, 4, 2.0), (1, 4, 1.0)], []):
        assert samples.network("sine", edges) != samples.network("sine", [(0, 4, 2.0)])
    assert samples.network("sine", []) != samples.network("linear", [])


def test_offsets():
    np.testing.assert_array_equal(offsets([2, 0, 3]), [0, 2, 2, 5])
    np.testing.assert_array_equal(offsets([]), [0])
