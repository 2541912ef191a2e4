"""Runs the notebooks of docs/notebooks/ from a clean kernel, each in an empty folder.

    python -m tests.notebooks           # runs all of them, and stores in them what they show
    python -m tests.notebooks mnist     # this one

The notebook of an ImageNet network needs weights, which Keras downloads.
"""

import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import sys
import tempfile
import urllib.request
from typing import Any

ROOT = pathlib.Path(__file__).parent.parent
PATHS = sorted((ROOT / "docs/notebooks").glob("*.ipynb"))
# A copy of what Keras would download, for where it cannot.
_NETWORKS = ROOT.parent / "shared" / "imagenet_networks"
_WEIGHTS = _NETWORKS / "mobilenet" / "mobilenet_0.25_128.weights.h5"
_INDEX = "imagenet_class_index.json"
_DOWNLOADS = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet/"


def code_cells(notebook: Any) -> list:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def source(cell: Any) -> str:
    """A cell's text, which files keep as a list of lines."""
    return "".join(cell["source"])


def digest(notebook: Any) -> str:
    """SHA-256 of a notebook's code; what is stored names the code that showed it."""
    code = json.dumps([source(cell) for cell in code_cells(notebook)])
    return hashlib.sha256(code.encode()).hexdigest()


def can_run(path: pathlib.Path) -> bool:
    """Whether there is what a notebook needs: weights, or a way to download them."""
    if path.stem != "imagenet" or _WEIGHTS.is_file():
        return True
    try:
        with urllib.request.urlopen(_DOWNLOADS + "mobilenet_2_5_128_tf.h5", timeout=10):
            return True
    except OSError:
        return False


def run(path: pathlib.Path, folder: pathlib.Path) -> Any:
    """A notebook with what its cells show when they are run, in order, in a folder.

    Raises:
        nbclient.exceptions.CellExecutionError: A cell raised.
    """
    import nbclient
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    written = [cell.source for cell in notebook.cells]
    if path.stem == "imagenet" and _WEIGHTS.is_file():
        (folder / "keras/models").mkdir(parents=True)
        shutil.copy(_NETWORKS / _INDEX, folder / "keras/models")
        environment["KERAS_HOME"] = str(folder / "keras")
        for cell in notebook.cells:
            cell.source = cell.source.replace("weights=imagenet", f"weights={_WEIGHTS}")

    client = nbclient.NotebookClient(
        notebook,
        timeout=None,  # a busy machine is no flaw
        startup_timeout=600,
        resources={"metadata": {"path": str(folder)}},
    )
    before = signal.getsignal(signal.SIGINT)
    try:
        client.execute(env=environment)
    finally:  # nbclient leaves Python's own, also where the signal was ignored
        signal.signal(signal.SIGINT, before)

    for cell, text in zip(notebook.cells, written, strict=True):
        cell.source = text
    for cell in code_cells(notebook):
        cell.metadata.pop("execution", None)  # times of day
        cell.outputs = _joined(cell.outputs)
    notebook.metadata = {
        "kernelspec": notebook.metadata.kernelspec,
        "language_info": {"name": "python"},
        "shown_by": digest(notebook),
    }
    return notebook


def _joined(outputs: list) -> list:
    """What a cell shows, without what libraries write to stderr, and printed lines in one piece."""
    kept: list = []
    for output in outputs:
        if output.get("name") == "stderr":
            continue
        if kept and output.get("name") == kept[-1].get("name") == "stdout":
            kept[-1].text += output.text
        else:
            kept.append(output)
    return kept


def shown(notebook: Any) -> list[list[str]]:
    """What the cells show, to compare: kinds of pictures, and texts without their numbers.

    Numbers may differ between versions of TensorFlow and kinds of processors.
    """
    found = []
    for cell in code_cells(notebook):
        found.append([])
        for output in cell["outputs"]:
            data = output.get("data", {})
            text = "".join(output.get("text") or data["text/plain"])
            found[-1] += [*sorted(data), re.sub(r"[\d.,]*\d", "0", text)]
    return found


def main(names: list[str]) -> None:
    import nbformat

    for path in PATHS:
        if names and path.stem not in names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            nbformat.write(run(path, pathlib.Path(folder)), path)
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
