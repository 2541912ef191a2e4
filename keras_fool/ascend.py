r"""Follows a classifier's gradient to images that it takes for the labels you name.

    python -m keras_fool.ascend --dataset=mnist
    python -m keras_fool.ascend --model=squeezenet.keras:bgr --label_names=labels.txt \
        --labels="Tibetan terrier,gorilla,413" --seeds=0-4 --preset=s5

Regularised gradient ascent, as in Figures S5 to S9 of Nguyen, Yosinski and Clune, 2015,
https://arxiv.org/abs/1412.1897: begins at the data mean plus noise of one grey level and
climbs the confidence itself. The presets are the paper's settings, and each of them can be
changed by a flag. They are for the paper's network; where another one's confidence stays low,
its steps lose to decay and blur what they gain: lower --decay, or raise --early and --late.
  plain   no regularisation: above 99.99 % within some hundred steps, unrecognizable
  s5      weight decay (Figures S5 and S8)
  s6      weak decay, a slight blur, the faintest 20 % of pixels set to the mean
  s7      weak decay, more blur, fewer steps (Figures S7 and S9)

Reads the classifier: anything that runs on this machine, ensembles and ten crops included.
(Endpoints give no gradients; evolve fools them.) The data mean is what the classifier is
known to subtract, else black for grey images and the middle grey for colour; --data_mean
says another one.

Writes a run folder as evolve does, a run per seed: config.json, checkpoint/, images/ (of
every label the last and the best image and the first ones at top-1, 0.99, 0.999 and 0.9999),
champions.csv, metrics.csv (a row per image and step), gallery.png and events for
TensorBoard. champions.csv says what the classifier gives the stored images, whose values
are whole numbers, and under iterate_confidence what it gave before they were rounded.
Started again on the folder of a run that was stopped or killed, the run goes on and ends
with the same bytes. gallery, transfer and confidence read it.

Costs, per image and step, the network forward and backward: seconds for MNIST, and for 20
images of SqueezeNet 1.1 and 1500 steps 11 minutes on two cores.
"""

import dataclasses
import pathlib
import shlex
from collections.abc import Sequence

from absl import flags

from evolvers.ascent import config as config_module
from keras_fool import errors
from keras_fool.command_line import cli, common_flags, label_choice, model_flags
from keras_fool.models import classifiers, data_means
from trainers import names

_LABELS = flags.DEFINE_string(
    "labels",
    None,
    "What the images shall be taken for: names or numbers of labels with commas between them, or "
    "all; by default all where there are at most 20.",
)
_SEEDS = flags.DEFINE_list(
    "seeds", ["0"], "Seeds of the noise, such as 0 or 0-4,7: an image for each label and seed."
)
_PRESET = flags.DEFINE_enum(
    "preset", "plain", list(config_module.PRESETS), "The settings to begin from."
)
_EARLY = flags.DEFINE_float("early", None, "What a step shall gain while the classifier is unsure.")
_LATE = flags.DEFINE_float(
    "late", None, "Times one minus the confidence: what it shall gain at most."
)
_MAX_LEARNING_RATE = flags.DEFINE_float(
    "max_learning_rate", None, "A step is at most this times the gradient."
)
_LEARNING_RATE = flags.DEFINE_float("learning_rate", None, "Multiplies every step.")
_DECAY = flags.DEFINE_float(
    "decay", None, "The part of the mean-subtracted image that each step takes away."
)
_BLUR_SIGMA = flags.DEFINE_float(
    "blur_sigma", None, "Standard deviation of the blur in pixels, 0 for none, or from 0.3."
)
_BLUR_EVERY = flags.DEFINE_integer("blur_every", None, "Steps from one blur to the next.")
_NORM_PERCENTILE = flags.DEFINE_float(
    "norm_percentile", None, "Per cent of pixels, the faintest, that are set to the mean."
)
_CONTRIBUTION_PERCENTILE = flags.DEFINE_float(
    "contribution_percentile",
    None,
    "The same by what setting the pixel to the mean is predicted to gain, smallest first.",
)
_ABSOLUTE_PERCENTILE = flags.DEFINE_float(
    "absolute_percentile", None, "The same by that gain without its sign."
)
_OBJECTIVE = flags.DEFINE_enum(
    "objective",
    None,
    config_module.OBJECTIVES,
    "What is climbed: the confidence p, as in the paper, log(p / (1 - p)), or log p. A step "
    "gains so much of it.",
)
_JITTER = flags.DEFINE_float(
    "jitter",
    None,
    "Pixels that the image is moved by at most, at random in each step, before the classifier "
    "sees it: for images that fool when moved, too. Not in the paper.",
)
_ZOOM = flags.DEFINE_float(
    "zoom", None, "The same by enlarging and reducing it: 0.1 for factors of 0.9 to 1.1."
)
_DATA_MEAN = flags.DEFINE_list(
    "data_mean",
    None,
    "The data mean, where the ascent begins: a number in 0..255, or red,green,blue.",
)
_IMAGE_BATCH = flags.DEFINE_integer(
    "image_batch",
    None,
    "Images in one call of the model, by default what memory takes; results depend on it by "
    "rounding at most.",
    lower_bound=1,
)
_STEPS_PER_CHECKPOINT = flags.DEFINE_integer(
    "steps_per_checkpoint",
    None,
    "Steps between checkpoints, by default a minute's; no result depends on it.",
    lower_bound=1,
)
USES = (*model_flags.USES, common_flags.WORKDIR, common_flags.STEPS)
_SETTINGS = (
    common_flags.STEPS,
    _EARLY,
    _LATE,
    _MAX_LEARNING_RATE,
    _LEARNING_RATE,
    _DECAY,
    _BLUR_SIGMA,
    _BLUR_EVERY,
    _NORM_PERCENTILE,
    _CONTRIBUTION_PERCENTILE,
    _ABSOLUTE_PERCENTILE,
    _OBJECTIVE,
    _JITTER,
    _ZOOM,
)
_MOST_BY_DEFAULT = 20  # labels
_MOST_SHOWN = 40  # lines of the table


