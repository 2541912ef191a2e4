"""What comes back of an endpoint, and what is no confidence."""

import json

import numpy as np
import pytest
from tensorflow.core.framework import tensor_pb2

from keras_fool.models import endpoints, meanings, scorer_contract
from keras_fool.serving.client import endpoint_errors, endpoint_scorer, grpc_transport
from tests.keras_fool.serving import scripted
from tests.keras_fool.serving.client.asking import PROTOCOLS, images


class TestAnswers:
    @PROTOCOLS
    @pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 64, 700])
    def test_confidences_are_the_models(self, serve, connect, protocol, count):
        scorer = connect(serve(protocol).url)
        batch = images(count)

        found = scorer.score(batch)

        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, scripted.confidences(batch))

    @PROTOCOLS
    def test_what_is_known_of_it(self, serve, connect, protocol):
        endpoint = serve(protocol)
        scorer = connect(endpoint.url)

        assert (scorer.name, scorer.version) == ("m", 1)
        assert scorer.labels == ("0", "1", "2")
        assert scorer.image_shape == scripted.SHAPE
        assert scorer.identity["path"] == endpoint.url
        json.dumps(scorer.identity)

    @PROTOCOLS
    @pytest.mark.parametrize("packed", [True, False])
    def test_typed_and_packed(self, serve, connect, protocol, packed):
        endpoint = serve(protocol)
        endpoint.model.packed = packed
        scorer = connect(endpoint.url)
        np.testing.assert_array_equal(scorer.score(images(9)), scripted.confidences(images(9)))

    @PROTOCOLS
    @pytest.mark.parametrize("dtype", ["DT_FLOAT", "DT_STRING"])
    def test_what_the_signature_takes_is_sent(self, serve, connect, protocol, dtype):
        endpoint = serve(protocol)
        endpoint.model.dtype = dtype
        query = ""
        if dtype == "DT_STRING":
            endpoint.model.shape = (-1,)
            query = "?image=4x3x1"

        scorer = connect(endpoint.url + query)

        np.testing.assert_array_equal(scorer.score(images(40)), scripted.confidences(images(40)))

    @PROTOCOLS
    def test_small_batches_are_filled_up(self, serve, connect, protocol):
        endpoint = serve(protocol)
        connect(endpoint.url).score(images(3))
        assert endpoint.model.batches == [48, 48]  # the first is the trial

    @PROTOCOLS
    def test_a_signature_of_one_batch_size_gets_just_that(self, serve, connect, protocol):
        endpoint = serve(protocol)
        endpoint.model.shape = (8, *scripted.SHAPE)

        scorer = connect(endpoint.url)

        np.testing.assert_array_equal(scorer.score(images(30)), scripted.confidences(images(30)))
        assert set(endpoint.model.batches) == {8}

    @PROTOCOLS
    def test_answers_are_put_in_order(self, serve, connect, protocol):
        endpoint = serve(protocol)
        scorer = connect(endpoint.url, score_batch=20, in_flight=5)
        endpoint.model.script = [0.3, 0.0, 0.2, 0.0, 0.1, 0.0, 0.0, 0.15]
        batch = images(333)
        np.testing.assert_array_equal(scorer.score(batch), scripted.confidences(batch))

    @PROTOCOLS
    def test_logits(self, serve, connect, protocol):
        endpoint = serve(protocol)
        trial = filled_up(scorer_contract.trial_images(scripted.SHAPE))
        endpoint.model.script = [np.log(scripted.confidences(trial)) + 7]
        scorer = connect(endpoint.url + "?logits=true&output=logits")
        endpoint.model.script = [np.log(scripted.confidences(filled_up(images(20)))) + 7]
        np.testing.assert_allclose(
            scorer.score(images(20)), scripted.confidences(images(20)), atol=1e-6
        )

    @PROTOCOLS
    def test_wrong_images_are_not_sent(self, serve, connect, protocol):
        endpoint = serve(protocol)
        scorer = connect(endpoint.url)
        for wrong in (images(3).astype(np.float32), np.zeros((3, 5, 3, 1), np.uint8)):
            with pytest.raises(ValueError, match=r"takes uint8 images \[batch, 4, 3, 1\], got"):
                scorer.score(wrong)
        assert len(endpoint.model.batches) == 1


