"""Made the files beside it: small models as tf.keras 2 writes them, and what it gives for images.

With tf-keras 2.21, which is not needed to run the tests:

    python tests/keras_fool/models/tf_keras_files/make.py
"""

import json
import pathlib

import numpy as np
import tf_keras
from tf_keras import layers

HERE = pathlib.Path(__file__).parent


def main() -> None:
    tf_keras.utils.set_random_seed(1)
    image = layers.Input((8, 8, 3), name="image")
    x = layers.Rescaling(1 / 255)(image)
    x = layers.Conv2D(4, 3, activation="relu")(x)
    x = layers.BatchNormalization()(x)
    x = layers.Concatenate()([x, layers.ReLU(max_value=6.0)(x)])
    x = layers.GlobalAveragePooling2D()(x)
    weights = tf_keras.initializers.RandomNormal(stddev=3.0, seed=2)
    labels = layers.Dense(3, "softmax", name="labels", kernel_initializer=weights)
    functional = tf_keras.Model(image, labels(x))
    functional.compile("adam", "sparse_categorical_crossentropy")
    sequential = tf_keras.Sequential(
        [
            layers.Input((8, 8, 3)),
            layers.Rescaling(1 / 127.5, -1),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )
    sequential.compile("sgd", tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    functional.save(HERE / "functional.h5", include_optimizer=False)
    sequential.save(HERE / "sequential.h5", include_optimizer=False)
    functional.save(HERE / "saved_model", save_format="tf", include_optimizer=False)
    images = np.random.default_rng(3).integers(0, 256, (40, 8, 8, 3), np.uint8).astype("float32")
    logits = sequential.predict(images, verbose=0)
    expected = {
        "functional": functional.predict(images, verbose=0),
        "sequential": layers.Softmax()(logits).numpy(),
    }
    rounded = {name: np.round(rows.astype(float), 9).tolist() for name, rows in expected.items()}
    (HERE / "expected.json").write_text(json.dumps(rounded))


if __name__ == "__main__":
    main()
