"""Which version of the served model is asked, from the first request to the last."""

import contextlib
import threading
from collections.abc import Callable

from keras_fool.models import endpoints
from keras_fool.serving.client import endpoint_errors, replicas, transport


class Versions:
    """The version that is asked; for many threads.

    A version that the address does not name is looked up once and then asked by its number, so
    that a newer version cannot answer between two requests.

    Attributes:
        current: The number of the version that is asked; None where the endpoint does not say.
    """

    def __init__(
        self,
        endpoint: endpoints.Endpoint,
        asked: replicas.Replicas,
        current: int | None,
        *,
        on_change: Callable[[], None],
        note: Callable[[str], None],
    ):
        """Begins with the version that answered first.

        Args:
            endpoint: What is asked.
            asked: Its replicas.
            current: The version that answered first.
            on_change: Called before another version is asked.
            note: Told, in a sentence, what the user should know.
        """
        self.current = current
        self._endpoint = endpoint
        self._replicas = asked
        self._on_change = on_change
        self._note = note
        self._lock = threading.Lock()

    def has(self, version: int) -> bool:
        """Whether a replica still serves `version`, where the address names none."""
        if self._endpoint.version is not None:
            return False
        for replica in self._replicas.all:
            with contextlib.suppress(transport.RequestError):
                if replica.transport.metadata(version).version == version:
                    return True
        return False

    def not_found_at(self, replica: replicas.Replica, version: int | None) -> None:
        """Finds out whether a replica serves another version instead of `version`.

        Only when every replica serves another version does that decide: while replicas are
        upgraded one by one, those that still serve the version that is asked go on.

        Raises:
            VersionError: They all do, and that is not allowed.
        """
        if version is None:
            return
        try:
            newest = replica.transport.metadata(None).version
        except transport.RequestError:
            return  # it may be starting
        if newest == version:
            return
        replica.other_version = newest
        if all(other.other_version is not None for other in self._replicas.all):
            with self._lock:
                if self.current == version:  # otherwise another thread was here before
                    self.change(newest)

    def change(self, newest: int | None) -> None:
        """Asks another version from now on.

        Raises:
            VersionError: That is not allowed.
        """
        words = f"{self._endpoint.url} serves version {newest}, not version {self.current} any more"
        if not self._endpoint.options.allow_version_change:
            raise endpoint_errors.VersionError(
                f"{words}: confidences of two versions do not compare. To go on all the same, "
                "say --allow_version_change."
            )
        self._note(f"{words}; going on with it.")
        for replica in self._replicas.all:
            replica.other_version = None
        self._on_change()
        self.current = newest
