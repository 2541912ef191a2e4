"""What the tests of evolvers share."""

import pytest
from hypothesis import settings

from tests.evolvers.scorers import LinearScorer

# The first call of a compiled function loads or compiles it, which is no flaw of the test.
settings.register_profile("evolvers", deadline=None)
settings.load_profile("evolvers")


@pytest.fixture
def scorer() -> LinearScorer:
    """Six labels for grey images of 12x10."""
    return LinearScorer()
