"""What deliverables are assembled from: the findings of a run, selected and laid out in a few standard ways."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from perflab.findings.catalogue import Strategy, StrategyCard
from perflab.findings.conditions import Conditions, conditions_of
from perflab.findings.finding import Evidence, Finding
from perflab.findings.measurement import same_as
from perflab.report.deliverables.document import Block, Bullets, Picture, Row, Rows, Text
from perflab.report.run_page import flat, tables_of
from perflab.report.switched import Switch
from perflab.report.verdict import Verdict
from perflab.report.wording import effect_text, few, n_text
from perflab.runs import Manifest

UNWRITTEN = ("12", "13", "25", "26", "31")  # notebooks of the plan that this version does not have


@dataclass(frozen=True)
class Material:
    """Findings, verdict and target rows of one run; notebooks are selected by the start of their names ("10", "2")."""

    manifest: Manifest
    findings: tuple[Finding, ...]
    verdict: Verdict
    targets: tuple[Row, ...]
    strategies: dict[str, str]
    catalogue: Mapping[str, Strategy] = field(default_factory=dict)  # by id; empty where the system names none
    cards: Mapping[str, StrategyCard] = field(default_factory=dict)
    card_fault: str = ""  # why there are no cards, where the system names some
    flags: Mapping[str, Sequence[str]] = field(default_factory=dict)  # strategy to "flag=value" of the system
    code: Mapping[str, Sequence[str]] = field(default_factory=dict)  # strategy to the files of those values
    laboratories: tuple[str, ...] = ()  # notebooks on parts by themselves that the system names
    switched: tuple[Switch, ...] = ()  # what the optimised variant sets otherwise than the baseline
    priced: bool = False  # whether the system's file names the price of a core
    forests: tuple[Evidence, ...] = ()  # all effects of all strategies, drawn

    def of(self, *prefixes: str, kind: str = "") -> list[Finding]:
        """Return the findings of some notebooks, the weightiest first."""
        found = [f for f in self.findings if f.notebook.startswith(prefixes) and kind in ("", f.kind)]
        return sorted(found, key=lambda f: (-f.headline, f.order))

    def bears(self, prefix: str) -> bool:
        """Return whether a laboratory is one of this system's: it names it, or the run has it."""
        named = (*self.laboratories, *(step.name for step in self.manifest.steps), *(f.notebook for f in self.findings))
        return any(name.startswith(prefix) for name in named)

    def ran(self, prefix: str) -> str:
        """Return why a notebook has nothing to show: failed, skipped, not run yet, not part of this study, or none."""
        step = next((s for s in self.manifest.steps if s.name.startswith(prefix)), None)
        if step is None and prefix in UNWRITTEN:
            return f"Not judged: this version has no notebook {prefix}."
        if step is None:
            return f"Not yet judged: notebook {prefix} is not part of this study."
        if step.status == "done":
            return f"Nothing to show: {step.name} ran and had no finding on this."
        return f"Not yet judged: {step.name} is {step.status}{f' ({step.reason})' if step.reason else ''}."


def split_world(findings: Iterable[Finding]) -> tuple[list[Finding], list[Finding]]:
    """Return the finding that maps the system and the world around it, apart from all others."""
    found = list(findings)
    return [f for f in found if f.id.endswith("-world")], [f for f in found if not f.id.endswith("-world")]


def claims(findings: Iterable[Finding]) -> list[Block]:
    """Return one bullet per claim: the ids of its findings, itself, its level; what all conditions share stands below.

    Targets on one measurement have one claim, and are one bullet.
    """
    found = list(findings)
    under = conditions_of(f for f in found if f.kind == "target")
    lines: dict[str, list[str]] = {}
    for f in found:
        lines.setdefault(f"{f.claim}{_where(f, under)} [{f.verdict}, {f.level}]", []).append(f.id)
    told = tuple(f"{' = '.join(ids)}: {text}" for text, ids in lines.items())
    return [Bullets(told), *_shared(under)] if told else []


def _where(finding: Finding, under: Conditions) -> str:
    """Return in brackets under what a target was judged: one target has a figure for each condition."""
    where = [part for part in (finding.scenario, under.shown(finding.condition)) if part and finding.kind == "target"]
    return f" ({', '.join(where)})" if where else ""


def _shared(under: Conditions) -> list[Block]:
    """Return what all conditions of a list or a table share, said once."""
    return [Text(f"Where a condition is at work, all have {under.shared}.")] if under.shared else []


def effects(findings: Iterable[Finding], caption: str = "") -> list[Block]:
    """Return a table of findings with their effects, intervals and n."""
    findings = list(findings)
    under = conditions_of(findings)
    rows = tuple(
        {
            "finding": f.id,
            "question": f.question,
            "variant": f.variant,
            "scenario": f.scenario,
            "condition": under.shown(f.condition),
            "verdict": f.verdict,
            "level": f.level,
            "effect": measured(f),
        }
        for f in findings
        if f.effect
    )
    return [Rows(_without_empty(rows), caption), *_shared(under)] if rows else []


