"""Run folders that somebody prepared: with values, links and states that are none."""

import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil

import numpy as np
import pytest

from keras_fool import errors, transfer
from keras_fool.runs import champion_png, champions, checkpoints, evolution_run, run_folder
from tests.keras_fool import folders, mutated_folders_test
from tests.keras_fool.mutated_folders_test import (  # noqa: F401, fixtures
    CONFIG,
    OUTSIDE,
    REFUSED,
    classifier,
    evolve,
    half,
    whole,
)

NAN = "nan of every confidence"
IMAGE = "images/run_003/last/label_1.png"


def unsigned(path: pathlib.Path) -> pathlib.Path:
    """Takes the checksums out of a folder: so it was written once, and anybody can do it."""
    (path / "SHA256SUMS").unlink(missing_ok=True)
    config = json.loads((path / "config.json").read_text())
    config = {name: config[name] for name in config if name not in ("sha256", "environment")}
    (path / "config.json").write_text(json.dumps(config, indent=2))
    return path


def unsigned_states(path: pathlib.Path, change=lambda _: None) -> None:
    """Takes them out of the checkpoints, too, and changes those."""
    for file in (path / "checkpoint").iterdir():
        with np.load(file) as archive:
            arrays = {name: archive[name] for name in archive.files if "sha256" not in name}
        change(arrays)
        np.savez(path / "state.npz", **arrays)
        digest = hashlib.sha256((path / "state.npz").read_bytes()).hexdigest()[:32]
        file.unlink()
        (path / "state.npz").rename(file.with_name(f"{file.name.split('-')[0]}-{digest}.npz"))


def in_table(column: str, value: str, row: int = 1):
    """Puts a value into a field of champions.csv."""

    def spoil(path):
        lines = (path / "champions.csv").read_text().splitlines()
        place = lines[0].split(",").index(column)
        fields = lines[row].split(",")
        fields[place] = value
        lines[row] = ",".join(fields)
        (path / "champions.csv").write_text("\n".join([*lines, ""]))

    return spoil


def every_confidence(value: str):
    def spoil(path):
        for row in range(1, 7):
            in_table("confidence", value, row)(path)

    return spoil


def in_config(*keys: object, value: object):
    """Puts a value into config.json."""

    def spoil(path):
        content = json.loads((path / "config.json").read_text())
        part = content
        for key in keys[:-1]:
            part = part[key]
        part[keys[-1]] = value
        (path / "config.json").write_text(json.dumps(content))

    return spoil


def replaced(name: str, old: str, new: str):
    def spoil(path):
        text = (path / name).read_text()
        assert re.search(old, text)
        (path / name).write_text(re.sub(old, new, text, count=1))

    return spoil


def in_png(**texts: str):
    """Changes texts inside an image."""

    def spoil(path):
        champion = champion_png.read(path / IMAGE)
        about = champion.about | texts
        changed = champion_png.Champion(champion.image, champion.genome, about)
        (path / IMAGE).write_bytes(champion_png.encode(changed))

    return spoil


def another_image(path):
    shutil.copy(path / "images/run_003/last/label_2.png", path / IMAGE)


def nested(path):
    replaced("config.json", '"dataset": null', f'"dataset": {"[" * 10**5}')(path)


