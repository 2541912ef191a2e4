"""A wrong value of any flag of any command: exit code 2, and one line that says which."""

import importlib
import pathlib

import pytest
from absl import flags

from keras_fool import __main__ as overview
from keras_fool import errors

# What a command needs besides the flag that is wrong.
DIGITS, SHIPPED, RUN = "--dataset=digits", "--model=mnist_a", "--images={run}"
USUAL = {
    "ascend": (SHIPPED,),
    "audit": (DIGITS, SHIPPED),
    "confidence": (DIGITS, SHIPPED),
    "evolve": (SHIPPED,),
    "export": (SHIPPED,),
    "fit_detectors": (DIGITS, SHIPPED),
    "gallery": (RUN,),
    "import_caffe": ("--architecture=caffenet", "--name=new", f"--weights={__file__}"),
    "inspect": (SHIPPED,),
    "render": ("champion.png",),
    "reproduce": ("--experiment=table_s1_mnist",),
    "retrain": (DIGITS,),
    "serve": ("--model_base_path={saved}", "--port=0", "--rest_api_port=0"),
    "train": (DIGITS, "--name=new"),
    "transfer": (RUN, "--models=mnist_a"),
}
# Of flags that are texts, a value that is wrong whatever is on the machine.
WRONG = {
    "crops": "3",
    "data_mean": "much",
    "dataset": "nonsense",
    "detectors": "nonsense",
    "fail_over": "nonsense",
    "images": "a,,b",
    "import": "not/a/module",
    "labels": "nonsense",
    "model": "a,,b",
    "model_name": "a/b",
    "models": "a,,b",
    "name": "a/b",
    "only_runs": "first",
    "outliers": "nonsense",
    "parameters": "nonsense",
    "reference": "a,,b",
    "score_batch": "0",
    "seeds": "first",
    "version_labels": "nonsense",
}
# Paths, which may exist or not; names of what is in a model, on a host, in a cluster; any text.
ANYTHING = {
    *("data_dir", "detector", "label_names", "mean", "model_base_path", "output", "output_dir"),
    *("results", "weights", "workdir"),
    *("output_name", "signature_name", "host", "cluster", "title"),
}


def wrong_values(name: str) -> list[str]:
    """Values of a flag that are wrong: of another type, or out of its range."""
    flag = flags.FLAGS[name]
    if name in WRONG:
        return [WRONG[name]]
    if flag.flag_type() == "bool" or getattr(flag.parser, "enum_values", None):
        return ["nonsense"]
    if flag.flag_type() not in ("int", "float"):
        assert name in ANYTHING, f"give a wrong value of --{name}"
        return []
    low, high = flag.parser.lower_bound, flag.parser.upper_bound
    beyond = [str(low - 1)] if low is not None else []
    beyond += [str(high + 1)] if high is not None else []
    return ["many", "nan", *beyond]


@pytest.mark.parametrize("name", sorted(overview.commands()))
def test_each_wrong_value_is_refused_as_wrong_usage(
    name, command, run_folder, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    saved = pathlib.Path(__file__).parents[3] / "saved_models" / "mnist_a"
    usual = [word.format(run=run_folder, saved=saved) for word in USUAL[name]]
    module = importlib.import_module(f"keras_fool.{name}")
    for flag in module.USES:
        for value in wrong_values(flag.name):
            words = [word for word in usual if not word.startswith(f"--{flag.name}=")]
            code, out, err = command(module, *words, f"--{flag.name}={value}")

            assert (code, out) == (2, ""), (flag.name, value, err)
            assert err.count("\n") == 1
            assert err.startswith("error: ")
    assert not list(tmp_path.iterdir())


def test_what_is_not_on_the_machine_is_a_failure(command, tmp_path, monkeypatch):
    """Not wrong usage: another day the same command line may be right."""
    monkeypatch.chdir(tmp_path)
    evolve = importlib.import_module("keras_fool.evolve")
    for words in (
        [SHIPPED, "--label_names=none.txt"],
        ["--model=none.keras"],
        ["--model=nonsense"],
    ):
        assert command(evolve, *words)[0] == 1


def test_misuse_of_a_library_is_wrong_usage():
    for raised, shown in [(errors.MisuseError, errors.UsageError), (ValueError, errors.UserError)]:
        with pytest.raises(errors.UserError) as caught, errors.reported(ValueError):
            raise raised("words")
        assert type(caught.value) is shown
    with pytest.raises(errors.MisuseError, match="words"), errors.about_words():
        raise ValueError("words")
