"""What is started: processes with the probe that says when they are ready, and real servers beside them."""

from __future__ import annotations

import os
from typing import Literal

from pydantic import Field, model_validator

from perflab.system.tables.table import Name, Table


class Ready(Table):
    """How to see that a process is ready; exactly one probe."""

    http: str = ""
    https: str = ""
    tcp: str = ""
    log: str = ""  # regular expression searched in the process's output
    timeout_s: float = Field(default=30.0, gt=0, le=600)

    @model_validator(mode="after")
    def _one_probe(self) -> Ready:
        if sum(map(bool, (self.http, self.https, self.tcp, self.log))) != 1:
            raise ValueError("exactly one of http, https, tcp, log must be given")
        return self


class ProcessLog(Table):
    """A row log that the process writes (perflab.wire.rowlog), joined to units by (user, seq)."""

    file: str
    marks: tuple[str, ...] = Field(max_length=8)


class Process(Table):
    """One process: what is measured (role system) or the world around it (role standin)."""

    name: str = Name
    role: Literal["system", "standin"] = "system"
    command: tuple[str, ...] = Field(min_length=1)
    ready: Ready
    env: dict[str, str] = Field(default_factory=dict)
    cwd: str = ""
    flag_format: str = "--{name}={value}"
    plant_env: str = ""
    log: ProcessLog | None = None
    after: str = ""  # a file: the process starts as soon as it exists, not only when all stand-ins are ready
    stop_timeout_s: float = Field(default=10.0, gt=0, le=60)


class Server(Table):
    """A real server beside the system: one from a wheel for each trial, or the user's own by `url` or `url_env`.

    `{server:NAME}` in texts becomes its URL. With `when` (flag to values) it is started for those variants only, and
    its URL is empty in all others. `settings` go to a server from a wheel; `url_env` names an environment variable
    that, where it is set, holds the URL of a server of one's own (and keeps its password out of the file).
    """

    name: str = Name
    kind: Literal["redis", "postgres"]
    role: Literal["system", "standin"] = "standin"
    url: str = ""
    url_env: str = ""
    when: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    settings: dict[str, str | int | float | bool] = Field(default_factory=dict)

    @property
    def own_url(self) -> str:
        """The URL of the user's own server; empty when one is to be started."""
        return os.environ.get(self.url_env, "") or self.url if self.url_env else self.url

    def needed_by(self, flags: dict[str, str]) -> bool:
        """Say whether a variant with these flags uses the server."""
        return all(flags.get(name) in values for name, values in self.when.items())
