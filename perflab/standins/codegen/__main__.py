"""Command line of the code generator's stand-in: python -m perflab.standins.codegen --port 0 --log FILE."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from perflab.errors import UsageError
from perflab.standins import process
from perflab.standins.codegen.server import STREAMS, CodegenServer
from perflab.standins.codegen.troubles import TROUBLES
from perflab.standins.faults import CODEGEN_FAULTS, parse_faults
from perflab.standins.latency import PROFILES, profile_named


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="perflab.standins.codegen", description="Code generator stand-in over HTTP")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="0 = any; the port is printed")
    parser.add_argument("--latency", default="codegen-120", help="think time: " + ", ".join(PROFILES))
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--log", type=Path, required=True, help="row log, one service row per request")
    parser.add_argument(
        "--faults",
        default="none",
        help=f"a trouble ({', '.join(TROUBLES)}), a specification or a file: {', '.join(CODEGEN_FAULTS)}",
    )
    parser.add_argument("--streams", type=int, default=STREAMS, help="requests of an HTTP/2 connection before GOAWAY")
    return parser


def server_from(arguments: list[str]) -> CodegenServer:
    """Return the server that a command line asks for; raises UsageError with the argument at fault."""
    args = _parser().parse_args(arguments)
    process.check_port(args.port)
    if args.streams < 1:
        raise UsageError(f"--streams {args.streams}", "must be at least 1")
    faults = parse_faults(TROUBLES.get(args.faults, args.faults), CODEGEN_FAULTS)
    profile = profile_named(args.latency).name
    return CodegenServer(args.host, args.port, args.log, profile, args.seed, faults, args.streams)


def main(arguments: list[str] | None = None) -> int:
    """Run the stand-in until SIGTERM; return the exit code."""
    return process.run_command(server_from, arguments)


if __name__ == "__main__":
    sys.exit(main())
