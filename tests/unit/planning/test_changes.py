"""Re-planning, what-if, search and former plans on the demo city and on a seeded one."""

from __future__ import annotations

import datetime as dt

import pytest

from orchestrator.errors import UsageError
from orchestrator.models import Plan
from orchestrator.planning import search, solver
from orchestrator.planning.build import build
from orchestrator.planning.orders import best_of_portfolio
from orchestrator.planning.plan import Unreached, make_plan, sealed, to_plan
from orchestrator.planning.programme import Programme, Standing, Teams, load_programme
from orchestrator.planning.relax import Change, apply, parse_capacity, parse_team
from orchestrator.planning.replan import replan
from orchestrator.planning.schedule import score
from orchestrator.planning.verify import verify
from orchestrator.planning.whatif import what_if
from tests.bench.instances import instance
from tests.support.demo_city import DEMO, demo_city


def again(plan: Plan, as_of: str, *standing: Standing) -> Plan:
    inventory, verdicts, programme = demo_city()
    return replan(
        inventory, verdicts, programme, plan, as_of=dt.date.fromisoformat(as_of), standing=standing, inventory_digest="i", policy_digest="p"
    )


@pytest.fixture
def plan() -> Plan:
    return make_plan(*demo_city(), inventory_digest="i", policy_digest="p")


def test_nothing_has_happened_and_the_promises_are_over_so_each_is_listed(plan: Plan) -> None:
    made = again(plan, "2026-03-02")
    assert made.replaces == plan.digest
    assert {one.system for one in made.moved} == {one.system for one in plan.entries if one.phase == "phase-1"}
    assert all(one.now is not None and one.now.date() >= dt.date(2026, 3, 2) and one.why for one in made.moved)
    assert next(one for one in made.entries if one.system == "county-service-hall").window_start.date() == dt.date(2027, 1, 2)


def test_years_behind_the_last_due_date_everything_still_gets_a_date(plan: Plan) -> None:
    with pytest.raises(Unreached) as missed:
        again(plan, "2030-06-03")
    made = missed.value.plan
    assert {one.system for one in made.entries} == {one.system for one in plan.entries}
    assert all(one.window_start.date() >= dt.date(2030, 6, 3) for one in made.entries)
    assert {one.code for one in missed.value.findings}.isdisjoint({"window-too-short", "blacked-out"})


def test_what_is_done_or_under_way_stays_and_is_no_broken_promise(plan: Plan) -> None:
    done = Standing(system="citizen-portal", state="done", cutover=dt.date(2026, 1, 5))
    begun = Standing(system="property-register", state="under_way")
    made = again(plan, "2026-01-05", done, begun)
    states = {one.system: one.state for one in made.entries}
    assert (states["citizen-portal"], states["property-register"], states["weather-bulletin"]) == ("done", "under_way", "planned")
    assert made.moved == ()


def test_a_rolled_back_system_whose_dependant_is_live_is_a_live_violation_and_goes_first(plan: Plan) -> None:
    live = Standing(system="property-register", state="done", cutover=dt.date(2026, 1, 6))
    back = Standing(system="citizen-portal", state="rolled_back")
    made = again(plan, "2026-02-02", live, back)
    note = next(one for one in made.notes if one.code == "live-violation")
    assert note.system == "property-register"
    assert "citizen-portal" in note.message
    assert "roll property-register back" in note.remedy
    assert next(one for one in made.entries if one.system == "citizen-portal").window_start.date() == dt.date(2026, 2, 2)


def test_a_few_roll_backs_move_few_promises_and_the_new_plan_keeps_every_limit() -> None:
    inventory, verdicts, programme = instance(300, 2, slack=1.6, cloud_slack=1.4)
    plan = make_plan(inventory, verdicts, programme, inventory_digest="", policy_digest="")
    day = dt.date(2018, 2, 5)
    past = [one for one in plan.entries if one.window_start.date() < day]
    standing = [
        Standing(system=one.system, state="rolled_back") if n >= len(past) - 3
        else Standing(system=one.system, state="done", cutover=one.window_start.date())
        for n, one in enumerate(past)
    ]  # fmt: skip
    made = replan(inventory, verdicts, programme, plan, as_of=day, standing=standing, inventory_digest="", policy_digest="")
    assert 3 <= len(made.moved) <= (len(plan.entries) - len(past)) // 3
    present = programme.model_copy(update={"as_of": day, "under_way": tuple(standing)})
    assert [str(one) for one in verify(made, inventory, verdicts, present, former=plan)] == []
    late = "verify-preparation"  # what the former plan had begun has begun; nothing else has, and without that plan nobody knows
    assert {one.code for one in verify(made, inventory, verdicts, present)} == {late}
    later = tuple(one.model_copy(update={"preparation_starts": day}) for one in plan.entries)
    other = sealed(plan.model_copy(update={"entries": later}))
    claimed = sealed(made.model_copy(update={"replaces": other.digest}))
    assert {one.code for one in verify(claimed, inventory, verdicts, present, former=other)} == {late}


