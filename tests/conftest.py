"""What all tests share: the project's root, a small system of plain Python servers, and a look for survivors."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ["PERFLAB_MEASURING"] = "1"  # tests may run beside each other and beside a measurement
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(autouse=True)
def _own_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test writes into the project's reports."""
    monkeypatch.setenv("PERFLAB_REPORTS", str(tmp_path / "reports"))
