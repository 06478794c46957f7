"""A deliverable as Markdown: the same content, for a pull request or a wiki."""

from __future__ import annotations

import re
from collections.abc import Sequence

from perflab.report.deliverables.document import Block, Bullets, Code, Document, Picture, Row, Rows
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
    if isinstance(block, Bullets):
        return "\n".join(f"- {plain(item)}" for item in block.items)
    if isinstance(block, Rows):
        return _table(block.rows, block.caption)
    if isinstance(block, Picture):
        return f"![{plain(block.evidence.alt or block.evidence.title)}](../{link(block.evidence.path)})"
    if isinstance(block, Code):
        return f"```\n{block.text}\n```"
    return plain(block.text)


def _table(rows: Sequence[Row], caption: str) -> str:
    """Return a table, numbers flush right."""
    columns = columns_of(rows)
    head = "| " + " | ".join(plain(c.replace("_", " ")) for c in columns) + " |"
    rule = "| " + " | ".join("--:" if numeric(rows, c) else "---" for c in columns) + " |"
    body = ["| " + " | ".join(plain(cell(row.get(c))) for c in columns) + " |" for row in rows]
    return "\n".join([*([f"{plain(caption)}:", ""] if caption else []), head, rule, *body])
