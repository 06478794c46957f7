"""Findings on strategies for tests of the guide: every decision path, screened and confirmed, by condition."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from perflab.findings.finding import Effect, Finding, dump_findings
from perflab.report.figures.adoption import adoption
from perflab.runs import Run
from tests.report.fake_run import make

ROOT = Path(__file__).resolve().parents[2]
SYSTEM = str(ROOT / "data/systems/voice_gateway.toml")
FIGURES = {"cpu": "CPU per request", "p95": "response p95", "memory": "peak memory", "stale": "age of answers",
           "median": "response median"}  # fmt: skip
RATIO = {"better": 0.7, "worse": 1.3, "equivalent": 1.0, "trivial": 0.98, "inconclusive": 0.97, "untrusted": 0.8}


def compared(
    strategy: str, setting: str, condition: str = "", notebook: str = "22_caching", stage: str = "confirmed",
    details: dict[str, Any] | None = None, **verdicts: str,
) -> list[Finding]:  # fmt: skip
    """Return one finding for each figure of one setting under one condition."""
    found = []
    for figure, verdict in verdicts.items():
        value, metric = RATIO.get(verdict, 1.0), FIGURES[figure]
        effect = Effect(metric=metric, value=value, low=value * 0.95, high=value * 1.05, unit="ratio", n=12,
                        n_unit="pairs", method="paired Hodges-Lehmann")  # fmt: skip
        key = re.sub(r"[=_+]", "-", f"{strategy}-{setting}-{len(condition)}-{figure}-{notebook[:2]}")
        found.append(
            Finding(
                id=f"F{notebook[:2]}-{key}",
                notebook=notebook,
                question=f"What does {setting} do to {metric}?",
                claim=f"{setting} changes {metric} ({condition}).",
                kind="comparison",
                verdict="reported" if stage == "screened" else verdict,
                level="measured-full",
                effect=None if stage == "screened" else effect,
                strategy=strategy,
                variant=f"baseline+{setting}",
                condition=condition,
                stage=stage,
                caveats=("the paired differences are skewed",) if verdict == "inconclusive" else (),
                details=details or {},
            )
        )
    return found


ALL_GOOD = {"cpu": "better", "p95": "better", "memory": "equivalent"}


def findings() -> list[Finding]:
    """Return what a laboratory and a prototype may find: one strategy for each kind of decision."""
    zipf, flat = "Zipf 1.0 over 10,000 keys, 200 requests/s", "uniform keys over 1,000,000, 200 requests/s"
    price = {"price": "a Redis server; 40 MB for 10,000 entries", "turns": "uniform keys"}
    return [
        *compared("ST-API-02", "http_client=pooled", "8 calls at a time", "23_api_streaming", **ALL_GOOD),
        *compared("ST-API-02", "http_client=pooled", "80 calls at a time", "23_api_streaming", **ALL_GOOD),
        *compared("ST-CACHE-06", "cache=l1_l2", zipf, details=price, stale="worse", **ALL_GOOD),
        *compared("ST-CACHE-06", "cache=l1_l2", flat, details=price, cpu="worse", p95="equivalent", memory="worse"),
        *compared("ST-CACHE-02", "cache=l1", zipf, **ALL_GOOD),
        *compared("ST-CACHE-02", "cache=l1", flat, cpu="inconclusive", p95="inconclusive", memory="equivalent"),
        *compared("ST-STATE-03", "store=postgres", "", "24_state_database", cpu="worse", p95="worse",
                  memory="equivalent"),
        *compared("ST-NET-03", "compression=gzip", "loopback", "23_api_streaming", cpu="equivalent", p95="trivial",
                  memory="equivalent"),
        *compared("ST-API-08", "audio=packed", "loopback", "23_api_streaming", cpu="equivalent", p95="inconclusive",
                  memory="worse"),
        *compared("ST-API-03", "dedup=single_flight", "distinct calls", "23_api_streaming", cpu="inconclusive"),
        *compared("ST-STATE-14", "store=wal_batched", "", "30_prototype", **ALL_GOOD),
        *compared("ST-STATE-14", "store=wal_batched", "on top of the other confirmed flags", "30_prototype",
                  cpu="equivalent", p95="equivalent", memory="equivalent"),
        *compared("ST-STACK-03", "frames=binary", "", "30_prototype", stage="screened",
                  details={"rank": 2, "direction": "less"}, cpu="better"),
        *compared("ST-NET-14", "payload=sparse", "wide records", "23_api_streaming", stage="screened",
                  details={"direction": "more"}, cpu="worse"),
        _observed(),
        _adoption(),
    ]  # fmt: skip


def _observed() -> Finding:
    return Finding(id="F24-5", notebook="24_state_database", question="How old may a cached answer be?",
                   kind="observation", verdict="reported", level="measured-full", strategy="ST-CACHE-11",
                   claim="With events the last old answer came 1.2 ms after the change.")  # fmt: skip


def _adoption() -> Finding:
    steps = [{"step": 1, "flag": "http_client=pooled", "this step": "-40 % [-42, -38]", "so far": "-40 % [-42, -38]",
              "on top of all others": "-31 % [-33, -29]", "once all are in": "pays"},
             {"step": 2, "flag": "store=wal_batched", "this step": "-1 % [-3, +1]", "so far": "-41 % [-43, -39]",
              "on top of all others": "-1 % [-3, +1]", "once all are in": "no longer pays"}]  # fmt: skip
    joint = [{"what": "all of them", "alone": "-58 % (product)", "with the others": "-41 % [-43, -39]",
              "joint / product": "1.405 [1.350, 1.460]", "they": "overlap"}]  # fmt: skip
    return Finding(id="F30-adoption", notebook="30_prototype", kind="observation", verdict="reported",
                   question="What do the confirmed flags do together?", level="measured-full",
                   claim="Together http_client=pooled, store=wal_batched change CPU per turn by -41 %: overlap.",
                   details={"order_of_adoption": steps, "interactions": joint})  # fmt: skip


def make_guide_run(reports: Path) -> Run:
    """Write the fake run with these findings beside its own, of the system that perflab ships."""
    run = make(reports, system=SYSTEM)
    rows = [{"label": "http_client=pooled", "value": 0.6, "low": 0.58, "high": 0.62, "expected": 0.6},
            {"label": "store=wal_batched", "value": 0.59, "low": 0.57, "high": 0.61, "expected": 0.42}]  # fmt: skip
    drawn = adoption(rows, "Flags adopted one after the other").save(run, "30-adoption")
    for found in findings():
        own = found.model_copy(update={"evidence": (drawn,)}) if found.id == "F30-adoption" else found
        (run.folder("findings") / f"x-{found.id}.json").write_bytes(dump_findings([own]))
    return run
