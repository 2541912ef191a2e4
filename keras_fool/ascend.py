r"""Follows a classifier's gradient to images that it takes for the labels you name.

    python -m keras_fool.ascend --dataset=mnist
    python -m keras_fool.ascend --model=squeezenet.keras:bgr --label_names=labels.txt \
        --labels="Tibetan terrier,gorilla,413" --seeds=0-4 --preset=s5

The first example makes an image of each digit, the second five images of each of three labels.
Regularised gradient ascent, as in Figures S5 to S9 of Nguyen, Yosinski and Clune, 2015,
https://arxiv.org/abs/1412.1897: it begins at the data mean plus noise of one grey level and
follows the gradient of the confidence itself. The presets are the paper's settings:
  plain   no regularisation: above 99.99 % within some hundred steps, unrecognizable
  s5      weight decay (Figures S5 and S8)
  s6      weak decay, a slight blur, the faintest 20 % of pixels set to the mean
  s7      weak decay, more blur, fewer steps (Figures S7 and S9)
They are for the paper's network. Where the confidence of another network stays low, decay and blur
undo what the steps gain: lower --decay, or raise --early and --late.

Reads the classifier: anything that runs on this machine, ensembles and ten crops included.
(Endpoints give no gradients; evolve fools them.)

Writes a run folder as evolve does, with a run per seed: config.json, checkpoint/, images/ (for
every label the last and the best image and the first ones at top-1, 0.99, 0.999 and 0.9999),
champions.csv, metrics.csv (a row per image and step), gallery.png, of more than 40 labels best.png
(the surest 24 images, large), and events for TensorBoard.
champions.csv has the confidences of the stored images, whose values are whole numbers, and under
iterate_confidence those before rounding. The same command on the folder of a run that was stopped
or killed continues it, and ends with the same bytes. gallery, transfer and confidence read it.

Costs, per image and step, the network forward and backward: seconds for MNIST; 11 minutes on two
cores for 20 images of SqueezeNet 1.1 and 1500 steps.
"""

import shlex
from collections.abc import Sequence

from absl import flags

from evolvers.ascent import config as config_module
from keras_fool import arguments, errors, fooling
from keras_fool.command_line import (
    cli,
    common_flags,
    flag_groups,
    model_flags,
    run_flags,
    run_tables,
)

_SEEDS = flags.DEFINE_list(
    "seeds", ["0"], "Seeds of the noise, such as 0 or 0-4,7: an image for each label and seed."
)
_PRESET = flags.DEFINE_enum(
    "preset",
    "plain",
    list(config_module.PRESETS),
    "The settings to begin from, one of the presets above.",
)
_STEPS = flag_groups.Told(common_flags.STEPS, "Steps of the ascent (default: the preset's).")


def _define(name: str, text: str) -> flags.FlagHolder:
    """A flag that changes a setting of the preset; the settings' own check has the limits."""
    whole = isinstance(getattr(config_module.Config, name), int)
    define = flags.DEFINE_integer if whole else flags.DEFINE_float
    return define(name, None, f"{text} (default: the preset's).")


_PARTS_OF_PRESET = (
    _define("early", "The gain in the objective that a step aims at while the confidence is low"),
    _define(
        "late", "Factor: a step aims at a gain of at most --late times one minus the confidence"
    ),
    _define(
        "max_learning_rate",
        "Factor: the change in a step is at most --max_learning_rate times the gradient",
    ),
    _define("learning_rate", "Factor that multiplies every step"),
    _define("decay", "Share of the image minus the data mean that each step takes away, 0 to 1"),
    _define("blur_sigma", "Standard deviation of the blur in pixels: 0 for none, or at least 0.3"),
    _define("blur_every", "Steps from one blur to the next"),
    _define(
        "norm_percentile",
        "Per cent of the pixels, the faintest first, that each step sets to the data mean",
    ),
    _define(
        "contribution_percentile",
        "Per cent of the pixels that each step sets to the data mean, those first that are "
        "predicted to contribute least to the objective",
    ),
    _define(
        "absolute_percentile",
        "Per cent of the pixels that each step sets to the data mean, those first whose predicted "
        "contribution has the smallest absolute value",
    ),
    flags.DEFINE_enum(
        "objective",
        None,
        config_module.OBJECTIVES,
        "What is increased: the confidence p, as in the paper (probability, the presets' choice), "
        "log(p / (1 - p)) (logit), or log p (log_probability).",
    ),
    _define(
        "jitter",
        "Pixels that the image is moved by at most, at random in each step, before the classifier "
        "sees it: for images that fool when moved, too; not in the paper",
    ),
    _define(
        "zoom",
        "Share by which the image is enlarged or reduced at most, at random in each step, such as "
        "0.1 for factors of 0.9 to 1.1; not in the paper",
    ),
)
_DATA_MEAN = flags.DEFINE_list(
    "data_mean",
    None,
    "The data mean, where the ascent begins: a number in 0..255, or red,green,blue (default: the "
    "mean that the classifier is known to subtract, else black for grey images and the middle "
    "grey for colour).",
)
USES = flag_groups.Groups(
    what=(
        *model_flags.WHAT,
        flag_groups.Told(
            common_flags.LABELS,
            "Names or numbers of the labels that images are made for, with commas between them, "
            "or all (default: all where there are at most 20).",
        ),
    ),
    how=(
        _PRESET,
        _STEPS,
        _SEEDS,
        *model_flags.CROPS,
    ),
    where=(common_flags.WORKDIR,),
    expert=(
        *_PARTS_OF_PRESET,
        _DATA_MEAN,
        *model_flags.OF_ONE,
        flag_groups.Told(
            common_flags.SCORE_BATCH,
            "Images in one call of the model; auto takes as many as memory allows. Results "
            "depend on it by rounding at most.",
        ),
        flag_groups.Told(
            common_flags.CHECKPOINT_EVERY,
            "Steps between two checkpoints (default: as many as take a minute). No result "
            "depends on it.",
        ),
    ),
)


def main(argv: Sequence[str]) -> None:
    """Finds the classifier and the run folder, ascends, and says what came of it."""
    settings, score_batch = run_flags.settings(argv, USES, arguments.ascent)
    with errors.reported(ValueError):
        classifier = model_flags.classifier()
    model = str(common_flags.MODEL.value)
    if classifier.is_remote or not classifier.gives_gradients:
        raise errors.UsageError(
            f"{model} {classifier.why_no_gradients} to follow. Evolution needs none: "
            f"python -m keras_fool.evolve --model={shlex.quote(model)}"
        )
    path = cli.run_path(f"{classifier.name}-ascent-{_PRESET.value}")
    work = run_flags.work(main, path, classifier, common_flags.LABELS.value or None, score_batch)
    made = fooling.ascend(work, settings)
    run_flags.say_if_before(made, path)
    print(run_tables.ascended(path, [model_flags.remark(classifier)]))


if __name__ == "__main__":
    cli.run(main, USES)
