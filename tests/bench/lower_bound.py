"""A lower bound of the objective for small instances: the time-indexed linear relaxation, solved by HiGHS."""

from __future__ import annotations

import math
from typing import Any

from orchestrator.planning.bounds import deadline_weeks, soonest_weeks
from orchestrator.planning.problem import Problem


def lower_bound(problem: Problem) -> float:
    """Σ weight x week of the relaxation in which y[g, w] in [0, 1] says "g is cut over by week w". Minutes beyond a few hundred groups."""
    import highspy
    import numpy as np

    weeks, groups = problem.weeks, problem.groups
    soonest = soonest_weeks(problem)
    column: dict[tuple[int, int], int] = {}
    for g in range(len(groups)):
        for week in range(soonest[g], weeks - 1):
            column[g, week] = len(column)
    infinity = highspy.kHighsInf
    starts, index, value, low, high = [0], [], [], [], []

    def add(entries: dict[int, float], at_least: float, at_most: float) -> None:
        index.extend(entries)
        value.extend(entries.values())
        starts.append(len(index))
        low.append(at_least)
        high.append(at_most)

    def cumulative(entries: dict[int, float], g: int, week: int, factor: float) -> float:
        """Adds factor * y[g, week]; returns what is constant of it."""
        if week >= weeks - 1:
            return factor
        if week >= soonest[g]:
            entries[column[g, week]] = entries.get(column[g, week], 0.0) + factor
        return 0.0

    for g, group in enumerate(groups):
        for week in range(soonest[g], weeks - 1):
            closed = not group.pattern.slots(week)
            if week > soonest[g]:
                add({column[g, week]: 1.0, column[g, week - 1]: -1.0}, 0.0, 0.0 if closed else infinity)
            for other in group.needs:
                add({column[g, week]: 1.0, column[other, week]: -1.0}, -infinity, 0.0)
    for number, resource in enumerate(problem.resources):
        users = [(g, group) for g, group in enumerate(groups) if any(r == number for r, _ in (*group.counts, *group.spread))]
        for week in range(weeks):
            entries: dict[int, float] = {}
            constant = 0.0
            for g, group in users:
                for back, r, amount in (*((0, r, amount) for r, amount in group.counts), *group.profile):
                    if r == number:
                        constant += cumulative(entries, g, week + back, amount) + cumulative(entries, g, week + back - 1, -amount)
            add(entries, -infinity, resource.capacity[week] - constant if week < weeks - 8 else infinity)
    for dimension, row in enumerate(problem.cloud):
        for (_, last), room in zip(problem.segments, row, strict=True):
            if room is not None and last < weeks - 8:
                entries = {}
                for g, group in enumerate(groups):
                    cumulative(entries, g, last + group.lead - 1, float(group.cloud[dimension]))
                add(entries, -infinity, float(room))
    for target in problem.targets:
        entries = {}
        last_weeks = deadline_weeks(problem, target.due)
        for g in target.members:
            cumulative(entries, g, last_weeks[g], 1.0)
        add(entries, float(target.needed), infinity)
    lp: Any = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(column), len(low)
    cost = np.zeros(len(column))
    for (g, _), number in column.items():
        cost[number] = -groups[g].weight
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = cost, np.zeros(len(column)), np.ones(len(column))
    lp.row_lower_, lp.row_upper_ = np.array(low), np.array(high)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = np.array(starts), np.array(index), np.array(value)
    solver = highspy.Highs()
    for option, setting in (("output_flag", False), ("threads", 1), ("solver", "ipm"), ("run_crossover", "off")):
        solver.setOptionValue(option, setting)
    solver.passModel(lp)
    solver.run()
    if solver.getModelStatus() not in {highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kUnknown}:
        raise RuntimeError(f"the relaxation has no solution: {solver.getModelStatus()}")
    constant = sum(group.weight * (weeks - 1 - problem.first) for group in groups)
    return math.floor(constant + solver.getInfo().objective_function_value)
