"""Command line of the Gemini Live stand-in: python -m perflab.standins.live --port 0 --cert-dir DIR --log FILE."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from perflab.errors import UsageError
from perflab.standins.faults import LIVE_FAULTS, parse_faults
from perflab.standins.latency import PROFILES, profile_named

if TYPE_CHECKING:
    from perflab.standins.live.server import LiveServer


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="perflab.standins.live", description="Gemini Live stand-in on one TLS port")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="0 = any; the port is printed")
    parser.add_argument(
        "--latency", default="aa-fast", help="think time after the end of a turn: " + ", ".join(PROFILES)
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--cert-dir", type=Path, required=True, help="ca.pem and the server's key go here")
    parser.add_argument("--log", type=Path, required=True, help="row log, one service row per turn")
    parser.add_argument("--tool-every", type=int, default=3, help="every n-th turn calls a tool; 0 = never")
    parser.add_argument("--pace", type=float, default=4.0, help="reply audio is sent at this many times real time")
    parser.add_argument("--connection-lifetime-s", type=float, default=0.0, help="goAway, then close; 0 = never")
    parser.add_argument("--api-key", default="", help='the only key taken; default: any that does not begin with "bad"')
    parser.add_argument("--faults", default="", help="specification or file: " + ", ".join(LIVE_FAULTS))
    return parser


def server_from(arguments: list[str]) -> LiveServer:
    """Return the server that a command line asks for; raises UsageError with the argument at fault.

    ca.pem is written before anything that takes long is imported: who waits for it need not wait for the rest.
    """
    args = _parser().parse_args(arguments)
    if not 0.1 <= args.pace <= 1000.0:
        raise UsageError(f"--pace {args.pace:g}", "must be 0.1 to 1000")
    if args.tool_every < 0 or args.connection_lifetime_s < 0:
        raise UsageError("--tool-every and --connection-lifetime-s", "must not be negative")
    faults = parse_faults(args.faults, LIVE_FAULTS)
    latency = profile_named(args.latency)
    from perflab.standins.tls import certificate_names, make_certificates

    tls = make_certificates(args.cert_dir, certificate_names(args.host))
    from perflab.standins import process
    from perflab.standins.live.server import LiveServer
    from perflab.standins.live.world import Options

    process.check_port(args.port)
    options = Options(latency, args.seed, args.tool_every, args.pace, args.connection_lifetime_s, args.api_key)
    return LiveServer(args.host, args.port, args.cert_dir, args.log, options, faults, tls)


def main(arguments: list[str] | None = None) -> int:
    """Run the stand-in until SIGTERM; return the exit code."""
    from perflab.standins import process

    return process.run_command(server_from, arguments)


if __name__ == "__main__":
    sys.exit(main())
