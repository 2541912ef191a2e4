r"""Scores images of run folders on other classifiers: do they fool those as well?

    python -m keras_fool.transfer --images=runs/fool_a --models=mnist_a,mnist_b
    python -m keras_fool.transfer --images=runs/fool_a,runs/fool_b --models=mnist_a,mnist_b
    python -m keras_fool.transfer --images=runs/fool_a --models=grpc://127.0.0.1:8500/mnist

Table S1 of Nguyen, Yosinski and Clune, 2015, https://arxiv.org/abs/1412.1897, for any run folders
and any number of classifiers. For the images of each folder and each classifier that they were not
evolved on:
  (a) the share of all images that both classifiers give the same top-1 label;
  (b) the share of all images that both give the same label with at least 99 %;
  (c) of the images in (a), the share with a higher confidence on the original classifier.

Where a classifier's labels are independent (sigmoid), a match is an image that both give the label
it was evolved for with at least 0.5, and the confidences of that label are compared.

Reads run folders that evolve or ascend wrote. The original is the classifier that their config.json
names; it is found among --models, or where it was then. Its confidences must be the recorded ones
again: an image that was changed since is named, and nothing is written. Labels are compared by
their names, whatever their order; where a classifier has no names, its labels are taken in the
original's order, and a note says so. For a classifier that takes another size, images are resized
(TensorFlow's antialiased resize, rounded to bytes), and the tables say so.

Writes a folder:
  transfer.csv      the top-1 label and confidence of each image on each classifier
  transfer.md       the tables: Table S1, and how the images of each label transfer
  heat_map_*.png    the labels that a classifier gives the images evolved for each label

Costs a second or two per classifier after TensorFlow has started.
"""

from collections.abc import Sequence

from absl import flags

from keras_fool import errors
from keras_fool.command_line import (
    cli,
    common_flags,
    endpoint_flags,
    flag_groups,
    flag_values,
    model_flags,
    next_steps,
)
from keras_fool.models import classifiers

USES = flag_groups.Groups(
    what=(
        common_flags.IMAGES,
        flag_groups.Told(
            common_flags.MODELS,
            f"{flags.FLAGS['models'].help} Or the address of a model behind TF Serving's API.",
        ),
    ),
    how=(
        flag_groups.Told(
            common_flags.IMAGE_SIZE,
            "Side in pixels of the images that --models take, which see crops of them (default: "
            "as the original classifier sees them).",
        ),
        common_flags.CROPS,
        flag_groups.Told(
            common_flags.SEED, "The number that the bootstrap intervals' randomness follows from."
        ),
    ),
    where=(
        flag_groups.Told(
            common_flags.OUTPUT,
            "The folder that is written (default: the first run folder's path with -transfer "
            "added).",
        ),
        common_flags.OVERWRITE,
    ),
    endpoint=endpoint_flags.USES,
    expert=model_flags.EXPERT,
)


def main(arguments: Sequence[str]) -> None:
    """Reads, scores, counts and writes."""
    cli.no_arguments(arguments)
    folders = flag_values.run_folders()
    if not common_flags.MODELS.value:
        raise errors.UsageError("give --models, such as --models=mnist_a,mnist_b.")
    output = flag_values.new_output(f"{folders[0]}-transfer")
    model_flags.imported()

    from keras_fool.runs import champions

    with errors.reported(ValueError, FileNotFoundError):
        images = [champions.read(folder) for folder in folders]
        cli.loading(output)
        with cli.native_messages_hidden():
            from keras_fool.studies import cross_scoring, transfer_report

            asked = model_flags.views()
            # Without a word, as the original sees them, or as far as that is possible.
            views = images[0].views if asked.image_size is None else asked
            listed = classifiers.listed(common_flags.MODELS.value)
            models, others = (
                endpoint_flags.applied_to_all(cross_scoring.find_models(listed, seen))
                for seen in (views, asked)
            )
            instead = dict(zip(models, others, strict=True))
            scorers = cross_scoring.Scorers(resizes=True, instead=instead)
        for model in models:
            model_flags.note_unnamed(model)
        studies = [scorers.cross_score(of_folder, models) for of_folder in images]
        if not any(scores.others for scores in studies):
            raise errors.UsageError(
                f"{studies[0].original} is the classifier that the images were evolved on: "
                "name another one in --models."
            )
    for words in scorers.notes:
        cli.note(words)
    found = transfer_report.report(studies, common_flags.SEED.value)
    for line in found.notes:
        cli.note(line)
    cli.write_folder(output, found.files, found.summary)
    images_flag = f"--images={common_flags.IMAGES.value}"
    arguments = ["--layout=selection"]
    if found.all_are_sure_of_some and views == classifiers.Views():
        arguments = ["--layout=transfer", f"--models={common_flags.MODELS.value}"]
    print(next_steps.lines(next_steps.command("gallery", images_flag, *arguments)))


if __name__ == "__main__":
    cli.run(main, USES)
