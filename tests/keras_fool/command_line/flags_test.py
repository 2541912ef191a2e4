"""The flags of all commands: groups, units, choices; and the names that they had before."""

import importlib
import re

import pytest
from absl import flags
from absl.testing import flagsaver

from keras_fool import __main__ as overview
from keras_fool import errors, evolve, gallery
from keras_fool.command_line import cli, help_text, old_names

COMMANDS = sorted(overview.commands())
GROUPS = ["What:", "How:", "Where:", "Endpoint (", "Cluster (", "Expert:"]
UNITS = (
    "second microsecond millisecond step image pixel request generation run seed row byte label "
    "port version crop column classifier side share factor number block batch deviation confidence "
    "worker core GPU"
)
RENAMED = [(command, old) for command, names in old_names.RENAMED.items() for old in names]


def module_of(command: str):
    return importlib.import_module(f"keras_fool.{command}")


def help_of(command: str) -> str:
    module = module_of(command)
    return cli._help(module.main, module.USES)


def flag_texts(command: str) -> dict[str, str]:
    """What the help says of each flag, in one line."""
    found = re.findall(
        r"^  --(?:\[no\])?([a-z_]+)\S*\s+(.*(?:\n {20,}.*)*)", help_of(command), re.MULTILINE
    )
    return {name: " ".join(text.split()) for name, text in found}


@pytest.mark.parametrize("command", COMMANDS)
def test_each_flag_is_in_one_group(command):
    grouped = [flag.name for flag in module_of(command).USES]
    own = flags.FLAGS.flags_by_module_dict().get(f"keras_fool.{command}", [])

    assert len(grouped) == len(set(grouped))
    assert {flag.name for flag in own} <= set(grouped)
    assert set(flag_texts(command)) >= {*grouped, "debug"}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_in_reading_order_and_fits_a_terminal(command):
    text = help_of(command)
    titles = [line for line in text.splitlines() if line.startswith(tuple(GROUPS))]
    listed = re.findall(r"^  --(?:\[no\])?([a-z_]+)", text, re.MULTILINE)

    assert [next(g for g in GROUPS if t.startswith(g)) for t in titles] == [
        group for group in GROUPS if group in "".join(titles)
    ]
    assert listed == [*(flag.name for flag in module_of(command).USES), "debug"]
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("command", COMMANDS)
def test_numbers_have_units_and_choices_are_listed_once(command):
    for name, text in flag_texts(command).items():
        flag = flags.FLAGS[name]
        if flag.flag_type() in ("int", "float"):
            assert re.search(rf"(?i)\b({UNITS.replace(' ', '|')})s?\b|per cent", text), (name, text)
        choices = getattr(flag.parser, "enum_values", None) or ()
        assert "|".join(choices or ["|"]) not in text
        if name != "architecture":  # import_caffe takes some of them
            for choice in choices:
                here = len(re.findall(rf"(?<![\w.]){re.escape(choice)}(?![\w.])", text))
                above = re.findall(rf"^  {re.escape(choice)}  ", help_of(command), re.MULTILINE)
                assert here or above, (name, choice)
        assert text.count("One of ") <= 1
        assert text.count("default:") <= 1, text


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_by_two_or_three_examples(command):
    text = module_of(command).__doc__

    assert len(re.findall(r"^    python -m keras_fool\.", text, re.MULTILINE)) in (2, 3)


def test_full_help_has_absls_own_list(command):
    code, out, _ = command(evolve, "--helpfull")

    assert code == 0
    assert out.startswith(help_of("evolve"))
    assert "--flagfile" in out
    assert "(a positive integer)" in out


@pytest.mark.parametrize(("command", "old"), RENAMED)
def test_old_names_set_the_same_flags(command, old):
    new, is_switch, value = old_names.RENAMED[command][old].partition("=")
    taken = {flag.name for flag in module_of(command).USES}
    value = value or "7"
    assert new in taken
    assert old not in taken

    for words in (
        [[f"--{old}"], [f"-{old}=true"]] if is_switch else [[f"--{old}", "7"], [f"--{old}=7"]]
    ):
        today, told = old_names.replaced(["--seed", "2", *words, "rest"], command)
        with flagsaver.flagsaver():
            assert flags.FLAGS([command, *today])[1:] == ["rest"]
            assert str(flags.FLAGS[new].value) == value
        assert len(told) == 1
        assert f"--{old} is now --{old_names.RENAMED[command][old]}" in told[0]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--batch=7", "--runs=2"], ["--batch_size=7", "--runs=2"]),
        (["--nofrom_logits"], []),
        (["--from_logits=false", "x"], ["x"]),
        (["--workdir", "--batch", "--batch", "3"], ["--workdir", "--batch", "--batch_size", "3"]),
        (["--batch"], ["--batch_size"]),
        (["--", "--batch=7"], ["--", "--batch=7"]),
        (["-", "--batch_size=1"], ["-", "--batch_size=1"]),
        (["--nodebug", "--batches=1"], ["--nodebug", "--batches=1"]),
    ],
)
def test_only_names_of_flags_are_replaced(words, expected):
    assert old_names.replaced(words, "evolve")[0] == expected
    assert old_names.replaced(words, "serve") == (words, [])


@pytest.mark.parametrize(
    "words", [["--batch=1", "--batch_size=2"], ["--batch_size=2", "--batch=1"]]
)
def test_both_names_of_a_flag_are_refused(words):
    with pytest.raises(errors.UsageError, match=r"--batch is now --batch_size"):
        old_names.replaced(words, "evolve")


def test_old_names_give_the_same_run_and_one_line(command, tiny_model, tmp_path):
    (tmp_path / "flags.txt").write_text("--batch=20\n--seed=3\n")
    common = [f"--model={tiny_model}", "--generations=1"]
    new = command(evolve, *common, "--batch_size=20", "--seed=3", f"--workdir={tmp_path / 'new'}")
    old = command(
        evolve, *common, f"--flagfile={tmp_path / 'flags.txt'}", f"--workdir={tmp_path / 'old'}"
    )

    assert new[0] == old[0] == 0
    assert "--batch is now --batch_size" not in new[2]
    assert old[2].count("--batch is now --batch_size") == 1
    for name in ("champions.csv", "metrics.csv", "config.json", "gallery.png"):
        assert (tmp_path / "old" / name).read_bytes() == (tmp_path / "new" / name).read_bytes()

    sheet = [f"--images={tmp_path / 'new'}", "--layout=selection"]
    for name, words in {
        "new": ["--labels=1,0", "--size=24"],
        "old": ["--only_labels", "1,0", "--image_size", "24"],
    }.items():
        code, _, err = command(gallery, *sheet, *words, f"--output={tmp_path / name}.png")
        assert code == 0, err
        assert err.count("is now") == (2 if name == "old" else 0)
    assert (tmp_path / "old.png").read_bytes() == (tmp_path / "new.png").read_bytes()


def test_width_is_that_of_a_terminal():
    assert 80 <= help_text.WIDTH <= 100
