"""Finds classifiers, without loading them (and so without TensorFlow).

A classifier is `saved_models/<name>/<version>/` with `classifier.keras` and `card.json` in
it, any other `.keras` file, or a network of `keras.applications`; several of them are an
ensemble. `model_specs` has the words that users name them with.
"""

import dataclasses
import functools
import hashlib
import os
import pathlib
import zipfile
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from keras_fool import foreign_files
from keras_fool.models import (
    applications,
    endpoints,
    image_views,
    keras_archives,
    label_orders,
    meanings,
    model_specs,
)
from trainers import names, regular_file

if TYPE_CHECKING:  # TensorFlow
    from keras_fool.models.scoring import LocalScorer

MODEL_FILE = "classifier.keras"
CARD_FILE = "card.json"
# What crops of an image there may be: its centre, or the four corners and the centre and
# their mirror images, as Caffe's reference network was scored.
CROPS = (1, 10)
# The classifier that stands for a data set where no other is asked for.
_OF_DATASET = {"mnist": "mnist_a", "digits": "digits_a", "shapes": "shapes_a"}
_MOST_CARD_BYTES = 2**24


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
            raise ValueError(
                f"view must be one of {', '.join(image_views.VIEWS)}, got {self.view!r}."
            )
        if self.view != image_views.PLAIN and self.image_size is not None:
            raise ValueError(
                f"view={self.view} is of images that the network takes whole: leave the image "
                "size and the crops out."
            )
        if self.crops not in CROPS:
            raise ValueError(f"crops must be 1 or 10, got {self.crops}.")
        if self.image_size is None and (self.crops != 1 or self.crop_size):
            raise ValueError(
                "crops are cut out of larger images: say how large, such as --image_size=256."
            )
        if self.crop_size and self.crop_size > self.image_size:
            raise ValueError(
                f"crops of {self.crop_size} pixels do not fit into images of {self.image_size}."
            )