SENT = 48  # images of the smallest request: fewer are filled up
WRONG = {
    "NaN": (np.full((SENT, 3), np.nan), "returned NaN or infinite confidences for 16 of 16"),
    "infinity": (np.full((SENT, 3), np.inf), "returned NaN or infinite confidences for 16 of 16"),
    "sums": (
        np.full((SENT, 3), 2.0),
        r"above 1.*adds up to 6, not to 1.*logits, say \?outputs=logits",
    ),
    "columns": (np.full((SENT, 4), 0.25), r"returned \[48, 4\] numbers where \[48, 3\] belong"),
    "rows": (np.full((47, 3), 1 / 3), r"returned \[47, 3\] numbers where \[48, 3\] belong"),
    "rank": (np.full((SENT,), 1.0), r"returned \[48\] numbers where \[48, 3\] belong"),
}


def filled_up(batch: np.ndarray) -> np.ndarray:
    """What is sent of few images."""
    return np.concatenate([batch, np.zeros((SENT - len(batch), *scripted.SHAPE), np.uint8)])


class TestNoConfidences:
    @PROTOCOLS
    @pytest.mark.parametrize("what", WRONG)
    def test_once_is_asked_again(self, serve, connect, protocol, what):
        endpoint = serve(protocol)
        endpoint.model.outputs = {"probabilities": (-1, 3)}
        scorer = connect(endpoint.url)
        endpoint.model.script = [WRONG[what][0]] * 2
        np.testing.assert_array_equal(scorer.score(images(16)), scripted.confidences(images(16)))

    @PROTOCOLS
    @pytest.mark.parametrize("what", WRONG)
    def test_three_times_is_an_error(self, serve, connect, protocol, what):
        endpoint = serve(protocol)
        endpoint.model.outputs = {"probabilities": (-1, 3)}
        scorer = connect(endpoint.url)
        values, message = WRONG[what]
        endpoint.model.script = [values] * 3
        with pytest.raises(scorer_contract.ScorerError, match=message) as error:
            scorer.score(images(16))
        assert str(error.value).startswith(endpoint.url)
        assert error.value.may_pass

    @PROTOCOLS
    @pytest.mark.parametrize("logits", [False, True])
    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_of_one_image_is_a_row_of_nan(self, serve, connect, protocol, value, logits):
        endpoint = serve(protocol)
        if logits:
            trial = filled_up(scorer_contract.trial_images(scripted.SHAPE))
            endpoint.model.script = [np.log(scripted.confidences(trial))]
        scorer = connect(endpoint.url + ("?logits=true&output=logits" if logits else ""))
        batch = images(20)
        expected = scripted.confidences(filled_up(batch))
        answer = np.log(expected) if logits else expected.copy()
        answer[7, 1] = value
        endpoint.model.script = [answer]

        found = scorer.score(batch)

        assert np.isnan(found[7]).all()
        others = np.delete(np.arange(20), 7)
        np.testing.assert_allclose(found[others], expected[others], atol=1e-6)
        assert endpoint.model.script == []

    @PROTOCOLS
    def test_of_a_few_images_again_and_again_is_theirs(self, serve, connect, protocol):
        # No padding is looked at: black images may be what the model cannot do.
        endpoint = serve(protocol)
        scorer = connect(endpoint.url)
        answer = np.full((SENT, 3), np.nan)
        answer[1] = scripted.confidences(images(3))[1]
        endpoint.model.script = [answer] * 3

        found = scorer.score(images(3))

        assert np.isfinite(found).all(axis=1).tolist() == [False, True, False]
        np.testing.assert_array_equal(scorer.score(images(3)), scripted.confidences(images(3)))

    @PROTOCOLS
    def test_at_the_start(self, serve, connect, protocol):
        endpoint = serve(protocol)
        endpoint.model.script = [np.full((SENT, 3), [2.0, -0.5, -0.5])] * 3
        with pytest.raises(
            endpoint_errors.EndpointError, match=r"negative.*say \?outputs=logits behind"
        ):
            connect(endpoint.url)


