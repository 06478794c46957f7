"""The gateway's flags. A folder is a flag, a module in it is a value, and every value has a `build` function.

A flag's package names its baseline value in `BASELINE` and describes what a value must offer. A new value is a
new file: it is found here by its name, and only the chosen values are ever imported.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from types import ModuleType

from perflab.errors import UsageError


def _flag_names() -> list[str]:
    return [module.name for module in pkgutil.iter_modules(__path__) if module.ispkg]


def _values(flag: str) -> tuple[str, ...]:
    package = importlib.import_module(f"{__name__}.{flag}")
    found = sorted(m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_"))
    return (package.BASELINE, *(name for name in found if name != package.BASELINE))


FLAGS: dict[str, tuple[str, ...]] = {flag: _values(flag) for flag in _flag_names()}  # first value: the baseline's
BASELINE: dict[str, str] = {flag: values[0] for flag, values in FLAGS.items()}


def implementation(flag: str, value: str) -> ModuleType:
    """Return the module that realises a flag's value."""
    return importlib.import_module(f"{__name__}.{flag}.{value}")


def parse_flags(pairs: list[str]) -> Mapping[str, str]:
    """Return all flags, the baseline's values changed by ``name=value`` pairs; raises UsageError."""
    chosen = dict(BASELINE)
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or name not in FLAGS:
            raise UsageError(f"--flag {pair}: no such flag", f"flags are {', '.join(FLAGS)}, given as name=value")
        if value not in FLAGS[name]:
            raise UsageError(f"--flag {pair}: no such value", f"{name} is one of {', '.join(FLAGS[name])}")
        chosen[name] = value
    return chosen
