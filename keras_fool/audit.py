r"""Audits a classifier: how easily it is fooled, by what, and whether anything helps.

    python -m keras_fool.audit --dataset=mnist
    python -m keras_fool.audit --model=my_model.keras --dataset=folder:my_images --budget=100000
    python -m keras_fool.audit --model=my_model.keras --quick --fail_over=fooled99:0.5

The first example audits the shipped classifier of handwritten digits. Reads the classifier, as
evolve does (see its --help), and with --dataset labelled images. What it does, in this order:
  1. says what it understood of the classifier, as inspect does, and checks it on labelled images;
  2. attacks it: evolution of CPPNs and of pixels, and gradient ascent where gradients flow;
  3. fits eight detectors on training images (MSP, MaxLogit, energy, ODIN, Mahalanobis, KNN, ViM,
     ReAct), and chooses thresholds on held-out real images, never on fooling ones;
  4. attacks each detector together with the classifier: a confidence counts only where the
     detector accepts the image;
  5. scores all images again, from their PNG files, and on reference classifiers; and judges.
Each attack has three independent runs, and each figure an interval. What cannot be done (no
gradients of an endpoint, no threshold without real images) is said in its place. Where the images
of --dataset=mnist are not prepared, detectors and figures are those shipped with the classifier.

--budget is the number of images in all, shared equally between all attacks, so that what a detector
leaves compares with what there is without one. A step of an ascent counts as an image.

Writes the folder --workdir:
  audit.html     everything on one page, which opens from there and asks nothing of any network
  audit.json     all figures; its JSON Schema is in the package, keras_fool/audits/
  attacks/, adaptive/    run folders, as evolve and ascend write them: the images, their genomes
  detectors/     the fitted detectors with their thresholds: evolve --detector=FILE attacks one
The same command on the folder of an audit that was stopped or killed continues it.

--cluster hands the evolutions to the workers of a Ray cluster, as evolve does.

--fail_over=fooled99:0.5 is for continuous integration: the exit code is 1 where the strongest
attack fooled more than half of the labels with at least 99 % confidence. The names: fooled50,
fooled90, fooled99, fooled9999, of the strongest attack; left50, ..., left9999, of what the best
detector leaves to the attack that is worst for it. With commas between several.
"""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from absl import flags

from keras_fool import errors
from keras_fool.audits import settings, verdict
from keras_fool.command_line import (
    cli,
    cluster_flags,
    common_flags,
    endpoint_flags,
    flag_groups,
    flag_values,
    model_flags,
    next_steps,
    path_flags,
)
from keras_fool.models import classifiers

if TYPE_CHECKING:
    from keras_fool.audits import data
    from keras_fool.models.scorer_contract import Scorer

_BUDGET = flags.DEFINE_integer(
    "budget",
    None,
    "Images in all, of attacks and adaptive attacks together (default: "
    f"{settings.BUDGET:,}; with --quick {settings.QUICK_BUDGET:,}).",
    lower_bound=settings.SMALLEST_BUDGET,
)
_QUICK = flags.DEFINE_bool(
    "quick", False, "Look at fewer images: less exact figures in a fraction of the time."
)
_REFERENCE = flags.DEFINE(
    path_flags.Paths(),
    "reference",
    None,
    "Classifiers that the images are given to, too, with commas between them (default: those "
    "under saved_models/ and the shipped ones that take the same images and have the same labels).",
)
_FAIL_OVER = flags.DEFINE_string(
    "fail_over",
    None,
    "Largest shares that pass, such as fooled99:0.5,left99:0.2; over one, the exit code is 1.",
)
USES = flag_groups.Groups(
    what=(
        common_flags.MODEL,
        *model_flags.WHAT_OR_ENDPOINT[2:],
        flag_groups.Told(
            common_flags.DATASET,
            "Labelled images: mnist, digits, shapes, imagenet2012, folder:PATH (with "
            "PATH/test/<label>/, and train/ for detectors), or tfds:NAME (of TensorFlow Datasets). "
            "Without --model, their shipped classifier is audited.",
        ),
        _REFERENCE,
    ),
    how=(
        _BUDGET,
        _QUICK,
        common_flags.SEED,
        _FAIL_OVER,
        *model_flags.CROPS,
    ),
    where=(common_flags.WORKDIR, common_flags.DATA_DIR),
    endpoint=endpoint_flags.USES,
    cluster=cluster_flags.USES,
    expert=model_flags.OF_ONE,
)
_WIDTH = 100