def main(arguments: Sequence[str]) -> None:
    """Opens the classifier and the run folder, ascends, and says what came of it."""
    cli.no_arguments(arguments)
    with errors.reported(ValueError, as_error=errors.UsageError):
        config = _config()
        seeds = label_choice.seeds(_SEEDS.value)
    with errors.reported(ValueError):
        classifier = model_flags.classifier()
    if not classifier.gives_gradients:
        raise errors.UsageError(
            f"{common_flags.MODEL.value} is an endpoint, and an endpoint gives no gradients to "
            "follow. Evolution needs none: "
            f"python -m keras_fool.evolve --model={shlex.quote(common_flags.MODEL.value)}"
        )
    with errors.reported(ValueError), cli.native_messages_hidden():
        from keras_fool.runs import ascent_run

        scorer = classifier.open()
    with errors.reported(ValueError, as_error=errors.UsageError):
        labels = _labels(scorer.labels)
        mean = _mean(classifier, scorer.image_shape[2])
    path = cli.run_path(f"{classifier.name}-ascent-{_PRESET.value}")
    complete = ascent_run.ascend(
        path,
        config,
        classifier,
        mean=mean,
        labels=labels,
        seeds=seeds,
        command=cli.command_to_go_on(main, path),
        note=cli.note,
        dataset=common_flags.DATASET.value,
        scorer=scorer,
        image_batch=_IMAGE_BATCH.value,
        checkpoint_steps=_STEPS_PER_CHECKPOINT.value,
    )
    if complete:
        print(f"{path} is complete already; nothing was changed.")
    _print_results(path, classifier)


def _config() -> config_module.Config:
    """The preset, with what the flags change."""
    changes = {flag.name: flag.value for flag in _SETTINGS if flag.value is not None}
    return dataclasses.replace(config_module.PRESETS[_PRESET.value], **changes)


def _labels(known: Sequence[str]) -> list[int]:
    if _LABELS.value:
        return label_choice.labels(_LABELS.value, known)
    if len(known) > _MOST_BY_DEFAULT:
        raise ValueError(f"give --labels: which of the {len(known)} are meant.")
    return list(range(len(known)))


def _mean(
    classifier: classifiers.Classifier | classifiers.Ensemble, num_channels: int
) -> tuple[float, ...]:
    if _DATA_MEAN.value:
        return data_means.given(_DATA_MEAN.value, num_channels)
    return data_means.known(classifier, num_channels)


def _print_results(
    path: pathlib.Path, classifier: classifiers.Classifier | classifiers.Ensemble
) -> None:
    from keras_fool.runs import run_records

    with errors.reported(ValueError):
        rows = run_records.RunRecords(path).rows
    print(f"\n{'label':<24}{'seed':>5}{'confidence':>13}{'best':>12}  top-1 at  0.9999 at step")
    for row in rows[:_MOST_SHOWN]:
        print(
            f"{names.shown(row['label_name'])[:23]:<24}{row['run']:>5}{float(row['confidence']):>13.7f}"
            f"{float(row['best_confidence']):>12.7f}  {row['step_top1'] or 'never':>8}  "
            f"{row['step_0.9999'] or 'never':>14}"
        )
    if len(rows) > _MOST_SHOWN:
        print(f"... and {len(rows) - _MOST_SHOWN} images more in champions.csv")
    confidences = [float(row["confidence"]) for row in rows]
    print(
        f"\n{len(rows)} images, mean confidence {sum(confidences) / len(rows):.7f}, "
        f"{sum(confidence >= 0.9999 for confidence in confidences)} of at least 0.9999\n"
        f"{model_flags.remark(classifier)}run folder   {path}\n"
        f"gallery      {path / 'gallery.png'}\n"
        f"TensorBoard  tensorboard --logdir={shlex.quote(str(path))}"
    )


if __name__ == "__main__":
    cli.run(main, uses=USES)
