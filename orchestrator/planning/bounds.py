"""Proofs of shortage: a linear programme of the state at a phase's deadline, solved by GLOP (OR-Tools, optional extra ``solver``).

Not by highspy: OR-Tools carries a HiGHS of the same library name and another version, so the two cannot be loaded into one process; and
not by that HiGHS: it writes a banner to standard output. GLOP gave the same bounds in less time and without numpy.

Relaxation: x_g in [0, 1] says "group g is cut over by the deadline week". What g needs is cut over by then too (x_g ≤ x_a), the
target asks for its number, and the work of all x_g fits into the sum of each capacity up to the deadline, plus a slack. Any plan
that reaches the target is a solution with slack 0, so a positive least slack proves that so much is missing at least. It
says nothing about plans when the slack is 0: weeks, windows and whole systems are not in it.

A *witness* spares most of the work: a set of groups that reaches the target, whatever it needs included. A capacity that the witness (or
the solution of another capacity's programme) fits into cannot be proved short alone; where a witness fits into all, nothing can be proved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.planning.ledger import Ledger
from orchestrator.planning.patterns import WEEK
from orchestrator.planning.problem import CLOUD_DIMENSIONS, Group, Problem, Target

TOLERANCE = 1e-6
PROOFS = 4
"""Capacities that are bounded one by one in a large city: those that the witness exceeds most."""
LARGE = 1500
"""Groups of a large city."""


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
    alone: dict[str, float]
    """By capacity: what is missing of it at least, however much there is of all others."""
    together: tuple[str, ...] = ()
    """Where none is short alone: capacities of which some must grow, because the relaxation has no solution with what there is of all."""


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
    """By group, the first week that windows, preparation, its phase and what it needs leave, capacities apart; ``weeks`` if none."""
    ledger, found, starts = Ledger(problem), [], []
    for number, group in enumerate(problem.groups):
        if group.fixed is not None:
            found.append(max(0, group.fixed // WEEK))
            starts.append(group.fixed)
            continue
        floor = max((starts[other] for other in group.needs), default=0)
        week = max(ledger.soonest(number), floor // WEEK)
        slot = None
        while not group.blocked and week < problem.weeks and (slot := group.opening(week, floor)) is None:
            week += 1
        found.append(week if slot else problem.weeks)
        starts.append(slot[0] if slot else problem.weeks * WEEK)
    return found


def rows_until(problem: Problem, week: int, *, all_rows: bool = False) -> list[Row]:
    """Capacities that can be short (or all of them): summed up from now to this week inclusive; the cloud as it is in this week.

    What is under way takes from the week it is in, and no more than is there: beyond a week's limit it takes nothing from other weeks.
    """
    demands: list[dict[int, int]] = [{} for _ in problem.resources]
    left = [list(resource.capacity) for resource in problem.resources]
    for g, group in enumerate(problem.groups):
        if group.fixed is None:
            for number, amount in (*group.counts, *(_ahead(problem, group) if group.started else group.spread)):
                demands[number][g] = demands[number].get(g, 0) + amount
            continue
        at = group.fixed // WEEK
        for back, number, amount in (*((0, r, amount) for r, amount in group.counts), *group.profile):
            if problem.first <= at - back < problem.weeks:
                left[number][at - back] -= amount
    rows = []
    for number, resource in enumerate(problem.resources):
        capacity = sum(max(0, one) for one in left[number][problem.first : week + 1])
        if all_rows or sum(demands[number].values()) > capacity:  # else it can never be short
            rows.append(Row(resource.name, capacity, demands[number]))
    segment = next((n for n, (first, last) in enumerate(problem.segments) if first <= week <= last), None)
    for dimension, name in enumerate(CLOUD_DIMENSIONS if segment is not None else ()):
        room = problem.cloud[dimension][segment or 0]
        if room is not None:
            held = sum(one.cloud[dimension] for one in problem.groups if one.fixed is not None and one.fixed // WEEK - one.lead < week)
            demand = {g: one.cloud[dimension] for g, one in enumerate(problem.groups) if one.fixed is None and one.cloud[dimension]}
            if all_rows or sum(demand.values()) > room - held:
                rows.append(Row(f"cloud:{name}", max(0, room - held), demand))
    return rows


def _ahead(problem: Problem, group: Group) -> list[tuple[int, int]]:
    """What is left to do, at least, of a preparation that has begun: its weeks that lie in the past cost nothing any more."""
    return [(resource, amount) for back, resource, amount in group.profile if max(problem.first, group.opens // WEEK) - back >= problem.first]


def shortage(problem: Problem, phase: int, chosen: Iterable[int] = ()) -> Shortage | None:
    """What is missing for this phase's targets, proved; None when the relaxation finds nothing missing.

    ``chosen``: groups that would do for a witness; without them, or where they do not reach the targets, all that could count is one.
    Raises ``ImportError`` without the optional solver.
    """
    targets = [target for target in problem.targets if target.phase == phase]
    if not targets:
        return None
    groups, last, soonest = problem.groups, deadline_weeks(problem, targets[0].due), soonest_weeks(problem)
    counted = {g for target in targets for g in target.members if soonest[g] <= last[g] or groups[g].fixed is not None}
    times = [{g: n for g, n in Counter(target.members).items() if g in counted} for target in targets]
    if any(sum(one.values()) < target.needed for one, target in zip(times, targets, strict=True)):
        return None  # the structure's fault: no amount of capacity helps
    every, witness = _closed(problem, counted), _closed(problem, counted.intersection(chosen))
    reached = (sum(n for g, n in one.items() if g in witness) for one in times)
    if any(got < target.needed for got, target in zip(reached, targets, strict=True)):
        witness = every
    deadline = max((last[g] for g in counted), default=problem.first)
    rows = rows_until(problem, deadline)
    exceeded = {n: over for n, row in enumerate(rows) if (over := _over(row, dict.fromkeys(witness, 1.0))) > 0}
    if all(sum(one.values()) == target.needed for one, target in zip(times, targets, strict=True)):  # no choice: the sums are the bounds
        alone = {rows[n].name: over for n, over in exceeded.items()}
        return Shortage(phase, deadline, alone) if alone else None
    programme = _Programme(problem, targets, times, every, rows) if exceeded else None
    alone = {}
    open_rows = sorted(exceeded, key=lambda n: (-exceeded[n] / max(1, rows[n].capacity), n))[: PROOFS if len(groups) > LARGE else None]
    while programme and open_rows:
        row = rows[open_rows.pop(0)]
        solution = programme.least_of(row)
        if (least := _over(row, solution, TOLERANCE)) > 0:
            alone[row.name] = least
        open_rows = [n for n in open_rows if _over(rows[n], solution, TOLERANCE) > 0]
    if alone:
        return Shortage(phase, deadline, alone)
    names = programme.together() if programme else ()
    return Shortage(phase, deadline, {}, names) if names else None


def _closed(problem: Problem, start: Iterable[int]) -> set[int]:
    """These groups and all that they need, without what is fixed."""
    found = {g for g in start if problem.groups[g].fixed is None}
    todo = list(found)
    while todo:
        for other in problem.groups[todo.pop()].needs:
            if other not in found and problem.groups[other].fixed is None:
                found.add(other)
                todo.append(other)
    return found


def _over(row: Row, taken: Mapping[int, float], doubt: float = 0.0) -> float:
    """What these shares of groups need beyond the capacity; ``doubt``: what the solver's arithmetic may have got wrong, per unit."""
    return sum(amount * taken[g] for g, amount in row.demand.items() if g in taken) - row.capacity - doubt * max(1.0, row.capacity)


