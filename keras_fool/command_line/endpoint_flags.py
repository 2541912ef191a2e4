"""How a command treats endpoints, from its flags."""

from collections.abc import Sequence

from keras_fool import arguments
from keras_fool.command_line import common_flags, flag_values
from keras_fool.models import classifiers

USES = (
    common_flags.DEADLINE,
    common_flags.PATIENCE,
    common_flags.IN_FLIGHT,
    common_flags.REQUESTS_PER_SECOND,
    common_flags.MAX_REQUESTS,
    common_flags.MAX_IMAGES,
    common_flags.ALLOW_VERSION_CHANGE,
)


def applied(classifier: classifiers.AnyClassifier) -> classifiers.AnyClassifier:
    """The same classifier; if it is an endpoint, with the options that the flags give.

    Raises:
        ValueError: It is not an endpoint, and a flag about endpoints is given.
    """
    return arguments.with_options(classifier, flag_values.given(USES))


def applied_to_all(
    given: Sequence[classifiers.AnyClassifier],
) -> list[classifiers.AnyClassifier]:
    """The same classifiers, the endpoints among them with the options that the flags give.

    Raises:
        ValueError: None is an endpoint, and a flag about endpoints is given.
    """
    if not any(classifier.is_remote for classifier in given):
        return [applied(given[0]), *given[1:]]
    return [applied(one) if one.is_remote else one for one in given]
