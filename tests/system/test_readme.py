"""What the README shows must work as it stands."""

from __future__ import annotations

import re

from perflab.findings.catalogue import load_targets
from perflab.system.load_file import check_system


def test_the_ten_lines_for_a_system_of_ones_own_have_no_fault(root, tmp_path):
    readme = (root / "README.md").read_text(encoding="utf-8")
    (snippet,) = re.findall(r"```toml\n(.*?)```", readme, flags=re.DOTALL)
    (tmp_path / "locustfile.py").touch()
    (tmp_path / "targets.toml").write_text(
        '[[target]]\nid = "T-1"\ndomain = "shop"\nmetric = "api_latency"\noperator = "<"\nvalue = 200\nunit = "ms"\n',
        encoding="utf-8",
    )
    (tmp_path / "shop.toml").write_text(snippet, encoding="utf-8")
    assert check_system(tmp_path / "shop.toml")[1] == []
    assert [t.text for t in load_targets(tmp_path / "targets.toml")] == ["api_latency p95 < 200 ms"]


def test_every_command_of_the_table_exists(root):
    from typer.main import get_command

    from perflab.cli.app import app

    readme = (root / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`perflab ([a-z]+)", readme))
    assert named <= set(get_command(app).commands), named
