"""What all tables of a system's file share: how a name is written, and that a misspelt key is never ignored."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

Name = Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")


class Table(BaseModel):
    """A table of the file: it does not change once read, and a key that nobody knows is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
