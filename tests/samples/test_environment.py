"""Fingerprints and units: what may be compared, and how numbers are shown."""

import json
import os
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab import environment
from perflab.environment import differences, fingerprint, short_fingerprint
from perflab.errors import NotComparable
from perflab.instrument import machine
from perflab.units import (
    bytes_text,
    canonical,
    change_text,
    convert,
    interval_text,
    number_text,
    percent_text,
    seconds_text,
    value_text,
)


def test_fingerprint_is_stable_complete_and_json():
    first, second = fingerprint(), fingerprint()
    assert differences(first, second) == [] and json.loads(json.dumps(first)) == first
    assert first["cores"] == os.cpu_count() and first["python"].startswith("CPython 3.")
    assert {"cpu_model", "affinity", "kernel", "clocksource", "aslr", "lockfile", "packages"} <= set(first)


def test_lock_file_counts(tmp_path):
    (tmp_path / "requirements.txt").write_text("numpy==2.4.6\n")
    here = fingerprint(tmp_path)
    (tmp_path / "requirements.txt").write_text("numpy==2.4.7\n")
    (found,) = differences(here, fingerprint(tmp_path))
    assert found.startswith("lockfile differs (")


def test_a_package_for_checks_alone_makes_no_other_environment(monkeypatch):
    monkeypatch.setattr(environment, "_packages_digest", environment._packages_digest.__wrapped__)  # read it each time

    def installed(*names: str) -> str:
        found = [SimpleNamespace(metadata={"Name": name, "Version": "1"}) for name in names]
        monkeypatch.setattr("perflab.environment.metadata.distributions", lambda: found)
        return fingerprint()["packages"]

    assert installed("numpy", "pesq") == installed("numpy") != installed("numpy", "locust")


def test_a_notebook_in_a_folder_of_its_own_has_the_lock_file_of_its_project(tmp_path, monkeypatch):
    (tmp_path / "requirements.txt").write_text("numpy==2.4.6\n")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    assert fingerprint()["lockfile"] == fingerprint(tmp_path)["lockfile"] != "none"


@pytest.mark.parametrize(("quota", "free"), [("50000 100000", False), ("max 100000", True), ("unknown", True)])
def test_a_quota_of_the_first_cgroup_version_is_seen(monkeypatch, quota, free):
    monkeypatch.setattr(machine, "cgroup_file", lambda _: None)
    monkeypatch.setattr(machine, "cgroup_cpu", lambda: quota)
    found = machine._limits()
    assert found.available == free and bool(found.remedy) != free
    assert (quota in found.detail) == (quota != "unknown")


def test_unlike_machines_differ_by_all_that_forbids_a_comparison():
    a = {"cpu_model": "X", "kernel": "1", "boot_id": "p"}
    b = {"cpu_model": "Y", "kernel": "1", "boot_id": "q", "aslr": "2"}
    assert differences(a, b) == ["cpu_model differs (X, Y)", "aslr differs (not recorded, 2)"]
    assert short_fingerprint(a) == short_fingerprint({**a, "boot_id": "z"}) != short_fingerprint(b)


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [(500, "ms", (0.5, "s")), (70, "%", (0.7, "ratio")), (10, "MB/min", (166666.6667, "byte/s")),
     (1000, "requests/min", (16.66666667, "request/s")), (5, "%/h", (1.388888889e-05, "ratio/s")),
     (100, "sessions", (100, "users")), (100, "users", (100, "users"))],
)  # fmt: skip
def test_canonical_units(value, unit, expected):
    amount, name = canonical(value, unit)
    assert amount == pytest.approx(expected[0], rel=1e-8) and name == expected[1]


@given(st.floats(1e-9, 1e9), st.sampled_from([("ms", "s"), ("MB", "byte"), ("%", "ratio"), ("queries/min", "query/s")]))
def test_conversion_goes_back(value, units):
    assert convert(convert(value, *units), *reversed(units)) == pytest.approx(value)


@pytest.mark.parametrize("units", [("ms", "MB"), ("requests/min", "users"), ("s", "ratio"), ("", "s")])
def test_unlike_units_are_refused(units):
    with pytest.raises(NotComparable):
        convert(1.0, *units)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (number_text(12300.4), "12,300"),
        (number_text(0.01234), "0.0123"),
        (number_text(0), "0"),
        (number_text(float("nan")), "not a number"),
        (seconds_text(2.5), "2.50 s"),
        (seconds_text(0.041), "41.0 ms"),
        (seconds_text(62e-9), "62.0 ns"),
        (seconds_text(245), "4 min 5 s"),
        (seconds_text(7380), "2 h 3 min"),
        (seconds_text(0), "0 s"),
        (bytes_text(212e6), "212 MB"),
        (bytes_text(640), "640 B"),
        (percent_text(0.056), "5.6 %"),
        (change_text(0.44), "-56 %"),
        (change_text(1.021), "+2.1 %"),
        (change_text(3.1), "x 3.1"),
        (change_text(0.012), "-99 %"),
        (change_text(0.0027), "-99.7 %"),
        (change_text(0.0004), "-99.96 %"),
        (change_text(0.0), "-100 %"),
        (value_text(41, "ms"), "41.0 ms"),
        (value_text(340, "req/s"), "340 req/s"),
        (interval_text(41, 38, 45, "ms"), "41.0 ms (38.0 ms to 45.0 ms)"),
        (interval_text(41, 38, None, "ms"), "41.0 ms (at least 38.0 ms)"),
        (interval_text(1, None, 2, "%"), "1.00 % (at most 2.00 %)"),
    ],
)
def test_numbers_for_people(shown, expected):
    assert shown == expected
