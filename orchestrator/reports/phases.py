"""Targets (R7): each phase in all three readings of its percentage, the baseline, what is left out of the count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from orchestrator.models import Kind
from orchestrator.planning.programme import Phase as Target
from orchestrator.policy import counting
from orchestrator.reports.facts import Baseline, BaselineChange, Count, Excluded, Phase, Reading
from orchestrator.reports.given import Given
from orchestrator.reports.values import Source, Sourced, Words
from orchestrator.reports.words import APART, CHANGES, EXCLUDED, KINDS, LEVELS, READINGS, UNANSWERED, mark, words


def phases(given: Given) -> tuple[Phase, ...]:
    """Every phase of the programme, in its order."""
    return tuple(_phase(given, target) for target in given.programme.phases)


def in_scope(target: Target, members: Iterable[counting.Member]) -> list[counting.Member]:
    """The members that a phase counts."""
    return [m for m in members if m.level in target.levels and m.kind in target.kinds]


def _phase(given: Given, target: Target) -> Phase:
    programme = Source(rows=(f"programme:{target.id}",))
    scope = in_scope(target, given.members)
    progress = counting.progress(given.members, given.accepted, target.percent, levels=target.levels, kinds=target.kinds)
    readings = tuple(_reading(given, scope, one, programme) for one in progress)
    chosen = next(r for r in readings if r.decides)
    planned = next((p.planned for p in given.plan.phases if p.id == target.id), None) if given.plan else None
    return Phase(
        id=target.id,
        name=Words(zh=target.name, en=target.name_en or target.name),
        percent=Sourced(value=target.percent, source=programme),
        due=Sourced(value=target.due.isoformat(), source=programme),
        levels=tuple(words({str(k): v for k, v in LEVELS.items()}, level) for level in target.levels),
        in_scope=Sourced(value=len(scope), source=given.members_source),
        needed=Sourced(value=sum(c.needed.value for c in chosen.counts), source=given.members_source + programme),
        accepted=Sourced(value=sum(m.id in given.accepted for m in scope), source=_accepted(given, scope)),
        planned=Sourced(value=planned, source=Source(rows=(f"plan:{given.plan.digest}",))) if given.plan and planned is not None else None,
        met=chosen.met,
        readings=readings,
    )


def _accepted(given: Given, members: Iterable[counting.Member]) -> Source:
    found = Source.of(given.accepted[member.id] for member in members if member.id in given.accepted)
    return found if found.events else given.trail.nothing()


def _reading(given: Given, scope: list[counting.Member], one: counting.Progress, programme: Source) -> Reading:
    groups: dict[str, list[counting.Member]] = {}
    for member in scope:
        group = {"all_together": "all", "per_kind": str(member.kind), "per_department": member.department}[one.reading]
        groups.setdefault(group, []).append(member)
    counts = tuple(
        Count(
            group=c.group,
            name=_group(given, c.group, one.reading),
            in_scope=Sourced(value=c.in_scope, source=given.members_source),
            needed=Sourced(value=c.needed, source=given.members_source + programme),
            accepted=Sourced(value=c.accepted, source=_accepted(given, groups.get(c.group, []))),
            met=c.met,
        )
        for c in one.counts
    )
    return Reading(
        code=one.reading, name=words(READINGS, one.reading), decides=one.reading == given.programme.counting, met=one.met, counts=counts
    )


def _group(given: Given, group: str, reading: str) -> Words:
    if reading == "all_together":
        return words(READINGS, "all_together")
    return words({str(k): v for k, v in KINDS.items()}, group) if reading == "per_kind" and group in set(Kind) else given.department(group)


# ---------------------------------------------------------------- the denominator


def baseline(given: Given) -> Baseline:
    """The frozen count and every recorded change with who and why; else that nobody has frozen one."""
    frozen = given.baseline
    everything = Sourced[int](value=len(given.members), source=given.members_source)
    if frozen is None:
        none, nobody = given.trail.nothing(), Sourced[str | None](value=None, source=given.trail.nothing())
        return Baseline(frozen_at=nobody, who="", reason="", systems=everything, changes=(), unexplained=Sourced(value=0, source=none))
    changes = []
    events = {(e.at, e.system): e.seq for e in given.trail.events if e.kind == "baseline-change"}
    for one in frozen.changes:
        seq = events.get((one.at, one.system))
        changes.append(
            BaselineChange(
                at=given.local(one.at),
                who=given.scrub.text(one.actor),
                system="" if one.what == "classified" or one.system in given.trail.hidden else one.system,
                what=mark(CHANGES, one.what),
                reason=given.scrub.text(one.reason),
                source=Source(events=(seq,)) if seq else given.members_source,
            )
        )
    return Baseline(
        frozen_at=Sourced(value=given.local(frozen.at), source=Source(events=given.members_source.events[:1])),
        who=given.scrub.text(frozen.actor),
        reason=given.scrub.text(frozen.reason),
        systems=everything,
        changes=tuple(changes),
        unexplained=Sourced(
            value=len(counting.unexplained(frozen.members, given.counted, frozen.changes, given.zone)),
            source=given.members_source + Source(rows=("inventory:*",))
        ),
    )


def excluded(given: Given) -> tuple[Excluded, ...]:
    """How many rows of each department no target counts, and why: what is outside the count, of which nothing else is told (R2), and the
    systems of which nothing is migrated. Rows whose classification nobody answered are not called classified."""
    table = {str(k): v for k, v in EXCLUDED.items()} | APART
    found = Counter((UNANSWERED if not row.answered else str(row.reason), row.department) for row in given.inventory.excluded)
    found.update((str(staying), system.department) for system in given.inventory.systems if (staying := given.staying(system.id)))
    return tuple(
        Excluded(
            department=given.department(dept),
            reason=mark(table, reason),
            count=Sourced(value=n, source=Source(rows=(f"inventory:{dept}",))),
        )
        for (reason, dept), n in sorted(found.items())
    )


def level_of(given: Given, department: str) -> Words:
    """A department's level in words; empty when the inventory does not know the department."""
    found = given.departments.get(department)
    return words({str(k): v for k, v in LEVELS.items()}, found.level) if found else Words(zh="", en="")
