"""The verifier's own sums of teams, bandwidth, cloud and cutovers, by date. Shares no code with the planner (see ``verify.py``).

What is under way may exceed a limit (it began under other limits): only capacity that something planned uses is held against it.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Set
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from orchestrator.errors import Finding
from orchestrator.models import PlanEntry, Strategy, System, Verdict
from orchestrator.planning.programme import Programme
from orchestrator.planning.words import capacity_name, in_units, unit_of
from orchestrator.texts import Sentence, Value, say

SEVEN = dt.timedelta(days=7)
Use = dict[tuple[str, dt.date], list[Decimal]]
"""(capacity, Monday) → [in all, of it planned]."""


def capacity_faults(
    entries: Mapping[str, PlanEntry], systems: Mapping[str, System], verdicts: Mapping[str, Verdict], programme: Programme,
    cycles: Mapping[str, frozenset[str]], begun: Set[str],
) -> list[Finding]:  # fmt: skip
    """Every week and capacity that is used beyond its limit, and preparation that begins before it can; ``begun``: where it has begun."""
    faults: list[Finding] = []
    use: Use = defaultdict(lambda: [Decimal(0), Decimal(0)])
    cloud: dict[tuple[str, dt.date], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    present = _monday(max(programme.starts, programme.as_of or programme.starts))
    for sid, entry in entries.items():
        mates = cycles[sid]
        weeks = max(_weeks(systems[other], verdicts[other], programme) for other in mates)
        cutover = _monday(entry.window_start.date())
        begin = cutover - (weeks - 1) * SEVEN
        planned = entry.state == "planned"
        if planned and begin < present and not mates <= begun:
            faults.append(_fault("preparation", say("planning.preparation_too_early", system=sid, weeks=weeks, begin=str(begin)), sid))
        if planned and entry.preparation_starts is not None and entry.preparation_starts != begin:
            days = {"told": str(entry.preparation_starts), "begin": str(begin)}
            faults.append(_fault("preparation", say("planning.other_preparation", system=sid, **days), sid))
        _book(use, "wave", cutover, Decimal(1), planned)
        _book(use, f"department:{systems[sid].department}", cutover, Decimal(1), planned)
        if verdicts[sid].strategy != Strategy.HOSTING:
            for dimension in ("vcpus", "memory_gb", "storage_gb"):
                _book(
                    cloud, dimension, begin, Decimal(str(getattr(systems[sid], dimension) or 0)).to_integral_value(ROUND_CEILING), planned
                )
        if sid != min(mates):
            continue  # a cycle's work is spread as one, once
        for name, amount in _work(mates, systems, verdicts, programme).items():
            share = amount // weeks
            rest = amount - share * weeks
            for number in range(weeks):  # the first weeks take the remainder
                _book(use, name, begin + number * SEVEN, share + (1 if number < rest else 0), planned)
    for (name, monday), (total, planned_part) in sorted(use.items()):
        limit = _limit(name, monday, programme)
        if limit is not None and planned_part > 0 and total > limit and monday >= present:
            told: dict[str, Value] = {"capacity": capacity_name(name), "unit": unit_of(name), "week": str(monday)}
            used = {"used": in_units(name, float(total)), "limit": in_units(name, float(limit))}
            faults.append(_fault("capacity", say("planning.over_capacity", **told, **used)))
    return faults + _cloud_faults(cloud, programme)


def _cloud_faults(cloud: Mapping[tuple[str, dt.date], list[Decimal]], programme: Programme) -> list[Finding]:
    faults: list[Finding] = []
    steps = sorted(programme.cloud, key=lambda one: one.since)
    for dimension in ("vcpus", "memory_gb", "storage_gb") if steps else ():
        taken = Decimal(0)
        changes = {_next_monday(step.since) for step in steps}
        booked: dict[dt.date, list[Decimal]] = {monday: both for (name, monday), both in cloud.items() if name == dimension}
        for monday in sorted(changes | set(booked)):
            total, planned = booked.get(monday, [Decimal(0), Decimal(0)])
            taken += total
            there = [step for step in steps if _next_monday(step.since) <= monday]
            limit = getattr(there[-1], dimension) if there else 0
            capacity = capacity_name(f"cloud:{dimension}")
            told: dict[str, Value] = {"capacity": capacity, "taken": str(taken), "week": str(monday), "limit": str(limit)}
            if limit is not None and planned > 0 and taken > Decimal(str(limit)):
                faults.append(_fault("cloud", say("planning.over_cloud", **told)))
            elif limit is not None and monday in changes and taken > Decimal(str(limit)) and monday > min(changes):
                faults.append(_fault("cloud", say("planning.cloud_shrinks", **told)))
    return faults


def _work(
    mates: frozenset[str], systems: Mapping[str, System], verdicts: Mapping[str, Verdict], programme: Programme
) -> dict[str, Decimal]:
    found: dict[str, Decimal] = defaultdict(Decimal)
    for sid in mates:
        verdict, work = verdicts[sid], programme.work_of(verdicts[sid].strategy)
        if systems[sid].data_gb and not verdict.no_source:
            found["replication"] += Decimal(str(systems[sid].data_gb)).to_integral_value(ROUND_CEILING)
        for skill, weeks in work.skills.items():
            scaled = Decimal(str(weeks)) * 10 * (100 + Decimal(str(work.complexity_factor)) * verdict.complexity) / 100
            found[f"skill:{skill}"] += scaled.to_integral_value(ROUND_CEILING)
    return found


def _weeks(one: System, verdict: Verdict, programme: Programme) -> int:
    stream = programme.replication.stream_gb_per_week or programme.replication.gb_per_week
    weeks = programme.work_of(verdict.strategy).weeks
    if stream is None or verdict.no_source or not one.data_gb:
        return weeks
    return max(weeks, int((Decimal(str(one.data_gb)) / Decimal(str(stream))).to_integral_value(ROUND_CEILING)))


def _limit(name: str, monday: dt.date, programme: Programme) -> Decimal | None:
    if name == "wave":
        return None if programme.waves.systems_per_week is None else Decimal(programme.waves.systems_per_week)
    if name.startswith("department:"):
        limit = programme.waves.departments.get(name.removeprefix("department:"), programme.waves.per_department)
        return None if limit is None else Decimal(limit)
    if name == "replication":
        rate = programme.replication.gb_per_week
        return None if rate is None else Decimal(str(rate)).to_integral_value(ROUND_FLOOR)
    if not programme.teams:
        return None
    mine = [one for one in programme.teams if f"skill:{one.skill}" == name and (one.since is None or _next_monday(one.since) <= monday)]
    teams = max(mine, key=lambda one: one.since or dt.date.min).teams if mine else 0
    return (Decimal(str(teams)) * 10).to_integral_value(ROUND_FLOOR)


def _book(use: dict[tuple[str, dt.date], list[Decimal]], name: str, monday: dt.date, amount: Decimal, planned: bool) -> None:
    both = use[name, monday]
    both[0] += amount
    if planned:
        both[1] += amount


def _monday(day: dt.date) -> dt.date:
    return day - dt.timedelta(days=day.weekday())


def _next_monday(day: dt.date) -> dt.date:
    """This day if it is a Monday, else the next one: a capacity counts from the first whole week on."""
    return day + dt.timedelta(days=-day.weekday() % 7)


def _fault(code: str, says: Sentence, system: str = "") -> Finding:
    return Finding(f"verify-{code}", "error", says, say("planning.do_not_approve"), system=system)
