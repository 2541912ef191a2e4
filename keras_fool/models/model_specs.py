"""How users name classifiers on a command line: `WHAT[:option]...`.

    mnist_a
    my_model.keras:tf:logits
    squeezenet.keras:bgr
    MobileNet:alpha=0.25:size=128:weights=mobilenet.weights.h5
    squeezenet.keras:bgr:image=256:crops=10
    mnist_a:view=published
    detector.keras:output=class_scores
    exports/mine:signature=serve
    grpc://127.0.0.1:8500/mnist_a

With commas between them several are one ensemble. Everything after grpc:// and the like is
the address, whatever is in it. Files and folders may have any name: what exists is meant as
it stands, whatever colons, commas and plus signs are in it.
"""

import dataclasses
import os
from collections.abc import Callable, Sequence
from typing import Any

from keras_fool import errors
from keras_fool.models import applications, image_views, meanings, preprocessing
from trainers import names

URL_SCHEMES = ("grpc://", "grpcs://", "http://", "https://")
_NUMBERS = {"size": int, "alpha": float, "image": int, "crops": int, "crop": int}
_TEXTS = ("weights", "output", "signature")
_WORDS = (
    *preprocessing.METHODS,
    *meanings.MEANINGS,
    *(f"{name}=" for name in (*_TEXTS, "view", *_NUMBERS)),
)
_WEIGHTS = "weights="


@dataclasses.dataclass(frozen=True)
class Spec:
    """What one name on a command line says.

    Attributes:
        what: The name, path or address without options.
        preprocess: As `classifiers.Classifier` has it; None where it is not said.
        outputs: What its outputs mean, one of `meanings.MEANINGS`; None where it is not said.
        weights: A file or "imagenet", for networks of `keras.applications`.
        size: Side of the network's input, for the same.
        alpha: Width, for the same.
        image: Side of the square images that are scored, in pixels.
        crops: How many crops of them the network sees.
        crop: Side of a crop, in pixels.
        view: What reaches the network of a grey image, one of `image_views.VIEWS`.
        output: The name of the output that has the confidences, where there are several.
        signature: The name of the signature of a SavedModel that takes images.
    """

    what: str
    preprocess: str | None = None
    outputs: str | None = None
    weights: str | None = None
    size: int | None = None
    alpha: float | None = None
    image: int | None = None
    crops: int | None = None
    crop: int | None = None
    view: str | None = None
    output: str | None = None
    signature: str | None = None

    @property
    def is_url(self) -> bool:
        """Whether it is the address of an endpoint."""
        return self.what.startswith(URL_SCHEMES)

    @property
    def is_application(self) -> bool:
        """Whether it is a network of `keras.applications`."""
        return self.what in applications.SIZES


def parse(text: str, exists: Callable[[str], bool] = lambda _: False) -> Spec:
    """Reads one of them.

    Args:
        text: What the user says.
        exists: Whether something has a name or path, whatever colons are in it.

    Raises:
        ValueError: An option is given twice or its value is invalid.
    """
    if text.startswith(URL_SCHEMES):
        return Spec(text)
    words = text.split(":")
    for count in range(len(words), 0, -1):
        what = ":".join(words[:count])
        if exists(what) and (found := _options(words[count:], text)) is not None:
            return Spec(what, **found)
    options: dict[str, Any] = {}
    what = text
    while (option := _option(what.rpartition(":")[2])) is not None and ":" in what:
        name, value = option
        if name in options:
            raise ValueError(f"{text!r} says {name} twice.")
        options[name] = value
        what = what.rpartition(":")[0]
    return Spec(what, **options)


def split(
    text: str, is_one: Callable[[str], bool] = lambda _: False, separator: str = ","
) -> list[str]:
    """Several of them, `a,b,c`; commas between the replicas of an address are part of it.

    Args:
        text: What the user says.
        is_one: Whether a part is one of them as it stands, whatever is in it.
        separator: What stands between them: commas, or the plus signs of an ensemble.

    Raises:
        ValueError: One is empty.
    """

    def is_whole(part: str) -> bool:
        if part.startswith(URL_SCHEMES):
            return separator not in part.partition("://")[2].partition("/")[2]
        return is_one(part)

    members = names.separated(text, is_whole, separator)
    if "" in members:
        raise errors.MisuseError(f"{text!r} names an empty member between its {separator!r}.")
    return members


def wrong_option(text: str, exists: Callable[[str], bool]) -> str | None:
    """Says which word behind an existing name is not an option; None where all are."""
    words = text.split(":")
    for count in range(len(words) - 1, 0, -1):
        what = ":".join(words[:count])
        if exists(what):
            word = next((word for word in words[count:] if _option(word) is None), words[count])
            return names.unknown(f"option of {what}", word, _WORDS)
    return None


def is_there(text: str, exists: Callable[[str], bool]) -> bool:
    """Whether a text is a name that exists, with options, and so is its file of weights.

    Args:
        text: What the user says, or a part of it.
        exists: As `parse` takes it.
    """
    try:
        spec = parse(text, exists)
    except ValueError:
        return False
    has_weights = spec.weights in (None, "imagenet") or os.path.exists(spec.weights)
    return has_weights and exists(spec.what)


def _options(words: Sequence[str], text: str) -> dict[str, Any] | None:
    """The options in words, by field of `Spec`; None where a word is not an option.

    A file of weights may have colons in its name: the longest that exists is meant.
    """
    options: dict[str, Any] = {}
    place = 0
    while place < len(words):
        end = place + 1
        if words[place].startswith(_WEIGHTS):
            ends = range(len(words), place, -1)
            files = {end: ":".join(words[place:end]).removeprefix(_WEIGHTS) for end in ends}
            end = next((end for end in ends if os.path.exists(files[end])), end)
        option = _option(":".join(words[place:end]))
        if option is None:
            return None
        name, value = option
        if name in options:
            raise ValueError(f"{text!r} says {name} twice.")
        options[name] = value
        place = end
    return options


def _option(text: str) -> tuple[str, Any] | None:
    if text in preprocessing.METHODS:
        return "preprocess", text
    if text in meanings.MEANINGS:
        return "outputs", text
    name, _, value = text.partition("=")
    if name in _TEXTS and value:
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
