"""The commands and their options; what each does lies in a module of its own, imported when it is called."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from perflab.cli.signals import ended_as_interrupt
from perflab.errors import EXIT_BROKEN, EXIT_OK, PerflabError

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
    context: typer.Context,
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

    typed = frozenset(
        name for name in context.params if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"
    )
    raise typer.Exit(run_spike(system, effort, seed, resume, only, plant, time_scale, typed))


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
    remote_workers: Annotated[int, typer.Option(min=0, max=1000, help="Workers of other machines to wait for.")] = 0,
    bind: Annotated[str, typer.Option(help="HOST:PORT at which they join this machine.")] = "127.0.0.1:5557",
    condition: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of the system's conditions.")] = None,
    hdr: Annotated[str, typer.Option(help="Also write an HdrHistogram interval log (.hlog) to this file.")] = "",
    json_: JsonOption = False,
) -> None:
    """Start a variant, drive it, and print response times with intervals."""
    from perflab.cli.load import RemoteWorkers, run_load_command

    remote = RemoteWorkers(master, remote_workers, bind)
    raise typer.Exit(run_load_command(system, variant, users, seconds, workers, remote, condition or [], hdr, json_))


@app.command(
    epilog="Examples: perflab profile --variant optimised | perflab profile -- python my_script.py | "
    "perflab profile --callable json:dumps --kwargs '{\"obj\":[1,2,3]}'"
)
def profile(
    command: Annotated[
        list[str] | None, typer.Argument(help="A system's TOML file, or after -- a plain command to profile.")
    ] = None,
    system: SystemOption = DEFAULT_SYSTEM,
    variant: Annotated[str, typer.Option(help="The variant to profile.")] = "baseline",
    seconds: Annotated[float, typer.Option(min=3, help="Length of each instrument's window.")] = 8.0,
    callable_: Annotated[
        str, typer.Option("--callable", help="package.module:function, called again and again in a fresh process.")
    ] = "",
    kwargs: Annotated[str, typer.Option(help="The callable's keyword arguments, as a JSON object.")] = "{}",
    source: Annotated[str, typer.Option(help="Folder of own code, of a command or callable; empty = this one.")] = "",
    reparse: Annotated[str, typer.Option(help="A run's id or folder: make its tables again from raw captures.")] = "",
    open_: Annotated[bool, typer.Option("--open", help="Open the page when it is written.")] = False,
    json_: JsonOption = False,
) -> None:
    """Profile a system under load, a command or a callable with py-spy, scalene and memray; print one ranking."""
    from perflab.cli import profile as command_line

    if reparse:
        raise typer.Exit(command_line.reparse_run(reparse, json_))
    if command and len(command) == 1 and command[0].endswith(".toml"):
        system, command = command[0], None
    if callable_ or command:
        raise typer.Exit(command_line.profile_code(command or [], callable_, kwargs, source, seconds, json_, open_))
    raise typer.Exit(command_line.run_profile(system, variant, seconds, json_, open_))


@app.command(epilog="Examples: perflab diff RUN_A RUN_B | perflab diff RUN RUN --candidate optimised")
def diff(
    run_a: Annotated[str, typer.Argument(help="The run to compare with: id, its beginning, or folder.")],
    run_b: Annotated[str, typer.Argument(help="The run to look at; may be the same one.")],
    variant: Annotated[str, typer.Option(help="The variant whose profile is taken from RUN_A.")] = "baseline",
    candidate: Annotated[str, typer.Option(help="The variant taken from RUN_B; empty = the same.")] = "",
    json_: JsonOption = False,
) -> None:
    """Say which functions cost more or less CPU per unit of work in another run or variant, with intervals."""
    from perflab.cli.diff import show_difference

    raise typer.Exit(show_difference(run_a, run_b, variant, candidate, json_))


@app.command(epilog="Example: perflab report   (all pages again, from what is stored)")
def report(
    run: Annotated[str, typer.Argument(help="A run's id or folder; empty = the newest.")] = "",
    to: Annotated[str, typer.Option(help="Copy the page, the deliverables and their figures to this folder.")] = "",
) -> None:
    """Build a run's pages and the index again from stored findings and samples."""
    from perflab.cli.report import rebuild

    raise typer.Exit(rebuild(run, to))


@app.command()
def runs(json_: JsonOption = False) -> None:
    """List the stored runs, newest first."""
    from perflab.cli.runs import show_runs

    raise typer.Exit(show_runs(json_))


