"""The networks of `keras.applications` by name: what each takes, without importing Keras.

https://keras.io/api/applications. The tests hold the table to Keras itself.
"""

import dataclasses
import pathlib

from keras_fool import errors, foreign_files
from trainers import names

# By the mode in which a network's `preprocess_input` works (the others have it inside):
# name -> side of the square images that it takes by default, in pixels.
_BY_MODE = {
    "caffe": {
        "ResNet50": 224,
        "ResNet101": 224,
        "ResNet152": 224,
        "VGG16": 224,
        "VGG19": 224,
    },
    "tf": {
        "InceptionResNetV2": 299,
        "InceptionV3": 299,
        "MobileNet": 224,
        "MobileNetV2": 224,
        "NASNetLarge": 331,
        "NASNetMobile": 224,
        "ResNet50V2": 224,
        "ResNet101V2": 224,
        "ResNet152V2": 224,
        "Xception": 299,
    },
    "torch": {"DenseNet121": 224, "DenseNet169": 224, "DenseNet201": 224},
    "none": {
        "ConvNeXtBase": 224,
        "ConvNeXtLarge": 224,
        "ConvNeXtSmall": 224,
        "ConvNeXtTiny": 224,
        "ConvNeXtXLarge": 224,
        "EfficientNetB0": 224,
        "EfficientNetB1": 240,
        "EfficientNetB2": 260,
        "EfficientNetB3": 300,
        "EfficientNetB4": 380,
        "EfficientNetB5": 456,
        "EfficientNetB6": 528,
        "EfficientNetB7": 600,
        "EfficientNetV2B0": 224,
        "EfficientNetV2B1": 240,
        "EfficientNetV2B2": 260,
        "EfficientNetV2B3": 300,
        "EfficientNetV2L": 480,
        "EfficientNetV2M": 480,
        "EfficientNetV2S": 384,
        "MobileNetV3Large": 224,
        "MobileNetV3Small": 224,
    },
}
PREPROCESS = {name: mode for mode, sizes in _BY_MODE.items() for name in sizes}
SIZES = {name: size for sizes in _BY_MODE.values() for name, size in sizes.items()}
# The networks whose width is a setting.
WIDTHS = ("MobileNet", "MobileNetV2", "MobileNetV3Large", "MobileNetV3Small")
_NUM_LABELS = 1000


@dataclasses.dataclass(frozen=True)
class Application:
    """A network of `keras.applications`, and where its weights come from.

    Attributes:
        name: One of `SIZES`.
        weights: A file that Keras loads (`.weights.h5`), or "imagenet" for the published
            ones, which Keras downloads once.
        size: Side of the square images that it takes.
        alpha: Its width, relative to the published network's; 1 for those without.
    """

    name: str
    weights: str = "imagenet"
    size: int = 0
    alpha: float = 1.0

    def __post_init__(self):
        if self.name not in SIZES:
            raise ValueError(
                f"unknown network {self.name!r}; keras.applications has {', '.join(SIZES)}."
            )
        if not self.size:
            object.__setattr__(self, "size", SIZES[self.name])
        if self.alpha != 1 and self.name not in WIDTHS:
            raise errors.MisuseError(f"{self.name} has no width: alpha is for {', '.join(WIDTHS)}.")
        if self.weights != "imagenet" and not pathlib.Path(self.weights).is_file():
            raise ValueError(f"there is no file of weights {self.weights}.")

    @property
    def title(self) -> str:
        """The name with what differs from the published network."""
        width = f"-{self.alpha:g}" if self.alpha != 1 else ""
        size = f"-{self.size}" if self.size != SIZES[self.name] else ""
        return f"{self.name}{width}{size}"


def imagenet_labels() -> tuple[str, ...] | None:
    """The names of ImageNet's 1000 labels, where Keras has downloaded them before."""
    index = imagenet_ids()
    return None if index is None else tuple(name for _, name in index)


def imagenet_ids() -> tuple[tuple[str, str], ...] | None:
    """For ImageNet's 1000 labels WordNet's id and the name, where Keras has downloaded them."""
    path = pathlib.Path.home() / ".keras" / "models" / "imagenet_class_index.json"
    try:
        index = foreign_files.json_object(path)
        rows = [index[str(label)] for label in range(_NUM_LABELS)]
        labels = names.checked_labels([row[1].replace("_", " ") for row in rows], path)
        return tuple(zip((str(row[0]) for row in rows), labels, strict=True))
    except (OSError, ValueError, KeyError, IndexError, AttributeError, TypeError):
        return None