def probability(images: np.ndarray) -> np.ndarray:
    """float32 [batch]: the same bits in any batch."""
    return scripted.confidences(images)[:, 0]


class TestMeanings:
    @PROTOCOLS
    def test_one_sigmoid_is_two_labels(self, serve, connect, protocol):
        endpoint = serve(protocol)
        endpoint.model.outputs = {"p": (-1, 1)}
        endpoint.model.answer = lambda batch, _: probability(batch)[:, None]
        with pytest.raises(
            endpoint_errors.EndpointError, match=r"one number.*\?outputs=sigmoid behind"
        ):
            connect(endpoint.url)

        scorer = connect(f"{endpoint.url}?outputs=sigmoid")

        assert (scorer.labels, scorer.independent) == (("0", "1"), False)
        assert scorer.identity["outputs"] == "sigmoid"
        expected = np.c_[1 - probability(images(30)), probability(images(30))]
        np.testing.assert_allclose(scorer.score(images(30)), expected, atol=1e-7)

    @PROTOCOLS
    def test_independent_labels_add_up_to_anything(self, serve, connect, protocol):
        endpoint = serve(protocol)
        endpoint.model.outputs = {"p": (-1, 3)}
        endpoint.model.answer = lambda batch, _: np.sqrt(scripted.confidences(batch))
        with pytest.raises(
            endpoint_errors.EndpointError, match=r"not to 1.*\?outputs=sigmoid behind"
        ):
            connect(endpoint.url)
        with pytest.raises(
            endpoint_errors.EndpointError, match=r"all lie in 0\.\.1.*\?outputs=sigmoid"
        ):
            connect(f"{endpoint.url}?outputs=logits")

        scorer = connect(f"{endpoint.url}?outputs=sigmoid")

        assert scorer.independent
        expected = np.sqrt(scripted.confidences(images(30)))
        np.testing.assert_allclose(scorer.score(images(30)), expected, atol=1e-7)

    @pytest.mark.parametrize("query", ["", "?outputs=logits", "?outputs=sigmoid"])
    def test_percentages_are_never_told_to_be_logits(self, serve, connect, query):
        endpoint = serve("grpc")
        endpoint.model.outputs = {"p": (-1, 3)}
        endpoint.model.answer = lambda batch, _: 100 * scripted.confidences(batch)
        with pytest.raises(endpoint_errors.EndpointError, match="percentages") as raised:
            connect(endpoint.url + query)
        assert "logits" not in str(raised.value).removeprefix(endpoint.url)

    @pytest.mark.parametrize("said", ["sigmoid", "logits"])
    def test_a_distribution_is_nothing_else(self, serve, connect, said):
        endpoint = serve("grpc")
        endpoint.model.outputs = {"p": (-1, 3)}
        with pytest.raises(endpoint_errors.EndpointError, match=r"add.* up to 1"):
            connect(f"{endpoint.url}?outputs={said}")

    def test_constant_and_one_hot_classifiers_are_named(self, serve, connect):
        endpoint = serve("grpc")
        endpoint.model.answer = lambda batch, _: np.full((len(batch), 3), 1 / 3)
        with pytest.raises(endpoint_errors.EndpointError, match="constant"):
            connect(endpoint.url)

        endpoint.model.answer = lambda batch, _: np.eye(3)[scripted.confidences(batch).argmax(1)]
        scorer = endpoint_scorer.EndpointScorer(endpoints.parse(endpoint.url))
        scorer.close()
        assert "one-hot" in " ".join(scorer.notes)

    @pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
    def test_half_precision_is_read_and_normalised(self, dtype):
        tf = pytest.importorskip("tensorflow")
        rows = tf.nn.softmax(tf.cast(np.random.default_rng(0).normal(0, 3, (500, 1000)), dtype))
        expected = tf.cast(rows, tf.float32).numpy()
        packed = tf.make_tensor_proto(rows.numpy())
        typed = tensor_pb2.TensorProto(dtype=packed.dtype, tensor_shape=packed.tensor_shape)
        typed.half_val.extend(rows.numpy().view(np.uint16).ravel().tolist())

        for message in (packed, typed):
            values = grpc_transport.values(message)
            np.testing.assert_array_equal(values, expected)

        assert np.abs(expected.sum(axis=1) - 1).max() > meanings.TOLERANCE
        confidences = meanings.confidences(expected, meanings.CONFIDENCES, dtype)
        assert scorer_contract.problem(confidences) is None
        assert scorer_contract.problem(expected) is not None


