"""The commands and their options; what each does lies in a module of its own, imported when it is called."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from perflab.errors import EXIT_BROKEN, PerflabError

DEFAULT_SYSTEM = "data/systems/voice_gateway.toml"
EXIT_INTERRUPTED = 130

app = typer.Typer(
    name="perflab",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="A performance spike in a box: where time and memory go, which optimisations pay, what load the system holds.",
    epilog="Exit codes: 0 judged targets met or inconclusive, 1 a target missed, 2 the run broke, 3 trust checks "
    "refused to judge. Examples: perflab spike | perflab spike --system my.toml | perflab doctor",
)
system_app = typer.Typer(help="Look at a system's description.", no_args_is_help=True)
app.add_typer(system_app, name="system")

SystemOption = Annotated[str, typer.Option(help="The system's TOML file.")]
EffortOption = Annotated[str, typer.Option(help="quick (minutes) or full (the durations that the targets name).")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@app.command(epilog="Example: perflab spike --system data/systems/voice_gateway.toml --effort quick")
def spike(
    system: SystemOption = DEFAULT_SYSTEM,
    effort: EffortOption = "quick",
    seed: Annotated[int, typer.Option(help="Seed of all synthetic data and orders.")] = 7,
    resume: Annotated[str, typer.Option(help="Go on with an interrupted run: its id or folder.")] = "",
    only: Annotated[str, typer.Option(help="Comma list of notebooks to run instead of all.")] = "",
    plant: Annotated[str, typer.Option(help="Planted defects for testing the instruments, e.g. late=40.")] = "",
    time_scale: Annotated[
        float, typer.Option(min=0.05, max=10, help="Multiply every duration (to try things out).")
    ] = 1.0,
) -> None:
    """Run the whole study of a system and write its report."""
    from perflab.cli.spike import run_spike

    raise typer.Exit(run_spike(system, effort, seed, resume, only, plant, time_scale))


@app.command(epilog="Example: perflab notebook 11_baseline_load -p effort quick -p rng_seed 7")
def notebook(
    name: Annotated[str, typer.Argument(help="A notebook's name, such as 11_baseline_load, or a path.")],
    parameter: Annotated[
        list[str] | None,
        typer.Option("-p", "--parameter", metavar="NAME VALUE", help="A parameter of the notebook; may be repeated."),
    ] = None,
) -> None:
    """Run one notebook by the strict runner."""
    from perflab.cli.notebook import run_one

    raise typer.Exit(run_one(name, parameter or []))


@system_app.command("check", epilog="Example: perflab system check my_system.toml")
def system_check(file: Annotated[str, typer.Argument(help="The TOML file.")], json_: JsonOption = False) -> None:
    """Say what is wrong with a system's file, one line for each fault."""
    from perflab.cli.system import check

    raise typer.Exit(check(Path(file), json_))


@app.command(epilog="Example: perflab load --users 50 --seconds 20 --variant optimised")
def load(
    system: SystemOption = DEFAULT_SYSTEM,
    variant: Annotated[str, typer.Option(help="baseline, optimised, or baseline+flag=value.")] = "baseline",
    users: Annotated[int, typer.Option(min=1, max=100_000, help="Closed-load users.")] = 10,
    seconds: Annotated[float, typer.Option(min=1, help="Length of the load.")] = 20.0,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Load workers on this machine.")] = 1,
    master: Annotated[str, typer.Option(help="HOST:PORT of a load master: this machine only adds workers.")] = "",
    condition: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of the system's conditions.")] = None,
    json_: JsonOption = False,
) -> None:
    """Start a variant, drive it, and print response times with intervals."""
    from perflab.cli.load import run_load_command

    raise typer.Exit(run_load_command(system, variant, users, seconds, workers, master, condition or [], json_))


@app.command(epilog="Example: perflab profile --variant optimised, or: perflab profile -- python my_script.py")
def profile(
    command: Annotated[list[str] | None, typer.Argument(help="A plain command to profile instead of a system.")] = None,
    system: SystemOption = DEFAULT_SYSTEM,
    variant: Annotated[str, typer.Option(help="The variant to profile.")] = "baseline",
    seconds: Annotated[float, typer.Option(min=3, help="Length of each instrument's window.")] = 8.0,
    json_: JsonOption = False,
) -> None:
    """Profile a system under load, or a command, with py-spy, scalene and memray; print one ranking."""
    from perflab.cli.profile import run_profile

    raise typer.Exit(run_profile(command or [], system, variant, seconds, json_))


@app.command(epilog="Example: perflab report   (all pages again, from what is stored)")
def report(run: Annotated[str, typer.Argument(help="A run's id or folder; empty = the newest.")] = "") -> None:
    """Build a run's pages and the index again from stored findings and samples."""
    from perflab.cli.report import rebuild

    raise typer.Exit(rebuild(run))


@app.command()
def runs(json_: JsonOption = False) -> None:
    """List the stored runs, newest first."""
    from perflab.cli.runs import show_runs

    raise typer.Exit(show_runs(json_))


@app.command(epilog="Example: perflab bench gateway --json bars.json")
def bench(
    name: Annotated[str, typer.Argument(help="A family of benchmarks: gateway, plants.")],
    json_file: Annotated[str, typer.Option("--json", help="Also write the bars to this file.")] = "",
    only: Annotated[str, typer.Option(help="Comma list of bar ids.")] = "",
) -> None:
    """Measure a family of bars side by side and print what was asked and what was seen."""
    from perflab.cli.bench import run_bench

    raise typer.Exit(run_bench(name, json_file, only))


@app.command()
def doctor(json_: JsonOption = False) -> None:
    """Say what this machine can and cannot measure, with the line that mends it."""
    from perflab.cli.doctor import show_capabilities

    raise typer.Exit(show_capabilities(json_))


def main() -> None:
    """Run the command line; every expected error is one line on stderr and an exit code."""
    try:
        app(args=_joined_parameters(sys.argv[1:]))
    except PerflabError as error:
        typer.echo(f"perflab: {error}", err=True)
        code = error.exit_code
    except KeyboardInterrupt:
        typer.echo("perflab: interrupted", err=True)
        code = EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe has gone: nothing more can be said, which is not an error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_BROKEN
    else:
        return
    sys.exit(code)


def _joined_parameters(argv: list[str]) -> list[str]:
    """Let `-p NAME VALUE` (papermill's form) mean `-p NAME=VALUE`."""
    out: list[str] = []
    words = list(argv)
    while words:
        word = words.pop(0)
        if word == "--":
            return [*out, word, *words]
        if word in ("-p", "--parameter") and len(words) >= 2 and "=" not in words[0]:
            out += [word, f"{words.pop(0)}={words.pop(0)}"]
        else:
            out.append(word)
    return out
