"""What can be set: the flags of a system, and the conditions of the world around it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from perflab.system.tables.table import Name, Table

Equivalence = Literal["exact", "tolerance", "loss"]


class FlagValue(Table):
    """One setting of a flag: which strategy it realises, and how its answers may differ from the baseline's.

    `needs` names the settings without which it does nothing (flag to values, any one of them): whoever measures it
    lays them under both arms.
    """

    value: str
    strategy: str = ""
    equivalence: Equivalence = "exact"
    needs: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class Flag(Table):
    """One switch of a system; the first value is the baseline's.

    `client`: the load file alone takes it, from `generator.plan.flags`; no process is handed it.
    """

    name: str = Name
    help: str = ""
    optimised: str
    client: bool = False
    touches: tuple[str, ...] = ()  # libraries, files or functions that it replaces: where a profile points to it
    values: tuple[FlagValue, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _values_differ(self) -> Flag:
        if twice := sorted({name for name in self.names if self.names.count(name) > 1}):
            raise ValueError(f"values names {', '.join(twice)} twice")
        return self

    @model_validator(mode="after")
    def _optimised_is_a_value(self) -> Flag:
        if self.optimised not in self.names:
            raise ValueError(f"optimised = {self.optimised!r} must be one of {list(self.names)}")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The values' names, the baseline's first."""
        return tuple(value.value for value in self.values)

    @property
    def baseline(self) -> str:
        """The baseline's value."""
        return self.names[0]

    def value_of(self, name: str) -> FlagValue:
        """Return the value of that name; raises KeyError."""
        return {value.value: value for value in self.values}[name]


class Condition(Table):
    """A setting of the world around the system; `judged` lists the values under which targets are judged.

    `about`: what a value stands for and where its figures come from; whoever reads a verdict under it sees that.
    """

    name: str = Name
    help: str = ""
    default: str
    values: tuple[str, ...] = Field(min_length=1)
    judged: tuple[str, ...] = ()
    about: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _about_values(self) -> Condition:
        if unknown := sorted(set(self.about) - set(self.values)):
            raise ValueError(f"about speaks of {', '.join(unknown)}, which must be among {list(self.values)}")
        return self

    def told(self, value: str) -> str:
        """Return what a value stands for, in words; empty where the file does not say."""
        return f"{self.help}: {self.about[value]}" if self.help and value in self.about else self.about.get(value, "")
