import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_fool.models import label_orders

NAMES = st.lists(st.text("abcdefgh", min_size=1, max_size=3), min_size=2, max_size=8, unique=True)


@given(NAMES, st.randoms())
def test_every_label_is_found_wherever_it_is(labels, random):
    among = [f" {label.upper()}_" for label in labels]
    random.shuffle(among)

    order = label_orders.find(labels, among, "data", "a classifier")

    assert order.by_name
    assert [among[place].strip(" _").lower() for place in order.places] == labels


@pytest.mark.parametrize(
    ("labels", "among", "places", "by_name"),
    [
        (["crane", "cat", "crane"], ["crane", "cat", "crane"], (0, 1, 2), True),
        (["cat", "dog"], ["0", "1"], (0, 1), False),
        (["0", "1"], ["cat", "dog", "fooling"], (0, 1), False),
        (["0", "1", "10", "2"], [str(number) for number in range(11)], (0, 1, 10, 2), True),
        (["dog"], ["cat", "dog"], (1,), True),
        (["Cat", "cat"], ["cat", "Cat"], (1, 0), True),
    ],
)
def test_orders(labels, among, places, by_name):
    order = label_orders.find(labels, among, "data", "a classifier")

    assert (order.places, order.by_name) == (places, by_name)


@pytest.mark.parametrize(
    ("labels", "among", "message"),
    [
        (["cat", "zebrra"], ["zebra", "cat"], "classifier has no zebrra .did you mean zebra"),
        (["cat", "dog"], ["katze", "hund"], "has no cat, dog, which data has"),
        (["cat", "crane"], ["crane", "cat", "crane"], "has crane for more than one label"),
        (["Cat", "cat"], ["cat", "dog"], "cat for more than one label"),
        (["1", "2", "3"], ["0", "1", "2"], "has no 3"),  # some are there, so they are names
        (["a", "b"], ["0"], "has no a, b"),
    ],
)
def test_no_order_is_guessed(labels, among, message):
    with pytest.raises(ValueError, match=message):
        label_orders.find(labels, among, "data", "a classifier")
