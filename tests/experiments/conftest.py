"""What the tests of experiments share."""

import pytest

from perflab.benches.stats.injected import studied


@pytest.fixture
def study():
    with studied() as opened:
        yield opened
