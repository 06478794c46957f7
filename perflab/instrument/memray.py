"""memray: every allocation, exactly; the one witness for leaks and churn.

Launched around the system's command, or attached to a living process for a window. Two attached windows, one twice as
long as the other, decide about a leak (see leak.py).
"""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from perflab.instrument import preflight as probe
from perflab.instrument import proc
from perflab.instrument.circumstances import circumstances
from perflab.instrument.ending import ended_early
from perflab.instrument.failures import Problem, failure, refuse
from perflab.instrument.flame import flame_svg
from perflab.instrument.interface import Capture, Target
from perflab.instrument.launched import check_artefact, check_wrapped, split_command, stop_and_check
from perflab.instrument.offline import keep_offline
from perflab.instrument.pauses import LIMIT_S, Pauses
from perflab.instrument.quick_gdb import quick_gdb
from perflab.instrument.source_tree import MODULE, NATIVE, SourceTree
from perflab.instrument.stacks import Attribution, Frame, Stack, after_loop, attribute
from perflab.instrument.table import Health, Measure, ProfileRow, ProfileTable, rows_from
from perflab.instrument.window import Watch, every_core, hold, on_cores, run_watched

DETACH_LIMIT_S = 15.0
UNSET_S = 0.005  # memray writes the time of the end at the end; before, it stands within a millisecond of the start
VIEWS = ("peak", "leak", "alloc")  # a fourth, `old`: held at the end and allocated in the window's first half
IMPORTING = "<frozen importlib"  # file of the frames that run an import, whoever asked for it


