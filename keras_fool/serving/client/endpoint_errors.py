"""Why scoring at an endpoint ends."""

from keras_fool.models import scorer_contract


class EndpointError(scorer_contract.ScorerError):
    """An endpoint gives no usable answers, or stopped giving them; the message names it."""

    may_pass = True


class BudgetError(EndpointError):
    """Everything that may be sent to the endpoint was sent."""


class VersionError(EndpointError):
    """Another version of the model answers than the one that answered before."""

    may_pass = False
