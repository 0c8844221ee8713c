"""How far each system has come: countable, plannable, movable; and what is missing for the next stage, with its cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from orchestrator.inventory.reading import Interpretation, Reading
from orchestrator.models import Excluded, Inventory, Level, Service, Status, System
from orchestrator.texts import Name, Sentence, Value, Words, kept, say

COUNTABLE, PLANNABLE, MOVABLE = "countable", "plannable", "movable"
PLAN_FIELDS = (
    "protection_grade", "architecture", "os", "dbms", "data_gb", "servers", "vcpus", "memory_gb", "storage_gb", "virtualised", "special_equipment",
    "room", "network", "users", "service_hours", "max_interruption_minutes", "vendor", "installable", "supported",
)  # fmt: skip
"""The columns whose ``need`` is ``plan`` in ``headers.yaml``: a test keeps the two together."""
_NOT_YET = {"virtualised", "room"}
"""Not asked of a system that is still being built."""
UNCOUNTED = 1000
"""Rows that cannot be counted yet which are listed one by one."""


@dataclass(frozen=True)
class Standing:
    """One row of ``inventory check``. ``reached`` is None for a row that cannot be counted yet."""

    id: str | None
    name: str | None
    department: str
    level: str | None
    reached: str | None
    missing: tuple[str, ...]
    missing_at: dict[str, str]
    """Where each missing thing would be filled in, as far as known."""
    excluded: str | None


def standings(reading: Reading) -> list[Standing]:
    """Every row: counted systems, excluded ones (a classified one with its department only), and the first rows that cannot be counted yet."""
    levels = {department.id: department.level for department in reading.inventory.departments}
    found = [_standing(system, levels.get(system.department), reading, None) for system in reading.inventory.systems]
    for row in reading.inventory.excluded:
        if row.system is None:
            level = levels.get(row.department)
            found.append(Standing(None, None, row.department, level, None, (), {}, row.reason))
        else:
            found.append(_standing(row.system, levels.get(row.department), reading, row.reason))
    for gap in reading.uncounted[:UNCOUNTED]:
        at = dict.fromkeys(gap.missing, f"{gap.file} › {gap.cell}")
        found.append(Standing(None, gap.name or None, gap.department, gap.level or None, None, gap.missing, at, None))
    return found


def counts(reading: Reading) -> dict[str, int]:
    """``municipal`` and ``county`` are the systems in scope by level. ``classified`` are the rows that say so; ``unanswered`` ones do not say
    whether they are: both are outside the count, and one is never told as the other."""
    levels = {department.id: department.level for department in reading.inventory.departments}
    systems = reading.inventory.systems
    return {
        "rows": reading.rows,
        "municipal": sum(levels.get(system.department) == Level.MUNICIPAL for system in systems),
        "county": sum(levels.get(system.department) == Level.COUNTY for system in systems),
        "in_scope": len(systems),
        **outside(reading.inventory),
        "uncounted": len(reading.uncounted),
    }


def outside(inventory: Inventory) -> dict[str, int]:
    """What is in no count of systems to move, each kind by itself. ``classified`` and ``unanswered`` as of ``counts``."""
    excluded = inventory.excluded
    return {
        "classified": sum(row.reason is Excluded.CLASSIFIED and row.answered for row in excluded),
        "unanswered": sum(row.reason is Excluded.CLASSIFIED and not row.answered for row in excluded),
        "party_mass": sum(row.reason is Excluded.PARTY_MASS for row in excluded),
        "retired": sum(row.reason is Excluded.RETIRED for row in excluded),
    }


def missing_words(standing: Standing) -> Words:
    """What a row lacks, each with its place as far as known: the first four."""
    named: list[Value] = []
    for missing in standing.missing[:4]:
        at, words = standing.missing_at.get(missing), in_words(missing)
        named.append(say("inventory.missing_at", missing=words, place=at) if at else words)
    if not named:
        return ""
    listed = say("inventory.all", things=tuple(named))
    return say("inventory.missing_more", missing=listed, count=len(standing.missing)) if len(standing.missing) > 4 else listed


def in_words(missing: str) -> Sentence | Name | str:
    """A missing thing in the words of the form: ``操作系统``, ``服务 portal-web 是否只能单实例运行``."""
    from orchestrator.inventory.forms import forms

    known = forms()
    if missing in known:
        return say("inventory.missing_sheet", sheet=Name(known[missing].zh, known[missing].en))
    if missing == "interruption":
        return say("inventory.missing_interruption")
    if missing.startswith("devices."):
        return say("inventory.missing_address", device=missing.split(".")[1])
    if missing.startswith("services."):
        _, name, field = missing.split(".")
        return say("inventory.missing_health", service=name) if field == "health" else say("inventory.missing_singleton", service=name)
    return next((column.name for column in known["systems"].columns if column.field == missing), missing)


def alike(interpretations: Sequence[Interpretation]) -> list[tuple[Interpretation, int]]:
    """The first of those that understood the same text in the same way, and how many there are: what is said of sheets first, then the commonest."""
    groups: dict[tuple[str, str], list[Interpretation]] = {}
    for one in interpretations:
        of = (one.read, kept(one.understood)) if one.read else (one.file + one.sheet + one.cell, kept(one.understood))
        groups.setdefault(of, []).append(one)
    return sorted(((group[0], len(group)) for group in groups.values()), key=lambda one: (bool(one[0].read), -one[1]))


def as_json(reading: Reading) -> dict[str, Any]:
    """What ``inventory check --json`` prints."""
    return {
        "counts": counts(reading),
        "systems": [asdict(standing) for standing in standings(reading)],
        "findings": [finding.as_json() for finding in reading.findings],
        "interpretations": [one.as_json() for one in reading.interpretations],
        "unknown_columns": list(reading.unknown_columns),
        "unanswered": reading.unanswered,
        "uncounted": len(reading.uncounted),
        "questions": [question.as_json() for question in reading.questions],
    }


def reached(system: System) -> tuple[str, tuple[str, ...]]:
    """The stage a system has reached, and the fields it lacks for the next one."""
    lacks = _lacks_to_plan(system)
    if lacks:
        return COUNTABLE, lacks
    lacks = _lacks_to_move(system)
    return (PLANNABLE, lacks) if lacks else (MOVABLE, ())


def _lacks_to_plan(system: System) -> tuple[str, ...]:
    lacks = []
    for name in PLAN_FIELDS:
        if system.status is Status.UNDER_CONSTRUCTION and name in _NOT_YET:
            continue
        answered = (
            system.grade_answered or system.protection_grade is not None
            if name == "protection_grade"
            else getattr(system, name) is not None
        )
        if not answered:
            lacks.append(name)
    return tuple(lacks)


def _lacks_to_move(system: System) -> tuple[str, ...]:
    lacks = [name for name in ("security_owner", "data_owner") if not getattr(system, name)]
    live = system.status is Status.IN_USE
    uses_database = bool(system.dbms) and system.dbms not in {"无", "没有", "none"}
    if live:
        lacks += [name for name in ("hosts", "services") if not getattr(system, name)]
        if uses_database and not system.databases:
            lacks.append("databases")
        if system.databases and not system.data_resources:
            lacks.append("data_resources")
        if system.interruption is None:
            lacks.append("interruption")
        lacks += [f"services.{service.name}.health" for service in system.services if service.health is None and not _listens_nowhere(service)]
        lacks += [f"services.{service.name}.singleton" for service in system.services if service.singleton is None]
    if system.special_equipment and not system.devices:
        lacks.append("devices")
    lacks += [f"devices.{device.name}.address" for device in system.devices if device.address is None]
    if not system.windows:
        lacks.append("windows")
    if system.trial_run_seconds is None:
        lacks.append("trial_run_seconds")
    return tuple(lacks)


def _listens_nowhere(service: Service) -> bool:
    """A worker, a timer, jobs of cron: up while its host says so, and nobody can ask it."""
    return bool(service.unit or service.cron) and service.port is None


def _standing(system: System, level: Level | None, reading: Reading, excluded: Excluded | None) -> Standing:
    stage, missing = reached(system)
    places: Mapping[str, str] = reading.places.get(system.id, {})
    at = {name: places[name.split(".")[0]] for name in missing if name.split(".")[0] in places}
    return Standing(system.id, system.name, system.department, level, stage, missing, at, excluded)
