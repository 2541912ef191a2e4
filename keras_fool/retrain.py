r"""Retrains on fooling images, again and again: do classifiers learn to recognise them?

    python -m keras_fool.retrain --dataset=mnist
    python -m keras_fool.retrain --dataset=digits --iterations=3 --scale=0.02
    python -m keras_fool.retrain --dataset=folder:PATH --architecture=small --scale=0.01

Supplement C of Nguyen, Yosinski and Clune, 2015, https://arxiv.org/abs/1412.1897. DNN 1 is trained
on the data. Images are evolved against it, and some of those of the first and the last generation
are added as one more label, the fooling class. DNN 2 is trained afresh on all of that, and fooled
again; and so on. No image is evolved for the fooling class.

On mnist and digits this is Table S2: LeNet, 15 times. On other data it is section C.2: a DNN, and
one that is trained with 11,000 fooling images. Of images larger than what the network takes,
evolution scores ten crops, as in the paper, or --crops=1.

Reads the data set as train does.

Writes, into --workdir, trainings/, classifiers/, evolutions/ (run folders, as evolve writes them),
draws/ (which images were added), and, growing with every classifier, confidences.csv and
table_s2.csv, .md and .png; in section C.2 retrain_imagenet.csv, .md and .png, and
mann_whitney.csv. The same command on the folder of a study that was stopped or killed continues
it, and ends with the same table.

Costs, on two cores: for mnist 15 trainings of 10,000 steps and 45 million images, one to two
hours; the errors stay at 0.7 to 1.0 % in the paper, whose scores are mostly above 97 %. For shapes
two trainings of 1000 steps and 6.3 million images, an estimated hour or less, and some 400 MB. For
imagenet2012, weeks of an accelerator. --scale=0.02 is a try of minutes.
"""

import pathlib
from collections.abc import Sequence

from absl import flags

from keras_fool import errors
from keras_fool.command_line import cli, common_flags, flag_groups, flag_values, next_steps
from keras_fool.models import image_views
from keras_fool.runs import stopping
from keras_fool.studies import experiment, tables
from keras_fool.studies.retraining import config as retraining
from trainers import datasets

_DEFAULTS = retraining.Config()
_ITERATIONS = flags.DEFINE_integer(
    "iterations",
    None,
    "Number of classifiers that are trained and fooled, one after the other (default: 15 for "
    "mnist and digits, else 2).",
    lower_bound=1,
)
_FIRST_RUNS = flags.DEFINE_integer(
    "first_runs",
    None,
    f"Runs of evolution against DNN 1 (default: {_DEFAULTS.first_runs} times --scale; in section "
    "C.2, as many as give the images).",
    lower_bound=1,
)
_LATER_RUNS = flags.DEFINE_integer(
    "later_runs",
    None,
    f"Runs of evolution against each later DNN (default: {_DEFAULTS.runs} times --scale, and no "
    "more than --first_runs).",
    lower_bound=1,
)
_GENERATIONS = (
    f"Number of the last generation of every run (default: {_DEFAULTS.generations} for mnist and "
    f"digits, {retraining.Config.of_paper('shapes').generations} for shapes, else "
    f"{retraining.Config.of_paper('imagenet2012').generations}, times --scale)."
)
USES = flag_groups.Groups(
    what=(
        flag_groups.Told(common_flags.DATASET, f"{flags.FLAGS['dataset'].help} Required."),
        flag_groups.Told(
            common_flags.ARCHITECTURE,
            "The network (default: lenet for mnist and digits, small for shapes, else caffenet).",
        ),
    ),
    how=(
        common_flags.SCALE,
        _ITERATIONS,
        flag_groups.Told(
            common_flags.IMAGE_SIZE,
            "Side in pixels that pictures are warped to, and of evolved images (default: what "
            "suits the network).",
        ),
        flag_groups.Told(
            common_flags.CROP_SIZE,
            "Side in pixels of the part of a picture that the network sees (default: what suits "
            "the network).",
        ),
        common_flags.GREY,
        common_flags.SEED,
    ),
    where=(
        flag_groups.Told(
            common_flags.WORKDIR,
            "The folder that all results are written to (default: "
            "runs/retrain-<dataset>-<scale>-seed<seed>).",
        ),
        common_flags.DATA_DIR,
    ),
    expert=(
        _FIRST_RUNS,
        _LATER_RUNS,
        flag_groups.Told(common_flags.GENERATIONS, _GENERATIONS),
        flag_groups.Told(
            common_flags.STEPS,
            "Steps of every training (default: the network's, times --scale).",
        ),
        flag_groups.Told(
            common_flags.CROPS,
            "Number of crops of an evolved image that the network sees: 1 (the centre), or 10 "
            "(corners, centre and their mirror images), whose confidences are averaged (default: "
            "10 where the network takes less than the image).",
            "",
        ),
        common_flags.VIEW,
    ),
)


