"""Version folders polled, loaded, swapped and labelled, as TF Serving does it.

Everything that a request names is looked up among the loaded versions; no part of a request
ever becomes a path.
"""

import contextlib
import dataclasses
import pathlib
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping

from keras_fool.serving.server import loaded_version, status

LOADING, AVAILABLE, UNLOADING, END = 20, 30, 40, 50  # ModelVersionStatus.State
_INT64 = 2**63


@dataclasses.dataclass
class _Version:
    number: int
    state: int = LOADING
    error: str = ""
    attempts: int = 0
    next_attempt: float = 0.0
    loaded: loaded_version.LoadedVersion | None = None
    users: int = 0


class ModelVersions:
    """The versions of one model under a base path.

    The largest version is served, and those that labels name. A new version is loaded
    before the old one is unloaded, and an old one is closed when its last request is answered.

    Attributes:
        name: The model's.
    """

    def __init__(
        self,
        base_path: pathlib.Path,
        name: str,
        *,
        labels: Mapping[str, int],
        poll_seconds: float = 1.0,
        retries: int = 5,
        retry_seconds: float = 60.0,
        note: Callable[[str], None] = lambda _: None,
    ):
        """Does not read the folder yet: `poll` and `start` do.

        Args:
            base_path: The folder of version folders.
            name: The model's.
            labels: Version numbers by label.
            poll_seconds: Seconds between two looks at the folder, after `start`.
            retries: How many times a failed load is tried again.
            retry_seconds: Seconds between these trials.
            note: Told what was loaded and unloaded, and what failed.
        """
        self.name = name
        self._base_path = base_path.resolve()
        self._labels = dict(labels)
        self._poll_seconds = poll_seconds
        self._retries = retries
        self._retry_seconds = retry_seconds
        self._note = note
        self._versions: dict[int, _Version] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="versions", daemon=True)
        self._last_note = ""

    def start(self) -> None:
        """Polls in a thread of its own until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the polling and closes the versions that no request uses."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        for version in list(self._versions.values()):
            self._unload(version)

    def poll(self) -> None:
        """Reads the folder once: loads new versions, then unloads those that are gone."""
        found = self._found()
        wanted = {max(found)} | (found.keys() & set(self._labels.values())) if found else set()
        for number in [n for n, v in self._versions.items() if v.state == END and n not in found]:
            self._versions[number].attempts = 0  # so that it loads again if it comes back
        for number in sorted(wanted):
            version = self._versions.get(number)
            if version is None:
                with self._lock:
                    version = self._versions[number] = _Version(number)
            self._load(version, found[number])
        loaded = [number for number, v in self._versions.items() if v.state == AVAILABLE]
        if found and loaded and self._versions[max(found)].state != AVAILABLE:
            wanted.add(max(loaded))  # an old version is better than none
        for number in loaded:
            if number not in wanted:
                self._unload(self._versions[number])

    @property
    def available(self) -> list[int]:
        """The versions that answer requests, smallest first."""
        with self._lock:
            return sorted(n for n, v in self._versions.items() if v.state == AVAILABLE)

    @property
    def errors(self) -> list[str]:
        """Why versions do not load, one text for each."""
        with self._lock:
            return [version.error for version in self._versions.values() if version.error]

    @contextlib.contextmanager
    def use(
        self, name: str, version: int | None = None, label: str | None = None
    ) -> Iterator[loaded_version.LoadedVersion]:
        """A version, which stays loaded inside the `with` block.

        Args:
            name: The model's name.
            version: Its number; by default the largest one.
            label: Or the label of the number.

        Raises:
            ServingError: NOT_FOUND, there is no such model or version; INVALID_ARGUMENT, there
                is no such label, or its version is not loaded.
        """
        with self._lock:
            found = self._resolved(name, version, label)
            loaded = found.loaded
            assert loaded is not None  # it is available
            found.users += 1
        try:
            yield loaded
        finally:
            with self._lock:
                found.users -= 1
                close = found.users == 0 and found.state == UNLOADING
            if close:
                self._close(found)

    def states(self, name: str, version: int | None = None) -> list[tuple[int, int, str]]:
        """(number, state, error) of every version, or of one.

        Raises:
            ServingError: NOT_FOUND, there is none.
        """
        with self._lock:
            found = sorted(self._versions.items()) if name == self.name else []
            states = [(number, v.state, v.error) for number, v in found]
        if version is not None:
            states = [state for state in states if state[0] == version]
        if not states:
            which = "any versions" if version is None else f"version {version}"
            raise status.ServingError(
                status.grpc.StatusCode.NOT_FOUND, f"Could not find {which} of model {name}"
            )
        return states

    def _resolved(self, name: str, version: int | None, label: str | None) -> _Version:
        if label is not None:
            number = self._labels.get(label) if name == self.name else None
            if number not in self._versions or self._versions[number].state != AVAILABLE:
                raise status.invalid(f"Unrecognized servable version label: {label}")
            return self._versions[number]
        loaded = {n: v for n, v in self._versions.items() if v.state == AVAILABLE}
        number = max(loaded, default=None) if version is None else version
        if name != self.name or number not in loaded:
            what = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            raise status.ServingError(
                status.grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {what}"
            )
        return loaded[number]

    def _watch(self) -> None:
        while not self._stop.wait(self._poll_seconds):
            try:
                self.poll()
            except OSError as error:  # the folder may be missing for a moment
                self._note_once(f"cannot read {self._base_path}: {error.strerror}")

    def _found(self) -> dict[int, pathlib.Path]:
        """The version folders: those with a whole number as name, but no links to other places."""
        found = {}
        for path in sorted(self._base_path.iterdir()):
            if not re.fullmatch("[0-9]+", path.name) or int(path.name) >= _INT64:
                continue
            if not path.resolve().is_relative_to(self._base_path):
                self._note_once(f"{path} leads out of the model's folder and is not served.")
            elif path.is_dir():
                found[int(path.name)] = path
        return found

    def _load(self, version: _Version, folder: pathlib.Path) -> None:
        tried_enough = version.attempts > self._retries
        if version.state == AVAILABLE or tried_enough or time.monotonic() < version.next_attempt:
            return
        version.state = LOADING
        version.attempts += 1
        try:
            _check_links(folder, self._base_path)
            loaded = loaded_version.LoadedVersion(folder, version.number)
        except (OSError, ValueError) as error:
            over = version.attempts > self._retries
            with self._lock:
                version.error = str(error)
                version.state = END if over else LOADING
                version.next_attempt = time.monotonic() + self._retry_seconds
            ends = "given up" if over else f"tried again in {self._retry_seconds:g} seconds"
            self._note(f"{self.name} version {version.number}: {ends}: {error}")
            return
        with self._lock:
            version.loaded, version.error, version.state = loaded, "", AVAILABLE
        self._note(f"{self.name} version {version.number}: loaded.")

    def _unload(self, version: _Version) -> None:
        with self._lock:
            if version.state != AVAILABLE:
                return
            version.state = UNLOADING
            idle = version.users == 0
        if idle:
            self._close(version)

    def _close(self, version: _Version) -> None:
        assert version.loaded is not None  # it was available
        version.loaded.close()
        with self._lock:
            version.loaded, version.attempts, version.next_attempt = None, 0, 0.0
            version.state = END
        self._note(f"{self.name} version {version.number}: unloaded.")

    def _note_once(self, sentence: str) -> None:
        if sentence != self._last_note:  # once, not every second
            self._note(sentence)
        self._last_note = sentence


def _check_links(folder: pathlib.Path, base_path: pathlib.Path) -> None:
    for path in folder.rglob("*"):
        if path.is_symlink() and not path.resolve().is_relative_to(base_path):
            raise ValueError(f"{path} leads out of the model's folder.")
