"""A network of PyTorch as a function, and as an ONNX file, where PyTorch is installed."""

import pathlib
import re

import numpy as np
import pytest

import keras_fool
from keras_fool import evolve
from trainers import datasets

pytestmark = pytest.mark.slow
PAGE = pathlib.Path(__file__).parents[2] / "docs" / "formats.md"
NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


@pytest.fixture(scope="module")
def torch():
    """PyTorch, which takes seconds to import: only where these tests are run."""
    return pytest.importorskip(
        "torch", reason="PyTorch is not installed: pip install torch, the build for the CPU will do"
    )


@pytest.fixture(scope="module")
def network(torch):
    """A convolutional network that reads scikit-learn's digits."""
    torch.manual_seed(0)
    torch.set_num_threads(1)  # several wait for each other where there is other work
    network = torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 5, stride=2),
        torch.nn.ReLU(),
        torch.nn.Conv2d(8, 16, 5, stride=2),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Dropout(),
        torch.nn.Linear(16 * 4 * 4, 10),
    )
    digits = datasets.load("digits")
    images = torch.from_numpy(digits.train_images).permute(0, 3, 1, 2) / 255
    labels = torch.from_numpy(digits.train_labels.astype(np.int64))
    optimizer = torch.optim.Adam(network.parameters(), 4e-3)
    for _ in range(6):
        for batch in torch.randperm(len(images)).split(50):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(network(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
    given = confidences(network, digits.test_images).argmax(axis=1)
    assert (given == digits.test_labels).mean() > 0.8
    return network


def confidences(network, images: np.ndarray) -> np.ndarray:
    """What PyTorch itself says of images, without keras_fool."""
    import torch

    network.eval()
    with torch.no_grad():
        tensor = torch.from_numpy(images.astype(np.float32) / 255).permute(0, 3, 1, 2)
        return torch.softmax(network(tensor), dim=1).numpy()


def test_the_example_of_the_page(network):
    """The code that users copy, executed; PyTorch scores each image again."""
    (code,) = (
        block
        for block in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
        if "import torch" in block
    )
    variables = {"keras_fool": keras_fool, "network": network, "names": NAMES}

    exec(code, variables)

    result = variables["result"]
    assert result.labels == tuple(NAMES)
    assert result.images.shape == (10, 28, 28, 1)
    own = confidences(network, result.images)[range(10), result.numbers]
    np.testing.assert_allclose(result.confidences, own, atol=1e-5)
    assert np.median(own) > 0.99


def test_logits_with_a_gradient_and_half_precision_are_taken(torch, network):
    def bfloat16(images):
        tensor = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
        return network(tensor).bfloat16()

    network.eval()
    classifier = keras_fool.Classifier(bfloat16, image_shape=(28, 28, 1), outputs="logits")
    result = keras_fool.fool(classifier, generations=5, batch_size=50, progress=False)

    own = confidences(network, result.images)[range(10), result.numbers]
    np.testing.assert_allclose(result.confidences, own, atol=0.05)


def test_exported_to_onnx(torch, network, command, tmp_path):
    """`torch.onnx.export`, and then as any file: channels first, logits."""
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed: the extra [onnx]")
    path = tmp_path / "network.onnx"
    network.eval()
    torch.onnx.export(
        network,
        (torch.zeros(1, 1, 28, 28),),
        path,
        input_names=["image"],
        output_names=["logits"],
        dynamic_axes={"image": {0: "batch"}},
        dynamo=False,
    )

    options = (f"--model={path}", "--preprocess=unit", "--outputs=logits")
    few = ("--generations=20", "--batch_size=50", f"--workdir={tmp_path / 'run'}")
    code, _, err = command(evolve, *options, *few)

    assert code == 0, err
    result = keras_fool.load(tmp_path / "run")
    own = confidences(network, result.images)[range(10), result.numbers]
    np.testing.assert_allclose(result.confidences, own, atol=1e-5)
