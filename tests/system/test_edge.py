"""nginx as an edge cache: what it is told, what it serves again, and what it refuses to be told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest

from perflab.errors import UsageError
from perflab.system.servers.kinds import kind_named
from perflab.system.servers.kinds.nginx import configuration
from perflab.system.servers.server import embedded, required


class Counting(ThreadingHTTPServer):
    asked = 0


@pytest.fixture
def origin() -> Iterator[Counting]:
    class Origin(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.server.asked += 1
            body = f"answer {self.server.asked}".encode()
            self.send_response(200 if "broken" not in self.path else 503)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = Counting(("127.0.0.1", 0), Origin)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.mark.skipif(bool(required("nginx")), reason=required("nginx"))
def test_good_answers_are_served_again_and_bad_ones_are_not(origin: Counting, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{origin.server_address[1]}"
    with embedded("nginx", tmp_path / "edge.log", settings={"origin": url, "valid_s": 30}) as edge:
        seen = []
        for path in ("/a", "/a", "/b", "/a"):
            with urlopen(edge.url + path) as answer:
                seen.append((answer.headers["X-Cache"], answer.read()))
        assert [kind for kind, _ in seen] == ["MISS", "HIT", "MISS", "HIT"]
        assert seen[0][1] == seen[1][1] == seen[3][1] and origin.asked == 2
        for _ in range(2):
            with pytest.raises(OSError, match="503"):
                urlopen(edge.url + "/broken")
        assert origin.asked == 4
        folder, process = edge.folder.path, psutil.Process(edge.process.pid)
        assert folder.exists() and process.children() == []  # a worker would outlive a master that is killed
    assert not folder.exists() and not process.is_running()


@pytest.mark.skipif(bool(required("nginx")), reason=required("nginx"))
def test_what_is_kept_is_bounded(origin: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perflab.system.servers.kinds.nginx.KEYS", "32k")  # nginx's least
    url = f"http://127.0.0.1:{origin.server_address[1]}"
    with embedded("nginx", tmp_path / "edge.log", settings={"origin": url, "valid_s": 30}) as edge:
        host, kept = HTTPConnection("127.0.0.1", int(edge.url.rpartition(":")[2])), []
        for number in range(900):
            host.request("GET", f"/{number}")
            assert host.getresponse().read()
            if number in (449, 899):
                kept.append(sum(path.is_file() for path in (edge.folder.path / "edge" / "cache").rglob("*")))
        host.request("GET", "/899")
        newest = host.getresponse()
        assert newest.headers["X-Cache"] == "HIT" and newest.read()
        host.close()
    # A file goes a moment after its key: 450 more answers may leave a few more files, not 450.
    assert 0 < kept[0] < 400 and abs(kept[1] - kept[0]) < 20


def test_without_nginx_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kind_named("nginx"), "programs", lambda: None)
    assert "apt-get install nginx-light" in required("nginx")


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"origin": "https://127.0.0.1:1"},
        {"origin": "http://127.0.0.1:1; } evil"},
        {"origin": "http://h:1", "color": "red"},
    ],
)
def test_settings_that_cannot_be_meant_are_one_clear_line(settings: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="origin"):
        configuration(Path("/nowhere"), 1, settings)


@pytest.mark.parametrize(("stale", "told"), [(True, "updating"), (False, "off")])
def test_an_old_answer_is_served_only_while_it_is_fetched_anew(stale: bool, told: str) -> None:
    text = configuration(Path("/nowhere"), 1, {"origin": "http://h:1", "stale": stale})
    assert f"proxy_cache_use_stale {told};" in text