@dataclass(frozen=True)
class Memray:
    """memray in one way: `launch` around a command, or `attach` to a process (gdb or lldb needed)."""

    mode: Literal["launch", "attach"] = "launch"
    trace_python_allocators: bool = False  # exact for objects up to 512 B, at about six times the CPU
    label: str = ""  # tells two windows of one process apart
    views: tuple[str, ...] = VIEWS  # what is parsed; each takes a second for a million records
    name: str = "memray"

    def __post_init__(self) -> None:
        """Make a tuple of the views, which a saved capture holds as a list."""
        object.__setattr__(self, "views", tuple(self.views))

    @property
    def view(self) -> str:
        """The mode with its label, such as attach-2t."""
        return "-".join(filter(None, [self.mode, self.label]))

    @property
    def artefact(self) -> str:
        """Name of the file that is written in the output folder."""
        return f"memray-{self.view}.bin"

    def wrap(
        self, argv: list[str], env: dict[str, str], out_dir: Path, source_root: Path
    ) -> tuple[list[str], dict[str, str]]:
        """Return the command that runs [python, -m, package, args] under memray, in the very process started."""
        python, program, args = split_command(argv)
        out = out_dir.resolve() / self.artefact
        out.unlink(missing_ok=True)
        return [*python, "-m", "memray", "run", "-q", "-f", *self._flags(), "-o", str(out), *program, *args], dict(env)

    def _flags(self) -> list[str]:
        return ["--trace-python-allocators"] if self.trace_python_allocators else []

    @property
    def settings(self) -> dict[str, Any]:
        """What builds this instrument again."""
        return {
            "mode": self.mode,
            "trace_python_allocators": self.trace_python_allocators,
            "label": self.label,
            "views": list(self.views),
        }

    def preflight(self, target: Target, window_s: float = 0.0) -> list[Problem]:
        """Check that the target's Python finds memray and, to attach, that a debugger may trace it."""
        if problems := probe.check_source(target):
            return problems
        if self.mode == "attach":
            return (
                probe.check_alive(target)
                or probe.check_stopped(target.pid)
                or probe.check_debugger()
                or probe.check_tracer(target.pid)
                or probe.check_profiled(target.pid)
                or probe.check_tracked(target.pid)
                or probe.check_importable("memray", *probe.interpreter(target), code="P107")
                or probe.check_pyspy(target.pid)
            )
        if target.pid:
            return check_wrapped(target, "memray")
        return probe.check_command(target.argv) or probe.check_importable(
            "memray", *probe.interpreter(target), code="P107"
        )

    def capture(self, target: Target, window_s: float, out_dir: Path) -> Capture:
        """Launched: hold the process for the window, then SIGTERM. Attached: track for the window, then detach."""
        refuse(probe.check_folder(out_dir) or self.preflight(target, window_s))
        out = out_dir.resolve() / self.artefact
        if self.mode == "attach":
            return self._attached(target, window_s, out)
        watch = Watch(target.pid)
        stop_and_check(target, out, watch, window_s)
        return self.collect(target, out_dir, watch)

    def _attached(self, target: Target, window_s: float, out: Path) -> Capture:
        out.unlink(missing_ok=True)
        python = probe.target_python(target)
        argv = [python, "-m", "memray", "attach", "-f", *self._flags(), "-o", str(out), str(target.pid)]
        attaching = self._tool(argv, target)
        watch = Watch(target.pid)
        if not hold(watch, window_s):
            raise ended_early(target, watch.window().seconds, window_s)
        detaching = self._tool([python, "-m", "memray", "detach", str(target.pid)], target)
        check_artefact(out, watch.began_wall - DETACH_LIMIT_S)
        return self.collect(target, out.parent, watch, tuple(argv), (attaching, detaching))

    def _tool(self, argv: list[str], target: Target) -> float:
        """Run memray's tool on the target; return for how long it stopped the target at most, seconds."""
        with quick_gdb() as env, Pauses(target.pid) as pauses:
            watch = Watch(target.pid)
            rc, output, _ = run_watched(argv, watch, DETACH_LIMIT_S, target.cores, urgent=True, env=env)
        if rc == 0:
            return pauses.longest_s
        if not proc.alive(target.pid):
            raise ended_early(target, 0.0, 0.0)
        if "No module named 'memray'" in output:
            raise failure("P107", f"the interpreter of process {target.pid} does not find memray")
        raise failure("P206", f"memray {argv[3]} ended with {rc}: {' '.join(output.split())[-200:]}")

    def collect(
        self,
        target: Target,
        out_dir: Path,
        watch: Watch,
        argv: tuple[str, ...] = (),
        pauses_s: tuple[float, ...] = (),
    ) -> Capture:
        """Keep the file of a window that is over; raises P203, P208 or P201."""
        window = watch.window()
        check_artefact(out_dir / self.artefact)
        capture = Capture(
            self.name,
            self.view,
            out_dir,
            {"bin": self.artefact},
            argv=argv or target.argv or tuple(proc.cmdline(target.pid)),
            pauses_s=pauses_s,
            settings=self.settings,
            **circumstances(target, window, self.name),
        )
        with _reader(capture) as reader:
            meta = reader.metadata
            seconds = (meta.end_time - meta.start_time).total_seconds()
            if meta.total_allocations == 0:
                raise failure("P201", f"memray saw no allocation in {window.seconds:.1f} s")
        clean = seconds > UNSET_S
        codes = [*([] if clean else ["P204"]), *(["P314"] if max(pauses_s, default=0.0) > LIMIT_S else [])]
        return replace(capture, window_s=seconds if clean else window.seconds, codes=tuple(codes)).save()

    def parse(self, capture: Capture, source_root: Path) -> ProfileTable:
        """Sum bytes per place for everything allocated, the peak, and what was still held at the end.

        What an import allocates is charged to the module level of who imports: it is start-up, not work.
        """
        tree = SourceTree(source_root)
        rows: list[ProfileRow] = []
        most = 0
        known: dict[Stack, Attribution] = {}  # most stacks are in every view
        for view in self.views:
            sizes, counts = self.stacks(capture, view)
            n = sum(counts.values())
            most = max(most, n)
            known |= {stack: _charged(stack, tree) for stack in sizes if stack not in known}
            for metric, unit, weights in (("bytes", "bytes", sizes), ("allocations", "count", counts)):
                measure = Measure("memray", view, metric, unit)
                rows += rows_from(((known[stack], weight) for stack, weight in weights.items()), measure, n)
        health = Health(
            most,
            capture.window_s,
            cpu_s=capture.cpu_s,
            run_delay=capture.run_delay,
            clean_end="P204" not in capture.codes,
            codes=tuple(capture.codes),
        )
        return ProfileTable(tuple(rows), health)

    def stacks(self, capture: Capture, view: str) -> tuple[dict[Stack, int], dict[Stack, int]]:
        """Return bytes and counts by stack (root first) of one view; raises P208 when the file cannot be read."""
        path = capture.path("bin")
        return _read_stacks(path, path.stat().st_mtime_ns if path.exists() else 0, view)

    def render(self, capture: Capture, out_dir: Path) -> list[Path]:
        """Write memray's own leak page without web assets (5 MB), and a small flame graph of all bytes allocated."""
        page = out_dir / f"{capture.name}-leaks.html"
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "memray",
                "flamegraph",
                "--leaks",
                "--no-web",
                "-f",
                "-o",
                str(page),
                str(capture.path("bin")),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            preexec_fn=on_cores(every_core()),
        )
        if done.returncode != 0 or not page.is_file():
            raise failure("P206", f"memray flamegraph wrote no page: {done.stderr.strip()[-200:]}")
        graph = out_dir / f"{capture.name}-alloc.svg"
        graph.write_text(
            flame_svg(self.stacks(capture, "alloc")[0], "memray: bytes allocated", "bytes"), encoding="utf-8"
        )
        return [keep_offline(page), graph]


