"""What a classifier is, before it is loaded: a network on this machine, or an ensemble of some.

A third kind is `endpoints.Endpoint`. Each answers for itself: what identifies it, its labels, how
it is named again, whether it gives gradients and takes another view of images, and, on this
machine, how it is opened.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from keras_fool import errors
from keras_fool.models import (
    applications,
    endpoints,
    heads,
    image_views,
    label_orders,
    meanings,
    model_files,
    model_formats,
)

if TYPE_CHECKING:  # TensorFlow
    import keras

    from keras_fool.models.scoring import LocalScorer

# What crops of an image there may be: its centre, or the four corners and the centre and
# their mirror images, as Caffe's reference network was scored.
CROPS = (1, 10)


@dataclasses.dataclass(frozen=True)
class Views:
    """What a network sees of an image that may be larger than its input.

    Attributes:
        image_size: Side of the square images, in pixels; None for those that the network
            takes.
        crops: How many crops of an image the confidences are the mean of, one of `CROPS`.
        crop_size: Side of a crop, in pixels, scaled to what the network takes; None for
            crops of just that.
        view: What reaches it of a grey image, one of `image_views.VIEWS`.
    """

    image_size: int | None = None
    crops: int = 1
    crop_size: int | None = None
    view: str = image_views.PLAIN

    def __post_init__(self):
        if self.view not in image_views.VIEWS:
            raise errors.MisuseError(
                f"view must be one of {', '.join(image_views.VIEWS)}, got {self.view!r}."
            )
        if self.view != image_views.PLAIN and self.image_size is not None:
            raise errors.MisuseError(
                f"view={self.view} is of images that the network takes whole: leave the image "
                "size and the crops out."
            )
        if self.crops not in CROPS:
            raise errors.MisuseError(f"crops must be 1 or 10, got {self.crops}.")
        if self.image_size is None and (self.crops != 1 or self.crop_size):
            raise errors.MisuseError(
                "crops are cut out of larger images: say how large, such as --image_size=256."
            )
        if self.image_size is not None and self.crop_size and self.crop_size > self.image_size:
            raise errors.MisuseError(
                f"crops of {self.crop_size} pixels do not fit into images of {self.image_size}."
            )


class _Local:
    """What runs on this machine."""

    is_remote: ClassVar[Literal[False]] = False
    in_graph: ClassVar[Literal[True]] = True  # of TensorFlow, with others or what draws CPPNs
    why_no_gradients: str | None
    members: "tuple[Classifier, ...]"

    @property
    def in_tensorflow(self) -> bool:
        """Whether TensorFlow computes all of it, so that it can be exported."""
        return all(member.format.in_tensorflow for member in self.members)

    @property
    def gives_gradients(self) -> bool:
        """Whether it may give gradients; `scoring.LocalScorer.gives_gradients` tries it."""
        return self.why_no_gradients is None

    def open(self, score_batch: int | None = None, *, draws: bool = False) -> "LocalScorer":
        """Its scorer.

        Args:
            score_batch: The largest number of images in one call of the model.
            draws: Whether it draws CPPNs, too.

        Raises:
            ValueError: It cannot be used; see `scoring.LocalScorer`.
        """
        from keras_fool.models import drawing_scorer, scoring

        kind = drawing_scorer.DrawingScorer if draws else scoring.LocalScorer
        return kind(self, score_batch=score_batch)  # type: ignore[arg-type]


@dataclasses.dataclass(frozen=True)
class Classifier(_Local):
    """A network, how bytes get into it, and how confidences come out of it.

    Attributes:
        name: What reports call it, such as "mnist_a/1" or "my_model.keras".
        path: The file or folder of the model, or the file of weights of an `application`;
            None where Keras has the weights.
        labels: The names of its outputs; None where nothing tells them.
        preprocess: What turns bytes 0..255 into its input, one of `preprocessing.METHODS`:
            "none" (bytes as they are), "unit" (to [0, 1]), what `keras.applications` calls
            "caffe", "tf" and "torch", or "bgr" (Caffe's own: BGR minus (104, 117, 123)).
        outputs: What its outputs are said to mean, one of `meanings.MEANINGS`; None where
            nothing is said, and its last layer tells.
        application: The network, where `path` holds only weights.
        views: What it sees of an image.
        output: Which of several outputs has the confidences, by its name; None for the only one.
        signature: Which signature of a SavedModel is called; None for the one that takes images.
    """

    takes_view: ClassVar[Literal[True]] = True

    name: str
    path: pathlib.Path | None
    labels: tuple[str, ...] | None = None
    preprocess: str = "none"
    outputs: str | None = None
    application: applications.Application | None = None
    views: Views = Views()
    output: str | None = None
    signature: str | None = None

    @functools.cached_property
    def format(self) -> model_formats.Format:
        """The format of its file or folder."""
        if self.path is None or self.application is not None:
            return model_formats.KERAS
        return model_formats.of(self.path) or model_formats.KERAS

    @property
    def why_no_gradients(self) -> str | None:  # type: ignore[override]
        """Says, after its name, why it can give no gradients; None where it may give some."""
        if self.format.in_tensorflow:
            return None
        return f"is {self.format.title}, which gives no gradients"

    @functools.cached_property
    def head(self) -> heads.Head | None:
        """The layer that tells what its outputs mean; None where none does."""
        if self.path is None or self.application is not None or not self.format.has_layers:
            return None
        return heads.head(self.path, self.output)

    @property
    def meaning(self) -> str:
        """What its outputs mean, said or guessed: one of `meanings.MEANINGS`."""
        return self.outputs or self._guess

    @property
    def _guess(self) -> str:
        return (self.head and self.head.meaning) or meanings.CONFIDENCES

    @property
    def from_logits(self) -> bool:
        """Whether a softmax makes confidences of its outputs."""
        return self.meaning == meanings.LOGITS

    @functools.cached_property
    def identity(self) -> dict:
        """What makes its confidences, as JSON; `path` only says where it was found."""
        identity: dict[str, Any] = {
            "sha256": self.sha256,
            "preprocess": self.preprocess,
            "from_logits": self.from_logits,
            "path": str(self.path) if self.path else None,
        }
        if self.meaning == meanings.SIGMOID:
            identity["outputs"] = self.meaning
        if self.application is not None:
            network = self.application
            identity["application"] = f"{network.name}:alpha={network.alpha}:size={network.size}"
        views = self.views
        if views.image_size is not None:
            sizes = ("image_size", "crops", "crop_size")
            identity["views"] = {name: getattr(views, name) for name in sizes}
        if views.view != image_views.PLAIN:
            identity["view"] = views.view
        if self.output is not None:
            identity["output"] = self.output
        if self.signature is not None:
            identity["signature"] = self.signature
        if self.mean_path is not None:
            identity["mean_sha256"] = model_files.sha256(self.mean_path)
        return identity

    @property
    def sha256(self) -> str | None:
        """The SHA-256 of what holds its weights; None where Keras has them."""
        return model_files.sha256(self.path) if self.path else None

    def load(self) -> "keras.Model":
        """The model.

        Raises:
            ValueError: As `keras_models.loaded` does.
        """
        from keras_fool.models import keras_models

        return keras_models.loaded(self)

    def saved(self, folder: pathlib.Path) -> "Classifier":
        """The same with a file in a folder, of one without: it needs neither network nor process.

        Raises:
            ValueError: It cannot be saved.
            OSError: The file could not be written.
        """
        weights = folder / "published.weights.h5"
        self.load().save_weights(weights)
        return dataclasses.replace(self, path=weights)

    @property
    def mean_path(self) -> pathlib.Path | None:
        """The file with the mean training image, where its view subtracts that."""
        if self.path is None or not image_views.subtracts_mean(self.views.view):
            return None
        folder = self.path if self.format is model_formats.SAVED_MODEL else self.path.parent
        return folder / image_views.MEAN_FILE

    @property
    def members(self) -> "tuple[Classifier, ...]":  # type: ignore[override]
        """Itself, as an ensemble's members are several."""
        return (self,)

    @property
    def orders(self) -> tuple[None]:
        """As an ensemble has them."""
        return (None,)

    @property
    def unnamed(self) -> tuple[str, ...]:
        """As an ensemble has them."""
        return ()

    def with_labels(self, labels: tuple[str, ...]) -> "Classifier":
        """The same, with names for its labels.

        Raises:
            ValueError: As `label_orders.check_same` does.
        """
        label_orders.check_same(self.name, self.labels, labels)
        return dataclasses.replace(self, labels=labels)

    @property
    def spec(self) -> str:
        """What `find` makes this of again, wherever it is called."""
        network, views = self.application, self.views
        words = [str(self.path) if network is None else network.name]
        if network is not None:
            words += [f"weights={network.weights if self.path is None else self.path}"]
            words += [f"size={network.size}", f"alpha={network.alpha}"]
        words += [self.preprocess]
        if self.meaning != meanings.CONFIDENCES or self._guess != meanings.CONFIDENCES:
            words += [self.meaning]
        if views.image_size is not None:
            words += [f"image={views.image_size}", f"crops={views.crops}"]
            words += [f"crop={views.crop_size}"] if views.crop_size else []
        words += [f"output={self.output}"] if self.output else []
        words += [f"signature={self.signature}"] if self.signature else []
        words += [f"view={views.view}"] if views.view != image_views.PLAIN else []
        return ":".join(words)


@dataclasses.dataclass(frozen=True)
class Ensemble(_Local):
    """Classifiers whose confidences are averaged (Nguyen et al., 2015, supplement B).

    Attributes:
        members: At least two, that see the same images and have the same labels, each in
            an order of its own.
    """

    takes_view: ClassVar[Literal[False]] = False

    members: tuple[Classifier, ...]

    @property
    def name(self) -> str:
        """The members' names, with plus signs between them."""
        return "+".join(member.name for member in self.members)

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The names of the first member that knows them."""
        return next((member.labels for member in self.members if member.labels), None)

    @property
    def unnamed(self) -> tuple[str, ...]:
        """The members whose labels have no names, where others' have some."""
        if self.labels is None:
            return ()
        return tuple(member.name for member in self.members if member.labels is None)

    @functools.cached_property
    def orders(self) -> tuple[tuple[int, ...] | None, ...]:
        """Where `labels` stand among each member's; None for a member with the same order.

        Those of a member whose labels have no names are taken in the same order.

        Raises:
            ValueError: A member names its labels otherwise.
        """
        first = next((member for member in self.members if member.labels), None)
        found: list[tuple[int, ...] | None] = []
        for member in self.members:
            if first is None or first.labels is None or member.labels is None:
                found.append(None)
                continue
            if len(member.labels) != len(first.labels):
                found.append(None)  # another number is refused where the networks are known
                continue
            order = label_orders.find(first.labels, member.labels, first.name, member.name)
            found.append(None if order.is_same else order.places)
        return tuple(found)

    @property
    def why_no_gradients(self) -> str | None:  # type: ignore[override]
        """As a classifier has it, of the first member that gives none."""
        reasons = (member.why_no_gradients for member in self.members)
        return next(filter(None, reasons), None)

    @functools.cached_property
    def identity(self) -> dict:
        """The members' identities, in order, and the orders of their labels if they differ."""
        identity: dict[str, Any] = {"ensemble": [member.identity for member in self.members]}
        if any(self.orders):
            identity["orders"] = [order and list(order) for order in self.orders]
        return identity

    def with_labels(self, labels: tuple[str, ...]) -> "Ensemble":
        """The same, with names for its labels, in the order of its own `labels`.

        Raises:
            ValueError: As `label_orders.check_same` does, or a member has another number.
        """
        label_orders.check_same(self.name, self.labels, labels)
        members = []
        for member, order in zip(self.members, self.orders, strict=True):
            own = list(labels)
            if order is not None:
                if len(order) != len(labels):
                    raise ValueError(
                        f"{member.name}: {len(labels)} labels are named, but it has {len(order)}."
                    )
                for label, place in zip(labels, order, strict=True):
                    own[place] = label
            members.append(dataclasses.replace(member, labels=tuple(own)))
        return Ensemble(tuple(members))

    @property
    def spec(self) -> str:
        """What `find_all` makes this of again."""
        return ",".join(member.spec for member in self.members)


AnyClassifier = Classifier | Ensemble | endpoints.Endpoint


def comparable(identity: Mapping[str, Any]) -> dict[str, object]:
    """An identity without where its files were found, which may change."""
    if "ensemble" in identity:
        return {**identity, "ensemble": [comparable(member) for member in identity["ensemble"]]}
    return {name: value for name, value in identity.items() if name != "path"}


def with_view(classifier: Classifier, view: str) -> Classifier:
    """A classifier that takes whole images, through another view, which its name says.

    Args:
        classifier: Through the plain view.
        view: One of `image_views.VIEWS`.

    Raises:
        ValueError: There is no such view, or it does not go with the classifier's other views,
            or it subtracts the mean training image, which is not there.
    """
    views = dataclasses.replace(classifier.views, view=view)
    if view == image_views.PLAIN:
        return classifier
    found = dataclasses.replace(classifier, name=f"{classifier.name}-{view}", views=views)
    if found.mean_path is not None and not found.mean_path.is_file():
        raise ValueError(
            f"view={view} subtracts the mean training image, and there is no {found.mean_path}: "
            "train writes it, and import_caffe --mean."
        )
    return found
