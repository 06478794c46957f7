"""The ways to keep templates: alike in what they render."""

from __future__ import annotations

from pathlib import Path

import pytest

from perflab.gateway.flags import FLAGS, implementation


@pytest.mark.parametrize("way", FLAGS["template"])
def test_a_template_is_rendered_anew_for_each_session(way: str, tmp_path: Path) -> None:
    (tmp_path / "draw.j2").write_text("{{ user }} draws {{ range(1000000000) | random }}")
    prompts = implementation("template", way).build(tmp_path)
    texts = {prompts.render("draw", {"user": "Ada"}) for _ in range(5)}
    assert len(texts) > 1 and all(text.startswith("Ada draws ") for text in texts)
