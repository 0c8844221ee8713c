"""Proofs of shortage: a linear programme of the state at a phase's deadline, solved by HiGHS (optional extra ``solver``).

Relaxation: x_g in [0, 1] says "group g is cut over by the deadline week". What g needs is cut over by then too (x_g ≤ x_a), the
target asks for its number, and the work of all x_g fits into the sum of each capacity up to the deadline, plus a slack. Any plan
that reaches the target is a solution with slack 0, so a positive least slack proves that so much is missing at least. It
says nothing about plans when the slack is 0: weeks, windows and whole systems are not in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.planning.ledger import Ledger
from orchestrator.planning.patterns import WEEK
from orchestrator.planning.problem import CLOUD_DIMENSIONS, Problem

TOLERANCE = 1e-6


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

    return find_spec("highspy") is not None and find_spec("numpy") is not None


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
    alone = {}
    for n, row in enumerate(rows):
        if joint[n] > TOLERANCE * max(1.0, row.capacity):
            least = model.least([1.0 if m == n else 0.0 for m in range(len(rows))])
            if least is not None and least[n] > TOLERANCE * max(1.0, row.capacity):
                alone[row.name] = least[n]
    return Shortage(
        phase, deadline, {row.name: joint[n] for n, row in enumerate(rows) if joint[n] > TOLERANCE * max(1.0, row.capacity)}, alone
    )


class _Model:
    """The linear programme; one matrix, solved for several costs of the slacks."""

    def __init__(self, problem: Problem, targets: Sequence[Any], counted: set[int], possible: Sequence[bool], rows: Sequence[Row]) -> None:
        import highspy
        import numpy as np

        groups = problem.groups
        self._count, self._slacks = len(groups), len(rows)
        infinity = highspy.kHighsInf
        lower = [1.0 if group.fixed is not None else 0.0 for group in groups]
        upper = [1.0 if ok else 0.0 for ok in possible]
        starts: list[int] = [0]
        index: list[int] = []
        value: list[float] = []
        row_lower: list[float] = []
        row_upper: list[float] = []

        def add(entries: dict[int, float], low: float, high: float) -> None:
            index.extend(entries)
            value.extend(entries.values())
            starts.append(len(index))
            row_lower.append(low)
            row_upper.append(high)

        for g, group in enumerate(groups):
            for other in group.needs:
                add({g: 1.0, other: -1.0}, -infinity, 0.0)
        for target in targets:
            counts: dict[int, float] = {}
            for g in target.members:
                if g in counted:
                    counts[g] = counts.get(g, 0) + 1
            add(counts, float(target.needed), infinity)
        for n, row in enumerate(rows):
            add({**{g: float(amount) for g, amount in row.demand.items()}, self._count + n: -1.0}, -infinity, float(row.capacity))
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = self._count + self._slacks, len(row_lower)
        lp.col_cost_ = np.zeros(lp.num_col_)
        lp.col_lower_ = np.array([*lower, *([0.0] * self._slacks)])
        lp.col_upper_ = np.array([*upper, *([infinity] * self._slacks)])
        lp.row_lower_, lp.row_upper_ = np.array(row_lower), np.array(row_upper)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = np.array(starts), np.array(index), np.array(value)
        self._highs: Any = highspy.Highs()  # type: ignore[no-untyped-call]
        for option, setting in (("output_flag", False), ("threads", 1), ("random_seed", 7)):
            self._highs.setOptionValue(option, setting)
        self._highs.passModel(lp)
        self._optimal = highspy.HighsModelStatus.kOptimal

    def least(self, costs: Sequence[float]) -> list[float] | None:
        """Slacks of a cheapest solution; None when no amount of capacity helps."""
        for n, cost in enumerate(costs):
            self._highs.changeColCost(self._count + n, cost)
        self._highs.run()
        if self._highs.getModelStatus() != self._optimal:
            return None
        return list(self._highs.getSolution().col_value)[self._count :]
