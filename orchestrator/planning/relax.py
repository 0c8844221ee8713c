"""Changes of a programme's limits: what a what-if asks for, and what an explanation offers to choose from."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from orchestrator.errors import UsageError
from orchestrator.planning.programme import CloudStep, Programme, Replication, Teams
from orchestrator.planning.words import capacity_name
from orchestrator.texts import Sentence, Value, say

_UNITS = {"vcpu": "cloud:vcpus", "vcpus": "cloud:vcpus", "gb-memory": "cloud:memory_gb", "gb-storage": "cloud:storage_gb"}
_CAPACITY = re.compile(r"^([+-]\d+(?:\.\d+)?)(vcpus?|gb-memory|gb-storage)(?:@(\d{4}-\d{2}(?:-\d{2})?))?$")
_TEAM = re.compile(r"^([a-z][a-z0-9-]*)([+-]\d+(?:\.\d+)?)(?:@(\d{4}-\d{2}(?:-\d{2})?))?$")


@dataclass(frozen=True)
class Change:
    """So much more (less, if negative) of one capacity, from ``since`` on (None: from the start).

    Named as in ``Resource.name``, or ``cloud:…``. Amounts: ``skill:…`` in teams, ``cloud:…`` in vCPUs or GB, ``replication`` in GB
    a week, ``wave`` and ``department:…`` in systems a week.
    """

    capacity: str
    amount: float
    since: dt.date | None = None

    def __str__(self) -> str:
        return str(self.words())

    def words(self) -> Sentence:
        """What is changed, by how much and from when."""
        told: dict[str, Value] = {"capacity": capacity_name(self.capacity), "amount": self.amount}
        return say("planning.change_since", since=str(self.since), **told) if self.since else say("planning.change", **told)


def parse_capacity(text: str) -> Change:
    """``+200vcpu@2018-06``, ``+512gb-memory``, ``+2000gb-storage@2019-01-07``. Raises ``UsageError``."""
    found = _CAPACITY.match(text.lower())
    if not found:
        raise UsageError(say("planning.no_capacity", text=text), remedy=say("planning.write_capacity"))
    return Change(_UNITS[found[2]], float(found[1]), _date(found[3], text))


def parse_team(text: str) -> Change:
    """``db+1``, ``app-0.5@2018-06``. Raises ``UsageError``."""
    found = _TEAM.match(text)
    if not found:
        raise UsageError(say("planning.no_such_team", text=text), remedy=say("planning.write_team"))
    return Change(f"skill:{found[1]}", float(found[2]), _date(found[3], text))


def apply(programme: Programme, change: Change) -> Programme:
    """The programme with this change; limits that are not declared stay so (there is nothing to add to)."""
    kind, _, name = change.capacity.partition(":")
    waves, replication = programme.waves, programme.replication
    if kind == "skill":
        return programme.model_copy(update={"teams": _teams(programme, name, change)})
    if kind == "cloud":
        return programme.model_copy(update={"cloud": _cloud(programme, name, change)})
    if kind == "wave" and waves.systems_per_week is not None:
        more = max(1, round(waves.systems_per_week + change.amount))
        return programme.model_copy(update={"waves": waves.model_copy(update={"systems_per_week": more})})
    if kind == "department":
        limit = waves.departments.get(name, waves.per_department)
        if limit is not None:
            departments = {**waves.departments, name: max(0, round(limit + change.amount))}
            return programme.model_copy(update={"waves": waves.model_copy(update={"departments": departments})})
    if kind == "replication" and replication.gb_per_week is not None:
        stream = replication.stream_gb_per_week or replication.gb_per_week  # one system's copy does not get faster by it
        more_gb = max(1.0, replication.gb_per_week + change.amount)
        return programme.model_copy(update={"replication": Replication(gb_per_week=more_gb, stream_gb_per_week=min(stream, more_gb))})
    return programme


def _teams(programme: Programme, skill: str, change: Change) -> tuple[Teams, ...]:
    mine = sorted((one for one in programme.teams if one.skill == skill), key=lambda one: one.since or dt.date.min)
    others = tuple(one for one in programme.teams if one.skill != skill)
    if not programme.teams:
        return ()  # not limited: nothing to add to
    start = change.since
    before = [one for one in mine if start is not None and (one.since or dt.date.min) < start]
    after = [one for one in mine if start is None or (one.since or dt.date.min) >= start]
    if start is not None and not any(one.since == start for one in after):
        base = before[-1].teams if before else 0.0
        after.insert(0, Teams(skill=skill, teams=base, since=start))
    if not after:
        after = [Teams(skill=skill, teams=0)]
    return (*others, *before, *(Teams(skill=skill, teams=_round(max(0.0, one.teams + change.amount)), since=one.since) for one in after))


def _cloud(programme: Programme, dimension: str, change: Change) -> tuple[CloudStep, ...]:
    steps = sorted(programme.cloud, key=lambda one: one.since)
    if not steps:
        return ()
    start = change.since or steps[0].since
    if not any(one.since == start for one in steps):
        former = [one for one in steps if one.since < start]
        base = former[-1] if former else CloudStep(since=start, vcpus=0, memory_gb=0, storage_gb=0)
        steps = sorted([*steps, base.model_copy(update={"since": start})], key=lambda one: one.since)
    found = []
    for one in steps:
        value = getattr(one, dimension)
        more = value is not None and one.since >= start
        found.append(one.model_copy(update={dimension: max(0.0, value + change.amount)}) if more else one)
    return tuple(found)


def _round(value: float) -> float:
    return round(value, 6)


def _date(text: str | None, whole: str) -> dt.date | None:
    if not text:
        return None
    try:
        return dt.date.fromisoformat(text if len(text) > 7 else f"{text}-01")
    except ValueError as error:
        raise UsageError(say("planning.no_date", text=whole), remedy=say("planning.write_date")) from error
