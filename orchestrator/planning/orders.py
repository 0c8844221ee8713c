"""Orders for list scheduling, and the best of them.

Systems of a target are chosen by the cost of their *ancestor closure*: what a system needs and is not paid for yet is paid with it, cloud
demand included, per system that it makes count. Capacities are priced by what there is of them up to the deadline.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from heapq import heapify, heappop, heappush

from orchestrator.planning import graph
from orchestrator.planning.bounds import LARGE, deadline_weeks
from orchestrator.planning.problem import Problem, Target
from orchestrator.planning.schedule import Schedule, Score, empty, score, serial

CLOSURE_LIMIT = 300
"""Nodes looked at to price one closure; larger ones are priced by these."""
USUAL = 5
"""Orders that are always tried."""
ROUNDS = 20
"""Prices of closures fall while others are paid: they are looked at anew so many times on the way to a target."""
Order = Callable[[], Sequence[int]]


def best_of_portfolio(problem: Problem) -> Schedule:
    """The best schedule of a few orders; the first that nothing can beat (no shortage, every group in its soonest week) ends it.

    The last orders are tried only where the others miss a target."""
    best: Schedule | None = None
    best_score: Score = (0, 0)
    for number, order in enumerate(orders(problem)):
        if number >= USUAL and best_score[0] == 0:
            break
        schedule = serial(problem, order())
        found = score(problem, schedule)
        if best is None or found < best_score:
            best, best_score = schedule, found
        if best_score[0] == 0 and _perfect(problem, best):
            break
    return best or empty(problem)


def orders(problem: Problem, known: Closures | None = None) -> list[Order]:
    """Orders to choose from.

    Ripe and simple first (R4); value for cost; then the systems chosen for the targets before the rest: ripe and simple first, as
    they were chosen, by the scarcity of their windows; where targets are tight also scarce windows and dear ones first, long preparation first."""
    closures = Closures(problem, known)

    def selected(key: Callable[[int], tuple[float, ...]] | None) -> Order:
        def make() -> Sequence[int]:
            chosen = closures.chosen()
            parts = chosen if key is None else [part if number % 2 else sorted(part, key=key) for number, part in enumerate(chosen)]
            return [*(group for part in parts for group in part), *ripe(problem)]

        return make

    @cache
    def price() -> list[float]:
        return closures.costs(max(deadline_weeks(problem, problem.targets[0].due), default=0)) if problem.targets else []

    rank = {group: float(n) for n, group in enumerate(ripe(problem))}
    return [
        lambda: ripe(problem), lambda: _by_value(problem, closures), selected(lambda g: (rank[g], g)), selected(None),
        selected(lambda g: (_openings(problem, g), g)), selected(lambda g: (_openings(problem, g), -price()[g], g)),
        selected(lambda g: (-problem.groups[g].lead, rank[g], g)),
    ]  # fmt: skip


def target_first(problem: Problem, known: Closures | None = None) -> list[Order]:
    """The orders that begin with what the targets need: one for a large city, all for a small one."""
    found = orders(problem, known)[2:USUAL]
    return found[:1] if len(problem.groups) > LARGE else found


def ripe(problem: Problem) -> list[int]:
    """Promises first by their week, then the heaviest weight per member: ready and simple."""

    def key(number: int) -> tuple[int, float, int]:
        group = problem.groups[number]
        return problem.weeks + 1 if group.promised is None else group.promised, -group.weight / len(group.members), number

    return sorted(range(len(problem.groups)), key=key)


class Closures:
    """What groups need, directly or not, and what that costs."""

    def __init__(self, problem: Problem, known: Closures | None = None) -> None:
        """``known``: those of the same systems under other limits."""
        self.problem = problem
        self._closures: dict[int, list[int]] = known._closures if known else {}
        self._needs = [group.needs for group in problem.groups]
        self._chosen: list[list[int]] = []

    def of(self, group: int) -> list[int]:
        found = self._closures.get(group)
        if found is None:
            found = self._closures[group] = graph.closure(group, self._needs, limit=CLOSURE_LIMIT)
        return found

    def costs(self, until: int) -> list[float]:
        """By group, its demand as shares of all there is up to week ``until`` (of the cloud: in that week)."""
        supply = [max(1, sum(one.capacity[self.problem.first : until + 1])) for one in self.problem.resources]
        segment = next((n for n, (first, last) in enumerate(self.problem.segments) if first <= until <= last), None)
        room = [max(1, row[segment] or 1) if row[segment] is not None else 0 for row in self.problem.cloud] if segment is not None else []
        return [
            1e-9
            + sum(amount / supply[resource] for resource, amount in (*group.counts, *group.spread))
            + sum(amount / there for amount, there in zip(group.cloud, room, strict=False) if there)
            for group in self.problem.groups
        ]

    def chosen(self) -> list[list[int]]:
        """By target two lists: the groups paid for it, as they were chosen, and the rest that could stand in for them, cheap ones first."""
        if not self._chosen:
            paid: set[int] = set()
            self._chosen = [part for target in self.problem.targets for part in self._choose(target, paid)]
        return self._chosen

    def _choose(self, target: Target, paid: set[int]) -> tuple[list[int], list[int]]:
        last = deadline_weeks(self.problem, target.due)
        times = Counter(group for group in target.members if not self.problem.groups[group].blocked and last[group] >= 0)
        have = sum(count for group, count in times.items() if group in paid)
        order: list[int] = []
        if target.needed >= sum(times.values()):
            order = [other for group in times for other in reversed(self.of(group)) if other not in paid]
            order = list(dict.fromkeys(order))
            paid.update(order)
            return order, []
        cost = self.costs(max(last[group] for group in times))
        left: dict[int, list[float]] = {}  # by group, what is not paid of its closure yet: cost, systems that count
        holders: dict[int, list[int]] = {}
        for group in times:
            if group not in paid:
                fresh = [other for other in self.of(group) if other not in paid]
                left[group] = [sum(cost[other] for other in fresh), sum(times.get(other, 0) for other in fresh)]
                for other in fresh:
                    holders.setdefault(other, []).append(group)
        heap = [(there[0] / there[1], group) for group, there in left.items()]
        heapify(heap)
        while have < target.needed and heap:
            stop = min(target.needed, have + max(1, target.needed // ROUNDS))
            waiting: dict[int, list[int]] = {}
            while have < stop and heap:
                told, group = heappop(heap)
                if group in paid or told != left[group][0] / left[group][1]:
                    continue
                for other in self.of(group):
                    if other not in paid:
                        paid.add(other)
                        order.append(other)
                        have += times.get(other, 0)
                        for holder in holders[other]:
                            waiting.setdefault(holder, []).append(other)
            for group, fallen in waiting.items():
                if group not in paid:
                    left[group][0] -= sum(cost[other] for other in fallen)
                    left[group][1] -= sum(times.get(other, 0) for other in fallen)
                    heappush(heap, (left[group][0] / left[group][1], group))
        spare = {group: sum(cost[other] for other in self.of(group) if other not in paid) for group in times if group not in paid}
        return order, sorted(spare, key=lambda g: (spare[g], g))


def _by_value(problem: Problem, closures: Closures) -> list[int]:
    """Smith's rule on closures: weight of what would be placed for its cost."""
    groups, cost = problem.groups, closures.costs(problem.weeks - 1)

    def ratio(group: int) -> float:
        closure = closures.of(group)
        return sum(groups[other].weight for other in closure) / sum(cost[other] for other in closure)

    return sorted(range(len(groups)), key=lambda g: (-ratio(g), g))


def _openings(problem: Problem, group: int) -> int:
    """Openings in a quarter of the programme's first year: few are scarce."""
    first = problem.first
    return sum(len(problem.groups[group].pattern.slots(week)) for week in range(first + 8, min(first + 21, problem.weeks)))


def _perfect(problem: Problem, schedule: Schedule) -> bool:
    ledger = schedule.ledger
    return all(group.fixed is not None or schedule.weeks[n] == ledger.soonest(n) for n, group in enumerate(problem.groups))
