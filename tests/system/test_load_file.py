"""A system's file: what is wrong with it is said in one clear line each."""

from __future__ import annotations

from pathlib import Path

import pytest

from perflab.errors import SystemFileError
from perflab.system.load_file import check_system, load_system


def test_the_built_in_system_has_no_fault(root):
    system, faults = check_system(root / "data/systems/voice_gateway.toml")
    assert faults == [] and system is not None
    assert [s.name for s in system.scenario] == ["normal", "peak", "stress", "spike"]


def test_the_second_system_has_no_fault(root):
    assert check_system(root / "tests/systems/notes/notes.toml")[1] == []


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(SystemFileError, match="no such file") as caught:
        load_system(tmp_path / "none.toml")
    assert "\n" not in str(caught.value)


def test_broken_toml_names_the_line(tmp_path):
    path = tmp_path / "broken.toml"
    path.write_text("schema = 1\nname = [", encoding="utf-8")
    assert "not valid TOML" in check_system(path)[1][0]


URL = '"http://127.0.0.1:{port:http}"'
READY = 'ready = { http = "http://127.0.0.1:{port:http}/"'


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('title = "A small server"', 'title = "x"\ntitel = "y"', "titel: unknown key"),
        ('title = "A small server"', "", "title: is required and missing"),
        ('judge = "optimised"', 'judge = "best"', "must be baseline or optimised"),
        ('optimised = "fast"', 'optimised = "faster"', "must be one of"),
        ('file = "load.py"', 'file = "nowhere.py"', "load.file = 'nowhere.py': no such file"),
        ('primary = "SomeUser"', 'primary = "Other"', "primary = 'Other' must be one of"),
        ('"{port:http}", "--bind"', '"{prot:http}", "--bind"', "unknown placeholder {prot:http}"),
        ('http = "http://127.0.0.1:{port:http}/", timeout_s', 'http = "", timeout_s', "exactly one of http"),
        ("schema = 1", "schema = 2", "this perflab reads schema 1"),
        (
            f"[endpoints]\nhttp = {URL}",
            f"[endpoints]\nhttp = {URL.replace('http}', 'htp}')}",
            "endpoints.http: no process is given port 'htp'",
        ),
        (
            f"[endpoints]\nhttp = {URL}",
            '[endpoints]\nhttp = "http://{hots}:80"',
            "endpoints.http: unknown placeholder {hots}",
        ),
        (READY, READY.replace("http}", "htp}"), "process server: ready: no process is given port 'htp'"),
        (READY, READY.replace(":{port:http}", ":80a"), "must be a URL"),
        (READY, 'ready = { tcp = "localhost"', "must be HOST:PORT"),
        (READY, 'ready = { log = "ready ["', "no regular expression"),
        (READY, READY.replace('/"', '/}"'), "Single '}' encountered"),
        ('"-m", "http.server"', '"-c", "echo }"', "process server: 'echo }': Single '}' encountered"),
        ('"-m", "http.server"', '"-c", "srv {flags}"', "{flags} in 'srv {flags}' must be an argument of its own"),
        ("command = ", 'env = { A = "{flags}" }\ncommand = ', "{flags} in '{flags}' must be an argument of its own"),
        ('flag_format = "{name}', 'flag_format = "--{nam}', "only {name} and {value} can stand in it"),
        ('"env", "{flags}", ', "", 'flag speed: no process is handed it: put "{flags}" into the command'),
        ('"env", "{flags}", ', "", "where only the load file takes it: client = true"),
        ('name = "server"\n', 'name = "server"\nrole = "standin"\n', "flag speed: no process is handed it"),
        ("command = ", 'cwd = "nowhere"\ncommand = ', "cwd = 'nowhere': no such folder"),
        ('{ value = "slow" }, ', '{ value = "slow" }, { value = "slow" }, ', "values names slow twice"),
        ('"env", "{flags}", "{python}"', '"env", "{flags}", "no-such-program"', "command = ['no-such-program', ...]"),
        ('"env", "{flags}", "{python}"', '"/no/such", "{flags}", "{python}"', "command = ['/no/such', ...]: no such"),
        ("users = { SomeUser = 1 }", "users = { SomeUser = 1, Byer = 1 }", "load.users names 'Byer'"),
        (
            'command = ["env"',
            'command = "python -m shop"#["env"',
            "process.0.command: must be a list, such as ['python",
        ),
        ("[[scenario]]", "[scenario]", "scenario: must be a list, such as [[...]] in place of [...]"),
        (
            "[[flag]]",
            '[[spans.sum]]\nname = "own"\nrole = "added"\nrows = "request"\nplus = ["a"]\nminus = ["b"]\n[[flag]]',
            "spans.sum 'own': rows = 'request' is the unit of work",
        ),
        (
            "[[flag]]",
            '[[spans.sum]]\nname = "own"\nrows = "turn"\nplus = ["a"]\nminus = ["b"]\n[[flag]]',
            "sum 'own': rows is for role added",
        ),
        ("[[flag]]", "[ports]\nhttp = 99999\n[[flag]]", "ports.http: Input should be less than or equal to 65535"),
        (
            "[[flag]]",
            '[metrics]\nurl = "http://127.0.0.1:{port:metrics}/"\n[[flag]]',
            "metrics.url: no process is given port",
        ),
        (
            "[[flag]]",
            '[[server]]\nname = "s"\nkind = "redis"\nsettings = { a = "}" }\n[[flag]]',
            "setting a = '}': Single '}'",
        ),
    ],
)
def test_each_fault_has_its_line(write_system, old, new, expected):
    path = write_system()
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    faults = check_system(path)[1]
    assert any(expected in fault for fault in faults), faults
    assert all("\n" not in fault for fault in faults)


