"""The catalogue: numeric targets with where they come from, and strategies with what they promise."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from perflab.errors import UsageError
from perflab.units import canonical

Operator = Literal["<", "<=", ">", ">="]
Percentile = Literal["p50", "p90", "p95", "p99", "unspecified", "n/a"]
Evaluation = Literal["measured", "simulated", "device-only"]
QUANTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99}  # the percentiles that a target can be judged on
_STRATEGY_ID = r"^ST-[A-Z0-9]+-\d{2}$"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, str_strip_whitespace=True)


class Target(_Record):
    """A numeric objective. A target file of your own needs only id, domain, metric, operator, value and unit.

    `percentile` is what the source says, `verdict_aggregate` what is judged: the same where the source names one,
    else p95 for a latency; rates, shares and levels have their own form.
    """

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    domain: str = Field(min_length=1)
    metric: str = Field(min_length=1)
    operator: Operator
    value: float
    unit: str
    quote: str = ""
    seed: str = ""
    line: int = Field(default=0, ge=0)
    canonical_value: float = 0.0
    canonical_unit: str = ""
    percentile: Percentile = "unspecified"
    verdict_aggregate: str = "p95"
    scope: str = ""
    condition: str = ""
    evaluation: Evaluation = "measured"
    how: str = ""
    limits: str = ""
    notebooks: tuple[str, ...] = ()  # that judge it; of another version those in `planned`
    planned: tuple[str, ...] = ()
    group: str = ""

    @model_validator(mode="before")
    @classmethod
    def _derive(cls, given: Any) -> Any:
        """Fill in what follows from the six required fields."""
        if not isinstance(given, dict) or not isinstance(given.get("value"), int | float):
            return given
        amount, unit = canonical(float(given["value"]), str(given.get("unit", "")))
        quote = f"{given.get('metric')} {given.get('operator')} {given['value']} {given.get('unit', '')}".strip()
        named = {"verdict_aggregate": given["percentile"]} if given.get("percentile") in QUANTILES else {}
        return {"canonical_value": amount, "canonical_unit": unit, "quote": quote, **named} | given

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """A value and its canonical form must say the same."""
        amount, unit = canonical(self.value, self.unit)
        if unit != self.canonical_unit or abs(amount - self.canonical_value) > 1e-6 * max(abs(amount), 1e-12):
            raise ValueError(f"{self.value:g} {self.unit} is {amount:g} {unit}, "
                             f"not {self.canonical_value:g} {self.canonical_unit}")  # fmt: skip
        if re.fullmatch(r"[pP][\d.]+", self.verdict_aggregate) and self.verdict_aggregate not in QUANTILES:
            raise ValueError(f"verdict_aggregate {self.verdict_aggregate} is none of {', '.join(QUANTILES)}")
        if self.percentile in QUANTILES and not self.verdict_aggregate.startswith(self.percentile):
            raise ValueError(f"percentile {self.percentile} and verdict_aggregate {self.verdict_aggregate} differ")
        return self

    @property
    def below(self) -> bool:
        """Whether small values are good."""
        return self.operator in ("<", "<=")

    @property
    def text(self) -> str:
        """The objective in short: ``voice_response_time p95 < 2 s``."""
        aggregate = f" {self.verdict_aggregate}" if self.is_quantile else ""
        return f"{self.metric}{aggregate} {self.operator} {self.value:g} {self.unit}".rstrip()

    @property
    def is_quantile(self) -> bool:
        """Whether the target is judged on a percentile of samples: those of times are, rates and shares are not."""
        return self.canonical_unit == "s" and self.verdict_aggregate in QUANTILES


class Strategy(_Record):
    """One optimisation that somebody named: hypothesis, the metrics that should move, what it may cost."""

    id: str = Field(pattern=_STRATEGY_ID)
    name: str = Field(min_length=1)
    category: str
    refs: tuple[str, ...] = ()
    seeds: tuple[str, ...] = ()
    hypothesis: str
    metrics: tuple[tuple[str, Literal["up", "down"]], ...] = Field(min_length=1)
    tradeoff: str
    ab: str
    method: Literal["gateway", "service", "kernel", "browser", "agent", "model", "byo", "artefact"]
    notebook: str
    flag: str = ""
    flag_value: str = ""
    origin: str = ""


class StrategyCard(_Record):
    """What an engineer must know of a strategy before adopting it; figures come from findings, never from here.

    `pays`, `turns`: the conditions under which it gains and under which its sign turns around. The kinds of cost that
    it does not have stay empty; `parts` (code, configuration, servers that it adds) every strategy has.
    """

    id: str = Field(pattern=_STRATEGY_ID)
    mechanism: str = Field(min_length=30)
    pays: str = Field(min_length=10)
    turns: str = Field(min_length=10)
    cpu: str = ""
    memory: str = ""
    staleness: str = ""
    lost_writes: str = ""
    bytes: str = ""
    parts: str = Field(min_length=10)
    code: tuple[str, ...] = ()  # files and folders to look at, beside those of its flags
    failure: str = Field(min_length=20)
    rollback: str = Field(min_length=4)
    monitor: str = Field(min_length=10)


_Listed = TypeVar("_Listed", Target, Strategy, StrategyCard)


def load_targets(path: Path) -> tuple[Target, ...]:
    """Return the [[target]] records of a TOML file; raises UsageError naming the record that is wrong.

    Other tables of the file (scenarios, qualitative goals, planning figures) carry nothing to judge and are not read.
    """
    return _records(path, "target", Target)


def load_goals(path: Path) -> dict[str, str]:
    """Return the [[qualitative]] goals of a target file: id to what the source says; empty where it states none.

    They name no number: what bears on one is reported, never judged.
    """
    listed = _read(path).get("qualitative", [])
    return {str(goal["id"]): str(goal.get("quote", "")) for goal in listed if isinstance(goal, dict) and "id" in goal}


def load_strategies(path: Path) -> tuple[Strategy, ...]:
    """Return the [[strategy]] records of a TOML file; raises UsageError naming the record that is wrong."""
    return _records(path, "strategy", Strategy)


def load_cards(path: Path, strategies: Sequence[Strategy]) -> tuple[StrategyCard, ...]:
    """Return the [[card]] records of a TOML file; raises UsageError for a wrong one and for an unknown strategy."""
    cards = _records(path, "card", StrategyCard)
    for card in cards:
        try:
            by_id(strategies, card.id)
        except UsageError as error:
            raise UsageError(f"{path.name}, card {card.id}: {error.given}", error.required) from None
    return cards


def by_id(records: Sequence[_Listed], id: str) -> _Listed:
    """Return the record with that id; raises UsageError with ids that look alike."""
    for record in records:
        if record.id == id:
            return record
    alike = [record.id for record in records if record.id.startswith(id[:6])][:5]
    raise UsageError(f"There is no {id} in the catalogue", f"near it are {', '.join(alike)}" if alike else "")


def _records(path: Path, table: str, model: type[_Listed]) -> tuple[_Listed, ...]:
    entries = _read(path).get(table, [])
    if not isinstance(entries, list) or not entries:
        raise UsageError(f"{path.name} holds no [[{table}]]", "a catalogue needs at least one")
    found: list[_Listed] = []
    for number, entry in enumerate(entries, 1):
        name = entry.get("id", f"number {number}") if isinstance(entry, dict) else f"number {number}"
        try:
            found.append(model.model_validate(entry))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the record"
            # In the words of a system's file.
            plain = {"extra_forbidden": "unknown key", "missing": "is required and missing"}
            problem = plain.get(first["type"], first["msg"])
            raise UsageError(f"{path.name}, {table} {name}: {where}: {problem}") from None
    ids = [record.id for record in found]
    twice = sorted({id for id in ids if ids.count(id) > 1})
    if twice:
        raise UsageError(f"{path.name} gives the id {twice[0]} to two records", "an id must be unique")
    return tuple(found)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path.name} is not valid TOML ({error})") from None
