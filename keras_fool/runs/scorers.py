"""Opens the scorer of any classifier: on this machine, or behind an endpoint."""

from typing import TYPE_CHECKING

from keras_fool import errors
from keras_fool.models import classifiers, endpoints

if TYPE_CHECKING:  # TensorFlow
    from keras_fool.models.scoring import LocalScorer
    from keras_fool.serving.client.endpoint_scorer import EndpointScorer


def open_scorer(
    classifier: classifiers.AnyClassifier, score_batch: int | None = None
) -> "LocalScorer | EndpointScorer":
    """The scorer of any classifier, here or behind an endpoint.

    Args:
        classifier: What scores.
        score_batch: The largest number of images in one call or request.

    Raises:
        ValueError: It cannot be used.
        UserError: An endpoint needs packages that are not installed.
    """
    if not isinstance(classifier, endpoints.Endpoint):
        from keras_fool.models import scoring

        return scoring.LocalScorer(classifier, score_batch=score_batch)
    with errors.needs_extra("serving"):
        from keras_fool.serving.client import endpoint_scorer

        return endpoint_scorer.EndpointScorer(classifier, score_batch=score_batch)
