"""What all tests share: the project's root, a small system of plain Python servers, and a look for survivors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from perflab import environment
from perflab.experiments import code_state
from perflab.findings import catalogue

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
def _asked_once() -> Iterator[None]:
    """What hundreds of runs need is read once: installed packages (0.3 s), the project's state in git, its catalogue.

    Nobody installs a package meanwhile, and a test that changes files does it in a repository of its own. Whoever
    commits to the project while its tests run changes nothing between two runs of one test either.
    """
    git, read = code_state._git, catalogue._read

    kept: dict[tuple[Path | str, ...], bytes] = {}

    def answer(folder: Path, *words: str) -> bytes:
        if not Path(folder).is_relative_to(ROOT):
            return git(folder, *words)
        said = kept.get((folder, *words)) or git(folder, *words)
        kept[folder, *words] = said  # an empty one may be a failure, which must not spread: it is asked again
        return said

    @cache
    def known(path: Path) -> dict[str, Any]:
        return read(path)

    def content(path: Path) -> dict[str, Any]:  # nobody changes what they are given
        return (known if path.is_relative_to(ROOT / "data") else read)(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "_read", content)
        patch.setattr(environment, "_packages_digest", cache(environment._packages_digest))
        patch.setattr(code_state, "_git", answer)
        yield
