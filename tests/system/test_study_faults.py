"""What would break a study, or leave a target out without a word, is told before anything runs."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from perflab.cli.app import app
from perflab.errors import SystemFileError
from perflab.experiments import readings
from perflab.system.load_file import load_system
from perflab.system.study_faults import UNITS, measured_targets, require_study, study_faults
from perflab.system.tables.load import Measure

MEASURE = '[[measure]]\nmetric = "{metric}"\nkind = "{kind}"\nrows = "request"\n'
TARGET = (
    '[[target]]\nid = "{id}"\ndomain = "{domain}"\nmetric = "{metric}"\noperator = "<"\nvalue = 200\nunit = "{unit}"\n'
)


def target(id: str = "T-1", domain: str = "test", metric: str = "latency", unit: str = "ms") -> str:
    return TARGET.format(id=id, domain=domain, metric=metric, unit=unit)


def measure(metric: str = "latency", kind: str = "latency") -> str:
    return MEASURE.format(metric=metric, kind=kind)


@pytest.fixture
def study_system(write_system):
    def write(targets: str, measures: str):
        path = write_system(extra=measures)
        path.write_text(path.read_text().replace('domain = "test"', 'domain = "test"\ntargets = "targets.toml"'))
        (path.parent / "targets.toml").write_text(targets, encoding="utf-8")
        return path

    return write


def test_the_known_systems_have_none(root):
    for file in ("data/systems/voice_gateway.toml", "tests/systems/notes/notes.toml"):
        assert study_faults(load_system(root / file)) == []


def test_a_file_without_fault_is_told_with_who_hears_of_the_flags_and_what_has_no_measure(study_system):
    path = study_system(target() + target("T-2", metric="battery", unit="%") + target("X-1", "other"), measure())
    assert study_faults(load_system(path)) == [] and measured_targets(load_system(path)) == (1, ["T-2"])
    told = CliRunner().invoke(app, ["system", "check", str(path)])
    assert told.exit_code == 0, told.output
    assert (
        "handed to server" in told.output and "1 of 2 targets of test have a measure (no measure: T-2)" in told.output
    )


@pytest.mark.parametrize(
    ("targets", "measures", "expected"),
    [
        (target(domain="Test"), measure(), "targets: none is of the domain 'test', they are of Test"),
        (target(), measure("api_latency"), "measure 'api_latency': no target of the domain 'test' has this metric"),
        (target(metric="rate", unit="rps"), measure("rate", "rate_per_min"), "need a latency target for requests"),
        (target(unit="MB"), measure(), "target T-1: unit 'MB' cannot be compared with 'ms'"),
        (
            target() + target("T-2", metric="held", unit="ms"),
            measure() + measure("held", "sustained_users"),
            "T-2: unit",
        ),
        (
            target().replace("value = 200\n", ""),
            measure(),
            "targets: targets.toml, target T-1: value: is required and missing",
        ),
        ("[[target", measure(), "targets: targets.toml is not valid TOML"),
        ("", measure(), "targets: targets.toml holds no [[target]]"),
    ],
)
def test_targets_that_would_be_left_out_are_told(study_system, targets, measures, expected):
    faults = study_faults(load_system(study_system(targets, measures)))
    assert any(expected in fault for fault in faults), faults
    assert all("\n" not in fault for fault in faults)


def test_a_study_without_targets_is_refused_and_driving_the_system_is_not(write_system):
    system = load_system(write_system())  # as `perflab load` does
    with pytest.raises(SystemFileError, match=r"targets: no file is named; 11_baseline_load.*need a latency target"):
        require_study(system)


def test_a_spike_is_refused_before_it_begins(write_system, tmp_path, monkeypatch):
    monkeypatch.setenv("PERFLAB_REPORTS", str(tmp_path / "reports"))
    told = CliRunner().invoke(app, ["spike", "--system", str(write_system())])
    assert isinstance(told.exception, SystemFileError) and "targets: no file is named" in str(told.exception)
    assert not list((tmp_path / "reports").glob("runs/*"))


PORT = "http://127.0.0.1:{port:http}"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (f'http = "{PORT}"', 'http = "http://127.0.0.1:8080/base"', "endpoints.http: port 8080 is fixed"),
        (f'http = "{PORT}"', 'http = "https://localhost"', "endpoints.http: port 443 is fixed"),
        (f'http = "{PORT}/"', 'http = "http://127.0.0.1:8080/"', "process server: ready: port 8080 is fixed"),
        (f'http = "{PORT}/"', 'tcp = "127.0.0.1:8080"', "process server: ready: port 8080 is fixed"),
        ("[[flag]]", "[ports]\nhttp = 8080\n[[flag]]", "ports.http: port 8080 is fixed"),
    ],
)
def test_a_port_that_all_instances_would_share_is_told(study_system, old, new, expected):
    path = study_system(target(), measure())
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    assert [fault.partition(",")[0] for fault in study_faults(load_system(path))] == [expected]


def test_without_flags_nothing_runs_side_by_side_and_ports_may_be_fixed(study_system):
    path = study_system(target(), measure())
    system = load_system(path).model_copy(update={"flag": (), "ports": {"http": 8080}})
    assert study_faults(system) == []


def test_every_kind_of_measure_has_a_unit():
    assert set(UNITS) == set(readings._READERS) == set(Measure.model_fields["kind"].annotation.__args__)
