"""Start a variant of a system with the world around it, watch it, and stop all of it whatever happens."""

from __future__ import annotations

import itertools
import os
import secrets
import string
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from perflab import lifeline
from perflab.errors import SystemFailure
from perflab.system.cores import Cores, default_cores
from perflab.system.ports import choose_ports
from perflab.system.probe import readiness
from perflab.system.process import ManagedProcess, start_process, wait_for
from perflab.system.served import require_served
from perflab.system.servers.kinds import Settings
from perflab.system.servers.own import require_reachable
from perflab.system.servers.server import EmbeddedServer, start_server
from perflab.system.spec import System
from perflab.system.tables.processes import Process, Server
from perflab.system.variant import Variant

Wrap = Callable[[list[str], dict[str, str]], tuple[list[str], dict[str, str]]]

PYTHON = "{python}"  # in a command: the interpreter that perflab itself runs in
SWEEP_S = 0.5  # what gets a signal to end by itself before it is killed


@dataclass
class RunningSystem:
    """A started system: where to reach it, its processes, and what it was started as."""

    system: System
    variant: Variant
    trial_dir: Path
    cores: Cores
    endpoints: dict[str, str]
    metrics_url: str
    processes: dict[str, ManagedProcess] = field(default_factory=dict)
    servers: dict[str, EmbeddedServer] = field(default_factory=dict)
    mark: str = ""  # an environment variable that all of its processes carry, and nobody else

    def check_alive(self) -> None:
        """Raise SystemFailure when any process has ended."""
        for process in self.processes.values():
            process.check_alive()

    def watched(self) -> dict[str, tuple[str, int]]:
        """Return name to (role, pid) of every process, for the resource sampler."""
        return {p.name: (p.role, p.pid) for p in self.processes.values()}

    def pin(self) -> None:
        """Give the system its cores and the world around it the others, children of the processes too."""
        for process in self.processes.values():
            process.stay_on(self.cores.system if process.role == "system" else self.cores.others)

    def stop(self) -> dict[str, int]:
        """Stop all processes, last started first, and return their exit codes; servers leave nothing behind.

        Whoever interrupts this waits no longer for the others, but they are ended all the same; so is what a process
        started in a session of its own, which no group reaches.
        """
        codes: dict[str, int] = {}
        with ExitStack() as stack:  # calls all, last pushed first, whatever one of them raises
            for server in self.servers.values():
                stack.callback(server.stop)
            stack.callback(self._sweep)
            for process in self.processes.values():
                stack.push(_ending(process, codes))
        return codes

    def _sweep(self) -> None:
        if self.mark and lifeline.marked(self.mark, "1"):
            lifeline.sweep(self.mark, "1", SWEEP_S)


