"""How progress is counted (R7): needed out of the frozen baseline, in all three readings of the percentage."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal
from typing import Literal

from orchestrator.errors import Finding, Refused
from orchestrator.models import Inventory, Kind, Level, Strategy, SystemId
from orchestrator.policy.records import BASELINE, BASELINE_CHANGE, CITY, PURGED, Audit, day, line
from orchestrator.texts import Name, say

Reading = Literal["all_together", "per_kind", "per_department"]
READINGS: tuple[Reading, ...] = ("all_together", "per_kind", "per_department")
FIELDS = {"department": Name("单位", "department"), "level": Name("层级", "level"), "kind": Name("类别", "kind")}
LEFT = {"retired": Name("停用", "retired"), "elsewhere": Name("已在别处运行", "running elsewhere"), "classified": Name("涉密", "classified")}
READING_ZH = {"all_together": "全部合计", "per_kind": "按类别（数据库、应用系统）分别计算", "per_department": "按单位分别计算"}
What = Literal["added", "moved", "retired", "elsewhere", "classified"]
CAME: tuple[What, ...] = ("added", "moved")
"""After these a system is counted, as the change says."""


@dataclass(frozen=True)
class Member:
    """A system of the baseline: no more than counting needs."""

    id: SystemId
    department: SystemId
    level: Level
    kind: Kind


@dataclass(frozen=True)
class BaselineChange:
    """One change of the denominator, with who and why."""

    at: str
    actor: str
    system: SystemId
    what: What
    reason: str


@dataclass(frozen=True)
class Baseline:
    """The frozen, dated denominator and what became of it."""

    at: str
    actor: str
    reason: str
    frozen: tuple[Member, ...]
    changes: tuple[BaselineChange, ...]
    members: tuple[Member, ...]
    """The frozen ones with every recorded change applied, by id."""
    apart: Mapping[str, tuple[SystemId, ...]] = field(default_factory=dict)
    """What was counted apart on that day, by what becomes of it: to be retired, elsewhere already."""
    unanswered: int = 0
    """Rows that did not say on that day whether they are classified."""


@dataclass(frozen=True)
class Count:
    """One line of one reading. ``group``: ``all``, a kind, or a department's id."""

    group: str
    in_scope: int
    needed: int
    accepted: int

    @property
    def met(self) -> bool:
        return self.accepted >= self.needed


@dataclass(frozen=True)
class Progress:
    """A target in one reading: met when every one of its lines is."""

    reading: Reading
    counts: tuple[Count, ...]

    @property
    def needed(self) -> int:
        return sum(count.needed for count in self.counts)

    @property
    def met(self) -> bool:
        return all(count.met for count in self.counts)


def needed(in_scope: int, percent: float | Decimal) -> int:
    """How many systems a percentage means: never fewer than it says (80 % of 7 is 6). Exact, no binary fractions."""
    return int((Decimal(in_scope) * Decimal(str(percent)) / 100).to_integral_value(ROUND_CEILING))


def members_of(inventory: Inventory) -> tuple[Member, ...]:
    """The counted systems of an inventory as baseline members. Here as below it is one of systems that there is something to migrate of
    (``assess.moving``): what is to be retired or runs elsewhere already is counted apart."""
    levels = {department.id: department.level for department in inventory.departments}
    return tuple(
        Member(system.id, system.department, levels.get(system.department, Level.MUNICIPAL), system.kind) for system in inventory.systems
    )


def progress(
    members: Iterable[Member],
    accepted: Collection[SystemId],
    percent: float,
    *,
    levels: Sequence[Level],
    kinds: Sequence[Kind] = tuple(Kind),
) -> tuple[Progress, ...]:
    """All three readings of one target, in a fixed order. The programme says which one counts; the others are printed beside it."""
    scope = [member for member in members if member.level in levels and member.kind in kinds]
    return tuple(Progress(reading, _counts(scope, reading, accepted, percent)) for reading in READINGS)


