"""The kernel that notebooks run in: this very Python, strict about silent failures, and gone when its runner is gone.

Started by the runner instead of an installed kernel spec, because a spec of the user may name another Python.
"""

from __future__ import annotations

import os
import signal
import sys

from perflab.report.notebook.lifeline import die_with_parent


def main() -> None:
    """Run an IPython kernel until told to stop."""
    die_with_parent(int(os.environ.get("JPY_PARENT_PID", os.getppid())), signal.SIGKILL)
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance(argv=[*sys.argv[1:], "--ext=perflab.report.notebook.strict_shell"])


if __name__ == "__main__":
    main()
