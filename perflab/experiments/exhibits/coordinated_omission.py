"""Coordinated omission: a closed loop stops asking while the server is stuck, and so hardly sees that it was."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perflab.errors import LoadFailure
from perflab.system.process import child_setup

SERVER = Path(__file__).with_name("stalling_server.py")
ATTACHED_S = 3.0  # how much longer than the load the server may live


@dataclass(frozen=True)
class StallSeen:
    """Latencies in ms of one stall, as a closed loop and as open arrivals saw it; `stall_s` by the server's clock."""

    closed_ms: np.ndarray
    open_ms: np.ndarray
    open_service_ms: np.ndarray
    stall_s: float
    rate: float
    seconds: float

    @property
    def truth_ms(self) -> float:
        """The p99 that arrivals at a constant rate have by the server's own clock.

        Who comes t seconds before the end of the stall waits t, everyone else almost nothing: the share of arrivals
        that wait longer than t is (stall - t) / length of the run, which is 1 % at t = stall - 1 % of the length.
        """
        return max(0.0, 1e3 * (self.stall_s - 0.01 * self.seconds))

    def p99(self, which: str) -> float:
        """Return the p99 of `closed`, `open` or `open_service` in ms."""
        return float(np.quantile(getattr(self, f"{which}_ms"), 0.99))

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per request for a distribution figure."""
        series = {"closed loop": self.closed_ms, "open arrivals": self.open_ms}
        return [{"variant": name, "value": float(v)} for name, values in series.items() for v in values]

    @property
    def sentence(self) -> str:
        """What it shows, with its figures."""
        sent = "one request" if self.held == 1 else f"{self.held} requests"
        return (
            f"One stall of {self.stall_s:.1f} s in {self.seconds:g} s: the closed loop reports a p99 of "
            f"{self.p99('closed'):.2f} ms because it sent {sent} into the stall, users who came at {self.rate:g}/s had "
            f"{self.p99('open'):,.0f} ms."
        )

    @property
    def held(self) -> int:
        """Requests of the closed loop that met the stall."""
        return int((self.closed_ms > 100 * self.stall_s).sum())


def watch_a_stall(seconds: float = 6.0, stall_s: float = 2.0, rate: float = 500.0) -> StallSeen:
    """Drive a real server in its own process by a closed loop and by open arrivals at the same time.

    The closed loop is one user who sends, waits for the reply, and pauses to keep `rate` when replies are quick; its
    latency counts from when it sent. The open load sends at k / `rate` whatever happened before; its latency counts
    from when the request was due. Takes `seconds` and a little. Raises LoadFailure when the server does not answer.
    """
    command = [sys.executable, "-I", "-S", str(SERVER), str(0.4 * seconds), str(stall_s), str(seconds + ATTACHED_S)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=child_setup(())) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline() or 0)
            if not port:
                raise LoadFailure("The stalling server did not start")
            closed: list[tuple[float, float, float]] = []
            loop = threading.Thread(target=_closed_loop, args=(port, seconds, rate, closed), daemon=True)
            loop.start()
            opened = _open_arrivals(port, seconds, rate)
            loop.join(seconds)
            stalled = float(server.stdout.readline() or 0)
        finally:
            server.kill()
    due, sent, back = opened
    latency = np.array([end - start for _, start, end in closed])
    return StallSeen(1e3 * latency, 1e3 * (back - due), 1e3 * (back - sent), stalled, rate, seconds)


def _connect(port: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=10.0)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def _closed_loop(port: int, seconds: float, rate: float, out: list[tuple[float, float, float]]) -> None:
    with _connect(port) as client:
        end = time.monotonic() + seconds
        while (sent := time.monotonic()) < end:
            client.sendall(b"x")
            client.recv(1)
            back = time.monotonic()
            out.append((sent, sent, back))
            time.sleep(max(0.0, sent + 1 / rate - back))


def _open_arrivals(port: int, seconds: float, rate: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Send one byte when each request is due; a second thread takes the replies, which come back in order."""
    count = round(seconds * rate)
    sent, back = np.zeros(count), np.zeros(count)
    with _connect(port) as client:
        replies = threading.Thread(target=_collect, args=(client, back), daemon=True)
        replies.start()
        due = time.monotonic() + 0.05 + np.arange(count) / rate
        for k in range(count):
            time.sleep(max(0.0, due[k] - time.monotonic()))
            sent[k] = time.monotonic()
            client.sendall(b"x")
        replies.join(10.0)
        if replies.is_alive() or not back.all():
            raise LoadFailure(f"{int((back == 0).sum())} of {count} requests had no reply", "", "Run it again")
    return due, sent, back


def _collect(client: socket.socket, back: np.ndarray) -> None:
    done = 0
    while done < back.size and (data := client.recv(4096)):
        back[done : done + len(data)] = time.monotonic()
        done += len(data)
