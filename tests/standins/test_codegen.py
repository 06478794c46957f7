import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import time

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perflab.standins.codegen.answer import LANGUAGES, generate
from perflab.standins.codegen.requests import BadRequest, parse_request
from perflab.standins.conformance import read_url
from perflab.standins.latency import prompt_think_time_s

from .virtual import outcome, read_rows


@contextlib.contextmanager
def codegen(folder, *options):
    command = [sys.executable, "-m", "perflab.standins.codegen", "--port", "0", "--log", str(folder / "codegen.rows")]
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
    try:
        yield read_url(process), process
    finally:
        process.terminate()
        process.wait(5)
        process.stdout.close()


async def post(url, body, headers=None):
    async with aiohttp.ClientSession() as http, http.post(url + "/v1/generate", data=body, headers=headers) as answer:
        return answer.status, await answer.json(), answer.headers


@given(st.text(min_size=1), st.sampled_from(LANGUAGES))
def test_the_answer_is_a_function_of_prompt_and_language(prompt, language):
    answer = generate(prompt, language)
    assert answer == generate(prompt, language) != generate(prompt + "x", language)
    assert answer["tokens"] > 50 and answer["code"].count("\n") >= 8


@given(st.binary(max_size=100))
def test_no_body_raises_anything_but_bad_request(body):
    with contextlib.suppress(BadRequest):
        parse_request(body)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"prompt":""}', b'{"prompt":3}', b'{"prompt":"a","language":"basic"}',
                                  b'{"prompt":"a","language":[]}'])  # fmt: skip
def test_a_bad_request_says_why(body):
    with pytest.raises(BadRequest):
        parse_request(body)


def test_answers_think_times_rows_and_the_end(tmp_path):
    with codegen(tmp_path, "--seed", "5") as (url, process):
        status, answer, _ = asyncio.run(post(url, json.dumps({"prompt": "sort a list", "language": "go"})))
        assert (status, answer) == (200, generate("sort a list", "go"))
        assert asyncio.run(post(url, b"x" * 70_000))[0] == 413
        assert asyncio.run(post(url, b"{}"))[0] == 400
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0 and time.monotonic() - began < 1.0
    good, big, bad = read_rows(tmp_path / "codegen.rows")
    assert (outcome(good), good["status"], big["status"], bad["status"]) == ("ok", 200, 413, 400)
    think_ns = int(prompt_think_time_s("codegen-120", 5, "sort a list") * 1e9)
    assert good["mark2_ns"] == think_ns
    assert good["mark1_ns"] - good["mark0_ns"] > think_ns - 1_000_000


def test_a_row_names_the_turn_that_asked(tmp_path):
    body = b'{"prompt":"a"}'
    with codegen(tmp_path) as (url, _):
        for headers in ({"X-Session-Id": "12", "X-Turn-Id": "3"}, {}, {"X-Session-Id": "-1", "X-Turn-Id": "9" * 400}):
            assert asyncio.run(post(url, body, headers))[0] == 200
    rows = read_rows(tmp_path / "codegen.rows")
    assert [(row["user"], row["seq"]) for row in rows] == [(12, 3), (0, 0), (0, 0)]


def test_faults_by_probability_carry_retry_after(tmp_path):
    with codegen(tmp_path, "--faults", "rest_503%1:3") as (url, _):
        status, answer, headers = asyncio.run(post(url, b'{"prompt":"a"}'))
    assert (status, answer["error"]["code"], headers["Retry-After"]) == (503, 503, "3")
