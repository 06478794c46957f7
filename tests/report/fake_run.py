"""A run made by hand in round numbers, with one hostile string in every place that a page shows text."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from perflab.findings.finding import Effect, Evidence, Finding, TrustCheck, dump_findings
from perflab.report.figures.ecdf import ecdf
from perflab.report.figures.figure import TargetLine
from perflab.report.figures.forest import forest
from perflab.report.figures.latency_curve import latency_curve
from perflab.report.figures.stage_waterfall import stage_waterfall
from perflab.runs import Manifest, Run, Step

HOSTILE = "<script>alert('x')</script>&\"quoted\""

ROWS: list[dict[str, Any]] = [
    {
        "id": "S4-LAT-1",
        "quote": "Voice Response: <2 seconds end-to-end",
        "domain": "gemini_codegen",
        "verdict": "meets",
        "level": "measured-quick",
        "finding": "F30-1",
        "reason": "",
    },
    {
        "id": "S4-LAT-2a",
        "quote": "<500ms for simple operations",
        "domain": "gemini_codegen",
        "verdict": "misses",
        "level": "measured-quick",
        "finding": "F30-3",
        "reason": "",
    },
    {
        "id": "S4-RES-1",
        "quote": "CPU: <70% under normal load",
        "domain": "gemini_codegen",
        "verdict": "not-yet-judged",
        "level": "none",
        "finding": "",
        "reason": f"needs the endurance run {HOSTILE}",
    },
    {
        "id": "S2-LAT-1",
        "quote": "start in under 3 s",
        "domain": "whispo",
        "verdict": "not-yet-judged",
        "level": "none",
        "finding": "",
        "reason": "another domain",
    },
]

MANIFEST = Manifest(
    run_id="20261120T231655Z-quick-3f2a",
    created="2026-11-20T23:16:55+00:00",
    finished="2026-11-20T23:25:01+00:00",
    status="done",
    system="/no/such/folder/voice_gateway.toml",
    system_name="voice-gateway",
    system_digest="d" * 64,
    effort="quick",
    domain="gemini_codegen",
    rng_seed=7,
    commit="abc123def456",
    command="spike --effort quick",
    fingerprint={"cpu_model": f"Round Number CPU {HOSTILE}", "cores": 2, "packages": {"numpy": "2.4.6"}},
    notes={"judge": "optimised", "wall_s": 486.0},
    steps=(
        Step(name="00_machine", status="done", budget_s=20, wall_s=18),
        Step(name="10_baseline_profile", status="done", budget_s=120, wall_s=100),
        Step(name="30_prototype", status="done", budget_s=200, wall_s=190),
    ),
)


def effect(metric: str, value: float, low: float, high: float, unit: str = "s", n: int = 100) -> Effect:
    return Effect(metric=metric, value=value, low=low, high=high, unit=unit, n=n, method="sectioning")


def findings() -> list[Finding]:
    """A machine check, a bottleneck, three targets (one under two conditions), a comparison, an open flag."""
    quiet = TrustCheck(name="noise floor (A/A)", passed=True, observed="1.0 %", limit="5 %")
    shared = TrustCheck(
        name="cores", passed=False, observed="2 shared", limit="apart", veto=False, next_step="use 4 cores"
    )
    common: dict[str, Any] = {"level": "measured-quick", "trust": (quiet,)}
    prototype: dict[str, Any] = common | {"notebook": "30_prototype", "variant": "optimised", "kind": "target"}
    return [
        Finding(
            id="F00-1",
            notebook="00_machine",
            question="Can this machine measure?",
            kind="observation",
            claim="The machine repeats a measurement within 1.0 %.",
            verdict="reported",
            level="measured-quick",
            trust=(quiet, shared),
        ),
        Finding(
            id="F10-1",
            notebook="10_baseline_profile",
            question="Where does the time go?",
            kind="observation",
            claim=f"The largest own cost is encode {HOSTILE}, 40 % of CPU.",
            verdict="reported",
            headline=5,
            details={
                "bottlenecks": [
                    {"rank": 1, "where": f"frames.py:encode {HOSTILE}", "cpu_percent": 40.0},
                    {"rank": 2, "where": "store.py:save", "cpu_percent": 20.0},
                ]
            },
            **common,
        ),
        Finding(
            id="F30-1",
            question="Is the voice response in time?",
            claim="p95 is 1.00 s (n = 100).",
            verdict="meets",
            effect=effect("voice_response_time", 1.0, 0.9, 1.1),
            target_id="S4-LAT-1",
            condition="latency=aa-fast",
            headline=9,
            **prototype,
        ),
        Finding(
            id="F30-2",
            question="Is the voice response in time?",
            claim="p95 is 1.90 s (n = 100).",
            verdict="inconclusive",
            effect=effect("voice_response_time", 1.9, 1.7, 2.1),
            target_id="S4-LAT-1",
            condition="latency=gpt-rt-1.5",
            next_step="Run at full effort.",
            **prototype,
        ),
        Finding(
            id="F30-3",
            question="Are simple calls in time?",
            claim="p95 is 600 ms (n = 100).",
            verdict="misses",
            effect=effect("api_latency_simple", 600, 550, 650, "ms"),
            target_id="S4-LAT-2a",
            headline=8,
            next_step="Pool the database connections.",
            **prototype,
        ),
        Finding(
            id="F30-4",
            question="Are complex calls in time?",
            claim="p95 is 1.00 s (n = 100).",
            verdict="meets",
            effect=effect("api_latency_complex", 1.0, 0.9, 1.1),
            target_id="S4-LAT-2b",
            **prototype,
        ),
        Finding(
            id="F30-5",
            notebook="30_prototype",
            question="What do all flags together do?",
            kind="comparison",
            claim="The optimised variant takes 80 % less CPU per turn (interval 75 to 85, 6 pairs)",
            verdict="better",
            effect=effect("cpu_per_turn", 0.2, 0.15, 0.25, "ratio", 6),
            variant="optimised",
            headline=10,
            **common,
        ),
        Finding(
            id="F30-6",
            notebook="30_prototype",
            question="Does caching the template pay?",
            kind="comparison",
            claim=f"Inconclusive {HOSTILE}.",
            verdict="inconclusive",
            strategy="ST-CACHE-12",
            effect=effect("cpu_per_turn", 0.97, 0.9, 1.05, "ratio", 6),
            variant="baseline+template=cached",
            caveats=("Six pairs only.",),
            next_step="60 pairs would show 2 %.",
            **common,
        ),
        Finding(
            id="F30-7",
            notebook="30_prototype",
            question="Is the baseline in time?",
            kind="target",
            variant="baseline",
            claim="p95 is 3.00 s.",
            verdict="misses",
            effect=effect("voice_response_time", 3.0, 2.9, 3.1),
            target_id="S4-LAT-1",
            **common,
        ),
    ]


@cache  # they are always the same, and drawing them takes 2 s of CPU
def figures() -> dict[str, Any]:
    """Real figures over round numbers, one of them with the hostile string in its title."""
    target = TargetLine(2000, "S4-LAT-1 < 2,000 ms")
    values = [
        {"variant": v, "value": s * 10.0} for v, s in (("baseline", 300), ("optimised", 100)) for s in range(s, s + 50)
    ]
    curve = [
        {"users": u, "percentile": p, "value": v * u, "low": v * u * 0.9, "high": v * u * 1.1}
        for p, v in (("p50", 5), ("p95", 10))
        for u in (50, 100, 200)
    ]
    flags = [
        {"label": "all flags", "value": 0.2, "low": 0.15, "high": 0.25, "verdict": "better"},
        {"label": "template=cached", "value": 0.97, "low": 0.9, "high": 1.05, "verdict": "inconclusive"},
    ]
    stages = [
        {"stage": "up", "owner": "system", "p50": 10, "p95": 20},
        {"stage": "think", "owner": "", "p50": 500, "p95": 900},
    ]
    return {
        "response": ecdf(values, f"Response {HOSTILE}", target),
        "ladder": latency_curve(curve, "Ladder", target, 150),
        "flags": forest(flags, "Flags", 0.05),
        "stages": stage_waterfall(stages, "Stages"),
    }


def make(reports: Path, **changes: Any) -> Run:
    """Write the fake run below `reports` and return it; `changes` are fields of the manifest."""
    run = Run.create(reports, Manifest.model_validate({**MANIFEST.model_dump(), **changes}))
    drawn = {name: figure.save(run, name) for name, figure in figures().items()}
    where = {"F10-1": ("stages",), "F30-1": ("response", "ladder"), "F30-2": ("response",), "F30-5": ("flags",)}
    profile = run.folder("profiles") / "py-spy flame graph.svg"
    profile.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>", encoding="utf-8")
    listed = Evidence(kind="profile", path="profiles/py-spy flame graph.svg", title=f"flame graph {HOSTILE}")
    made = [
        f.model_copy(
            update={"evidence": tuple(drawn[n] for n in where.get(f.id, ())) + ((listed,) if f.id == "F10-1" else ())}
        )
        for f in findings()
    ]
    for name in sorted({f.notebook for f in made}):
        mine = [f for f in made if f.notebook == name]
        (run.folder("findings") / f"{name}.json").write_bytes(dump_findings(mine))
    return run
