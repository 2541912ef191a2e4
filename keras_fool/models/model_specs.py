"""How users name classifiers on a command line: `WHAT[:option]...`.

    mnist_a
    my_model.keras:tf:logits
    squeezenet.keras:bgr
    MobileNet:alpha=0.25:size=128:weights=mobilenet.weights.h5
    squeezenet.keras:bgr:image=256:crops=10
    mnist_a:view=published
    grpc://127.0.0.1:8500/mnist_a

With commas between them several are one ensemble. Everything after grpc:// and the like is
the address, whatever is in it.
"""

import dataclasses
from collections.abc import Sequence

from keras_fool.models import applications, image_views

# What may be said of bytes 0..255; `classifiers.Classifier` tells what they mean.
PREPROCESSES = ("none", "unit", "caffe", "tf", "torch", "bgr")
URL_SCHEMES = ("grpc://", "grpcs://", "http://", "https://")
_NUMBERS = {"size": int, "alpha": float, "image": int, "crops": int, "crop": int}


@dataclasses.dataclass(frozen=True)
class Spec:
    """What one name on a command line says.

    Attributes:
        what: The name, path or address without options.
        preprocess: As `classifiers.Classifier` has it; None where it is not said.
        from_logits: Whether `logits` is said.
        weights: A file or "imagenet", for networks of `keras.applications`.
        size: Side of the network's input, for the same.
        alpha: Width, for the same.
        image: Side of the square images that are scored, in pixels.
        crops: How many crops of them the network sees.
        crop: Side of a crop, in pixels.
        view: What reaches the network of a grey image, one of `image_views.VIEWS`.
    """

    what: str
    preprocess: str | None = None
    from_logits: bool = False
    weights: str | None = None
    size: int | None = None
    alpha: float | None = None
    image: int | None = None
    crops: int | None = None
    crop: int | None = None
    view: str | None = None

    @property
    def is_url(self) -> bool:
        """Whether it is the address of an endpoint."""
        return self.what.startswith(URL_SCHEMES)

    @property
    def is_application(self) -> bool:
        """Whether it is a network of `keras.applications`."""
        return self.what in applications.SIZES


def parse(text: str) -> Spec:
    """Reads one of them.

    Raises:
        ValueError: An option is said twice or its value is none.
    """
    if text.startswith(URL_SCHEMES):
        return Spec(text)
    options = {}
    what = text
    while (option := _option(what.rpartition(":")[2])) is not None and ":" in what:
        name, value = option
        if name in options:
            raise ValueError(f"{text!r} says {name} twice.")
        options[name] = value
        what = what.rpartition(":")[0]
    return Spec(what, **options)


def split(text: str) -> list[str]:
    """The members of an ensemble `a,b,c`; commas in an address are part of it.

    Raises:
        ValueError: A member is empty.
    """
    if text.startswith(URL_SCHEMES):
        return [text]
    members = text.split(",")
    if "" in members:
        raise ValueError(f"{text!r} names an empty member between its commas.")
    return members


def rejoined(parts: Sequence[str]) -> list[str]:
    """Specs that were split at commas, with the addresses of replicas together again."""
    specs = []
    for part in parts:
        address = specs[-1].partition("://") if specs else ("", "", "")
        if specs and specs[-1].startswith(URL_SCHEMES) and "/" not in address[2]:
            specs[-1] += f",{part}"
        else:
            specs.append(part)
    return specs


def _option(text: str) -> tuple[str, object] | None:
    if text in PREPROCESSES:
        return "preprocess", text
    if text == "logits":
        return "from_logits", True
    name, _, value = text.partition("=")
    if name == "weights" and value:
        return name, value
    if name == "view":
        if value not in image_views.VIEWS:
            raise ValueError(f"view must be one of {', '.join(image_views.VIEWS)}, got {value!r}.")
        return name, value
    if name not in _NUMBERS:
        return None
    try:
        number = _NUMBERS[name](value)
    except ValueError:
        number = 0
    if not number > 0:
        raise ValueError(f"{name} must be a number above 0, got {value!r}.")
    return name, number
