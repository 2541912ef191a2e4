import pytest

from evolvers import activations

# f(1), f(-4), f(2.5) of the paper's functions.
TABLE = {
    "sine": (0.841471, 0.756802, 0.598472),
    "sigmoid": (0.462117, -0.964028, 0.848284),
    "gaussian": (0.367879, 1.1254e-7, 0.00193045),
    "linear": (0.333333, -1, 0.833333),
}


@pytest.mark.parametrize("name", TABLE)
def test_reference_values(name):
    function = activations.FUNCTIONS[name]
    values = [function(p) for p in (1.0, -4.0, 2.5)]
    assert values == pytest.approx(TABLE[name], rel=1e-5, abs=5e-7)


def test_a_node_without_input_gives_one_if_gaussian_and_else_zero():
    assert {name: f(0.0) for name, f in activations.FUNCTIONS.items()} == {
        "sine": 0,
        "sigmoid": 0,
        "gaussian": 1,
        "linear": 0,
    }


def test_linear_is_exactly_one_at_three_and_beyond():
    assert [activations.linear(p) for p in (-1e30, -3.0, 3.0, 1e30)] == [-1, -1, 1, 1]


@pytest.mark.parametrize("p", [-1e6, -745.0, -40.0, 40.0, 745.0, 1e6])
@pytest.mark.parametrize("name", TABLE)
def test_no_argument_overflows(name, p):
    assert -1 <= activations.FUNCTIONS[name](p) <= 1


def test_numbers_stand_for_the_names_in_their_order():
    numbers = {
        "sine": activations.SINE,
        "sigmoid": activations.SIGMOID,
        "gaussian": activations.GAUSSIAN,
        "linear": activations.LINEAR,
    }
    assert {name: activations.NAMES[number] for name, number in numbers.items()} == {
        name: name for name in TABLE
    }
