"""What suffices, shown by a plan that was found with it: the demand of what the targets need, and a margin of so many per cent.

Deterministic: passes of the plain scheduler are counted, never seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from orchestrator.planning import bounds
from orchestrator.planning import schedule as scheduling
from orchestrator.planning.demand import beyond
from orchestrator.planning.lift import lifted
from orchestrator.planning.orders import Closures, target_first
from orchestrator.planning.problem import CLOUD_DIMENSIONS, Problem
from orchestrator.planning.relax import Change

MARGINS = (0.2, 0.6, 1.8, 5.4)
"""Of the demand, beyond which capacities are raised; tried in this order (small problems begin with none) until one gives a plan."""
HALVINGS = 4
"""Of the distance between a margin that was too small and one that gave a plan, for smaller problems."""


def sufficient(problem: Problem, phase: int, closures: Closures) -> tuple[Change, ...]:
    """Changes that were *shown* to suffice for the phases up to this one; empty when none was found.

    What is blocked by a limit alone may move again: with the limit raised, the scheduler itself sees whether there is room.
    """
    if any(group.blocked and group.blocked.code == "beyond-limit" for group in problem.groups):
        problem = lifted(problem, ("beyond-limit",))
        closures = Closures(problem)
    demand = list(_demand(problem, closures, phase))
    low, high = 0.0, 0.0
    best: tuple[Change, ...] = ()
    tried: set[tuple[Change, ...]] = set()
    small = len(problem.groups) <= bounds.LARGE
    for high in (0.0, *MARGINS) if small else MARGINS:
        changes = _changes(demand, high)
        if changes and changes not in tried and _met(with_more(problem, changes), phase, closures):
            best = changes
            break
        tried.add(changes)
        low = high
    for _ in range(HALVINGS if best and small and high else 0):
        middle = (low + high) / 2
        changes = _changes(demand, middle)
        if changes == best or (changes and changes not in tried and _met(with_more(problem, changes), phase, closures)):
            high, best = middle, changes
        else:
            tried.add(changes)
            low = middle
    return best


def _demand(problem: Problem, closures: Closures, phase: int) -> Iterator[tuple[str, int, int, int]]:
    """By phase and capacity: its name, the demand of a set that meets the targets, what there is, the weeks over which it adds up."""
    needed: set[int] = set()
    chosen = closures.chosen()[::2]
    for number in range(phase + 1):
        needed.update(g for part, target in zip(chosen, problem.targets, strict=True) if target.phase == number for g in part)
        due = next((target.due for target in problem.targets if target.phase == number), None)
        if due is None:
            continue
        deadline = max(bounds.deadline_weeks(problem, due))
        for row in bounds.rows_until(problem, deadline, all_rows=True):
            weeks = 1 if row.name.startswith("cloud:") else max(1, deadline - problem.first + 1)
            yield row.name, sum(amount for g, amount in row.demand.items() if g in needed), int(row.capacity), weeks
    for g in sorted(needed):  # what one of them needs at once
        yield from ((*short, 1) for short in beyond(problem.groups[g], problem.resources, problem.cloud))


def _changes(demand: Sequence[tuple[str, int, int, int]], margin: float) -> tuple[Change, ...]:
    """Constant additions from the start on, rounded up to what a person would order."""
    more: dict[str, int] = {}
    for name, amount, there, weeks in demand:
        more[name] = max(more.get(name, 0), math.ceil((amount * (1 + margin) - there) / weeks))
    return tuple(Change(name, rate / 10 if name.startswith("skill:") else rate) for name, rate in sorted(more.items()) if rate > 0)


def with_more(problem: Problem, changes: Sequence[Change]) -> Problem:
    """The problem with more capacity, exactly as ``relax.apply`` on its programme and a new build would give it."""
    more: Mapping[str, float] = {change.capacity: change.amount for change in changes}
    resources = [
        replace(one, capacity=[amount + round(more[one.name] * (10 if one.name.startswith("skill:") else 1)) for amount in one.capacity])
        if one.name in more else one
        for one in problem.resources
    ]  # fmt: skip
    cloud = [
        [None if room is None else room + round(more.get(f"cloud:{name}", 0)) if room or n else room for n, room in enumerate(row)]
        for name, row in zip(CLOUD_DIMENSIONS, problem.cloud, strict=False)
    ]
    return replace(problem, resources=resources, cloud=cloud)


def _met(problem: Problem, phase: int, closures: Closures) -> bool:
    for order in target_first(problem, closures):
        schedule = scheduling.serial(problem, order())
        if all(scheduling.reached(problem, schedule, n) >= one.needed for n, one in enumerate(problem.targets) if one.phase <= phase):
            return True
    return False