@pytest.mark.parametrize(
    "spoil",
    [
        every_confidence("nan"),
        in_table("confidence", "inf"),
        in_table("confidence", "5"),
        in_table("confidence", "-1"),
        in_table("confidence", "0.5"),
        in_table("label", "-1"),
        in_table("label", "10"),
        in_table("label", "1"),
        in_table("run", "9"),
        in_table("run", "3.0"),
        in_table("label_name", "another"),
        in_table("top1_label", "3"),
        in_table("generation", "-4"),
        in_table("generation", "99999"),
        in_table("id", "5"),
        in_table("file", "images/run_003/last/label_2.png"),
        in_table("file", "/etc/passwd"),
        in_table("confidence", "1" * 140_000),
        in_table("confidence", '"0.5'),
        replaced("champions.csv", r"(?m)^3,0,.*\n", ""),
        replaced("champions.csv", r"(?m)^(3,0,.*\n)", r"\1\1"),
        replaced("champions.csv", r"(?m)^3,0,.*\n", "3,0\n"),
        replaced("champions.csv", r"(?m)^3,0,", "3,0,,"),
        replaced("champions.csv", "label_name", "label"),
        in_config("labels", value=["0"]),
        in_config("labels", value="012"),
        in_config("labels", value=["0", "1", 2]),
        in_config("labels", value={"0": 0, "1": 1, "2": 2}),
        in_config("image_shape", value=None),
        in_config("image_shape", value=[12, 10]),
        in_config("image_shape", value=[12, 10, True]),
        in_config("image_shape", value=[10, 12, 1]),
        in_config("classifier", value=["tiny"]),
        in_config("classifier_spec", value=7),
        in_config("settings", "scorer", value=[]),
        in_config("settings", "scorer", "views", value="whole"),
        in_config("settings", "scorer", "views", value={"image_size": "40"}),
        in_config("settings", "scorer", "views", value={"image_size": 40, "crops": [10]}),
        in_config("settings", "scorer", "ensemble", value=3),
        in_config("settings", "scorer", "sha256", value=[]),
        in_config("settings", "runs", value=10**9),
        in_config("settings", "runs", value="2"),
        in_config("settings", "first_run", value=None),
        in_config("settings", "generations", value=1.5),
        in_config("settings", "num_niches", value=4),
        in_config("settings", "niches", value=[]),
        in_config("settings", "niches", value=[0, 1, 1]),
        in_config("settings", "niches", value=[0, 1, 3]),
        in_config("settings", "niches", value=3),
        in_config("settings", "ascent", value={}),
        in_config("versions", value=[]),
        in_config("settings", value=None),
        nested,
        in_png(confidence="0.9"),
        in_png(confidence="nan"),
        in_png(run="4"),
        in_png(label="2"),
        in_png(label_name="another"),
        another_image,
    ],
)
def test_values_that_are_none_are_refused(altered, spoil):
    before = champions.read(unsigned(altered))
    spoil(altered)

    with pytest.raises(REFUSED) as caught:
        champions.read(altered)

    assert len(before) == 6
    assert "\n" not in str(caught.value)
    assert str(altered) in str(caught.value)


def test_a_foreign_image_is_not_counted_for_a_nan(altered, tiny_model, other_model, command):
    """As it was reported: with all confidences nan, no comparison found it."""
    unsigned(altered)
    image = champion_png.read(altered / IMAGE)
    noise = np.random.default_rng(1).integers(0, 256, image.image.shape, np.uint8)
    about = image.about | {"confidence": "nan"}
    foreign = champion_png.Champion(noise, image.genome, about)
    (altered / IMAGE).write_bytes(champion_png.encode(foreign))
    every_confidence("nan")(altered)
    output = altered.parent / "out"

    code, _, err = command(
        transfer,
        f"--images={altered}",
        f"--models={tiny_model},{other_model}",
        f"--output={output}",
    )

    assert code == 1
    assert err.count("\n") == 1
    assert "nan" in err
    assert not output.exists()


def test_confidences_that_are_nan_are_no_record(run_folder):
    read = champions.read(run_folder)
    scores = np.zeros((6, 3), np.float32)
    scores[np.arange(6), read.niches] = read.confidences
    read.check_scores(scores)

    scores[2, read.niches[2]] = np.nan
    with pytest.raises(ValueError, match=r"label_2\.png is not the image that was recorded"):
        read.check_scores(scores)


