from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .processes import World, world


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Both stand-ins, shared by the tests of a module."""
    folder: Path = tmp_path_factory.mktemp("world")
    with world(folder) as running:
        yield running
