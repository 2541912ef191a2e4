"""What packaging, citation and changes say about the project agrees."""

import json
import pathlib
import re
import subprocess
import sys

import keras_fool

ROOT = pathlib.Path(__file__).parent.parent


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def test_there_is_one_version():
    assert re.search("^version: (.*)$", text("CITATION.cff"), re.M)[1] == keras_fool.__version__
    assert f"\n## [{keras_fool.__version__}]" in text("CHANGELOG.md")


def test_setup_reads_the_version_and_ships_what_types_need():
    program = (
        "import sys, setuptools\n"
        "setuptools.setup = lambda **kwargs: print(kwargs['version'], kwargs['package_data'])\n"
        "sys.path.insert(0, '.')\n"
        "import setup\n"
        "assert not {'keras_fool', 'tensorflow'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.startswith(keras_fool.__version__)
    for package in ("keras_fool", "evolvers", "trainers"):
        assert (ROOT / package / "py.typed").is_file()
        assert re.search(f"'{package}': \\[[^]]*'py.typed'", done.stdout)


def test_every_file_of_a_package_is_shipped():
    program = (
        "import json, sys, setuptools\n"
        "setuptools.setup = lambda **kwargs: print(json.dumps(kwargs['package_data']))\n"
        "sys.path.insert(0, '.')\n"
        "import setup\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    shipped = {
        path
        for package, patterns in json.loads(done.stdout).items()
        for pattern in patterns
        for path in (ROOT / package).glob(pattern)
    }

    for package in ("keras_fool", "evolvers", "trainers"):
        files = {path for path in (ROOT / package).rglob("*") if path.is_file()}
        others = {
            path for path in files if path.suffix != ".py" and "__pycache__" not in path.parts
        }
        assert others <= shipped, f"{others - shipped} are not in package_data of setup.py"


def test_the_license_is_whole():
    found = text("LICENSE")

    assert found.lstrip().startswith("Apache License")
    assert "END OF TERMS AND CONDITIONS" in found
