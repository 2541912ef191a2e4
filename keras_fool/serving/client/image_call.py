"""Which signature of a served model takes images, and how images are sent to it."""

import dataclasses
import io

import numpy as np
from PIL import Image

from keras_fool.models import endpoints, meanings, preprocessing
from keras_fool.serving.client import transport

# The dtypes that an input may have, best first: bytes, encoded images, floats.
_KINDS = {"uint8": "uint8", "string": "encoded", "float32": "float32"}
_OUTPUT_TYPES = ("float32", "float64", "float16", "bfloat16")
_CONFIDENCES, _LOGITS = "probabilities", "logits"
_DEFAULT = "serving_default"
_Sizes = tuple[int | None, int | None, int | None]  # (height, width, channels), None for any


@dataclasses.dataclass(frozen=True)
class ImageCall:
    """How images are sent to a served model.

    Attributes:
        signature: Which signature is called.
        input_name: Its only input.
        output_name: The wanted output.
        kind: "uint8", "encoded" (PNG files) or "float32".
        image_shape: (height, width, channels).
        num_outputs: How many numbers there are for an image; None where the metadata does
            not say.
        output_dtype: Such as "float32".
        batch: The only batch size that it takes; None where it takes any.
        preprocess: Which of `preprocessing.METHODS` turns bytes into floats.
    """

    signature: str
    input_name: str
    output_name: str
    kind: str
    image_shape: tuple[int, int, int]
    num_outputs: int | None
    output_dtype: str
    batch: int | None
    preprocess: str

    def inputs(self, images: np.ndarray) -> np.ndarray:
        """What is sent for uint8 images [batch, height, width, channels]."""
        if self.kind == "uint8":
            return images
        if self.kind == "float32":
            prepared = preprocessing.METHODS[self.preprocess].apply(images.astype(np.float32))
            return prepared.astype(np.float32)
        encoded = np.empty(len(images), object)
        for place, image in enumerate(images):
            png = io.BytesIO()
            # Little compression: each image is read once, and compressing takes time.
            Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(
                png, "PNG", compress_level=1
            )
            encoded[place] = png.getvalue()
        return encoded


def choose(endpoint: endpoints.Endpoint, metadata: transport.Metadata) -> ImageCall:
    """The signature in the endpoint's address, or the one that suits images best.

    Bytes are better than encoded images, these are better than floats, and serving_default is
    better than other signatures.

    Args:
        endpoint: What is asked.
        metadata: What the model offers.

    Raises:
        ValueError: No signature, or not the one in the address, takes such images and gives
            such confidences; the message says why.
    """
    signatures = metadata.signatures
    wanted = [endpoint.signature] if endpoint.signature else list(signatures)
    if endpoint.signature and endpoint.signature not in signatures:
        raise ValueError(
            f"{endpoint.url} has no signature {endpoint.signature!r}; known: "
            f"{', '.join(sorted(signatures)) or 'none'}."
        )
    usable, problems = [], []
    for name in wanted:
        try:
            usable.append(_call(endpoint, name, signatures))
        except ValueError as error:
            problems.append(f"{name} {error}")
    if not usable:
        raise ValueError(
            f"{endpoint.url} cannot be given images: {'; '.join(problems) or 'no signatures'}."
        )
    kinds = list(_KINDS.values())
    return min(
        usable,
        key=lambda call: (kinds.index(call.kind), call.signature != _DEFAULT, call.signature),
    )


def _call(
    endpoint: endpoints.Endpoint, name: str, signatures: dict[str, transport.Signature]
) -> ImageCall:
    """Raises `ValueError`; its message follows the signature's name."""
    signature = signatures[name]
    if len(signature.inputs) != 1:
        raise ValueError(f"takes {len(signature.inputs)} inputs, not one")
    ((input_name, info),) = signature.inputs.items()
    kind = _KINDS.get(info.dtype)
    if kind is None:
        raise ValueError(f"takes {info}, not images")
    if kind != "float32" and endpoint.preprocess != "none":
        raise ValueError(f"takes {info} as it is: preprocess={endpoint.preprocess} has no meaning")
    shape = _image_shape(endpoint, info, signatures)
    if preprocessing.METHODS[endpoint.preprocess].needs_colour and shape[2] != 3:
        raise ValueError(f"takes grey images: preprocess={endpoint.preprocess} is for colour")
    output_name, output = _output(endpoint, signature)
    num_outputs = output.shape[1] if output.shape else None
    num_labels = num_outputs and meanings.num_labels(num_outputs, endpoint.meaning)
    said = endpoint.labels
    if num_labels is not None and said is not None and num_labels != len(said):
        raise ValueError(f"gives {num_labels} confidences, but {len(said)} labels are named")
    return ImageCall(
        name,
        input_name,
        output_name,
        kind,
        shape,
        num_outputs,
        output.dtype,
        info.shape[0] if info.shape else None,
        endpoint.preprocess,
    )


def _image_shape(
    endpoint: endpoints.Endpoint,
    info: transport.TensorInfo,
    signatures: dict[str, transport.Signature],
) -> tuple[int, int, int]:
    unknown: _Sizes = (None, None, None)
    sizes = _sizes(info)
    if info.dtype == "string":
        if info.shape is not None and len(info.shape) != 1:
            raise ValueError(f"takes {info}, not one encoded image each")
        # The model's other signatures show to which size it scales them.
        others = {_sizes(i) or unknown for s in signatures.values() for i in s.inputs.values()}
        whole = {other for other in others if None not in other}
        declared = whole.pop() if len(whole) == 1 else unknown
    elif info.shape is None:
        declared = unknown
    elif sizes is not None:
        declared = sizes
    else:
        raise ValueError(f"takes {info}, not images [batch, height, width, 1 or 3]")
    height, width, channels = endpoint.image_shape or declared
    if height is None or width is None or channels is None:
        raise ValueError(
            f"takes {info}: say what images those are, such as ?image=224x224x3 behind the address"
        )
    given = (height, width, channels)
    if any(size not in (None, said) for size, said in zip(declared, given, strict=True)):
        raise ValueError(f"takes {info}, not images of {'x'.join(map(str, given))}")
    return given


def _sizes(info: transport.TensorInfo) -> _Sizes | None:
    """The sizes of an input that takes images; None for an input that takes something else."""
    if info.dtype not in ("uint8", "float32") or info.shape is None or len(info.shape) != 4:
        return None
    _, height, width, channels = info.shape
    return (height, width, channels) if channels in (None, 1, 3) else None


def _output(
    endpoint: endpoints.Endpoint, signature: transport.Signature
) -> tuple[str, transport.TensorInfo]:
    fitting = {
        name: info
        for name, info in signature.outputs.items()
        if info.dtype in _OUTPUT_TYPES and (info.shape is None or len(info.shape) == 2)
    }
    listed = ", ".join(f"{name} ({info})" for name, info in sorted(signature.outputs.items()))
    if endpoint.output is not None:
        if endpoint.output not in fitting:
            raise ValueError(
                f"gives no confidences [batch, labels] as {endpoint.output!r}, but {listed}"
            )
        return endpoint.output, fitting[endpoint.output]
    if len(fitting) == 1:
        return next(iter(fitting.items()))
    wanted = _LOGITS if endpoint.from_logits else _CONFIDENCES
    if wanted in fitting:
        return wanted, fitting[wanted]
    if not fitting:
        raise ValueError(f"gives no confidences [batch, labels], but {listed or 'nothing'}")
    raise ValueError(f"gives {listed}: say which, such as ?output={min(fitting)}")
