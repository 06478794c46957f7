"""A finding: one claim with its verdict, effect, evidence and caveats."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from perflab.errors import RunCorrupt

TargetVerdict = Literal[
    "meets", "misses", "inconclusive", "reported", "not-measurable-here", "not-yet-judged", "untrusted"
]
Verdict = Literal[
    "better",
    "worse",
    "equivalent",
    "trivial",
    "inconclusive",
    "untrusted",
    "meets",
    "misses",
    "reported",
    "not-measurable-here",
    "not-yet-judged",
]
EvidenceLevel = Literal["measured-full", "measured-quick", "simulated", "imported", "proxy", "none"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Effect(_Record):
    """A value with its interval; `low` or `high` is None where n cannot bound that side."""

    metric: str
    value: float
    unit: str
    low: float | None = None
    high: float | None = None
    confidence: float = 0.95
    n: int = Field(ge=0)
    n_unit: str = "turns"  # what n counts: turns, trials, pairs, samples
    method: str = ""  # how the interval was made, in three or four words


class TrustCheck(_Record):
    """One check on the measurement itself; a failed check with `veto` makes the verdict untrusted."""

    name: str
    passed: bool
    observed: str
    limit: str
    veto: bool = True
    next_step: str = ""


class Evidence(_Record):
    """Where the reader can look: a figure, samples, a notebook cell or a profile, relative to the run's folder."""

    kind: Literal["figure", "samples", "notebook", "profile", "file"]
    path: str
    title: str
    alt: str = ""  # required by the page for figures


class Finding(_Record):
    """A claim: `id` is F<notebook>-<ordinal>, `claim` one sentence with units and n."""

    id: str = Field(pattern=r"^F\d{2}-[A-Za-z0-9.-]+$")
    notebook: str
    question: str
    claim: str
    kind: Literal["comparison", "target", "observation"]
    verdict: Verdict
    level: EvidenceLevel
    effect: Effect | None = None
    target_id: str = ""  # kind == "target": the id in the catalogue
    condition: str = ""  # named condition, such as latency=aa-fast
    variant: str = ""
    scenario: str = ""
    strategy: str = ""  # strategy id for comparisons of one flag
    stage: Literal["", "screened", "confirmed"] = ""  # a screened effect found what to confirm; it is not published
    headline: int = 0  # 0 = not on the page's top; larger = more important
    evidence: tuple[Evidence, ...] = ()
    trust: tuple[TrustCheck, ...] = ()
    caveats: tuple[str, ...] = ()
    next_step: str = ""
    details: dict[str, Any] = {}  # small tables for deliverables: lists of flat dictionaries, numbers, strings

    @property
    def order(self) -> tuple[str | int, ...]:
        """The id as a key of sorting in which F30-target.2 comes before F30-target.10."""
        return tuple(int(part) if part.isdigit() else part for part in re.split(r"(\d+)", self.id))


_FINDINGS = TypeAdapter(list[Finding])


def dump_findings(findings: list[Finding]) -> bytes:
    """Return findings as JSON, one file's worth."""
    return _FINDINGS.dump_json(findings, indent=1)


def load_findings(folder: Path) -> list[Finding]:
    """Return every finding below `folder` in order of id; raises RunCorrupt naming the file."""
    found: list[Finding] = []
    for file in sorted(folder.glob("*.json")):
        try:
            found.extend(_FINDINGS.validate_json(file.read_bytes()))
        except ValidationError as error:
            raise RunCorrupt(
                f"{file.name} holds no valid findings ({str(error).splitlines()[0]})",
                "",
                "Run its notebook again with: perflab spike --resume RUN",
            ) from None
    return sorted(found, key=lambda finding: finding.order)
