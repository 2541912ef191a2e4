import json

import pytest

from keras_fool.command_line import label_names


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "tench\ngreat white shark\n"),
        ("b.txt", "0\tn01440764\ttench\n1\tn01484850\tgreat white shark\n"),
        ("c.json", json.dumps(["tench", "great white shark"])),
        ("d.json", json.dumps({"1": ["n01484850", "great_white_shark"], "0": ["n0", "tench"]})),
    ],
)
def test_names_in_their_order(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content)

    assert label_names.read(path) == ("tench", "great white shark")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "", "none at all"),
        ("b.txt", "tench\n\nshark\n", "an empty name"),
        ("c.json", "{", "no names of labels"),
        ("d.json", '{"0": ["n0", "tench"], "2": ["n2", "shark"]}', "no names of labels"),
        ("e.txt", None, "no file of label names"),
    ],
)
def test_other_files_are_refused(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_text(content)

    with pytest.raises(ValueError, match=message):
        label_names.read(path)
