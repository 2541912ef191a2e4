"""JSON, tables and files that are not what they should be are refused in one line."""

import csv
import json
import os

import pytest

from keras_fool import foreign_files

COLUMNS = {"run": foreign_files.whole(9), "confidence": foreign_files.SHARE}


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        "[" * 41 + "]" * 41,
        '{"a": NaN}',
        '{"a": -Infinity}',
        '{"a": 1e999}',
        '{"a": 1, "a": 2}',
        '{"a": "\\ud800"}',
        '{"\\udfff": 1}',
        "1" * 5000,
        b"\xff{}",
        "",
    ],
)
def test_json_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match=r".") as caught:
        foreign_files.parse_json(text)

    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("value", [{}, [1, [2.5, {"a": None}]], "\U0001f600", {"ä": True}])
def test_json_comes_back_as_it_was(value):
    assert foreign_files.parse_json(json.dumps(value)) == value
    assert foreign_files.parse_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize("text", ["[]", "3", "null", "{", "[" * 5000])
def test_files_without_an_object_are_named(tmp_path, text):
    path = tmp_path / "card.json"
    path.write_text(text)

    with pytest.raises(ValueError, match=r"card\.json is damaged") as caught:
        foreign_files.json_object(path)

    assert "\n" not in str(caught.value)


def test_a_table_comes_back_as_it_was(tmp_path):
    path = tmp_path / "table.csv"
    rows = [{"run": "0", "confidence": "1e-05", "name": 'a,"b"\n'}]
    rows.append({"run": "9", "confidence": "1", "name": ""})
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)

    assert foreign_files.table(path, COLUMNS) == rows


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "run"),
        ("run\n1\n", "confidence"),
        ("run,confidence,run\n1,1,1\n", "run"),
        ("run,confidence\n1\n", "line 2"),
        ("run,confidence\n1,1\n1,1,1\n", "line 3"),
        ("run,confidence\n1,1\n10,1\n", "line 3"),
        ("run,confidence\n-1,1\n", "run"),
        ("run,confidence\n1_0,1\n", "run"),
        ("run,confidence\n\u0661,1\n", "run"),
        (f"run,confidence\n{'1' * 5000},1\n", "run"),
        *[
            (f"run,confidence\n1,{field}\n", "confidence")
            for field in ("nan", "inf", "5", "-0.5", "1e999", "", " 1", "0x1")
        ],
        (f"run,confidence\n1,{'1' * 200_000}\n", "field"),
        ('run,confidence\n1,"1\n', "unexpected end"),
        ("run,confidence\n1,1\0\n", ""),
    ],
)
def test_tables_that_are_none_are_refused(tmp_path, text, named):
    path = tmp_path / "table.csv"
    path.write_text(text)

    with pytest.raises(ValueError, match=r"table\.csv is damaged") as caught:
        foreign_files.table(path, COLUMNS)

    message = str(caught.value)
    assert named in message
    assert "\n" not in message
    assert len(message) < len(str(path)) + 300


def test_columns_that_may_be_missing_are_looked_at_where_they_are_there(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("run,step\n1,\n")
    step = {"step": foreign_files.optional(foreign_files.whole())}

    assert foreign_files.table(path, {"run": foreign_files.whole()}, step)
    assert foreign_files.table(path, {}, {"other": foreign_files.SHARE})
    path.write_text("run,step\n1,x\n")
    with pytest.raises(ValueError, match="line 2 has step 'x'"):
        foreign_files.table(path, {}, step)


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(bytes(100))

    for name in ("pipe", "", "large"):
        with pytest.raises(ValueError, match=r"not a file|more than 99"):
            foreign_files.content(tmp_path / name, 99)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        foreign_files.content(tmp_path / "nothing")