def test_one_fault_in_a_list_is_one_line(write_system):
    path = write_system()
    path.write_text(path.read_text().replace("[[process]]", '[[process]]\nworkdir = "."', 1))
    assert check_system(path)[1] == ["process.0.workdir: unknown key"]


def test_an_empty_list_is_still_a_fault(write_system):
    path = write_system()
    head, _, rest = path.read_text().partition("[[scenario]]")
    path.write_text(f"scenario = []\n{head}[[flag]]{rest.partition('[[flag]]')[2]}")
    assert [fault.partition(":")[0] for fault in check_system(path)[1]] == ["scenario"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("class SomeUser(\n", "load.file = 'load.py', line 1: not valid Python"),
        ("class Other: ...\n", "holds no such class; it defines Other"),
        ("def SomeOther(): ...\n", "it defines none"),
        ("class SomeUser: ...\n", ""),
        ("from base import SomeUser\n", ""),
        ("from base import *\n", ""),
        ("import base as SomeUser\n", ""),
        ("try:\n    from base import SomeUser\nexcept ImportError:\n    SomeUser = None\n", ""),
        ("if True:\n    class SomeUser: ...\n", ""),
        ("SomeUser = type('SomeUser', (), {})\n", ""),
        ("for name in ('SomeUser',):\n    globals()[name] = type(name, (), {})\n", ""),
        ("match 1:\n    case _:\n        class SomeUser: ...\n", ""),
    ],
)
def test_a_load_file_holds_the_users_that_are_named(write_system, text, expected):
    path = write_system()
    (path.parent / "load.py").write_text(text, encoding="utf-8")
    faults = check_system(path)[1]
    assert len(faults) == bool(expected) and all(expected in fault for fault in faults), faults


def test_a_user_without_weight_is_not_asked_for(write_system):
    path = write_system()
    path.write_text(path.read_text().replace("users = { SomeUser = 1 }", "users = { SomeUser = 1, Admin = 0 }"))
    assert check_system(path)[1] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('command = ["env", "{flags}", "{python}"', 'env = { PATH = "/opt/own" }\ncommand = ["node", "{flags}", "x"'),
        ('"env", "{flags}", "{python}"', '"env", "PATH=/opt/own", "{flags}", "node"'),
    ],
)
def test_a_program_on_a_path_of_the_processs_own_is_left_to_the_start(write_system, old, new):
    path = write_system()
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    assert check_system(path)[1] == []


def test_who_starts_nothing_needs_no_program(write_system):
    path = write_system('["no-such-program", "{port:http}", "{flags}"]')
    assert load_system(path, starts=False).name == "small"
    with pytest.raises(SystemFileError, match="no such program"):
        load_system(path)


def test_a_missing_file_says_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = check_system(Path("data/systems/voice_gateway.toml"))[1][0]
    assert str(tmp_path / "data/systems/voice_gateway.toml") in told and told.count("voice_gateway") == 1


def test_a_strategy_must_be_in_the_catalogue_that_the_file_names(write_system, root):
    path = write_system()
    assert check_system(path)[1] == []  # names no catalogue
    catalogue = root / "data/catalogue/strategies.toml"
    text = path.read_text().replace('title = "A', f'strategies = "{catalogue}"\ntitle = "A', 1)
    path.write_text(text.replace('"S-1"', '"ST-CACHE-02"'))
    assert check_system(path)[1] == []
    path.write_text(text.replace('"S-1"', '"ST-NOPE-99"'))
    assert check_system(path)[1] == ["flag speed: value 'fast': strategies has no ST-NOPE-99"]


def test_a_flag_that_only_chooses_a_server_is_heard_by_its_url(write_system):
    path = write_system(extra='[[server]]\nname = "store"\nkind = "redis"\nwhen = { speed = ["fast"] }\n')
    path.write_text(path.read_text().replace('"env", "{flags}", ', "", 1))
    assert check_system(path)[1] == []


def test_a_flag_that_the_load_file_alone_takes_needs_no_process(write_system):
    path = write_system()
    text = path.read_text().replace('"env", "{flags}", ', "", 1)
    path.write_text(text.replace('optimised = "fast"', 'optimised = "fast"\nclient = true'))
    assert check_system(path)[1] == []


@pytest.mark.parametrize("kind", ["latency", "megabytes_per_min"])
def test_all_faults_are_told_at_once(write_system, kind):
    extra = f'[target_scenario]\nT-1 = "nope"\n[[measure]]\nmetric = "m"\nkind = "{kind}"\n'
    faults = check_system(write_system(extra=extra))[1]
    assert any("nope" in f for f in faults) and any("needs rows" in f for f in faults)


def test_texts_that_are_filled_in_have_no_fault(write_system):
    path = write_system(extra="[ports]\nown = 8123\n")
    text = path.read_text()
    text = text.replace(
        f"[endpoints]\nhttp = {URL}", f'[endpoints]\nhttp = {URL}\nfixed = "http://127.0.0.1:{{port:own}}"'
    )
    text = text.replace("command = [", 'env = { A = "{{}} {trial_dir}" }\ncwd = "."\ncommand = [').replace(
        'flag_format = "{name}={value}"', 'flag_format = "--{name}={value!s}"'
    )
    path.write_text(
        text.replace('"127.0.0.1"]', '"127.0.0.1", "{flags}"]').replace(
            READY, 'ready = { tcp = "127.0.0.1:{port:http}"'
        )
    )
    assert check_system(path)[1] == []
