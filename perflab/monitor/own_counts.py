"""What a system's own metrics page says of its failures and its slow answers, by the series that its file names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from perflab.monitor.metric_map import MetricMap, Series

_MATCHER = re.compile(r'\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')

_ESCAPED = re.compile(r"\\(.)")  # in PromQL the text between the quotes is a string: 5\d\d is written 5\\d\\d


@dataclass(frozen=True)
class Sample:
    """One line of a page in Prometheus' text form."""

    name: str
    labels: dict[str, str]
    value: float


def samples(page: str) -> tuple[Sample, ...]:
    """Return the samples of a page; raises ValueError for one that is not in Prometheus' text form."""
    from prometheus_client.parser import text_string_to_metric_families

    families = text_string_to_metric_families(page)
    return tuple(Sample(s.name, dict(s.labels), float(s.value)) for family in families for s in family.samples)


def counted(page: Iterable[Sample], series: Series, suffix: str = "", **labels: str) -> float:
    """Return the sum of the samples that a series names, 0 where there are none; `labels` must be there besides.

    Raises ValueError for a regular expression that only Prometheus' own dialect knows.
    """
    wanted = [(key, sign, _ESCAPED.sub(r"\1", text)) for key, sign, text in _MATCHER.findall(series.matchers)]
    return sum(
        sample.value
        for sample in page
        if sample.name == series.name + suffix
        and all(_holds(sample.labels.get(key, ""), sign, text) for key, sign, text in wanted)
        and all(sample.labels.get(key) == text for key, text in labels.items())
    )


def failures(page: Iterable[Sample], series: MetricMap) -> tuple[float, float]:
    """Return (failed, all) events as the page counts them since the system started."""
    kept = tuple(page)
    return sum(counted(kept, part) for part in series.bad), sum(counted(kept, part) for part in series.total)


def above(page: Iterable[Sample], histogram: Series, limit_s: float) -> tuple[float, float] | None:
    """Return (slower than `limit_s`, all) events of a histogram; None where it has no edge there."""
    kept = tuple(page)
    edges = {s.labels["le"] for s in kept if s.name == f"{histogram.name}_bucket" and "le" in s.labels}
    edge = next((le for le in edges if le != "+Inf" and float(le) == limit_s), None)
    if edge is None:
        return None
    every = counted(kept, histogram, "_count")
    return every - counted(kept, histogram, "_bucket", le=edge), every


def _holds(value: str, sign: str, text: str) -> bool:
    if sign in ("=", "!="):
        return (value == text) == (sign == "=")
    try:
        return (re.fullmatch(text, value) is not None) == (sign == "=~")
    except re.error as error:
        raise ValueError(f"the regular expression {text!r} is not one of Python's: {error}") from None
