"""The kinds of server. A module here is a kind: where its programs come from, and how one is prepared and started."""

from __future__ import annotations

import importlib
import pkgutil
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from perflab.system.servers.identity import Identity

Settings = Mapping[str, str | int | float | bool]


@dataclass(frozen=True)
class Prepared:
    """A server that can be started: its argv, its URL, how to see that process `pid` is ready, how to stop it."""

    argv: list[str]
    url: str
    ready: Callable[[int], bool]
    stop_signal: signal.Signals = signal.SIGTERM


class Kind(Protocol):
    """What a module of this package offers."""

    TITLE: str
    WHEEL: str  # the package whose wheel carries the programs; empty where none does
    REMEDY: str  # the command that brings the programs
    SCHEMES: tuple[str, ...]  # of the URLs that name a server of this kind

    @staticmethod
    def programs() -> Path | None:
        """Return the folder of the server's programs, None where the wheel is not installed."""

    @staticmethod
    def prepare(folder: Path, port: int, settings: Settings, identity: Identity) -> Prepared:
        """Make data and configuration in `folder`, which is the server's own; raises SystemFailure."""


KINDS = tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def kind_named(name: str) -> Kind:
    """Return the kind of that name; raises KeyError."""
    if name not in KINDS:
        raise KeyError(name)
    return cast(Kind, importlib.import_module(f"{__name__}.{name}"))


def text_of(value: str | int | float | bool) -> str:
    """Return a setting as both servers write it: yes and no for booleans."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