def measured(finding: Finding) -> str:
    """Return value, interval and what they rest on in one cell."""
    return "; ".join(text for text in (effect_text(finding), n_text(finding)) if text)


def _without_empty(rows: tuple[dict[str, str], ...]) -> tuple[Row, ...]:
    """Drop columns that no row fills."""
    used = [name for name in rows[0] if any(row[name] for row in rows)]
    return tuple({name: row[name] for name in used} for row in rows)


def details(findings: Iterable[Finding], *words: str) -> list[Block]:
    """Return the small tables that findings carry; with `words`, those whose name contains one of them."""
    return [
        Rows(tuple(rows), f"{f.id}: {name.replace('_', ' ')}")
        for f in findings
        for name, rows in tables_of(f)
        if not words or any(word in name for word in words)
    ]


def pictures(findings: Iterable[Finding], most: int = 4) -> list[Block]:
    """Return the figures of findings, each once."""
    found: dict[str, Evidence] = {}
    for finding in findings:
        found.update({e.path: e for e in finding.evidence if e.kind == "figure" and e.path not in found})
    return [Picture(evidence) for evidence in list(found.values())[:most]]


def caveats(findings: Iterable[Finding], *, notes: bool = True) -> list[Block]:
    """Return every distinct failed check and caveat with the findings that it is of.

    Without `notes`, what the target file notes of a target is left out: it begins with the target's id.
    """
    lines: dict[str, list[str]] = {}
    failed: dict[str, list[str]] = {}
    for f in findings:
        for t in f.trust:
            if not t.passed:
                text = f"Check failed: {t.name}, observed {t.observed}, limit {t.limit}. {t.next_step}".strip()
                failed.setdefault(text, []).append(f.id)
        for text in f.caveats:
            if notes or not f.target_id or not text.startswith(f"{f.target_id}: "):
                lines.setdefault(text, []).append(f.id)
    told = tuple(f"{few(ids)}: {text}" for text, ids in (*failed.items(), *lines.items()))
    return [Bullets(told)] if told else []


def folded_caveats(
    findings: Iterable[Finding], title: str = "Caveats and failed checks", *, notes: bool = True
) -> list[Block]:
    """Return `caveats` behind a click, where they stand below what decides."""
    return [Bullets(b.items, folded=f"{title} ({len(b.items)})")
            for b in caveats(findings, notes=notes) if isinstance(b, Bullets)]  # fmt: skip


def target_table(material: Material, findings: Sequence[Finding], caption: str) -> list[Block]:
    """Return the judged targets of some findings as a table with what the source says.

    Beside a figure stands which targets have the same one, and of its condition what differs from the others'.
    """
    under, same = conditions_of(f for f in findings if f.kind == "target"), same_as(findings)
    quotes = {str(row["id"]): str(row.get("quote", "")) for row in material.targets}
    rows = tuple(
        {
            "target": f.target_id,
            "as stated": quotes.get(f.target_id, f.question),
            "measured": measured(f) + (f"; the same measurement as {same[f.id]}" if f.id in same else ""),
            "scenario": f.scenario,
            "condition": under.shown(f.condition),
            "verdict": f.verdict,
            "level": f.level,
            "next step": f.next_step,
            "finding": f.id,
        }
        for f in findings
        if f.kind == "target"
    )
    return [Rows(_without_empty(rows), caption, stacked=True), *_shared(under)] if rows else []


def environment(material: Material) -> list[Block]:
    """Return the machine and software as a table."""
    rows = tuple({"fact": name, "value": value} for name, value in flat(material.manifest.fingerprint))
    return [Rows(rows)] if rows else []


def reproduce(material: Material) -> list[Block]:
    """Return how to get these results again."""
    from perflab.report.deliverables.document import Code

    m = material.manifest
    lines = (*m.checkouts, "make setup", f".venv/bin/{m.command_again}", f".venv/bin/perflab report {m.run_id}")
    return [
        Code("\n".join(lines)),
        Text(f"Commit {m.commit or 'unknown'}, run {m.run_id}, effort {m.effort}, seed {m.rng_seed}."),
    ]


def links(findings: Iterable[Finding], kind: str) -> list[Block]:
    """Return evidence of one kind as a table of titles and paths, relative to the run."""
    found = {e.path: e.title for f in findings for e in f.evidence if e.kind == kind}
    rows: tuple[Row, ...] = tuple({"what": title, "file": path} for path, title in found.items())
    return [Rows(rows)] if rows else []
