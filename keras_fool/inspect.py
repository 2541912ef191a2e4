r"""Says what is understood of a classifier, before it is fooled.

    python -m keras_fool.inspect --model=my_model.keras
    python -m keras_fool.inspect --model=my_model.onnx --outputs=logits --dataset=folder:photographs
    python -m keras_fool.inspect --model=exports/mine --dataset=tfds:cifar10

Reads the classifier that --model names: a model file or folder, a network of keras.applications,
or several with commas between them. Prints a line for each fact:
  format, from, sha256   what was loaded
  input                  the images that the network takes, and in which form
  sees                   what of an image that is, where it is larger
  preprocess             what bytes 0..255 become before they enter (see --preprocess)
  range                  between which values they lie then
  outputs                what the outputs mean, and how that is known (see --outputs)
  computed in            the precision that decides how exactly confidences add up
  images, labels         what a user of it gives and gets
  gradients              whether they reach the image, which gradient ascent needs: tried
  speed                  images that are scored in a second here

With --dataset, which has labelled images, it also measures how often the classifier is right, on up
to 1000 of its test images, under each preprocessing that suits the input. A wrong --preprocess is
the usual reason for a model that seems to be fooled by everything: the right one is far better than
the others.

Takes some seconds after TensorFlow has started.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import tqdm

from keras_fool import errors
from keras_fool.command_line import (
    cli,
    common_flags,
    flag_groups,
    flag_values,
    model_flags,
    next_steps,
)
from keras_fool.studies import tables
from trainers import names

if TYPE_CHECKING:
    from keras_fool.models.scoring import LocalScorer

USES = flag_groups.Groups(
    what=(
        common_flags.MODEL,
        *model_flags.WHAT[2:],
        flag_groups.Told(
            common_flags.DATASET,
            "Labelled images to be right about: mnist, digits, shapes, imagenet2012, folder:PATH "
            "(with PATH/test/<label>/), or tfds:NAME (of TensorFlow Datasets). Without --model, "
            "their shipped classifier is inspected.",
        ),
    ),
    how=model_flags.CROPS,
    where=(common_flags.DATA_DIR,),
    expert=model_flags.OF_ONE,
)
_NEARLY = 0.05  # a share of images: preprocessings that differ by less may both be right


def main(arguments: Sequence[str]) -> None:
    """Loads the classifier and prints what it is."""
    cli.no_arguments(arguments)
    dataset = flag_values.dataset() if common_flags.DATASET.value is not None else None
    if dataset is None and common_flags.MODEL.value is None:
        raise errors.UsageError("give --model, such as --model=my_model.keras.")
    with errors.reported(ValueError, FileNotFoundError):
        classifier = model_flags.classifier(of_dataset=common_flags.MODEL.value is None)
        if classifier.is_remote:
            raise errors.UsageError(
                f"{classifier.name} is an endpoint: inspect is about models on this machine."
            )
        cli.loading()
        with cli.native_messages_hidden():
            from keras_fool.models import preprocess_advice, scorer_contract
            from keras_fool.studies import inspection

            scorer = classifier.open()
            images = scorer_contract.trial_images(scorer.image_shape)
            advice = preprocess_advice.of_random_images(scorer, images)
            found = inspection.facts(classifier, scorer)
        print("\n\n".join(map(tables.facts, found)))
        is_best = True
        if dataset is not None:
            table, is_best = _accuracies(scorer, dataset)
            print(f"\n{table}")
            advice = None  # the table says it better
    if is_best:
        print(f"\n{next_steps.lines(next_steps.command('evolve', *next_steps.same_classifier()))}")
    for words in filter(None, (*scorer.notes, advice)):
        cli.note(words)


def _accuracies(scorer: "LocalScorer", dataset: str) -> tuple[str, bool]:
    """The table of preprocessings, the best first, and whether that is as it is now."""
    from keras_fool.studies import confidence, inspection

    with cli.native_messages_hidden():
        data = confidence.load(dataset, scorer.image_shape, common_flags.DATA_DIR.value)
    total = min(data.num_test, inspection.NUM_MEASURED) * inspection.num_preprocesses(scorer)
    with tqdm.tqdm(total=total, unit="image", dynamic_ncols=True, leave=False) as bar:
        shares, count, order = inspection.accuracies(scorer, data, bar.update)
    now, best = next(iter(shares)), max(shares.values())
    lines = [f"right about, of {count:,} test images of {names.shown(data.name)}:"]
    for word, share in sorted(shares.items(), key=lambda pair: -pair[1]):
        lines.append(f"  {word:<8}{100 * share:6.1f} %{'   (as it is now)' if word == now else ''}")
    is_best = best <= shares[now] + _NEARLY
    lines.append(order)
    if not is_best:
        words = [word for word, share in shares.items() if share > best - _NEARLY]
        lines.append(
            "It was probably trained with another preprocessing: "
            f"{' or '.join(f'--preprocess={word}' for word in words)}."
        )
    return "\n".join(lines), is_best


if __name__ == "__main__":
    cli.run(main, USES)
