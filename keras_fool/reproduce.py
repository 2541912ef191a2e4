r"""Reproduces an experiment of the paper: evolves, scores, counts, draws, compares.

    python -m keras_fool.reproduce --experiment=table_s1_mnist --scale=0.1
    python -m keras_fool.reproduce --experiment=figure_s4 --dataset=digits --scale=0.1
    python -m keras_fool.reproduce --experiment=figure_s5 --label_names=labels.txt \
        --models=squeezenet.keras:bgr

The experiments, of Nguyen, Yosinski and Clune, 2015, https://arxiv.org/abs/1412.1897:
{experiments}

Reads the shipped classifiers, or the --models that you name; those of --dataset=digits are
trained first. Training needs the data set, mnist where $TFDS_DATA_DIR has it. From
imagenet_run to ascent_first_step they are about networks of ImageNet, which --models must name
(MobileNet:weights=imagenet or squeezenet.keras:bgr:image=256:crops=10). On a CPU take a
small --scale for those that evolve: at scale 1 a run is two million images. confidence takes
its images from --dataset=imagenet2012 or folder:PATH.
detectors is about mnist_a, or the one network that --models names, with its real images from
--dataset, and is not in the paper.

Works in --workdir, by default runs/reproduce, and finds there what an earlier start has
done: the same command goes on after a stop or a kill and ends with the same results. Writes
--results/<experiment>/, by default in results/:
  table.md         keras_fool's figures and the paper's
  *.csv, *.png     each image's figures, and the pictures
  settings.json    seeds, runs, generations, evaluations, classifiers, versions
  timing.json      when it was done and how long each step took

--view=published fools through what the code published with the paper shows a network of an MNIST
image (table_s1_mnist, figure_s1, figure_s4, table_s2; results/published_view tells what that is).

--cluster hands the evolutions to the workers of a Ray cluster, one step after the other; trainings
stay here.

--scale=0.1 takes a tenth of the runs and generations, for a try; titles and the names of
the folders say so. At scale 1 on two cores figure_s4, table_s1_mnist and table_s1_variants take
some minutes each, table_s2 under two hours, a figure of S5 to S9 on SqueezeNet 1.1 five to twelve
minutes.
"""

import dataclasses
import pathlib
import sys
from collections.abc import Sequence

from absl import flags

from keras_fool import errors
from keras_fool.command_line import (
    cli,
    cluster_flags,
    common_flags,
    flag_groups,
    flag_values,
    next_steps,
    path_flags,
)
from keras_fool.models import classifiers
from keras_fool.runs import stopping
from keras_fool.studies import experiment, tables

__doc__ = __doc__.replace("{experiments}", experiment.listed())

_EXPERIMENT = flags.DEFINE_enum(
    "experiment",
    None,
    experiment.NAMES,
    "The experiment, one of those above. Required.",
)
_RESULTS = flags.DEFINE(
    path_flags.Path(),
    "results",
    "results",
    "The folder that the experiment's folder of results is written to.",
)
_OUTLIERS = flags.DEFINE_list(
    "outliers",
    [],
    "Of the experiment detectors: further data sets, with commas between them, whose test images "
    "are not what the classifier knows, each as --dataset takes it. They are made grey or RGB and "
    "resized as the classifier takes images.",
)
USES = flag_groups.Groups(
    what=(
        _EXPERIMENT,
        flag_groups.Told(
            common_flags.DATASET,
            "The data set, where the experiment can be done on another one than the paper's: "
            "mnist, digits, shapes, imagenet2012 or folder:PATH (default: the paper's).",
        ),
        common_flags.MODELS,
        common_flags.LABEL_NAMES,
        _OUTLIERS,
    ),
    how=(
        common_flags.SCALE,
        common_flags.SEED,
        flag_groups.Told(
            common_flags.RUNS,
            "Number of runs on each network, from imagenet_run to confidence: of networks of few "
            "labels, one run makes few images.",
        ),
    ),
    where=(
        flag_groups.Told(
            common_flags.WORKDIR,
            "The folder that trainings, evolutions and ascents are kept in, and found again "
            "(default: runs/reproduce).",
        ),
        _RESULTS,
        common_flags.OVERWRITE,
    ),
    cluster=cluster_flags.USES,
    expert=(common_flags.VIEW,),
)


