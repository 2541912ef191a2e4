import pytest

from keras_fool.models import model_specs
from keras_fool.models.model_specs import Spec


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("mnist_a", Spec("mnist_a")),
        ("a/b.keras", Spec("a/b.keras")),
        ("b.keras:tf:logits", Spec("b.keras", preprocess="tf", outputs="logits")),
        ("b.keras:logits:bgr", Spec("b.keras", preprocess="bgr", outputs="logits")),
        ("b.keras:sigmoid", Spec("b.keras", outputs="sigmoid")),
        ("b.keras:confidences:unit", Spec("b.keras", preprocess="unit", outputs="confidences")),
        ("c:unit/b.keras", Spec("c:unit/b.keras")),  # only what stands at the end is an option
        ("b.keras:grey", Spec("b.keras:grey")),  # and no file of such a name will be found
        (
            "MobileNet:alpha=0.25:size=128:weights=w.h5",
            Spec("MobileNet", alpha=0.25, size=128, weights="w.h5"),
        ),
        ("b.keras:image=256:crops=10:crop=224", Spec("b.keras", image=256, crops=10, crop=224)),
        ("unit", Spec("unit")),  # a name may be anything
        ("grpc://host:8500/unit:tf", Spec("grpc://host:8500/unit:tf")),
    ],
)
def test_parse(text, spec):
    assert model_specs.parse(text) == spec


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("b.keras:tf:unit", "says preprocess twice"),
        ("b.keras:logits:sigmoid", "says outputs twice"),
        ("b.keras:image=0", "image must be a number above 0, got '0'"),
        ("MobileNet:alpha=wide", "alpha must be a number above 0, got 'wide'"),
        ("MobileNet:alpha=nan", "alpha must be a number above 0, got 'nan'"),
    ],
)
def test_nonsense_says_so(text, message):
    with pytest.raises(ValueError, match=message):
        model_specs.parse(text)


def test_commas_make_members_but_not_in_addresses():
    assert model_specs.split("a,b:tf,c") == ["a", "b:tf", "c"]
    assert model_specs.split("a") == ["a"]
    assert model_specs.split("grpc://h:1,h:2/m") == ["grpc://h:1,h:2/m"]
    with pytest.raises(ValueError, match="empty member"):
        model_specs.split("a,,b")
