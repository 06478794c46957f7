"""scalene 2: line-level CPU and allocation, launched around the system's command.

Only the sum of lines is read: its own `functions[]` undercounts tight loops by half. Virtual time only, because its
default timer measures the wall. Its environment is set beforehand, so that it does not start a child of its own, and
the process that was started is the one that SIGTERM ends. Profiling starts off and is switched on for the window.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from perflab.instrument import preflight as probe
from perflab.instrument import proc
from perflab.instrument.circumstances import circumstances
from perflab.instrument.failures import Problem, failure, refuse
from perflab.instrument.interface import Capture, Target
from perflab.instrument.launched import check_artefact, check_wrapped, split_command, stop_and_check
from perflab.instrument.offline import keep_offline
from perflab.instrument.source_map import file_spans
from perflab.instrument.source_store import has_source
from perflab.instrument.source_tree import MODULE, SourceTree
from perflab.instrument.stacks import LIBRARY, LOOP, Place
from perflab.instrument.table import Health, Measure, ProfileRow, ProfileTable, make_rows
from perflab.instrument.window import Watch

MIN_SAMPLES = 200
MAX_HEADER_SHARE = 0.05
TICK_S = 0.004  # a CPU timer fires at most this often
HANDLER_LIMIT_S = 15.0
SWITCH_ON = signal.SIGILL  # what `scalene.profile --on` sends, without a second of CPU for importing scalene
SAMPLING_S = 0.001  # CPU timers fire on kernel ticks (4 ms): a longer interval misses short bursts of paced work,
# measured at 10 ms: 13 samples instead of 490, and 7 % for a function that takes 58 %. It costs little: CPU per turn
# of the reference system x 1.18 to 1.25 at 1 ms, x 1.16 at 4 ms, with or without stacks
ALLOCATION_WINDOW = "1048576"  # bytes; must equal the environment variable, or scalene starts a child


@dataclass(frozen=True)
class Scalene:
    """scalene around a command: CPU alone (`memory=False`), or CPU and allocations at about twice the cost."""

    memory: bool = False
    sampling_s: float = SAMPLING_S
    windowed: bool = True  # start off; capture() switches it on for its window
    min_samples: int = MIN_SAMPLES
    name: str = "scalene"

    @property
    def settings(self) -> dict[str, Any]:
        """What builds this instrument again."""
        return {
            "memory": self.memory,
            "sampling_s": self.sampling_s,
            "windowed": self.windowed,
            "min_samples": self.min_samples,
        }

    @property
    def view(self) -> str:
        """cpu, or cpu+alloc."""
        return "full" if self.memory else "cpu"

    @property
    def artefact(self) -> str:
        """Name of the file that the wrapped command writes in its output folder."""
        return f"scalene-{self.view}.json"

    def wrap(
        self, argv: list[str], env: dict[str, str], out_dir: Path, source_root: Path
    ) -> tuple[list[str], dict[str, str]]:
        """Return the command and environment that run [python, -m, package, args] under scalene; raises P114, P116."""
        python, program, args = split_command(argv)
        out = out_dir.resolve() / self.artefact
        out.unlink(missing_ok=True)  # a stale file must not pass for a new one
        options = [
            *([] if self.memory else ["--cpu-only"]),
            *(["--off"] if self.windowed else []),
            "--use-virtual-time",
            "--no-async",
            "--cpu-sampling-rate",
            str(self.sampling_s),
            "--cpu-percent-threshold",
            "0",
            "--program-path",
            str(source_root.resolve()),
            *_only(source_root),
            "-o",
            str(out),
        ]
        return [*python, "-m", "scalene", "run", *options, *program, "---", *args], {**env, **self._preset(env)}

    def _preset(self, env: dict[str, str]) -> dict[str, str]:
        preset = {"SCALENE_ALLOCATION_SAMPLING_WINDOW": ALLOCATION_WINDOW}
        if self.memory:
            for name, value in (("LD_LIBRARY_PATH", str(self._folder)), ("LD_PRELOAD", "libscalene.so")):
                preset[name] = ":".join([value, *filter(None, [env.get(name)])])
        return preset

    @cached_property
    def _folder(self) -> Path:
        from importlib.util import find_spec

        spec = find_spec("scalene")  # not imported: importing it changes this process's locale
        if spec is None or spec.origin is None:
            raise failure("P110", "scalene is not installed", "pip install scalene")
        return Path(spec.origin).parent

    def preflight(self, target: Target, window_s: float = 0.0) -> list[Problem]:
        """Check the command or process, that scalene is importable there, and that it will not skip the source."""
        problems = (
            probe.check_window(window_s, 1 / TICK_S, self.min_samples)
            or probe.check_source(target)
            or self._check_prefix(target)
        )
        if problems:
            return problems
        if target.pid:
            return check_wrapped(target, "scalene")
        return probe.check_command(target.argv) or probe.check_importable(
            "scalene", *probe.interpreter(target), code="P117"
        )

    def _check_prefix(self, target: Target) -> list[Problem]:
        root = target.source_root.resolve()
        for prefix in {sys.prefix, sys.base_prefix}:
            if root.is_relative_to(Path(prefix).resolve()):
                return [Problem("P113", f"{root} lies below {prefix}")]
        return []

    def begin(self, pid: int) -> None:
        """Switch profiling on in a wrapped process; never in another one: the signal would kill it."""
        refuse(check_wrapped(Target(Path(), pid=pid), "scalene"))
        _await_handler(pid)
        try:
            os.kill(pid, SWITCH_ON)
        except ProcessLookupError:
            raise failure("P102", f"process {pid} does not run") from None

    def capture(self, target: Target, window_s: float, out_dir: Path) -> Capture:
        """Profile the wrapped process `target.pid` for the window, end it by SIGTERM and keep its file."""
        refuse(probe.check_folder(out_dir) or self.preflight(target, window_s))
        if self.windowed:
            self.begin(target.pid)
        watch = Watch(target.pid)
        words = tuple(proc.cmdline(target.pid))
        stop_and_check(target, out_dir / self.artefact, watch, window_s)
        return self.collect(target, out_dir, watch, words)

    def collect(self, target: Target, out_dir: Path, watch: Watch, words: tuple[str, ...] = ()) -> Capture:
        """Keep the file of a wrapped process that has ended; `words` was its command. Raises P2xx."""
        window = watch.window()
        check_artefact(out_dir / self.artefact)
        capture = Capture(
            self.name,
            self.view,
            out_dir,
            {"json": self.artefact},
            argv=target.argv or words,
            rate_hz=1 / self.sampling_s,
            settings=self.settings,
            **circumstances(target, window, self.name),
        )
        data = _load(capture)
        count = _samples(data)
        if count < self.min_samples:
            raise failure(
                "P201",
                f"scalene took {count} samples in {window.seconds:.1f} s, {self.min_samples} are "
                f"needed; the target used {window.cpu_s:.2f} CPU s",
            )
        return capture.save()

    def parse(self, capture: Capture, source_root: Path) -> ProfileTable:
        """Sum lines by function; start-up (module level) is taken out, the line that runs the loop is a bucket.

        Its clock runs outside the kernel only, and whatever the process used since the last look is charged to the line
        that runs then: what is the kernel's is spread over all lines, and taken out of their shares again.
        """
        data, tree = _load(capture), SourceTree(source_root)
        measures = [("cpu", "cpu_percent", "percent", _cpu), *(_ALLOC if self.memory else [])]
        samples = _samples(data)
        rows: list[ProfileRow] = []
        shares: dict[str, float] = {}
        for view, metric, unit, value in measures:
            sums, modelled, outside = _sum_lines(data, tree, value)
            part = 1.0 - capture.kernel_share if view == "cpu" else 1.0
            rows += make_rows(sums, Measure("scalene", view, metric, unit), "own", samples, frozenset(modelled), part)
            if view == "cpu":
                shares = outside
        codes = (
            *capture.codes,
            *(["P302"] if shares["header"] > MAX_HEADER_SHARE else []),
            *(["P312"] if any(_phantom(*line) for line in _lines(data)) else []),
            *(["P313"] if _functions_differ(data) else []),
        )
        return ProfileTable(
            tuple(rows),
            Health(
                samples,
                capture.window_s,
                capture.rate_hz,
                0,
                capture.cpu_s,
                capture.run_delay,
                header_share=shares["header"],
                startup_share=shares["startup"],
                kernel_share=capture.kernel_share,
                codes=codes,
            ),
        )

    def render(self, capture: Capture, out_dir: Path) -> list[Path]:
        """Let scalene write its standalone page (2 MB, works without network), in a folder of its own."""
        import tempfile

        with tempfile.TemporaryDirectory(dir=out_dir) as folder:
            done = subprocess.run(
                [sys.executable, "-m", "scalene", "view", "--standalone", str(capture.path("json").resolve())],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=60,
                env={**os.environ, "BROWSER": "true"},
            )
            made = Path(folder) / "scalene-profile.html"
            if not made.is_file():
                raise failure("P206", f"scalene view wrote no page: {done.stderr.strip()[-200:]}")
            return [keep_offline(made).replace(out_dir / f"{capture.name}.html")]


def _await_handler(pid: int) -> None:
    """Wait until scalene catches the signal (SigCgt): before that, while it is still importing, it would be killed."""
    deadline = time.monotonic() + HANDLER_LIMIT_S
    while not int(proc.status(pid).get("SigCgt", "0"), 16) >> (SWITCH_ON - 1) & 1:
        if not proc.alive(pid):
            raise failure("P102", f"process {pid} ended before scalene was ready")
        if time.monotonic() > deadline:
            raise failure("P206", f"scalene was not ready {HANDLER_LIMIT_S:g} s after process {pid} had started")
        time.sleep(0.02)


def _cpu(line: dict[str, Any]) -> float:
    return float(line["n_cpu_percent_python"] + line["n_cpu_percent_c"] + line["n_sys_percent"])


_ALLOC = [
    ("alloc", "malloc_mb", "MB", lambda line: float(line["n_malloc_mb"])),
    ("peak", "peak_mb", "MB", lambda line: float(line["n_peak_mb"])),
]


def _load(capture: Capture) -> dict[str, Any]:
    try:
        data: dict[str, Any] = json.loads(capture.path("json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise failure("P208", f"{capture.files['json']} cannot be read ({error})") from None
    if not data:
        raise failure("P212", f"{capture.files['json']} is {{}}")
    if not data.get("files"):
        raise failure(
            "P201", f"{capture.files['json']} names no file of the system", "Check `source`, and put load on the system"
        )
    return data


def _only(source_root: Path) -> list[str]:
    """Return the options that keep scalene to the system's own files.

    Why not its default: for every function that it meets, scalene then resolves each path of each installation
    scheme of Python again (90 times), which was measured at more than the work itself: CPU per turn x 2.3 instead of
    x 1.2, and charged to whatever line it interrupted. Its weakness is a comma in the path, where the default stays.
    """
    roots = sorted({str(source_root.resolve()), str(source_root.absolute())})
    if any("," in root for root in roots):
        return []
    return ["--profile-all", "--profile-only", ",".join(roots), "--profile-exclude", "/site-packages/,/dist-packages/"]


def _phantom(name: str, line: dict[str, Any]) -> bool:
    """Whether a line is one of scalene's own helper threads, which it profiles when told to profile everything."""
    return Path(name).name == "threading.py" and "_target(" in str(line.get("line", ""))


