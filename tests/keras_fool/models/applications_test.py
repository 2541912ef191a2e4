import importlib
import inspect

import keras
import numpy as np
import pytest

from keras_fool.models import applications, preprocessing

MODULES = {
    name: importlib.import_module(getattr(keras.applications, name).__module__)
    for name in applications.SIZES
}


def test_the_table_has_every_network_of_keras():
    networks = {name for name in dir(keras.applications) if name[0].isupper()}

    assert set(applications.SIZES) == networks


@pytest.mark.parametrize("name", applications.SIZES)
def test_preprocessing_is_kerass(name):
    image = np.random.default_rng(0).integers(0, 256, (1, 4, 4, 3)).astype(np.float32)
    method = preprocessing.METHODS[applications.PREPROCESS[name]]

    found = np.asarray(method.apply(image), np.float32)

    np.testing.assert_allclose(found, MODULES[name].preprocess_input(image.copy()), atol=1e-5)


@pytest.mark.parametrize("name", applications.SIZES)
def test_sizes_and_widths_are_kerass(name):
    function = getattr(keras.applications, name)
    source = inspect.getsource(function) + inspect.getsource(MODULES[name])

    # Keras names the size in the code that checks the input's, or hands it over.
    assert str(applications.SIZES[name]) in source
    assert (name in applications.WIDTHS) == ("alpha" in inspect.signature(function).parameters)


def test_titles_say_what_differs():
    assert applications.Application("MobileNet").title == "MobileNet"
    assert applications.Application("MobileNet", size=128, alpha=0.25).title == "MobileNet-0.25-128"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "LeNet"}, "unknown network 'LeNet'; keras.applications has ResNet50"),
        ({"name": "VGG16", "alpha": 0.5}, "VGG16 has no width: alpha is for MobileNet"),
        ({"name": "VGG16", "weights": "no.h5"}, "no file of weights no.h5"),
    ],
)
def test_what_there_is_not_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        applications.Application(**settings)
