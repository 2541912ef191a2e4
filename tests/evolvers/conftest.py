"""What the tests of evolvers share."""

import pytest

from tests.evolvers.scorers import LinearScorer


@pytest.fixture
def scorer() -> LinearScorer:
    """Six labels for grey images of 12x10."""
    return LinearScorer()
