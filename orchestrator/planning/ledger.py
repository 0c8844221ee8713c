"""What is left of every capacity, week by week, while groups are placed and taken out again."""

from __future__ import annotations

from orchestrator.planning.patterns import WEEK, Slot
from orchestrator.planning.problem import CLOUD_DIMENSIONS, Problem


class Ledger:
    """Residual capacities. ``take`` does not ask whether there is room: what is under way may exceed a limit."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.left = [list(resource.capacity) for resource in problem.resources]
        self.cloud_left = [list(row) for row in problem.cloud]
        self._open_from = [0] * len(self.left)

    def take(self, group: int, week: int, sign: int = -1) -> None:
        """Book the group's demand with its cutover in ``week``; ``sign=1`` gives it back."""
        one = self.problem.groups[group]
        for resource, amount in one.counts:
            if 0 <= week < self.problem.weeks:
                self.left[resource][week] += sign * amount
        for back, resource, amount in one.profile:
            if 0 <= week - back < self.problem.weeks:
                self.left[resource][week - back] += sign * amount
        if sign > 0:
            for resource, _ in (*one.counts, *one.spread):
                self._open_from[resource] = min(self._open_from[resource], max(0, week - one.lead + 1))
        ready = week - one.lead + 1
        for row, amount in zip(self.cloud_left, one.cloud, strict=False):
            if amount:
                for segment, (_, last) in enumerate(self.problem.segments):
                    value = row[segment]
                    if last >= ready and value is not None:
                        row[segment] = value + sign * amount

    def give(self, group: int, week: int) -> None:
        self.take(group, week, 1)

    def fits(self, group: int, week: int) -> bool:
        """Room for a cutover in this week, windows and dependencies apart."""
        one, left, first = self.problem.groups[group], self.left, self.problem.first
        for resource, amount in one.counts:
            if left[resource][week] < amount:
                return False
        for back, resource, amount in one.profile:
            # preparation of the past costs nothing any more
            if week - back >= first and left[resource][week - back] < amount:
                return False
        return not any(one.cloud) or week - one.lead + 1 >= self._cloud_from(group)

    def earliest(self, group: int, floor: int, until: int | None = None) -> tuple[int, Slot] | None:
        """The first week and opening with room, starting no earlier than minute ``floor``; None before week ``until`` (excluded)."""
        one, left, first = self.problem.groups[group], self.left, self.problem.first
        week = self._lower_bound(group, floor)
        counts, profile = one.counts, one.profile
        stop = self.problem.weeks if until is None else min(until, self.problem.weeks)
        while week < stop:
            for resource, amount in counts:
                if left[resource][week] < amount:
                    break
            else:
                for back, resource, amount in profile:
                    if week - back >= first and left[resource][week - back] < amount:
                        break
                else:
                    slot = one.opening(week, floor)
                    if slot is not None:
                        return week, slot
            week += 1
        return None

    def blocker(self, group: int, week: int, floor: int) -> str:
        """Why not in this week: ``window``, or the name of the first capacity without room; empty when it would fit.

        For a group that is not booked: its own booking would stand in its way.
        """
        one = self.problem.groups[group]
        if one.opening(week, floor) is None:
            return "window"
        for resource, amount in one.counts:
            if self.left[resource][week] < amount:
                return self.problem.resources[resource].name
        for back, resource, amount in one.profile:
            if week - back >= self.problem.first and self.left[resource][week - back] < amount:
                return self.problem.resources[resource].name
        for dimension, (row, amount) in enumerate(zip(self.cloud_left, one.cloud, strict=False)):
            if amount and week - one.lead + 1 < self._cloud_row_from(row, amount):
                return f"cloud:{CLOUD_DIMENSIONS[dimension]}"
        return ""

    def soonest(self, group: int) -> int:
        """The first week that its phase, preparation and the present leave, capacities and dependencies apart."""
        one = self.problem.groups[group]
        prepared = self.problem.first + (0 if one.started else one.lead - 1)
        return max(one.opens // WEEK, prepared)

    def _lower_bound(self, group: int, floor: int) -> int:
        one = self.problem.groups[group]
        week = max(self.soonest(group), floor // WEEK)
        for resource, _ in one.counts:
            week = max(week, self._first_open(resource))
        for resource, amount in one.spread:
            if amount >= one.lead and not one.started:
                week = max(week, self._first_open(resource) + one.lead - 1)
        if any(one.cloud):
            week = max(week, self._cloud_from(group) + one.lead - 1)
        return week

    def _first_open(self, resource: int) -> int:
        row, at = self.left[resource], self._open_from[resource]
        while at < len(row) and row[at] <= 0:
            at += 1
        self._open_from[resource] = at
        return at

    def _cloud_from(self, group: int) -> int:
        demand = self.problem.groups[group].cloud
        return max(self._cloud_row_from(row, amount) for row, amount in zip(self.cloud_left, demand, strict=False) if amount)

    def _cloud_row_from(self, row: list[int | None], amount: int) -> int:
        """First week from which on this dimension has room for ever: what the cloud took it does not give back."""
        for segment in range(len(row) - 1, -1, -1):
            value = row[segment]
            if value is not None and value < amount:
                return self.problem.segments[segment][1] + 1
        return 0