def _charged(stack: Stack, tree: SourceTree) -> Attribution:
    found = attribute(stack, tree)
    if any(frame.file.startswith(IMPORTING) for frame in after_loop(stack)):
        return found._replace(own=found.own._replace(function=MODULE))
    return found


def memory_series(capture: Capture) -> list[tuple[float, int, int]]:
    """Return (seconds since the start, RSS bytes, heap bytes) about every 10 ms of a capture."""
    with _reader(capture) as reader:
        snapshots = list(reader.get_memory_snapshots())
    return [((snap.time - snapshots[0].time) / 1000, snap.rss, snap.heap) for snap in snapshots]


@lru_cache(maxsize=2)
def _read_stacks(path: Path, changed_ns: int, view: str) -> tuple[dict[Stack, int], dict[Stack, int]]:
    """Read one view of a file; kept for the rendering that follows, as reading two million records takes seconds."""
    with _open(path) as reader:
        if view == "alloc":
            return _churn(reader.get_allocation_records())
        if view == "old":
            return _old(list(reader.get_temporal_allocation_records(merge_threads=True)))
        if view == "peak":
            return _by_stack(reader.get_high_watermark_allocation_records(merge_threads=True))
        return _by_stack(reader.get_leaked_allocation_records(merge_threads=True))


def _reader(capture: Capture) -> Any:
    return _open(capture.path("bin"))


def _open(path: Path) -> Any:
    from memray import FileReader

    try:
        return FileReader(str(path))
    except OSError as error:
        raise failure("P208", f"{path.name} cannot be read ({error})") from None


def _frames(record: Any) -> Stack:
    return tuple(map(_frame, reversed(record.stack_trace()))) or (Frame("<no python frame>", NATIVE, 0),)


@lru_cache(maxsize=65536)
def _frame(row: tuple[str, str, int]) -> Frame:
    """One object for all frames of one line: a million frames come from a few thousand lines."""
    return Frame._make(row)


def _freed() -> set[int]:
    from memray import AllocatorType

    return {AllocatorType.FREE, AllocatorType.MUNMAP, AllocatorType.PYMALLOC_FREE}


def _by_stack(
    records: Iterable[Any], weigh: Callable[[Any], tuple[int, int]] = lambda record: (record.size, record.n_allocations)
) -> tuple[dict[Stack, int], dict[Stack, int]]:
    sizes: dict[Stack, int] = defaultdict(int)
    counts: dict[Stack, int] = defaultdict(int)
    freed = _freed()
    for record in records:
        if record.allocator not in freed:
            size, count = weigh(record)
            if count:
                stack = _frames(record)
                sizes[stack] += size
                counts[stack] += count
    return dict(sizes), dict(counts)


def _old(records: list[Any]) -> tuple[dict[Stack, int], dict[Stack, int]]:
    """Sum what is held at the end and was allocated in the first half, by memray's snapshots (one in 10 ms)."""
    half = max((part.allocated_before_snapshot for record in records for part in record.intervals), default=0) / 2

    def weigh(record: Any) -> tuple[int, int]:
        kept = [
            part
            for part in record.intervals
            if part.deallocated_before_snapshot is None and part.allocated_before_snapshot <= half
        ]
        return sum(part.n_bytes for part in kept), sum(part.n_allocations for part in kept)

    return _by_stack(records, weigh)


def _churn(records: Iterable[Any]) -> tuple[dict[Stack, int], dict[Stack, int]]:
    """Sum all allocations; a stack is resolved once per stack id, because millions of records share a few hundred."""
    totals: dict[int, list[int]] = {}
    known: dict[int, Stack] = {}
    freed = _freed()
    for record in records:
        if record.allocator in freed:
            continue
        key = record.stack_id
        total = totals.get(key)
        if total is None:
            known[key], total = _frames(record), [0, 0]
            totals[key] = total
        total[0] += record.size
        total[1] += record.n_allocations
    sizes: dict[Stack, int] = defaultdict(int)
    counts: dict[Stack, int] = defaultdict(int)
    for key, (size, count) in totals.items():
        sizes[known[key]] += size
        counts[known[key]] += count
    return dict(sizes), dict(counts)
