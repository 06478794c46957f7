"""The load process itself: bound to its parent's life, then locust's own command line.

Always a process of its own: importing locust patches sockets and threads, which hangs a notebook kernel.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PARENT_ENV = "PERFLAB_LOAD_PARENT"


def main() -> None:
    """Run locust with this process's arguments."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.environ.get(PARENT_ENV) not in (None, str(os.getppid())):
        sys.exit("load: the process that started this load has ended")
    from locust.main import main as locust_main

    sys.argv[0] = "locust"
    locust_main()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
