"""The largest memory of a process since a moment of one's choice: proc(5), clear_refs and VmHWM."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Resident:
    """Memory of a process in bytes: `peak` since the mark was reset; now `own` (anonymous), and of files and shared."""

    peak: int
    own: int
    files: int
    shared: int

    @property
    def own_peak(self) -> int:
        """The largest that the anonymous part was, bytes: the peak without what is mapped now, never less than now.

        Weakness: files and shared pages that were touched only after the peak are taken from it, so that it reads low
        by them: a scan of 10 MB of a server's buffers after its sort has ended hides 10 MB of that sort.
        """
        return max(self.peak - self.files - self.shared, self.own)


def reset_high_water(pid: int) -> bool:
    """Forget the process's largest resident set so far; whether that was permitted."""
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def resident(pid: int) -> Resident | None:
    """Return the process's memory, None when it is gone.

    The kernel counts pages in batches for each core, so that a reading may be off by 128 kB a core.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    kib = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines) if name in _FIELDS}
    return Resident(*(1024 * kib[name] for name in _FIELDS)) if len(kib) == len(_FIELDS) else None


def own_bytes(pid: int) -> int:
    """Return the anonymous memory of a process, bytes; 0 when it is gone."""
    seen = resident(pid)
    return seen.own if seen else 0


_FIELDS = ("VmHWM", "RssAnon", "RssFile", "RssShmem")  # a process that has ended and waits to be collected has none
