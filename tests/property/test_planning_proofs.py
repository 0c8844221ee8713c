"""What is called proved is true of tiny cities: every plan there could be is tried, and none reaches the target."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.models import Department, Inventory, System, Verdict
from orchestrator.planning import bounds
from orchestrator.planning.build import build
from orchestrator.planning.explain import beyond_limits, prove, structure
from orchestrator.planning.ledger import Ledger
from orchestrator.planning.patterns import WEEK
from orchestrator.planning.problem import Problem
from orchestrator.planning.programme import Programme, Replication, Waves
from orchestrator.planning.schedule import empty

City = tuple[Inventory, dict[str, Verdict], Programme]
QUICK = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
START = dt.date(2021, 3, 1)
WINDOWS: tuple[list[dict[str, Any]], ...] = (
    [{"days": "daily", "start": "00:00", "end": "05:00"}],
    [{"days": ["wed"], "start": "22:00", "end": "02:00"}, {"days": ["mon"], "start": "00:00", "end": "24:00"}],
    [{"days": ["fri"], "start": "20:00", "end": "23:00"}],
)


@st.composite
def towns(draw: st.DrawFn) -> City:
    """Up to four systems to plan, up to three under way beyond the limits, a month or so."""
    count, begun = draw(st.integers(1, 4)), draw(st.integers(0, 3))
    names = [f"s{n}" for n in range(count)]
    systems, verdicts = [], {}
    for name in (*names, *(f"u{n}" for n in range(begun))):
        systems.append(System.model_validate({
            "id": name, "name": name, "department": draw(st.sampled_from(("d0", "d1"))), "kind": draw(st.sampled_from(("application", "database"))),
            "status": "in_use", "data_gb": draw(st.sampled_from((0, 4, 10, 25))), "vcpus": draw(st.sampled_from((2, 5))), "memory_gb": 1,
            "storage_gb": 1, "windows": draw(st.sampled_from(WINDOWS)), "trial_run_seconds": draw(st.sampled_from((0, 0, 200_000))),
            "depends_on": draw(st.lists(st.sampled_from(names), max_size=1)) if name in names else (),
        }))  # fmt: skip
        verdicts[name] = Verdict(system=name, strategy="cloud_deployment", readiness=80, complexity=draw(st.sampled_from((0, 40))))
    start = START + dt.timedelta(days=draw(st.integers(0, 3)))
    due = start + dt.timedelta(days=draw(st.integers(10, 30)))
    settings_: dict[str, Any] = {
        "starts": start, "counting": draw(st.sampled_from(("all_together", "per_kind", "per_department"))),
        "waves": {"systems_per_week": draw(st.sampled_from((1, 2, 5))), "per_department": draw(st.sampled_from((None, 1)))},
        "work": {"cloud_deployment": {"weeks": draw(st.integers(1, 2)), "skills": {"cloud": 1}, "complexity_factor": 1}},
        "under_way": [
            {"system": f"u{n}", "state": "under_way", "cutover": start + dt.timedelta(days=draw(st.integers(0, 9)))} for n in range(begun)
        ],
    }  # fmt: skip
    if draw(st.booleans()):
        teams = [{"skill": "cloud", "teams": draw(st.sampled_from((0.5, 1, 2)))}]
        settings_["teams"] = [*teams, {"skill": "cloud", "teams": draw(st.integers(0, 3)), "since": start + dt.timedelta(days=10)}]
    if draw(st.booleans()):
        settings_["replication"] = {"gb_per_week": draw(st.sampled_from((8, 12, 30))), "stream_gb_per_week": draw(st.sampled_from((8, 30)))}
    if draw(st.booleans()):
        later = start + dt.timedelta(days=draw(st.integers(4, 15)))
        settings_["cloud"] = [{"since": start, "vcpus": draw(st.integers(0, 12))}, {"since": later, "vcpus": draw(st.integers(4, 24))}]
    phases = [
        {"id": "p1", "name": "p1", "due": due, "percent": draw(st.sampled_from((50, 80, 100))), "starts": draw(st.sampled_from((None, start, start + dt.timedelta(days=4))))},
        {"id": "p2", "name": "p2", "due": due + dt.timedelta(days=draw(st.integers(3, 9))), "percent": 100},
    ]  # fmt: skip
    programme = Programme.model_validate({**settings_, "phases": phases[: draw(st.integers(1, 2))]})
    departments = tuple(Department(id=one, name=one) for one in ("d0", "d1"))
    return Inventory(departments=departments, systems=tuple(systems)), verdicts, programme


def possible(problem: Problem, phase: int) -> bool:
    """Whether any plan at all reaches the phase's targets: each group is left out, or put into any opening of any week."""
    targets = [one for one in problem.targets if one.phase == phase]
    placed = empty(problem)
    starts = {g: one.fixed for g, one in enumerate(problem.groups) if one.fixed is not None}
    ends = {g: placed.ends[g] for g in starts}
    ledger = placed.ledger

    def reached() -> bool:
        groups = problem.groups
        return all(sum(1 for g in one.members if g in ends and ends[g] + groups[g].trial <= one.due) >= one.needed for one in targets)

    def put(g: int) -> bool:
        if g == len(problem.groups):
            return reached()
        one = problem.groups[g]
        if g in starts or one.blocked or any(other not in starts for other in one.needs):
            return put(g + 1)
        floor = max([one.opens, *(starts[other] for other in one.needs)])
        for week in range(Ledger(problem).soonest(g), targets[0].due // WEEK + 1):
            for start, end, _ in one.pattern.slots(week):
                if start >= floor and ledger.fits(g, week):
                    starts[g], ends[g] = start, end
                    ledger.take(g, week)
                    found = put(g + 1)
                    ledger.give(g, week)
                    del starts[g], ends[g]
                    if found:
                        return True
        return put(g + 1)

    return put(0)


@QUICK
@given(towns())
def test_nothing_is_proved_to_be_missing_where_some_plan_reaches_the_target(city: City) -> None:
    problem = build(*city)
    phases = range(len(problem.programme.phases))
    for phase in phases:
        told = [*structure(problem, phase), *beyond_limits(problem, phase), *prove(problem, [phase]).values()]
        assert not told or not possible(problem, phase), told


@QUICK
@given(towns())
def test_what_is_proved_whatever_the_capacities_is_so_without_any_limit(city: City) -> None:
    inventory, verdicts, programme = city
    problem = build(*city)
    free = programme.model_copy(update={"teams": (), "cloud": (), "replication": Replication(), "waves": Waves(systems_per_week=None)})
    unlimited = build(inventory, verdicts, free)
    for phase in range(len(programme.phases)):
        if any("whatever the capacities" in one.message for one in structure(problem, phase)):
            assert not possible(unlimited, phase)


@pytest.mark.skipif(not bounds.available(), reason="proofs of shortage need the optional extra `solver`")
def test_what_is_under_way_beyond_a_weeks_limit_takes_nothing_from_other_weeks() -> None:
    """Four at once where one team is; three weeks are left for four more, so one team-week is missing, and no more is said."""
    rows = [(f"a{n}", START + dt.timedelta(days=2)) for n in range(4)]
    names = [*(name for name, _ in rows), *(f"b{n}" for n in range(4))]
    systems = tuple(
        System.model_validate(
            {"id": one, "name": one, "department": "d0", "kind": "application", "status": "in_use", "trial_run_seconds": 0}
        )
        for one in names
    )
    verdicts = {one: Verdict(system=one, strategy="cloud_deployment", readiness=80, complexity=0) for one in names}
    for since, missing in (((), 1.0), (({"skill": "cloud", "teams": 2, "since": dt.date(2021, 3, 22)},), 0.0)):
        programme = Programme.model_validate({
            "starts": START, "phases": [{"id": "p1", "name": "p1", "due": dt.date(2021, 3, 28), "percent": 100}],
            "teams": [{"skill": "cloud", "teams": 1}, *since], "under_way": [
                {"system": name, "state": "under_way", "cutover": day} for name, day in rows
            ],
        })  # fmt: skip
        problem = build(Inventory(departments=(Department(id="d0", name="d0"),), systems=systems), verdicts, programme)
        proofs = prove(problem, [0])
        assert (proofs[0].alone["skill:cloud"] / 10 if proofs else 0.0) == missing
