"""Text that is no Markdown, for a place where Markdown is read: names such as <module> or __init__ stay visible."""

from __future__ import annotations

import re
from html import escape

_MARKS = re.compile(r"([`*_])")


def as_markdown(text: str) -> str:
    """Return text so that a Markdown renderer shows exactly it: marks behind a backslash, angle brackets as entities.

    Square brackets stay as they are, because a backslash before one begins a formula; so no link may be in the text.
    """
    return _MARKS.sub(r"\\\1", escape(text, quote=False))
