"""The pages in a real browser, where one is installed: phone width, light and dark, no script needed."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from perflab.report.deliverables import build_deliverables
from perflab.report.run_index import build_index
from perflab.report.run_page import build_run_page
from tests.report.fake_run import ROWS, make

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
           "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--window-size=1400,900")  # fmt: skip
# The page sits in a frame of the asked width: a headless window cannot be narrower than 500 px.
WRAPPER = """<!doctype html><iframe id="f" style="width:%dpx;height:800px;border:0" srcdoc="%s"></iframe><script>
document.getElementById('f').onload=function(){var d=this.contentDocument,w=d.defaultView,r=d.documentElement,
c=function(s,p){var e=d.querySelector(s);return e?w.getComputedStyle(e)[p]:''};
document.title=JSON.stringify({scroll:r.scrollWidth,client:r.clientWidth,paper:c('html','backgroundColor'),
ink:c('html','color'),line:c('svg.fig text','fill'),
wide:Array.from(d.querySelectorAll('body *')).filter(function(e){return e.getBoundingClientRect().right>r.clientWidth+1
&&!e.closest('.scroll')&&!e.closest('pre')&&!e.closest('.skip')}).map(function(e){return e.tagName
+'.'+e.className}).slice(0,5)})}
</script>"""
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not BROWSER, reason="no Chromium found: apt-get install chromium")]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    reports = tmp_path_factory.mktemp("reports")
    run = make(reports)
    documents = {path.stem: path for path in build_deliverables(run, ROWS) if path.suffix == ".html"}
    return {"run": build_run_page(run, ROWS), "index": build_index(reports), **documents}


def measured(page: Path, width: int, profile: Path, *extra: str) -> dict[str, Any]:
    """What the browser makes of a page in a frame of `width` pixels."""
    wrapper = profile / "wrapper.html"
    wrapper.write_text(WRAPPER % (width, html.escape(page.read_text(encoding="utf-8"), quote=True)), encoding="utf-8")
    command = [BROWSER, *OPTIONS, *extra, f"--user-data-dir={profile / 'profile'}", "--virtual-time-budget=3000",
               "--dump-dom", wrapper.as_uri()]  # fmt: skip
    ended = subprocess.run(command, capture_output=True, text=True, timeout=90)
    title = re.search(r"<title>(.*?)</title>", ended.stdout)
    assert title, ended.stderr[-400:]
    found: dict[str, Any] = json.loads(html.unescape(title[1]))
    return found


@pytest.mark.parametrize("name", ["run", "index", "executive-summary", "strategy-guide"])
def test_no_horizontal_scrolling_on_a_phone(pages: dict[str, Path], tmp_path: Path, name: str) -> None:
    seen = measured(pages[name], 360, tmp_path)
    assert seen["client"] == 360 and seen["scroll"] <= 360, seen["wide"]
    assert seen["wide"] == []


def test_light_and_dark_follow_the_reader(pages: dict[str, Path], tmp_path: Path) -> None:
    light = measured(pages["run"], 1280, tmp_path, "--blink-settings=preferredColorScheme=1")
    dark = measured(pages["run"], 1280, tmp_path, "--blink-settings=preferredColorScheme=0")
    assert light["paper"] == "rgb(255, 255, 255)" and dark["paper"] == "rgb(21, 24, 28)"
    assert light["line"] != dark["line"]  # figures change with the page
