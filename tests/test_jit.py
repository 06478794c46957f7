"""Compiled code on disk is compiled anew when anything that it was made of has changed, and only then."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from perflab import jit

WORK = """
from pack.jit import njit
from pack.inner import (
    twice,
)

@njit(cache=True)
def work(x):
    return twice(x) + 1
"""
INNER = """
from pack import constants
from pack.jit import njit
FACTOR = constants.FACTOR

@njit(cache=True, inline="always")
def twice(x):
    return FACTOR * x
"""
CALL = "from pack.work import work; print(work(10), sum(work.stats.cache_hits.values()))"


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A package with a constant that is two imports away from the function that it is compiled into."""
    folder = tmp_path / "pack"
    folder.mkdir()
    shutil.copy(Path(jit.__file__), folder / "jit.py")
    for name, text in {"__init__": "", "work": WORK, "inner": INNER, "constants": "FACTOR = 2\n", "other": ""}.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def called(pack: Path) -> list[int]:
    """Return the function's result in a fresh process, and whether it came from the disk."""
    done = subprocess.run([sys.executable, "-c", CALL], cwd=pack.parent, capture_output=True, text=True, check=True)
    return [int(word) for word in done.stdout.split()]


def test_a_function_follows_a_constant_of_another_file(pack: Path) -> None:
    assert called(pack) == [21, 0]
    assert called(pack) == [21, 1]
    (pack / "constants.py").write_text("FACTOR = 3\n")
    assert called(pack) == [31, 0]
    assert called(pack) == [31, 1]
    (pack / "other.py").write_text("FACTOR = 4\n")
    assert called(pack) == [31, 1]


def test_all_compiled_code_goes_this_way() -> None:
    root = jit.ROOT
    others = [
        file for file in root.rglob("*.py") if "numba.njit" in (text := file.read_text()) or "numba import njit" in text
    ]
    assert others == [root / "jit.py"]


def test_what_a_kernel_is_made_of_is_found() -> None:
    folder = jit.ROOT / "audio" / "kernels"
    denoiser = folder / "compiled" / "denoiser.py"
    assert folder / "compiled" / "fft.py" in jit.imported(denoiser, jit.ROOT)
    assert folder / "lanes.py" in jit.imported(folder / "compiled" / "fft.py", jit.ROOT)