def _counts(scope: list[Member], reading: Reading, accepted: Collection[SystemId], percent: float) -> tuple[Count, ...]:
    groups: dict[str, list[Member]] = {} if reading != "all_together" else {"all": []}
    for member in scope:
        group = "all" if reading == "all_together" else str(member.kind) if reading == "per_kind" else member.department
        groups.setdefault(group, []).append(member)
    return tuple(
        Count(group, len(found), needed(len(found), percent), sum(member.id in accepted for member in found))
        for group, found in sorted(groups.items())
    )


# ---------------------------------------------------------------- the baseline


def unanswered(inventory: Inventory) -> dict[str, int]:
    """By the name of the department, rows that do not say whether they are classified."""
    names = {department.id: department.name for department in inventory.departments}
    return dict(sorted(Counter(names.get(row.department, row.department) for row in inventory.excluded if not row.answered).items()))


def freeze(
    audit: Audit,
    inventory: Inventory,
    *,
    reason: str,
    actor: str,
    apart: Mapping[Strategy, Sequence[SystemId]] | None = None,
    left_open: int = 0,
) -> Baseline:
    """Freeze today's count. Refused when there is a baseline: it changes system by system, never as a whole.

    ``apart``: what is counted by itself; ``left_open``: rows whose classification is not answered. Both stay on record beside it.
    """
    systems = [[m.id, m.department, str(m.level), str(m.kind)] for m in members_of(inventory)]
    payload: dict[str, object] = {"reason": line(reason, "reason"), "systems": systems}
    if apart and any(apart.values()):
        payload["apart"] = {str(strategy): list(ids) for strategy, ids in apart.items() if ids}
    if left_open:
        payload["unanswered"] = left_open
    with audit.alone() as trail:
        if baseline(trail) is not None:
            raise Refused(say("policy.frozen_already"), remedy=say("policy.record_changes"))
        trail.append(BASELINE, None, payload, actor)
        frozen = baseline(trail)
    assert frozen is not None  # noqa: S101 - it was written a moment ago
    return frozen


_NOT_MOVED = {
    "classified": ("policy.none_classified", "policy.mend_classified"),
    "unanswered": ("policy.none_unanswered", "policy.mend_unanswered"),
    "party_mass": ("policy.none_party_mass", "policy.mend_party_mass"),
    "retired": ("policy.none_retired", "policy.mend_retired"),
    "retire": ("policy.none_retire", "policy.mend_retire"),
    "already_elsewhere": ("policy.none_already_elsewhere", "policy.mend_already_elsewhere"),
}
"""Kind of what is in the inventory and does not move → its sentence, what to do."""


def nothing_to_migrate(inventory: Inventory, apart: Mapping[Strategy, Sequence[SystemId]]) -> Refused:
    """Why there is nothing to plan and nothing to count: what is in the inventory instead, each kind with what to do about it."""
    from orchestrator.inventory.check import outside

    found = {**outside(inventory), **{str(strategy): len(ids) for strategy, ids in apart.items()}}
    findings = [
        Finding(f"none-{why.replace('_', '-')}", "error", say(_NOT_MOVED[why][0], count=count), say(_NOT_MOVED[why][1])) for why, count in found.items() if count
    ]
    if not findings:
        findings = [Finding("none-listed", "error", say("policy.none_listed"), say("policy.mend_none_listed"))]
    return Refused(say("policy.nothing_to_migrate"), findings=findings, remedy=say("policy.see_inventory_check"))


def change(audit: Audit, inventory: Inventory, system: SystemId, what: What, *, reason: str, actor: str) -> None:
    """Record one change of the denominator; ``added`` and ``moved`` take what the inventory says today. Refused when it does not fit
    what the baseline holds."""
    payload: dict[str, object] = {"what": what, "reason": line(reason, "reason")}
    today = next((member for member in members_of(inventory) if member.id == system), None)
    with audit.alone() as trail:
        frozen = baseline(trail)
        if frozen is None:
            raise Refused(say("policy.no_baseline_yet"), remedy=say("policy.freeze_one"))
        then = next((member for member in frozen.members if member.id == system), None)
        if what == "added" and then is not None:
            raise Refused(say("policy.in_baseline", system=system), remedy=say("policy.check_id"))
        if what != "added" and then is None:
            raise Refused(say("policy.not_in_baseline", system=system), remedy=say("policy.check_id_shown"))
        if what in CAME:
            if today is None:
                raise Refused(say("policy.not_in_inventory", system=system), remedy=say("policy.check_id"))
            if today == then:
                raise Refused(say("policy.counted_so_already", system=system), remedy=say("policy.row_first"))
            payload |= {"department": today.department, "level": str(today.level), "kind": str(today.kind)}
        trail.append(BASELINE_CHANGE, system, payload, actor)


