"""Starting a system: every way to fail is one line, and nothing runs on afterwards."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from perflab.errors import SystemFailure
from perflab.experiments.trial import _cpu_now
from perflab.instrument import proc
from perflab.instrument.cpu_clock import process_cpu_s
from perflab.system.launch import RunningSystem, _program, _without_env, launch
from perflab.system.load_file import check_system, load_system
from perflab.system.process import start_process, wait_for
from perflab.system.variant import variant


def started(system, tmp_path, **options):
    return launch(system, variant(system, "baseline"), tmp_path / "trial", **options)


def gone(pid: int, within_s: float = 5.0) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_it_answers_and_is_gone_afterwards(write_system, tmp_path):
    with started(load_system(write_system()), tmp_path) as running:
        with urllib.request.urlopen(running.endpoints["http"]) as answer:
            assert answer.status == 200
        pid = running.processes["server"].pid
        running.check_alive()
    assert gone(pid)


def test_processes_stay_on_their_cores(write_system, tmp_path):
    with started(load_system(write_system()), tmp_path) as running:
        assert os.sched_getaffinity(running.processes["server"].pid) == set(running.cores.system)


def test_what_the_system_forked_before_it_was_ready_stays_on_its_cores_and_counts(write_system, tmp_path):
    script = tmp_path / "master.py"
    script.write_text(
        textwrap.dedent("""
        import subprocess, sys
        from http.server import HTTPServer, SimpleHTTPRequestHandler
        burn = "import time\\nwhile time.process_time() < 0.4: pass\\nprint('burnt', flush=True); time.sleep(60)"
        child = subprocess.Popen([sys.executable, "-c", burn], stdout=subprocess.PIPE)
        child.stdout.readline()
        print("child", child.pid, flush=True)
        HTTPServer(("127.0.0.1", int(sys.argv[1])), SimpleHTTPRequestHandler).serve_forever()
    """)
    )
    with started(load_system(write_system(f'["{{python}}", "{script}", "{{port:http}}"]')), tmp_path) as running:
        server = running.processes["server"]
        child = int(server.log_path.read_text().split("child ")[1].split()[0])
        assert os.sched_getaffinity(child) == set(running.cores.system)
        assert _cpu_now(running)["server"] > process_cpu_s(server.pid) + 0.3


def test_never_ready_says_so_with_its_output(write_system, tmp_path):
    command = '["{python}", "-c", "print(1234, flush=True); import time; time.sleep(60) # {port:http}"]'
    with pytest.raises(SystemFailure, match="was not ready after 1 s") as caught, started(
        load_system(write_system(command, timeout_s=1)), tmp_path
    ):  # fmt: skip
        pass
    assert "1234" in str(caught.value) and "\n" not in str(caught.value)


def test_dying_at_start_gives_code_and_last_lines(write_system, tmp_path):
    command = '["{python}", "-c", "print(5678); raise SystemExit(3) # {port:http}"]'
    with (
        pytest.raises(SystemFailure, match=r"exit code 3.*5678"),
        started(load_system(write_system(command)), tmp_path),
    ):
        pass


def test_a_command_that_does_not_exist(write_system, tmp_path):
    system, faults = check_system(write_system('["/no/such/program", "{port:http}", "{flags}"]'))
    assert system is not None and any("no such program" in fault for fault in faults)  # it may go after the check
    with pytest.raises(SystemFailure, match="cannot be started"), started(system, tmp_path):
        pass


def test_a_script_without_an_interpreter_and_a_folder_that_is_gone_are_named(tmp_path):
    script = tmp_path / "run"
    script.write_text("echo hello\n")
    script.chmod(0o755)

    def start(cwd):
        start_process("one", "system", [str(script)], env=dict(os.environ), cwd=cwd,
                      log_path=tmp_path / "one.log", cores=())  # fmt: skip

    with pytest.raises(SystemFailure, match=r"Exec format error.*run"):
        start(tmp_path)
    with pytest.raises(SystemFailure, match=r"No such file or directory: .*/gone"):
        start(tmp_path / "gone")


def test_flags_come_as_variables_of_the_environment(write_system, tmp_path):
    script = tmp_path / "told.py"
    script.write_text("import os, http.server\nprint(os.environ['speed'], flush=True)\n")
    command = f'["env", "{{flags}}", "{{python}}", "{script}", "{{port:http}}"]'
    system = load_system(write_system(command))
    with pytest.raises(SystemFailure, match="fast"), launch(system, variant(system, "optimised"), tmp_path / "trial"):
        pass


def test_who_wraps_a_command_is_handed_the_program_and_not_env(write_system, tmp_path):
    seen = []

    def wrap(argv, env):
        seen.append((argv, env))
        return argv, env

    system = load_system(write_system())  # env {flags} {python} -m http.server ...
    with launch(system, variant(system, "optimised"), tmp_path / "trial", wrap={"server": wrap}):
        pass
    ((argv, env),) = seen
    assert argv[:3] == [sys.executable, "-m", "http.server"] and env["speed"] == "fast"


def test_a_flag_of_the_clients_alone_is_handed_to_no_process(write_system, tmp_path):
    seen = []

    def wrap(argv, env):
        seen.append((argv, env))
        return argv, env

    more = '[[flag]]\nname = "encoding"\noptimised = "gzip"\nclient = true\n'
    more += 'values = [{ value = "identity" }, { value = "gzip" }]\n'
    system = load_system(write_system(extra=more))
    with launch(system, variant(system, "optimised"), tmp_path / "trial", wrap={"server": wrap}) as running:
        assert running.variant.flags["encoding"] == "gzip"  # the load plan takes them from here
    ((argv, env),) = seen
    assert env["speed"] == "fast" and "encoding" not in env and "encoding" not in " ".join(argv)


def test_a_program_below_the_folder_of_the_process_is_found_from_any_other(write_system, tmp_path):
    python = tmp_path.resolve() / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    seen = []

    def wrap(argv, env):
        seen.append(argv)
        return argv, env

    path = write_system('[".venv/bin/python", "-m", "http.server", "{port:http}", "--bind", "127.0.0.1"]')
    path.write_text(path.read_text().replace('name = "server"\n', 'name = "server"\ncwd = "."\n'))
    system = load_system(path)
    with launch(system, variant(system, "optimised"), tmp_path / "trial", wrap={"server": wrap}) as running:
        told = proc.cmdline(running.processes["server"].pid)  # where who attaches looks for the interpreter
    assert seen[0][:3] == told[:3] == [str(python), "-m", "http.server"]  # the link itself, not what it leads to


@pytest.mark.parametrize(
    ("word", "found"),
    [("./server", "/of/process/server"), ("bin/x", "/of/process/bin/x"), ("/usr/bin/x", "/usr/bin/x"), ("sh", "sh")],
)
def test_only_a_path_is_looked_for_below_the_folder_of_the_process(word, found):
    assert _program(word, Path("/of/process")) == found


@pytest.mark.parametrize(
    ("argv", "program", "added"),
    [
        (["env", "A=1", "B=x=y", "./server", "C=3"], ["./server", "C=3"], {"A": "1", "B": "x=y"}),
        (["/usr/bin/env", "./server"], ["./server"], {}),
        (["env", "-i", "A=1", "./server"], ["env", "-i", "A=1", "./server"], {}),
        (["env", "A=1"], ["env", "A=1"], {}),
        (["./server", "A=1"], ["./server", "A=1"], {}),
    ],
)
def test_what_env_would_set_is_set(argv, program, added):
    assert _without_env(argv, {"KEPT": "k"}) == (program, {"KEPT": "k", **added})


def test_dying_later_is_noticed(write_system, tmp_path):
    with started(load_system(write_system()), tmp_path) as running:
        os.kill(running.processes["server"].pid, signal.SIGKILL)
        running.processes["server"].popen.wait()
        with pytest.raises(SystemFailure, match="signal SIGKILL"):
            running.check_alive()


def test_a_taken_port_is_told_before_anything_starts(write_system, tmp_path):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = sock.getsockname()[1]
        system = load_system(write_system(extra=f"[ports]\nhttp = {port}\n"))
        with pytest.raises(SystemFailure, match=rf"Port {port} .* is taken"), started(system, tmp_path):
            pass


def test_a_deaf_process_is_killed_with_its_children(write_system, tmp_path):
    script = tmp_path / "deaf.py"
    script.write_text(
        textwrap.dedent("""
        import signal, subprocess, sys
        from http.server import HTTPServer, SimpleHTTPRequestHandler
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        print("child", child.pid, flush=True)
        HTTPServer(("127.0.0.1", int(sys.argv[1])), SimpleHTTPRequestHandler).serve_forever()
    """)
    )
    path = write_system(f'["{{python}}", "{script}", "{{port:http}}"]')
    path.write_text(path.read_text().replace('name = "server"\n', 'name = "server"\nstop_timeout_s = 0.5\n'))
    with started(load_system(path), tmp_path) as running:
        child = int(running.processes["server"].log_path.read_text().split("child ")[1].split()[0])
    assert gone(running.processes["server"].pid) and gone(child)


def test_what_left_its_group_is_ended_with_the_system(write_system, tmp_path):
    script = tmp_path / "daemon.py"
    script.write_text(
        textwrap.dedent("""
        import subprocess, sys
        from http.server import HTTPServer, SimpleHTTPRequestHandler
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
        print("child", child.pid, flush=True)
        HTTPServer(("127.0.0.1", int(sys.argv[1])), SimpleHTTPRequestHandler).serve_forever()
    """)
    )
    with started(load_system(write_system(f'["{{python}}", "{script}", "{{port:http}}"]')), tmp_path) as running:
        child = int(running.processes["server"].log_path.read_text().split("child ")[1].split()[0])
    assert gone(child, within_s=0.5)


class _Ending:
    """A process or server that tells how it was ended; `impatient`: the user interrupts the wait for it."""

    def __init__(self, name: str, said: list[str], impatient: bool = False) -> None:
        self.name, self.said, self.impatient = name, said, impatient

    def stop(self) -> int:
        self.said.append(f"stop {self.name}")
        if self.impatient:
            raise KeyboardInterrupt
        return 0

    def kill(self) -> None:
        self.said.append(f"kill {self.name}")


def test_an_interrupt_while_stopping_leaves_nothing_behind(tmp_path):
    said: list[str] = []
    running = RunningSystem(None, None, tmp_path, None, {}, "")
    running.processes = {name: _Ending(name, said, name == "second") for name in ("first", "second", "third")}
    running.servers = {"data": _Ending("data", said)}
    with pytest.raises(KeyboardInterrupt):
        running.stop()
    assert said == ["stop third", "stop second", "kill first", "stop data"]


def test_a_process_whose_end_nobody_waits_for_is_killed(tmp_path, monkeypatch):
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    log = tmp_path / "deaf.log"
    process = start_process("deaf", "system", [sys.executable, "-c", deaf], env=dict(os.environ), cwd=tmp_path,
                            log_path=log, cores=())  # fmt: skip
    wait_for(lambda: "deaf" in log.read_text(), process, 10, "a line")

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(process.popen, "wait", interrupted)
        process.stop()
    assert process.popen.wait(5) == -signal.SIGKILL


def test_nothing_survives_a_killed_parent(write_system, tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent(f"""
        import sys, time
        from pathlib import Path
        from perflab.system.launch import launch
        from perflab.system.load_file import load_system
        from perflab.system.variant import variant
        system = load_system({str(write_system())!r})
        with launch(system, variant(system, "baseline"), Path({str(tmp_path / "trial")!r})) as running:
            print(running.processes["server"].pid, flush=True)
            time.sleep(60)
    """)
    )
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert gone(pid)
