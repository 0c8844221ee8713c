"""A former plan read back as a schedule, where it still fits."""

from __future__ import annotations

from orchestrator.models import Plan
from orchestrator.planning.patterns import WEEK, minutes_of
from orchestrator.planning.problem import Problem
from orchestrator.planning.schedule import Schedule, empty, put


def schedule_of(problem: Problem, plan: Plan) -> Schedule | None:
    """The plan as a schedule of this problem; None when a window, a capacity or a dependency does not allow it any more.

    Systems that the plan does not hold stay out; those it holds and the problem does not are left aside.
    """
    when = {entry.system: minutes_of(problem.base, entry.window_start) for entry in plan.entries}
    schedule = empty(problem)
    for number, group in enumerate(problem.groups):
        if group.fixed is not None:
            continue
        starts = {when.get(problem.systems[member].id) for member in group.members}
        start = starts.pop()
        if start is None and not starts:
            continue
        if start is None or starts or group.blocked:
            return None
        week = start // WEEK
        slot = group.opening(week, start)
        needed = max((schedule.starts[other] for other in group.needs), default=0)
        if any(schedule.weeks[other] < 0 for other in group.needs) or needed > start or slot is None or slot[0] != start:
            return None
        if not schedule.ledger.soonest(number) <= week < problem.weeks or not schedule.ledger.fits(number, week):
            return None
        put(schedule, number, week, slot)
    return schedule
