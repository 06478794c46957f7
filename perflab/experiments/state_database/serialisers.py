"""Turning a session's state into bytes and back: the standard library against the compiled ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from perflab.experiments.state_database.contest import Contest, Done, timed
from perflab.experiments.state_database.laboratory import Laboratory

STATES, ROUNDS, AT_ONCE = 12, 4, 5
TEXT = "please write a function that sorts the lines of a file and removes what is there twice ünï \u2028 x"
WORDS = TEXT.split(" ")
Codec = tuple[Callable[[Any], bytes], Callable[[bytes], Any]]


def state_of(rng: np.random.Generator) -> dict[str, Any]:
    """Return a session as the gateway knows it, with 40 turns: about 10 kB of JSON."""

    def words(n: int) -> str:
        return " ".join(WORDS[i] for i in rng.integers(len(WORDS), size=n))

    turns = [{"turn": n, "heard": words(8), "said": words(14), "speech_bytes": int(rng.integers(1 << 17)),
              "reply_bytes": int(rng.integers(1 << 18)), "outcome": "ok", "added_ms": float(rng.exponential(3.0))}
             for n in range(40)]  # fmt: skip
    return {"id": int(rng.integers(1 << 40)), "user": words(2), "template": "assistant", "open": True, "handle": None,
            "created_ms": 1_700_000_000_000, "turns": turns}  # fmt: skip


def codecs() -> dict[str, Codec]:
    """Return each way as a pair of functions, state to bytes and bytes to state."""
    import msgpack
    import msgspec
    import orjson

    as_json, as_pack = msgspec.json, msgspec.msgpack
    return {
        "json": (lambda state: json.dumps(state).encode(), json.loads),
        "orjson": (orjson.dumps, orjson.loads),
        "msgspec, JSON": (as_json.Encoder().encode, as_json.Decoder().decode),
        "msgpack": (msgpack.packb, msgpack.unpackb),
        "msgspec, MessagePack": (as_pack.Encoder().encode, as_pack.Decoder().decode),
    }


def serialisers(lab: Laboratory) -> Contest:
    """Write and read the same states with each; every state must come back equal (the answers are compared)."""
    sample, found = state_of(np.random.default_rng(1)), codecs()

    def way(codec: Codec) -> Callable[[np.random.Generator], Done]:
        dumps, loads = codec

        def work(rng: np.random.Generator) -> Done:
            states = [state_of(rng) for _ in range(STATES)]
            done = timed(states * ROUNDS, lambda state: [loads(dumps(state)) for _ in range(AT_ONCE)])
            # several at a time: the clock's own time is not measured
            return Done(done.ms / AT_ONCE, done.answers, cpu_s=(done.cpu_s or 0.0) / AT_ONCE)

        return work

    return Contest(
        key="serialisers", strategy="ST-STATE-18", title="serialisers of state",
        condition=f"a session of 40 turns to bytes and back, {len(json.dumps(sample)) / 1000:.1f} kB as JSON",
        ways={name: way(codec) for name, codec in found.items()},
        facts={name: f"{len(dumps(sample)):,} bytes" for name, (dumps, _) in found.items()},
        price="MessagePack cannot be read by eye or by the database; a dependency in compiled code",
        turns="states of a few hundred bytes, where the access to the store is all there is",
    )  # fmt: skip
