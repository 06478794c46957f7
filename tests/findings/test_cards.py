"""The cards of the strategy guide: each is of a known strategy, its code exists, and it states no figure of a run."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from perflab.errors import SystemFileError, UsageError
from perflab.findings.catalogue import load_cards, load_strategies
from perflab.system.load_file import load_system

ROOT = Path(__file__).resolve().parents[2]
STRATEGIES = load_strategies(ROOT / "data/catalogue/strategies.toml")
CARDS = load_cards(ROOT / "data/catalogue/strategy_cards.toml", STRATEGIES)
TEXT = "x" * 40
OWN = f"""[[card]]
id = "ST-CACHE-02"
mechanism = "{TEXT}"
pays = "{TEXT}"
turns = "{TEXT}"
parts = "{TEXT}"
failure = "{TEXT}"
rollback = "{TEXT}"
monitor = "{TEXT}"
"""


def test_every_strategy_that_the_built_in_system_realises_has_a_card():
    system = tomllib.loads((ROOT / "data/systems/voice_gateway.toml").read_text(encoding="utf-8"))
    realised = {value["strategy"] for flag in system["flag"] for value in flag["values"] if value.get("strategy")}
    assert realised and realised <= {card.id for card in CARDS}


def test_every_strategy_that_a_laboratory_names_is_known_and_has_a_card():
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "perflab/experiments").rglob("*.py"))
    named = set(re.findall(r"\bST-[A-Z]+-\d+\b", sources))
    assert len(named) > 50 and named <= {strategy.id for strategy in STRATEGIES}
    assert sorted(named - {card.id for card in CARDS}) == []


def test_every_card_points_to_code_that_exists_and_judges_nothing():
    assert len(CARDS) >= 58
    for card in CARDS:
        assert all((ROOT / path).exists() for path in card.code), card.id
        text = " ".join(str(value) for value in card.model_dump().values())
        assert not re.search(r"\b(better|worse)\b", text, re.IGNORECASE), card.id  # verdicts come from findings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            OWN.replace("ST-CACHE-02", "ST-CACHE-99"),
            "card ST-CACHE-99: There is no ST-CACHE-99 .*near it are ST-CACHE-01",
        ),
        (OWN.replace("ST-CACHE-02", "CACHE"), "card CACHE: id"),
        (OWN.replace(f'monitor = "{TEXT}"', ""), "card ST-CACHE-02: monitor"),
        (OWN.replace(f'mechanism = "{TEXT}"', 'mechanism = "fast"'), "card ST-CACHE-02: mechanism"),
        (OWN + 'gain = "40 %"\n', "card ST-CACHE-02: gain"),
        (OWN + OWN, "ST-CACHE-02 to two records"),
        ("", r"holds no \[\[card\]\]"),
    ],
)
def test_a_wrong_card_is_one_line_with_its_name(tmp_path, text, message):
    path = tmp_path / "cards.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message) as caught:
        load_cards(path, STRATEGIES)
    assert "\n" not in str(caught.value)


def test_a_system_with_a_wrong_card_is_refused_when_it_is_read(tmp_path):
    body = (ROOT / "data/systems/voice_gateway.toml").read_text(encoding="utf-8")
    body = body.replace('"../catalogue/strategy_cards.toml"', f'"{tmp_path / "cards.toml"}"')
    for name in ("../catalogue/targets.toml", "../catalogue/strategies.toml", "../../perflab/gateway"):
        body = body.replace(f'"{name}"', f'"{(ROOT / "data/systems" / name).resolve()}"')
    body = body.replace('"voice_gateway/locustfile.py"', f'"{ROOT / "data/systems/voice_gateway/locustfile.py"}"')
    system = tmp_path / "mine.toml"
    system.write_text(body, encoding="utf-8")
    (tmp_path / "cards.toml").write_text(OWN.replace("ST-CACHE-02", "ST-CACHE-99"), encoding="utf-8")
    with pytest.raises(SystemFileError, match=r"cards: cards\.toml, card ST-CACHE-99"):
        load_system(system)
    (tmp_path / "cards.toml").write_text(OWN, encoding="utf-8")
    assert load_system(system).cards.endswith("cards.toml")
    (tmp_path / "cards.toml").unlink()
    with pytest.raises(SystemFileError, match="no such file"):
        load_system(system)
