"""Alert rules: made from targets, accepted and proven by promtool, and their proofs die with the rule's mistakes."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from perflab.experiments.watch import metric_map
from perflab.findings.catalogue import Target, load_targets
from perflab.monitor import promtool
from perflab.monitor.alerts import NO_BUDGET, burn_alerts
from perflab.monitor.kpi import kpi_rows
from perflab.monitor.metric_map import Series
from perflab.monitor.objectives import NO_CEILING, objectives
from perflab.monitor.rules import alert_rules, rules_yaml
from perflab.monitor.scrape import scrape_yaml
from perflab.system.load_file import load_system
from perflab.system.tables.monitor import SeriesName

ROOT = Path(__file__).resolve().parents[2]
TARGETS = load_targets(ROOT / "data/catalogue/targets.toml")
MONITOR = load_system(ROOT / "data/systems/voice_gateway.toml").monitor
assert MONITOR is not None
VOICE_GATEWAY = metric_map(MONITOR)
RULES = alert_rules(TARGETS, VOICE_GATEWAY, domain="gemini_codegen", cores=1, memory_bytes=1024e6)
BY_NAME = {alert.name: alert for alert in RULES.alerts}
needs_promtool = pytest.mark.skipif(
    promtool.find_promtool() is None, reason=f"promtool is not on PATH; {promtool.INSTALL}"
)


def target(id: str, metric: str = "voice_response_time", value: float = 2, unit: str = "s", **more: str) -> Target:
    return Target(**({"id": id, "domain": "d", "metric": metric, "operator": "<", "value": value, "unit": unit} | more))


def errors(id: str, percent: float, operator: str = "<") -> Target:
    return target(id, "error_rate", percent, "%", operator=operator)


def test_every_target_of_the_domain_is_watched_or_has_a_reason():
    own = {t.id for t in TARGETS if t.domain == "gemini_codegen"}
    watched = {id for alert in RULES.alerts for id in alert.targets}
    assert watched | set(RULES.gaps) == own and not watched & set(RULES.gaps)
    assert {"S4-LAT-1", "S4-MX-2", "S4-LAT-2a", "S4-LAT-2b", "S4-TR-5", "S4-RES-1", "S4-RES-2a"} <= watched
    assert [alert.name for alert in RULES.for_target("S4-TR-4")] == ["CpuAbove70Percent"]
    assert all(RULES.gaps.values())


def test_targets_of_one_limit_share_their_alerts():
    assert BY_NAME["VoiceResponseTimeP95Over2sBurn1h"].targets == ("S4-LAT-1", "S4-MX-1", "S4-TR-1")
    assert BY_NAME["VoiceResponseTimeP95Over3sBurn1h"].targets == ("S4-MX-2",)
    assert len(BY_NAME) == len(RULES.alerts)


def test_targets_of_one_limit_and_two_budgets_share_nothing():
    asked = [target("A"), target("B", verdict_aggregate="p99"), errors("E1", 1), errors("E2", 0.1)]
    found, gaps = objectives(asked, VOICE_GATEWAY)
    assert {o.targets: round(o.budget, 6) for o in found} == {("A",): 0.05, ("B",): 0.01, ("E1",): 0.01, ("E2",): 0.001}
    names = [alert.name for o in found for alert in burn_alerts(o, VOICE_GATEWAY)]
    assert len(set(names)) == len(names) and not gaps
    assert "ErrorRateAbove0_1PercentMissed" in names and "VoiceResponseTimeP99Over2sMissed" in names


@pytest.mark.parametrize(
    ("asked", "named", "why"),
    [
        (errors("X", 1), {"bad": ()}, "no series counts errors"),
        (errors("X", 1), {"total": ()}, "no series counts errors"),
        (errors("X", 1), {"total": VOICE_GATEWAY.bad}, "none counts what went well"),
        (errors("X", 0, "<="), {}, "budget of 0 % has no rate"),
        (errors("X", 100), {}, "budget of 100 % has no rate"),
        (errors("X", 1, ">"), {}, NO_CEILING),
        (target("X", verdict_aggregate="mean"), {}, "it has no mean"),
        (target("X", operator=">"), {}, NO_CEILING),
        (target("X", "cpu_utilisation", 20, "%", operator=">"), {}, NO_CEILING),
        (target("X", "memory_utilisation", 20, "%", operator=">"), {}, NO_CEILING),
        (target("X"), {"latency": {}}, "no series of this system tells voice_response_time"),
    ],
)
def test_what_cannot_be_watched_stands_in_the_gaps_and_breaks_nothing(asked, named, why):
    found = alert_rules([asked], replace(VOICE_GATEWAY, **named), domain="d", cores=1, memory_bytes=0)
    assert why in found.gaps["X"] and not found.for_target("X")
    assert {row.id for row in kpi_rows(found)} == {row.id for row in kpi_rows(RULES)}


def test_a_system_that_names_the_fewest_series_has_its_indicators_as_gaps():
    least = replace(VOICE_GATEWAY, latency={}, bad=(), total=(), always=(), network=None)
    rows = kpi_rows(alert_rules([target("X"), errors("E", 1)], least, domain="d", cores=1, memory_bytes=0))
    assert {row.id for row in rows if row.gap and not row.query} >= {"S4-KPI-3", "S4-KPI-5a", "S4-KPI-5b"}
    only = replace(VOICE_GATEWAY, total=(Series("done_total"),), bad=(Series("done_total", 'code="500"'),))
    (alert, *_) = alert_rules([errors("E", 1)], only, domain="d", cores=1, memory_bytes=0).for_target("E")
    assert {case.fires for case in alert.cases} == {True, False}


def test_a_histogram_without_an_edge_at_the_limit_has_an_alert_of_its_own():
    blind = [alert for alert in RULES.alerts if alert.name.endswith("Blind")]
    asked = {histogram.name for histogram in VOICE_GATEWAY.latency.values()}
    assert {name for name in asked if any(f"unless on() {name}_bucket" in a.expr for a in blind)} == asked
    assert BY_NAME["ApiLatencySimpleP95Over500msBlind"].summary.endswith(
        "gateway_api_seconds has no bucket edge at 0.5 s"
    )


def test_errors_cpu_and_memory_are_known_by_their_measure_whatever_the_target_calls_them():
    own = [target("E", "shop_errors", 1, "%"), target("C", "load", 70, "%"), target("M", "heap", 80, "%")]
    kinds = {"shop_errors": "error_percent", "load": "cpu_percent", "heap": "memory_percent"}
    given = {"domain": "d", "cores": 1.0, "memory_bytes": 1e9}
    found = alert_rules(own, VOICE_GATEWAY, kinds=kinds, **given)
    assert {id for alert in found.alerts for id in alert.targets} == {"E", "C", "M"} and not found.gaps
    unnamed = alert_rules(own, VOICE_GATEWAY, **given)
    assert unnamed.gaps == {t.id: f"no series of this system tells {t.metric}" for t in own}
    no_budget = alert_rules(own, VOICE_GATEWAY, kinds=kinds, **given | {"memory_bytes": 0})
    assert no_budget.gaps == {"M": NO_BUDGET}


def test_a_lower_limit_is_no_missing_series():
    assert RULES.gaps["S4-THR-1"] == RULES.gaps["S4-THR-2"] == NO_CEILING


def test_series_that_a_level_is_read_from_are_missed_when_they_go():
    named = replace(VOICE_GATEWAY, cpu=Series("app_cpu_seconds_total"), memory=Series("app_heap_bytes"), always=())
    found = {alert.name: alert for alert in alert_rules(
        [target("C", "cpu_utilisation", 70, "%"), target("M", "memory_utilisation", 80, "%")], named,
        domain="d", cores=1, memory_bytes=1e9,
    ).alerts}  # fmt: skip
    assert "app_cpu_seconds_total" in found["CpuAbove70Percent"].expr
    assert {"AbsentAppCpuSecondsTotal", "AbsentAppHeapBytes"} <= set(found)


def test_a_regular_expression_needs_a_series_that_it_matches():
    with pytest.raises(ValueError, match="name labels that it matches in example"):
        SeriesName(name="http_requests_total", matchers='status=~"5.."')
    named = SeriesName(name="http_requests_total", matchers='status=~"5.."', example='status="503"')
    series = metric_map(MONITOR.model_copy(update={"bad": (named,)})).bad[0]
    assert series.select("shop") == 'http_requests_total{job="shop",status=~"5.."}'
    assert series.sample("shop") == 'http_requests_total{job="shop",status="503"}'


@needs_promtool
def test_promtool_proves_an_error_alert_made_of_a_regular_expression(tmp_path):
    bad = Series("http_requests_total", 'status=~"5.."', 'status="503"')
    shop = replace(
        VOICE_GATEWAY, bad=(bad,), total=(bad, Series("http_requests_total", 'status!~"5.."', 'status="200"'))
    )
    alerts = [a for a in alert_rules([errors("E", 1)], shop, domain="d", cores=1, memory_bytes=0).alerts if a.targets]
    quick = [a for a in alerts if not a.slow]
    outcome = promtool.test_rules(RULES.write_tests(tmp_path, quick))
    assert quick and outcome.status == "passed", outcome.detail


@needs_promtool
def test_promtool_accepts_the_configuration_and_sees_a_broken_rule_behind_it(tmp_path):
    files = RULES.write(tmp_path)
    config = tmp_path / "prometheus.yml"
    config.write_text(scrape_yaml("voice-gateway", "https://127.0.0.1:{port:http}/metrics", [f.name for f in files]))
    assert promtool.check_config(config).status == "passed"
    (scraped,) = yaml.safe_load(config.read_text())["scrape_configs"]
    assert (scraped["scheme"], scraped["metrics_path"], scraped["job_name"]) == ("https", "/metrics", "voice-gateway")
    files[0].write_text(files[0].read_text().replace("sum(", "sum((", 1))
    assert promtool.check_config(config).status == "failed"


def test_a_loose_objective_leaves_out_windows_that_could_never_fire():
    (objective,), _ = objectives([target("X-1", verdict_aggregate="p90")], VOICE_GATEWAY)
    names = [alert.name for alert in burn_alerts(objective, VOICE_GATEWAY)]
    assert not any(name.endswith("Burn1h") for name in names) and any(name.endswith("Burn6h") for name in names)


def test_each_alert_has_a_case_that_fires_and_one_that_is_quiet_and_calls_somebody():
    for alert in RULES.alerts:
        assert {case.fires for case in alert.cases} == {True, False}, alert.name
        assert alert.severity in ("page", "ticket", "warning") and alert.runbook.endswith(".")
        if "Burn" in alert.name:
            assert "> 0.05" in alert.expr and len(alert.cases) == 5


def test_a_system_without_a_memory_budget_has_no_memory_alert_and_says_why():
    found = alert_rules(TARGETS, VOICE_GATEWAY, domain="gemini_codegen", cores=1, memory_bytes=0)
    memory = [t.id for t in TARGETS if t.domain == "gemini_codegen" and t.metric == "memory_utilisation"]
    assert memory and {found.gaps[id] for id in memory} == {NO_BUDGET}
    left_out = set(BY_NAME) - {alert.name for alert in found.alerts}
    assert left_out == {"MemoryAbove80Percent", "AbsentProcessResidentMemoryBytes"}
    assert not any("/ 0" in alert.expr for alert in found.alerts)  # x / 0 is +Inf, above every limit
    assert NO_BUDGET not in RULES.gaps.values()


def test_a_resource_alert_names_the_instance_that_is_above():
    rule = yaml.safe_load(rules_yaml("g", [BY_NAME["CpuAbove70Percent"]]))["groups"][0]["rules"][0]
    assert rule["annotations"]["summary"].endswith(": {{ $labels.instance }}")
    assert "$labels" not in BY_NAME["CpuAbove70Percent"].summary  # read in a table, where nothing fills it in


def test_files_are_yaml_and_hold_all_alerts_once(tmp_path):
    fast, slow = RULES.write(tmp_path)
    found = []
    for path, interval in ((fast, "1m"), (slow, "10m")):
        (group,) = yaml.safe_load(path.read_text())["groups"]
        assert group["interval"] == interval
        found += [rule["alert"] for rule in group["rules"]]
    assert sorted(found) == sorted(BY_NAME)
    assert yaml.safe_load(rules_yaml("g", [RULES.alerts[0]]))["groups"][0]["rules"][0]["expr"] == RULES.alerts[0].expr


def test_series_of_the_map_are_those_that_the_gateway_exports():
    metrics = pytest.importorskip("perflab.gateway.metrics")
    made = metrics.Metrics((0.5, 2.0, 3.0))
    made._stages.labels("response").observe(1.0)
    made.requests.labels("health", "simple", "200").observe(0.1)
    made.requests.labels("generate", "complex", "200").observe(0.1)
    made.turns.labels("ok").inc()
    made.audio_bytes.labels("up").inc()
    text = made.exposition().decode()
    s = VOICE_GATEWAY
    for histogram in s.latency.values():
        assert re.search(rf"^{histogram.name}_bucket{{[^}}]*{histogram.matchers}", text, re.M), histogram
    for part in (*s.bad, *s.total, s.units, s.traffic, s.cpu, s.memory, s.network, *s.always):
        assert re.search(rf"^{part.name}[ {{]", text, re.M), part
    assert 'le="2.0"' in text
    fresh = metrics.Metrics((2.0,)).exposition().decode()
    assert all(re.search(rf"^{part.name} ", fresh, re.M) for part in s.always)  # there from the first scrape on


def test_kpi_map_covers_all_indicators_and_names_its_gaps():
    rows = kpi_rows(RULES)
    assert {row.id for row in rows} == {"S4-KPI-1", "S4-KPI-2", "S4-KPI-3", "S4-KPI-4", "S4-KPI-5a", "S4-KPI-5b"}
    for row in rows:
        assert row.query or row.gap, row
        assert set(row.alerts) <= set(BY_NAME)
    assert any(row.indicator == "disk" and "node exporter" in row.gap for row in rows)
    assert VOICE_GATEWAY.job == "voice-gateway"


def test_without_promtool_the_check_is_skipped_with_the_line_that_mends_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    for outcome in (promtool.check_rules(RULES.write(tmp_path)), promtool.test_rules([])):
        assert outcome.status == "skipped" and "apt install prometheus" in outcome.detail


@needs_promtool
def test_promtool_accepts_the_rules_and_every_query(tmp_path):
    assert promtool.check_rules(RULES.write(tmp_path)).status == "passed"
    records = [
        f"      - record: kpi:{i}\n        expr: '{row.query}'" for i, row in enumerate(kpi_rows(RULES)) if row.query
    ]
    path = tmp_path / "kpi.yml"
    path.write_text("groups:\n  - name: kpi\n    rules:\n" + "\n".join(records) + "\n")
    outcome = promtool.check_rules([path])
    assert outcome.status == "passed", outcome.detail
    path.write_text(path.read_text().replace("sum(", "sum((", 1))
    assert promtool.check_rules([path]).status == "failed"


@needs_promtool
@pytest.mark.slow
def test_promtool_proves_every_kind_of_alert(tmp_path):
    kinds = [
        a
        for a in RULES.alerts
        if a.name.startswith(("VoiceResponseTimeP95Over2s", "ErrorRateAbove1PercentBurn1h")) or not a.targets
    ]
    kinds += [
        BY_NAME["CpuAbove70Percent"],
        BY_NAME["MemoryAbove80Percent"],
        BY_NAME["ApiLatencySimpleP95Over500msMissed"],
    ]
    outcome = promtool.test_rules(RULES.write_tests(tmp_path, kinds))
    assert outcome.status == "passed", outcome.detail


MUTATIONS = {
    "threshold": lambda e: re.sub(r"> 0\.(\d+)", lambda m: f"> {float('0.' + m[1]) * 10:g}", e, count=1),
    "low threshold": lambda e: re.sub(r"> 0\.(\d+)", lambda m: f"> {float('0.' + m[1]) / 10:g}", e),
    "flipped": lambda e: e.replace(" > ", " < ", 1),
    "no long window": lambda e: e.replace("[1h]", "[5m]"),
    "no short window": lambda e: e.replace("[5m]", "[1h]"),
    "no floor": lambda e: e.rsplit(" and ", 1)[0],
    "wrong edge": lambda e: e.replace('le=~"2', 'le=~"3'),
    "wrong metric": lambda e: e.replace("_bucket", "_buckets"),
    "any system": lambda e: re.sub(r" and on\(\) .*\}\)", ")", e),
    "is zero": lambda e: e.replace("== 0", "== 9"),
}
MUTANTS = [
    (name, kind)
    for name, kinds in {
        "VoiceResponseTimeP95Over2sBurn1h": [k for k in MUTATIONS if k not in ("is zero", "any system")],
        "ErrorRateAbove1PercentBurn1h": ["threshold", "flipped", "no long window", "no short window", "no floor"],
        "VoiceResponseTimeP95Over2sMissed": ["threshold", "flipped", "no floor"],
        "CpuAbove70Percent": ["threshold", "flipped"],
        "VoiceResponseTimeP95Over2sBlind": ["wrong edge", "wrong metric", "any system"],
        "SystemDown": ["is zero"],
        "NoUnitFinished": ["is zero", "flipped"],
    }.items()
    for kind in kinds
]


@needs_promtool
@pytest.mark.parametrize(("name", "kind"), MUTANTS)
def test_a_mistake_in_a_rule_is_caught_by_its_cases(tmp_path, name, kind):
    alert = BY_NAME[name]
    broken = replace(alert, expr=MUTATIONS[kind](alert.expr))
    assert broken.expr != alert.expr
    assert promtool.test_rules(RULES.write_tests(tmp_path, [broken])).status == "failed"


@needs_promtool
@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("CpuAbove70Percent", "sum by (instance)", "sum"),  # all instances against the budget of one
        ("MemoryAbove80Percent", "sum by (instance)", "sum"),
        ("NoUnitFinished", "> 1 and", "> 0 and"),  # one client that is silent
    ],
)
def test_a_quiet_case_alone_catches_what_would_call_somebody_for_nothing(tmp_path, name, right, wrong):
    alert = BY_NAME[name]
    quiet = replace(alert, cases=tuple(case for case in alert.cases if not case.fires))
    assert promtool.test_rules(RULES.write_tests(tmp_path, [quiet])).status == "passed"
    broken = replace(quiet, expr=alert.expr.replace(right, wrong))
    assert broken.expr != alert.expr
    assert promtool.test_rules(RULES.write_tests(tmp_path, [broken])).status == "failed"
