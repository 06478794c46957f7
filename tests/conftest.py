"""What all tests share: the project's root, a small system of plain Python servers, and a look for survivors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from perflab import environment

os.environ["PERFLAB_MEASURING"] = "1"  # tests may run beside each other and beside a measurement
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(autouse=True)
def _own_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test writes into the project's reports."""
    monkeypatch.setenv("PERFLAB_REPORTS", str(tmp_path / "reports"))


@pytest.fixture(autouse=True, scope="session")
def _packages_read_once() -> Iterator[None]:
    """Hundreds of tests create a run, and nobody installs a package meanwhile: reading all of them takes 0.3 s."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(environment, "_packages_digest", cache(environment._packages_digest))
        yield
