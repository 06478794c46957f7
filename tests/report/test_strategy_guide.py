"""The guide decides from every figure and condition, and says what it has not run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from perflab.findings.finding import Evidence, Finding
from perflab.report.audit import audit_page
from perflab.report.deliverables import build_deliverables
from perflab.report.deliverables.document import Block, Bullets, Rows, Text
from perflab.report.deliverables.guide import table
from perflab.report.deliverables.guide.card import strategy_card
from perflab.report.deliverables.guide.cases import ROLES, by_strategy, cases_of
from perflab.report.deliverables.guide.decision import decide
from perflab.report.deliverables.guide.forests import TITLES, forest_rows, strategy_forests
from perflab.report.deliverables.guide.table import ONE_START, evidence_of, measured_price, stated_price
from perflab.report.deliverables.strategy_guide import _forests
from perflab.report.wording import SCREENED
from tests.report.fake_run import make
from tests.report.guide_material import ALL_GOOD, compared, findings, make_guide_run
from tests.report.page_facts import PageFacts

GOOD = ALL_GOOD
FLAT = {"cpu": "equivalent", "p95": "trivial", "memory": "equivalent"}
LOSS = {"cpu": "worse", "p95": "equivalent", "memory": "equivalent"}


def decided(*cases: tuple[str, str, dict[str, str]]) -> str:
    return decide([f for setting, condition, verdicts in cases
                   for f in compared("ST-CACHE-02", setting, condition, **verdicts)])  # fmt: skip


@pytest.mark.parametrize(
    ("cases", "decision"),
    [
        ([("a=1", "hot", GOOD)], "adopt"),
        ([("a=1", "hot", GOOD), ("a=1", "cold", GOOD)], "adopt"),
        ([("a=1", "hot", {"cpu": "better"})], "adopt if the tail and memory hold"),
        ([("a=1", "hot", {"cpu": "better", "p95": "better", "stale": "better"})], "adopt if memory holds"),
        ([("a=1", "hot", GOOD | {"memory": "inconclusive"})], "adopt if peak memory holds"),
        ([("a=1", "hot", GOOD | {"stale": "inconclusive"})], "adopt if age of answers holds"),
        ([("a=1", "hot", GOOD | {"stale": "untrusted"})], "adopt if age of answers holds"),
        ([("a=1", "hot", GOOD | {"memory": "worse"})], "adopt if the price is acceptable"),
        ([("a=1", "hot", GOOD), ("a=1", "cold", GOOD | {"p95": "worse"})], "adopt if the price is acceptable (cold)"),
        ([("a=1", "hot", {"cpu": "better", "p95": "worse"})], "adopt if the price is acceptable and memory holds"),
        ([("a=1", "hot", GOOD | {"memory": "worse", "stale": "inconclusive"})],
         "adopt if the price is acceptable and age of answers holds"),
        ([("a=1", "hot", {"cpu": "better", "memory": "worse"}), ("a=1", "cold", LOSS)],
         "adopt if hot and the price is acceptable and the tail holds; not if cold"),
        ([("a=1", "hot", GOOD), ("a=1", "cold", LOSS)], "adopt if hot; not if cold"),
        ([("a=1", "hot", GOOD), ("a=1", "cold", FLAT)], "adopt if hot; not if cold"),
        ([("a=1", "hot", GOOD | {"memory": "worse"}), ("a=1", "cold", LOSS)],
         "adopt if hot and the price is acceptable; not if cold"),
        ([("a=1", "hot", {"cpu": "better"}), ("a=1", "cold", LOSS)],
         "adopt if hot and the tail and memory hold; not if cold"),
        ([("a=1", "hot", GOOD), ("a=2", "hot", LOSS)], "adopt if a=1; not if a=2"),
        ([("a=1", "hot", GOOD), ("a=2", "cold", LOSS)], "adopt if a=1 under hot; not if a=2 under cold"),
        ([("a=1", "hot", GOOD), ("a=1", "cold", {"cpu": "inconclusive"})], "adopt if hot; open: cold"),
        ([("a=1", "", GOOD), ("a=1", "on top", FLAT)], "adopt if alone, in 22_caching; not if on top"),
        ([("a=1", "hot", LOSS)], "reject"),
        ([("a=1", "hot", LOSS), ("a=1", "cold", {"cpu": "inconclusive"})], "not if hot; open: cold"),
        ([("a=1", "hot", LOSS), ("a=1", "cold", FLAT)], "reject"),
        ([("a=1", "hot", LOSS | {"stale": "inconclusive"})], "reject"),
        ([("a=1", "hot", LOSS | {"p95": "inconclusive"})], "needs more data"),
        ([("a=1", "hot", LOSS | {"median": "untrusted"})], "needs more data"),  # seen to fall by a fifth
        ([("a=1", "hot", LOSS | {"median": "inconclusive"})], "reject"),  # its interval holds no change at all
        ([("a=1", "hot", {"cpu": "untrusted", "p95": "equivalent", "memory": "worse"})], "needs more data"),
        ([("a=1", "hot", GOOD), ("a=1", "cold", LOSS), ("a=1", "mild", {"cpu": "inconclusive"})],
         "adopt if hot; not if cold; open: mild"),
        ([("a=1", "hot", FLAT)], "reject: no gain"),
        ([("a=1", "hot", FLAT), ("a=1", "cold", {"cpu": "inconclusive"})], "needs more data"),
        ([("a=1", "hot", dict.fromkeys(GOOD, "untrusted"))], "needs more data"),
        ([("a=1", "hot", {"cpu": "inconclusive"})], "needs more data"),
    ],
)  # fmt: skip
def test_each_path_to_a_decision(cases, decision) -> None:
    assert decided(*cases) == decision


def test_conditions_beyond_the_second_are_counted() -> None:
    cases = [("a=1", f"load {'x' * i}", GOOD) for i in range(1, 5)]
    assert decided(*cases, ("a=1", "idle", LOSS)) == "adopt if load x; load xx and 2 more; not if idle"


def test_the_arm_that_a_finding_names_is_its_setting() -> None:
    named = compared("ST-X-01", "a=1+b=2+c=3", "hot", details={"flag": "c=3"}, cpu="better")
    bare = compared("ST-X-01", "a=1+b=2", "hot", details={"flag": "b"}, cpu="better")
    assert [case.setting for case in cases_of([*named, *bare])] == ["c=3", "a=1+b=2"]


def screened(condition: str, **directions: str) -> list[Finding]:
    """Return a screening of one setting: where each of its figures points."""
    return [f for figure, direction in directions.items()
            for f in compared("ST-X-01", "a=1", condition, stage="screened", details={"direction": direction},
                              **{figure: "better" if direction == "less" else "worse"})]  # fmt: skip


def test_a_screening_decides_nothing_and_gives_way_to_what_confirms_it() -> None:
    alone, good = screened("hot", cpu="less"), compared("ST-X-01", "a=1", "hot", **GOOD)
    assert decide(alone) == "confirm first: screened only"
    assert decide([*alone, *good]) == "adopt"
    in_another_notebook = compared("ST-X-01", "a=1", "hot", "23_api_streaming", **GOOD)
    assert decide([*screened("hot", cpu="more"), *in_another_notebook]) == "adopt"
    assert len(cases_of([*alone, *screened("cold", cpu="more")])) == 2
    assert decide([f.model_copy(update={"kind": "observation"}) for f in alone]).startswith("needs more data")


@pytest.mark.parametrize(
    ("published", "elsewhere", "decision"),
    [
        (GOOD, {"cpu": "less"}, "adopt if hot; confirm: cold"),
        (GOOD, {"cpu": ""}, "adopt if hot; nothing seen in the screening: cold"),
        (GOOD, {"cpu": "more"}, "adopt if hot; worse in the screening: cold"),
        (GOOD, {"cpu": "less", "memory": "more"}, "adopt if hot; confirm: cold"),
        (GOOD | {"memory": "worse"}, {"cpu": "less"}, "adopt if hot and the price is acceptable; confirm: cold"),
        (LOSS, {"cpu": "less"}, "not if hot; confirm: cold"),
        (LOSS, {"cpu": "more"}, "reject"),
        (LOSS, {"cpu": ""}, "reject"),
        (FLAT, {"cpu": "less"}, "not if hot; confirm: cold"),
        ({"cpu": "inconclusive"}, {"cpu": "less"}, "needs more data"),
    ],
)
def test_a_screening_elsewhere_holds_back_what_was_measured(published, elsewhere, decision) -> None:
    own = [*screened("cold", **elsewhere), *compared("ST-X-01", "a=1", "hot", **published)]
    assert decide(own) == decision


def test_what_a_strategy_gives_up_is_a_price_though_every_figure_gains() -> None:
    lossy = compared("ST-X-01", "a=1", "hot", details={"gives up": "acknowledged writes, in a crash"}, **GOOD)
    assert decide(lossy) == "adopt if the price is acceptable"
    assert decide([*lossy, *compared("ST-X-01", "b=1", "hot", **GOOD)]) == "adopt if the price is acceptable (a=1)"
    half = compared("ST-X-01", "a=1", "hot", details={"gives up": "order"}, cpu="better", p95="inconclusive",
                    memory="equivalent")  # fmt: skip
    assert decide(half) == "adopt if the price is acceptable and response p95 holds"
    lost = compared("ST-X-01", "a=1", "cold", **LOSS)
    assert decide([*half, *lost]) == "adopt if hot and the price is acceptable and response p95 holds; not if cold"
    no_gain = compared("ST-X-01", "a=1", "hot", details={"gives up": "order"}, **FLAT)
    assert decide(no_gain) == decide(compared("ST-X-01", "a=1", "hot", **FLAT))


def test_a_screening_that_was_refused_is_not_one_that_saw_nothing() -> None:
    refused = [f.model_copy(update={"verdict": "untrusted"}) for f in screened("cold", cpu="")]
    own = [*refused, *compared("ST-X-01", "a=1", "hot", **GOOD)]
    assert decide(own) == "adopt if hot; screening not to be trusted: cold"


def test_a_screening_that_is_against_a_strategy_names_the_figures() -> None:
    assert decide(screened("hot", memory="more", cpu="")) == "do not confirm: worse in the screening (peak memory)"
    assert decide(screened("hot", cpu="less", memory="more")) == "confirm first: screened only"
    assert decide(screened("hot", cpu="")) == "needs more data"
    worse = screened("hot", cpu="more", p95="more", memory="more")
    assert decide(worse) == "do not confirm: worse in the screening (CPU per request, response p95 and 1 more)"
    named = [f.model_copy(update={"details": f.details | {"figure": "requests answered"}}) for f in worse[:1]]
    assert decide(named) == "do not confirm: worse in the screening (requests answered)"
    of_a_flag = [f.model_copy(update={"question": "Does a=1 pay?"}) for f in worse[:1]]
    assert decide(of_a_flag) == "do not confirm: worse in the screening (CPU)"


@pytest.fixture(scope="module")
def guide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = make_guide_run(tmp_path_factory.mktemp("reports"))
    return next(p for p in build_deliverables(run) if p.name == "strategy-guide.html")


def test_the_decision_table_comes_first_and_links_to_the_cards(guide: Path) -> None:
    assert audit_page(guide) == []
    facts, text = PageFacts(guide), guide.read_text(encoding="utf-8")
    rows = {row[0].split()[0]: row for row in reversed(facts.rows) if row and row[0].startswith("ST-")}
    assert rows["ST-API-02"][1] == "adopt" and "CPU per request -30 % (-34 % to -26 %)" in rows["ST-API-02"][2]
    assert "Zipf 1.0" in rows["ST-CACHE-06"][1].split("not if")[0] and "uniform keys" in rows["ST-CACHE-06"][1]
    assert "age of answers +30 %" in rows["ST-CACHE-06"][3] and "; stated: a Redis server" in rows["ST-CACHE-06"][3]
    assert rows["ST-STATE-03"][1] == "reject" and rows["ST-NET-03"][1] == "reject: no gain"
    assert rows["ST-API-03"][1] == "needs more data" and rows["ST-STACK-03"][1].startswith("confirm first")
    assert "12 pairs" in rows["ST-API-02"][4] and "measured-full, confirmed" in rows["ST-API-02"][4]
    order = [row[1] for row in facts.rows if row and row[0].startswith("ST-")][: len(rows)]
    assert order[0] == "adopt" and order[-1].startswith("reject")
    assert 'href="#card-st-api-02"' in text and 'id="card-st-api-02"' in text
    assert text.index("Decision table") < text.index("Strategy cards") < text.index("Interactions and order")


def test_evidence_from_one_start_of_everything_is_told_as_such() -> None:
    own = compared("ST-STATE-01", "indexed", details={"starts": 1}, **GOOD)
    assert evidence_of(own).endswith("12 pairs, one start")
    assert evidence_of(compared("ST-STATE-01", "indexed", **GOOD)).endswith(" 12 pairs")
    more = [f.model_copy(update={"effect": f.effect.model_copy(update={"n": 40})}) for f in own[:1] if f.effect]
    assert evidence_of([*own, *more]).endswith("12 to 40 pairs, one start")


def test_a_price_that_was_written_beforehand_is_not_called_measured() -> None:
    own = compared("ST-CACHE-06", "cache=l1", details={"price": "a server of 40 MB"}, cpu="better", stale="worse")
    assert "age of answers" in measured_price(own) and "40 MB" not in measured_price(own)
    assert stated_price(own) == "a server of 40 MB" and stated_price([]) == ""
    lost = compared("ST-CACHE-06", "cache=l1", details={"price": "a server of 40 MB"}, **LOSS)
    assert measured_price(lost) == ""  # what gains nothing has no price to pay


def test_a_card_holds_texts_flag_code_and_figures_by_condition(guide: Path) -> None:
    facts = PageFacts(guide)
    assert sum("ST-CACHE-06" in heading for heading in facts.headings) == 1
    for told in (
        "A small L1 in the process",
        "Failure mode",
        "Watch",
        "Roll back",
        "Asked for by",
        "gemini_codegen",
        "perflab/gateway/flags/http_client/pooled.py",
        "http_client=pooled_httpx2",
        '[[flag]] name = "http_client": optimised = "pooled_httpx2"',
        "Hypothesis",
        "S4-RO-2",
        "perflab/cache/levels.py",
    ):
        assert told in facts.text, told
    rows = [row for row in facts.rows if row and row[0] == "cache=l1_l2"]
    assert len(rows) == 2 and "-30 %" in rows[0][2] and "+30 %" in rows[1][2]
    assert any("1.2 ms after the change" in text for text in [facts.text])


def test_what_did_not_pay_what_interacts_and_what_was_not_run_is_told(guide: Path) -> None:
    text = guide.with_suffix(".md").read_text(encoding="utf-8")
    parts = {part.split("\n")[0].strip(): part for part in text.split("\n## ")}
    negative = parts["Negative results"]
    assert "store=postgres" in negative and "compression=gzip" in negative and "http\\_client=pooled" not in negative
    hurt, left = next(line for line in negative.splitlines() if "audio=packed" in line).split("still open")
    assert "peak memory +30 %" in hurt and "response p95" in left
    assert "ST-CACHE-02" not in negative
    adoption = parts["Interactions and order of adoption"]
    assert "no longer pays" in adoption and "1.405 [1.350, 1.460]".replace("[", "\\[").replace("]", "\\]") in adoption
    missing = parts["Strategies not yet run"]
    assert "ST-SCALING-01 Horizontal scaling" in missing and "ST-API-02" not in missing
    assert "ST-API-04 Streaming model responses (23\\_api\\_streaming; flag reply=streamed)" in missing
    assert "caching:" in missing and "of 26 not yet run" in missing


def test_cards_that_cannot_be_read_are_told_and_the_rest_stands(tmp_path: Path) -> None:
    run = make_guide_run(tmp_path)
    folder = tmp_path / "system"
    folder.mkdir()
    (folder / "mine.toml").write_text('strategies = "s.toml"\ncards = "absent.toml"\n', encoding="utf-8")
    (folder / "s.toml").write_text(
        (Path(run.manifest.system).parent / "../catalogue/strategies.toml").read_text(encoding="utf-8"),
        encoding="utf-8",
    )
    run.update(system=str(folder / "mine.toml"))
    text = next(p for p in build_deliverables(run) if p.name == "strategy-guide.md").read_text(encoding="utf-8")
    assert "The texts of the cards cannot be read" in text and "absent.toml" in text
    assert "ST-API-02 HTTP connection pooling" in text and "| adopt |" in text


def test_a_decision_holds_in_the_domain_that_was_measured(guide: Path) -> None:
    parts = {p.split("\n")[0].strip(): p for p in guide.with_suffix(".md").read_text(encoding="utf-8").split("\n## ")}
    told = parts["Applicability by domain"]
    head = next(line for line in told.splitlines() if line.startswith("| strategy"))
    row = next(line for line in told.splitlines() if "ST-CACHE-02" in line)
    cells = dict(zip((c.strip().replace(" ", "_") for c in head.split("|")), row.split("|"), strict=True))
    assert cells["gemini_codegen"].strip().startswith("adopt if")
    assert cells["edtech_in"].strip() == "asked for, not measured there" and cells["whispo"].strip() == "-"
    assert "Measured on gemini" in told and "whispo" in told


def test_the_checklist_is_ticked_by_findings_alone(guide: Path) -> None:
    parts = {p.split("\n")[0].strip(): p for p in guide.with_suffix(".md").read_text(encoding="utf-8").split("\n## ")}
    lines = [line.split("|") for line in parts["Performance checklist"].splitlines() if line.startswith("| ")]
    state = {cells[1].strip(): cells[2].strip() for cells in lines}
    assert state["What is adopted was confirmed, not only screened"] == "done"
    assert state["What the adopted changes do to each other is known"] == "done"
    assert state["The load matrix was run with the judged variant"] == "open"
    assert state["The targets are met under that load"] == "missed"


def test_a_figure_that_explains_a_strategy_is_no_gain_by_itself() -> None:
    fewer_reads = compared("ST-X-01", "a=1", "hot", details={"means": True}, stale="better")
    assert decide([*compared("ST-X-01", "a=1", "hot", **FLAT), *fewer_reads]) == "reject: no gain"
    assert decide([*compared("ST-X-01", "a=1", "hot", **LOSS), *fewer_reads]) == "reject"
    assert decide([*compared("ST-X-01", "a=1", "hot", **GOOD), *fewer_reads]) == "adopt"


def test_what_only_one_experiment_looks_at_shows_neither_the_cpu_nor_the_tail() -> None:
    """CPU while nothing happens is not the CPU of the work, and the p95 of the writes alone is not the tail."""
    own = compared("ST-X-01", "a=1", "hot", details={"own figure": True}, p95="better")
    seen = [*compared("ST-X-01", "a=1", "hot", cpu="better", memory="equivalent"), *own]
    assert decide(seen) == "adopt if the tail holds"
    assert decide([f.model_copy(update={"details": {}}) for f in seen]) == "adopt"


def test_all_published_effects_stand_in_one_picture_for_each_of_cpu_tail_and_memory(guide: Path) -> None:
    text = PageFacts(guide).text
    for told in TITLES.values():
        assert text.count(told) == 1, told
    assert {p.name for p in (guide.parent.parent / "figures").glob("guide-*")} == {
        "guide-cpu.svg", "guide-tail.svg", "guide-memory.svg"}  # fmt: skip
    groups = by_strategy(f for f in findings() if f.kind == "comparison")
    rows = forest_rows(groups, "CPU")
    assert len(rows) == len({row["label"] for row in rows}) == 12 and [row["value"] for row in rows] == sorted(
        row["value"] for row in rows
    )
    assert not any("frames=binary" in row["label"] or "payload=sparse" in row["label"] for row in rows)  # screened
    assert not any("age of answers" in row["label"] for own in ROLES for row in forest_rows(groups, own))
    in_units = [f.model_copy(update={"effect": f.effect.model_copy(update={"unit": "MB"})})
                for f in compared("ST-X-01", "a=1", memory="worse") if f.effect]  # fmt: skip
    assert forest_rows({"ST-X-01": in_units}, "memory") == []
    named = compared("ST-X-01", "a=1", details={"own figure": True, "title": "a near store"}, p95="worse")
    assert [row["label"] for row in forest_rows({"ST-X-01": named}, "tail")] == [
        "ST-X-01 a=1, a near store, response p95"
    ]


def test_a_screening_keeps_its_own_picture_beside_those_of_what_was_published() -> None:
    shown = Evidence(kind="figure", path="figures/30-forest.svg", title="screened", alt="a=1 0.6")
    screened = [f.model_copy(update={"evidence": (shown,)}) for f in findings() if f.stage == "screened"]
    drawn = Evidence(kind="figure", path="figures/guide-cpu.svg", title="CPU", alt="b=1 0.7")
    material = SimpleNamespace(forests=(drawn,))
    assert [b.evidence for b in _forests(material, [*findings(), *screened])] == [drawn, shown]


def test_a_run_that_published_nothing_has_no_picture_of_effects(tmp_path: Path) -> None:
    only = [f for f in findings() if f.stage == "screened"]
    assert only and strategy_forests(make(tmp_path), only) == ()


def test_an_open_figure_holds_back_a_loss_only_where_it_may_be_a_gain() -> None:
    lost = compared("ST-X-01", "a=1", "hot", cpu="worse", p95="inconclusive", memory="worse")
    assert decide(lost) == "needs more data"
    tail = next(f for f in lost if f.effect and "p95" in f.effect.metric)
    wide = tail.model_copy(update={"effect": tail.effect.model_copy(update={"low": 0.99, "value": 1.3, "high": 1.6})})
    assert decide([wide if f is tail else f for f in lost]) == "reject"


def test_a_condition_is_named_by_the_short_title_of_its_experiment() -> None:
    near = compared("ST-X-01", "a=1", "120 reads/s, a miss is a query", details={"title": "a near store"}, **LOSS)
    far = compared("ST-X-01", "a=1", "120 reads/s, a miss opens the file", details={"title": "a far store"}, **GOOD)
    assert decide([*near, *far]) == "adopt if a far store; not if a near store"


def test_an_item_needs_the_table_that_it_speaks_of(tmp_path: Path) -> None:
    run = make_guide_run(tmp_path)
    hot_spots = "| Hot spots are ranked from profiles, with what each can give at most | {} |"
    for state, renamed in (("done (measured-quick)", "bottlenecks"), ("open", "something_else")):
        for file in run.folder("findings").glob("*.json"):
            file.write_text(file.read_text(encoding="utf-8").replace('"bottlenecks"', f'"{renamed}"'), encoding="utf-8")
        guide = next(p for p in build_deliverables(run) if p.name == "strategy-guide.md")
        assert hot_spots.format(state) in guide.read_text(encoding="utf-8")


def test_the_places_of_several_settings_in_a_screening_are_told_in_one_sentence() -> None:
    placed = [f.model_copy(update={"details": f.details | {"rank": rank}, "variant": f"baseline+a={rank}"})
              for rank in (7, 53) for f in screened("hot", cpu="")]  # fmt: skip
    assert table._gain(cases_of(placed)) == f"{SCREENED}, numbers 7, 53 of the screening"
    assert table._gain(cases_of(placed[:1])) == f"{SCREENED}, number 7 of the screening"
    assert table._gain(cases_of(screened("hot", cpu=""))) == SCREENED
    assert table._gain([]) == "observed: see its card"


def card(own: list[Finding]) -> list[Block]:
    known: dict[str, Any] = {key: {} for key in ("cards", "catalogue", "strategies", "flags", "code")}
    material: Any = SimpleNamespace(verdict=SimpleNamespace(judged="optimised"), **known)
    return strategy_card(material, "ST-X-01", own)


def test_a_gain_on_one_start_of_a_server_says_so_where_it_is_decided() -> None:
    def decision(*own: Finding) -> str:
        return next(block.text for block in card(list(own)) if isinstance(block, Text))

    once, fresh = (compared("ST-X-01", way, "hot", details=known, **GOOD)
                   for way, known in (("a=1", {"starts": 1}), ("a=2", {})))  # fmt: skip
    assert decision(*once) == f"Decision: adopt ({ONE_START})."
    assert decision(*fresh) == decision(*once, *fresh) == "Decision: adopt."
    assert ONE_START not in decision(*compared("ST-X-01", "a=1", "hot", details={"starts": 1}, **LOSS))


def test_two_experiments_of_the_same_setting_and_condition_stay_apart() -> None:
    lite, post = (compared("ST-X-01", "executemany", "batches of 50", details={"title": title}, **verdicts)
                  for title, verdicts in (("into SQLite", LOSS), ("into PostgreSQL", GOOD)))  # fmt: skip
    assert decide([*lite, *post]) == "adopt if into PostgreSQL; not if into SQLite"
    (table,) = [block for block in card([*lite, *post]) if isinstance(block, Rows)]
    assert [row["condition"] for row in table.rows] == ["into SQLite: batches of 50", "into PostgreSQL: batches of 50"]
    (single,) = [block for block in card(lite) if isinstance(block, Rows)]
    assert [row["condition"] for row in single.rows] == ["batches of 50"]


def test_the_plans_of_all_ways_stand_in_one_table_the_replaced_way_once() -> None:
    base = {"way": "asked one by one", "plan": "Seq Scan"}
    own = []
    for way in ("a=1", "a=2"):
        first, *rest = compared("ST-X-01", way, "hot", details={"title": "reads"}, **GOOD)
        plans = [base, {"way": way, "plan": f"Index Scan {way}", "fixed price": "2 MB"}]
        own += [first.model_copy(update={"details": {**first.details, "plans": plans, "pools": [{"size": 1}]}}), *rest]
    tables = {block.caption: block.rows for block in card(own) if isinstance(block, Rows)}
    assert [row["way"] for row in tables["What each way does, and keeps"]] == ["asked one by one", "a=1", "a=2"]
    assert {row["work"] for row in tables["What each way does, and keeps"]} == {"reads"}
    assert not any("plans" in caption for caption in tables)
    assert sum(caption.endswith(": pools") for caption in tables) == 2  # any other table stays


def test_many_figures_of_a_screening_are_folded_and_few_are_not() -> None:
    for conditions, folded in ((["cold"], [""]), (["cold", "mild"], ["Screened, not confirmed (6)"])):
        own = [f for condition in conditions for f in screened(condition, cpu="less", p95="", memory="")]
        lists = [block for block in card(own) if isinstance(block, Bullets)]
        assert [block.folded for block in lists if own[0].id in block.items[0]] == folded
