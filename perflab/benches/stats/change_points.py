"""Bar 9: change points of a history of 1,000 runs, on planted truth, beside Apache Otava on the same series.

Otava pins old releases of numpy and others, so it runs in an environment of its own that is made on demand in the
user's cache folder; it is never a dependency. Where it cannot be installed the bar says so and is not measured.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from perflab.benches.bar import Bar
from perflab.benches.parts import Say
from perflab.stats.change_points import change_points
from perflab.stats.inputs import FloatArray
from perflab.stats.proportion import clopper_pearson

ORDER = 90
POINTS, SERIES, STEPS, NEAR = 1000, 200, 5, 5
SIGMA, STEP = 0.02, 0.05
KINDS = ("normal", "t3", "spiky", "AR 0.3")
RECALL = {"normal": 0.90, "t3": 0.90, "spiky": 0.85, "AR 0.3": 0.90}
APART = 50  # fewest points between two steps
OTAVA = "apache-otava==0.8.0"
OTAVA_CODE = """
import json, sys
from otava.analysis import compute_change_points
series = json.load(open(sys.argv[1]))
def run(magnitude):
    strong = [compute_change_points(list(x), 50, 0.001, min_magnitude=magnitude)[0] for x in series]
    return [[int(point.index) for point in points] for points in strong]
