"""Proofs of shortage: a linear programme of the state at a phase's deadline, solved by GLOP (OR-Tools, optional extra ``solver``).

Not by highspy: OR-Tools carries a HiGHS of the same library name and another version, so the two cannot be loaded into one process; and
not by that HiGHS: it writes a banner to standard output. GLOP gave the same bounds in less time and without numpy.

Relaxation: x_g in [0, 1] says "group g is cut over by the deadline week". What g needs is cut over by then too (x_g ≤ x_a), the
target asks for its number, and the work of all x_g fits into the sum of each capacity up to the deadline, plus a slack. Any plan
that reaches the target is a solution with slack 0, so a positive least slack proves that so much is missing at least. It
says nothing about plans when the slack is 0: weeks, windows and whole systems are not in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.planning.ledger import Ledger
from orchestrator.planning.patterns import WEEK
from orchestrator.planning.problem import CLOUD_DIMENSIONS, Problem

TOLERANCE = 1e-6
LARGE = 8000
"""Groups beyond which only the two scarcest capacities are bounded one by one."""


@dataclass(frozen=True)
class Row:
    """One capacity up to the deadline: its name as in ``Resource.name`` or ``cloud:…``, what there is, demand by group."""

    name: str
    capacity: float
    demand: dict[int, int]


@dataclass(frozen=True)
class Shortage:
    """What is missing up to a phase's deadline, proved. Amounts in the capacity's own unit, summed up to the deadline."""

    phase: int
    deadline: int
    """Week."""
    joint: dict[str, float]
    """A least relaxation of all capacities together (each weighed by its size) under which the relaxation has a solution."""
    alone: dict[str, float]
    """By capacity: what is missing of it at least, however much there is of all others."""


def available() -> bool:
    """Whether the optional solver is installed."""
    from importlib.util import find_spec

    return find_spec("ortools") is not None


def deadline_weeks(problem: Problem, due: int) -> list[int]:
    """By group, the last week with an opening whose trial run is over by minute ``due``; -1 when there is none."""
    found = []
    cache: dict[tuple[int, int], int] = {}
    for group in problem.groups:
        key = (id(group.pattern), group.trial)
        if key not in cache:
            week = min(problem.weeks - 1, (due - group.trial) // WEEK)
            while week >= problem.first and not any(end + group.trial <= due for _, end, _ in group.pattern.slots(week)):
                week -= 1
            cache[key] = week if week >= problem.first else -1
        found.append(cache[key])
    return found


def soonest_weeks(problem: Problem) -> list[int]:
    """By group, the first week that windows, preparation, release and what it needs leave, capacities apart; ``weeks`` if none."""
    ledger, found, starts = Ledger(problem), [], []
    for number, group in enumerate(problem.groups):
        if group.fixed is not None:
            found.append(max(0, group.fixed // WEEK))
            starts.append(group.fixed)
            continue
        floor = max((starts[other] for other in group.needs), default=0)
        week = max(ledger.soonest(number), floor // WEEK)
        slot = None
        while not group.blocked and week < problem.weeks and (slot := group.pattern.first(week, floor)) is None:
            week += 1
        found.append(week if slot else problem.weeks)
        starts.append(slot[0] if slot else problem.weeks * WEEK)
    return found


def rows_until(problem: Problem, week: int) -> list[Row]:
    """Capacities that can be short: summed up from now to this week inclusive; the cloud as it is in this week."""
    demands: list[dict[int, int]] = [{} for _ in problem.resources]
    taken = [0] * len(problem.resources)
    for g, group in enumerate(problem.groups):
        if group.fixed is None:
            for number, amount in (*group.counts, *group.spread):
                demands[number][g] = amount
            continue
        at = group.fixed // WEEK
        for back, number, amount in (*((0, r, amount) for r, amount in group.counts), *group.profile):
            taken[number] += amount if problem.first <= at - back <= week else 0
    rows = []
    for number, resource in enumerate(problem.resources):
        capacity = max(0, sum(resource.capacity[problem.first : week + 1]) - taken[number])
        if sum(demands[number].values()) > capacity:  # else it can never be short
            rows.append(Row(resource.name, capacity, demands[number]))
    segment = next((n for n, (first, last) in enumerate(problem.segments) if first <= week <= last), None)
    for dimension, name in enumerate(CLOUD_DIMENSIONS if segment is not None else ()):
        room = problem.cloud[dimension][segment or 0]
        if room is not None:
            demand = {g: group.cloud[dimension] for g, group in enumerate(problem.groups) if group.cloud[dimension]}
            if sum(demand.values()) > room:
                rows.append(Row(f"cloud:{name}", room, demand))
    return rows


def shortage(problem: Problem, phase: int) -> Shortage | None:
    """What is missing for this phase's targets, proved; None when the relaxation finds nothing missing.

    Raises ``ImportError`` without the optional solver.
    """
    targets = [target for target in problem.targets if target.phase == phase]
    if not targets:
        return None
    last = deadline_weeks(problem, targets[0].due)
    soonest = soonest_weeks(problem)
    counted = {g for target in targets for g in target.members if soonest[g] <= last[g] or problem.groups[g].fixed is not None}
    deadline = max((last[g] for g in counted), default=problem.first)
    possible = [soonest[g] <= deadline or problem.groups[g].fixed is not None for g in range(len(problem.groups))]
    rows = rows_until(problem, deadline)
    model = _Model(problem, targets, counted, possible, rows)
    scales = [1 / max(1.0, row.capacity) for row in rows]
    joint = model.least(scales)
    if joint is None:
        return Shortage(phase, deadline, {}, {})
    if all(amount <= TOLERANCE * max(1.0, row.capacity) for amount, row in zip(joint, rows, strict=True)):
        return None
    missing = [n for n, row in enumerate(rows) if joint[n] > TOLERANCE * max(1.0, row.capacity)]
    missing.sort(key=lambda n: -joint[n] / max(1.0, rows[n].capacity))
    alone = {}
    for n in missing[: 2 if len(problem.groups) > LARGE else None]:
        least = model.least([1.0 if m == n else 0.0 for m in range(len(rows))])
        if least is not None and least[n] > TOLERANCE * max(1.0, rows[n].capacity):
            alone[rows[n].name] = least[n]
    return Shortage(phase, deadline, {rows[n].name: joint[n] for n in missing}, alone)


class _Model:
    """The linear programme; built once, solved for several costs of the slacks."""

    def __init__(self, problem: Problem, targets: Sequence[Any], counted: set[int], possible: Sequence[bool], rows: Sequence[Row]) -> None:
        from ortools.linear_solver import pywraplp

        self._solver: Any = pywraplp.Solver.CreateSolver("GLOP")
        solver, infinity = self._solver, self._solver.infinity()
        groups = problem.groups
        x = [
            solver.NumVar(1.0 if group.fixed is not None else 0.0, 1.0 if ok else 0.0, "")
            for group, ok in zip(groups, possible, strict=True)
        ]
        self._slacks = [solver.NumVar(0.0, infinity, "") for _ in rows]
        for g, group in enumerate(groups):
            for other in group.needs:
                arc = solver.Constraint(-infinity, 0.0)
                arc.SetCoefficient(x[g], 1.0)
                arc.SetCoefficient(x[other], -1.0)
        for target in targets:
            row = solver.Constraint(float(target.needed), infinity)
            for g, times in Counter(target.members).items():
                if g in counted:
                    row.SetCoefficient(x[g], float(times))
        for slack, limit in zip(self._slacks, rows, strict=True):
            row = solver.Constraint(-infinity, float(limit.capacity))
            for g, amount in limit.demand.items():
                row.SetCoefficient(x[g], float(amount))
            row.SetCoefficient(slack, -1.0)
        self._optimal = pywraplp.Solver.OPTIMAL

    def least(self, costs: Sequence[float]) -> list[float] | None:
        """Slacks of a cheapest solution; None when no amount of capacity helps."""
        objective = self._solver.Objective()
        for slack, cost in zip(self._slacks, costs, strict=True):
            objective.SetCoefficient(slack, cost)
        objective.SetMinimization()
        if self._solver.Solve() != self._optimal:
            return None
        return [slack.solution_value() for slack in self._slacks]
