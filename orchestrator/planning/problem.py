"""The planning problem in whole numbers.

One variable per group (a system, or the systems of a cycle): its cutover week. Units: weeks counted from the Monday of the week
in which the programme starts, minutes counted from that Monday 00:00, tenths of a team-week, whole GB (demand rounded
up, capacity rounded down), whole vCPUs.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

from orchestrator.errors import Finding
from orchestrator.models import System, Verdict
from orchestrator.planning.patterns import Pattern, Slot
from orchestrator.planning.programme import Programme
from orchestrator.planning.words import named
from orchestrator.policy.counting import Member

OVERRUN_WEEKS = 52
"""Weeks behind the last due date, or the present if that is later, in which left-overs may still be placed: short of the target."""
CLOUD_DIMENSIONS = ("vcpus", "memory_gb", "storage_gb")


@dataclass
class Group:
    """What is decided as one: a system, or all systems of a cycle of dependencies (moved together)."""

    members: tuple[int, ...]
    needs: tuple[int, ...]
    weight: int
    """Sum over members of 1 + readiness + (100 - complexity): a week's delay of what is ripe and simple costs more (R4)."""
    lead: int
    """Weeks of preparation, the week of the cutover included: the longest of its members."""
    work: int
    """The same without first copies: where it is less, ``lead`` depends on how fast one system's data is copied."""
    counts: tuple[tuple[int, int], ...]
    """(resource, amount) in the week of the cutover."""
    spread: tuple[tuple[int, int], ...]
    """(resource, amount) in all, spread evenly over the ``lead`` weeks that end at the cutover, the remainder in the first ones."""
    profile: tuple[tuple[int, int, int], ...]
    """The same, week by week: (weeks before the cutover, resource, amount)."""
    cloud: tuple[int, ...]
    """By dimension, from the first week of preparation for ever."""
    trial: int
    """Minutes from the end of the cutover's window to final acceptance: the longest of its members."""
    pattern: Pattern
    opens: int
    """Minute of the day on which its phase begins: no cutover starts earlier."""
    feeds: list[int] = field(default_factory=list)
    fixed: int | None = None
    """Under way or done: start of its cutover in minutes; not planned anew."""
    fixed_end: int = 0
    promised: int | None = None
    """The week that a former plan promised."""
    started: bool = False
    """Its preparation has begun: no new preparation time is needed."""
    blocked: Finding | None = None

    def opening(self, week: int, floor: int) -> Slot | None:
        """The first opening of the week that starts no earlier than minute ``floor`` and than its phase."""
        return self.pattern.first(week, max(floor, self.opens))


@dataclass(frozen=True)
class Resource:
    name: str
    unit: str
    capacity: list[int]
    """By week."""


@dataclass(frozen=True)
class Target:
    """So many systems of one phase (of one kind or department, if counted so) accepted by the end of its due date."""

    phase: int
    part: str
    members: tuple[int, ...]
    """Groups, once per counted system."""
    in_scope: int
    """How many the percentage is of: with a frozen baseline also those that the inventory has no more."""
    needed: int
    due: int
    """Minute at which the day after the due date begins."""


@dataclass
class Problem:
    systems: list[System]
    verdicts: Mapping[str, Verdict]
    programme: Programme
    base: dt.date
    first: int
    weeks: int
    groups: list[Group]
    group_of: dict[str, int]
    resources: list[Resource]
    segments: list[tuple[int, int]]
    """Weeks (first, last) in which the cloud's capacity does not change."""
    cloud: list[list[int | None]]
    """By dimension and segment."""
    levels: Mapping[str, str]
    """By department."""
    targets: list[Target]
    scope: list[list[int]]
    """By phase, the systems that it plans for."""
    counted: list[list[Member]]
    """By phase, what its percentage is of."""
    phase_starts: list[dt.date]
    """By phase, the first day of cutovers of what no earlier phase has in scope."""
    out_of_scope: list[str]
    dropped: list[tuple[str, str]]
    """(system, what it needs): dependencies that history broke already, because the dependent is done or under way."""
    warnings: list[Finding]

    @cached_property
    def scope_sets(self) -> list[set[int]]:
        return [set(members) for members in self.scope]

    def monday(self, week: int) -> dt.date:
        return self.base + dt.timedelta(days=7 * week)

    def moment(self, minute: int) -> dt.datetime:
        return dt.datetime.combine(self.base, dt.time()) + dt.timedelta(minutes=minute)

    def names(self, group: int) -> str:
        return named([self.systems[member].id for member in self.groups[group].members])


def needed_of(percent: float, in_scope: int) -> int:
    """The ceiling of the percentage, in exact arithmetic: 80 % of 7 is 6 (R7)."""
    return math.ceil(Fraction(str(percent)) * in_scope / 100)


def team_tenths(team_weeks: float, factor: float, complexity: int) -> int:
    """Work in tenths of a team-week, rounded up: ``team_weeks * (1 + factor * complexity / 100)``."""
    return math.ceil(Fraction(str(team_weeks)) * (1 + Fraction(str(factor)) * complexity / 100) * 10)


def profile_of(spread: Mapping[int, int], lead: int) -> tuple[tuple[int, int, int], ...]:
    """Exact base + remainder: of 10 units over 3 weeks the first week takes 4, the others 3."""
    found = []
    for resource, amount in sorted(spread.items()):
        share, rest = divmod(amount, lead)
        found += [(back, resource, share + (lead - 1 - back < rest)) for back in range(lead) if share + (lead - 1 - back < rest)]
    return tuple(found)
