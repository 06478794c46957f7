"""The generator's ceiling on this machine: how late and how busy it is when nothing but itself can be slow.

Run as ``python -m perflab.load.selfcheck --sessions 50 --seconds 8``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perflab.errors import LoadFailure, PerflabError
from perflab.load.honesty import GeneratorHonesty
from perflab.load.plan import LoadPlan
from perflab.load.runner import run_load

SINK_USERS = Path(__file__).parent / "entry" / "sink_users.py"


@contextmanager
def sink() -> Iterator[str]:
    """Run the sink server for the length of the block and yield its URL."""
    command = [sys.executable, "-m", "perflab.load.sink"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            port = process.stdout.readline().strip()
            if not port:
                raise LoadFailure("The sink server of the generator's self-check did not start")
            yield f"ws://127.0.0.1:{port}/"
        finally:
            process.kill()


def generator_check(sessions: int = 50, seconds: float = 8.0, core: int | None = None) -> GeneratorHonesty:
    """Drive a server that does nothing with `sessions` streams of 50 frames a second, and return the figures.

    Takes about 3 s more than `seconds`; raises LoadFailure when the load does not run.
    """
    with sink() as url, tempfile.TemporaryDirectory(prefix="perflab-check-") as folder:
        plan = LoadPlan(
            name="generator check", host="", endpoints={"sink": url}, users={"SinkUser": 1.0}, primary="SinkUser",
            steps=((0.0, sessions),), duration_s=seconds, out_dir=folder, drain_s=1.0,
        )  # fmt: skip
        return run_load(plan, SINK_USERS, core).generator


def main() -> int:
    """Print the check's figures."""
    parser = argparse.ArgumentParser(description="How late and how busy is the load generator on this machine?")
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--core", type=int, default=None)
    asked = parser.parse_args()
    try:
        seen = generator_check(asked.sessions, asked.seconds, asked.core)
    except PerflabError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(
        f"{asked.sessions} sessions: {seen.achieved_frame_rate:,.0f} of {seen.asked_frame_rate:,.0f} frames/s, "
        f"{seen.lost_frames} lost; late p50 {seen.late_p50_ms:.2f} ms, p99 {seen.late_p99_ms:.2f} ms, "
        f"max {seen.late_max_ms:.1f} ms; {seen.cpu_percent:.0f} % of a core"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
