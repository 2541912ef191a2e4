import numpy as np
import pytest

from keras_fool.runs import checkpoints


def state(number: int) -> dict[str, np.ndarray]:
    return {
        "generation": np.array(number),
        "images": np.random.default_rng(number).integers(0, 256, (5, 4, 4, 1), np.uint8),
        "streams": np.array('{"state": 1}'),
    }


def save(folder, *numbers: int) -> list[str]:
    """Saves some checkpoints; returns the names of what is there then, oldest first."""
    checkpoint = checkpoints.CheckpointFolder(folder)
    for number in numbers:
        checkpoint.save(state(number))
    return sorted(path.name for path in folder.iterdir())


def damage(path, how: str) -> None:
    content = path.read_bytes()
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1
    changed = {"cut": content[:-7], "flipped": bytes(flipped), "empty": b""}
    path.write_bytes(changed[how])


def test_newest_comes_back_as_it_was(tmp_path):
    save(tmp_path / "checkpoint", 3, 20, 100)

    arrays, damaged = checkpoints.CheckpointFolder(tmp_path / "checkpoint").newest()

    assert damaged == []
    assert arrays.keys() == state(100).keys()
    for name, array in state(100).items():
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].dtype == array.dtype


def test_two_newest_are_kept(tmp_path):
    names = save(tmp_path / "checkpoint", 3, 20, 100)

    assert [name.partition("-")[0] for name in names] == [
        "generation_00000020",
        "generation_00000100",
    ]


def test_same_state_gives_the_same_file(tmp_path):
    first, second = save(tmp_path / "a", 5), save(tmp_path / "b", 5)

    assert first == second
    assert (tmp_path / "a" / first[0]).read_bytes() == (tmp_path / "b" / first[0]).read_bytes()


@pytest.mark.parametrize("how", ["cut", "flipped", "empty"])
def test_damaged_newest_falls_back_to_the_previous(tmp_path, how):
    folder = tmp_path / "checkpoint"
    _, newest = save(folder, 3, 20)
    damage(folder / newest, how)
    checkpoint = checkpoints.CheckpointFolder(folder)

    arrays, damaged = checkpoint.newest()

    assert int(arrays["generation"]) == 3
    assert damaged == [folder / newest]

    # What is damaged never counts as one of the two that are kept.
    checkpoint.save(state(25))
    kept = sorted(path.name.partition("-")[0] for path in folder.iterdir())
    assert kept == ["generation_00000003", "generation_00000025"]


def test_none_whole_is_refused(tmp_path):
    folder = tmp_path / "checkpoint"
    for name in save(folder, 3, 20):
        damage(folder / name, "cut")

    with pytest.raises(ValueError, match=r"no checkpoint in .* is whole.*generation_00000020"):
        checkpoints.CheckpointFolder(folder).newest()


def test_none_at_all_is_a_beginning(tmp_path):
    assert checkpoints.CheckpointFolder(tmp_path / "checkpoint").newest() == (None, [])


def test_half_written_one_is_not_looked_at(tmp_path):
    folder = tmp_path / "checkpoint"
    save(folder, 3)
    (folder / "newest.npz.part").write_bytes(b"killed here")

    arrays, damaged = checkpoints.CheckpointFolder(folder).newest()

    assert (int(arrays["generation"]), damaged) == (3, [])


def test_objects_are_never_written(tmp_path):
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        checkpoints.CheckpointFolder(tmp_path / "checkpoint").save(
            {"generation": np.array(1), "genomes": np.array([{"a": 1}], dtype=object)}
        )
    assert list((tmp_path / "checkpoint").iterdir()) == []
