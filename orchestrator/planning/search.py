"""Neighbourhood search: take some groups out of a schedule, put them back better. Deterministic: iterations, never seconds.

Each iteration removes a few dozen related groups and lets the solver (optional extra) place them anew, or, without it, puts them
back one by one in several orders. Only what scores no worse stays, and n + 1 iterations begin with the same n: more effort is never worse.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from orchestrator.planning.bounds import deadline_weeks
from orchestrator.planning.patterns import WEEK, Slot
from orchestrator.planning.problem import Problem
from orchestrator.planning.schedule import PROMISE_WEIGHT, Schedule, Score, near_misses, put, reached, score, serial

SEED = 20170101
SPAN = 16
"""Weeks that a neighbourhood reaches over."""
SOLVE_EVERY = 50
"""The solver, a hundred times as dear as putting back, gets every fiftieth neighbourhood."""
TRIES = 5
"""Orders tried for putting a neighbourhood back."""
Placing = Callable[["Search", Sequence[int]], dict[int, tuple[int, Slot]] | None]
"""A solver: proposes week and opening for groups that have been taken out, or nothing."""


@dataclass
class _Kept:
    weeks: dict[int, tuple[int, Slot]]
    cost: int
    reach: list[int]


class Search:
    """One schedule under improvement. ``schedule`` is always complete and keeps every limit between calls."""

    def __init__(self, problem: Problem, schedule: Schedule, placing: Placing | None = None) -> None:
        self.problem, self.schedule, self.placing = problem, schedule, placing
        self.random = random.Random(SEED)  # noqa: S311 - repeatable on purpose
        self.counts: list[list[tuple[int, int]]] = [[] for _ in problem.groups]
        self.last: list[list[int]] = []
        for number, target in enumerate(problem.targets):
            times: dict[int, int] = {}
            for group in target.members:
                times[group] = times.get(group, 0) + 1
            for group, count in times.items():
                self.counts[group].append((number, count))
            self.last.append(deadline_weeks(problem, target.due))
        self.reach = [reached(problem, schedule, number) for number in range(len(problem.targets))]
        self.former: dict[int, int] = {}
        """Weeks of the groups that were taken out last."""
        self.movable = [n for n, group in enumerate(problem.groups) if group.fixed is None and not group.blocked]

    def run(self, iterations: int, *, until_met: bool = False) -> None:
        """So many neighbourhoods; with ``until_met`` no more than the targets need."""
        for number in range(iterations):
            short = self.short()
            if until_met and not short:
                return
            picked = self._missing() if short and number % 3 else self._around(number)
            if picked:
                self._improve(picked, solve=self.placing is not None and number % SOLVE_EVERY == SOLVE_EVERY - 1)

    def short(self) -> int:
        return sum(max(0, target.needed - self.reach[n]) for n, target in enumerate(self.problem.targets))

    # ------------------------------------------------------------ neighbourhoods

    def _around(self, number: int) -> list[int]:
        """A group, what it needs and what needs it, then others of the same weeks."""
        if not self.movable:
            return []
        weeks = self.schedule.weeks
        seed = self.random.choice(self.movable)
        size = (12, 24, 36)[number % 3]
        centre = weeks[seed] if weeks[seed] >= 0 else self.problem.weeks // 2
        low = max(0, centre - SPAN // 2)
        picked = [seed]
        seen = {seed}
        for group in picked:
            for other in (*self.problem.groups[group].needs, *self.problem.groups[group].feeds):
                if len(picked) < size // 2 and other not in seen and low <= weeks[other] <= low + SPAN and self._free(other):
                    seen.add(other)
                    picked.append(other)
        near = [g for g in self._week_members(low, low + SPAN) if g not in seen]
        self.random.shuffle(near)
        return picked + near[: size - len(picked)]

    def _missing(self) -> list[int]:
        """A system that a target misses, what it still waits for, and others before the deadline that give way."""
        short = [n for n, target in enumerate(self.problem.targets) if self.reach[n] < target.needed]
        number = self.random.choice(short)
        last, weeks = self.last[number], self.schedule.weeks
        late = [g for g in self.problem.targets[number].members if self._free(g) and last[g] >= 0 and not self._accepted(g, number)]
        if not late:
            return []
        seed = self.random.choice(late)
        picked, seen = [seed], {seed}
        for group in picked:
            for other in self.problem.groups[group].needs:
                if other not in seen and self._free(other) and (weeks[other] < 0 or weeks[other] > last[seed] - SPAN):
                    seen.add(other)
                    picked.append(other)
        near = [g for g in self._week_members(max(0, last[seed] - 2 * SPAN), last[seed]) if g not in seen]
        spare = [g for g in near if not any(target == number for target, _ in self.counts[g])]
        self.random.shuffle(near)
        self.random.shuffle(spare)
        return list(dict.fromkeys([*picked[:20], *spare[:16], *near[:16]]))

    def _week_members(self, low: int, high: int) -> list[int]:
        weeks = self.schedule.weeks
        return [g for g in self.movable if low <= weeks[g] <= high]

    def _free(self, group: int) -> bool:
        one = self.problem.groups[group]
        return one.fixed is None and not one.blocked

    def _accepted(self, group: int, target: int) -> bool:
        schedule = self.schedule
        due = self.problem.targets[target].due
        return schedule.weeks[group] >= 0 and schedule.ends[group] + self.problem.groups[group].trial <= due

    # ------------------------------------------------------------ out and back in

    def _improve(self, picked: Sequence[int], *, solve: bool) -> None:
        before = self._take_out(picked)
        floor_score = self._score(before.cost, before.reach)
        best = before.weeks
        if solve and self.placing is not None:
            self.former = {group: week for group, (week, _) in before.weeks.items()}
            found = self.placing(self, picked)
            if found is not None and self._place(found):
                now = self._score(self._cost(picked), self.reach)
                if now <= floor_score:
                    self._fill()
                    return
            self._take_out([g for g in picked if self.schedule.weeks[g] >= 0])
        else:
            for attempt in range(TRIES):
                self._put_back(self._ordered(picked, attempt))
                reply = self._score(self._cost(picked), self.reach)
                if reply < floor_score and all(self._bounded(g) for g in picked):
                    floor_score = reply
                    best = {g: (self.schedule.weeks[g], self._slot(g)) for g in picked if self.schedule.weeks[g] >= 0}
                self._take_out([g for g in picked if self.schedule.weeks[g] >= 0])
        for group, place in best.items():
            self._enter(group, *place)
        if best is not before.weeks:
            self._fill()

    def _fill(self) -> None:
        """What is left out goes where a change has made room: nothing stays out of a schedule that has room for it."""
        groups, schedule = self.problem.groups, self.schedule
        for group in self.movable:
            if schedule.weeks[group] >= 0 or any(schedule.weeks[other] < 0 for other in groups[group].needs):
                continue
            floor = max((schedule.starts[other] for other in groups[group].needs), default=0)
            found = schedule.ledger.earliest(group, max(floor, (groups[group].promised or 0) * WEEK))
            if found:
                self._enter(group, *found)

    def _take_out(self, picked: Sequence[int]) -> _Kept:
        schedule = self.schedule
        cost, reach = self._cost(picked), list(self.reach)
        kept = {g: (schedule.weeks[g], self._slot(g)) for g in picked if schedule.weeks[g] >= 0}
        for group, (week, _) in kept.items():
            for target, count in self.counts[group]:
                if self._accepted(group, target):
                    self.reach[target] -= count
            schedule.ledger.give(group, week)
            schedule.weeks[group] = -1
        return _Kept(kept, cost, reach)

    def _enter(self, group: int, week: int, slot: Slot) -> None:
        put(self.schedule, group, week, slot)
        for target, count in self.counts[group]:
            if self._accepted(group, target):
                self.reach[target] += count

    def _put_back(self, order: Sequence[int]) -> None:
        """Each in its earliest week with room, after what it needs; what finds none stays out."""
        groups, schedule = self.problem.groups, self.schedule
        out = set(order)
        stack = list(reversed(order))
        while stack:
            group = stack[-1]
            if group not in out:
                stack.pop()
                continue
            missing = [other for other in groups[group].needs if other in out]
            if missing:
                stack += missing
                continue
            stack.pop()
            out.discard(group)
            if any(schedule.weeks[other] < 0 for other in groups[group].needs):
                continue
            floor = max((schedule.starts[other] for other in groups[group].needs), default=0)
            ceiling = self.ceiling(group)
            found = schedule.ledger.earliest(group, floor, ceiling // WEEK + 1)
            if found and found[1][0] <= ceiling:
                self._enter(group, *found)

    def _place(self, proposed: dict[int, tuple[int, Slot]]) -> bool:
        """Enter a solver's proposal, checked group by group; False at the first that does not hold."""
        for group in sorted(proposed):
            week, _ = proposed[group]
            floor = max((self.schedule.starts[other] for other in self.problem.groups[group].needs), default=0)
            slot = self.problem.groups[group].opening(week, floor)
            if slot is None or slot[0] > self.ceiling(group) or not self.schedule.ledger.fits(group, week):
                return False
            if any(self.schedule.weeks[other] < 0 for other in self.problem.groups[group].needs):
                return False
            self._enter(group, week, slot)
        return True

    def ceiling(self, group: int) -> int:
        """The latest start that what is placed and needs the group leaves."""
        schedule = self.schedule
        starts = [schedule.starts[other] for other in self.problem.groups[group].feeds if schedule.weeks[other] >= 0]
        return min(starts, default=self.problem.weeks * WEEK)

    def _bounded(self, group: int) -> bool:
        """Whether nothing placed needs this group while it is out."""
        schedule = self.schedule
        return schedule.weeks[group] >= 0 or all(schedule.weeks[other] < 0 for other in self.problem.groups[group].feeds)

    def _ordered(self, picked: Sequence[int], attempt: int) -> list[int]:
        groups = self.problem.groups
        if attempt == 0:
            return list(picked)
        if attempt == 1:
            return sorted(picked, key=lambda g: (-groups[g].weight / (0.1 + sum(a for _, a in groups[g].spread)), g))
        if attempt == 2:
            return sorted(picked, key=lambda g: (-len(self.counts[g]), -groups[g].weight, g))
        order = list(picked)
        self.random.shuffle(order)
        return order if attempt == 3 else [picked[0], *(g for g in order if g != picked[0])]

    # ------------------------------------------------------------ scores

    def _slot(self, group: int) -> Slot:
        return self.schedule.starts[group], self.schedule.ends[group], self.schedule.rules[group]

    def _cost(self, picked: Sequence[int]) -> int:
        cost = 0
        for number in picked:
            group, week = self.problem.groups[number], self.schedule.weeks[number]
            at = week if week >= 0 else self.problem.weeks
            cost += group.weight * (at - self.problem.first)
            if group.promised is not None:
                cost += PROMISE_WEIGHT * abs(at - group.promised)
        return cost

    def _score(self, cost: int, reach: Sequence[int]) -> Score:
        return sum(max(0, target.needed - reach[n]) for n, target in enumerate(self.problem.targets)), cost


