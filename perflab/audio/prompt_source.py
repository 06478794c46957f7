"""Recorded prompts of a telephone exchange with their texts: Debian's asterisk sounds, got through apt, cached.

One professional voice, G.722 at 16 kHz, CC-BY-SA 3.0 (recorded by Allison Smith): fetched by the user's own apt,
never installed, never redistributed. Nothing here needs to be root.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from perflab.audio.speech_source import SpeechUnavailable, remembering, single_fetch
from perflab.audio.utterance import SAMPLE_RATE, Utterance

if TYPE_CHECKING:
    import numpy as np

VERSION = "1.6.1-1"
SHA256 = {
    "asterisk-core-sounds-en-g722": "38c5261820b406dcb0ecb37675720da2b0864850690690352ca52707eb623806",
    "asterisk-core-sounds-en": "973e797d28e37fa6ca3c0a9d6fa717e77cf1268ae916bf09fd3503113cdffa50",
}
PROMPTS_SHA256 = (
    "f4963e83d644ed8ce2b640ad0d61eb88e6728d511a6bd04600710e1596c15961"  # texts and prompts, with their names
)
SOUNDS = Path("usr/share/asterisk/sounds/en_US_f_Allison")
TEXTS = Path("usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
BYTES_PER_S = 8_000  # of G.722 at 64 kbit/s
SHORTEST_S, LONGEST_S = 2.5, 12.0
APT_TIMEOUT_S = 60.0
MOST_TEXT_BYTES = 1 << 20
_LINE = re.compile(r"([\w-]+(?:/[\w-]+)?):\s+(.+)")
_PLAIN = re.compile(r"[A-Za-z0-9 .,;:'?!-]+")  # no marks that are spoken (#, *) and no stage directions ([beep])


def prompt_folder(cache: Path, offline: bool) -> Path:
    """Return the folder of the prompts, fetching them when they are not cached; raises SpeechUnavailable."""
    folder = cache / f"asterisk-prompts-{VERSION}"
    if _intact(folder):
        return folder
    if offline:
        raise SpeechUnavailable(f"offline, and {folder} does not hold the prompts")
    if missing := [tool for tool in ("apt-get", "dpkg-deb") if shutil.which(tool) is None]:
        raise SpeechUnavailable(f"the prompts come through Debian's apt, and {' and '.join(missing)} is not here")
    cache.mkdir(parents=True, exist_ok=True)
    with single_fetch(cache / ".prompts.lock"):
        if not _intact(folder):
            _fetch(cache, folder)
    return folder


def prompts(folder: Path) -> tuple[Utterance, ...]:
    """Return the prompts that `prompt_folder` holds, 2.5 to 12 s each, in the order of their names."""
    texts = _texts(folder / "texts.txt.gz")
    return tuple(Utterance(f"asterisk-{path.stem}", texts[path.stem], _decoded(path.read_bytes()))
                 for path in _files(folder))  # fmt: skip


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.g722"))


def _intact(folder: Path) -> bool:
    texts, digest = folder / "texts.txt.gz", hashlib.sha256()
    if not texts.is_file():
        return False
    for path in (texts, *_files(folder)):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest() == PROMPTS_SHA256


def _fetch(cache: Path, folder: Path) -> None:
    with remembering(cache / ".prompts-unavailable"), tempfile.TemporaryDirectory(dir=cache, prefix=".fetch-") as work:
        print("Fetching recorded prompts once (asterisk sounds by apt, 11 MB) ...", file=sys.stderr, flush=True)
        root = Path(work) / "root"
        for package in SHA256:
            _run("dpkg-deb", "-x", str(_download(package, Path(work))), str(root), cwd=Path(work))
        chosen = Path(work) / "chosen"
        _choose(root, chosen)
        if not _intact(chosen):
            raise SpeechUnavailable("the prompts in the packages are not those that were pinned")
        shutil.rmtree(folder, ignore_errors=True)  # a damaged older copy
        chosen.rename(folder)


def _download(package: str, work: Path) -> Path:
    # without apt's sandbox: its user may not write here
    _run("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", f"{package}={VERSION}", cwd=work)
    archive = work / f"{package}_{VERSION}_all.deb"
    if not archive.is_file() or hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256[package]:
        raise SpeechUnavailable(f"{archive.name} does not have the pinned SHA-256")
    return archive


def _run(*command: str, cwd: Path) -> None:
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=APT_TIMEOUT_S)
    except (subprocess.TimeoutExpired, OSError) as error:
        raise SpeechUnavailable(f"{command[0]}: {error}") from error
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise SpeechUnavailable(f"{command[0]} could not bring the prompts ({said}); `apt-get update` may help")


def _choose(root: Path, chosen: Path) -> None:
    """Copy the prompts of the wanted length with a plain text, under flat names, and the texts."""
    chosen.mkdir()
    shutil.copyfile(root / TEXTS, chosen / "texts.txt.gz")
    for name in _texts(chosen / "texts.txt.gz"):
        path = root / SOUNDS / f"{name}.g722"
        if path.is_file() and SHORTEST_S <= path.stat().st_size / BYTES_PER_S <= LONGEST_S:
            shutil.copyfile(path, chosen / path.name)


def _texts(path: Path) -> dict[str, str]:
    """Return by name the texts that are plain words and single digits, of the prompts outside folders."""
    with gzip.open(path) as file:
        lines = file.read(MOST_TEXT_BYTES).decode("utf-8", errors="replace").splitlines()
    found = (match.groups() for line in lines if (match := _LINE.fullmatch(line.rstrip())))
    return {name: text for name, text in found
            if "/" not in name and _PLAIN.fullmatch(text) and not re.search(r"\d\d", text)}  # fmt: skip


def _decoded(raw: bytes) -> np.ndarray:
    """Return G.722 at 64 kbit/s as int16 at 16 kHz."""
    import av
    import numpy as np

    decoder = av.CodecContext.create("g722", "r")
    decoder.sample_rate, decoder.layout = SAMPLE_RATE, "mono"
    frames = decoder.decode(av.Packet(raw))
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])
