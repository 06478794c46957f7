"""What is sent is what was said: codings and serialisers give the values back, odd requests change no answer."""

from __future__ import annotations

import gzip as stdlib_gzip
import json
import socket
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import brotli as brotli_library
import httpx
import msgspec
import orjson as orjson_library
import pytest
import zstandard
from fastapi.encoders import jsonable_encoder
from hypothesis import given, settings
from hypothesis import strategies as st

from perflab.gateway.__main__ import bind
from perflab.gateway.api.negotiation import LONGEST, accepted_codings
from perflab.gateway.flags.compression import CODED, MIN_BYTES, brotli, by_class, gzip, isal, zlibng, zstd
from perflab.gateway.flags.payload import sparse
from perflab.gateway.flags.serialiser import msgpack, orjson
from perflab.gateway.flags.serialiser import msgspec as by_msgspec
from perflab.gateway.state.records import Artefact, HistoryRow

from .processes import RunningGateway, World, gateway
from .variants import LIGHT

LARGEST = 1 << 20


def unzstd(coded: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompress(coded, max_output_size=LARGEST)


DECODE: dict[str, Callable[[bytes], bytes]] = {
    "gzip": stdlib_gzip.decompress,
    "br": brotli_library.decompress,
    "zstd": unzstd,
}
CODINGS = {
    "gzip": (gzip.encode, "gzip", range(1, 10)),
    "zlibng": (zlibng.encode, "gzip", range(1, 10)),
    "isal": (isal.encode, "gzip", range(4)),
    "brotli": (brotli.encode, "br", range(12)),
    "zstd": (zstd.encode, "zstd", (-5, 1, 3, 6, 12)),
}
TEXT = st.text(max_size=60)
ROW = st.builds(
    HistoryRow,
    *(st.integers(0, 2**62),) * 3,
    st.sampled_from(("user", "model")),
    TEXT,
    st.integers(0, 2**40),
    st.sampled_from(("ok", "interrupted")),
    st.integers(0, 2**50),
)
MADE = st.builds(Artefact, *(st.integers(0, 2**62),) * 3, TEXT, TEXT, TEXT, TEXT, st.integers(0, 2**50))


@pytest.mark.parametrize("name", CODINGS)
@given(body=st.one_of(st.binary(max_size=2000), TEXT.map(lambda text: 40 * text.encode())), pick=st.integers(0, 99))
@settings(max_examples=40)
def test_every_coding_at_every_level_gives_the_body_back(name: str, body: bytes, pick: int) -> None:
    encode, token, levels = CODINGS[name]
    assert DECODE[token](encode(body, list(levels)[pick % len(levels)])) == body


@given(rows=st.lists(st.one_of(ROW, MADE), max_size=5))
@settings(max_examples=60)
def test_every_serialiser_says_what_the_baseline_says(rows: list[Any]) -> None:
    wanted = json.loads(json.dumps(jsonable_encoder(rows)))
    assert orjson_library.loads(orjson.build().body(rows, "")[0]) == wanted
    assert json.loads(by_msgspec.build().body(rows, "")[0]) == wanted
    packed = msgpack.build().body(rows, msgpack.MSGPACK)
    assert packed is not None and msgspec.msgpack.decode(packed[0]) == wanted


@pytest.mark.parametrize(
    ("accept", "packed"),
    [("application/msgpack", True), ("text/html, application/x-msgpack;q=0.5", True), ("application/json", False),
     ("", False), ("*/*", False), ("application/msgpack;q=0", False), ("application/msgpack" + 2000 * ",", True)],
)  # fmt: skip
def test_messagepack_is_for_those_who_ask(accept: str, packed: bool) -> None:
    assert (msgpack.build().body([], accept) is not None) is packed


@pytest.mark.parametrize(
    ("header", "coding", "weight"),
    [("gzip", "gzip", 1.0), ("gzip;q=0.5, br", "gzip", 0.5), ("GZip ; q=0.25", "gzip", 0.25), ("*", "zstd", 1.0),
     ("*;q=0, gzip", "br", 0.0), ("gzip;q=0", "gzip", 0.0), ("", "gzip", 0.0), ("gzip;q=2", "gzip", 0.0),
     ("gzip;q=-1, br", "br", 1.0), (";;,=,\x00", "gzip", 0.0), ("gzip;level=9", "gzip", 0.0),
     ("x," * LONGEST + "gzip", "gzip", 0.0)],
)  # fmt: skip
def test_accept_encoding(header: str, coding: str, weight: float) -> None:
    assert accepted_codings(header)(coding) == weight


@given(st.text(max_size=700))
def test_no_accept_encoding_breaks_the_choice(header: str) -> None:
    accepted = accepted_codings(header)
    assert all(0 <= accepted(token) <= 1 for token in ("gzip", "br", "zstd"))
    for content in CODED:
        coder = by_class.build().coder(content, accepted)
        assert coder is None or accepted(coder.token) > 0


def test_classes_take_what_suits_them_and_records_are_left_alone() -> None:
    every = accepted_codings("gzip, br, zstd")
    choice = by_class.build()
    tokens = {content: coder.token for content in CODED if (coder := choice.coder(content, every))}
    assert tokens == {"history": "zstd", "code": "zstd", "template": "br"}
    assert choice.coder("record", every) is None
    assert {c.token for content in CODED if (c := choice.coder(content, accepted_codings("gzip")))} == {"gzip"}


@given(rows=st.lists(ROW, max_size=6), after=st.integers(0, 2**62))
def test_sparse_sends_the_fields_and_rows_that_are_asked_for(rows: list[HistoryRow], after: int) -> None:
    cut = sparse.build().cut
    assert cut(rows, {}) == rows
    assert cut(rows, {"fields": "id,text"}) == [{"id": r.id, "text": r.text} for r in rows]
    assert cut(rows, {"after": str(after)}) == [r for r in rows if r.id > after]


@pytest.mark.parametrize("query", [{"fields": "nope"}, {"fields": ""}, {"fields": "id," * 200}, {"after": "-1"},
                                   {"after": "9" * 40}, {"after": "²"}])  # fmt: skip
def test_sparse_refuses_what_it_does_not_know(query: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        sparse.build().cut([HistoryRow(1, 1, 1, "user", "", 0, "ok", 0)], query)


def test_the_gateways_sockets_are_such_that_asyncio_sends_without_delay() -> None:
    """asyncio sets TCP_NODELAY where the protocol is named only; without, an answer in two writes waits 40 ms."""
    with bind("127.0.0.1", 0, "--api-port") as bound:
        assert bound.proto == socket.IPPROTO_TCP


# --- on the real gateway


@pytest.fixture(scope="module")
def running(outside: World) -> Iterator[RunningGateway]:
    flags = LIGHT | {"compression": "by_class", "serialiser": "msgpack", "payload": "sparse", "store": "pooled"}
    with gateway(outside, "api-payloads", flags) as started:
        yield started


@pytest.fixture(scope="module")
def session(running: RunningGateway) -> int:
    with httpx.Client(base_url=running.api, trust_env=False, timeout=20) as client:
        number = client.post("/api/sessions", json={"user": "Ada"}).json()["id"]
        for language in ("python", "go", "rust"):
            asked = {"prompt": f"sort a list in {language}", "language": language, "session": number}
            assert client.post("/api/code", json=asked).status_code == 201
        return int(number)


def raw(running: RunningGateway, path: str, **headers: str) -> tuple[httpx.Headers, bytes]:
    """Return the answer's headers and its body as it came over the wire."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with (
        httpx.Client(base_url=running.api, trust_env=False, timeout=20) as client,
        client.stream("GET", path, headers={"accept-encoding": "", **named}) as answer,
    ):
        assert answer.status_code == 200
        return answer.headers, b"".join(answer.iter_raw())


@pytest.mark.slow
@pytest.mark.parametrize("token", DECODE)
def test_a_coded_answer_decodes_to_the_plain_one(running: RunningGateway, session: int, token: str) -> None:
    for path in (f"/api/sessions/{session}/code", "/api/templates/assistant"):
        _, plain = raw(running, path)
        headers, coded = raw(running, path, accept_encoding=token)
        if headers.get("content-encoding") is None:
            assert (token, path) == ("br", f"/api/sessions/{session}/code")  # Brotli is for templates here
            continue
        assert headers["content-encoding"] == token and len(coded) < len(plain)
        assert int(headers["content-length"]) == len(coded) and "Accept-Encoding" in headers["vary"]
        assert DECODE[token](coded) == plain


@pytest.mark.slow
def test_small_answers_records_and_refusals_leave_as_they_are(running: RunningGateway, session: int) -> None:
    template = "/api/templates/assistant"
    for path, header in ((f"/api/sessions/{session}", "gzip"), ("/api/templates", "gzip"), (template, "identity"),
                         (template, "gzip;q=0, ;;")):  # fmt: skip
        headers, body = raw(running, path, accept_encoding=header)
        assert "content-encoding" not in headers
        json.loads(body)
    assert len(raw(running, "/api/templates")[1]) < MIN_BYTES


@pytest.mark.slow
def test_messagepack_and_sparse_fields_say_the_same(running: RunningGateway, session: int) -> None:
    path = f"/api/sessions/{session}/code"
    plain = json.loads(raw(running, path)[1])
    headers, packed = raw(running, path, accept=msgpack.MSGPACK)
    assert headers["content-type"] == msgpack.MSGPACK and "Accept" in headers["vary"]
    assert msgspec.msgpack.decode(packed) == plain and len(plain) == 3
    chosen = json.loads(raw(running, f"{path}?fields=id,language&after={plain[1]['id']}")[1])
    assert chosen == [{"id": plain[0]["id"], "language": plain[0]["language"]}]


@pytest.mark.slow
def test_wrong_fields_and_compressed_requests_are_refused(running: RunningGateway, session: int) -> None:
    with httpx.Client(base_url=running.api, trust_env=False, timeout=20) as client:
        assert client.get(f"/api/sessions/{session}?fields=key").status_code == 422
        # A small body that would unfold to 50 MB: request bodies are never decoded, so there is no bomb to go off.
        bomb = zlib.compress(bytes(50 << 20), 9, wbits=gzip.GZIP_WINDOW)
        assert len(bomb) < 64 << 10
        headers = {"content-encoding": "gzip", "content-type": "application/json"}
        assert client.post("/api/code", content=bomb, headers=headers).status_code in (400, 415, 422)
        assert client.get("/healthz").json()["status"] == "ok"
