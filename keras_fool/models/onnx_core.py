"""An ONNX model as a function of prepared images, computed by ONNX Runtime; no gradients.

https://onnx.ai, https://onnxruntime.ai; the extra `onnx` installs what it needs.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from keras_fool.models import classifiers, cores, layouts

_DTYPES = {
    "tensor(float)": tf.float32,
    "tensor(float16)": tf.float16,
    "tensor(double)": tf.float64,
    "tensor(uint8)": tf.uint8,
    "tensor(int32)": tf.int32,
    "tensor(int64)": tf.int64,
}
_ERRORS_ONLY = 3  # ONNX Runtime's level of messages
_LONGEST_REASON = 200


class OnnxCore:
    """See `cores.Core`; its attributes, and how it is used."""

    # Nobody sees inside.
    scales = False

    def __init__(self, classifier: classifiers.Classifier):
        """Loads the file and chooses the output.

        Raises:
            ValueError: ONNX Runtime is not installed, or cannot load the file, or it takes no
                images, or has no such output.
        """
        self._name = classifier.name
        try:
            import onnxruntime
        except ModuleNotFoundError as error:
            raise ValueError(
                f"{self._name} is an ONNX file, and {error.name} is not installed: "
                "pip install 'keras_fool[onnx]'"
            ) from error
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        try:
            self._session = onnxruntime.InferenceSession(
                str(classifier.path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's own types, without a common one
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:_LONGEST_REASON]
            raise ValueError(
                f"{classifier.path} is not an ONNX model that loads: {reason}"
            ) from error
        inputs = self._session.get_inputs()
        self.input_shapes: Sequence[cores.Shape] = [_shape(each.shape) for each in inputs]
        kind = inputs[0].type if inputs else "nothing"
        if kind not in _DTYPES:
            raise ValueError(f"{self._name} takes {kind}, not images.")
        self.dtype: tf.DType = _DTYPES[kind]
        self._input = inputs[0].name
        self._batch = (self.input_shapes[0] or [None])[0]
        outputs = {each.name: each for each in self._session.get_outputs()}
        shapes = {name: _shape(each.shape) for name, each in outputs.items()}
        self._output = cores.chosen(self._name, classifier.output, shapes)
        self._output_shape = shapes[self._output]
        dtype = _DTYPES.get(outputs[self._output].type, tf.float32)
        self.computed_in: str = dtype.name
        self._num_outputs = 0

    @property
    def notes(self) -> Sequence[str]:
        """See `cores.Core`."""
        found = ["is computed by ONNX Runtime and gives no gradients: ascend cannot use it."]
        if self._batch is not None:
            found.append(f"takes batches of {self._batch} only, which is slower than large ones.")
        return found

    def take(self, layout: layouts.Layout) -> int:
        """See `cores.Core`."""
        num_outputs = cores.row(self._name, self._output_shape)
        if num_outputs is None:  # nobody knows before it is tried
            tried = self._called(np.zeros((self._batch or 2, *layout.shape), self._numpy_dtype))
            num_outputs = cores.row(self._name, tried.shape)
        assert num_outputs is not None
        self._num_outputs = num_outputs
        return num_outputs

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """See `cores.Core`."""
        if images.dtype.is_floating and not self.dtype.is_floating:
            images = tf.round(images)
        found = tf.numpy_function(self._run, [tf.cast(images, self.dtype)], tf.float32)
        return tf.ensure_shape(found, [images.shape[0], self._num_outputs])

    def layers(self, dtype: tf.DType) -> None:
        """None: they are not known."""
        del dtype

    @property
    def has_custom_layers(self) -> bool:
        """See `cores.Core`: it is a graph."""
        return False

    def before_activation(self, images: tf.Tensor) -> None:
        """None: it is not known."""
        del images

    def take_softmax_off(self) -> bool:
        """See `cores.Core`."""
        return False

    @property
    def _numpy_dtype(self) -> np.dtype:
        return self.dtype.as_numpy_dtype

    def _run(self, images: np.ndarray) -> np.ndarray:
        size = self._batch or max(1, len(images))
        missing = -len(images) % size
        if missing:
            images = np.concatenate([images, np.zeros_like(images[:1].repeat(missing, axis=0))])
        parts = [self._called(images[at : at + size]) for at in range(0, len(images), size)]
        rows = np.concatenate(parts).reshape(len(images), self._num_outputs)
        return rows[: len(images) - missing].astype(np.float32)

    def _called(self, images: np.ndarray) -> np.ndarray:
        (found,) = self._session.run([self._output], {self._input: images})
        return found


def _shape(shape: Sequence[object] | None) -> cores.Shape:
    """ONNX has names for unknown sizes."""
    if shape is None:
        return None
    return tuple(size if isinstance(size, int) and size > 0 else None for size in shape)