def _ending(process: ManagedProcess, codes: dict[str, int]) -> Callable[..., None]:
    """Return what ends a process as the stack of endings unwinds: at once when an ending before it failed."""

    def end(kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            codes[process.name] = process.stop()
        else:
            process.kill()

    return end


@contextmanager
def launch(
    system: System,
    variant: Variant,
    trial_dir: Path,
    *,
    conditions: dict[str, str] | None = None,
    seed: int = 7,
    cores: Cores | None = None,
    wrap: dict[str, Wrap] | None = None,
    plant: str = "",
) -> Iterator[RunningSystem]:
    """Start every process of the system, wait until all are ready, and stop them on the way out.

    `wrap` changes the command and environment of single processes (a profiler around the system); `plant` is
    handed to the processes that take planted defects. The servers that the variant uses start before everything, on
    their own cores (what they fork stays there); stand-ins start first and all are awaited together; what perflab's
    own Python runs starts on all cores, which halves the wait, and is pinned to its own when all are ready.
    """
    trial_dir.mkdir(parents=True, exist_ok=True)
    cores = cores or default_cores()
    render = _Renderer(system, variant, trial_dir.resolve(), conditions or system.conditions(), seed)
    running = RunningSystem(system, variant, trial_dir.resolve(), cores, {}, "")
    running.mark = f"PERFLAB_SYSTEM_{secrets.token_hex(8)}"
    try:
        _start_servers(running, render)
        running.endpoints = {name: render(text) for name, text in system.endpoints.items()}
        running.metrics_url = render(system.metrics.url)
        early = [p for p in system.process if p.role == "standin" or p.after]
        late = [p for p in system.process if p not in early]
        for group in (early, late):
            for process in sorted(group, key=lambda p: bool(p.after)):
                _await_file(process, running, render)
                running.processes[process.name] = _start(
                    process, render, running, (wrap or {}).get(process.name), plant
                )
            for process in group:
                started = running.processes[process.name]
                probe, what = readiness(process.ready, render, started.log_path)
                wait_for(probe, started, process.ready.timeout_s, what)
        running.pin()
        # A server of the user's own is not started here, and may be an endpoint all the same.
        own = {name: url for name, url in running.endpoints.items() if "{server:" not in system.endpoints[name]}
        require_served(own, list(running.processes.values()))
        yield running
    finally:
        running.stop()


def _start_servers(running: RunningSystem, render: _Renderer) -> None:
    """Start the servers that the variant uses, or see that the user's own are there, and tell their URLs."""
    for server in running.system.server:
        if not server.needed_by(running.variant.flags):
            render.servers[server.name] = ""
        elif server.own_url:
            require_reachable(server.name, server.own_url)
            render.servers[server.name] = server.own_url
        else:
            cores = running.cores.system if server.role == "system" else running.cores.others
            log = running.trial_dir / f"{server.name}.log"
            started = start_server(
                server.kind, server.name, log, settings=_settings(server, running, render), role=server.role,
                cores=cores,
            )  # fmt: skip
            running.servers[server.name], running.processes[server.name] = started, started.process
            render.servers[server.name] = started.url


def _settings(server: Server, running: RunningSystem, render: _Renderer) -> Settings:
    """Fill the placeholders of a server's settings; what refers to another server needs one that perflab started."""
    for text in server.settings.values():
        names = [spec for _, field, spec, _ in string.Formatter().parse(str(text)) if field == "server"]
        if lacking := [name for name in names if name not in running.servers]:
            raise SystemFailure(
                f"Server {server.name} follows {lacking[0]}, which perflab did not start",
                "a server of your own is not copied",
                f"Set {server.url_env or 'its url'} to the url of a replica of your own",
            )
    return {key: render(value) if isinstance(value, str) else value for key, value in server.settings.items()}


def _await_file(process: Process, running: RunningSystem, render: _Renderer) -> None:
    """Wait for the file that a process names in `after`, while all that runs already stays alive."""
    if not process.after:
        return
    path, deadline = Path(render(process.after)), time.monotonic() + process.ready.timeout_s
    while not path.exists():
        running.check_alive()
        if time.monotonic() > deadline:
            raise SystemFailure(
                f"Process {process.name} waits for {path}, which did not come in {process.ready.timeout_s:g} s"
            )
        time.sleep(0.02)


class _Renderer:
    """Fill the placeholders of a system's texts."""

    def __init__(
        self, system: System, variant: Variant, trial_dir: Path, conditions: dict[str, str], seed: int
    ) -> None:
        self.system, self.variant, self.trial_dir = system, variant, trial_dir
        self.conditions, self.ports = conditions, choose_ports(system)
        self.servers: dict[str, str] = {}
        self.plain = {
            "python": sys.executable,
            "trial_dir": str(trial_dir),
            "seed": str(seed),
            "system_dir": str(system.path.parent),
        }

    def __call__(self, text: str) -> str:
        return "".join(literal + self._value(name, spec) for literal, name, spec, _ in string.Formatter().parse(text))

    def _value(self, name: str | None, spec: str | None) -> str:
        if name is None:
            return ""
        if name == "port":
            return str(self.ports[spec or ""])
        if name == "server":
            return self.servers[spec or ""]
        return self.conditions[spec or ""] if name == "condition" else self.plain[name]

    def command(self, process: Process) -> list[str]:
        """Return the process's argv; `{flags}` becomes one argument for each flag that is not the clients' alone."""
        theirs = {flag.name for flag in self.system.flag if flag.client}
        told = {name: value for name, value in self.variant.flags.items() if name not in theirs}
        argv: list[str] = []
        for part in process.command:
            if part == "{flags}":
                argv += [process.flag_format.format(name=n, value=v) for n, v in told.items()]
            else:
                argv.append(self(part))
        return argv


def _first_cores(process: Process, cores: Cores) -> tuple[int, ...]:
    """Return the cores on which a process starts, before all are pinned.

    perflab's own Python imports on all of them, which halves the wait. Others size their pools and collectors by the
    cores that they find at the start, and keep to that: they start where they will run.
    """
    if PYTHON in process.command:
        return tuple(sorted({*cores.system, *cores.others}))
    return tuple(sorted(cores.system if process.role == "system" else cores.others))


def _start(
    process: Process, render: _Renderer, running: RunningSystem, wrap: Wrap | None, plant: str
) -> ManagedProcess:
    env = {**os.environ, **{key: render(value) for key, value in process.env.items()}}
    env.pop("PERFLAB_PLANT", None)
    env[running.mark] = "1"
    if plant and process.plant_env:
        env[process.plant_env] = plant
    cwd = render.system.resolve(process.cwd) if process.cwd else render.trial_dir
    argv, env = _without_env(render.command(process), env)
    argv = [_program(argv[0], cwd), *argv[1:]]
    if wrap:
        argv, env = wrap(argv, env)
    return start_process(
        process.name,
        process.role,
        argv,
        env=env,
        cwd=cwd,
        log_path=render.trial_dir / f"{process.name}.log",
        cores=_first_cores(process, running.cores),
        stop_timeout_s=process.stop_timeout_s,
    )


def _program(word: str, cwd: Path) -> str:
    """Return the first word of a command as who stands in another folder finds it too: profilers ask for it there.

    No link is followed: a Python of a virtual environment knows its packages by the link to it.
    """
    return str(cwd / word) if "/" in word else word


def _without_env(argv: list[str], env: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """Return `env NAME=VALUE ... program` as the program in that environment, which is what a profiler can wrap."""
    given = list(itertools.takewhile(lambda part: "=" in part and not part.startswith("-"), argv[1:]))
    rest = argv[1 + len(given) :]
    if Path(argv[0]).name != "env" or not rest or rest[0].startswith("-"):  # an option of env: left to env
        return argv, env
    return rest, {**env, **dict(part.split("=", 1) for part in given)}