def main(arguments: Sequence[str]) -> None:
    """Runs the experiment in its frame."""
    cli.no_arguments(arguments)
    if _EXPERIMENT.value is None:
        raise errors.UsageError(f"give --experiment, one of {', '.join(experiment.NAMES)}.")
    cluster_flags.check()
    scale, view = common_flags.SCALE.value, common_flags.VIEW.value

    cli.loading(pathlib.Path(_RESULTS.value))
    from keras_fool.studies import results_folder, steps

    with errors.reported(ValueError, FileNotFoundError):
        with cli.native_messages_hidden():
            chosen = experiment.load(_EXPERIMENT.value)
        dataset = common_flags.DATASET.value or chosen.dataset
        with errors.reported(ValueError, as_error=errors.UsageError):
            chosen.check(dataset, view, common_flags.RUNS.value, _OUTLIERS.value)
        suffix = experiment.folder_suffix(scale, dataset, chosen.dataset, view)
        results = results_folder.ResultsFolder(
            pathlib.Path(_RESULTS.value) / f"{chosen.name}{suffix}", common_flags.OVERWRITE.value
        )
        results.check(
            {
                "scale": scale,
                "dataset": experiment.short(dataset),
                "seed": common_flags.SEED.value,
            }
        )
        context = experiment.Context(
            experiment=chosen,
            scale=scale,
            dataset=dataset,
            seed=common_flags.SEED.value,
            workdir=_workdir(chosen, dataset),
            command=cli.command_to_go_on(main),
            note=cli.note,
            models=tuple(classifiers.listed(common_flags.MODELS.value or "")),
            labels=flag_values.labels(),
            view=view,
            runs=common_flags.RUNS.value,
            outliers=tuple(_OUTLIERS.value),
        )
        kept = f"what is complete in {context.workdir} is kept; to go on: {context.command}"
        with stopping.saying(kept):
            todo = chosen.steps(context)
            if common_flags.CLUSTER.value and not any(step.is_handed_out for step in todo):
                raise errors.UsageError(
                    f"{chosen.name} evolves nothing, which is what workers do: leave --cluster out."
                )
            every = [*todo, results_folder.Report(results=results)]
            known = results.known([step.name for step in every])
            with cluster_flags.opened() as elsewhere, chosen.opened(context, todo) as times:
                context = dataclasses.replace(context, elsewhere=elsewhere)
                steps.run(every, context, times, known, results.on_step)
    table = results.path / "table.md"
    print(f"{table}\n\n{tables.in_terminal(table.read_text('utf-8'))}")
    print(next_steps.lines(_next()))


def _next() -> str:
    """The same experiment on a larger scale, or from another seed."""
    if (scale := common_flags.SCALE.value) < 1:
        changes = {"scale": f"{min(1, 10 * scale):g}"}
    else:
        seed = common_flags.SEED.value + 1
        changes = {"seed": str(seed), "results": f"{_RESULTS.value.rstrip('/')}-seed{seed}"}
    words, arguments = [], iter(sys.argv[1:])
    for word in arguments:
        name, equals, _ = word.lstrip("-").partition("=")
        if name in changes and not equals:
            next(arguments, None)  # its value stands in the next word
        elif name not in (*changes, common_flags.OVERWRITE.name):
            words.append(word)
    words += [f"--{name}={value}" for name, value in changes.items()]
    return next_steps.command("reproduce", *words)


def _workdir(chosen: experiment.Experiment, dataset: str) -> pathlib.Path:
    """Where steps work: apart for each scale and data set.

    Experiments of any data set work where those without data do, whose runs they use.
    """
    of_any = chosen.others is None or dataset.startswith(experiment.FOLDER)
    data = chosen.dataset if of_any else dataset
    suffix = experiment.folder_suffix(common_flags.SCALE.value, data, chosen.dataset)
    return flag_values.workdir(pathlib.Path("runs/reproduce")) / f"work{suffix}"


if __name__ == "__main__":
    cli.run(main, USES)
