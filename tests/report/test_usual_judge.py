"""Which variant a page speaks of where neither run nor system file declares it."""

from __future__ import annotations

from pathlib import Path

import pytest

from perflab.report.verdict import judged_variant
from tests.report.fake_run import MANIFEST

FLAG = '[[flag]]\nname = "cache"\noptimised = "{}"\nvalues = [{{ value = "off" }}, {{ value = "on" }}]\n'


@pytest.mark.parametrize(
    ("text", "judged"),
    [("", "baseline"), (FLAG.format("on"), "optimised"), (FLAG.format("off"), "baseline"), (None, "optimised")],
)
def test_a_system_without_a_flag_to_change_has_its_baseline_judged(
    tmp_path: Path, text: str | None, judged: str
) -> None:
    path = tmp_path / "shop.toml"
    if text is not None:
        path.write_text(f'name = "shop"\n{text}', encoding="utf-8")
    made = MANIFEST.model_copy(update={"notes": {}, "system": str(path)})
    assert judged_variant([], made) == judged
