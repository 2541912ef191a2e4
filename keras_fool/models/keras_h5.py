"""What an HDF5 file of Keras (`.h5`) says of itself, read without Keras: its layers, its weights.

Keras 3 and tf.keras 2 write the same: attributes `model_config` and `training_config`, which are
JSON, and a group of weights per layer. It may come from a stranger, as a .keras file may.
"""

import io
import json
import pathlib
from typing import TYPE_CHECKING, BinaryIO

from keras_fool.models import model_formats

if TYPE_CHECKING:
    import h5py

LARGEST_CONFIG = 32 * 2**20  # bytes; EfficientNetB7 has 2 MiB
# Weights are random numbers, which no compression makes much smaller.
MAX_EXPANSION = 20
WORTH_A_LOOK = 64 * 2**20  # bytes; less does no harm


def check(path: pathlib.Path) -> dict:
    """Checks that a file can be loaded without harm.

    Args:
        path: An HDF5 file.

    Returns:
        The description of its layers, as `config` gives it.

    Raises:
        ValueError: It is not a model, or would unpack to far more than it holds. The message
            names it.
        OSError: It cannot be read.
    """
    found = config(path)
    with open(path, "rb") as file:
        if problem := weights_problem(file, path.stat().st_size):
            raise ValueError(f"{path} is not a model that loads safely: {problem}")
    return found


def config(path: pathlib.Path) -> dict:
    """The description of the layers, like the config.json of a .keras file.

    Returns:
        With "compile_config" where the file says how the model was trained.

    Raises:
        ValueError: It holds none; the message names it and says what to do.
        OSError: It cannot be read.
    """
    import h5py

    if words := model_formats.refusal(path):
        raise ValueError(f"{path} {words}")
    try:
        with h5py.File(path, "r") as file:
            if "model_config" not in file.attrs:
                raise ValueError(f"{path} {model_formats.WEIGHTS_ONLY}")
            found = _json(path, file, "model_config")
            trained = (
                _json(path, file, "training_config") if "training_config" in file.attrs else {}
            )
    except (OSError, RuntimeError, KeyError) as error:
        raise ValueError(f"{path} is not a model that loads safely: {_short(error)}.") from None
    if not isinstance(found, dict) or "class_name" not in found:
        raise ValueError(f"{path} is not a model that loads safely: it describes no model.")
    return {**found, "compile_config": trained}


def weights_problem(content: BinaryIO, size: int) -> str | None:
    """Says, as a sentence, what is wrong with weights in HDF5; None where nothing is.

    Args:
        content: The file.
        size: Its bytes.
    """
    import h5py

    declared, others = 0, []

    def look(name: str, what: object) -> None:
        nonlocal declared
        if isinstance(what, h5py.Dataset):
            declared += what.size * what.dtype.itemsize if what.shape else 0
            if what.is_virtual or what.external:
                others.append(name)

    try:
        with h5py.File(content, "r") as file:
            file.visititems(look)
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        return f"its weights are damaged: {error}."
    if others:
        return f"its weights {others[0]} lie in other files."
    if declared > max(WORTH_A_LOOK, MAX_EXPANSION * size):
        return f"its weights unpack to {declared:,} bytes from {size:,}."
    return None


def weights_problem_of(content: bytes) -> str | None:
    """The same for weights in memory."""
    return weights_problem(io.BytesIO(content), len(content))


def _json(path: pathlib.Path, file: "h5py.File", name: str) -> dict:
    text = file.attrs[name]
    if not isinstance(text, str | bytes) or len(text) > LARGEST_CONFIG:
        raise ValueError(
            f"{path} is not a model that loads safely: its {name} is no text of at most "
            f"{LARGEST_CONFIG:,} bytes."
        )
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is not a model that loads safely: its {name} is damaged: {_short(error)}."
        ) from None
    return found if isinstance(found, dict) else {}


def _short(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200].rstrip(".")
