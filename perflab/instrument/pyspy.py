"""py-spy: sampling from outside, three views by attaching to a living process.

gil: stacks that hold the GIL, the one view that a busy machine does not bend; cpu: stacks that seem to run; wall: all
stacks, idle ones too, which shows what blocks. Blocking samples only: --nonblocking tears 8-14 % of the stacks, and
--native misplaces most of them.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from perflab.instrument import preflight as probe
from perflab.instrument import proc
from perflab.instrument.circumstances import circumstances
from perflab.instrument.ending import ended_early
from perflab.instrument.failures import Problem, failure, refuse
from perflab.instrument.flame import flame_svg
from perflab.instrument.interface import Capture, Target
from perflab.instrument.source_tree import SourceTree
from perflab.instrument.stacks import Collapsed, attribute_all, parse_raw
from perflab.instrument.table import Health, Measure, ProfileTable, rows_from
from perflab.instrument.window import Watch, free_cores, run_watched

# Not 250: it looks at fixed distances, and frames of 20 ms would meet the same five phases all the time. Work that
# comes in stretches reads high still, as the target stands still while it is looked at (1 to 3 ms on two busy cores).
RATE_HZ = 249
MIN_SAMPLES = 100
MAX_TORN, MOST_TORN = 0.02, 0.10  # blocking samples tear under 2 %: above 10 % the stacks begin elsewhere by nature
SURELY = 20  # samples that CPU time promises: fewer may be missed by chance
GRACE_S = 10.0  # py-spy reads the symbols of the process before it begins
# Below this ratio of GIL samples to CPU seconds, native code ran without the GIL: 0.92 or more in plain Python
# (holding the GIL while waiting for a core counts too), 0.33 to 0.66 with a third to two thirds of the CPU in numpy.
GIL_FREE = 0.75
_FLAG = {"gil": ["--gil"], "cpu": [], "wall": ["--idle"]}
_COUNTS = re.compile(r"Samples: (\d+) Errors: (\d+)")


@dataclass(frozen=True)
class PySpy:
    """py-spy in one view."""

    view: Literal["gil", "cpu", "wall"] = "gil"
    rate_hz: int = RATE_HZ
    min_samples: int = MIN_SAMPLES
    name: str = "pyspy"

    @property
    def settings(self) -> dict[str, Any]:
        """What builds this instrument again."""
        return {"view": self.view, "rate_hz": self.rate_hz, "min_samples": self.min_samples}

    def preflight(self, target: Target, window_s: float = 0.0) -> list[Problem]:
        """Check that the process lives, holds own code, that the window is long enough, and that py-spy can read it."""
        return (
            probe.check_window(window_s, self.rate_hz, self.min_samples)
            or probe.check_alive(target)
            or probe.check_stopped(target.pid)
            or probe.check_source(target)
            or probe.check_pyspy(target.pid)
        )

    def capture(self, target: Target, window_s: float, out_dir: Path) -> Capture:
        """Attach for `window_s` (whole seconds, rounded up); raises P1xx before, P201, P202, P205-P207 after."""
        refuse(probe.check_folder(out_dir) or self.preflight(target, window_s))
        raw = out_dir / f"pyspy-{self.view}.raw"
        raw.unlink(missing_ok=True)  # a stale file must not pass for a new one
        seconds = max(1, math.ceil(window_s))
        argv = [
            str(probe.pyspy_path()),
            "record",
            "-p",
            str(target.pid),
            "-d",
            str(seconds),
            "-r",
            str(self.rate_hz),
            "-f",
            "raw",
            "--full-filenames",
            *_FLAG[self.view],
            "-o",
            str(raw),
        ]
        watch, cores = Watch(target.pid), free_cores(target.pid, target.cores)
        rc, output, used = run_watched(argv, watch, seconds + GRACE_S, cores)
        self._check_end(target, rc, output, watch, seconds, out_dir)
        window = watch.window()
        counts = _COUNTS.search(output)
        ticks, errors = (int(counts[1]), int(counts[2])) if counts else (0, 0)
        capture = Capture(
            self.name,
            self.view,
            out_dir,
            {"raw": raw.name},
            argv=tuple(argv),
            rc=rc,
            rate_hz=self.rate_hz,
            ticks=ticks,
            errors=errors,
            sampler_cpu_s=used,
            output=output[-2000:],
            codes=() if cores else ("P311",),
            settings=self.settings,
            **circumstances(target, window, self.name),
        )
        self._check_samples(capture)
        return capture.save()

    def parse(self, capture: Capture, source_root: Path) -> ProfileTable:
        """Count samples per place, own, leaf and library; raises P208 when the file is cut off, P201 when too few.

        Shares in the view by the lock are of all CPU: the kernel's calls are in none of them, as they give the lock
        away. Native code that does so too (compression) is not known and still unseen. Planted: 20 % of the CPU in a
        loop, with 12 % in the kernel, is 25.5 % of the samples, 22.5 % here, and 20.1 % by scalene.
        """
        stacks, measure = self._stacks(capture), Measure("pyspy", self.view, "samples", "samples")
        seen = 1.0 - capture.kernel_share if self.view == "gil" else 1.0
        rows = rows_from(attribute_all(stacks.weights, SourceTree(source_root)), measure, stacks.total, seen)
        health = Health(
            stacks.total,
            capture.window_s,
            capture.rate_hz,
            capture.ticks,
            capture.cpu_s,
            capture.run_delay,
            _torn_share(capture, stacks),
            kernel_share=capture.kernel_share,
            codes=sample_codes(capture, stacks),
        )
        return ProfileTable(tuple(rows), health)

    def render(self, capture: Capture, out_dir: Path) -> list[Path]:
        """Write the flame graph of the same capture (no second one is needed)."""
        title = {"gil": "CPU while holding the GIL", "cpu": "CPU", "wall": "Wall-clock time, waiting included"}[
            self.view
        ]
        path = out_dir / f"{capture.name}.svg"
        path.write_text(flame_svg(self._stacks(capture).weights, f"py-spy: {title}", "samples"), encoding="utf-8")
        return [path]

    def _stacks(self, capture: Capture) -> Collapsed:
        try:
            return parse_raw(capture.path("raw").read_text(encoding="utf-8", errors="replace"))
        except ValueError:
            raise failure("P208", f"{capture.files['raw']} has a line without a count") from None

    def _check_end(self, target: Target, rc: int, output: str, watch: Watch, seconds: float, out_dir: Path) -> None:
        ended = not proc.alive(target.pid) or "process exited" in output
        lived_s = watch.window().seconds
        if ended and not (target.may_end and rc == 0 and lived_s > 0):
            raise ended_early(target, lived_s, seconds)
        if rc != 0:
            refuse(probe.check_space_left(out_dir, output))
            raise failure("P206", f"py-spy ended with {rc}: {' '.join(output.split())[-200:]}")

    def _check_samples(self, capture: Capture) -> None:
        if not capture.path("raw").is_file():
            raise failure("P203" if capture.folder.is_dir() else "P213", f"py-spy wrote no file in {capture.folder}")
        stacks = self._stacks(capture)
        if stacks.total >= self.min_samples:
            return
        expected = capture.cpu_s * self.rate_hz
        rootless = stacks.torn > stacks.total
        native = self.view == "gil" and expected >= SURELY and stacks.total < GIL_FREE * expected and not rootless
        likely = "native code without the GIL" if native else "an idle target"
        likely = f"greenlets or threads made in C, of which {stacks.torn} were dropped" if rootless else likely
        raise failure(
            "P201",
            f"{stacks.total} samples in {capture.window_s:.1f} s, {self.min_samples} are needed; the "
            f"target used {capture.cpu_s:.2f} CPU s, so the likely cause is {likely}",
            "Use the view without --gil" if native else "",
        )


def sample_codes(capture: Capture, stacks: Collapsed) -> tuple[str, ...]:
    """Return what speaks against the samples of a capture: stacks that were dropped (P318, P205), CPU unseen (P305)."""
    codes = list(capture.codes)
    if stacks.torn > MOST_TORN * (stacks.total + stacks.torn):
        codes.append("P318")
    elif _torn_share(capture, stacks) > MAX_TORN:
        codes.append("P205")
    if capture.view == "gil" and _much_unseen(stacks.total + stacks.torn, capture.cpu_s * capture.rate_hz):
        codes.append("P305")
    return tuple(codes)


def _torn_share(capture: Capture, stacks: Collapsed) -> float:
    lost = stacks.torn + capture.errors
    return lost / max(1, stacks.total + stacks.empty + lost)


def _much_unseen(samples: int, expected: float) -> bool:
    """Whether the GIL view surely missed much of the CPU: two standard errors of counting beyond the limit."""
    return expected > 0 and samples + 2 * samples**0.5 < GIL_FREE * expected
