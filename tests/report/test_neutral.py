"""HTML of others shows and does nothing else, however it is written; our own figures come through whole."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.report.figures.noise import noise
from perflab.report.neutral import CONTENT_POLICY, ELEMENTS, neutral
from perflab.report.page_notebook import build_notebook_page
from perflab.report.pages import TEMPLATES
from perflab.report.run_index import build_index

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<IMG SRC=data:image/png;base64,AA OnError=alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    '<a href=" jav&#x09;ascript:alert(1)">x</a>',
    '<a href="data:text/html,<script>alert(1)</script>">x</a>',
    '<a href="vbscript:x">x</a>',
    "<iframe src=//elsewhere></iframe>",
    '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    "<object data=x></object><embed src=x><base href=//elsewhere><link rel=stylesheet href=//elsewhere>",
    '<meta http-equiv=refresh content="0;url=//elsewhere">',
    '<form action="//elsewhere"><button formaction="javascript:x">y</button></form>',
    "<script>alert(1)</script>",
    "<script src=x></script>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<script>alert(1)",
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><mtext><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    '<svg><a xlink:href="javascript:alert(1)"><text>x</text></a></svg>',
    "<svg><animate attributeName=href values=javascript:alert(1) /><foreignObject><b>x</b></foreignObject></svg>",
    '<svg><use href="//elsewhere#x"/><image href="//elsewhere/x.png"/></svg>',
    "<style>@import '//elsewhere'; p{background:url(//elsewhere)}</style>",
    '<p style="background:url(//elsewhere)">x</p>',
    "<!--[if IE]><script>alert(1)</script><![endif]-->",
    "<img src=https://elsewhere/x.png srcset=//elsewhere>",
]


class Active(HTMLParser):
    """What of a text could run or fetch."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [] if tag in ELEMENTS else [tag]
        for name, value in attrs:
            text = "".join((value or "").split()).lower()
            outside = text.startswith(("javascript:", "vbscript:", "data:text", "//"))
            if name.startswith("on") or outside or "url(//" in text or name in ("srcdoc", "srcset", "action"):
                self.found.append(f"{tag} {name}={value}")


@pytest.mark.parametrize("html", HOSTILE)
def test_nothing_runs_or_is_fetched(html: str) -> None:
    made = neutral(html)
    assert Active(made).found == [] and "elsewhere" not in made
    assert neutral(made) == made


@given(st.lists(st.sampled_from([*HOSTILE, "<", ">", '"', "'", "</style>", "<style>", "<!--", "-->", "a", "&lt;"])))
def test_nothing_runs_whatever_stands_beside_it(parts: list[str]) -> None:
    assert Active(neutral("".join(parts))).found == []


def test_what_only_shows_stays() -> None:
    html = (
        '<details open=""><summary>S</summary><table class="dataframe"><tr><td style="color:red">1 &lt; 2</td></tr>'
        '</table></details><a href="#part">p</a><a href="x.html">f</a><img alt="i" src="data:image/png;base64,AA">'
    )
    assert neutral(html) == html


def test_our_own_figures_keep_every_mark() -> None:
    html = noise([0.99, 1.0, 1.01], "Noise")._repr_html_()
    made = neutral(html)
    assert made.lower().count("<") == html.lower().count("<")
    assert "<svg" in made and "aria-label" in made and made.count("class=") == html.count("class=")


def test_markdown_and_outputs_of_a_notebook_do_nothing(tmp_path: Path) -> None:
    v4 = nbformat.v4
    hostile = "\n\n".join(HOSTILE)
    links = "[a](javascript:alert(1)) [b](data:text/html,x) ![c](https://elsewhere/x.png)"
    outputs = [
        v4.new_output("display_data", data={kind: hostile})
        for kind in ("text/markdown", "text/html", "text/latex", "image/svg+xml", "text/plain")
    ]
    cells = [v4.new_markdown_cell(f"# T\n\n{hostile}\n\n{links}"), v4.new_code_cell("x", outputs=outputs)]
    nbformat.write(v4.new_notebook(cells=cells), tmp_path / "n.ipynb")
    text = build_notebook_page(tmp_path / "n.ipynb", tmp_path / "n.html").read_text(encoding="utf-8")
    body = text[text.index("<main") : text.index("</main>")]
    assert Active(body.replace("<main", "<div", 1)).found == []
    assert "&lt;img src=x onerror=alert(1)&gt;" in body  # shown as it was written


def test_every_page_forbids_scripts_and_the_outside(tmp_path: Path) -> None:
    assert "script-src 'none'" in CONTENT_POLICY and "http" not in CONTENT_POLICY and "*" not in CONTENT_POLICY
    heads = [path for path in TEMPLATES.rglob("*.j2") if "<head>" in path.read_text(encoding="utf-8")]
    assert len(heads) == 2  # every other template extends one of these
    for path in heads:
        assert 'http-equiv="Content-Security-Policy"' in path.read_text(encoding="utf-8")
    page = build_index(tmp_path).read_text(encoding="utf-8")
    assert page.index("Content-Security-Policy") < page.index("<style>") and "script-src" in page
