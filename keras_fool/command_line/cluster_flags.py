"""The cluster that a command's evolutions are made on, from its flags."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from absl import flags

from keras_fool import errors
from keras_fool.cluster import addresses
from keras_fool.command_line import cli, common_flags
from keras_fool.models import classifiers

if TYPE_CHECKING:
    from keras_fool.cluster import connection

_OF_WORKERS = (
    common_flags.WORKERS,
    common_flags.CPUS_PER_WORKER,
    common_flags.GPUS_PER_WORKER,
)
USES = (common_flags.CLUSTER, *_OF_WORKERS)


def check() -> None:
    """Checks, before anything is loaded, that the flags go together, and that there is a cluster.

    Raises:
        UsageError: They do not, or --cluster is not an address.
        UserError: Ray is not installed, or nothing answers at the address.
    """
    address = common_flags.CLUSTER.value
    if address is None:
        for holder in _OF_WORKERS:
            if flags.FLAGS[holder.name].present:
                raise errors.UsageError(
                    f"--{holder.name} is about the workers of a cluster: give --cluster, too."
                )
        return
    with errors.reported(ValueError, as_error=errors.UsageError):
        addresses.check(address)


def check_classifier(classifier: classifiers.AnyClassifier) -> None:
    """Checks that workers can open a classifier, where there is a cluster.

    Raises:
        UsageError: It is an endpoint or a function.
    """
    if common_flags.CLUSTER.value is not None:
        from keras_fool.cluster import shipping

        with errors.reported(ValueError, as_error=errors.UsageError):
            shipping.check(classifier)


@contextlib.contextmanager
def opened() -> "Iterator[connection.Cluster | None]":
    """The cluster that --cluster names; None where it is not given."""
    if common_flags.CLUSTER.value is None:
        yield None
        return
    from keras_fool.cluster import connection

    with connection.Cluster(
        common_flags.CLUSTER.value,
        note=cli.note,
        workers=common_flags.WORKERS.value,
        cpus_per_worker=common_flags.CPUS_PER_WORKER.value,
        gpus_per_worker=common_flags.GPUS_PER_WORKER.value,
        imports=common_flags.IMPORT.value,
    ) as cluster:
        yield cluster
