"""A `.keras` file with the same bytes whenever the same model is written.

Keras writes the date and the memory addresses of objects into it. A classifier is identified by the
SHA-256 of this file, so without this module the identity would change with the clock.
"""

import io
import json
import pathlib
import re
import zipfile

import keras

_DATE = "1970-01-01@00:00:00"
_SHARED = re.compile(r'("shared_object_id": )(\d+)')


def save(path: pathlib.Path, model: keras.Model) -> None:
    """Writes a model; equal models give equal bytes.

    Args:
        path: Ends in ".keras".
        model: The model that `keras.saving.load_model` shall return.

    Raises:
        OSError: It could not be written.
    """
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in sorted(archive.namelist())}
    metadata = json.loads(members["metadata.json"])
    members["metadata.json"] = json.dumps({**metadata, "date_saved": _DATE}).encode()
    members["config.json"] = _renumbered(members["config.json"].decode()).encode()
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for name, member in members.items():
            archive.writestr(zipfile.ZipInfo(name), member)  # its date is 1980
    path.write_bytes(content.getvalue())


def _renumbered(config: str) -> str:
    """Numbers objects that layers share by the order in which they appear, not by address."""
    numbers: dict[str, int] = {}

    def number(match: re.Match) -> str:
        return match[1] + str(numbers.setdefault(match[2], len(numbers) + 1))

    return _SHARED.sub(number, config)
