"""Data sets of TensorFlow Datasets through the commands: train, inspect, confidence."""

import json

import pytest

from keras_fool import confidence, inspect, train
from tests.trainers import tfds_samples


@pytest.mark.slow
def test_train_inspect_and_measure(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tfds_samples.DoorDigits(data_dir="data").download_and_prepare()
    data = ("--dataset=tfds:door_digits", "--data_dir=data")

    code, _, err = command(train, *data, "--steps=2", "--batch_size=4", "--name=mine")
    assert code == 0, err
    card = json.loads((tmp_path / "saved_models" / "mine" / "1" / "card.json").read_text())
    assert card["dataset"] == "tfds:door_digits"
    assert card["labels"] == ["cat", "dog", "eel"]
    assert (card["num_train"], card["num_test"]) == (12, 8)

    code, out, err = command(inspect, *data, "--model=mine")
    assert code == 0, err
    assert "8 test images of tfds:door_digits" in out
    assert "by their names" in out

    code, out, err = command(confidence, *data, "--model=mine")
    assert code == 0, err
    assert "of 8 images" in out
    assert (tmp_path / "door_digits-confidence" / "images.csv").is_file()
