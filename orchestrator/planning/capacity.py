"""Capacities of the programme, week by week, in whole numbers."""

from __future__ import annotations

import datetime as dt
import math
from fractions import Fraction

from orchestrator.models import Inventory
from orchestrator.planning.problem import CLOUD_DIMENSIONS, Resource
from orchestrator.planning.programme import Programme


def phase_starts(programme: Programme) -> list[dt.date]:
    """By phase, the first day of its cutovers: as declared, or the day after the former phase's due date."""
    before = [programme.starts, *(one.due + dt.timedelta(days=1) for one in programme.phases)]
    return [one.starts or day for one, day in zip(programme.phases, before, strict=False)]


def first_week(day: dt.date, base: dt.date) -> int:
    """The first week that begins on this day or later."""
    return max(0, -((base - day).days // 7))


def resources_of(programme: Programme, inventory: Inventory, base: dt.date, weeks: int) -> list[Resource]:
    """Limited resources by week; what the programme does not limit is not among them."""
    found = []
    waves = programme.waves
    if waves.systems_per_week is not None:
        found.append(Resource("wave", "systems", [waves.systems_per_week] * weeks))
    for department in sorted({one.department for one in inventory.systems}):
        limit = waves.departments.get(department, waves.per_department)
        if limit is not None:
            found.append(Resource(f"department:{department}", "systems", [limit] * weeks))
    if programme.replication.gb_per_week is not None:
        found.append(Resource("replication", "GB", [math.floor(programme.replication.gb_per_week)] * weeks))
    for skill in sorted({one.skill for one in programme.teams}):
        steps = sorted((one.since or dt.date.min, one.teams) for one in programme.teams if one.skill == skill)
        capacity = []
        for week in range(weeks):
            monday = base + dt.timedelta(days=7 * week)
            teams = next((count for since, count in reversed(steps) if since <= monday), 0.0)
            capacity.append(math.floor(Fraction(str(teams)) * 10))
        found.append(Resource(f"skill:{skill}", "tenths of a team-week", capacity))
    return found


def stream_of(programme: Programme) -> float | None:
    """GB a week that one system's first copy reaches at most; None: as fast as anybody likes."""
    return programme.replication.stream_gb_per_week or programme.replication.gb_per_week


def cloud_of(programme: Programme, base: dt.date, weeks: int) -> tuple[list[tuple[int, int]], list[list[int | None]]]:
    if not programme.cloud:
        return [], []
    steps = sorted(programme.cloud, key=lambda one: one.since)
    starts = [min(weeks, first_week(one.since, base)) for one in steps]
    bounds = sorted({0, *(start for start in starts if start < weeks)})
    segments = [(start, (bounds[n + 1] if n + 1 < len(bounds) else weeks) - 1) for n, start in enumerate(bounds)]
    cloud: list[list[int | None]] = []
    for dimension in CLOUD_DIMENSIONS:
        row: list[int | None] = []
        for start, _ in segments:
            step = next((one for one, since in zip(reversed(steps), reversed(starts), strict=True) if since <= start), None)
            value = getattr(step, dimension) if step else 0
            row.append(None if value is None else math.floor(value))
        cloud.append(row)
    return segments, cloud
