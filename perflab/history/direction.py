"""Whether less or more of a figure is good: as its target says, else guessed from its name and unit, else unknown."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from perflab.errors import PerflabError
from perflab.findings.finding import Finding
from perflab.runs import Manifest

HARM = {"error", "errors", "failed", "failure", "failures", "lost", "loss", "dropped", "timeouts", "misses"}
GAIN = {"throughput", "success", "successful", "availability", "uptime"}
GOOD_SHARES = {"answered", "hit", "hits"}  # of a whole: "requests answered" is good, "time until answered" is a time
SHARES = {"ratio", "%", "share"}
COST = {"cpu", "memory", "rss", "latency", "response", "time", "delay", "wait", "waits", "late", "jitter", "overhead",
        "added", "battery", "drain", "energy", "growth", "leak", "idle", "wakeups", "stale", "staleness", "queued",
        "retries", "origin"}  # fmt: skip
COSTS = {"ns", "us", "ms", "s", "bytes", "kB", "kiB", "MB", "MiB", "GB", "GiB", "% of a core"}
WORK = {"users", "sessions", "request", "requests", "turns", "units", "messages", "queries", "frames"}
PER_TIME = re.compile(r"(/|per_|per )(s|sec|second|min|minute|h|hour)\b")
PERCENTILE = re.compile(r"\bp\d\d")  # of a time: those of rates and shares are not taken
# What one piece of work takes, such as "queries per 100 rows": counts of work that are an expense.
PER_WORK = re.compile(r"\bper (\d+ )?(equal )?(request|turn|unit|row|event|value|view|read|write|message|answer)s?\b")


def lower_is_better(metric: str, unit: str) -> bool | None:
    """Return whether less is better: of failures and costs yes, of rates and capacities no, of the rest unknown.

    Costs are looked for before rates: CPU in ms/s, or late turns, are no throughput. A rate of what is no work
    (%/h, MB/min) is unknown where its name tells nothing.
    """
    words, name = set(re.findall(r"[a-z]+", metric.lower())), metric.lower()
    counted = re.split(r"/| per ", unit)[0].strip()
    if words & HARM:
        return True
    if words & GAIN or (words & GOOD_SHARES and unit in SHARES):
        return False
    if words & COST or unit in COSTS or PER_WORK.search(name) or PERCENTILE.search(name):
        return True
    if counted in WORK or (words & WORK and PER_TIME.search(name)):
        return False
    return True if counted in COSTS and not PER_TIME.search(unit) else None


def of_target(finding: Finding) -> bool | None:
    """Return whether less is better by the objective that a finding's claim begins with; None where it has none."""
    if finding.kind != "target" or finding.effect is None:
        return None
    metric = re.escape(finding.effect.metric)
    stated = re.match(rf"{metric}(?: p[\d.]+)? (<|>)=? ", finding.claim)
    return stated[1] == "<" if stated else None


def target_directions(manifest: Manifest) -> dict[str, bool]:
    """Return target id -> whether less is better, from the system's target file; empty when it cannot be read."""
    from perflab.findings.catalogue import load_targets

    try:
        path = Path(manifest.system)
        named = tomllib.loads(path.read_text(encoding="utf-8")).get("targets", "")
        return {t.id: t.below for t in load_targets((path.parent / named).resolve())} if named else {}
    except (OSError, ValueError, PerflabError):
        return {}
