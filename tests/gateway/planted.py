"""Where each planted defect is: what an instrument that finds it must point at (files relative to perflab/gateway)."""

from __future__ import annotations

PLANTED: dict[str, tuple[str, str]] = {
    "hot": ("housekeeping.py", "refresh_levels"),
    "leak": ("housekeeping.py", "note_turn"),
    "lock": ("housekeeping.py", "settle_ledger"),
    "blend": ("upkeep.py", "blend_pages"),
    "words": ("upkeep.py", "index_words"),
    "gain": ("upkeep.py", "shape_gain"),
    "rest": ("upkeep.py", "settle_frame"),
    "late": ("housekeeping.py", "pace_reply"),
    "slow_query": ("state/sessions.py", "history"),  # the statement; it runs in `read` of the store's file
}
