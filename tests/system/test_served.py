"""Figures are of the processes that perflab started: an endpoint that another program answers is refused."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import subprocess
import sys
import textwrap
import threading

import pytest

from perflab.errors import SystemFailure
from perflab.system import served
from perflab.system.launch import launch
from perflab.system.load_file import load_system
from perflab.system.ports import free_port
from perflab.system.process import start_process, wait_for
from perflab.system.served import Listener, Place, listeners_of, place_of, require_served, serves
from perflab.system.variant import variant

LISTEN = """
import os, socket, sys, threading, time
def listen(family, host, only=0):
    sock = socket.socket(family)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
    sock.bind((host, int(sys.argv[1])))
    sock.listen()
    return sock
V4, V6 = socket.AF_INET, socket.AF_INET6
"""
END = "\nprint('ready', flush=True)\ntime.sleep(60)\n"


@pytest.fixture
def running(tmp_path):
    """Start a program with a port as its argument and wait until it says ready."""
    every = []

    def start(body: str, port: int, before: tuple[str, ...] = ()):
        log = tmp_path / f"{len(every)}.log"
        argv = [*before, sys.executable, "-c", LISTEN + textwrap.dedent(body) + END, str(port)]
        process = start_process("api", "system", argv, env=dict(os.environ), cwd=tmp_path, log_path=log, cores=())
        every.append(process)
        wait_for(lambda: "ready" in log.read_text(), process, 20, "ready")
        return process

    yield start
    for process in every:
        process.kill()
        process.popen.wait()


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
        return True
    except OSError:
        return False


CHILD = "if os.fork() == 0:\n    kept = listen(V4, '127.0.0.1')\n    time.sleep(60)\ntime.sleep(0.3)"
THREAD = (
    "threading.Thread(target=lambda: (listen(V4, '127.0.0.1'), time.sleep(60)), daemon=True).start(); time.sleep(0.3)"
)
INHERITED = "kept = listen(V4, '127.0.0.1')\nif os.fork():\n    kept.close()"


@pytest.mark.parametrize(
    ("body", "host", "ipv6"),
    [
        ("kept = listen(V4, '127.0.0.1')", "127.0.0.1", False),
        ("kept = listen(V4, '127.0.0.1')", "localhost", False),
        ("kept = listen(V4, '0.0.0.0')", "127.0.0.1", False),
        ("kept = listen(V6, '::')", "127.0.0.1", True),
        ("kept = listen(V6, '::1')", "[::1]", True),
        ("kept = listen(V6, '::ffff:127.0.0.1')", "127.0.0.1", True),  # as Java binds
        ("kept = socket.socket(V4, socket.SOCK_DGRAM); kept.bind(('127.0.0.1', int(sys.argv[1])))", "127.0.0.1", False),
        (CHILD, "127.0.0.1", False),
        (THREAD, "127.0.0.1", False),
        (INHERITED, "127.0.0.1", False),
    ],
)
def test_whatever_listens_for_the_process_serves(running, body, host, ipv6):
    if ipv6 and not has_ipv6():
        pytest.skip("no IPv6 here")
    port = free_port()
    require_served({"api": f"http://{host}:{port}/base"}, [running(body, port)])


def test_an_endpoint_of_another_program_is_refused_in_one_line(running):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        launcher = running("", port)
        with pytest.raises(SystemFailure, match=rf"Endpoint api \(127.0.0.1:{port}\) is served by no process") as told:
            require_served({"api": f"http://user:secret@127.0.0.1:{port}"}, [launcher], timeout_s=0.1)
    assert "\n" not in str(told.value) and "secret" not in str(told.value)


def test_what_a_process_left_behind_outside_its_tree_does_not_serve(running, tmp_path):
    """A daemon has another parent: its CPU is in no figure."""
    port = free_port()
    daemon = f"""
        if os.fork() == 0:
            os.setsid()
            if os.fork():
                os._exit(0)
            kept = listen(V4, '127.0.0.1')
            open({str(tmp_path / "pid")!r}, "w").write(str(os.getpid()))
            time.sleep(60)
        while not (os.path.exists({str(tmp_path / "pid")!r}) and os.path.getsize({str(tmp_path / "pid")!r})):
            time.sleep(0.02)
    """
    launcher = running(daemon, port)
    try:
        with pytest.raises(SystemFailure, match="is served by no process"):
            require_served({"api": f"http://127.0.0.1:{port}"}, [launcher], timeout_s=0.1)
    finally:
        os.kill(int((tmp_path / "pid").read_text()), 9)


def test_another_host_is_refused_even_where_a_process_has_the_same_port_here(running):
    port = free_port()
    process = running("kept = listen(V4, '0.0.0.0')", port)
    with pytest.raises(SystemFailure, match="is served by no process"):
        require_served({"api": f"http://192.0.2.7:{port}"}, [process], timeout_s=0.1)


def test_a_process_in_a_network_of_its_own_serves_its_addresses_and_never_the_loopback_here(running):
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode:
        pytest.skip("no network namespace can be made here")
    port = free_port()
    process = running("kept = listen(V4, '0.0.0.0')", port, before=("unshare", "-n"))
    require_served({"api": f"http://192.0.2.7:{port}"}, [process], timeout_s=0.1)
    with pytest.raises(SystemFailure, match="is served by no process"):
        require_served({"api": f"http://127.0.0.1:{port}"}, [process], timeout_s=0.1)


def test_a_port_that_opens_a_moment_later_is_waited_for(running):
    port = free_port()
    late = "threading.Timer(0.4, lambda: (listen(V4, '127.0.0.1'), time.sleep(60))).start()"
    require_served({"api": f"http://127.0.0.1:{port}"}, [running(late, port)], timeout_s=20)


def test_what_cannot_be_told_is_not_refused(running, monkeypatch):
    process = running("", free_port())
    there = {"api": f"http://127.0.0.1:{free_port()}"}
    with monkeypatch.context() as patch:
        patch.setattr(served.sys, "platform", "darwin")
        require_served(there, [process], timeout_s=0.1)
    with monkeypatch.context() as patch:  # a sandbox whose tables are empty
        patch.setattr(served, "TABLES", {})
        require_served(there, [process], timeout_s=0.1)
    with monkeypatch.context() as patch:  # of another user

        def denied(pid):
            raise PermissionError

        patch.setattr(served, "_sockets", denied)
        assert listeners_of([process]) == ([], True)
        require_served(there, [process], timeout_s=0.1)


@pytest.mark.parametrize("text", ["", "unix:/run/api.sock", "/run/api.sock", "http://[::1", "http://x:99999", "api"])
def test_what_is_no_host_and_port_is_not_looked_for(text):
    assert place_of(text) is None


def test_ports_are_those_of_the_scheme_where_none_is_named():
    ports = [
        place_of(text).port for text in ("http://127.0.0.1", "wss://127.0.0.1/x", "127.0.0.1:5000", "grpc://[::1]:7")
    ]
    assert ports == [80, 443, 5000, 7]


@pytest.mark.parametrize(
    ("listening", "asked", "expected"),
    [
        ("0.0.0.0", "10.1.2.3", True),
        ("::", "10.1.2.3", True),
        ("::", "::1", True),
        ("0.0.0.0", "::1", False),
        ("127.0.0.1", "10.1.2.3", False),
        ("10.1.2.3", "10.1.2.3", True),
    ],
)
def test_wildcards_take_what_their_kind_of_socket_takes(listening, asked, expected):
    there = Listener(ipaddress.ip_address(listening), 80, True)
    place = Place("x:80", 80, ((ipaddress.ip_address(asked), True),))
    assert serves(there, place) is expected
    assert not serves(Listener(there.address, 81, True), place)


def test_a_second_instance_at_a_fixed_port_is_never_taken_for_ready(write_system, tmp_path):
    """Its probe is answered by the first one, and it ends a moment later."""
    with socket.socket() as first:
        first.bind(("127.0.0.1", 0))
        first.listen()
        port = first.getsockname()[1]
        threading.Thread(target=_answer, args=(first,), daemon=True).start()
        path = write_system()
        path.write_text(path.read_text().replace("http://127.0.0.1:{port:http}", f"http://127.0.0.1:{port}"))
        system = load_system(path)
        with (
            pytest.raises(SystemFailure, match=r"is served by no process|ended with"),
            launch(system, variant(system, "baseline"), tmp_path / "trial"),
        ):
            pass
        first.shutdown(socket.SHUT_RDWR)


def _answer(sock):
    while True:
        try:
            connection, _ = sock.accept()
        except OSError:
            return
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def test_a_server_of_ones_own_may_be_an_endpoint(write_system, tmp_path):
    with socket.socket() as store:
        store.bind(("127.0.0.1", 0))
        store.listen()
        url = f"redis://127.0.0.1:{store.getsockname()[1]}"
        path = write_system(extra=f'[[server]]\nname = "store"\nkind = "redis"\nurl = "{url}"\n')
        path.write_text(path.read_text().replace("[endpoints]\n", '[endpoints]\nstore = "{server:store}"\n'))
        system = load_system(path)
        with launch(system, variant(system, "baseline"), tmp_path / "trial") as running:
            assert running.endpoints["store"] == url
