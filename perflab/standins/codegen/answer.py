"""What the code generator answers: a function of prompt and language alone, so equal prompts get equal answers."""

from __future__ import annotations

import hashlib
from typing import TypedDict


class Generated(TypedDict):
    """The answer's body."""

    code: str
    explanation: str
    tokens: int


_TEMPLATES = {
    "python": 'def task_{name}({args}):\n    """Generated for {name}."""\n{body}    return total\n',
    "typescript": "export function task_{name}({args}) {{\n{body}  return total;\n}}\n",
    "go": "func task_{name}({args}) int {{\n{body}\treturn total\n}}\n",
    "rust": "fn task_{name}({args}) -> i64 {{\n{body}    total\n}}\n",
}
_LINES = {
    "python": "    total = step_{step}(total, {value})\n",
    "typescript": "  total = step{step}(total, {value});\n",
    "go": "\ttotal = step{step}(total, {value})\n",
    "rust": "    total = step_{step}(total, {value});\n",
}
LANGUAGES = tuple(_TEMPLATES)


def generate(prompt: str, language: str) -> Generated:
    """Return code of 8 to 39 lines, an explanation and a token count, all derived from SHA-256 of prompt and language.

    Domain: `language` in LANGUAGES. Not a program that does the task: text of the size and shape of one.
    """
    digest = hashlib.sha256(f"{language}\x1f{prompt}".encode("utf-8", "surrogatepass")).digest()
    name = digest.hex()[:12]
    lines = [_LINES[language].format(step=step, value=digest[step % 32]) for step in range(8 + digest[0] % 32)]
    code = _TEMPLATES[language].format(name=name, args="total", body="".join(lines))
    explanation = f"The function folds {len(lines)} steps over its argument. Reference {name}."
    return {"code": code, "explanation": explanation, "tokens": (len(code) + len(explanation)) // 4}
