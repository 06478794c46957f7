"""What a variant named on a command line does not do is said before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from perflab.cli.chosen_variant import chosen_variant
from perflab.errors import UsageError
from perflab.system.load_file import load_system


def test_a_value_whose_needs_are_not_met_is_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    system = load_system(root / "data/systems/voice_gateway.toml")
    assert chosen_variant(system, "baseline+cache_write=behind").flags["cache_write"] == "behind"
    said = capsys.readouterr()
    assert "cache_write=behind needs cache = l1 or l2 or l1_l2, and it is off: it does nothing" in said.err
    assert not said.out


@pytest.mark.parametrize("name", ["baseline", "optimised", "baseline+cache=l1+cache_write=behind"])
def test_a_variant_that_has_what_it_needs_is_not_remarked_upon(
    name: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen_variant(load_system(root / "data/systems/voice_gateway.toml"), name)
    assert not capsys.readouterr().err


def test_an_unknown_variant_is_refused(root: Path) -> None:
    with pytest.raises(UsageError, match="Unknown variant"):
        chosen_variant(load_system(root / "data/systems/voice_gateway.toml"), "faster")
