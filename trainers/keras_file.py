"""A `.keras` file that is the same bytes whenever the same model is written.

Keras puts the date and addresses of objects in memory into it. A classifier is known by
the SHA-256 of this file, so what is evolved on it would differ with the clock.
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
        model: What `keras.saving.load_model` shall give back.

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
            archive.writestr(zipfile.ZipInfo(name), member)  # dated 1980
    path.write_bytes(content.getvalue())


def _renumbered(config: str) -> str:
    """Numbers objects that layers share in the order they appear, instead of by address."""
    numbers = {}

    def number(match: re.Match) -> str:
        return match[1] + str(numbers.setdefault(match[2], len(numbers) + 1))

    return _SHARED.sub(number, config)
