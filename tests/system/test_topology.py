"""The connections that a file states are found, and none that it does not."""

from __future__ import annotations

from pathlib import Path

from perflab.system.load_file import load_system
from perflab.system.topology import GENERATOR, topology


def test_the_gateway_calls_its_stand_ins_and_the_generator_calls_the_gateway(root: Path) -> None:
    found = topology(load_system(root / "data/systems/voice_gateway.toml"))
    servers = {n.name for n in found.nodes if n.role == "server"}
    assert servers >= {"postgres", "redis"}
    called = {"live", "codegen", *servers}
    assert {(a, b) for a, b, _ in found.edges} == {(GENERATOR, "gateway"), *(("gateway", name) for name in called)}
    assert {over for a, _, over in found.edges if a == GENERATOR} >= {"voice", "api"}
    assert {n.name for n in found.nodes if n.optional} >= {"postgres", "redis"}
    assert "gateway to live" in found.sentence and "stand-ins: live, codegen" in found.sentence


def test_a_service_with_a_server_that_every_variant_uses(root: Path) -> None:
    found = topology(load_system(root / "tests/systems/notes/notes.toml"))
    assert found.edges == ((GENERATOR, "notes", "http"), ("notes", "redis", ""))
    assert not any(n.optional for n in found.nodes)
