r"""Retrains on fooling images, again and again: do classifiers learn to tell them?

    python -m keras_fool.retrain --dataset=mnist --iterations=15
    python -m keras_fool.retrain --dataset=digits --iterations=3 --scale=0.02

Table S2 of Nguyen, Yosinski and Clune, 2015, https://arxiv.org/abs/1412.1897. DNN 1 is
trained on the data; images are evolved against it, and some of those of the first and the
last generation are added as one more label, the fooling class; DNN 2 is trained afresh on
all of that, and fooled again; and so on. The fooling class is never a niche.

Reads the data set: mnist where TensorFlow Datasets has it prepared (--data_dir or
$TFDS_DATA_DIR) or can download it, digits from scikit-learn, which has it inside.

Writes, into --workdir, by default runs/retrain-<dataset>-<scale>-seed<seed>, trainings/,
classifiers/, evolutions/ (run folders, as evolve writes them), draws/ (which images were
added), and table_s2.csv, table_s2.md, table_s2.png and confidences.csv, which grow with
every classifier. Started again on the folder of a study that was stopped or killed, it
goes on, and ends with the same table.

Costs, in full, 15 trainings of 10,000 steps and 45 million images, one to two hours on
two cores; --scale=0.02 is a try of some minutes. The errors should stay at 0.7-1.1 %, and
most scores come out above 97 %: retraining does not help.
"""

import pathlib
import shlex
import sys
from collections.abc import Sequence

from absl import flags

from keras_fool import cli, common_flags, errors
from keras_fool.studies import retraining
from trainers import datasets

_DEFAULTS = retraining.Config()
_FIRST_RUNS = flags.DEFINE_integer(
    "first_runs",
    None,
    f"Runs of evolution against DNN 1, by default {_DEFAULTS.first_runs} times --scale.",
    lower_bound=1,
)
_LATER_RUNS = flags.DEFINE_integer(
    "later_runs",
    None,
    f"Runs against each of the others, by default {_DEFAULTS.runs} times --scale.",
    lower_bound=1,
)
_STEPS = flags.DEFINE_integer(
    "steps",
    None,
    f"Steps of every training, by default {_DEFAULTS.steps} times --scale.",
    lower_bound=1,
)
USES = (
    common_flags.DATASET,
    common_flags.DATA_DIR,
    common_flags.WORKDIR,
    common_flags.SEED,
    common_flags.ITERATIONS,
    common_flags.SCALE,
)


def main(arguments: Sequence[str]) -> None:
    """Does every stage that is left, and writes the table."""
    cli.no_arguments(arguments)
    if common_flags.DATASET.value is None:
        raise errors.UsageError(f"give --dataset ({' or '.join(datasets.SPECS)}).")
    with errors.reported(ValueError, as_error=errors.UsageError):
        config = retraining.Config.scaled(
            common_flags.SCALE.value,
            dataset=common_flags.DATASET.value,
            iterations=common_flags.ITERATIONS.value,
            first_runs=_FIRST_RUNS.value,
            runs=_LATER_RUNS.value,
            steps=_STEPS.value,
            seed=common_flags.SEED.value,
        )
    with errors.reported(ValueError):
        with cli.native_messages_hidden():
            data = datasets.load(config.dataset, common_flags.DATA_DIR.value)
            from keras_fool.studies import retraining_folder, retraining_report, retraining_run

            folder = retraining_folder.Folder(_path(config))
            study = retraining_run.Study(config, folder, data, command=_command(), note=_note)
        study.run(on_fooled=lambda: retraining_report.write(folder, config))
        markdown = retraining_report.write(folder, config)
    print(f"\n{markdown}\nstudy    {folder.path}\npicture  {folder.path / 'table_s2.png'}")


def _path(config: retraining.Config) -> pathlib.Path:
    if common_flags.WORKDIR.value is not None:
        return pathlib.Path(common_flags.WORKDIR.value)
    name = f"retrain-{config.dataset}-{common_flags.SCALE.value:g}-seed{config.seed}"
    return pathlib.Path("runs") / name


def _command() -> str:
    """What the user types to go on."""
    return shlex.join(["python", "-m", "keras_fool.retrain", *sys.argv[1:]])


def _note(message: str) -> None:
    print(f"note: {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    cli.run(main, uses=USES)
