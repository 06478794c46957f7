"""The code generator behind the gateway, reached over HTTP."""

from __future__ import annotations

from dataclasses import dataclass

from perflab.gateway.flags.http_client import HttpCallFailed, HttpClient


@dataclass(frozen=True, slots=True)
class GeneratedCode:
    """What the code generator made of a prompt."""

    code: str
    explanation: str


class CodeGenerator:
    """`POST /v1/generate` with prompt and language."""

    def __init__(self, client: HttpClient, url: str) -> None:
        self._client, self._url = client, f"{url}/v1/generate"

    async def generate(self, prompt: str, language: str, caller: tuple[int, int] | None = None) -> GeneratedCode:
        """Return the code for a prompt; raises HttpCallFailed.

        `caller` (session, turn) goes along in headers, so that the other side's log can be laid beside the turn.
        """
        headers = {"X-Session-Id": str(caller[0]), "X-Turn-Id": str(caller[1])} if caller else {}
        answer = await self._client.post(self._url, {"prompt": prompt, "language": language}, headers)
        if "code" not in answer:
            raise HttpCallFailed("the code generator's answer has no code")
        return GeneratedCode(str(answer["code"]), str(answer.get("explanation", "")))