class _Programme:
    """The linear programme over the groups that the targets may need; built once, solved for several costs."""

    def __init__(
        self, problem: Problem, targets: Sequence[Target], times: Sequence[Mapping[int, int]], every: set[int], rows: Sequence[Row]
    ) -> None:
        from ortools.linear_solver import pywraplp

        self._rows = rows
        self._solver: Any = pywraplp.Solver.CreateSolver("GLOP")
        self._solver.SetSolverSpecificParametersAsString("use_dual_simplex: true")  # half the time of the primal one here
        self._optimal = pywraplp.Solver.OPTIMAL
        solver, infinity = self._solver, self._solver.infinity()
        self._x = x = {g: solver.NumVar(0.0, 1.0, "") for g in sorted(every)}
        for g, column in x.items():
            for other in problem.groups[g].needs:
                if other in x:
                    arc = solver.Constraint(-infinity, 0.0)
                    arc.SetCoefficient(column, 1.0)
                    arc.SetCoefficient(x[other], -1.0)
        for target, counts in zip(targets, times, strict=True):
            there = sum(n for g, n in counts.items() if g not in x)
            row = solver.Constraint(float(target.needed - there), infinity)
            for g, n in counts.items():
                if g in x:
                    row.SetCoefficient(x[g], float(n))

    def least_of(self, row: Row) -> dict[int, float]:
        """The shares that reach the targets with the least of one capacity."""
        self._minimise({self._x[g]: float(amount) for g, amount in row.demand.items() if g in self._x})
        return {g: column.solution_value() for g, column in self._x.items()}

    def together(self) -> tuple[str, ...]:
        """Capacities that are exceeded, each weighed by its size, in the solution that exceeds least; empty when none needs to be."""
        infinity, slacks = self._solver.infinity(), []
        for row in self._rows:
            slacks.append(self._solver.NumVar(0.0, infinity, ""))
            limit = self._solver.Constraint(-infinity, float(row.capacity))
            for g, amount in row.demand.items():
                if g in self._x:
                    limit.SetCoefficient(self._x[g], float(amount))
            limit.SetCoefficient(slacks[-1], -1.0)
        scales = [max(1.0, row.capacity) for row in self._rows]
        self._minimise({slack: 1 / scale for slack, scale in zip(slacks, scales, strict=True)})
        missing = [(slack.solution_value() / scale, row.name) for slack, scale, row in zip(slacks, scales, self._rows, strict=True)]
        return tuple(name for share, name in sorted(missing, reverse=True) if share > TOLERANCE)

    def _minimise(self, costs: Mapping[Any, float]) -> None:
        objective = self._solver.Objective()
        objective.Clear()
        for column, cost in costs.items():
            objective.SetCoefficient(column, cost)
        objective.SetMinimization()
        if self._solver.Solve() != self._optimal:  # it has a solution and a bound: only the solver itself can be at fault
            raise RuntimeError("the linear programme was not solved")
