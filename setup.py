"""Packaging of keras_fool; the packages are named so that nothing else gets in."""

import pathlib
import re

from setuptools import find_packages, setup

# Floors are those below which a version has a vulnerability that is known; the history of
# this file names the advisories.
SERVING = [
    "aiohttp>=3.14.4",
    "grpcio>=1.80",
    "grpcio-health-checking>=1.80",
    "orjson>=3.11.6",
    "prometheus-client>=0.20",
    "requests>=2.33.0",
    "tensorflow-serving-api>=2.21,<2.22",
    "urllib3>=2.7.0",  # of requests, which would take an older one
]

# Scores .onnx files.
ONNX = ["onnxruntime>=1.23"]

# Many machines. No other minor version was tried.
CLUSTER = ["ray[client]>=2.60,<2.61"]

ROOT = pathlib.Path(__file__).parent
# Read, not imported: the package's requirements may not be installed yet.
VERSION = re.search(
    '^__version__ = "(.+)"$', (ROOT / "keras_fool/__init__.py").read_text("utf-8"), re.MULTILINE
)[1]

setup(
    name="keras_fool",
    version=VERSION,
    description="How easily is an image classifier fooled, by what, and does anything help?",
    long_description=(ROOT / "README.md").read_text("utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    packages=[
        *find_packages(
            include=[
                "keras_fool",
                "keras_fool.*",
                "evolvers",
                "evolvers.*",
                "trainers",
                "trainers.*",
            ]
        ),
        "saved_models",  # the shipped classifiers, found beside the packages
    ],
    package_data={
        "keras_fool": ["py.typed", "audits/*.json", "pages/templates/*.html", "pages/assets/*"],
        "evolvers": ["py.typed", "*.cfg"],
        "trainers": ["py.typed"],
        "saved_models": ["README.md", "*/*/*", "*/*/*/*"],
    },
    entry_points={"console_scripts": ["keras-fool = keras_fool.__main__:run"]},
    install_requires=[
        "absl-py>=2.1",
        # TFDS 4.9.10 imports it to prepare a data set, without declaring it.
        "importlib_resources>=6.0",
        "jinja2>=3.1.6",
        "keras>=3.15.1,<3.16",
        "matplotlib>=3.9",
        "neat-python>=2.0,<2.1",
        "numba>=0.61",
        "numpy>=2.0,<3",
        "pillow>=13.0",
        "protobuf>=6.33.5",
        "scikit-learn>=1.5",
        "scipy>=1.13",
        "tensorboard>=2.20",
        "tensorflow>=2.21,<2.22",
        "tensorflow-datasets>=4.9.10,<5",
        "tqdm>=4.66.3",
    ],
    extras_require={
        "serving": SERVING,
        "onnx": ONNX,
        "cluster": CLUSTER,
        "test": [
            *SERVING,
            *ONNX,
            "hypothesis>=6.100",
            "ipykernel>=6.29",
            "jsonschema>=4.20",
            "nbclient>=0.10",
            "onnx>=1.19",
            "psutil>=6.0",
            "pytest>=8.0",
            "pytest-xdist>=3.6",
        ],
        # Builds docs/: MkDocs 2 is another program, without plugins.
        "docs": ["mkdocs>=1.6,<2", "mkdocs-material>=9.6,<10", "mkdocstrings[python]>=1.0,<2"],
        "dev": ["mypy>=1.15", "pre-commit>=4.0", "ruff>=0.14"],
        # What benchmarks/ascent.py and benchmarks/peers.py compare with.
        "benchmark": ["ribs>=0.12,<0.13", "tf-keras-vis>=0.8.7"],
    },
)
