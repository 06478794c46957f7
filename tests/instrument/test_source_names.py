"""Names of files and functions are the same whoever looks and wherever the code lies."""

from pathlib import Path

from perflab.instrument.source_map import file_spans, folded
from perflab.instrument.source_tree import SourceTree

SOURCE = """
import asyncio

@decorate
@again
def outer(a):
    values = [
        x ** 3.3
        for x in a
    ]
    def inner():
        return (lambda: 1)()
    return values

class Box:
    @property
    def size(self):
        for i in range(3):
            i += 1
        while ready():
            call()

def one_line(): return 1

def main():
    asyncio.run(outer())
    subprocess.run("x")
"""


def spans(tmp_path: Path):
    path = tmp_path / "code.py"
    path.write_text(SOURCE)
    return file_spans(path)


def line_of(text: str) -> int:
    return next(n for n, line in enumerate(SOURCE.splitlines(), 1) if text in line)


def test_comprehensions_and_lambdas_fold_into_their_function(tmp_path):
    found = spans(tmp_path)
    assert found.function(line_of("x ** 3.3")) == "outer"
    assert found.function(line_of("lambda")) == "outer.inner"
    assert found.function(line_of("i += 1")) == "Box.size"
    assert found.function(line_of("import asyncio")) == "<module>"


def test_header_lines_are_defs_and_decorators_but_no_one_line_body(tmp_path):
    found = spans(tmp_path)
    assert {line_of("@decorate"), line_of("def outer"), line_of("def size")} <= found.headers
    assert line_of("values = [") not in found.headers
    assert line_of("def one_line") not in found.headers


def test_loops_without_a_call_are_known_because_their_lines_are_modelled(tmp_path):
    found = spans(tmp_path)
    assert line_of("i += 1") in found.callfree
    assert line_of("call()") not in found.callfree


def test_only_a_line_that_runs_an_event_loop_counts_as_one(tmp_path):
    found = spans(tmp_path)
    assert line_of("asyncio.run") in found.loop_lines
    assert line_of("subprocess.run") not in found.loop_lines


def test_a_file_that_is_gone_or_broken_has_no_spans(tmp_path):
    (tmp_path / "broken.py").write_text("def (:")
    assert file_spans(tmp_path / "broken.py").spans == []
    assert file_spans(tmp_path / "absent.py").spans == []


def test_names_of_every_instrument_fold_to_one():
    assert folded("churn.<locals>.<listcomp>") == "churn"
    assert folded("Handle._run") == "_run"
    assert folded("<module>") == "<module>"


def test_files_are_named_the_same_on_every_machine(tmp_path):
    tree = SourceTree(tmp_path)
    assert tree.name(f"{tmp_path}/pkg/a.py") == "pkg/a.py"
    assert tree.name("/x/venv/lib/python3.12/site-packages/google/genai/live.py") == "<site>/google/genai/live.py"
    assert tree.name("/usr/lib/python3.11/asyncio/events.py") == "<stdlib>/asyncio/events.py"
    assert tree.name("") == "<native>"
    assert tree.package("<site>/google/genai/live.py") == "google.genai"
    assert tree.package("<site>/websockets/frames.py") == "websockets"
    assert tree.package("<stdlib>/asyncio/events.py") == "python: asyncio"
    assert tree.package("pkg/a.py") == ""


def test_a_virtual_environment_below_the_root_is_no_own_code(tmp_path):
    assert not SourceTree(tmp_path).is_own(f"{tmp_path}/.venv/lib/python3.11/site-packages/x/y.py")
    assert SourceTree(tmp_path).is_own(f"{tmp_path}/x/y.py")


def test_own_code_below_a_link_is_own_by_the_name_of_the_link_and_by_its_place(tmp_path):
    (tmp_path / "real" / "app").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    tree = SourceTree(tmp_path / "link" / "app")
    for path in (tmp_path / "link/app/work.py", tmp_path / "real/app/work.py"):
        assert tree.is_own(str(path)) and tree.name(str(path)) == "work.py"
    assert not tree.is_own(str(tmp_path / "link/application/work.py"))
