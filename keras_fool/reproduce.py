r"""Reproduces an experiment of the paper: evolves, scores, counts, draws, compares.

    python -m keras_fool.reproduce --experiment=table_s1_mnist
    python -m keras_fool.reproduce --experiment=table_s1_mnist --scale=0.1
    python -m keras_fool.reproduce --experiment=figure_s4 --dataset=digits --scale=0.1

The experiments, of Nguyen, Yosinski and Clune, 2015, https://arxiv.org/abs/1412.1897:
  table_s1_mnist     images that fool one classifier, given to another (30 runs on each)
  figure_s1          images that both give at least 99 %; uses the runs of table_s1_mnist
  figure_s4          50 runs on one classifier; uses the runs of table_s1_mnist, too
  table_s1_variants  table_s1_mnist done in ways in which it might come out otherwise
  table_s2           15 rounds of retraining with a class of fooling images

Reads the shipped classifiers, or the --models that you name; those of --dataset=digits are
trained first. Training needs the data set, mnist where $TFDS_DATA_DIR has it.

Works in --workdir, by default runs/reproduce, and finds there what an earlier start has
done: the same command goes on after a stop or a kill and ends with the same results. Writes
--results/<experiment>/, by default in results/:
  table.md         our figures beside the paper's
  *.csv, *.png     each image's figures, and the pictures
  settings.json    seeds, runs, generations, evaluations, classifiers, versions
  timing.json      when it was done and how long each stage took

--scale=0.1 takes a tenth of the runs and generations, for a try; titles and the names of
the folders say so. At scale 1 on two cores figure_s4 and table_s1_mnist take some minutes
each, table_s1_variants a quarter of an hour, table_s2 up to three hours.
"""

import pathlib
import shlex
import sys
from collections.abc import Sequence

from absl import flags

from keras_fool import cli, common_flags, errors
from keras_fool.studies import experiment

_EXPERIMENT = flags.DEFINE_enum("experiment", None, experiment.NAMES, "What to reproduce.")
_RESULTS = flags.DEFINE_string("results", "results", "Where the results are written.")
USES = (
    common_flags.DATASET,
    common_flags.MODELS,
    common_flags.WORKDIR,
    common_flags.SEED,
    common_flags.OVERWRITE,
    common_flags.SCALE,
)
_DATASETS = ("mnist", "digits")


def main(arguments: Sequence[str]) -> None:
    """Runs the experiment in its frame."""
    cli.no_arguments(arguments)
    if _EXPERIMENT.value is None:
        raise errors.UsageError(f"give --experiment, one of {', '.join(experiment.NAMES)}.")
    dataset = common_flags.DATASET.value or _DATASETS[0]
    if dataset not in _DATASETS:
        raise errors.UsageError(f"--dataset must be one of {', '.join(_DATASETS)}.")
    scale = common_flags.SCALE.value
    suffix = experiment.folder_suffix(scale, dataset)
    workdir = pathlib.Path(common_flags.WORKDIR.value or "runs/reproduce") / f"work{suffix}"

    from keras_fool.studies import results_folder

    with errors.reported(ValueError, FileNotFoundError):
        with cli.native_messages_hidden():
            chosen = experiment.load(_EXPERIMENT.value)
        results = results_folder.ResultsFolder(
            pathlib.Path(_RESULTS.value) / f"{chosen.name}{suffix}", common_flags.OVERWRITE.value
        )
        results.check({"scale": scale, "dataset": dataset, "seed": common_flags.SEED.value})
        context = experiment.Context(
            scale=scale,
            dataset=dataset,
            models=tuple(common_flags.MODELS.value or ()),
            seed=common_flags.SEED.value,
            workdir=workdir,
            command=shlex.join(["python", "-m", "keras_fool.reproduce", *sys.argv[1:]]),
            note=_note,
            on_stage=results.on_stage,
        )
        results.write(chosen, context, chosen.run(context))
    print(f"{results.path / 'table.md'}\n\n{(results.path / 'table.md').read_text('utf-8')}")


def _note(message: str) -> None:
    print(f"note: {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    cli.run(main, uses=USES)
