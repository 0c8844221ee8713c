"""CP-SAT on one small neighbourhood (optional extra ``solver``): never on the whole, where it returns nothing in useful time.

Promises: one worker, a fixed seed and deterministic time, so two runs agree; the former places are a complete hint, so
the answer is never worse than they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.planning.patterns import WEEK, Slot

if TYPE_CHECKING:
    from orchestrator.planning.search import Placing, Search

DETERMINISTIC_TIME = 0.6
"""CP-SAT's own unit, about a second at most."""
MAXIMUM = 900
"""Booleans of one neighbourhood; weeks farthest from the former places are left out beyond."""


def available() -> bool:
    """Whether the optional solver is installed."""
    from importlib.util import find_spec

    return find_spec("ortools") is not None


def placing() -> Placing:
    """A function that places a neighbourhood which has been taken out of the schedule. Imports the library (seconds, 100 MB)."""
    from ortools.sat.python import cp_model

    former: dict[int, int] = {}

    def place(search: Search, picked: Sequence[int]) -> dict[int, tuple[int, Slot]] | None:
        former.clear()
        former.update({g: search.former[g] for g in picked if g in search.former})
        return _solve(cp_model, search, picked, former)

    return place


Choices = dict[int, dict[int, Any]]
"""By group and week, the Boolean that says "cut over in this week"."""


def _solve(cp_model: Any, search: Search, picked: Sequence[int], former: dict[int, int]) -> dict[int, tuple[int, Slot]] | None:
    domains = _domains(search, picked, former)
    if domains is None:
        return None
    model = cp_model.CpModel()
    at = {g: {week: model.new_bool_var("") for week in weeks} for g, weeks in domains.items()}
    for choices in at.values():
        model.add_exactly_one(choices.values())
    week_of = {g: sum(week * x for week, x in choices.items()) for g, choices in at.items()}
    problem = search.problem
    for g in at:
        for other in problem.groups[g].needs:
            if other in at:
                model.add(week_of[other] <= week_of[g])
    _limit_weeks(model, search, at)
    _limit_cloud(model, search, at)
    misses = _misses(model, search, at)
    weight = 1 + sum(problem.groups[g].weight * problem.weeks for g in at)
    model.minimize(
        sum(problem.groups[g].weight * week * x for g, choices in at.items() for week, x in choices.items()) + weight * sum(misses)
    )
    for g, choices in at.items():
        for week, x in choices.items():
            model.add_hint(x, former.get(g) == week)
    solver = cp_model.CpSolver()
    parameters = solver.parameters
    parameters.num_workers, parameters.random_seed, parameters.max_deterministic_time = 1, 7, DETERMINISTIC_TIME
    parameters.cp_model_probing_level, parameters.symmetry_level = 0, 0
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    found = {g: next(week for week, x in choices.items() if solver.boolean_value(x)) for g, choices in at.items()}
    return {g: (week, (0, 0, "")) for g, week in found.items()}


def _limit_weeks(model: Any, search: Search, at: Choices) -> None:
    """No capacity of any week beyond what is left of it."""
    problem, ledger = search.problem, search.schedule.ledger
    demand: dict[tuple[int, int], list[tuple[int, Any]]] = {}
    for g, choices in at.items():
        one = problem.groups[g]
        for week, x in choices.items():
            for resource, amount in one.counts:
                demand.setdefault((resource, week), []).append((amount, x))
            for back, resource, amount in one.profile:
                if week >= back:
                    demand.setdefault((resource, week - back), []).append((amount, x))
    for (resource, week), terms in demand.items():
        left = ledger.left[resource][week]
        if sum(amount for amount, _ in terms) > left:
            model.add(sum(amount * x for amount, x in terms) <= max(0, left))


def _limit_cloud(model: Any, search: Search, at: Choices) -> None:
    """The cloud only fills: one knapsack for each of its steps."""
    problem, ledger = search.problem, search.schedule.ledger
    for dimension, row in enumerate(ledger.cloud_left):
        for segment, (_, last) in enumerate(problem.segments):
            room = row[segment]
            if room is None:
                continue
            cloud = [
                (problem.groups[g].cloud[dimension], x)
                for g, choices in at.items() if problem.groups[g].cloud[dimension]
                for week, x in choices.items() if week - problem.groups[g].lead + 1 <= last
            ]  # fmt: skip
            if sum(amount for amount, _ in cloud) > room:
                model.add(sum(amount * x for amount, x in cloud) <= max(0, room))


def _misses(model: Any, search: Search, at: Choices) -> list[Any]:
    """By target, the number of systems it is short of when the neighbourhood is placed so."""
    misses = []
    for number, target in enumerate(search.problem.targets):
        counted = []
        for g, choices in at.items():
            times = next((count for t, count in search.counts[g] if t == number), 0)
            if times and (last := search.last[number][g]) >= 0:
                counted += [times * x for week, x in choices.items() if week <= last]
        missing = target.needed - search.reach[number]
        if missing > 0 and counted:
            miss = model.new_int_var(0, missing, "")
            model.add(miss + sum(counted) >= missing)
            misses.append(miss)
    return misses


def _domains(search: Search, picked: Sequence[int], former: dict[int, int]) -> dict[int, list[int]] | None:
    """By group, the weeks in which it alone would fit between what it needs and what needs it; None when one has none."""
    if not picked or any(g not in former for g in picked):
        return None
    low, high = min(former.values()), max(former.values())
    room = max(4, MAXIMUM // len(picked))
    found = {}
    inside = set(picked)
    for g in sorted(picked):
        one = search.problem.groups[g]
        floor = max((search.schedule.starts[other] for other in one.needs if other not in inside), default=0)
        ceiling = search.ceiling(g)
        first = max(low - 2, search.schedule.ledger.soonest(g), floor // WEEK)
        weeks = [
            week for week in range(first, min(high, ceiling // WEEK) + 1)
            if (slot := one.opening(week, floor)) and slot[0] <= ceiling and search.schedule.ledger.fits(g, week)
        ]  # fmt: skip
        if len(weeks) > room:
            weeks = sorted(sorted(weeks, key=lambda week: (abs(week - former[g]), week))[:room])
        if former[g] not in weeks:
            return None
        found[g] = weeks
    return found
