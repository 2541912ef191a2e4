"""Opens the scorer of any classifier: on this machine, or behind an endpoint."""

from keras_fool import errors
from keras_fool.models import classifiers, given_classifiers, scorer_contract


def open_scorer(
    classifier: given_classifiers.AnyClassifier,
    score_batch: int | None = None,
    *,
    draws: bool = False,
) -> scorer_contract.Scorer:
    """The scorer of any classifier, here or behind an endpoint.

    Args:
        classifier: What scores.
        score_batch: The largest number of images in one call or request.
        draws: Whether it draws CPPNs, too; no endpoint does.

    Raises:
        ValueError: It cannot be used.
        UserError: An endpoint needs packages that are not installed.
    """
    if not classifier.is_remote:
        return classifier.open(score_batch, draws=draws)
    if draws:
        raise errors.MisuseError("renderer must be cpu: an endpoint is given images.")
    with errors.needs_extra("serving"):
        from keras_fool.serving.client import endpoint_scorer

        return endpoint_scorer.EndpointScorer(classifier, score_batch=score_batch)


def close(scorer: scorer_contract.Scorer | None) -> None:
    """Ends the connections of an endpoint's scorer; others have nothing to end."""
    end = getattr(scorer, "close", None)
    if end is not None:
        end()


def described(
    classifier: classifiers.AnyClassifier,
    scorer: scorer_contract.Scorer,
    dataset: str | None,
) -> dict[str, object]:
    """What config.json says of a classifier, besides the settings.

    Args:
        classifier: What is fooled.
        scorer: Its scorer.
        dataset: The data set's name, where one is known.
    """
    return {
        "classifier": classifier.name,
        "classifier_spec": classifiers.printable(classifier.spec),
        "dataset": dataset,
        "labels": scorer.labels,
        "image_shape": scorer.image_shape,
    }
