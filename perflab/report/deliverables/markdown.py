"""A deliverable as Markdown: the same content, for a pull request or a wiki."""

from __future__ import annotations

import re

from perflab.report.deliverables.document import Block, Bullets, Code, Document, Heading, Pairs, Picture, Row, Rows
from perflab.report.pages import cell, columns_of, link, numeric


def to_markdown(document: Document, run_id: str) -> str:
    """Return the document as GitHub-flavoured Markdown; text of findings cannot become markup."""
    parts = [f"# {document.title}", f"For: {document.audience}. From run {run_id}, assembled from findings."]
    if document.missing:
        parts.append(f"Not yet judged in this run: {'; '.join(map(plain, document.missing))}.")
    for section in document.sections:
        parts.append(f"## {plain(section.title)}")
        parts.extend(_block(block) for block in section.blocks)
    return "\n\n".join(parts) + "\n"


def plain(text: str) -> str:
    """Return text in which nothing is markup."""
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", " ".join(str(text).split()))


def _block(block: Block) -> str:
    """Return one block as Markdown."""
    if isinstance(block, Heading):
        return f'<a id="{block.anchor}"></a>\n\n### {plain(block.text)}'
    if isinstance(block, Pairs):
        return "\n".join(f"- **{plain(term)}**: {plain(text)}" for term, text in block.items)
    if isinstance(block, Bullets):
        lines = "\n".join(f"- {plain(item)}" for item in block.items)
        return f"{plain(block.folded)}:\n\n{lines}" if block.folded else lines
    if isinstance(block, Rows):
        return _table(block)
    if isinstance(block, Picture):
        return f"![{plain(block.evidence.alt or block.evidence.title)}](../{link(block.evidence.path)})"
    if isinstance(block, Code):
        return f"```\n{block.text}\n```"
    return plain(block.text)


def _table(block: Rows) -> str:
    """Return a table, numbers flush right, first cells linked to what tells more of them."""
    rows, caption = block.rows, block.caption
    columns = columns_of(rows)
    head = "| " + " | ".join(plain(c.replace("_", " ")) for c in columns) + " |"
    rule = "| " + " | ".join("--:" if numeric(rows, c) else "---" for c in columns) + " |"
    body = ["| " + " | ".join(_cell(block, row, c, c == columns[0]) for c in columns) + " |" for row in rows]
    return "\n".join([*([f"{plain(caption)}:", ""] if caption else []), head, rule, *body])


def _cell(block: Rows, row: Row, column: str, first: bool) -> str:
    text = cell(row.get(column))
    anchor = block.anchors.get(text, "") if first else ""
    return f"[{plain(text)}](#{anchor})" if anchor else plain(text)
