"""Addresses of served classifiers, read without contacting a server.

    grpc://host:port[,host:port...]/name[/version|@label][?option=value&...]
    http://host:port[,...]/v1/models/name[/versions/N|/labels/L][?...]

grpcs:// and https:// are the same with TLS; several addresses are replicas of one model.
"""

import dataclasses
import re
import urllib.parse
from typing import Any, ClassVar, Literal

from keras_fool.models import label_orders, meanings, model_specs, preprocessing
from trainers import names

_FORMS = {
    "grpc": "{scheme}://host:port[,host:port...]/name[/version or @label][?option=value]",
    "http": "{scheme}://host:port[,...]/v1/models/name[/versions/N or /labels/L][?option=value]",
}
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
_GRPC_PATH = re.compile(r"/(?P<name>[^/@]+)(?:/(?P<version>[^/@]+)|@(?P<label>[^/@]+))?")
_REST_PATH = re.compile(
    r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>[^/:]+)|/labels/(?P<label>[^/:]+))?"
)
_OPTIONS = ("signature", "output", "image", "preprocess", "outputs", "logits")
_LARGEST_VERSION = 2**63 - 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """How an endpoint is asked; no option changes a result.

    Attributes:
        deadline: How many seconds one request may take.
        patience: After how many seconds without a usable answer a run stops.
        in_flight: How many requests are sent at the same time.
        requests_per_second: How many requests are sent at most; None for no limit.
        max_requests: How many requests are sent in all, including repeated ones; None for any
            number.
        max_images: How many images are sent in all, including repeated ones; None for any number.
        allow_version_change: Whether to go on when another version of the model answers.
    """

    deadline: float = 30.0
    patience: float = 300.0
    in_flight: int = 4
    requests_per_second: float | None = None
    max_requests: int | None = None
    max_images: int | None = None
    allow_version_change: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A served classifier: where it is, and which model, version and signature of it.

    Attributes:
        name: Its name in reports, such as "mnist", "mnist/2" or "mnist@stable".
        scheme: "grpc", "grpcs", "http" or "https".
        addresses: "host:port" of each replica.
        model: The model's name.
        version: The version in the address; None for the newest one, or for that of `label`.
        label: The label of a version in the address, if any.
        signature: The signature to call; None for the one that suits images best.
        output: The output that holds the confidences; None to find it by its shape and name.
        image_shape: (height, width, channels), needed if the model's metadata does not have it.
        preprocess: Which of `preprocessing.METHODS` turns bytes into a float input.
        outputs: What the output means, as the user says, one of `meanings.MEANINGS`; None for
            confidences, because the server does not say.
        labels: The names of its labels; None for numbers.
        options: How it is asked.
    """

    name: str
    scheme: str
    addresses: tuple[str, ...]
    model: str
    version: int | None = None
    label: str | None = None
    signature: str | None = None
    output: str | None = None
    image_shape: tuple[int, int, int] | None = None
    preprocess: str = "none"
    outputs: str | None = None
    labels: tuple[str, ...] | None = None
    options: Options = dataclasses.field(default=Options(), compare=False)

    is_remote: ClassVar[Literal[True]] = True
    gives_gradients: ClassVar[Literal[False]] = False
    in_tensorflow: ClassVar[bool] = False
    why_no_gradients: ClassVar[str] = "is an endpoint, and an endpoint gives no gradients"
    in_graph: ClassVar[Literal[False]] = False
    takes_view: ClassVar[Literal[False]] = False

    @property
    def meaning(self) -> str:
        """What the output means, one of `meanings.MEANINGS`."""
        return self.outputs or meanings.CONFIDENCES

    @property
    def from_logits(self) -> bool:
        """Whether a softmax turns the output into confidences."""
        return self.meaning == meanings.LOGITS

    @property
    def url(self) -> str:
        """Where it is, without options."""
        return f"{self.scheme}://{','.join(self.addresses)}{self.path()}"

    def path(self, version: int | None = None) -> str:
        """The part of the address after the hosts, with `version` instead of its own if given."""
        model = urllib.parse.quote(self.model, safe="")
        if self.scheme.startswith("grpc"):
            prefixes = "/", "/", "@"
        else:
            prefixes = "/v1/models/", "/versions/", "/labels/"
        version = self.version if version is None else version
        if version is not None:
            which = f"{prefixes[1]}{version}"
        elif self.label is not None:
            which = prefixes[2] + urllib.parse.quote(self.label, safe="")
        else:
            which = ""
        return f"{prefixes[0]}{model}{which}"

    @property
    def spec(self) -> str:
        """The address with options, from which `parse` makes an equal endpoint."""
        given = {
            "signature": self.signature,
            "output": self.output,
            "image": self.image_shape and "x".join(map(str, self.image_shape)),
            "preprocess": None if self.preprocess == "none" else self.preprocess,
            "logits": "true" if self.from_logits else None,
            "outputs": self.meaning if self.meaning == meanings.SIGMOID else None,
        }
        query = urllib.parse.urlencode({name: value for name, value in given.items() if value})
        return f"{self.url}?{query}" if query else self.url

    @property
    def uses_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.scheme.endswith("s")

    @property
    def identity(self) -> dict:
        """What determines its confidences, as JSON; `path` only says where it was found.

        The version that answers is recorded with the run, because it is only known then.
        """
        identity = {
            "endpoint": self.model,
            "signature": self.signature,
            "output": self.output,
            "preprocess": self.preprocess,
            "from_logits": self.from_logits,
            "path": self.url,
        }
        if self.meaning == meanings.SIGMOID:
            identity["outputs"] = self.meaning
        return identity

    @property
    def members(self) -> "tuple[Endpoint, ...]":
        """Itself: an ensemble has several members, an endpoint is its only one."""
        return (self,)

    @property
    def unnamed(self) -> tuple[str, ...]:
        """No members whose labels have no names where others' have some."""
        return ()

    def with_labels(self, labels: tuple[str, ...]) -> "Endpoint":
        """The same, with names for its labels.

        Raises:
            ValueError: As `label_orders.check_same` does.
        """
        label_orders.check_same(self.name, self.labels, labels)
        return dataclasses.replace(self, labels=labels)


