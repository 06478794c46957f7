"""REST and server-sent events of the Live stand-in, over its one TLS port."""

import asyncio
import json

import aiohttp
import pytest

BODY = json.dumps({"contents": [{"role": "user", "parts": [{"text": "hello"}]}]})
KEY = {"x-goog-api-key": "k"}


async def post(live, method, body=BODY, headers=KEY):
    url = f"{live.url}/v1beta/models/m:{method}"
    async with aiohttp.ClientSession() as http, http.post(url, data=body, headers=headers, ssl=live.tls()) as answer:
        return answer.status, await answer.read()


def text_of(chunk: dict) -> str:
    return chunk["candidates"][0]["content"]["parts"][0]["text"]


def test_the_stream_says_what_the_whole_answer_says(shared_live):
    _, whole = asyncio.run(post(shared_live, "generateContent"))
    _, stream = asyncio.run(post(shared_live, "streamGenerateContent?alt=sse"))
    events = stream.decode().split("\r\n\r\n")
    chunks = [json.loads(event.removeprefix("data: ")) for event in events if event]
    assert len(chunks) >= 3 and "".join(map(text_of, chunks)) == text_of(json.loads(whole))
    assert [chunk["candidates"][0].get("finishReason") for chunk in chunks][-2:] == [None, "STOP"]


@pytest.mark.parametrize(
    ("method", "body", "headers", "status"),
    [
        ("generateContent", "{", KEY, 400),
        ("generateContent", '{"contents": 3}', KEY, 400),
        ("generateContent", BODY, {"x-goog-api-key": "bad"}, 400),
        ("generateContent", BODY, {}, 400),
        ("noSuchMethod", BODY, KEY, 404),
        ("generateContent", "x" * (5 << 20), KEY, 413),
    ],
)
def test_refusals_have_the_services_form(shared_live, method, body, headers, status):
    seen, answer = asyncio.run(post(shared_live, method, body, headers))
    assert seen == status == json.loads(answer)["error"]["code"]


def test_a_cut_stream_breaks_off_after_its_first_chunk(live):
    process = live("--faults", "sse_cut%1")
    with pytest.raises(aiohttp.ClientError):
        asyncio.run(post(process, "streamGenerateContent?alt=sse"))


def cut_of(live, texts):
    """Ask for all streams at once; return for each text whether its stream was cut."""

    async def one(text):
        body = json.dumps({"contents": [{"parts": [{"text": text}]}]})
        try:
            await post(live, "streamGenerateContent?alt=sse", body)
        except aiohttp.ClientError:
            return True
        return False

    async def all_at_once():
        return await asyncio.gather(*(one(text) for text in texts))

    return dict(zip(texts, asyncio.run(all_at_once()), strict=True))


def test_streams_that_overlap_draw_each_for_itself_in_whichever_order_they_come(live):
    texts = [f"question {number}" for number in range(20)]
    there = cut_of(live("--faults", "sse_cut%0.5", latency="const-300"), texts)
    assert 3 <= sum(there.values()) <= 17
    assert cut_of(live("--faults", "sse_cut%0.5", latency="const-300"), texts[::-1]) == there


def test_another_attempt_at_the_same_text_draws_again(live):
    process = live("--faults", "rest_503%0.5", latency="const-0")
    assert {asyncio.run(post(process, "generateContent"))[0] for _ in range(20)} == {200, 503}
