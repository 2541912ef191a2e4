"""How a command treats endpoints, from its flags."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from absl import flags

from keras_fool.command_line import common_flags
from keras_fool.models import classifiers, endpoints

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
    return applied_to_all([classifier])[0]


def applied_to_all(
    given: Sequence[classifiers.AnyClassifier],
) -> list[classifiers.AnyClassifier]:
    """The same classifiers, the endpoints among them with the options that the flags give.

    Raises:
        ValueError: None is an endpoint, and a flag about endpoints is given.
    """
    values: dict[str, Any] = {holder.name: holder.value for holder in USES}
    options = endpoints.Options(**values)
    if not any(classifier.is_remote for classifier in given):
        for holder in USES:
            if flags.FLAGS[holder.name].present:
                raise ValueError(
                    f"--{holder.name} is about endpoints such as grpc://host:port/name, and "
                    f"{given[0].name} is not an endpoint."
                )
    return [
        dataclasses.replace(classifier, options=options) if classifier.is_remote else classifier
        for classifier in given
    ]