def parse(url: str) -> Endpoint:
    """Reads an address.

    Options after the question mark: `signature=NAME`, `output=NAME`, `image=HxWxC`,
    `preprocess=WORD`, `outputs=WORD` (one of `meanings.MEANINGS`; `logits=true` is the same as
    `outputs=logits`).

    Raises:
        ValueError: A part of it is malformed; the message shows the expected form.
    """
    scheme = url.partition("://")[0]
    if f"{scheme}://" not in model_specs.URL_SCHEMES:
        known = ", ".join(model_specs.URL_SCHEMES)
        raise ValueError(f"an endpoint's address begins with one of {known}.")
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:  # its message may contain a password
        form = _FORMS[scheme.removesuffix("s")].format(scheme=scheme)
        raise ValueError(f"the endpoint's address is malformed; expected {form}.") from None
    reader = _Reader(scheme, parts)
    addresses, model, options = reader.addresses(), reader.model(), reader.options()
    name = model["model"]
    if model["label"] is not None:
        name += f"@{model['label']}"
    elif model["version"] is not None:
        name += f"/{model['version']}"
    return Endpoint(name=name, scheme=scheme, addresses=addresses, **model, **options)


class _Reader:
    """The parts of one address; messages never repeat what may be a password."""

    def __init__(self, scheme: str, parts: urllib.parse.SplitResult):
        self._form = _FORMS[scheme.removesuffix("s")].format(scheme=scheme)
        self._default_port = {"http": ":80", "https": ":443"}.get(scheme, "")
        self._parts = parts
        self._is_grpc = scheme.startswith("grpc")
        if "@" in parts.netloc:
            raise self._error("holds a user or password; give a token in KERAS_FOOL_TOKEN instead")
        if parts.fragment:
            raise self._error("holds a '#'")

    def addresses(self) -> tuple[str, ...]:
        found = []
        for address in self._parts.netloc.split(","):
            has_port = re.search(r":\d*$", address.rpartition("]")[2]) is not None
            full = address if has_port else address + self._default_port
            match = _ADDRESS.fullmatch(full)
            if match is None or not 0 < int(match[2]) < 65536:
                raise self._error(f"has {address!r} where host:port belongs")
            if full in found:
                raise self._error(f"names {address} twice")
            found.append(full)
        return tuple(found)

    def model(self) -> dict[str, Any]:
        pattern = _GRPC_PATH if self._is_grpc else _REST_PATH
        match = pattern.fullmatch(self._parts.path)
        if match is None:
            raise self._error(f"has {self._parts.path!r} where the model's name belongs")
        found = {
            name: value and urllib.parse.unquote(value) for name, value in match.groupdict().items()
        }
        for value in filter(None, found.values()):
            if names.shown(value) != value:
                raise self._error(f"has characters that cannot be printed in {value!a}")
        version = found["version"]
        if version is not None:
            if not (version.isascii() and version.isdecimal()):
                raise self._error(f"has {version!r} where the version's number belongs")
            if int(version) > _LARGEST_VERSION:
                raise self._error(f"has a version beyond {_LARGEST_VERSION}")
        return {
            "model": found["name"],
            "version": None if version is None else int(version),
            "label": found["label"],
        }

    def options(self) -> dict[str, Any]:
        given = {}
        for part in filter(None, self._parts.query.split("&")):
            name, _, value = part.partition("=")
            if name not in _OPTIONS:
                hint = names.did_you_mean(name, _OPTIONS)
                raise self._error(
                    f"has an unknown option{hint or ';'} known: {', '.join(_OPTIONS)}"
                )
            if name in given:
                raise self._error(f"says {name} twice")
            given[name] = urllib.parse.unquote_plus(value)
            if not given[name]:
                raise self._error(f"gives {name} no value")
        if given.get("logits", "true") not in ("true", "false"):
            raise self._error(f"has logits={given['logits']!r}, not true or false")
        if given.get("outputs", meanings.CONFIDENCES) not in meanings.MEANINGS:
            raise self._error(
                f"has outputs={given['outputs']!r}; known: {', '.join(meanings.MEANINGS)}"
            )
        outputs = given.get("outputs")
        if "logits" in given:
            if outputs is not None and (outputs == meanings.LOGITS) != (given["logits"] == "true"):
                raise self._error(f"has logits={given['logits']} and outputs={outputs}; say one")
            outputs = meanings.LOGITS if given["logits"] == "true" else outputs
        if given.get("preprocess", "none") not in preprocessing.METHODS:
            raise self._error(
                f"has preprocess={given['preprocess']!r}; known: {', '.join(preprocessing.METHODS)}"
            )
        return {
            "signature": given.get("signature"),
            "output": given.get("output"),
            "image_shape": self._image(given.get("image")),
            "preprocess": given.get("preprocess", "none"),
            "outputs": outputs,
        }

    def _image(self, text: str | None) -> tuple[int, int, int] | None:
        if text is None:
            return None
        match = re.fullmatch(r"(\d{1,5})x(\d{1,5})x([13])", text)
        height, width, channels = map(int, match.groups()) if match else (0, 0, 0)
        if not height * width * channels:
            raise self._error(f"has image={text!r}, not HEIGHTxWIDTHxCHANNELS such as 28x28x1")
        return height, width, channels

    def _error(self, problem: str) -> ValueError:
        return ValueError(f"the endpoint's address {problem}; expected {self._form}.")
