"""What is done or under way stands where it stands; what a programme or an approval says of it is held to the inventory."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from orchestrator.errors import Refused
from orchestrator.models import Plan
from orchestrator.planning.approval import changes_since
from orchestrator.planning.plan import Unreached, make_plan
from orchestrator.planning.programme import Programme, Standing, load_programme
from orchestrator.planning.replan import replan
from orchestrator.planning.verify import verify
from orchestrator.planning.whatif import what_if
from tests.support.demo_city import demo_city
from tests.unit.planning.test_cases import city

CYCLE = [{"id": "aa", "needs": ["bb"]}, {"id": "bb", "needs": ["aa"]}, {"id": "cc", "needs": ["bb"]}]
DONE, BEGUN = dt.date(2027, 3, 3), dt.date(2027, 4, 7)


def programme(**more: Any) -> Programme:
    return Programme.model_validate(
        {"starts": "2027-03-01", "phases": [{"id": "p1", "name": "p1", "due": "2027-12-26", "percent": 100}], **more}
    )


def days(plan: Plan) -> dict[str, dt.date]:
    return {one.system: one.window_start.date() for one in plan.entries}


@pytest.mark.parametrize(
    ("aa", "bb", "told"),
    [
        (("done", DONE), ("under_way", BEGUN), ["aa"]),
        (("under_way", DONE), ("under_way", BEGUN), ["aa"]),
        (("done", DONE), ("done", BEGUN), []),
        (("done", DONE), ("done", DONE), []),
    ],
)
def test_each_of_a_cycle_keeps_its_own_day_and_what_is_behind_is_told(
    aa: tuple[Any, dt.date], bb: tuple[Any, dt.date], told: list[str]
) -> None:
    inventory, verdicts = city(CYCLE)
    here = programme(under_way=[Standing(system="aa", state=aa[0], cutover=aa[1]), Standing(system="bb", state=bb[0], cutover=bb[1])])
    plan = make_plan(inventory, verdicts, here, inventory_digest="", policy_digest="")
    assert (days(plan)["aa"], days(plan)["bb"]) == (aa[1], bb[1])
    assert days(plan)["cc"] >= bb[1]
    assert [note.system for note in plan.notes if note.code == "live-violation"] == told
    assert not verify(plan, inventory, verdicts, here)


def test_a_cycle_of_which_one_is_done_and_the_others_went_back_moves_as_its_parts_can() -> None:
    inventory, verdicts = city([{"id": "aa", "needs": ["bb"]}, {"id": "bb", "needs": ["cc"]}, {"id": "cc", "needs": ["aa"]}])
    former = make_plan(inventory, verdicts, programme(), inventory_digest="", policy_digest="")
    standing = [Standing(system="aa", state="done", cutover=DONE), *(Standing(system=one, state="rolled_back") for one in ("bb", "cc"))]
    made = replan(inventory, verdicts, programme(), former, as_of=BEGUN, standing=standing, inventory_digest="", policy_digest="")
    assert days(made)["aa"] == DONE
    assert days(made)["cc"] <= days(made)["bb"]
    present = programme(as_of=BEGUN, under_way=standing)
    assert not verify(made, inventory, verdicts, present, former=former)


def test_what_is_done_without_a_day_counts_from_the_programmes_start() -> None:
    inventory, verdicts = city([{"id": "aa"}])
    plan = make_plan(inventory, verdicts, programme(under_way=[Standing(system="aa", state="done")]), inventory_digest="", policy_digest="")
    assert [(one.state, one.window_start.date()) for one in plan.entries] == [("done", dt.date(2027, 3, 1))]


def test_a_replan_lists_the_promise_that_what_is_under_way_has_broken() -> None:
    inventory, verdicts = city([{"id": "aa"}, {"id": "bb", "needs": ["aa"]}])
    former = make_plan(inventory, verdicts, programme(), inventory_digest="", policy_digest="")
    begun = Standing(system="aa", state="under_way")
    made = replan(
        inventory, verdicts, programme(), former, as_of=dt.date(2027, 4, 14), standing=[begun], inventory_digest="", policy_digest=""
    )
    assert [(one.system, one.now and one.now.date()) for one in made.moved] == [("aa", dt.date(2027, 4, 14)), ("bb", dt.date(2027, 4, 14))]
    assert "under way" in made.moved[0].why


def test_names_that_nobody_bears_are_told() -> None:
    inventory, verdicts = city([{"id": "aa", "needs": ["old-ledger"]}])
    here = programme(
        blackouts=[{"name": "考试", "starts": "2027-06-07", "ends": "2027-06-08", "departments": ["educatoin"]}],
        waves={"departments": {"ofice": 1, "office": 1}},
        reachable=["old-ledger", "older-ledger"],
        under_way=[{"system": "zz", "state": "done", "cutover": "2027-03-02"}],
    )
    plan = make_plan(inventory, verdicts, here, inventory_digest="", policy_digest="")
    told = [note.message for note in plan.notes if note.code == "programme-stranger"]
    assert [message.split(": ")[1].split(" is ")[0] for message in told] == ["educatoin", "ofice", "older-ledger", "zz"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("timezone: Nowhere/X", "no time zone"),
        ("teams: [{skill: db, teams: .inf}]", "number"),
        ("cloud: [{since: 2027-03-01, vcpus: .nan}]", "number"),
        ("trial_run_days: 10000000", "3650"),
        ("as_of: 9999-12-31", "years"),
    ],
)
def test_a_programme_out_of_bounds_is_refused_in_words(tmp_path: Any, text: str, told: str) -> None:
    file = tmp_path / "program.yaml"
    file.write_text(f"starts: 2027-03-01\nphases:\n  - {{id: p1, name: p1, due: 2027-12-26, percent: 80}}\n{text}\n", "utf-8")
    with pytest.raises(Refused) as refused:
        load_programme(file)
    assert [finding.code for finding in refused.value.findings] == ["programme-field"]
    assert told in refused.value.findings[0].message


def test_a_due_date_beyond_any_programme_is_refused(tmp_path: Any) -> None:
    file = tmp_path / "program.yaml"
    file.write_text("starts: 2027-03-01\nphases:\n  - {id: p1, name: p1, due: 9999-12-31, percent: 80}\n", "utf-8")
    with pytest.raises(Refused) as refused:
        load_programme(file)
    assert "50 years" in refused.value.findings[0].message


# ---------------------------------------------------------------- an approval and what it knows


def since(inventory: Any, verdicts: Any, here: Programme, plan: Plan, system: str | None = None) -> list[tuple[str, str]]:
    found = changes_since(plan, inventory, verdicts, here, inventory_digest="i", policy_digest="p", system=system)
    return [(one.code, one.message) for one in found]


@pytest.fixture
def demo() -> tuple[Any, Any, Programme, Plan]:
    inventory, verdicts, here = demo_city()
    return inventory, verdicts, here, make_plan(inventory, verdicts, here, inventory_digest="i", policy_digest="p")


def test_a_departments_new_level_is_a_change_of_its_systems(demo: Any) -> None:
    inventory, verdicts, here, plan = demo
    departments = tuple(one.model_copy(update={"level": "county"}) if one.id == "meteorology" else one for one in inventory.departments)
    other = inventory.model_copy(update={"departments": departments})
    assert since(other, verdicts, here, plan, "weather-bulletin") == [
        ("changed-since", 'weather-bulletin: level "municipal" → "county"'),
    ]


def test_what_a_system_needs_has_to_be_there_still(demo: Any) -> None:
    inventory, verdicts, here, plan = demo
    fewer = inventory.model_copy(update={"systems": tuple(one for one in inventory.systems if one.id != "citizen-portal")})
    assert since(fewer, verdicts, here, plan, "property-register") == [("gone-since", "citizen-portal is not in the count any more")]
    assert since(fewer, verdicts, here, plan, "weather-bulletin") == []


def test_a_change_deep_in_the_programme_is_named_where_it_is(demo: Any) -> None:
    inventory, verdicts, here, plan = demo
    phases = (here.phases[0], here.phases[1].model_copy(update={"percent": 90.0}))
    other = here.model_copy(update={"phases": phases})
    assert since(inventory, verdicts, other, plan) == [("programme-since", "program.yaml: phases[1].percent 100.0 → 90.0")]


def test_what_an_older_version_did_not_read_is_no_change(demo: Any) -> None:
    inventory, verdicts, here, plan = demo
    older = plan.model_copy(
        update={
            "entries": tuple(one.model_copy(update={"facts": {k: v for k, v in one.facts.items() if k != "level"}}) for one in plan.entries)
        }
    )
    assert since(inventory, verdicts, here, older) == []


# ---------------------------------------------------------------- what if


def test_the_day_a_target_is_reached_is_that_of_its_own_members() -> None:
    inventory, verdicts = city([{"id": "aa"}, {"id": "bb"}, {"id": "kk", "department": "county-office"}])
    departments = tuple(one.model_copy(update={"level": "county"}) if one.id == "county-office" else one for one in inventory.departments)
    here = Programme.model_validate(
        {
            "starts": "2027-03-01",
            "phases": [
                {"id": "p1", "name": "p1", "due": "2027-06-27", "percent": 100, "levels": ["municipal"]},
                {"id": "p2", "name": "p2", "due": "2027-12-26", "percent": 100, "levels": ["county"]},
            ],
        }
    )
    found = what_if(inventory.model_copy(update={"departments": departments}), verdicts, here, [])
    assert found.before.phases[0].reached_on == dt.date(2027, 3, 15)
    assert found.before.phases[1].reached_on == dt.date(2027, 7, 12)  # p2 begins on Monday 28 June, and a trial run takes 14 days


def test_counted_by_department_the_last_of_them_decides() -> None:
    rows = [{"id": "aa"}, {"id": "bb", "department": "other", "windows": [{"days": "daily", "start": "00:00", "end": "24:00"}]}]
    inventory, verdicts = city(rows)
    here = programme(
        counting="per_department", blackouts=[{"name": "x", "starts": "2027-03-01", "ends": "2027-03-20", "departments": ["other"]}]
    )
    found = what_if(inventory, verdicts, here, [])
    assert found.before.phases[0].reached_on == dt.date(2027, 4, 4)


def test_missed_is_missed_in_the_day_as_well() -> None:
    rows = [{"id": "aa", "windows": [{"days": "daily", "start": "00:00", "end": "01:00"}]}]
    inventory, verdicts = city(rows)
    with pytest.raises(Unreached):
        make_plan(inventory, verdicts, programme(), inventory_digest="", policy_digest="")
    assert what_if(inventory, verdicts, programme(), []).before.phases[0].reached_on is None