def test_what_if_tells_dates_and_targets_before_and_after_and_touches_nothing() -> None:
    inventory, verdicts, programme = instance(80, 5, slack=1.3, cloud_slack=1.3)
    found = what_if(inventory, verdicts, programme, [parse_team("app+2"), parse_team("db+2"), parse_capacity("+4000vcpu")])
    assert found.before.feasible
    assert found.after.feasible
    for old, new in zip(found.before.phases, found.after.phases, strict=True):
        assert old.reached_on is not None
        assert new.reached_on is not None
        assert new.planned >= new.needed
    assert found.moved
    assert found.after.last_cutover is not None
    assert found.before.last_cutover is not None
    assert found.after.last_cutover <= found.before.last_cutover
    worse = what_if(inventory, verdicts, programme, [Change("skill:app", -100)])
    assert not worse.after.feasible
    assert worse.after.findings


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("+200vcpu@2018-06", Change("cloud:vcpus", 200, dt.date(2018, 6, 1))),
        ("-8vcpus", Change("cloud:vcpus", -8)),
        ("+512gb-memory@2018-06-04", Change("cloud:memory_gb", 512, dt.date(2018, 6, 4))),
    ],
)
def test_capacities_are_written_as_people_write_them(text: str, change: Change) -> None:
    assert parse_capacity(text) == change
    assert parse_team("db+1") == Change("skill:db", 1)
    for wrong in ("200", "+200cpu", "+1vcpu@2018-13"):
        with pytest.raises(UsageError):
            parse_capacity(wrong)


def test_a_change_of_capacity_holds_from_its_date_on() -> None:
    programme = Programme.model_validate({
        "starts": dt.date(2018, 1, 1), "phases": [{"id": "p1", "name": "p", "due": dt.date(2018, 12, 31), "percent": 80}],
        "teams": [{"skill": "db", "teams": 2}],
        "cloud": [{"since": dt.date(2018, 1, 1), "vcpus": 10}, {"since": dt.date(2018, 9, 3), "vcpus": 30}],
    })  # fmt: skip
    more = apply(apply(programme, Change("skill:db", 1.5, dt.date(2018, 3, 5))), Change("cloud:vcpus", 5, dt.date(2018, 6, 4)))
    assert [(one.teams, one.since) for one in more.teams] == [(2, None), (3.5, dt.date(2018, 3, 5))]
    assert [(one.vcpus, one.since.month) for one in more.cloud] == [(10, 1), (15, 6), (35, 9)]


@pytest.mark.skipif(not solver.available(), reason="the optional extra `solver` (ortools) is not installed")
def test_the_solver_makes_a_plan_better_keeps_every_limit_and_repeats_itself() -> None:
    inventory, verdicts, programme = instance(60, 4, slack=1.3)
    problem = build(inventory, verdicts, programme)
    start = score(problem, best_of_portfolio(problem))
    runs = [search.improve(problem, best_of_portfolio(problem), 100) for _ in range(2)]
    assert runs[0].weeks == runs[1].weeks
    assert score(problem, runs[0]) < start
    plan = to_plan(problem, runs[0], inventory_digest="", policy_digest="")
    assert [str(one) for one in verify(plan, inventory, verdicts, programme) if one.code != "verify-target"] == []


def test_without_the_solver_searching_still_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solver, "available", lambda: False)
    inventory, verdicts, programme = instance(60, 4, slack=1.5, cloud_slack=1.3)
    problem = build(inventory, verdicts, programme)
    start = score(problem, best_of_portfolio(problem))
    assert score(problem, search.improve(problem, best_of_portfolio(problem), 60)) < start


def test_the_commented_example_of_a_programme_is_valid() -> None:
    example = DEMO.parent / "program.example.yaml"
    programme = load_programme(example)
    left_out = {"as_of", "under_way", "baseline", "reachable", "holidays", "workdays", "target"}
    assert set(Programme.model_fields) - set(programme.model_fields_set) <= left_out


def test_what_if_shows_the_best_plan_of_both_sides_and_who_gets_a_date_only_on_one() -> None:
    inventory, verdicts, programme = demo_city()
    poor = programme.model_copy(
        update={"teams": tuple(Teams(skill=one, teams=n) for one, n in (("cloud", 0.2), ("facility", 2), ("device", 2)))}
    )
    found = what_if(inventory, verdicts, poor, [parse_team("cloud+4")])
    assert not found.before.feasible
    assert found.after.feasible
    assert [(one.planned, one.reached_on) for one in found.before.phases] == [(1, None), (1, None)]
    assert found.moved == ()
    assert len(found.gained) == len(inventory.systems) - 1
    back = what_if(inventory, verdicts, apply(poor, Change("skill:cloud", 4)), [parse_team("cloud-4")])
    assert back.lost == found.gained
    assert not back.after.feasible
    assert [one.planned for one in back.after.phases] == [1, 1]
    assert found.notes == ()


def test_what_if_says_which_changes_change_nothing() -> None:
    inventory, verdicts, programme = demo_city()
    changes = [parse_team("cloud+1"), parse_capacity("+8vcpu"), Change("replication", 10)]
    notes = what_if(inventory, verdicts, programme, changes).notes
    assert [str(note) for note in notes] == [
        "team of cloud +1: no such limit is set, there is nothing to add to",
        "cloud vCPUs +8: no such limit is set, there is nothing to add to",
        "replication bandwidth +10: no such limit is set, there is nothing to add to",
    ]
    skilled = programme.model_copy(update={"teams": tuple(Teams(skill=one, teams=9) for one in ("cloud", "facility", "device"))})
    (needless,) = what_if(inventory, verdicts, skilled, [parse_team("db+1")]).notes
    assert "nothing needs db" in str(needless)
    (early,) = what_if(inventory, verdicts, skilled, [parse_team("cloud+1@2025-01")]).notes
    assert "before the programme starts" in str(early)
