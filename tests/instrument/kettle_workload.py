"""The workload as a package on disk, and where real recorded captures of it lie."""

import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
WORKLOAD = HERE / "workload"
RECORDED = HERE / "recorded"
RECORDED_ROOT = Path("/tmp/kettle-app/kettle")  # where the recorded process ran; it need not exist


def kettle(*options: str) -> list[str]:
    return [sys.executable, "-m", "kettle", *options]


def gone(pid: int, limit_s: float = 5.0) -> bool:
    """Whether no process of the group of `pid` is left."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        found = subprocess.run(["ps", "-o", "stat=", "-g", str(pid)], capture_output=True, text=True).stdout.split()
        if all(state.startswith("Z") for state in found):
            return True
        time.sleep(0.1)
    return False
