"""The code generator behind the gateway, reached over HTTP."""

from __future__ import annotations

from dataclasses import dataclass

from perflab.gateway.calls.call import CodeCall, Generate
from perflab.gateway.flags.http_client import HttpCallFailed


@dataclass(frozen=True, slots=True)
class GeneratedCode:
    """What the code generator made of a prompt."""

    code: str
    explanation: str


class CodeGenerator:
    """`POST /v1/generate` with prompt and language, through whatever stands around the call."""

    def __init__(self, generate: Generate) -> None:
        self._generate = generate

    async def generate(
        self, prompt: str, language: str, caller: tuple[int, int] | None = None, tenant: int = 0
    ) -> GeneratedCode:
        """Return the code for a prompt; raises HttpCallFailed.

        `caller` (session, turn) goes along, so that the other side's log can be laid beside the turn; `tenant` is the
        session whose share it takes where no turn says so.
        """
        answer = await self._generate(CodeCall(prompt, language, caller, caller[0] if caller else tenant))
        if "code" not in answer:
            raise HttpCallFailed("the code generator's answer has no code")
        return GeneratedCode(str(answer["code"]), str(answer.get("explanation", "")))