@dataclasses.dataclass(frozen=True)
class Classifier:
    """A network, how bytes get into it, and how confidences come out of it.

    Attributes:
        name: What reports call it, such as "mnist_a/1" or "my_model.keras".
        path: The `.keras` file, or the file of weights of an `application`; None where
            Keras has the weights.
        labels: The names of its outputs; None where nothing tells them.
        preprocess: What turns bytes 0..255 into its input, one of `preprocessing.METHODS`:
            "none" (bytes as they are), "unit" (to [0, 1]), what `keras.applications` calls
            "caffe", "tf" and "torch", or "bgr" (Caffe's own: BGR minus (104, 117, 123)).
        outputs: What its outputs are said to mean, one of `meanings.MEANINGS`; None where
            nothing is said, and its last layer tells.
        application: The network, where `path` holds only weights.
        views: What it sees of an image.
    """

    name: str
    path: pathlib.Path | None
    labels: tuple[str, ...] | None = None
    preprocess: str = "none"
    outputs: str | None = None
    application: applications.Application | None = None
    views: Views = Views()

    is_remote: ClassVar[bool] = False
    gives_gradients: ClassVar[bool] = True

    def open(self, score_batch: int | None = None, *, draws: bool = False) -> "LocalScorer":
        """Its scorer; see `open_local`."""
        return open_local(self, score_batch, draws=draws)

    @functools.cached_property
    def head(self) -> keras_archives.Head | None:
        """The layer that tells what its outputs mean; None where none does."""
        if self.path is None or self.application is not None:
            return None
        return keras_archives.head(self.path)

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
        identity = {
            "sha256": _sha256(self.path) if self.path else None,
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
        if self.mean_path is not None:
            identity["mean_sha256"] = _sha256(self.mean_path)
        return identity

    @property
    def mean_path(self) -> pathlib.Path | None:
        """The file with the mean training image, where its view subtracts that."""
        if self.path is None or not image_views.subtracts_mean(self.views.view):
            return None
        return self.path.with_name(image_views.MEAN_FILE)

    @property
    def members(self) -> "tuple[Classifier, ...]":
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
        words += [f"view={views.view}"] if views.view != image_views.PLAIN else []
        return ":".join(words)


@dataclasses.dataclass(frozen=True)
class Ensemble:
    """Classifiers whose confidences are averaged (Nguyen et al., 2015, supplement B).

    Attributes:
        members: At least two, that see the same images and have the same labels, each in
            an order of its own.
    """

    members: tuple[Classifier, ...]

    is_remote: ClassVar[bool] = False
    gives_gradients: ClassVar[bool] = True

    def open(self, score_batch: int | None = None, *, draws: bool = False) -> "LocalScorer":
        """Its scorer; see `open_local`."""
        return open_local(self, score_batch, draws=draws)

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
        found = []
        for member in self.members:
            if first is None or member.labels is None or len(member.labels) != len(first.labels):
                found.append(None)  # another number is refused where the networks are known
                continue
            order = label_orders.find(first.labels, member.labels, first.name, member.name)
            found.append(None if order.is_same else order.places)
        return tuple(found)

    @functools.cached_property
    def identity(self) -> dict:
        """The members' identities, in order, and the orders of their labels if they differ."""
        identity = {"ensemble": [member.identity for member in self.members]}
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


def comparable(identity: Mapping[str, object]) -> dict[str, object]:
    """An identity without where its files were found, which may change."""
    if "ensemble" in identity:
        return {**identity, "ensemble": [comparable(member) for member in identity["ensemble"]]}
    return {name: value for name, value in identity.items() if name != "path"}


def open_local(
    classifier: Classifier | Ensemble, score_batch: int | None = None, *, draws: bool = False
) -> "LocalScorer":
    """The scorer of a classifier on this machine.

    Args:
        classifier: What scores.
        score_batch: As `scoring.LocalScorer` takes it.
        draws: Whether it draws CPPNs, too.

    Raises:
        ValueError: As `scoring.LocalScorer` does.
    """
    from keras_fool.models import drawing_scorer, scoring

    kind = drawing_scorer.DrawingScorer if draws else scoring.LocalScorer
    return kind(classifier, score_batch=score_batch)


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


def exists(what: str) -> bool:
    """Whether something has this name or path, be it a classifier or not.

    What exists is meant as it stands, whatever commas, colons and plus signs are in it.
    """
    if not what:
        return False
    places = [what, *(os.path.join(base, what) for base in _bases())]
    return what in applications.SIZES or any(map(os.path.exists, places))


def listed(models: str) -> list[str]:
    """The classifiers in "a,b+c", which may be none: a text for each, "a" and "b+c".

    Raises:
        ValueError: One is empty.
    """
    if not models:
        return []

    def is_one(part: str) -> bool:
        return all(map(_is_there, names.separated(part, _is_there, "+")))

    return model_specs.split(models, is_one)


def members(model: str, separator: str = ",") -> list[str]:
    """The members of an ensemble "a,b", or "a+b"; the one classifier where it is none.

    Raises:
        ValueError: One is empty.
    """
    if not model:
        raise ValueError("the name of a classifier is missing, such as mnist_a or my.keras.")
    if model.startswith(model_specs.URL_SCHEMES):
        return [model]
    return model_specs.split(model, _is_there, separator)


def _is_there(text: str) -> bool:
    return model_specs.is_there(text, exists)


def find_all(
    model: str | Sequence[str] | None, dataset: str | None = None, views: Views = Views()
) -> AnyClassifier:
    """The classifier that a user means, or the ensemble of several with commas between.

    Args:
        model: As `find` takes it, or several of them, as a sequence or with commas between.
        dataset: As `find` takes it, for one.
        views: Likewise, for each.

    Raises:
        ValueError: As `find` does, or a member is there twice, or they name their labels
            differently.
    """
    if model is None:
        return find(model, dataset, views)
    each = members(model) if isinstance(model, str) else list(model)
    if len(each) < 2:
        return find(each[0], dataset, views)
    found = tuple(find(member, dataset, views) for member in each)
    for number, member in enumerate(found):
        if member in found[:number]:
            raise ValueError(f"the ensemble names {each[number]} twice.")
        if member.is_remote:
            raise ValueError(f"{each[number]} is an endpoint, which no ensemble has as a member.")
    ensemble = Ensemble(found)
    _ = ensemble.orders  # checked here
    return ensemble


def find(
    model: str | None, dataset: str | None = None, views: Views = Views()
) -> Classifier | endpoints.Endpoint:
    """The classifier that a user means.

    Args:
        model: A name under ./saved_models/ or under the shipped saved_models/ (the newest
            version is taken), a version folder, a `.keras` file, or a network of
            `keras.applications`, with the options of `model_specs`; or the address of
            an endpoint, which crops by itself if at all.
        dataset: Without a model, the data set whose shipped classifier is meant.
        views: What it sees of an image, where the options do not say it.

    Raises:
        ValueError: There is no such classifier or data set (the known ones are
            named), or its card is damaged, or it is one of another data set, or it has
            no such option.
    """
    if dataset is not None and dataset not in _OF_DATASET:
        raise ValueError(names.unknown("data set", dataset, list(_OF_DATASET)))
    if model is None:
        if dataset is None:
            raise ValueError(f"give --dataset ({', '.join(_OF_DATASET)}) or --model.")
        model = _OF_DATASET[dataset]
        if model not in known():
            raise ValueError(
                f"no classifier of {dataset} is here yet; train one: "
                f"python -m keras_fool.train --dataset={dataset} --name={model}"
            )
    spec = model_specs.parse(model, exists)
    if spec.is_url:
        return endpoints.parse(model)
    said = {
        "image_size": spec.image,
        "crops": spec.crops,
        "crop_size": spec.crop,
        "view": spec.view,
    }
    views = dataclasses.replace(
        views, **{name: value for name, value in said.items() if value is not None}
    )
    if spec.is_application:
        if views.view != image_views.PLAIN:
            raise ValueError(f"view={views.view} is of grey images; {spec.what} takes colour.")
        return _application(spec, views)
    for option in ("weights", "size", "alpha"):
        if getattr(spec, option) is not None:
            raise ValueError(
                f"{option} is for networks of keras.applications, such as MobileNet; "
                f"{spec.what} is none."
            )
    return with_view(
        dataclasses.replace(
            _find_file(spec.what, dataset),
            preprocess=spec.preprocess or "none",
            outputs=spec.outputs,
            views=dataclasses.replace(views, view=image_views.PLAIN),
        ),
        views.view,
    )


def _application(spec: model_specs.Spec, views: Views) -> Classifier:
    given = {"weights": spec.weights, "size": spec.size, "alpha": spec.alpha}
    network = applications.Application(
        spec.what, **{name: value for name, value in given.items() if value is not None}
    )
    file = None if network.weights == "imagenet" else pathlib.Path(network.weights).resolve()
    return Classifier(
        network.title,
        file,
        applications.imagenet_labels(),
        spec.preprocess or applications.PREPROCESS[spec.what],
        spec.outputs,
        network,
        views,
    )


def _find_file(model: str, dataset: str | None) -> Classifier:
    folder = _version_folder(model)
    if folder is not None:
        return _with_card(folder, dataset)
    path = pathlib.Path(model)
    if path.name == MODEL_FILE and (path.parent / CARD_FILE).is_file():
        return _with_card(path.resolve().parent, dataset)
    if path.suffix == ".keras" and path.is_file():
        return Classifier(names.shown(printable(path.name)), path.resolve())
    if not path.exists() and (wrong := model_specs.wrong_option(model, exists)):
        raise ValueError(wrong)
    raise ValueError(_not_found(model, path))


def _not_found(model: str, path: pathlib.Path) -> str:
    """Says what a path is, or what may have been meant, where it is no .keras file."""
    if path.exists():
        kind = keras_archives.other_kind(path)
        if kind is None and path.is_file() and zipfile.is_zipfile(path):
            kind = f"is an archive by another name: rename it {path.with_suffix('.keras')}."
        expected = f"is no classifier: a .keras file, or a folder with {MODEL_FILE} in it, is."
        return f"{model} {kind or expected}"
    # A suffix that is missing, or capital letters.
    stem = path.name.lower().removesuffix(".keras")
    there = [file for file in path.parent.glob("*") if file.suffix.lower() == ".keras"]
    same = [file for file in there if file.name.lower().removesuffix(".keras") == stem]
    if path.suffix.lower() == ".keras":
        meant = names.did_you_mean(path.name, [file.name for file in same or there])
        return f"there is no file {model}{meant or '.'}"
    if same:
        return f"there is no model {model!r}, did you mean {path.with_name(same[0].name)}?"
    return (
        f"{names.unknown('model', model, known(), also=tuple(applications.SIZES))} "
        "Or give a version folder or a .keras file."
    )


def printable(name: str) -> str:
    """A file's name as text that can be written anywhere: bytes that are no UTF-8 by number."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def known() -> list[str]:
    """The names that `find` takes, sorted."""
    folders = [path for base in _bases() if base.is_dir() for path in base.iterdir()]
    return sorted({path.name for path in folders if _versions(path)})


def _bases() -> list[pathlib.Path]:
    beside_the_package = pathlib.Path(__file__).resolve().parents[2] / "saved_models"
    return [pathlib.Path("saved_models").resolve(), beside_the_package]


def _versions(folder: pathlib.Path) -> list[pathlib.Path]:
    """The version folders of a name, oldest first."""
    if not folder.is_dir():
        return []
    versions = [path for path in folder.iterdir() if path.name.isdecimal()]
    versions = [path for path in versions if (path / MODEL_FILE).is_file()]
    return sorted(versions, key=lambda path: int(path.name))


def _version_folder(model: str) -> pathlib.Path | None:
    for path in [*(base / model for base in _bases()), pathlib.Path(model).resolve()]:
        if (path / MODEL_FILE).is_file():
            return path
        if versions := _versions(path):
            return versions[-1]
    return None


def _with_card(folder: pathlib.Path, dataset: str | None) -> Classifier:
    name = names.shown(f"{folder.parent.name}/{folder.name}")
    path = folder / CARD_FILE
    labels = None
    if path.is_file():
        try:
            card = foreign_files.parse_json(regular_file.read(path, _MOST_CARD_BYTES))
            labels = names.checked_labels(card["labels"], "its labels")
            trained_on = str(card["dataset"])
        except (ValueError, KeyError, TypeError, RecursionError, OSError) as error:
            said = getattr(error, "strerror", None) or error
            said = str(said) if isinstance(error, ValueError | OSError) else repr(error)
            raise ValueError(f"{path} is no classifier's card: {said.rstrip('.')}.") from error
        if dataset is not None and trained_on != dataset:
            raise ValueError(f"{name} was trained on {trained_on}, not on {dataset}.")
    return Classifier(name, folder / MODEL_FILE, labels)


def _sha256(path: pathlib.Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