@app.command(epilog="Examples: perflab compare latest~1 latest | perflab compare latest~1 latest --markdown > pr.md")
def compare(
    run_a: Annotated[str, typer.Argument(help="A run: id, unique beginning of one, folder, latest, latest~1.")],
    run_b: Annotated[str, typer.Argument(help="The run to hold against it.")],
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown for a pull request.")] = False,
    force_unlike: Annotated[
        bool, typer.Option("--force-unlike", help="Show unlike runs beside each other, without any verdict.")
    ] = False,
    json_: JsonOption = False,
) -> None:
    """Hold two runs against each other; what moved is a suspect, because the runs were not interleaved."""
    from perflab.cli.compare import show_comparison

    raise typer.Exit(show_comparison(run_a, run_b, force_unlike, json_, markdown))


@app.command(epilog="Examples: perflab history | perflab history 'CPU per turn' | perflab history --rebuild")
def history(
    metric: Annotated[str, typer.Argument(help="A metric, or a part of its name; empty lists all.")] = "",
    system: Annotated[str, typer.Option(help="Only the system of this name.")] = "",
    add: Annotated[str, typer.Option(metavar="RUN", help="First add this finished run.")] = "",
    rebuild: Annotated[bool, typer.Option("--rebuild", help="First write every finished run again.")] = False,
    json_: JsonOption = False,
) -> None:
    """Show the figures of finished runs over time, with change points and what looks worse."""
    from perflab.cli.history import show_history

    raise typer.Exit(show_history(metric, system, add, rebuild, json_))


@app.command(
    epilog="Examples: perflab gate --baseline main --always | perflab gate --baseline v1.2 --metric CPU -- --users 10 "
    "--blocks 12. After --: --users, --blocks, --units, --limit-s, --cap-s, --margin, --seed. "
    "Exit codes: 0 no regression (or undecided), 1 regression confirmed, 2 broken, 3 refused (identical arms differed)."
)
def gate(
    baseline: Annotated[
        str, typer.Option(help="The last good: a git ref, variant:NAME, or a second system file (.toml).")
    ],
    sizes: Annotated[list[str] | None, typer.Argument(metavar="-- SIZES", help="Sizes of the measurement.")] = None,
    system: SystemOption = DEFAULT_SYSTEM,
    variant: Annotated[str, typer.Option(help="The suspect's variant; empty = the one that is judged.")] = "",
    metric: Annotated[str, typer.Option(help="Name the suspect by hand: CPU, latency, p95, memory, or a metric.")] = "",
    always: Annotated[bool, typer.Option("--always", help="Measure although the history names no suspect.")] = False,
    json_file: Annotated[str, typer.Option("--json", help="Also write the result to this file.")] = "",
) -> None:
    """Measure a suspect against the last good, interleaved, with a null arm; the exit code is for CI."""
    from perflab.cli.gate import run_gate

    raise typer.Exit(run_gate(baseline, sizes or [], system, variant, metric, always, json_file))


@app.command(
    epilog="Examples: perflab bench stats --parts | perflab bench stats --only recording,quantiles --json bars.json | "
    "perflab bench gateway --only quick (a fresh clone: its set-up, its quick spike, its first finding; ten minutes)"
)
def bench(
    name: Annotated[str, typer.Argument(help="gateway, plants, stats, profiles, audio, cache or state.")],
    json_file: Annotated[str, typer.Option("--json", help="Also write the bars to this file.")] = "",
    only: Annotated[str, typer.Option(help="Comma list of parts to measure instead of all.")] = "",
    parts: Annotated[bool, typer.Option("--parts", help="List the parts and measure nothing.")] = False,
) -> None:
    """Measure a family of bars side by side and print what was asked and what was seen."""
    from perflab.cli.bench import list_parts, run_bench

    raise typer.Exit(list_parts(name) if parts else run_bench(name, json_file, only))


@app.command()
def doctor(
    codes: Annotated[bool, typer.Option(help="List every failure code with its cause and its remedy.")] = False,
    json_: JsonOption = False,
) -> None:
    """Say what this machine can and cannot measure, with the line that mends it."""
    from perflab.cli.doctor import show_capabilities, show_codes

    raise typer.Exit(show_codes(json_) if codes else show_capabilities(json_))


def main() -> None:
    """Run the command line; every expected error is one line on stderr and an exit code.

    An unexpected one is a traceback and 2: Python's own 1 would tell CI that a target was missed.
    """
    try:
        with ended_as_interrupt():
            code = _run(_joined_parameters(sys.argv[1:]))
        sys.stdout.flush()
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
    except Exception:
        traceback.print_exc()
        code = EXIT_BROKEN
    sys.exit(code)


def _run(argv: list[str]) -> int:
    """Run a command and return its exit code.

    Not by calling the app: that turns an interruption and a closed pipe into exit codes of its own, unsaid.
    """
    command = typer.main.get_command(app)
    try:
        with command.make_context("perflab", argv) as context:
            command.invoke(context)
    except typer.Exit as ended:
        return ended.exit_code
    except Exception as error:
        if not hasattr(error, "show"):
            raise
        error.show()  # a word that the command line does not know: typer says it with the usage
        return EXIT_BROKEN
    return EXIT_OK


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
