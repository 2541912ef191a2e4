r"""Retrains on fooling images, again and again: do classifiers learn to tell them?

    python -m keras_fool.retrain --dataset=mnist --iterations=15
    python -m keras_fool.retrain --dataset=digits --iterations=3 --scale=0.02
    python -m keras_fool.retrain --dataset=shapes
    python -m keras_fool.retrain --dataset=folder:PATH --architecture=small --scale=0.01
    python -m keras_fool.retrain --dataset=imagenet2012

Supplement C of Nguyen, Yosinski and Clune, 2015, https://arxiv.org/abs/1412.1897. DNN 1 is
trained on the data; images are evolved against it, and some of those of the first and the
last generation are added as one more label, the fooling class; DNN 2 is trained afresh on
all of that, and fooled again; and so on. The fooling class is never a niche.

On mnist and digits this is Table S2: 15 times LeNet. On other data it is section C.2: a DNN
and one that was trained with 11,000 fooling images, by default small on shapes and caffenet
elsewhere. Sizes of pictures are those of train; of images larger than what the network
takes, evolution scores ten crops, as in the paper, or --crops=1.

Reads the data set as train does: mnist and imagenet2012 from TensorFlow Datasets
(--data_dir or $TFDS_DATA_DIR), digits from scikit-learn, PATH/train/ and PATH/test/;
shapes are drawn.

Writes, into --workdir, by default runs/retrain-<dataset>-<scale>-seed<seed>, trainings/,
classifiers/, evolutions/ (run folders, as evolve writes them), draws/ (which images were
added), and, growing with every classifier, confidences.csv and table_s2.csv, .md and .png;
in section C.2 retrain_imagenet.csv, .md and .png, and mann_whitney.csv. Started again on
the folder of a study that was stopped or killed, it goes on, and ends with the same table.

Costs, on two cores: for mnist 15 trainings of 10,000 steps and 45 million images, one to
two hours; the paper's errors stay at 0.7-1.0 %, and most of its scores are above 97 %. For
shapes two trainings of 1000 steps and 6.3 million images, an estimated hour or less, and some
400 MB. For imagenet2012, weeks of an accelerator. --scale=0.02 is a try of minutes.
"""

import pathlib
from collections.abc import Sequence

from absl import flags

from keras_fool import errors
from keras_fool.command_line import cli, common_flags
from keras_fool.models import image_views
from keras_fool.runs import stopping
from keras_fool.studies import retraining
from trainers import datasets

_DEFAULTS = retraining.Config()
_FIRST_RUNS = flags.DEFINE_integer(
    "first_runs",
    None,
    f"Runs of evolution against DNN 1, by default {_DEFAULTS.first_runs} times --scale, and in "
    "section C.2 as many as give the images.",
    lower_bound=1,
)
_LATER_RUNS = flags.DEFINE_integer(
    "later_runs",
    None,
    f"Runs against each of the others, by default {_DEFAULTS.runs} times --scale, and no more "
    "than --first_runs.",
    lower_bound=1,
)
_RUN_GENERATIONS = flags.DEFINE_integer(
    "run_generations",
    None,
    f"The last generation of every run, by default {_DEFAULTS.generations} for mnist and digits, "
    f"{retraining.Config.of_paper('shapes').generations} for shapes and "
    f"{retraining.Config.of_paper('imagenet2012').generations} elsewhere, times --scale.",
    lower_bound=0,
)
USES = (
    common_flags.DATASET,
    common_flags.DATA_DIR,
    common_flags.ARCHITECTURE,
    common_flags.IMAGE_SIZE,
    common_flags.CROP_SIZE,
    common_flags.GREY,
    common_flags.CROPS,
    common_flags.VIEW,
    common_flags.WORKDIR,
    common_flags.SEED,
    common_flags.ITERATIONS,
    common_flags.SCALE,
    common_flags.STEPS,
)


def main(arguments: Sequence[str]) -> None:
    """Does every stage that is left, and writes the table."""
    cli.no_arguments(arguments)
    config = _config()
    with errors.reported(ValueError):
        with cli.native_messages_hidden():
            data = config.load(common_flags.DATA_DIR.value)
            from keras_fool.studies import retraining_folder, retraining_report, retraining_run

            folder = retraining_folder.Folder(_path(config))
            study = retraining_run.Study(
                config, folder, data, command=cli.command_to_go_on(main), note=cli.note
            )
        kept = f"what is complete in {folder.path} is kept; to go on: {cli.command_to_go_on(main)}"
        with stopping.saying(kept):
            study.run(on_fooled=lambda: retraining_report.write(folder, config))
            markdown = retraining_report.write(folder, config)
    picture = folder.path / retraining_report.picture(config)
    print(f"\n{markdown}\nstudy    {folder.path}\npicture  {picture}")


def _config() -> retraining.Config:
    name = common_flags.DATASET.value
    if name is None:
        raise errors.UsageError(f"give --dataset ({', '.join(datasets.NAMES)}).")
    with errors.reported(ValueError):
        datasets.check_name(name)
        with cli.native_messages_hidden():
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
            iterations=common_flags.ITERATIONS.value,
            first_runs=_FIRST_RUNS.value,
            runs=_LATER_RUNS.value,
            generations=_RUN_GENERATIONS.value,
            steps=common_flags.STEPS.value,
            seed=common_flags.SEED.value,
            view=common_flags.VIEW.value,
        )


def _path(config: retraining.Config) -> pathlib.Path:
    if common_flags.WORKDIR.value is not None:
        return pathlib.Path(common_flags.WORKDIR.value)
    dataset = datasets.short_name(config.dataset)
    name = f"retrain-{dataset}-{common_flags.SCALE.value:g}-seed{config.seed}"
    if config.view != image_views.PLAIN:
        name += f"-{config.view}"
    return pathlib.Path("runs") / name


if __name__ == "__main__":
    cli.run(main, uses=USES)
