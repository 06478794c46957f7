"""The catalogue that perflab ships, one of a user's own, and what is refused."""

import tomllib
from pathlib import Path

import pytest

from perflab.errors import UsageError
from perflab.findings.catalogue import by_id, load_goals, load_strategies, load_targets
from perflab.findings.finding import Finding
from perflab.findings.judge import judge_target, target_finding
from perflab.findings.traceability import count_verdicts, trace_targets
from perflab.stats.interval import Interval

ROOT = Path(__file__).resolve().parents[2]
TARGETS = load_targets(ROOT / "data/catalogue/targets.toml")
STRATEGIES = load_strategies(ROOT / "data/catalogue/strategies.toml")


def test_every_record_of_the_catalogue_is_read():
    assert len(TARGETS) == 71 and len(STRATEGIES) == 160
    assert {t.domain for t in TARGETS} == {"gemini_codegen", "edtech_in", "whispo", "whatsapp_clone"}
    assert sum(t.evaluation == "device-only" for t in TARGETS) == 14
    assert all(t.quote and (t.notebooks or t.planned) for t in TARGETS)


def test_nobody_is_sent_to_a_notebook_that_is_not_there():
    written = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert {name for t in TARGETS for name in t.notebooks} <= written
    assert not {name for t in TARGETS for name in t.planned} & written
    planned = judge_target(by_id(TARGETS, "S4-LAT-4"), None, level="none")
    assert planned.reason == "no notebook of this version measures it: 26_client is planned"
    assert planned.next_step == ""


def test_what_ran_and_gave_no_figure_is_not_to_be_run_again():
    """A run in which the notebook of a target has findings, and none of them is on it."""
    other = Finding(id="F30-1", notebook="30_prototype", question="q", claim="c", kind="observation",
                    verdict="reported", level="none")  # fmt: skip
    rows = {row.id: row for row in trace_targets(TARGETS, [other], domain="gemini_codegen")}
    assert rows["S4-THR-3"].reason == "30_prototype ran and gave no figure of audio_processing_rate"
    assert "30_prototype measures it" in trace_targets(TARGETS, [], domain="gemini_codegen")[10].reason
    step = judge_target(by_id(TARGETS, "S4-THR-3"), None, level="none", ran={"30_prototype"}).next_step
    assert "[[measure]]" in step and "Run" not in step


def test_a_goal_without_a_number_has_a_row_where_a_finding_tells_of_it():
    goals = load_goals(ROOT / "data/catalogue/targets.toml")
    assert goals["S4-MX-4"].endswith("Quick recovery")
    told = Finding(id="F30-asked.1", notebook="30_prototype", question="q", claim="Back after 0.5 s.", kind="target",
                   verdict="reported", level="measured-quick", target_id="S4-MX-4", variant="optimised")  # fmt: skip
    rows = trace_targets(TARGETS, [told], domain="gemini_codegen", variant="optimised", goals=goals)
    assert [row.id for row in rows[len(TARGETS) :]] == ["S4-MX-4"]
    assert (rows[-1].verdict, rows[-1].quote) == ("reported", goals["S4-MX-4"])
    assert (rows[-1].domain, rows[-1].finding_ids) == ("gemini_codegen", ("F30-asked.1",))
    other = told.model_copy(update={"variant": "baseline"})
    rows = trace_targets(TARGETS, [other], domain="gemini_codegen", variant="optimised", goals=goals)
    assert len(rows) == len(TARGETS)


def test_strategies_of_the_built_in_system_stand_in_the_catalogue():
    system = tomllib.loads((ROOT / "data/systems/voice_gateway.toml").read_text())
    named = {value["strategy"] for flag in system["flag"] for value in flag["values"] if value["strategy"]}
    assert named and all(by_id(STRATEGIES, id).id == id for id in named)
    assert {measure["metric"] for measure in system["measure"]} <= {t.metric for t in TARGETS}
    with pytest.raises(UsageError, match="near it are ST-CACHE-01"):
        by_id(STRATEGIES, "ST-CAC-99")


