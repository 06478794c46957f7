"""Pages that other tools wrote, kept from fetching: a report is read where there is no network, and tells nobody."""

from __future__ import annotations

import re
from pathlib import Path

# Their own scripts draw them (scalene's compile expressions, hence unsafe-eval); nothing is loaded or sent.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data:; "
    "font-src data:; connect-src 'none'; base-uri 'none'; form-action 'none'"
)
_META = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
_HEAD = re.compile(r"<head\b[^>]*>", re.I)


def keep_offline(page: Path) -> Path:
    """Give a page a Content-Security-Policy under which it loads and sends nothing; return its path.

    The policy stands first in the head, before anything that it must bind (CSP level 3, section 3.3). Plain links stay:
    they lead away only when a reader follows them. A page without a head gets one.
    """
    html = page.read_text(encoding="utf-8")
    head = _HEAD.search(html)
    at = head.end() if head else 0
    page.write_text(html[:at] + (_META if head else f"<head>{_META}</head>") + html[at:], encoding="utf-8")
    return page
