"""What tool turns ask the client's function for: a prompt and a language, chosen by the turn's digest."""

from __future__ import annotations

_TASKS = (
    "parse an ISO 8601 duration into seconds",
    "merge overlapping time intervals",
    "read a CSV file in chunks and sum a column",
    "retry a request with exponential backoff and jitter",
    "keep the k most frequent words of a stream",
    "debounce events by key",
    "convert a nested dictionary into flat dotted keys",
    "find the shortest path in a weighted graph",
)
_LANGUAGES = ("python", "typescript", "go", "rust")


def call_arguments(digest: bytes) -> dict[str, str]:
    """Return {prompt, language}; the prompt names the digest, so every turn asks for its own code."""
    task = _TASKS[digest[2] % len(_TASKS)]
    prompt = f"Write a function to {task}. Reference {digest.hex()[:16]}."
    return {"prompt": prompt, "language": _LANGUAGES[digest[3] % len(_LANGUAGES)]}