def write(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return path


OWN = '[[target]]\nid = "MY-1"\ndomain = "shop"\nmetric = "checkout_time"\noperator = "<"\nvalue = 300\nunit = "ms"\n'


def test_a_target_of_ones_own_needs_six_lines(tmp_path):
    (target,) = load_targets(write(tmp_path, OWN))
    assert (target.canonical_value, target.canonical_unit) == (0.3, "s")
    assert target.text == "checkout_time p95 < 300 ms" and target.quote == "checkout_time < 300 ms"


def test_a_percentile_of_the_source_is_the_one_that_is_judged(tmp_path):
    (target,) = load_targets(write(tmp_path, OWN + 'percentile = "p99"\n'))
    assert target.verdict_aggregate == "p99" and target.text == "checkout_time p99 < 300 ms"


def test_only_times_have_a_percentile(tmp_path):
    share = OWN.replace("checkout_time", "error_rate").replace('"ms"', '"%"')
    (target,) = load_targets(write(tmp_path, share))
    assert target.text == "error_rate < 300 %" and not target.is_quantile


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (OWN + 'percentile = "p99"\nverdict_aggregate = "p95"\n', "percentile p99 and verdict_aggregate p95 differ"),
        (OWN + 'verdict_aggregate = "p99.9"\n', "p99.9 is none of p50, p90, p95, p99"),
        (OWN + 'verdict_aggregate = "P99"\n', "P99 is none of"),
        ("", r"holds no \[\[target\]\]"),
        ("x = ", "not valid TOML"),
        (OWN.replace("value = 300\n", ""), "target MY-1: value"),
        (OWN.replace('"<"', '"about"'), "target MY-1: operator"),
        (OWN + OWN, "MY-1 to two records"),
        (OWN + 'colour = "red"\n', "MY-1: colour"),
        (OWN + 'canonical_value = 3.0\ncanonical_unit = "s"\n', "300 ms is 0.3 s, not 3 s"),
        (OWN.replace("300", "nan"), "target MY-1: value"),
        (OWN.replace('"MY-1"', '"MY 1"'), "target MY 1: id"),
        ("target = 3\n", r"holds no \[\[target\]\]"),
        ("target = [3]\n", "target number 1"),
    ],
)
def test_a_wrong_file_is_named_with_the_record(tmp_path, text, message):
    with pytest.raises(UsageError, match=message) as caught:
        load_targets(write(tmp_path, text))
    assert "mine.toml" in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        load_strategies(tmp_path / "absent.toml")


def finding(target, value, ordinal, variant="optimised", condition=""):
    judged = judge_target(target, Interval(value, value * 0.9, value * 1.1, 0.95, 300, "sectioning"), unit="s",
                          level="measured-full", domain=target.domain)  # fmt: skip
    return target_finding(target, judged, id=f"F30-{ordinal}", notebook="30_prototype", question="Does it?",
                          variant=variant, condition=condition)  # fmt: skip


def test_every_target_has_a_row_and_every_row_a_reason():
    rows = trace_targets(TARGETS, [], domain="gemini_codegen")
    assert [row.id for row in rows] == [t.id for t in TARGETS]
    assert all(row.reason and row.verdict in ("not-yet-judged", "not-measurable-here") for row in rows)
    by = {row.id: row for row in rows}
    assert "11_baseline_load" in by["S4-LAT-1"].reason
    assert "belongs to the domain edtech_in" in by["S3-AP-1"].reason
    rows = {row.id: row for row in trace_targets(TARGETS, [], domain="edtech_in")}
    assert rows["S3-MB-1a"].verdict == "not-measurable-here"
    assert "40_scalability" in rows["S3-UG-4"].reason and rows["S3-UG-4"].verdict == "not-yet-judged"


def test_the_worst_condition_decides_and_only_the_judged_variant_counts():
    target = by_id(TARGETS, "S4-LAT-1")
    findings = [
        finding(target, 1.0, 1, condition="latency=aa-fast"),
        finding(target, 3.0, 2, condition="latency=gpt-rt-1.5"),
        finding(target, 9.0, 3, variant="baseline"),
        Finding(id="F30-4", notebook="n", question="q", claim="c", kind="observation", verdict="reported",
                level="none", target_id="S4-LAT-1"),
    ]  # fmt: skip
    row = trace_targets(TARGETS, findings, domain="gemini_codegen", variant="optimised")[0]
    assert row.verdict == "misses" and row.finding_ids == ("F30-2", "F30-1")  # the one that decides, first
    assert "latency=gpt-rt-1.5" in row.reason and "3.00 s" in row.reason
    rows = trace_targets(TARGETS, findings[:1], domain="gemini_codegen", variant="optimised")
    assert rows[0].printed == "meets" and count_verdicts(rows)["meets"] == 1
    assert sum(count_verdicts(rows).values()) == 71
    unjudged = target_finding(target, judge_target(target, None, level="none", domain=target.domain), id="F30-5",
                              notebook="30_prototype", question="Does it?", variant="optimised")  # fmt: skip
    row = trace_targets(TARGETS, [findings[0], unjudged], domain="gemini_codegen", variant="optimised")[0]
    assert row.verdict == "not-yet-judged" and row.finding_ids == ("F30-5", "F30-1")
