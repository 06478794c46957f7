"""What the README shows must work as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
import urllib.request

import pytest

from perflab.cli.spike import LABORATORIES, NOTEBOOKS, ONLY_FULL
from perflab.experiments.effort import QUICK
from perflab.findings.catalogue import load_targets
from perflab.system.launch import launch
from perflab.system.load_file import check_system, load_system
from perflab.system.study_faults import study_faults
from perflab.system.variant import variant

SHOP = """
import argparse
from http.server import BaseHTTPRequestHandler, HTTPServer

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int)
parser.add_argument("--cache", choices=("off", "on"))
options = parser.parse_args()

class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        body = options.cache.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

HTTPServer(("127.0.0.1", options.port), Answer).serve_forever()
"""


@pytest.fixture
def shop(root, tmp_path):
    """The files of the README beside a package called shop, which is installed nowhere."""
    section = (root / "README.md").read_text(encoding="utf-8").split("## Study your own system")[1]
    system, targets = re.findall(r"```toml\n(.*?)```", section, flags=re.DOTALL)
    (load,) = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    for name, text in (("shop.toml", system), ("targets.toml", targets), ("locustfile.py", load)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "shop" / "__main__.py").write_text(SHOP, encoding="utf-8")
    return tmp_path / "shop.toml"


def test_the_files_for_a_system_of_ones_own_have_no_fault(shop):
    system, faults = check_system(shop)
    assert faults == [] and system is not None and study_faults(system) == []
    assert [t.text for t in load_targets(shop.parent / "targets.toml")] == ["api_latency p95 < 200 ms"]


def test_the_system_starts_as_it_stands_in_both_variants(shop, tmp_path):
    system = load_system(shop)
    for name, value in (("baseline", b"off"), ("optimised", b"on")):
        with (
            launch(system, variant(system, name), tmp_path / name) as running,
            urllib.request.urlopen(f"{running.endpoints['api']}/orders") as answer,
        ):
            assert answer.read() == value


def test_the_users_are_those_that_the_load_names(shop):
    system = load_system(shop)
    script = textwrap.dedent("""
        import random, sys
        sys.path.insert(0, sys.argv[1])
        import locustfile
        from perflab.load.measured import serves_arrivals
        user = getattr(locustfile, sys.argv[2])
        drawn = user.request_of(user.operations[0], random.Random(1))
        print(drawn.path, user.endpoint, serves_arrivals(user))
    """)
    done = subprocess.run(
        [sys.executable, "-c", script, str(shop.parent), system.load.primary],
        capture_output=True,
        text=True,
        timeout=120,
    )
    path, endpoint, arrives = done.stdout.split()
    assert path.startswith("/orders?page=") and endpoint in system.endpoints and arrives == "True", done.stderr


def test_every_command_of_the_table_exists(root):
    from typer.main import get_command

    from perflab.cli.app import app

    readme = (root / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`perflab ([a-z]+)", readme))
    assert named <= set(get_command(app).commands), named


def test_the_published_budgets_are_those_that_the_runs_are_held_to(root):
    """One row for the set-up and for each notebook of a quick study, in their order, with what `effort.py` allows."""
    section = (root / "README.md").read_text(encoding="utf-8").split("## Quick budget")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    published = {"setup" if name.startswith("set-up") else name: float(budget) for name, budget, _ in rows[2:]}
    studied = [name for name in NOTEBOOKS if name not in {*ONLY_FULL, *LABORATORIES}]
    assert list(published) == ["setup", *studied]
    assert published == {name: QUICK.budget_s[name] for name in published}
    assert all(float(seen) <= published[name] for name, (_, _, seen) in zip(published, rows[2:], strict=True))
