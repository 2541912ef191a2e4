"""What is said of a run, checked and typed: the arguments of `keras_fool.fool`, and flags."""

import contextlib
import dataclasses
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from evolvers import config as evolvers_config
from evolvers import searches
from evolvers.ascent import config as ascent_config
from keras_fool import errors
from keras_fool.models import endpoints, label_choice
from trainers import names

if TYPE_CHECKING:
    from keras_fool.cluster import connection

EVOLVE, ASCEND = METHODS = ("evolve", "ascend")
PARTS_OF_PRESET = tuple(
    field.name for field in dataclasses.fields(ascent_config.Config) if field.name != "steps"
)
# Of a cluster; what each is at least.
_OF_WORKERS = {"workers": 1, "cpus_per_worker": 0.01, "gpus_per_worker": 0}
_ONLY = {
    EVOLVE: (
        *("runs", "generations", "batch_size", "seed", "encoding", "coords", "search"),
        *("first_run", "renderer", "montage_every", "detector"),
        *("cluster", *_OF_WORKERS),
    ),
    ASCEND: ("preset", "steps", "seeds", "data_mean", *PARTS_OF_PRESET),
}
_OF_EVOLUTION = ("encoding", "coords", "search", "runs", "first_run", "generations", "seed")
_RENDERERS = ("auto", *evolvers_config.RENDERERS)
_OF_ENDPOINTS = tuple(field.name for field in dataclasses.fields(endpoints.Options))
_WHOLE = (
    *("runs", "generations", "batch_size", "seed", "first_run", "montage_every", "steps"),
    *("checkpoint_every", "max_requests", "max_images", "workers"),
)


@contextlib.contextmanager
def plainly() -> Iterator[None]:
    """Raises what libraries raise, in the words of a program instead of a command line."""
    try:
        yield
    except errors.UserError as error:
        if isinstance(error.__cause__, ValueError):
            raise ValueError(without_dashes(str(error))) from error.__cause__
        if isinstance(error.__cause__, OSError):
            raise error.__cause__ from None
        if type(error) is errors.UserError and without_dashes(str(error)) != str(error):
            raise errors.UserError(without_dashes(str(error))) from error
        raise
    except (ValueError, TypeError) as error:
        plain = without_dashes(str(error))
        if plain == str(error):
            raise
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(plain) from error


def without_dashes(message: str) -> str:
    """A message about flags as one about keyword arguments: outputs='logits'."""
    if "python -m" in message:
        return message

    def written(match: re.Match) -> str:
        name, value = match[1], match[2]
        return f"{name}={value if value.isdecimal() else repr(value)}"

    parts = message.split("`")  # commands in backticks stay
    for place in range(0, len(parts), 2):
        plain = re.sub(r"--([a-z_]+)=([A-Za-z0-9_]+)", written, parts[place])
        parts[place] = re.sub(r"--([a-z_]{3,})", r"\1", plain)
    return "`".join(parts)