def baseline(audit: Audit) -> Baseline | None:
    """The baseline with every recorded change; None before the first freeze."""
    records = [record for record in audit.read(BASELINE) if record.payload is not None]
    if not records:
        return None
    first = records[0]
    payload: Mapping[str, object] = first.payload or {}
    systems = payload["systems"]
    assert isinstance(systems, list)  # noqa: S101 - our own payload
    frozen = tuple(Member(ident, department, Level(level), Kind(kind)) for ident, department, level, kind in systems)
    members = {member.id: member for member in frozen}
    changes: list[BaselineChange] = []
    purged = {record.system: record for record in reversed(audit.read(PURGED))}  # the first one of each system
    for record in audit.read(BASELINE_CHANGE):
        said, ident = record.payload, record.system
        if ident is None:
            continue
        if said is None:  # purged: the system was found classified (R2)
            members.pop(ident, None)
            by = purged.get(ident, record)
            gone = BaselineChange(by.at, by.actor, ident, "classified", str((by.payload or {}).get("reason", "")))
            if gone not in changes:
                changes.append(gone)
            continue
        if said["what"] in CAME:
            members[ident] = Member(ident, str(said["department"]), Level(said["level"]), Kind(said["kind"]))
        else:
            members.pop(ident, None)
        changes.append(BaselineChange(record.at, record.actor, ident, said["what"], str(said["reason"])))
    ordered = tuple(members[ident] for ident in sorted(members))
    apart, left_open = payload.get("apart"), payload.get("unanswered")
    staying = {what: tuple(ids) for what, ids in apart.items()} if isinstance(apart, dict) else {}
    return Baseline(
        first.at, first.actor, str(payload.get("reason", "")), frozen, tuple(changes), ordered, staying,
        left_open if isinstance(left_open, int) else 0,
    )  # fmt: skip


def unexplained(
    frozen: Iterable[Member], inventory: Inventory, changes: Iterable[BaselineChange] = (), zone: dt.tzinfo = CITY
) -> list[Finding]:
    """Differences between today's count and the members of the baseline that nobody recorded, in department, level and kind too; with
    its ``changes``, also systems that left it on record and are still counted. Days are those of ``zone``."""
    today, then = {member.id: member for member in members_of(inventory)}, {member.id: member for member in frozen}
    left = {change.system: change for change in changes if change.what not in CAME}
    found = []
    for ident in sorted(today.keys() - then.keys()):
        if ident in left:
            says = say("policy.baseline_left", id=ident, day=day(left[ident].at, zone), what=LEFT[left[ident].what])
            found.append(Finding("baseline-left", "warning", says, say("policy.correct_row"), system=ident))
        else:
            mend = say("policy.record_change", id=ident)
            found.append(Finding("baseline-added", "warning", say("policy.baseline_added", id=ident), mend, system=ident))
    for ident in sorted(then.keys() - today.keys()):
        mend = say("policy.record_change", id=ident)
        found.append(Finding("baseline-gone", "warning", say("policy.baseline_gone", id=ident), mend, system=ident))
    for ident in sorted(today.keys() & then.keys()):
        was, now = then[ident], today[ident]
        if was != now:
            pairs = [(field, str(getattr(was, name)), str(getattr(now, name))) for name, field in FIELDS.items()]
            moved = tuple(say("policy.moved_field", field=field, before=before, after=after) for field, before, after in pairs if before != after)
            mend = say("policy.record_moved", id=ident)
            found.append(Finding("baseline-moved", "warning", say("policy.baseline_moved", id=ident, moved=moved), mend, system=ident))
    return found
