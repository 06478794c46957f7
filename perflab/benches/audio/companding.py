"""Bar 5: G.711 beside audioop on fresh frames, and every code held to the definition."""

from __future__ import annotations

from typing import Any

import numpy as np

from perflab.audio.kernels import g711
from perflab.audio.kernels.oracle import g711 as oracle
from perflab.benches.audio.contest import Contest, hold, missing
from perflab.benches.audio.material import speech_like
from perflab.benches.audio.peers import WHY, audioop
from perflab.benches.bar import Bar
from perflab.benches.parts import Say

ORDER = 30
FRAMES, SAMPLES = 500, 160
NAMES: dict[g711.Law, str] = {"mu": "mu-law", "a": "A-law"}


def bars(say: Say) -> list[Bar]:
    """Measure coding and decoding of both laws, and count the codes that differ."""
    peer = audioop()
    held = ([hold(contest).bar() for contest in contests(peer)] if peer
            else [missing("g711", "G.711 beside audioop", ">=", 20, WHY)])  # fmt: skip
    return [*held, *(exactness(law) for law in NAMES)]


def contests(peer: Any) -> list[Contest]:
    """Return both laws both ways against audioop, 500 frames of 20 ms, each different."""
    return [contest for law in NAMES for contest in _of_law(law, peer)]


def _of_law(law: g711.Law, peer: Any) -> list[Contest]:
    pcm, name = speech_like(FRAMES, SAMPLES), NAMES[law]
    into, back = (peer.lin2ulaw, peer.ulaw2lin) if law == "mu" else (peer.lin2alaw, peer.alaw2lin)
    plain = [row.tobytes() for row in pcm]
    coded = [into(raw, 2) for raw in plain]
    codes = np.frombuffer(b"".join(coded), np.uint8).reshape(pcm.shape).copy()
    out, heard = np.zeros_like(codes), np.zeros_like(pcm)
    return [
        Contest(f"{law}-enc", f"{name} coding, {FRAMES} fresh frames: audioop over ours",
                lambda: g711.encode(pcm, out, law), lambda: [into(raw, 2) for raw in plain], FRAMES, 20),
        Contest(f"{law}-dec", f"{name} decoding, {FRAMES} fresh frames: audioop over ours",
                lambda: g711.decode(codes, heard, law), lambda: [back(raw, 2) for raw in coded], FRAMES, 5),
    ]  # fmt: skip


def exactness(law: g711.Law) -> Bar:
    """Count the codes, of 65,536 and 256, that differ from the definition."""
    pcm, codes = np.arange(-32768, 32768).astype(np.int16)[None], np.arange(256, dtype=np.uint8)[None]
    encode, decode = (oracle.encode_mu, oracle.decode_mu) if law == "mu" else (oracle.encode_a, oracle.decode_a)
    made = g711.encode(pcm, np.zeros(pcm.shape, np.uint8), law)
    heard = g711.decode(codes, np.zeros(codes.shape, np.int16), law)
    wrong = np.count_nonzero(made[0] != [encode(int(x)) for x in pcm[0]])
    wrong += np.count_nonzero(heard[0] != [decode(int(x)) for x in codes[0]])
    return Bar(f"{law}-exact", f"{NAMES[law]} codes that differ from the definition", float(wrong), "==", 0, "codes",
               pcm.size + codes.size)  # fmt: skip