def main(arguments: Sequence[str]) -> None:
    """Does every step that is left, and writes the table."""
    cli.no_arguments(arguments)
    path = _path(flag_values.dataset())
    cli.loading(path)
    config = _config()
    with errors.reported(ValueError):
        with cli.native_messages_hidden():
            data = config.load(common_flags.DATA_DIR.value)
            from keras_fool.studies import steps
            from keras_fool.studies.retraining import folder, report
            from keras_fool.studies.retraining import steps as retraining_steps

            study = retraining_steps.Study(config, folder.Folder(path), data)
        name = report.SECTIONS[config.section].name
        context = experiment.Context(
            experiment=experiment.load(name),
            scale=common_flags.SCALE.value,
            dataset=config.dataset,
            seed=config.seed,
            workdir=path,
            command=cli.command_to_go_on(main),
            note=cli.note,
            view=config.view,
        )
        kept = f"what is complete in {path} is kept; to go on: {context.command}"
        with stopping.saying(kept):
            with study.opened(context) as times:
                steps.run(study.steps(), context, times)
            markdown = report.write(study.folder, config)
    last = study.folder.evolution(config.iterations)
    print(
        f"\n{tables.in_terminal(markdown)}\nstudy        {path}\n"
        f"picture      {path / f'{name}.png'}\n"
        f"{next_steps.lines(next_steps.command('gallery', f'--images={last}'))}"
    )


def _config() -> retraining.Config:
    name = flag_values.dataset()
    with errors.reported(ValueError), cli.native_messages_hidden():
        num_labels = retraining.num_labels(name)
    with errors.reported(ValueError, as_error=errors.UsageError):
        return retraining.Config.scaled(
            common_flags.SCALE.value,
            dataset=name,
            num_labels=num_labels,
            architecture=common_flags.ARCHITECTURE.value,
            image_size=common_flags.IMAGE_SIZE.value,
            crop_size=common_flags.CROP_SIZE.value,
            grey=common_flags.GREY.value or None,
            crops=common_flags.CROPS.value if common_flags.CROPS.present else None,
            iterations=_ITERATIONS.value,
            first_runs=_FIRST_RUNS.value,
            runs=_LATER_RUNS.value,
            generations=common_flags.GENERATIONS.value,
            steps=common_flags.STEPS.value,
            seed=common_flags.SEED.value,
            view=common_flags.VIEW.value,
        )


def _path(dataset: str) -> pathlib.Path:
    dataset, seed = datasets.short_name(dataset), common_flags.SEED.value
    name = f"retrain-{dataset}-{common_flags.SCALE.value:g}-seed{seed}"
    if common_flags.VIEW.value != image_views.PLAIN:
        name += f"-{common_flags.VIEW.value}"
    return flag_values.workdir(pathlib.Path("runs") / name)


if __name__ == "__main__":
    cli.run(main, USES)
