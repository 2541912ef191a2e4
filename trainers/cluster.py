"""Which processes train together: what TF_CONFIG says, checked.

TensorFlow itself accepts an incomplete TF_CONFIG, and then waits for ever or fails much later.
"""

import dataclasses
import json
from collections.abc import Mapping

_VARIABLE = "TF_CONFIG"
_JOBS = ("chief", "worker")  # in the order of the processes' numbers
_EXAMPLE = (
    '{"cluster": {"worker": ["host1:12345", "host2:12345"]}, '
    '"task": {"type": "worker", "index": 0}}'
)


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The processes of a training.

    Attributes:
        addresses: host:port of each, the chief's first.
        number: The number of this process, from 0.
    """

    addresses: tuple[str, ...]
    number: int


def from_environment(environment: Mapping[str, str]) -> Cluster:
    """Reads TF_CONFIG.

    Args:
        environment: Such as `os.environ`.

    Raises:
        ValueError: It is missing or malformed; the message says how, and gives an example.
    """
    text = environment.get(_VARIABLE)
    if not text:
        raise _wrong("is not set", "every process of --strategy=multiworker needs one")
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise _wrong("is not JSON", str(error)) from error
    cluster, task = (
        content.get(part) if isinstance(content, dict) else None for part in ("cluster", "task")
    )
    if not isinstance(cluster, dict) or not isinstance(task, dict):
        raise _wrong("needs 'cluster' and 'task'", f"got {text}")
    if other := sorted(cluster.keys() - set(_JOBS)):
        raise _wrong(f"names a job {other[0]!r}", f"known: {', '.join(_JOBS)}")
    addresses = {job: cluster.get(job, []) for job in _JOBS}
    for kind, listed in addresses.items():
        if not isinstance(listed, list) or not all(map(_is_address, listed)):
            raise _wrong(
                f"has a wrong cluster.{kind}", f"must be a list of host:port, got {listed}"
            )
    if len(addresses["chief"]) > 1:
        raise _wrong("names several chiefs", f"at most one leads, got {addresses['chief']}")
    job, index = task.get("type"), task.get("index")
    if job not in _JOBS or type(index) is not int or not 0 <= index < len(addresses[job]):
        raise _wrong("has a wrong task", f"{task} is not in {cluster}")
    everyone = (*addresses["chief"], *addresses["worker"])
    if len(set(everyone)) < len(everyone):
        raise _wrong("has an address twice", f"got {', '.join(everyone)}")
    return Cluster(everyone, index if job == "chief" else len(addresses["chief"]) + index)


def _is_address(value: object) -> bool:
    host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    return bool(host) and port.isdecimal() and 0 < int(port) < 2**16


def _wrong(what: str, why: str) -> ValueError:
    return ValueError(f"{_VARIABLE} {what}: {why}. An example: {_VARIABLE}='{_EXAMPLE}'.")
