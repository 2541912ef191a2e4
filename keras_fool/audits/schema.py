"""The JSON Schema of audit.json, https://json-schema.org/draft/2020-12/schema."""

import importlib.resources
import json
from typing import Any

VERSION = "keras_fool/audit/1"
_FILE = "audit.schema.json"


def schema() -> dict[str, Any]:
    """The schema, as JSON values."""
    file = importlib.resources.files(__package__) / _FILE
    return json.loads(file.read_text("utf-8"))