def main(arguments: Sequence[str]) -> None:
    """Audits, and says what came of it."""
    cli.no_arguments(arguments)
    if common_flags.DATASET.value is None and common_flags.MODEL.value is None:
        raise errors.UsageError("give --model, such as --model=my_model.keras, or --dataset=mnist.")
    if common_flags.DATASET.value is not None:
        flag_values.dataset()
    with errors.reported(ValueError, as_error=errors.UsageError):
        limits = {} if _FAIL_OVER.value is None else verdict.limits(_FAIL_OVER.value)
        default = settings.QUICK_BUDGET if _QUICK.value else settings.BUDGET
        chosen = settings.Settings(
            budget=_BUDGET.value or default, seed=common_flags.SEED.value, quick=_QUICK.value
        )
    cluster_flags.check()
    with errors.reported(ValueError, FileNotFoundError):
        classifier = endpoint_flags.applied(
            model_flags.classifier(of_dataset=common_flags.MODEL.value is None)
        )
        cluster_flags.check_classifier(classifier)
        path = _path(classifier)
        cli.loading(path)
        with cli.native_messages_hidden():
            from keras_fool.audits import engine, planning, references
        given = _REFERENCE.value
        work = planning.Work(
            path=path,
            classifier=classifier,
            chosen=chosen,
            load=lambda scorer: _load(scorer, chosen),
            given=references.named(classifiers.listed(given)) if given is not None else None,
            dataset=common_flags.DATASET.value,
            fail_over=limits,
            command=cli.command_to_go_on(main, path),
            note=cli.note,
        )
    with cluster_flags.opened() as elsewhere:
        report = engine.audit(dataclasses.replace(work, elsewhere=elsewhere))
    print(_summary(report, path))
    if failed := verdict.failures(report["checks"]):
        raise errors.UserError(failed)


def _load(scorer: "Scorer", chosen: settings.Settings) -> "data.Parts | str":
    """The labelled images of --dataset, or why there are none."""
    from keras_fool.audits import data

    name = common_flags.DATASET.value
    if name is None:
        return data.NONE_GIVEN
    with cli.native_messages_hidden():
        return data.find(name, scorer, common_flags.DATA_DIR.value, chosen)


def _path(classifier: classifiers.AnyClassifier) -> pathlib.Path:
    what = common_flags.DATASET.value if common_flags.MODEL.value is None else classifier.name
    return cli.run_path(f"{what}-audit-seed{common_flags.SEED.value}")


def _summary(report: Mapping[str, Any], path: pathlib.Path) -> str:
    """The verdict, a table of attacks, a table of detectors, and where everything is."""
    from keras_fool.audits import in_terminal

    lines = [in_terminal.summary(report, _WIDTH)]
    lines += [str(path / name) for name in ("audit.json", "audit.html") if (path / name).is_file()]
    lines.append(next_steps.lines(*_next(report, path)))
    return "\n".join(lines)


def _next(report: Mapping[str, Any], path: pathlib.Path) -> list[str]:
    images = report["by_what"]["images"]
    surest = max(images, key=lambda image: image["confidence"], default=None)
    found = []
    if surest is not None and surest["attack"] == "cppn":
        found.append(next_steps.command("render", path / surest["file"], "--size=1024"))
    chosen = report["verdict"]["threshold"]
    if chosen is not None and not report["model"]["is_remote"]:
        detector = f"--detector={path / chosen['file']}"
        found.append(next_steps.command("evolve", *next_steps.same_classifier(), detector))
    if report["settings"]["quick"]:
        words = next_steps.same_classifier()
        if common_flags.MODEL.value is not None and common_flags.DATASET.value is not None:
            words.append(f"--dataset={common_flags.DATASET.value}")
        found.append(next_steps.command("audit", *words))
    return found or [next_steps.command("gallery", f"--images={path / 'attacks/cppn'}")]


if __name__ == "__main__":
    cli.run(main, USES)
