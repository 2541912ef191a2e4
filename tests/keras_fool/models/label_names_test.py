import codecs
import json

import pytest

from keras_fool.models import label_names
from trainers import names

SHARK = json.dumps({"1": ["n01484850", "great_white_shark"], "0": ["n0", "tench"]})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "tench\ngreat white shark\n"),
        ("a.txt", "tench\ngreat white shark"),
        ("a.txt", "tench\r\ngreat white shark\r\n"),
        ("a.txt", "tench\rgreat white shark\r"),
        ("a.txt", "tench\ngreat white shark\n\n  \n"),
        ("a.txt", codecs.BOM_UTF8.decode() + "tench\ngreat white shark\n"),
        ("b.txt", "0\tn01440764\ttench\n1\tn01484850\tgreat white shark\n"),
        ("b.txt", "1\ttench\n2\tgreat white shark\n"),
        ("b.txt", "1\tgreat white shark\n0\ttench\n"),
        ("b.txt", "n01440764\ttench\nn01484850\tgreat white shark\n"),
        ("c.json", json.dumps(["tench", "great white shark"])),
        ("c.JSON", json.dumps(["tench", "great white shark"])),
        ("c.txt", json.dumps(["tench", "great white shark"])),
        ("c.json", codecs.BOM_UTF8.decode() + json.dumps(["tench", "great white shark"])),
        ("d.json", SHARK),
        ("d.json", json.dumps({"1": "great_white_shark", "0": "tench"})),
        ("e.json", json.dumps({"great white shark": 1, "tench": 0})),
    ],
)
def test_names_in_their_order(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content, "utf-8", newline="")

    assert label_names.read(path) == ("tench", "great white shark")


def test_two_labels_may_have_one_name_as_in_imagenet(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("crane\ntench\ncrane\n")

    assert label_names.read(path) == ("crane", "tench", "crane")


def test_a_text_may_begin_like_json(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("[unknown]\ncat\n")

    assert label_names.read(path) == ("[unknown]", "cat")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"", "list of names"),
        ("a.txt", b"\n\n", "list of names"),
        ("b.txt", b"tench\n\nshark\n", "line 2 has no name"),
        ("b.txt", b"tench\nl\xe9opard\n", "line 2 is not UTF-8"),
        ("b.txt", "tench\n".encode("utf-16"), "UTF-16; save it as UTF-8"),
        ("b.txt", b"tench\n\x1b[31mshark\n", "label 1 has characters that cannot be printed"),
        ("b.txt", b"tench\0\nshark\n", "cannot be printed"),
        ("b.txt", b"tench\n" + b"a" * 300, "has 300 characters, more than 256"),
        ("b.txt", b"0\ttench\n0\tshark\n", "numbers of labels are not 0 to 1, each once"),
        ("b.txt", b"5\ttench\n7\tshark\n", "numbers of labels are not 0 to 1, each once"),
        ("b.txt", b"2\ttench\n1\tshark\n", "numbers of labels are not 0 to 1, each once"),
        ("c.json", b"{", "not JSON"),
        ("c.json", b"{}", "list of names"),
        ("c.json", b"3", "list of names"),
        ("c.json", b'"abc"', "list of names"),
        ("c.json", b"[" * 100_000, "nested too deeply"),
        ("c.json", b'["tench", 3]', "label 1 must be a text, not 3"),
        ("c.json", b'["tench", ""]', "label 1 is empty"),
        (
            "c.json",
            b'["tench", "\\u001b]0;shark"]',
            "label 1 has characters that cannot be printed",
        ),
        ("d.json", b'{"0": ["n0", "tench"], "2": ["n2", "shark"]}', "are not 0 to 1, each once"),
        ("d.json", b'{"0": ["n0"], "1": "shark"}', "label 0 must be a text"),
        ("d.json", b'{"cat": "dog"}', "neither a name for each number nor the other way round"),
        ("e.json", b'{"cat": 0, "dog": 2}', "are not 0 to 1, each once"),
        ("e.json", b'{"cat": 0, "dog": true}', "are not 0 to 1, each once"),
        ("e.json", b'{"cat": 0, "dog": 0}', "are not 0 to 1, each once"),
        ("e.json", b'{"cat": 0, "cat": 1}', "one name twice"),
        ("f.txt", None, "no file of label names"),
    ],
)
def test_other_files_are_refused_in_a_line(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ValueError, match=message) as refused:
        label_names.read(path)
    assert str(path) in str(refused.value)
    assert names.shown(refused.value) == str(refused.value)


def test_a_folder_is_no_file_of_names(tmp_path):
    with pytest.raises(ValueError, match="this is a folder, not a file"):
        label_names.read(tmp_path)
