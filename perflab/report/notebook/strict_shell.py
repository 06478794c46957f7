"""An IPython extension that turns silent failures into errors: shell escapes, `exit()`, threads and tasks that fail."""

from __future__ import annotations

import subprocess
from typing import Any

from perflab.report.notebook.background import BackgroundWatch, failures_file


class ShellEscapeFailed(RuntimeError):
    """A `!command` ended with a code other than 0; plain IPython would go on as if nothing had happened."""


def load_ipython_extension(shell: Any) -> None:
    """Make `!command`, `name = !command`, `exit()` and `quit()` strict in this shell, and watch threads and tasks."""
    BackgroundWatch(failures_file()).install(shell)
    plain_system = shell.system

    def system(command: str) -> None:
        plain_system(command)
        code = shell.user_ns.get("_exit_code", 0)
        if code:
            raise ShellEscapeFailed(f"`!{command}` ended with code {code}")

    def getoutput(command: str, split: bool = True, depth: int = 0) -> Any:
        expanded = shell.var_expand(command, depth=depth + 1)
        ended = subprocess.run(expanded, shell=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if ended.returncode:
            raise ShellEscapeFailed(f"`!{command}` ended with code {ended.returncode}")
        from IPython.utils.text import SList

        return SList(ended.stdout.splitlines()) if split else ended.stdout

    def leave(*_: object) -> None:
        raise SystemExit(0)

    shell.system, shell.getoutput = system, getoutput
    shell.user_ns["exit"] = shell.user_ns["quit"] = leave
