"""Targets are counted against the frozen baseline (R7), and every difference that nobody recorded is named."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from orchestrator.errors import Refused
from orchestrator.planning.plan import make_plan
from orchestrator.planning.programme import Programme, load_programme, with_baseline
from orchestrator.planning.verify import verify
from orchestrator.policy.counting import Baseline, BaselineChange, Member, members_of
from tests.support.demo_city import DEMO, demo_city


def frozen(*members: Member, changes: int = 0) -> Baseline:
    told = tuple(BaselineChange("2025-11-04T09:00:00+08:00", "os:lin", one.id, "added", "r") for one in members[:changes])
    return Baseline("2025-11-03T09:00:00+08:00", "os:lin", "document 12", members, told, members)


def counted(programme: Programme) -> tuple[tuple[int, int], ...]:
    inventory, verdicts, _ = demo_city()
    plan = make_plan(inventory, verdicts, programme, inventory_digest="", policy_digest="")
    assert [str(one) for one in verify(plan, inventory, verdicts, programme)] == []
    return tuple((phase.in_scope, phase.needed) for phase in plan.phases)


def test_without_a_baseline_todays_inventory_is_counted_and_the_plan_says_so() -> None:
    inventory, verdicts, programme = demo_city()
    plan = make_plan(inventory, verdicts, programme, inventory_digest="", policy_digest="")
    assert plan.baseline is None
    same = with_baseline(programme, frozen(*members_of(inventory), changes=1))
    with_one = make_plan(inventory, verdicts, same, inventory_digest="", policy_digest="")
    assert with_one.baseline is not None
    assert (with_one.baseline.frozen, with_one.baseline.changes) == (dt.date(2025, 11, 3), 1)
    assert with_one.digest != plan.digest
    assert [phase.needed for phase in with_one.phases] == [phase.needed for phase in plan.phases]
    assert with_one.programme_digest == plan.programme_digest


def test_what_is_new_is_planned_and_not_counted_what_is_gone_is_counted_until_it_is_recorded() -> None:
    inventory, verdicts, programme = demo_city()
    everyone = members_of(inventory)
    before = counted(programme)
    fewer = with_baseline(programme, frozen(*(one for one in everyone if one.id != "weather-bulletin")))
    assert counted(fewer)[0][0] == before[0][0] - 1
    plan = make_plan(inventory, verdicts, fewer, inventory_digest="", policy_digest="")
    assert "weather-bulletin" in {one.system for one in plan.entries}
    assert [(one.code, one.system) for one in plan.notes if one.code.startswith("baseline")] == [("baseline-added", "weather-bulletin")]
    lost = Member("closed-since", everyone[0].department, everyone[0].level, everyone[0].kind)
    with pytest.raises(Refused) as refused:  # 100 % of phase 2 cannot be reached while it counts
        counted(with_baseline(programme, frozen(*everyone, lost)))
    assert "baseline-gone" in {one.code for one in refused.value.findings}


def test_the_verifier_counts_against_the_baseline_by_itself() -> None:
    inventory, verdicts, programme = demo_city()
    plan = make_plan(inventory, verdicts, programme, inventory_digest="", policy_digest="")
    fewer = with_baseline(programme, frozen(*members_of(inventory)[:2]))
    assert "verify-count" in {one.code for one in verify(plan, inventory, verdicts, fewer)}


def test_program_yaml_cannot_set_the_baseline(tmp_path: Path) -> None:
    file = tmp_path / "program.yaml"
    file.write_text((DEMO / "program.yaml").read_text("utf-8") + "\nbaseline:\n  day: 2025-01-01\n  members: []\n", "utf-8")
    with pytest.raises(Refused) as refused:
        load_programme(file)
    assert refused.value.findings[0].code == "programme-baseline"


def test_a_system_recorded_as_retired_and_still_in_the_inventory_is_a_row_to_correct() -> None:
    inventory, verdicts, programme = demo_city()
    everyone = members_of(inventory)
    left = BaselineChange("2025-12-01T09:00:00+08:00", "os:lin", "weather-bulletin", "retired", "switched off")
    rest = tuple(one for one in everyone if one.id != "weather-bulletin")
    programme = with_baseline(programme, Baseline("2025-11-03T09:00:00+08:00", "os:lin", "document 12", everyone, (left,), rest))
    plan = make_plan(inventory, verdicts, programme, inventory_digest="", policy_digest="")
    (note,) = (one for one in plan.notes if one.code.startswith("baseline"))
    assert (note.code, note.system) == ("baseline-left", "weather-bulletin")
    assert "correct its row" in note.remedy


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("foo: 1\n", [("L3 foo", "there is no such key here")]),
        ("waves: {systems_per_week: 0}\n", [("L3 waves.systems_per_week", "must be 1 or more")]),
        ("holidays: [soon]\n", [("L3 holidays[0]", "must be a date such as 2026-01-05")]),
        ("counting: by_moon\n", [("L3 counting", "must be one of: all_together, per_kind, per_department")]),
        ("blackouts: [{name: x, starts: 2026-02-02, ends: 2026-02-01}]\n", [("L3 blackouts[0]", "blackout “x” ends before it starts")]),
        ("default_windows: [{days: daily, start: '25:00', end: '05:00'}]\n", [("L3 default_windows[0].start", "a time such as 08:30")]),
        ("phases: []\n", [("L2 phases", "needs at least one entry")]),
        ("phases: [{id: p1, name: p, percent: 80}]\n", [("L2 phases[0].due", "is missing")]),
        ("phases: [{id: p1, name: p, due: 2026-12-27, percent: x}]\n", [("L2 phases[0].percent", "must be a number")]),
    ],
)
def test_program_yaml_is_refused_in_an_operators_words(tmp_path: Path, text: str, findings: list[tuple[str, str]]) -> None:
    file = tmp_path / "program.yaml"
    base = "starts: 2026-01-05\n" + ("" if text.startswith("phases") else "phases: [{id: p1, name: p, due: 2026-12-27, percent: 80}]\n")
    file.write_text(base + text, "utf-8")
    with pytest.raises(Refused) as refused:
        load_programme(file)
    assert [(one.cell, one.message) for one in refused.value.findings] == findings
