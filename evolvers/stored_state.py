"""The state from which an evolution continues: arrays of its elites, and their check.

Its file may come from anyone. Compiled code uses genomes without checking array bounds, and every
comparison with a NaN is false. So the whole state is checked, once, before it is restored.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence

import numpy as np

from evolvers import activations
from evolvers.archive import Archive, Elite
from evolvers.canvas import Canvas
from evolvers.config import Config
from evolvers.cppn import CppnBatch
from evolvers.direct import DirectBatch
from evolvers.emitters import Emitter

_PREFIX = "genomes_"  # of the names of the genomes' arrays
_MAX_WEIGHT = 10
_ROUNDING = 1e-3  # how far confidences may be outside [0, 1]


def of_archives(archives: Sequence[Archive], emitter: Emitter) -> dict[str, np.ndarray]:
    """The part of a state that holds the elites of all runs, those of several niches once.

    Args:
        archives: One per run, with as many niches each.
        emitter: Whose genomes they have.
    """
    elites: list[Elite] = []
    places = []
    for archive in archives:
        known: dict[int, int] = {}
        for elite in archive.filled():
            if elite.identity not in known:
                known[elite.identity] = len(elites)
                elites.append(elite)
            places.append(known[elite.identity])
    arrays = dataclasses.asdict(emitter.stack([elite.genome for elite in elites]))
    arrays.pop("num_outputs", None)
    return {
        "niches": np.array(places).reshape(len(archives), -1),
        "identity": np.array([elite.identity for elite in elites]),
        "parent": np.array([elite.parent for elite in elites]),
        "born": np.array([elite.generation for elite in elites]),
        "confidences": np.stack([elite.confidences for elite in elites]),
        "images": np.stack([elite.image for elite in elites]),
        **{f"{_PREFIX}{name}": array for name, array in arrays.items()},
    }


def elites(state: Mapping[str, np.ndarray], config: Config, canvas: Canvas) -> list[Elite]:
    """The elites in a state that was checked; its `niches` are places among these."""
    found = genomes(state, config, canvas)
    # Copies, so that an elite that is replaced leaves its memory.
    return [
        Elite(int(identity), int(parent), int(born), found[place], values.copy(), image.copy())
        for place, (identity, parent, born, values, image) in enumerate(
            zip(
                state["identity"],
                state["parent"],
                state["born"],
                state["confidences"],
                state["images"],
                strict=True,
            )
        )
    ]


def check(
    state: Mapping[str, np.ndarray],
    config: Config,
    canvas: Canvas,
    num_niches: int,
    num_labels: int,
) -> None:
    """Checks a state that `map_elites.Evolution.state` returned.

    Args:
        state: The arrays.
        config: The evolution's settings.
        canvas: The evolution's canvas.
        num_niches: How many labels are to be fooled.
        num_labels: How many labels there are.

    Raises:
        ValueError: It is not a state of such an evolution; the message names what is wrong.
    """
    (generation,) = _array(state, "generation", "i", ()).reshape(1)
    _expect(0 <= generation <= config.generations, "generation", f"in 0..{config.generations}")
    identity = _array(state, "identity", "i", (None,))
    number = len(identity)
    niches = _array(state, "niches", "i", (config.runs, num_niches))
    _expect(((niches >= 0) & (niches < number)).all(), "niches", f"in 0..{number - 1}")
    parent, born = (_array(state, name, "i", (number,)) for name in ("parent", "born"))
    _expect((identity >= 0).all() and (parent >= -1).all(), "identity", "from 0")
    _expect(((born >= 0) & (born <= generation)).all(), "born", f"in 0..{generation}")
    confidences = _array(state, "confidences", "f4", (number, num_labels))
    # False for a NaN.
    _expect((np.abs(confidences - 0.5) <= 0.5 + _ROUNDING).all(), "confidences", "in [0, 1]")
    _array(state, "images", "u1", (number, *canvas.shape))
    if "not_finite" in state:
        counts = _array(state, "not_finite", "i", (config.runs,))
        _expect((counts >= 0).all() and counts.any(), "not_finite", "from 0")
    _check_streams(state, config.runs)
    if config.encoding == "direct":
        shape = (number, canvas.channels, canvas.height, canvas.width)
        genes = _array(state, "genomes_genes", "f4", shape)
        _expect(((genes >= 0) & (genes <= 1)).all(), "genes", "in [0, 1]")
    else:
        _check_networks(state, number, canvas.channels)


def genomes(
    state: Mapping[str, np.ndarray], config: Config, canvas: Canvas
) -> CppnBatch | DirectBatch:
    """The genomes in a state that was checked, in the order of its elites."""
    arrays = {
        name.removeprefix(_PREFIX): array
        for name, array in state.items()
        if name.startswith(_PREFIX)
    }
    if config.encoding == "cppn":
        return CppnBatch(canvas.channels, **arrays)
    return DirectBatch(**arrays)


def _check_networks(state: Mapping[str, np.ndarray], number: int, num_outputs: int) -> None:
    arrays = {}
    for offsets, names in {
        "node_offsets": {"activations": "u1"},
        "edge_offsets": {"sources": "i4", "targets": "i4", "weights": "f4"},
    }.items():
        bounds = arrays[offsets] = _array(state, f"genomes_{offsets}", "i8", (number + 1,))
        for name, kind in names.items():
            arrays[name] = _array(state, f"genomes_{name}", kind, (int(bounds[-1]),))
        minimum = num_outputs if offsets == "node_offsets" else 0
        _expect(bounds[0] == 0 and (np.diff(bounds) >= minimum).all(), offsets, "ascending")
    known = len(activations.NAMES)
    _expect((arrays["activations"] < known).all(), "activations", f"in 0..{known - 1}")
    _expect((np.abs(arrays["weights"]) <= _MAX_WEIGHT).all(), "weights", "in [-10, 10]")
    batch = CppnBatch(num_outputs, **arrays)
    for place in range(number):
        batch[place].check_network()


def _check_streams(state: Mapping[str, np.ndarray], runs: int) -> None:
    text = str(_array(state, "streams", "U", ()))
    try:
        values = json.loads(text)
        _expect(isinstance(values, list) and len(values) == runs, "streams", f"of {runs} runs")
        for value in values:
            np.random.PCG64(0).state = value
    except (KeyError, TypeError, OverflowError, RecursionError, json.JSONDecodeError) as error:
        raise ValueError(f"not a state of an evolution: streams: {error!r}.") from error


def _array(
    state: Mapping[str, np.ndarray], name: str, kind: str, shape: tuple[int | None, ...]
) -> np.ndarray:
    """One of the arrays, of a dtype `kind`; None in `shape` stands for any length."""
    array = state.get(name)
    if array is None:
        raise ValueError(f"not a state of an evolution: there is no array {name}.")
    fits = array.dtype.kind == kind if len(kind) == 1 else array.dtype == np.dtype(kind)
    same = len(array.shape) == len(shape) and all(
        expected in (None, given) for expected, given in zip(shape, array.shape, strict=True)
    )
    if not fits or not same:
        raise ValueError(
            f"not a state of this evolution: {name} is {array.dtype} {array.shape}, expected "
            f"{kind} {shape}."
        )
    return array


def _expect(holds: object, name: str, what: str) -> None:
    if not holds:
        raise ValueError(f"not a state of this evolution: expected {name} {what}.")
