"""Readiness asks exactly what the file says."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from perflab.system.probe import readiness
from perflab.system.tables.processes import Ready


class _Deep(BaseHTTPRequestHandler):
    """Ready for all but the deep question."""

    def do_GET(self) -> None:
        self.send_response(503 if self.path == "/health?deep=1&all=" else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def test_the_query_is_part_of_the_question():
    server = HTTPServer(("127.0.0.1", 0), _Deep)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        base = f"http://127.0.0.1:{server.server_port}"
        asked = {
            path: readiness(Ready(http=base + path), str, Path())[0]()
            for path in ("/health", "/health?deep=1&all=", "")
        }
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert asked == {"/health": True, "/health?deep=1&all=": False, "": True}
