"""HTML of others made harmless before it stands in a page: only elements and attributes that show something are kept.

The page's Content-Security-Policy is the second line: a browser that honours it runs and fetches nothing even if a
rule here is wrong.
"""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser

# Of every page that we write. Flame graphs of py-spy and pages of memray carry scripts of their own: they are files of
# their own beside the page, shown in it as images (in which nothing runs) or linked.
# sandbox, report-uri and frame-ancestors have no effect in a <meta>, so they are not asked for
CONTENT_POLICY = (
    "default-src 'none'; script-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)
HTML = """a abbr article aside b bdi bdo blockquote br caption cite code col colgroup dd del details dfn div dl dt em
figcaption figure footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark nav ol p pre q rp rt ruby s samp section
small span strong style sub summary sup table tbody td tfoot th thead time tr tt u ul var wbr"""
SVG = """svg circle clippath defs desc ellipse fegaussianblur femerge femergenode feoffset filter g image line
lineargradient marker mask path pattern polygon polyline radialgradient rect stop symbol text textpath title tspan use
view"""
MATHML = """math annotation maction menclose merror mfenced mfrac mi mmultiscripts mn mo mover mpadded mphantom
mprescripts mroot mrow ms mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover none semantics"""
ELEMENTS = frozenset(f"{HTML} {SVG} {MATHML}".split())
_REFERENCES = frozenset({"href", "xlink:href", "src"})
_NEVER = frozenset({"action", "background", "data", "formaction", "lowsrc", "ping", "poster", "srcdoc", "srcset"})
_NAME = re.compile(r"[a-z_][a-z0-9_.:-]*")
_SPACE = re.compile(r"[\x00-\x20\x7f-\xa0]+")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.I)
_PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp|svg\+xml)[;,]", re.I)
_CSS_ACTIVE = re.compile(r"@import|expression\(|-moz-binding|behavior\s*:|url\((?!\s*['\"]?(?:#|data:image/))|\\", re.I)


class _Neutral(HTMLParser):
    """Writes what it has understood anew, so that a browser can read nothing else into it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._raw = ""  # the element whose text is no markup: script or style

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._raw = tag if tag in self.CDATA_CONTENT_ELEMENTS else ""
        self._start(tag, attrs, "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._start(tag, attrs, "/")

    def handle_endtag(self, tag: str) -> None:
        self._raw = ""
        if tag in ELEMENTS:
            self.parts.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if self._raw == "style":
            self.parts.append(_style(data))
        elif self._raw != "script":
            self.parts.append(escape(data, quote=False))

    def _start(self, tag: str, attrs: list[tuple[str, str | None]], slash: str) -> None:
        if tag in ELEMENTS:
            kept = "".join(f' {name}="{escape(value or "")}"' for name, value in attrs if _harmless(tag, name, value))
            self.parts.append(f"<{tag}{kept}{slash}>")


def neutral(html: str) -> str:
    """Return HTML, SVG or MathML in which nothing runs and nothing is fetched; what is shown stays as it is.

    Unknown elements lose their tags and keep their text; scripts go whole; so do comments and processing instructions.
    Attributes lose handlers (``on*``) and addresses other than those of `_allowed`. An allow list, because a list of
    what is dangerous is never complete (OWASP, Cross Site Scripting Prevention Cheat Sheet, HTML Sanitization). Its
    weakness: an unbalanced end tag can close an element of the page around it, which changes the layout and no more.
    """
    parser = _Neutral()
    parser.feed(html)
    parser.close()
    return "".join(parser.parts)


def _harmless(tag: str, name: str, value: str | None) -> bool:
    if not _NAME.fullmatch(name) or name.startswith("on") or name in _NEVER:
        return False
    if name in _REFERENCES:
        return _allowed(tag, value or "")
    if name == "style" or "url(" in (value or "").lower():  # SVG has url() in attributes such as fill and mask too
        return not _CSS_ACTIVE.search(value or "")
    return True


def _allowed(tag: str, address: str) -> bool:
    """Links lead to a place in the page, a file beside it, the web or a mailbox; what is shown lies in the page."""
    plain = _SPACE.sub("", address)  # browsers ignore white space and control characters inside a scheme
    if tag in ("img", "image"):
        return bool(_PICTURE.match(plain))
    scheme = _SCHEME.match(plain)
    if tag == "a":
        return not scheme or scheme[1].lower() in ("http", "https", "mailto")
    return plain.startswith("#")


def _style(css: str) -> str:
    """Return a style sheet without markup: inside an SVG a browser reads the text of <style> as elements."""
    css = css.replace("<![CDATA[", "").replace("]]>", "").replace("<", "")
    return "" if _CSS_ACTIVE.search(css) else css