def checked(method: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are given, each of its type.

    Raises:
        TypeError: One is unknown, or of another type.
        ValueError: One is for the other method.
    """
    (other,) = set(METHODS) - {method}
    found = {}
    for name, value in given.items():
        if name in _ONLY[other]:
            raise ValueError(f"{name} is for method={other!r}, and method is {method!r}.")
        if name not in (*_ONLY[method], *_OF_ENDPOINTS, "checkpoint_every"):
            known = [*_ONLY[method], *_OF_ENDPOINTS]
            raise TypeError(f"fool() has no argument {name!r}{names.did_you_mean(name, known)}.")
        found[name] = _of_type(name, value)
    return found


@dataclasses.dataclass(frozen=True)
class Evolution:
    """What shapes an evolution, whatever the classifier.

    Attributes:
        config: Its settings.
        renderer: What draws CPPNs: one of `evolvers.config.RENDERERS`, or "auto" where
            `evolution_run.renderer` is to choose.
        detector: A detector's file; None for none.
        montage_every: Generations between TensorBoard's montages.
    """

    config: evolvers_config.Config
    renderer: str = "auto"
    detector: Any = None
    montage_every: int = 20


@dataclasses.dataclass(frozen=True)
class Ascent:
    """What shapes an ascent, whatever the classifier.

    Attributes:
        config: Its settings.
        seeds: Those of the noise that it begins with, ascending.
        data_mean: The data mean in words, a value or one per channel; None for what is known.
    """

    config: ascent_config.Config
    seeds: list[int]
    data_mean: list[str] | None = None


def of_machines(function: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of endpoints and of workers that a function is given, each of its type.

    Raises:
        TypeError: One is unknown, or of another type.
    """
    known = (*_OF_ENDPOINTS, *_OF_WORKERS)
    for name in given:
        if name not in known:
            raise TypeError(
                f"{function}() has no argument {name!r}{names.did_you_mean(name, known)}."
            )
    return {name: _of_type(name, value) for name, value in given.items() if value is not None}


def cluster(
    address: object, given: Mapping[str, Any], note: Callable[[str], None]
) -> "connection.Cluster | None":
    """The cluster of an address, which answers there; None for None.

    Args:
        address: As --cluster takes it.
        given: What is said of its workers, of what `checked` or `of_machines` gave.
        note: As `connection.Cluster` takes it.

    Raises:
        TypeError, ValueError: It is not an address, or what is said of workers is impossible, or
            there is no address, and something is said of them.
        UserError: Ray is not installed, or nothing answers there.
    """
    said = {name: given[name] for name in _OF_WORKERS if name in given}
    for name, value in said.items():
        if address is None:
            raise ValueError(f"{name} is about the workers of a cluster: give cluster, too.")
        if not value >= _OF_WORKERS[name]:
            raise ValueError(f"{name} must be at least {_OF_WORKERS[name]}, got {value}.")
    if address is None:
        return None
    if not isinstance(address, str):
        raise TypeError(f"cluster must be an address or 'auto', got {address!r}.")
    from keras_fool.cluster import addresses, connection

    addresses.check(address)
    return connection.Cluster(address, note=note, **said)


def evolution(given: Mapping[str, Any]) -> Evolution:
    """The settings of an evolution, of what `checked` gave or what flags say.

    Raises:
        ValueError: A value is impossible, or they do not go together.
    """
    renderer = given.get("renderer", "auto")
    if renderer not in _RENDERERS:
        raise ValueError(names.unknown("renderer", str(renderer), _RENDERERS))
    batch = given.get("batch_size", evolvers_config.Config.batch)
    # Spots far from the origin of raw coordinates of large images would be wide.
    usual = {"coords": "normalized"} if given.get("search") == searches.EFFICIENT else {}
    config = evolvers_config.Config(
        **{**usual, **{name: given[name] for name in _OF_EVOLUTION if name in given}},
        initial=batch,
        batch=batch,
        renderer="cpu" if renderer == "auto" else renderer,
    )
    others = ("renderer", "detector", "montage_every")
    return Evolution(config, **{name: given[name] for name in others if name in given})


def ascent(given: Mapping[str, Any]) -> Ascent:
    """The settings of an ascent, of what `checked` gave or what flags say.

    Raises:
        TypeError, ValueError: A value is impossible, or they do not go together.
    """
    preset = given.get("preset", "plain")
    if preset not in ascent_config.PRESETS:
        raise ValueError(names.unknown("preset", str(preset), list(ascent_config.PRESETS)))
    changes = {name: given[name] for name in ("steps", *PARTS_OF_PRESET) if name in given}
    return Ascent(
        dataclasses.replace(ascent_config.PRESETS[preset], **changes),
        seeds(given.get("seeds", 0)),
        texts(given["data_mean"]) if "data_mean" in given else None,
    )


def _of_type(name: str, value: Any) -> Any:
    default = getattr(ascent_config.Config, name, getattr(endpoints.Options, name, None))
    if name in _WHOLE or type(default) is int:
        number = whole(name, value)
        if name in ("montage_every", "checkpoint_every") and number < 1:
            raise ValueError(f"{name} must be at least 1, got {number}.")
        return number
    is_option = (name in _OF_ENDPOINTS and type(default) is not bool) or name in _OF_WORKERS
    if type(default) is float or is_option:
        if isinstance(value, bool) or not hasattr(value, "__float__"):
            raise TypeError(f"{name} must be a number, got {value!r}.")
        return float(value)
    return value


def whole(name: str, value: Any) -> int:
    """A whole number.

    Raises:
        TypeError: It is none.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be a whole number, got {value!r}.")
    return operator.index(value)


def score_batch(value: int | str) -> int | None:
    """Images in one call of the model; None for "auto".

    Raises:
        TypeError, ValueError: It is neither "auto" nor a number from 1.
    """
    if value == "auto":
        return None
    number = whole("score_batch", value)
    if number < 1:
        raise ValueError(f"score_batch must be 'auto' or at least 1, got {number}.")
    return number


def with_options(classifier: Any, given: Mapping[str, Any]) -> Any:
    """The classifier; an endpoint with those of its options that are given.

    Raises:
        ValueError: There are some, and it is no endpoint, or one is not above 0.
    """
    options = {name: given[name] for name in _OF_ENDPOINTS if name in given}
    if not options:
        return classifier
    if not classifier.is_remote:
        raise errors.MisuseError(
            f"--{next(iter(options))} is about endpoints such as grpc://host:port/name, and "
            f"{classifier.name} is not an endpoint."
        )
    for name, value in options.items():
        if name == "patience" and value == 0:
            continue  # it stops at once
        if value is not True and value is not False and not value > 0:
            raise errors.MisuseError(f"{name} must be above 0, got {value}.")
    return dataclasses.replace(classifier, options=endpoints.Options(**options))


def seeds(value: Any) -> list[int]:
    """Seeds, each once, ascending: of a number, several, or texts such as "0-4,7".

    Raises:
        TypeError, ValueError: There is none, or one is no whole number from 0.
    """
    each = value if isinstance(value, Iterable) else [value]
    words = value.split(",") if isinstance(value, str) else list(each)
    if all(isinstance(word, str) for word in words):
        return label_choice.numbers(words, "--seeds")
    numbers = sorted({whole("seeds", seed) for seed in words})
    if not numbers or numbers[0] < 0:
        raise ValueError(f"seeds must be numbers from 0 on, at least one, got {value!r}.")
    return numbers


def texts(value: Any) -> list[str]:
    """A value, or several, as the words of a flag."""
    if isinstance(value, str):
        return value.split(",")
    return [str(each) for each in (value if isinstance(value, Iterable) else [value])]