@pytest.mark.parametrize(
    "name", ["metrics.csv", "lineage.csv", "images/run_004/first/label_0.png", "config.json"]
)
def test_what_a_checkpoint_builds_on_is_named(half, evolve, tmp_path, name):  # noqa: F811
    path = pathlib.Path(shutil.copytree(half, tmp_path / "run"))
    content = bytearray((path / name).read_bytes())
    content[len(content) // 3] ^= 1
    (path / name).write_bytes(content)
    before = folders.contents(path)

    with pytest.raises(errors.UserError, match=f"{name} is (missing or )?damaged"):
        evolve(path)

    assert folders.contents(path) == before


@pytest.mark.parametrize("name", ["gallery.png", IMAGE, "champions.csv", "SHA256SUMS"])
def test_what_can_be_written_again_is_and_that_is_said(whole, evolve, tmp_path, name):  # noqa: F811
    path = pathlib.Path(shutil.copytree(whole, tmp_path / "run"))
    (path / name).write_bytes(b"damaged")

    notes = evolve(path)

    assert any(name in note and "written again" in note for note in notes), notes
    assert folders.contents(path) == folders.contents(whole)


def test_missing_files_of_a_complete_run_are_named(whole, evolve, tmp_path):  # noqa: F811
    for name in ("metrics.csv", "images/run_003/first/label_0.png", "checkpoint"):
        path = pathlib.Path(shutil.copytree(whole, tmp_path / name.replace("/", "_")))
        (shutil.rmtree if name == "checkpoint" else os.unlink)(path / name)

        with pytest.raises(errors.UserError, match=name):
            evolve(path)


def test_folders_from_before_there_were_checksums_go_on(half, whole, evolve, tmp_path):  # noqa: F811
    path = unsigned(pathlib.Path(shutil.copytree(half, tmp_path / "run")))
    unsigned_states(path)

    notes = evolve(path)

    assert "goes on after generation 4" in notes[0]
    found, expected = (mutated_folders_test.results(run) for run in (path, whole))
    found = {name: found[name] for name in expected}
    differing = {name for name in expected if found[name] != expected[name]}
    assert differing == {"config.json"}

    old = unsigned(path)
    assert evolve(old) == []
    (old / "images/run_003/first/label_0.png").write_bytes(b"damaged")
    with pytest.raises(errors.UserError, match=r"first/label_0\.png"):
        evolve(old)


LINKS = [
    ".lock",
    ".config.json.part",
    ".metrics.csv.part",
    "metrics.csv",
    "lineage.csv",
    "checkpoint/newest.npz.part",
    "checkpoint",
    "images",
    "images/run_003",
    "images/run_003/last",
    "images/run_003/last/.label_0.png.part",
    "images/run_003/last/label_0.png",
    "gallery.png",
    ".gallery.png.part",
    ".champions.csv.part",
    "SHA256SUMS",
    ".SHA256SUMS.part",
    "events.out.tfevents.link",
    "images/run_003/nobody",
]


@pytest.mark.parametrize("name", LINKS)
@pytest.mark.parametrize("new", [False, True], ids=["begun", "new"])
def test_links_are_not_written_through(half, evolve, tmp_path, name, new):  # noqa: F811
    outside = tmp_path / "outside"
    path = tmp_path / "run"
    if new:
        path.mkdir()
    else:
        shutil.copytree(half, path)
    link = path / name
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_dir() and not link.is_symlink():  # what it links to could be used
        shutil.copytree(link, outside)
        shutil.rmtree(link)
    elif "." in name:
        outside.write_bytes(OUTSIDE)
        link.unlink(missing_ok=True)
    else:
        outside.mkdir()
    link.symlink_to(outside)
    before = folders.contents(outside) if outside.is_dir() else outside.read_bytes()

    with contextlib.suppress(errors.UserError):
        evolve(path)

    after = folders.contents(outside) if outside.is_dir() else outside.read_bytes()
    assert after == before
    assert not (path / "champions.csv").exists()


@pytest.mark.parametrize("name", ["metrics.csv", "lineage.csv", ".lock", "config.json"])
def test_other_names_of_files_keep_what_they_had(half, whole, evolve, tmp_path, name):  # noqa: F811
    """As `cp --link` makes a copy: both folders have the same files until one is written."""
    path = pathlib.Path(shutil.copytree(half, tmp_path / "run"))
    os.link(path / name, tmp_path / "outside")
    before = (tmp_path / "outside").read_bytes()

    evolve(path)

    assert (tmp_path / "outside").read_bytes() == before
    assert folders.contents(path) == folders.contents(whole)


def test_the_folder_itself_may_be_a_link(half, whole, evolve, tmp_path):  # noqa: F811
    shutil.copytree(half, tmp_path / "disk")
    (tmp_path / "run").symlink_to(tmp_path / "disk")

    evolve(tmp_path / "run")

    assert folders.contents(tmp_path / "disk") == folders.contents(whole)


def test_links_out_of_the_folder_are_not_read(altered, tmp_path):
    shutil.copy(altered / IMAGE, tmp_path / "outside.png")
    (altered / IMAGE).unlink()
    (altered / IMAGE).symlink_to(tmp_path / "outside.png")

    with pytest.raises(ValueError, match=r"label_1\.png is a link"):
        champions.read(altered)


def changed(name: str, place: tuple, value: object):
    def change(arrays):
        arrays[name] = arrays[name].copy()
        arrays[name][place] = value

    return change


def other_type(name: str, kind: str):
    def change(arrays):
        arrays[name] = arrays[name].astype(kind)

    return change


@pytest.mark.parametrize(
    "change",
    [
        changed("niches", (0, 0), 99),
        changed("niches", (0, 0), -1),
        changed("confidences", (0, 0), np.nan),
        changed("confidences", (0, 0), 5),
        changed("born", (0,), 1000),
        changed("parent", (0,), -7),
        changed("genomes_sources", (0,), 10**6),
        changed("genomes_targets", (0,), -(10**6)),
        changed("genomes_weights", (0,), np.inf),
        changed("genomes_activations", (0,), 200),
        changed("genomes_node_offsets", (1,), 10**6),
        changed("genomes_edge_offsets", (-1,), 10**9),
        changed("run_folder/table_bytes", (0,), -5),
        other_type("run_folder/table_bytes", "f8"),
        other_type("images", "f4"),
        other_type("niches", "f4"),
        lambda arrays: arrays.pop("identity"),
        lambda arrays: arrays.pop("run_folder/table_bytes"),
        lambda arrays: arrays.update(images=arrays["images"][:, :-1]),
        lambda arrays: arrays.update(streams=np.array("[" * 10**5)),
        lambda arrays: arrays.update(streams=np.array("[1, 2]")),
        lambda arrays: arrays.update(streams=np.array("[{}]")),
        lambda arrays: arrays.update(generation=np.array([4])),
        lambda arrays: arrays.update(generation=np.array("four")),
    ],
)
def test_states_that_are_none_are_refused(half, evolve, tmp_path, change):  # noqa: F811
    path = unsigned(pathlib.Path(shutil.copytree(half, tmp_path / "run")))
    unsigned_states(path, change)
    before = folders.contents(path / "checkpoint")

    with pytest.raises(errors.UserError) as caught:
        evolve(path)

    assert "\n" not in str(caught.value)
    assert folders.contents(path / "checkpoint") == before


def test_states_that_are_packed_or_misnamed_are_damaged(half, tmp_path):  # noqa: F811
    path = pathlib.Path(shutil.copytree(half, tmp_path / "run"))
    older, newer = sorted((path / "checkpoint").iterdir())
    with np.load(newer) as archive:
        np.savez_compressed(path / "state.npz", **archive)
    digest = hashlib.sha256((path / "state.npz").read_bytes()).hexdigest()[:32]
    (path / "state.npz").rename(path / "checkpoint" / f"generation_00000005-{digest}.npz")
    newer.rename(newer.with_name(newer.name.replace("_00000004", "_00000006")))

    state, damaged = checkpoints.CheckpointFolder(path / "checkpoint").newest()

    assert int(state["generation"]) == int(older.name[11:19])
    assert len(damaged) == 2


def test_settings_of_another_type_are_refused(half, classifier, tmp_path):  # noqa: F811
    path = unsigned(pathlib.Path(shutil.copytree(half, tmp_path / "run")))
    settings = evolution_run.settings(CONFIG, classifier)
    for value in ([], "all", {"a": {"b": []}}, None, [[[1]]], [{"a": 1}, 2]):
        in_config("settings", "scorer", value=value)(path)
        with pytest.raises(ValueError, match="scorer"):
            run_folder.is_complete(path, settings)