class TestMetadata:
    @PROTOCOLS
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"dtype": "DT_INT32"}, r"takes int32 \[\?, 4, 3, 1\], not images"),
            ({"shape": (-1, 12)}, r"takes uint8 \[\?, 12\], not images \[batch, height"),
            ({"shape": (-1, 4, 3, 2)}, r"takes uint8 \[\?, 4, 3, 2\], not images"),
            ({"shape": (-1, -1, 3, 1)}, r"say what images those are, such as \?image="),
            ({"shape": None}, r"takes uint8 of any shape: say what images"),
            ({"outputs": {"a": (-1, 3), "b": (-1, 3)}}, r"say which, such as \?output=a"),
            ({"outputs": {"a": (-1, 3, 3)}}, r"gives no confidences \[batch, labels\], but a \("),
            ({"outputs": {}}, r"gives no confidences \[batch, labels\], but nothing"),
        ],
    )
    def test_what_does_not_fit_is_refused_before_any_image(
        self, serve, connect, protocol, settings, message
    ):
        endpoint = serve(protocol)
        vars(endpoint.model).update(settings)
        with pytest.raises(ValueError, match=message):
            connect(endpoint.url)
        assert endpoint.model.batches == endpoint.model.authorizations == []

    @PROTOCOLS
    def test_labels_must_be_as_many(self, serve, connect, protocol):
        endpoint = serve(protocol)
        with pytest.raises(ValueError, match="gives 3 confidences, but 2 labels are named"):
            connect(endpoint.url, labels=("a", "b"))
        assert connect(endpoint.url, labels=("a", "b", "c")).labels == ("a", "b", "c")

    @PROTOCOLS
    def test_what_it_does_not_tell_is_tried(self, serve, connect, protocol):
        endpoint = serve(protocol)
        endpoint.model.shape = (-1, -1, -1, -1)
        endpoint.model.outputs = {"probabilities": (-1, -1)}
        scorer = connect(endpoint.url + "?image=4x3x1")
        assert len(scorer.labels) == 3

    @PROTOCOLS
    def test_unknown_signature(self, serve, connect, protocol):
        with pytest.raises(ValueError, match="no signature 'nope'; known: serving_default"):
            connect(serve(protocol).url + "?signature=nope")


def test_there_is_no_limit_of_4_megabytes(serve, connect):
    endpoint = serve("grpc")
    wide = 70_000
    endpoint.model.outputs = {"probabilities": (-1, wide)}
    endpoint.model.answer = lambda batch, _: np.repeat(
        np.c_[batch.mean(axis=(1, 2, 3)), 255 - batch.mean(axis=(1, 2, 3))] / 255 / (wide // 2),
        wide // 2,
        axis=1,
    )
    endpoint.model.packed = True

    found = connect(endpoint.url).score(images(20))

    assert found.nbytes > 4 * 2**20
    assert found.shape == (20, wide)
