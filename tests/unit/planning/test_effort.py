"""More effort is never worse, from mending to improvement; a plan in force takes in what is new."""

from __future__ import annotations

import pytest

from orchestrator.models import Inventory, Plan, Verdict
from orchestrator.planning.build import build
from orchestrator.planning.former import schedule_of
from orchestrator.planning.plan import Unreached, make_plan
from orchestrator.planning.programme import Programme
from orchestrator.planning.schedule import Score, score
from tests.bench.instances import instance

City = tuple[Inventory, dict[str, Verdict], Programme]


def best_plan(city: City, effort: int = 0, keep: Plan | None = None) -> Plan:
    try:
        return make_plan(*city, effort=effort, inventory_digest="", policy_digest="", keep=keep)
    except Unreached as missed:
        return missed.plan


def scored(city: City, plan: Plan) -> Score:
    problem = build(*city)
    schedule = schedule_of(problem, plan)
    assert schedule is not None
    return score(problem, schedule)


@pytest.mark.parametrize("seed", [0, 4, 9, 10, 11])
def test_more_effort_never_costs_more_and_never_misses_what_less_reaches(seed: int) -> None:
    city = instance(60, seed, slack=1.0, cloud_slack=1.0)
    scores = [scored(city, best_plan(city, effort)) for effort in (0, 5, 20, 60)]
    assert scores == sorted(scores, reverse=True)


def test_a_plan_in_force_takes_in_a_new_system_that_it_has_room_for() -> None:
    """The former plan is better than a fresh one, and does not know the system yet."""
    inventory, verdicts, programme = instance(60, 9, slack=1.0, cloud_slack=1.0)
    phases = tuple(one.model_copy(update={"percent": percent}) for one, percent in zip(programme.phases, (80, 90), strict=True))
    programme = programme.model_copy(update={"phases": phases})
    former = best_plan((inventory, verdicts, programme), effort=80)
    model = inventory.systems[0]
    new = model.model_copy(update={"id": "zz9", "depends_on": (), "data_gb": 0, "vcpus": 0, "memory_gb": 0, "storage_gb": 0})
    larger = inventory.model_copy(update={"systems": (*inventory.systems, new)})
    told = verdicts | {"zz9": verdicts[model.id].model_copy(update={"system": "zz9"})}
    plan = best_plan((larger, told, programme), keep=former)
    kept = {one.system: one.window_start for one in former.entries}
    assert {one.system: one.window_start for one in plan.entries if one.system != "zz9"} == kept
    assert "zz9" in {one.system for one in plan.entries}


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_left_out_of_a_plan_that_has_room_for_it(seed: int) -> None:
    """Also after search: the cloud is too small, so whatever gives way makes room for something else."""
    city = instance(60, seed, slack=1.5, cloud_slack=0.7)
    plan = best_plan(city, effort=60)
    problem = build(*city)
    schedule = schedule_of(problem, plan)
    assert schedule is not None
    left_out = [
        g for g, one in enumerate(problem.groups) if schedule.weeks[g] < 0 and all(schedule.weeks[other] >= 0 for other in one.needs)
    ]
    assert left_out
    for g in left_out:
        floor = max((schedule.starts[other] for other in problem.groups[g].needs), default=0)
        assert schedule.ledger.earliest(g, floor) is None
