"""What a .keras file says of itself, read without Keras and before memory is spent on it.

A .keras file is a ZIP archive: config.json describes the layers, model.weights.h5 holds
their weights. It may come from a stranger.
"""

import io
import json
import pathlib
import zipfile
from collections.abc import Iterator, Mapping

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
_MOST_MEMBERS = 10_000
_LARGEST_CONFIG = 32 * 2**20  # bytes; EfficientNetB7 has 2 MiB
# Weights are random numbers, which no compression makes much smaller.
_MOST_EXPANSION = 20
_WORTH_A_LOOK = 64 * 2**20  # bytes; less does no harm
_HDF5 = b"\x89HDF\r\n\x1a\n"


def check(path: pathlib.Path) -> dict:
    """Checks that a file can be loaded without harm.

    Args:
        path: A .keras file.

    Returns:
        Its config.json.

    Raises:
        ValueError: It is not a .keras file, or would unpack to far more than it holds. The
            message names it.
        OSError: It cannot be read.
    """
    found = config(path)
    with zipfile.ZipFile(path) as archive:
        if WEIGHTS in archive.namelist() and archive.getinfo(WEIGHTS).file_size < 2**31:
            _check_weights(path, archive)
    return found


def config(path: pathlib.Path) -> dict:
    """The description of the layers, config.json.

    Raises:
        ValueError: As `check` does, the weights not looked into.
        OSError: It cannot be read.
    """
    if kind := other_kind(path):
        raise ValueError(f"{path} {kind}")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{_no_model(path)} the file is not a Keras archive{_cut(path)}.")
    try:
        with zipfile.ZipFile(path) as archive:
            _check_sizes(path, archive.infolist())
            if CONFIG not in archive.namelist():
                raise ValueError(f"there is no {CONFIG} in it")
            size = archive.getinfo(CONFIG).file_size
            if size > _LARGEST_CONFIG:
                raise ValueError(
                    f"its {CONFIG} has {size:,} bytes, and at most {_LARGEST_CONFIG:,} are read"
                )
            found = json.loads(archive.read(CONFIG))
    except RecursionError:
        raise ValueError(f"{_no_model(path)} its {CONFIG} is nested too deep.") from None
    except (ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f"{_no_model(path)} {reason.removesuffix('.')}.") from None
    if not isinstance(found, dict) or "class_name" not in found:
        raise ValueError(f"{_no_model(path)} its {CONFIG} describes no model.")
    return found


def other_kind(path: pathlib.Path) -> str | None:
    """Says, after a path's name, which other kind of model it is; None where it is not one.

    Raises:
        OSError: It cannot be read.
    """
    if path.is_dir():
        if (path / CONFIG).is_file():
            return (
                "is a folder, an unpacked .keras archive: pack its files into one, such as by "
                f"(cd {path} && python -m zipfile -c ../packed.keras *)."
            )
        if (path / "saved_model.pb").is_file():
            return (
                "is a SavedModel, which is served, not loaded here: python -m keras_fool.serve, or "
                "save the Keras model as a .keras file."
            )
        return None
    if not path.is_file():
        return "is neither a file nor a folder."
    if _first_bytes(path) == _HDF5:
        return (
            "is an HDF5 file, whatever its name: load it where it was made and save it as .keras: "
            "keras.models.load_model('old.h5').save('new.keras')."
        )
    return None


def objects(config: object) -> Iterator[Mapping]:
    """Every layer, function and so on that a config.json describes, the outer ones first."""
    left = [config]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            if "class_name" in value:
                yield value
            left.extend(reversed(value.values()))
        elif isinstance(value, list):
            left.extend(reversed(value))


def _first_bytes(path: pathlib.Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(len(_HDF5))


def _cut(path: pathlib.Path) -> str:
    return " any more: it is cut off or damaged" if _first_bytes(path).startswith(b"PK") else ""


def _no_model(path: pathlib.Path) -> str:
    return f"{path} is not a model that loads safely:"


def _check_sizes(path: pathlib.Path, members: list[zipfile.ZipInfo]) -> None:
    if len(members) > _MOST_MEMBERS:
        raise ValueError(f"it has {len(members):,} members, at most {_MOST_MEMBERS:,} are usual")
    packed, unpacked = path.stat().st_size, sum(member.file_size for member in members)
    if unpacked > max(_WORTH_A_LOOK, _MOST_EXPANSION * packed):
        raise ValueError(
            f"its {packed:,} bytes unpack to {unpacked:,}; weights never shrink to less than a "
            f"{_MOST_EXPANSION}th"
        )


def _check_weights(path: pathlib.Path, archive: zipfile.ZipFile) -> None:
    import h5py

    try:
        content = archive.read(WEIGHTS)
        declared, others = 0, []
        with h5py.File(io.BytesIO(content), "r") as file:

            def look(name: str, what: object) -> None:
                nonlocal declared
                if isinstance(what, h5py.Dataset):
                    declared += what.size * what.dtype.itemsize if what.shape else 0
                    if what.is_virtual or what.external:
                        others.append(name)

            file.visititems(look)
    except (OSError, RuntimeError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"{_no_model(path)} its weights are damaged: {error}.") from None
    if others:
        raise ValueError(f"{_no_model(path)} its weights {others[0]} lie in other files.")
    if declared > max(_WORTH_A_LOOK, _MOST_EXPANSION * len(content)):
        raise ValueError(
            f"{_no_model(path)} its weights unpack to {declared:,} bytes from {len(content):,}."
        )


def weight_bytes(path: pathlib.Path) -> int:
    """How large the file of weights in an archive is."""
    with zipfile.ZipFile(path) as archive:
        return archive.getinfo(WEIGHTS).file_size if WEIGHTS in archive.namelist() else 0
