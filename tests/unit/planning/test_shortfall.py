"""A target that is counted by kind or department is missed where one of them is short, whatever the others have over."""

from __future__ import annotations

import datetime as dt

import pytest

from orchestrator.models import Department, Inventory, Plan, PlanCount, PlanPhase, System, Verdict
from orchestrator.planning.plan import Unreached, make_plan
from orchestrator.planning.programme import Programme
from orchestrator.planning.relax import Change
from orchestrator.planning.shortfall import short_of, slack_of
from orchestrator.planning.whatif import what_if
from orchestrator.reports.plan_picture import plan_picture

DUE = dt.date(2027, 12, 31)
RED = "#b2182b"


@pytest.mark.parametrize(("counting", "short", "slack"), [("all_together", 0, 1), ("per_kind", 0, 1), ("per_department", 1, -1)])
def test_what_is_short_is_summed_over_the_parts_that_count(counting: str, short: int, slack: int) -> None:
    departments = (PlanCount("d0", 10, 8, 10), PlanCount("d1", 2, 2, 1))
    phase = PlanPhase(
        id="p1", in_scope=12, needed=10, planned=11, due=DUE, by_kind=(PlanCount("application", 12, 10, 11),), by_department=departments
    )
    assert (short_of(phase, counting), slack_of(phase, counting)) == (short, slack)


def two_departments() -> tuple[Inventory, dict[str, Verdict], Programme]:
    """Ten of d0 can all move; of two of d1 one has no window that is long enough."""
    rows = [(f"a{n}", "d0", "05:00") for n in range(10)] + [("b0", "d1", "01:00"), ("b1", "d1", "05:00")]
    systems = tuple(
        System.model_validate({
            "id": sid, "name": sid, "department": department, "kind": "application", "status": "in_use",
            "windows": [{"days": "daily", "start": "00:00", "end": end}],
        }) for sid, department, end in rows
    )  # fmt: skip
    verdicts = {one.id: Verdict(system=one.id, strategy="cloud_deployment", readiness=80, complexity=0) for one in systems}
    programme = Programme.model_validate(
        {"starts": dt.date(2027, 3, 1), "phases": [{"id": "p1", "name": "p1", "due": DUE, "percent": 80}], "counting": "per_department"}
    )
    return Inventory(departments=(Department(id="d0", name="d0"), Department(id="d1", name="d1")), systems=systems), verdicts, programme


def best() -> Plan:
    with pytest.raises(Unreached) as missed:
        make_plan(*two_departments(), inventory_digest="", policy_digest="")
    return missed.value.plan


def test_a_department_that_is_short_makes_the_target_missed_although_more_than_enough_are_planned() -> None:
    phase = best().phases[0]
    assert (phase.needed, phase.planned) == (10, 11)
    assert short_of(phase, "per_department") == 1


def test_the_pictures_target_line_is_red_where_a_department_is_short() -> None:
    inventory, _, programme = two_departments()
    plan = best()
    line = f'stroke="{RED}" stroke-dasharray'
    assert line in plan_picture(plan, inventory, programme)
    assert line not in plan_picture(plan.model_copy(update={"counting": "all_together"}), inventory, programme)


def test_what_if_says_how_many_are_short() -> None:
    found = what_if(*two_departments(), [Change("wave", 1)])
    assert [one.short for one in (*found.before.phases, *found.after.phases)] == [1, 1]
