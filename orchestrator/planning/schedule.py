"""List scheduling: groups one after another, each in the first week with room, after everything it needs (R4).

Several orders are tried and the best schedule is kept. Target systems are taken by the cost of their *ancestor closure*: what a
system needs and has not been placed yet is paid with it, cloud demand included.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from orchestrator.planning import graph
from orchestrator.planning.ledger import Ledger
from orchestrator.planning.patterns import WEEK
from orchestrator.planning.problem import Problem

CLOSURE_LIMIT = 300
"""Nodes looked at to price one closure; larger ones are priced by these."""
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


def serial(problem: Problem, order: Sequence[int], base: Schedule | None = None) -> Schedule:
    """Place groups in this order, each after what it needs. A group that finds no room stays out, and so does what needs it."""
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
            if one.promised is not None:
                floor = max(floor, min(one.promised, problem.weeks - 1) * WEEK)
            found = ledger.earliest(group, floor)
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


def best_of_portfolio(problem: Problem) -> Schedule:
    """The best of a few orders; the first that nothing can beat (no shortage, every group in its soonest week) ends the search."""
    best: Schedule | None = None
    best_score: Score = (0, 0)
    for order in orders(problem):
        schedule = serial(problem, order())
        found = score(problem, schedule)
        if best is None or found < best_score:
            best, best_score = schedule, found
        if best_score[0] == 0 and _perfect(problem, best):
            break
    return best or empty(problem)


def orders(problem: Problem) -> list[Callable[[], list[int]]]:
    """Ripe and simple first; targets by closure cost; the same by value for cost; by due date, then ripe and simple."""
    prices = _Prices(problem)
    return [lambda: ripe(problem), lambda: _by_target(problem, prices), lambda: _by_value(problem, prices), lambda: _by_due(problem)]


def ripe(problem: Problem) -> list[int]:
    """Promises first by their week, then the heaviest weight per member: ready and simple."""

    def key(number: int) -> tuple[int, float, int]:
        group = problem.groups[number]
        return problem.weeks + 1 if group.promised is None else group.promised, -group.weight / len(group.members), number

    return sorted(range(len(problem.groups)), key=key)


class _Prices:
    """Cost of a group's demand as a share of all capacity: scarce resources cost more."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._closures: dict[int, list[int]] = {}
        demand = [0] * len(problem.resources)
        cloud = [0] * len(problem.cloud)
        for group in problem.groups:
            for resource, amount in (*group.counts, *group.spread):
                demand[resource] += amount
            for dimension in range(len(cloud)):
                cloud[dimension] += group.cloud[dimension]
        supply = [max(1, sum(one.capacity)) for one in problem.resources]
        scarce = [min(4.0, d / s) / max(1, d) for d, s in zip(demand, supply, strict=True)]
        last = [next((value for value in reversed(row) if value), 0) for row in problem.cloud]
        dear = [min(4.0, d / s) / max(1, d) if s else 0.0 for d, s in zip(cloud, last, strict=True)]
        self.own = [
            1e-9
            + sum(scarce[resource] * amount for resource, amount in (*group.counts, *group.spread))
            + sum(dear[n] * group.cloud[n] for n in range(len(cloud)))
            for group in problem.groups
        ]
        self._needs = [group.needs for group in problem.groups]

    def closure(self, group: int) -> list[int]:
        found = self._closures.get(group)
        if found is None:
            found = self._closures[group] = graph.closure(group, self._needs, limit=CLOSURE_LIMIT)
        return found

    def unpaid(self, group: int, paid: set[int]) -> float:
        return sum(self.own[other] for other in self.closure(group) if other not in paid)


def _by_target(problem: Problem, prices: _Prices) -> list[int]:
    """Phase by phase, as many cheap closures as the target needs; then the rest, ripe and simple first."""
    order: list[int] = []
    paid: set[int] = set()
    for target in problem.targets:
        price = {group: prices.unpaid(group, paid) for group in set(target.members)}
        members = sorted(price, key=lambda g: (price[g], g))
        times = Counter(target.members)
        have = sum(count for group, count in times.items() if group in paid)
        for group in members:
            if have >= target.needed:
                break
            if group not in paid and problem.groups[group].blocked is None:
                fresh = [other for other in prices.closure(group) if other not in paid]
                paid.update(fresh)
                order.append(group)
                have += sum(times[other] for other in fresh)
    return [*order, *ripe(problem)]


def _by_value(problem: Problem, prices: _Prices) -> list[int]:
    """Smith's rule on closures: weight of what would be placed for its cost."""
    groups = problem.groups

    def ratio(group: int) -> float:
        closure = prices.closure(group)
        return sum(groups[other].weight for other in closure) / sum(prices.own[other] for other in closure)

    return sorted(range(len(groups)), key=lambda g: (-ratio(g), g))


def _by_due(problem: Problem) -> list[int]:
    """The earliest due date among what a group serves, then ripe and simple."""
    due = [problem.weeks * WEEK] * len(problem.groups)
    for target in problem.targets:
        for group in target.members:
            due[group] = min(due[group], target.due)
    for number in range(len(problem.groups) - 1, -1, -1):
        for other in problem.groups[number].needs:
            due[other] = min(due[other], due[number])
    rank = {group: n for n, group in enumerate(ripe(problem))}
    return sorted(range(len(problem.groups)), key=lambda g: (due[g], rank[g]))


def _perfect(problem: Problem, schedule: Schedule) -> bool:
    ledger = schedule.ledger
    return all(group.fixed is not None or schedule.weeks[n] == ledger.soonest(n) for n, group in enumerate(problem.groups))