json.dump({"default": run(0.0), "magnitude 2 %": run(0.02)}, open(sys.argv[2], "w"))
"""


@dataclass
class Score:
    """Found change points counted against the planted ones."""

    right: int = 0
    found: int = 0
    planted: int = 0
    seconds: list[float] = field(default_factory=list)

    def add(self, found: list[int], planted: list[int]) -> None:
        """Count one series; each planted point may be found once, within +-`NEAR` points."""
        left = list(planted)
        for index in found:
            near = [at for at in left if abs(at - index) <= NEAR]
            if near:
                left.remove(min(near, key=lambda at: abs(at - index)))
                self.right += 1
        self.found, self.planted = self.found + len(found), self.planted + len(planted)

    @property
    def precision(self) -> float:
        """Right ones among those found."""
        return self.right / max(self.found, 1)

    @property
    def recall(self) -> float:
        """Found ones among those planted."""
        return self.right / max(self.planted, 1)


def noise(kind: str, rng: np.random.Generator) -> FloatArray:
    """Return log-noise of standard deviation `SIGMA`; "spiky" adds spikes (mean 30 %) to 3 % of points."""
    if kind == "t3":
        return np.asarray(rng.standard_t(3, POINTS) * SIGMA / np.sqrt(3))
    plain = rng.normal(0, SIGMA, POINTS)
    if kind == "spiky":
        return np.asarray(plain + (rng.random(POINTS) < 0.03) * rng.exponential(0.3, POINTS))
    if kind == "AR 0.3":
        for i in range(1, POINTS):
            plain[i] = 0.3 * plain[i - 1] + np.sqrt(1 - 0.3**2) * plain[i]
    return plain


def planted_steps(rng: np.random.Generator) -> tuple[list[int], FloatArray]:
    """Return where `STEPS` steps of +-5 % lie, at least `APART` points from each other and the ends, and the level."""
    room = rng.choice(POINTS - (STEPS + 1) * APART, STEPS, replace=False)
    at = np.sort(room) + APART * np.arange(1, STEPS + 1)
    level = np.zeros(POINTS)
    for place, sign in zip(at, rng.choice([-1, 1], STEPS), strict=True):
        level[place:] += sign * np.log1p(STEP)
    return [int(place) for place in at], level


def series_of(kind: str, with_steps: bool, seed: int) -> tuple[list[list[int]], list[FloatArray]]:
    """Return the planted places and the series of one set."""
    rng = np.random.default_rng([seed, KINDS.index(kind), with_steps])
    places, made = [], []
    for _ in range(SERIES):
        at, level = planted_steps(rng) if with_steps else ([], np.zeros(POINTS))
        places.append(at)
        made.append(100 * np.exp(level + noise(kind, rng)))
    return places, made


def bars(say: Say) -> list[Bar]:
    """Measure speed, false alarms, precision, recall, and the distance to Otava on the spiky set."""
    change_points(np.random.default_rng(0).normal(100, 2, 100))  # compile outside the timing
    found: list[Bar] = []
    slowest: list[float] = []
    spiky: tuple[list[list[int]], list[FloatArray], Score] | None = None
    for kind in KINDS:
        found.append(_false_alarms(kind))
        places, made = series_of(kind, True, seed=92)
        score = _score(places, made)
        slowest += score.seconds
        found += _hits(kind, score)
        if kind == "spiky":
            spiky = places, made, score
    assert spiky is not None
    found.insert(0, _speed(slowest))
    return [*found, *_beside_otava(*spiky, say)]


def _speed(seconds: list[float]) -> Bar:
    worst, typical = 1e3 * max(seconds), 1e3 * float(np.median(seconds))
    return Bar("9-speed", "change points of 1,000 runs, CPU time of the slowest series", worst, "<=", 100.0, "ms",
               n=len(seconds), detail={"median_ms": typical})  # fmt: skip


def _false_alarms(kind: str) -> Bar:
    _, made = series_of(kind, False, seed=91)
    false = sum(bool(change_points(x)) for x in made)
    spread = clopper_pearson(false, SERIES)
    interval = (100 * (spread.low or 0.0), 100 * (spread.high or 0.0))
    return Bar(f"9-false-{_slug(kind)}", f"stationary series ({kind}) with a false change point", 100 * false / SERIES,
               "<=", 5.0, "%", n=SERIES, interval=interval)  # fmt: skip


def _score(places: list[list[int]], made: list[FloatArray]) -> Score:
    score = Score()
    for at, x in zip(places, made, strict=True):
        began = time.thread_time()  # one thread of pure work: its CPU time is its time on a machine that is free
        found = [point.index for point in change_points(x)]
        score.seconds.append(time.thread_time() - began)
        score.add(found, at)
    return score


def _hits(kind: str, score: Score) -> list[Bar]:
    what = f"five 5 % steps at sigma 2 % ({kind})"
    return [
        Bar(f"9-prec-{_slug(kind)}", f"precision, {what}", score.precision, ">=", 0.95, "", n=score.found),
        Bar(f"9-recall-{_slug(kind)}", f"recall, {what}", score.recall, ">=", RECALL[kind], "", n=score.planted),
    ]


def _beside_otava(places: list[list[int]], made: list[FloatArray], ours: Score, say: Say) -> list[Bar]:
    """Compare with Otava's library function on the same spiky series, with its defaults and with our magnitude.

    The better of its two figures counts.
    """
    titles = {name: f"{name} on the spiky set minus Otava's" for name in ("precision", "recall")}
    try:
        theirs = _otava_scores(places, made, say)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        last = str(getattr(error, "stderr", "") or error).strip().splitlines()[-1:]
        missing = {"why": f"{OTAVA} did not run: {' '.join(last)}"}
        say(missing["why"])
        return [Bar(f"9-otava-{name}", title, None, ">", 0.0, "", detail=missing) for name, title in titles.items()]
    made_bars = []
    for name, title in titles.items():
        seen = {setting: getattr(score, name) for setting, score in theirs.items()}
        ahead = getattr(ours, name) - max(seen.values())
        detail = {"ours": getattr(ours, name), "otava": seen}
        made_bars.append(Bar(f"9-otava-{name}", title, ahead, ">", 0.0, "", n=SERIES, detail=detail))
    return made_bars


def _otava_scores(places: list[list[int]], made: list[FloatArray], say: Say) -> dict[str, Score]:
    python = otava_python(say)
    folder = python.parents[2]
    given, answer = folder / "series.json", folder / "found.json"
    given.write_text(json.dumps([x.tolist() for x in made]), encoding="utf-8")
    command = [str(python), "-c", OTAVA_CODE, str(given), str(answer)]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=240)
    scores = {}
    for setting, answers in json.loads(answer.read_text(encoding="utf-8")).items():
        scores[setting] = Score()
        for at, found in zip(places, answers, strict=True):
            scores[setting].add(found, at)
        say(f"Otava, {setting}: precision {scores[setting].precision:.3f}, recall {scores[setting].recall:.3f}")
    return scores


def otava_python(say: Say) -> Path:
    """Return the interpreter of Otava's own environment in the user's cache, making it when it is not there."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "perflab" / OTAVA.replace("==", "-")
    python = base / "env" / "bin" / "python"
    if (base / "ready").exists() and python.exists():
        return python
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if uv is None:
        raise OSError("uv is needed to make an isolated environment")
    say(f"making an environment for {OTAVA} in {base} (once)")
    shutil.rmtree(base, ignore_errors=True)
    base.mkdir(parents=True)
    steps: list[list[str]] = [
        [uv, "venv", "--python", sys.executable, str(base / "env")],
        [uv, "pip", "install", "--python", str(python), OTAVA],
    ]
    for command in steps:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=240)
    (base / "ready").touch()
    return python


def _slug(kind: str) -> str:
    return kind.replace(" ", "").lower()
