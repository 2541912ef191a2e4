import dataclasses
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_fool.models import classifiers, endpoints, model_specs

A, B = "127.0.0.1:8500", "b.example.org:80"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"grpc://{A}/mnist", {"scheme": "grpc", "addresses": (A,), "model": "mnist"}),
        (f"grpcs://{A},{B}/m", {"scheme": "grpcs", "addresses": (A, B)}),
        (f"grpc://{A}/m/7", {"version": 7, "label": None, "name": "m/7"}),
        (f"grpc://{A}/m/007", {"version": 7}),
        (f"grpc://{A}/m@canary", {"version": None, "label": "canary", "name": "m@canary"}),
        (f"grpc://{A}/m?signature=s", {"signature": "s", "name": "m"}),
        (f"grpc://{A}/a%20b", {"model": "a b"}),
        ("grpc://[::1]:8500/m", {"addresses": ("[::1]:8500",)}),
        (f"http://{A}/v1/models/m", {"scheme": "http", "model": "m"}),
        ("https://x.org/v1/models/m", {"addresses": ("x.org:443",)}),
        ("http://x.org,y:81/v1/models/m", {"addresses": ("x.org:80", "y:81")}),
        (f"http://{A}/v1/models/m/versions/3", {"version": 3, "name": "m/3"}),
        (f"http://{A}/v1/models/m/labels/stable", {"label": "stable"}),
        (
            f"http://{A}/v1/models/m?output=o&image=224x200x3&preprocess=tf&logits=true",
            {
                "output": "o",
                "image_shape": (224, 200, 3),
                "preprocess": "tf",
                "outputs": "logits",
            },
        ),
    ],
)
def test_parts(url, expected):
    endpoint = endpoints.parse(url)
    assert {name: getattr(endpoint, name) for name in expected} == expected
    assert endpoint.uses_tls == (endpoint.scheme in ("grpcs", "https"))
    assert endpoints.parse(endpoint.spec) == endpoint


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("ftp://a:1/m", "begins with one of grpc://, grpcs://, http://, https://"),
        ("grpc://a/m", "has 'a' where host:port belongs"),
        ("grpc://:80/m", "has ':80' where host:port belongs"),
        ("grpc:///m", "has '' where host:port belongs"),
        ("grpc://a:1,/m", "has '' where host:port belongs"),
        ("grpc://a:0/m", "has 'a:0' where host:port belongs"),
        ("grpc://a:65536/m", "where host:port belongs"),
        ("grpc://a:x/m", "has 'a:x' where host:port belongs"),
        ("http://a:/v1/models/m", "has 'a:' where host:port belongs"),
        ("grpc://[::1/m", "is malformed"),
        ("grpc://a:1,a:1/m", "names a:1 twice"),
        ("grpc://a:1", "has '' where the model's name belongs"),
        ("grpc://a:1/", "has '/' where the model's name belongs"),
        ("grpc://a:1/m/1/2", "where the model's name belongs"),
        ("grpc://a:1/m/1@x", "where the model's name belongs"),
        ("grpc://a:1/m/one", "has 'one' where the version's number belongs"),
        ("grpc://a:1/m/-1", "has '-1' where the version's number belongs"),
        ("grpc://a:1/m/9223372036854775808", "has a version beyond"),
        ("grpc://a:1/m#x", "holds a '#'"),
        ("http://a:1/m", "where the model's name belongs"),
        ("http://a:1/v1/models/m:predict", "where the model's name belongs"),
        ("http://a:1/v1/models/m/versions/1/labels/x", "where the model's name belongs"),
        ("grpc://a:1/m?nope=1", "has an unknown option; known: signature, output, image"),
        ("grpc://a:1/m?signature=", "gives signature no value"),
        ("grpc://a:1/m?signature=a&signature=b", "says signature twice"),
        ("grpc://a:1/m?image=28x28", "has image='28x28', not HEIGHTxWIDTHxCHANNELS"),
        ("grpc://a:1/m?image=0x28x1", "has image="),
        ("grpc://a:1/m?image=28x28x4", "has image="),
        ("grpc://a:1/m?preprocess=imagenet", "has preprocess='imagenet'; known: none, unit"),
        ("grpc://a:1/m?logits=yes", "has logits='yes', not true or false"),
        ("grpc://a:1/m?outputs=p", "has outputs='p'; known: confidences, logits, sigmoid"),
        ("grpc://a:1/m?outputs=sigmoid&logits=true", "logits=true and outputs=sigmoid; say one"),
    ],
)
def test_malformed_ones_say_what_is_expected(url, problem):
    with pytest.raises(ValueError, match="endpoint's address") as error:
        endpoints.parse(url)
    message = str(error.value)
    assert problem in message
    if not url.startswith("ftp"):
        assert f"expected {url.partition(':')[0]}://host:port" in message


@pytest.mark.parametrize(
    "url",
    [
        "grpc://me:s3cret@a:1/m",
        "grpc://s3cret@a:1/m",
        "http://me:s3cret@a:1/v1/models/m",
        "grpc://a:1/m?token=s3cret",
        "grpc://me:s3cret\u2100@a:1/m",
    ],
)
def test_passwords_are_refused_and_not_repeated(url):
    with pytest.raises(ValueError, match="endpoint's address") as error:
        endpoints.parse(url)
    assert "s3cret" not in str(error.value)


@given(st.sampled_from(model_specs.URL_SCHEMES), st.text(max_size=60))
def test_any_text_is_read_or_refused(scheme, text):
    try:
        endpoint = endpoints.parse(scheme + text)
    except ValueError:
        return
    assert endpoints.parse(endpoint.spec) == endpoint


def test_identity_is_of_the_model_and_not_of_the_place():
    one = endpoints.parse(f"grpc://{A}/m?signature=s")
    other = endpoints.parse(f"https://{B}/v1/models/m/versions/2?signature=s")
    assert one.identity != other.identity
    assert classifiers.comparable(one.identity) == classifiers.comparable(other.identity)
    third = endpoints.parse(f"grpc://{A}/m")
    assert classifiers.comparable(one.identity) != classifiers.comparable(third.identity)


def test_options_make_no_other_endpoint():
    endpoint = endpoints.parse(f"grpc://{A}/m")
    patient = dataclasses.replace(endpoint, options=endpoints.Options(patience=1))
    assert patient == endpoint
    assert hash(patient) == hash(endpoint)
    with pytest.raises(dataclasses.FrozenInstanceError):
        endpoint.model = "other"


def test_classifiers_finds_them():
    url = f"grpc://{A},{B}/m@stable"
    assert classifiers.find_all(url) == endpoints.parse(url)
    named = classifiers.find(url).with_labels(("a", "b"))
    assert named.labels == ("a", "b")
    with pytest.raises(ValueError, match="no ensemble has as a member"):
        classifiers.find_all(f"mnist_a,grpc://{A}/m")


def test_commas_in_addresses_stay_where_a_list_is_split():
    specs = ["mnist_a", f"grpc://{A},{B}/m", "x.keras", f"http://{A}/v1/models/m", f"grpc://{B}/m"]
    assert model_specs.split(",".join(specs)) == specs


def test_import_is_light():
    code = "import sys, keras_fool.models.endpoints; print(sorted(sys.modules))"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    for slow in (b"'tensorflow'", b"'grpc'", b"'requests'"):
        assert slow not in output.stdout
