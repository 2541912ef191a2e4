r"""Reproduces an experiment of the paper: evolves, scores, counts, draws, compares.

    python -m keras_fool.reproduce --experiment=table_s1_mnist --scale=0.1
    python -m keras_fool.reproduce --experiment=figure_s4 --dataset=digits --scale=0.1
    python -m keras_fool.reproduce --experiment=figure_s5 --label_names=labels.txt \
        --models=squeezenet.keras:bgr

The experiments, of Nguyen, Yosinski and Clune, 2015, https://arxiv.org/abs/1412.1897:
  table_s1_mnist     images that fool one classifier, given to another (30 runs on each)
  figure_s1          images that both give at least 99 %; uses the runs of table_s1_mnist
  figure_s4          50 runs on one classifier; uses the runs of table_s1_mnist, too
  table_s1_variants  table_s1_mnist done in ways in which it might come out otherwise
  published_view     table_s1_mnist as the code published with the paper shows images to a network
  table_s2           15 rounds of retraining with a class of fooling images
  retrain_imagenet   one such round on imagenet2012, --dataset=shapes or folder:PATH
  imagenet_run       one run over all labels of an ImageNet network, 5000 generations
  table_s1_imagenet  images of two such networks of one architecture, each given to the other
  transfer_architectures  the same for two architectures
  ensemble           images that fool the mean of three networks, 4000 generations
  confidence         how sure a network is of real images, beside fooling ones
  ascent_plain       gradient ascent to 20 classes of ImageNet, 500 steps
  figure_s5          the same with weight decay, 1500 steps
  figure_s6          the same with weak decay, slight blur, and faint pixels set to the mean
  figure_s7          the same with weak decay and more blur, 1000 steps
  figure_s8          figure_s5 from five starts for five classes; uses its images
  figure_s9          figure_s7 likewise
  ascent_decay       figure_s5 with less decay and with higher aims, five classes; its images
  ascent_step        the step after figure_s5's last, in parts; uses its images
  ascent_losses      300 steps as in figure_s5 to figure_s7, and what regularisers take of one more
  ascent_first_step  the first steps on the networks of --models, beside the published log
  ascent_mnist       the settings of ascent_plain to figure_s7 on digits

Reads the shipped classifiers, or the --models that you name; those of --dataset=digits are
trained first. Training needs the data set, mnist where $TFDS_DATA_DIR has it. From
imagenet_run to ascent_first_step they are about networks of ImageNet, which --models must name
(MobileNet:weights=imagenet or squeezenet.keras:bgr:image=256:crops=10). On a CPU take a
small --scale for those that evolve: at scale 1 a run is two million images. confidence takes
its images from --dataset=imagenet2012 or folder:PATH.

Works in --workdir, by default runs/reproduce, and finds there what an earlier start has
done: the same command goes on after a stop or a kill and ends with the same results. Writes
--results/<experiment>/, by default in results/:
  table.md         our figures beside the paper's
  *.csv, *.png     each image's figures, and the pictures
  settings.json    seeds, runs, generations, evaluations, classifiers, versions
  timing.json      when it was done and how long each stage took

--view=published fools through what the code published with the paper shows a network of an MNIST
image (table_s1_mnist, figure_s1, figure_s4, table_s2; results/published_view tells what that is).

--scale=0.1 takes a tenth of the runs and generations, for a try; titles and the names of
the folders say so. At scale 1 on two cores figure_s4 and table_s1_mnist take some minutes
each (table_s1_variants was never timed as a whole), table_s2 under two hours, a figure of S5 to
S9 on SqueezeNet 1.1 five to twelve minutes.
"""

import pathlib
from collections.abc import Sequence

from absl import flags

from keras_fool import errors
from keras_fool.command_line import cli, common_flags, flag_groups, label_names, path_flags
from keras_fool.models import classifiers
from keras_fool.runs import stopping
from keras_fool.studies import experiment

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
    ),
    how=(common_flags.SCALE, common_flags.SEED),
    where=(
        flag_groups.Told(
            common_flags.WORKDIR,
            "The folder that trainings, evolutions and ascents are kept in, and found again "
            "(default: runs/reproduce).",
        ),
        _RESULTS,
        common_flags.OVERWRITE,
    ),
    expert=(common_flags.VIEW,),
)


def main(arguments: Sequence[str]) -> None:
    """Runs the experiment in its frame."""
    cli.no_arguments(arguments)
    if _EXPERIMENT.value is None:
        raise errors.UsageError(f"give --experiment, one of {', '.join(experiment.NAMES)}.")
    scale, view = common_flags.SCALE.value, common_flags.VIEW.value

    from keras_fool.studies import results_folder

    with errors.reported(ValueError, FileNotFoundError):
        with cli.native_messages_hidden():
            chosen = experiment.load(_EXPERIMENT.value)
        dataset = common_flags.DATASET.value or chosen.dataset
        with errors.reported(ValueError, as_error=errors.UsageError):
            chosen.check(dataset, view)
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
            scale=scale,
            dataset=dataset,
            of_paper=chosen.dataset,
            labels=_labels(),
            models=tuple(classifiers.listed(common_flags.MODELS.value or "")),
            seed=common_flags.SEED.value,
            workdir=_workdir(chosen, dataset),
            command=cli.command_to_go_on(main),
            note=cli.note,
            on_stage=results.on_stage,
            view=view,
        )
        kept = f"what is complete in {context.workdir} is kept; to go on: {context.command}"
        with stopping.saying(kept):
            results.write(chosen, context, chosen.run(context))
    print(f"{results.path / 'table.md'}\n\n{(results.path / 'table.md').read_text('utf-8')}")


def _workdir(chosen: experiment.Experiment, dataset: str) -> pathlib.Path:
    """Where stages work: apart for each scale and data set.

    Experiments of any data set work where those without data do, whose runs they use.
    """
    data = chosen.dataset if chosen.others is None else dataset
    suffix = experiment.folder_suffix(common_flags.SCALE.value, data, chosen.dataset)
    return pathlib.Path(common_flags.WORKDIR.value or "runs/reproduce") / f"work{suffix}"


def _labels() -> tuple[str, ...] | None:
    """--label_names, read."""
    if common_flags.LABEL_NAMES.value is None:
        return None
    return label_names.read(pathlib.Path(common_flags.LABEL_NAMES.value))


if __name__ == "__main__":
    cli.run(main, USES)
