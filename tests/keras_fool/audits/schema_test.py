import copy
import json
import pathlib

import jsonschema
import pytest

from keras_fool.audits import schema

EXAMPLE = json.loads(pathlib.Path(__file__).with_name("example_audit.json").read_text("utf-8"))


def is_valid(report) -> bool:
    return jsonschema.Draft202012Validator(schema.schema()).is_valid(report)


def test_the_schema_is_one_and_the_example_is_valid_under_it():
    jsonschema.Draft202012Validator.check_schema(schema.schema())
    jsonschema.validate(EXAMPLE, schema.schema())
    assert EXAMPLE["schema"] == schema.VERSION


def taken_out(report):
    del report["verdict"]


def added(report):
    report["model"]["mood"] = "fine"


def no_share(report):
    report["how_easily"]["attacks"][0]["fooled"]["0.99"] = 1.5


def other_level(report):
    report["how_easily"]["attacks"][0]["fooled"]["0.7"] = None


def text_as_count(report):
    report["settings"]["budget"] = "10000"


def unknown_attack(report):
    report["by_what"]["images"][0]["attack"] = "magic"


@pytest.mark.parametrize(
    "change", [taken_out, added, no_share, other_level, text_as_count, unknown_attack]
)
def test_what_contradicts_the_schema_is_not_valid(change):
    report = copy.deepcopy(EXAMPLE)

    change(report)

    assert not is_valid(report)
