"""What make offers on a fresh machine: the list of targets, pinned packages from any index, and set-up by plain pip."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

MAKEFILE = Path(__file__).resolve().parents[2] / "Makefile"
STUB = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "stub"
version = "1.0"
"""
BACKEND = """
import shutil
from pathlib import Path

def build_editable(folder, config_settings=None, metadata_directory=None):
    built = next(Path(__file__).parent.glob("built/stub-*.whl"))
    return Path(shutil.copy(built, folder)).name
"""


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run make where no index, no mirror and no setting of this machine can be reached by pip."""
    kept = {name: text for name, text in os.environ.items() if not re.match("PIP_|UV_|MAKE|PERFLAB_|PYTHON", name)}
    env = {**kept, "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    return subprocess.run(["make", *words], cwd=folder, env=env, capture_output=True, text=True, timeout=120)


def wheel(folder: Path, name: str) -> Path:
    """Write a wheel of one empty module."""
    folder.mkdir(exist_ok=True)
    about = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": "",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with ZipFile(path, "w") as archive:
        for file, text in {**files, f"{about}/RECORD": "".join(f"{file},,\n" for file in files)}.items():
            archive.writestr(file, text)
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project of one empty module that needs another one, both built already, under the Makefile of ours."""
    shutil.copy(MAKEFILE, tmp_path)
    needed = wheel(tmp_path / "built", "needed")
    wheel(tmp_path / "built", "stub")
    (tmp_path / "requirements.txt").write_text(f"./{needed.relative_to(tmp_path)}\n")
    (tmp_path / "pyproject.toml").write_text(STUB)
    (tmp_path / "backend.py").write_text(BACKEND)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("words", [("PERFLAB_NO_UV=1",), ()], ids=["uv not wanted", "uv not to be had"])
def test_plain_pip_sets_up_where_uv_is_not_wanted_or_not_to_be_had(project: Path, words: tuple[str, ...]) -> None:
    done = make(project, "setup", f"PYTHON={sys.executable}", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "setting up with pip" in done.stdout and "set up with uv" not in done.stdout
    assert (project / ".venv/.ready").is_file()
    assert ("uv" in done.stderr) == (not words)  # where it is not wanted nobody asks for it
    subprocess.run([project / ".venv/bin/python", "-c", "import needed, stub"], check=True, timeout=60)
    assert "Nothing to be done" in make(project, "setup").stdout


def test_help_lists_every_target() -> None:
    targets = re.search(r"^\.PHONY: (.+)$", MAKEFILE.read_text(), re.MULTILINE)
    assert targets and {"setup", "spike", "test"} <= set(targets[1].split())
    done = make(MAKEFILE.parent, "help")
    listed = {found[1]: found[2] for found in re.finditer(r"^  make (\w+) +(\S.*)$", done.stdout, re.MULTILINE)}
    assert done.returncode == 0 and sorted(listed) == sorted(targets[1].split())
    assert make(MAKEFILE.parent).stdout == done.stdout  # who types make alone sees them too


def test_requirements_are_pinned_and_name_no_host() -> None:
    text = (MAKEFILE.parent / "requirements.txt").read_text()
    assert not [word for word in ("://", "--index-url", "--extra-index-url", "--find-links") if word in text]
    lines = [line for line in text.splitlines() if not re.fullmatch(r"[a-z0-9-]+==[0-9a-z.]+", line)]
    assert lines == []  # no option, no host, no path, no marker