def improve(problem: Problem, schedule: Schedule, effort: int, *, plain: bool = False) -> Schedule:
    """``effort`` neighbourhoods, with the solver where it is installed and ``plain`` is not asked for. Changes ``schedule`` in place."""
    placing: Placing | None = None
    if not plain:
        from orchestrator.planning import solver

        placing = solver.placing() if solver.available() else None
    Search(problem, schedule, placing).run(effort)
    return schedule


def mend(problem: Problem, schedule: Schedule, iterations: int) -> Schedule:
    """The order of the schedule shaken a few times, then neighbourhoods around what the targets miss. Plain: needs no solver.

    Ends as soon as the targets are met; what it returns is never worse than ``schedule``.
    """
    best = _shaken(problem, schedule)
    Search(problem, best).run(iterations, until_met=True)
    return best


def _shaken(problem: Problem, schedule: Schedule) -> Schedule:
    """List scheduling in the schedule's own order with noise, near misses of a target brought forward."""
    chance = random.Random(SEED)  # noqa: S311 - repeatable on purpose
    best, best_score = schedule, score(problem, schedule)
    for attempt in range(max(2, min(20, 20_000 // max(1, len(problem.groups))))):
        if not best_score[0]:
            break
        starts = best.starts
        place = {g: n for n, g in enumerate(sorted(range(len(starts)), key=lambda g: (best.weeks[g] < 0, starts[g], g)))}
        forward = near_misses(problem, best)
        noise = (0.003, 0.01, 0.03, 0.09)[attempt % 4] * len(starts)
        keys = {g: place[g] * (0.3 if g in forward else 1) + chance.gauss(0, noise) for g in place}
        other = serial(problem, sorted(place, key=lambda g: keys[g]))
        found = score(problem, other)
        if found < best_score:
            best, best_score = other, found
    return best
