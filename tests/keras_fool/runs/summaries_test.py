import contextlib
import io

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.hparams import plugin_data_pb2

from keras_fool.runs import jobs, summaries, summary_tags


def write(folder, steps, first: int = 0, confidence: float = 0.5) -> None:
    with contextlib.closing(summaries.Summaries(folder, first)) as events:
        if first == 0:
            events.settings({"seed": 1, "scorer": {"sha256": "ab"}}, "mnist_a/1")
        for step in steps:
            events.values(step, {"confidence/min": confidence, "takeovers": np.int64(step)})
            image = np.full((4, 3, 1), step, np.uint8)
            events.images(step, jobs.Images([[image, image], [image, image]], ["a", "b"]))


def read(folder) -> event_accumulator.EventAccumulator:
    events = event_accumulator.EventAccumulator(str(folder), size_guidance={"tensors": 0})
    return events.Reload()


def test_scalars_come_back(tmp_path):
    write(tmp_path, range(3))

    events = read(tmp_path)
    last = {tag: events.Scalars(tag)[-1].value for tag in events.Tags()["scalars"]}

    assert last == {"confidence/min": 0.5, "takeovers": 2}
    assert [event.step for event in events.Scalars("takeovers")] == [0, 1, 2]


def test_montages_and_settings_come_back(tmp_path):
    write(tmp_path, [0, 20])

    events = read(tmp_path)
    montages = events.Tensors("champions")
    width, height, png = montages[-1].tensor_proto.string_val

    assert [event.step for event in montages] == [0, 20]
    with Image.open(io.BytesIO(png)) as image:
        assert image.size == (int(width), int(height))
        assert (np.asarray(image) == 20).all(axis=2).sum() >= 4 * (4 * 28) * (3 * 28)
    assert events.SummaryMetadata("champions").plugin_data.plugin_name == "images"
    assert events.Tensors("settings")[0].tensor_proto.string_val == [
        b"| setting | value |\n|---|---|\n| classifier | mnist_a/1 |\n| seed | 1 |\n"
        b"| scorer.sha256 | ab |"
    ]
    assert events.SummaryMetadata("settings").plugin_data.plugin_name == "text"


def test_settings_are_hparams_and_the_surest_champions_a_table(tmp_path):
    rows = [
        {
            "run": 0,
            "label": n,
            "label_name": f"l|{n}",
            "confidence": f"0.{n:02d}",
            "file": f"{n}.png",
        }
        for n in range(50)
    ]
    with contextlib.closing(summaries.Summaries(tmp_path, 0)) as events:
        events.settings({"seed": 3, "scorer": {"sha256": "ab", "views": None}, "list": [1]}, "a/1")
        events.finish(7, rows)

    found = read(tmp_path)
    hparams = found.SummaryMetadata("_hparams_/session_start_info").plugin_data
    content = plugin_data_pb2.HParamsPluginData.FromString(hparams.content)
    values = content.session_start_info.hparams.items()
    assert {name: getattr(value, value.WhichOneof("kind")) for name, value in values} == {
        "classifier": "a/1",
        "seed": 3,
        "list": "[1]",
    }
    assert "_hparams_/session_end_info" in found.Tags()["tensors"]
    (table,) = found.Tensors("champions/surest")
    lines = table.tensor_proto.string_val[0].decode().splitlines()
    assert table.step == 7
    assert len(lines) == 2 + 40
    assert r"l\|49 | 0.49" in lines[2]


def test_doubt_is_plotted_to_the_end_of_float32():
    values = [
        summary_tags.of_confidences(np.float32([confidence]), "niches", ())[
            "confidence/log10_doubt"
        ]
        for confidence in (0.9, 0.9999, 1 - 2**-24, 1)
    ]

    assert values == pytest.approx([-1, -4, -7.2247, -7.2247], abs=1e-3)


def test_continued_run_replaces_what_was_lost(tmp_path):
    write(tmp_path, range(8), confidence=0.1)
    write(tmp_path, range(5, 10), first=5, confidence=0.2)

    least = read(tmp_path).Scalars("confidence/min")

    assert [event.step for event in least] == list(range(10))
    assert [event.value for event in least] == pytest.approx([0.1] * 5 + [0.2] * 5)


def test_full_disk_is_an_os_error(tmp_path, full_disk):
    events = pytest.raises(OSError, match="TensorBoard's events cannot be written")
    with full_disk(4096), events:
        write(tmp_path, range(20))


def test_missing_folder_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="TensorBoard's events cannot be written"):
        write(tmp_path / "none", [0])
