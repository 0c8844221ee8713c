"""List scheduling: groups one after another, each in the first week with room, after everything it needs (R4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.planning.ledger import Ledger
from orchestrator.planning.patterns import WEEK
from orchestrator.planning.problem import Problem

PROMISE_WEIGHT = 400
"""Moving a promise by a week costs as much as delaying two ripe, simple systems by a week."""


@dataclass
class Schedule:
    """By group: cutover week (-1: not placed), start and end minute of its window, the rule that gave it."""

    weeks: list[int]
    starts: list[int]
    ends: list[int]
    rules: list[str]
    ledger: Ledger

    def copy(self) -> Schedule:
        ledger = Ledger(self.ledger.problem)
        ledger.left = [list(row) for row in self.ledger.left]
        ledger.cloud_left = [list(row) for row in self.ledger.cloud_left]
        return Schedule(list(self.weeks), list(self.starts), list(self.ends), list(self.rules), ledger)


Score = tuple[int, int]
"""(systems short of their targets, weighted weeks): less is better, in this order."""


def empty(problem: Problem) -> Schedule:
    """Nothing placed but what is done or under way."""
    count = len(problem.groups)
    schedule = Schedule([-1] * count, [0] * count, [0] * count, [""] * count, Ledger(problem))
    for number, group in enumerate(problem.groups):
        if group.fixed is not None:
            slot = group.pattern.first(group.fixed // WEEK, group.fixed)
            end = slot[1] if slot and slot[0] == group.fixed else group.fixed_end
            rule = slot[2] if slot and slot[0] == group.fixed else "as it stands"
            put(schedule, number, group.fixed // WEEK, (group.fixed, end, rule))
    return schedule


def put(schedule: Schedule, group: int, week: int, slot: tuple[int, int, str]) -> None:
    schedule.weeks[group], (schedule.starts[group], schedule.ends[group], schedule.rules[group]) = week, slot
    schedule.ledger.take(group, week)


def serial(problem: Problem, order: Sequence[int], *, keep_promises: bool = True, base: Schedule | None = None) -> Schedule:
    """Place groups in this order, each after what it needs. A group that finds no room stays out, and so does what needs it.

    What a former plan promised goes into its week if there is room, else as early as possible. ``base`` is filled up in place.
    """
    schedule = base or empty(problem)
    groups, weeks, starts, ledger = problem.groups, schedule.weeks, schedule.starts, schedule.ledger
    tried = [week >= 0 for week in weeks]
    for wanted in order:
        if tried[wanted]:
            continue
        stack = [wanted]
        while stack:
            group = stack[-1]
            if tried[group]:
                stack.pop()
                continue
            missing = [other for other in groups[group].needs if not tried[other]]
            if missing:
                stack += reversed(missing)
                continue
            stack.pop()
            tried[group] = True
            one = groups[group]
            if one.blocked or any(weeks[other] < 0 for other in one.needs):
                continue
            floor = max((starts[other] for other in one.needs), default=0)
            found = None
            if one.promised is not None and keep_promises and one.promised * WEEK > floor:
                found = ledger.earliest(group, one.promised * WEEK, one.promised + 1)
            found = found or ledger.earliest(group, floor)
            if found:
                put(schedule, group, *found)
    return schedule


def score(problem: Problem, schedule: Schedule) -> Score:
    """Systems short of targets, and Σ weight x weeks (what is not placed costs the horizon; moved promises cost extra)."""
    short = sum(max(0, target.needed - reached(problem, schedule, number)) for number, target in enumerate(problem.targets))
    cost = 0
    for group, week in zip(problem.groups, schedule.weeks, strict=True):
        if group.fixed is None:
            at = week if week >= 0 else problem.weeks
            cost += group.weight * (at - problem.first)
            if group.promised is not None:
                cost += PROMISE_WEIGHT * abs(at - group.promised)
    return short, cost


def reached(problem: Problem, schedule: Schedule, target: int) -> int:
    """Systems of the target whose trial run is over when the due date ends."""
    one = problem.targets[target]
    weeks, ends, groups = schedule.weeks, schedule.ends, problem.groups
    return sum(1 for group in one.members if weeks[group] >= 0 and ends[group] + groups[group].trial <= one.due)


def near_misses(problem: Problem, schedule: Schedule) -> set[int]:
    """Groups of missed targets that were nearest to their due date, a few more than are missing."""
    found: set[int] = set()
    for number, target in enumerate(problem.targets):
        short = target.needed - reached(problem, schedule, number)
        if short > 0:
            late = [g for g in set(target.members) if schedule.weeks[g] < 0 or schedule.ends[g] + problem.groups[g].trial > target.due]
            found.update(sorted(late, key=lambda g: (schedule.weeks[g] < 0, schedule.ends[g], g))[: 2 * short + 2])
    return found
