"""The registry of flags is the one in the system's TOML, and every value can be built."""

from __future__ import annotations

import subprocess
import sys
import tomllib

import pytest

from perflab.errors import UsageError
from perflab.gateway.flags import BASELINE, FLAGS, implementation, parse_flags

from .processes import ROOT

DECLARED = tomllib.loads((ROOT / "data/systems/voice_gateway.toml").read_text())["flag"]


def test_registry_equals_the_system_file() -> None:
    assert {flag["name"]: {value["value"] for value in flag["values"]} for flag in DECLARED} == {
        name: set(values) for name, values in FLAGS.items()
    }
    assert {flag["name"]: flag["values"][0]["value"] for flag in DECLARED} == BASELINE


@pytest.mark.parametrize(("flag", "value"), [(flag, value) for flag in FLAGS for value in FLAGS[flag]])
def test_every_value_has_its_entry_point(flag: str, value: str) -> None:
    module = implementation(flag, value)
    assert callable(module.serve if flag == "server" else module.build)
    assert module.__doc__


def test_flags_given_override_the_baseline_and_nothing_else() -> None:
    assert parse_flags([]) == BASELINE
    assert parse_flags(["store=pooled"]) == {**BASELINE, "store": "pooled"}


@pytest.mark.parametrize("pair", ["colour=red", "store=floppy", "store", "=pooled"])
def test_unknown_flags_are_refused_in_one_line(pair: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_flags([pair])
    assert "\n" not in str(refused.value)
    assert pair in str(refused.value)


@pytest.mark.parametrize("flags", [{}, {"server": "picows", "upstream": "raw"}])
def test_a_gateway_without_audio_stages_starts_without_what_they_import(flags: dict[str, str]) -> None:
    """A tenth of a second and 20 MB for numpy, a whole second for numba: paid by those who use them."""
    chosen = {**BASELINE, **flags}
    script = f"""
import sys
from perflab.gateway.audio.media_plane import MediaPlane
from perflab.gateway.flags import implementation
for name, value in {chosen!r}.items():
    implementation(name, value)
media = MediaPlane({chosen!r})
media.warm_up()
assert media.pipeline is None
print(sorted({{"numpy", "scipy", "numba", "av"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
