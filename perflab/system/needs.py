"""What a flag's value needs of other flags before it does anything, laid over the baseline."""

from __future__ import annotations

from collections.abc import Mapping

from perflab.errors import SystemFileError
from perflab.system.spec import System
from perflab.system.tables.settings import Flag


def needed_settings(system: System, flag: str, value: str) -> dict[str, str]:
    """Return the settings, beyond the baseline's, under which a value does something; what they need comes first.

    Of several values that would do, the first is taken; one that the baseline has already asks for nothing.
    Raises SystemFileError where needs name what there is not, contradict each other, or lead back to the flag itself.
    """
    known = {f.name: f for f in system.flag}
    chosen: dict[str, str] = {}
    _follow(known, flag, value, chosen, (flag,))
    whole = {f.name: f.baseline for f in system.flag} | chosen | {flag: value}
    for name in (*chosen, flag):
        unmet = unmet_needs(system, name, whole)
        if unmet:
            raise SystemFileError(f"flag {flag}: value {value!r} needs settings that contradict each other: {unmet}")
    return chosen


def unmet_needs(system: System, flag: str, flags: Mapping[str, str]) -> str:
    """Return the first need of a flag's value in a variant that the variant does not meet; "" when it meets all."""
    value = {f.name: f for f in system.flag}[flag].value_of(flags[flag])
    for name, values in value.needs.items():
        if flags[name] not in values:
            return f"{flag}={value.value} needs {name} = {' or '.join(values)}, and it is {flags[name]}"
    return ""


def idle_settings(system: System, flags: Mapping[str, str]) -> tuple[str, ...]:
    """Return one line for each value of a variant that does nothing in it, because what it needs is not set."""
    unmet = (unmet_needs(system, flag.name, flags) for flag in system.flag)
    return tuple(f"{line}: it does nothing in this variant" for line in unmet if line)


def need_faults(system: System) -> list[str]:
    """Return one line for each value whose needs cannot be met."""
    faults = [
        f"flag {flag.name}: {flag.baseline!r} is the baseline's value, which may need nothing"
        for flag in system.flag
        if flag.values[0].needs
    ]
    for flag in system.flag:
        for value in flag.values:
            try:
                needed_settings(system, flag.name, value.value)
            except SystemFileError as error:
                faults.append(error.given)
    return list(dict.fromkeys(faults))


def _follow(known: Mapping[str, Flag], flag: str, value: str, chosen: dict[str, str], path: tuple[str, ...]) -> None:
    """Add what one value needs to `chosen`; `path`: the flags on the way to it, the first being the one asked for."""
    for name, values in known[flag].value_of(value).needs.items():
        said = f"flag {flag}: value {value!r} needs {name} = {' or '.join(map(repr, values)) or 'nothing'}"
        if name not in known:
            raise SystemFileError(f"{said}; flags are {', '.join(known)}")
        if not values or set(values) - set(known[name].names):
            raise SystemFileError(f"{said}; values of {name} are {', '.join(known[name].names)}")
        if name in path:
            raise SystemFileError(f"{said}, which leads back to itself: {' needs '.join((*path, name))}")
        if chosen.get(name, known[name].baseline) not in values:
            _follow(known, name, values[0], chosen, (*path, name))
            chosen.setdefault(name, values[0])