def _functions_differ(data: dict[str, Any]) -> bool:
    """Whether scalene's own table of functions is off by more than 5 points of the sum of its lines, for any of them.

    It counts only the lines that were sampled directly, so that tight loops come out at half.
    """
    for name, body in data["files"].items():
        spans = file_spans(Path(name))
        sums: dict[str, float] = defaultdict(float)
        for line in body["lines"]:
            sums[spans.function(int(line["lineno"])).rpartition(".")[2]] += _cpu(line)
        if any(abs(sums[f["line"].rpartition(".")[2]] - _cpu(f)) > 5 for f in body["functions"]):
            return True
    return False


def _samples(data: dict[str, Any]) -> int:
    """Count samples by stack: per line, scalene counts one for every line of a loop."""
    return sum(int(weights["count"]) for _, weights in data["stacks"])


def _lines(data: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(name, line) for name, body in sorted(data["files"].items()) for line in body["lines"]]


def _sum_lines(
    data: dict[str, Any], tree: SourceTree, value: Any
) -> tuple[dict[Place, float], set[Place], dict[str, float]]:
    sums: dict[Place, float] = defaultdict(float)
    modelled: set[Place] = set()
    aside = {"header": 0.0, "startup": 0.0}
    for name, line in _lines(data):
        weight = value(line)
        if weight <= 0 or _phantom(name, line):
            continue
        if not has_source(Path(name)):
            raise failure(
                "P112", f"{name} is gone, so its lines cannot be mapped to functions", "Parse beside the sources"
            )
        spans, number = file_spans(Path(name)), int(line["lineno"])
        function = spans.function(number)
        if number in spans.headers:
            aside["header"] += weight
        if number in spans.loop_lines:
            sums[Place(LIBRARY, LOOP, 0)] += weight
        elif function == MODULE:
            aside["startup"] += weight
        else:
            place = Place(tree.name(name), function, number)
            sums[place] += weight
            modelled.update([place] if number in spans.callfree else [])
    total = sum(sums.values()) + aside["startup"] or 1.0
    return dict(sums), modelled, {key: part / total for key, part in aside.items()}
