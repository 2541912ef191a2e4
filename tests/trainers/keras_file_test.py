import keras
import numpy as np

from trainers import keras_file, models


def lenet() -> keras.Model:
    return models.build("lenet", (28, 28, 1), 10, seed=3)


def test_the_same_model_is_the_same_bytes(tmp_path):
    paths = [tmp_path / f"{number}.keras" for number in range(3)]
    kept = []  # so that the second model lies elsewhere in memory
    for path in paths[:2]:
        kept.append(lenet())
        keras_file.save(path, kept[-1])
    other = lenet()
    other.set_weights([weight * 1.001 for weight in other.get_weights()])
    keras_file.save(paths[2], other)

    first, second, third = (path.read_bytes() for path in paths)
    assert first == second
    assert first != third


def test_reads_back_as_the_same_model(tmp_path):
    path = tmp_path / "model.keras"
    model = lenet()
    keras_file.save(path, model)

    loaded = keras.saving.load_model(path, safe_mode=True)

    images = np.random.default_rng(0).integers(0, 256, (20, 28, 28, 1), np.uint8)
    np.testing.assert_array_equal(loaded(images), model(images))
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]
    assert [layer.dtype_policy for layer in loaded.layers] == [
        layer.dtype_policy for layer in model.layers
    ]
