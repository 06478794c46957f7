"""What the command line refuses: one clear line, exit code 2, no traceback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from perflab.errors import UsageError
from perflab.gateway.flags.upstream import sdk
from perflab.gateway.flags.upstream.raw import RawUpstream
from perflab.gateway.settings import DEFAULT_BUCKETS, read_settings

from .processes import ROOT, free_port


def arguments(folder: Path, **changes: str) -> list[str]:
    values = {"--voice-port": "0", "--api-port": "0", "--live-url": "https://127.0.0.1:9"}
    values |= {"--codegen-url": "http://127.0.0.1:9", "--database": str(folder / "g.sqlite")}
    values |= {f"--{name.replace('_', '-')}": value for name, value in changes.items()}
    return [part for pair in values.items() for part in pair]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "a-secret-key")
    monkeypatch.delenv("PERFLAB_PLANT", raising=False)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"live_url": "ws://127.0.0.1:9"}, "https://"),
        ({"codegen_url": "ftp://x"}, "http://"),
        ({"database": "/no/such/folder/x.sqlite"}, "folder must exist"),
        ({"templates": "/no/such/folder"}, "must be a folder"),
        ({"metrics_buckets": "1,2,x"}, "edges are seconds"),
        ({"metrics_buckets": "2,1"}, "rise"),
        ({"flag": "server=nginx"}, "no such value"),
    ],
)
def test_wrong_arguments_are_one_line(tmp_path: Path, changes: dict[str, str], names: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_settings(arguments(tmp_path, **changes))
    assert names in str(refused.value)
    assert "\n" not in str(refused.value)


def test_planted_defects_are_refused_off_loopback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERFLAB_PLANT", "hot=10")
    assert read_settings(arguments(tmp_path)).plant == "hot=10"
    with pytest.raises(UsageError, match="loopback only"):
        read_settings(arguments(tmp_path, host="0.0.0.0"))


def test_the_key_is_required_and_stays_out_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "a-secret-key" not in repr(read_settings(arguments(tmp_path)))
    monkeypatch.delenv("GEMINI_API_KEY")
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    with pytest.raises(UsageError, match="GEMINI_API_KEY"):
        read_settings(arguments(tmp_path))


def test_without_a_live_url_the_real_service_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[dict[str, Any]] = []
    monkeypatch.setattr(sdk.genai, "Client", lambda **given: made.append(given))
    real, stood_in = read_settings(arguments(tmp_path, live_url="")), read_settings(arguments(tmp_path))
    for settings, resume, host in ((real, "handle", "generativelanguage.googleapis.com"),
                                   (stood_in, "stream", "127.0.0.1:9")):  # fmt: skip
        assert settings.resume == resume
        assert RawUpstream(settings)._url.startswith(f"wss://{host}/ws/")
        sdk.SdkUpstream(settings)
    of_the_sdk, of_ours = (given["http_options"] for given in made)
    assert of_the_sdk is None and of_ours.base_url == stood_in.live_url


def test_default_buckets_contain_the_latency_targets() -> None:
    """An edge lies on each target that is a time: what is below it can then be counted."""
    catalogue = tomllib.loads((ROOT / "data" / "catalogue" / "targets.toml").read_text(encoding="utf-8"))
    times = {t["id"]: t["canonical_value"] for t in catalogue["target"]
             if t["canonical_unit"] == "s" and t["operator"] in ("<", "<=")}  # fmt: skip
    assert len(times) > 20
    assert {id: value for id, value in times.items() if value not in DEFAULT_BUCKETS} == {}


def run_to_end(command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **environment}
    return subprocess.run(
        [sys.executable, "-m", "perflab.gateway", *command],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_a_port_that_is_taken_ends_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = run_to_end(arguments(tmp_path, voice_port=str(port), api_port=str(free_port())))
    assert ended.returncode == 2
    assert str(port) in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


def test_an_unknown_dose_ends_in_one_line(tmp_path: Path) -> None:
    ended = run_to_end(arguments(tmp_path), PERFLAB_PLANT="cold=10")
    assert ended.returncode == 2
    assert ended.stderr.startswith("gateway: PERFLAB_PLANT: cold=10")
    assert len(ended.stderr.strip().splitlines()) == 1
