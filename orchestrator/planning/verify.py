"""A second opinion on a plan: checks every promise from the inventory and the programme alone.

Shares no code with the planner: of ``planning`` it imports the programme's schema and the reading of service hours (both are
input), nothing that groups, counts or schedules. It looks at the plan's dates, never at the planner's weeks or units.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from functools import cache

from orchestrator.errors import Finding
from orchestrator.models import Inventory, Kind, Level, Plan, PlanEntry, Strategy, System, Verdict, Window
from orchestrator.planning.hours import windows_for
from orchestrator.planning.programme import Phase, Programme
from orchestrator.planning.verify_capacity import capacity_faults
from orchestrator.texts import Sentence, Value, say
from orchestrator.texts.durations import spell

ONE_DAY = dt.timedelta(days=1)
STAYING = {Strategy.RETIRE, Strategy.ALREADY_ELSEWHERE}
"""Verdicts by which nothing is migrated."""


def verify(
    plan: Plan, inventory: Inventory, verdicts: Mapping[str, Verdict], programme: Programme, *, former: Plan | None = None
) -> tuple[Finding, ...]:  # fmt: skip
    """Everything that is wrong with the plan; empty when it keeps all its promises.

    What is done or under way is taken as it stands: its own date, window and dependencies are history. ``former``: the plan that a
    re-plan replaces; preparation that was to begin under it before the programme's present has begun, and is not begun anew.
    """
    whole = {one.id: one for one in inventory.systems}
    systems = {sid: one for sid, one in whole.items() if sid not in verdicts or verdicts[sid].strategy not in STAYING}
    staying = whole.keys() - systems.keys()
    faults: list[Finding] = []
    entries: dict[str, PlanEntry] = {}
    for entry in plan.entries:
        if entry.system in entries:
            faults.append(_fault("twice", say("planning.planned_twice", system=entry.system), entry.system))
        if entry.system in staying:
            faults.append(_fault("staying", say("planning.planned_staying", system=entry.system), entry.system))
        elif entry.system not in systems:
            faults.append(_fault("stranger", say("planning.planned_stranger", system=entry.system), entry.system))
        entries[entry.system] = entry
    known = {sid: entry for sid, entry in entries.items() if sid in systems}
    cycles = _cycles({sid: [other for other in systems[sid].depends_on if _binds(known, sid, other)] for sid in known}, programme.reachable)
    faults += _dependency_faults(known, systems, cycles, {*programme.reachable, *staying})
    faults += _window_faults(known, systems, verdicts, programme)
    faults += _start_faults(known, systems, inventory, programme)
    faults += _count_faults(plan, known, systems, inventory, programme)
    present = programme.as_of or programme.starts
    before = former.entries if former and former.digest == plan.replaces else ()
    begun = {one.system for one in before if one.preparation_starts is not None and one.preparation_starts < present}
    faults += capacity_faults(known, systems, verdicts, programme, cycles, begun)
    data = plan.model_dump(mode="json", exclude={"digest"} if plan.target else {"digest", "target"})
    if hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest() != plan.digest:
        faults.append(_fault("digest", say("planning.wrong_digest")))
    if plan.target != programme.target:
        faults.append(_fault("target", say("planning.other_cloud")))
    return tuple(faults)


def _fault(code: str, says: Sentence, system: str = "") -> Finding:
    return Finding(f"verify-{code}", "error", says, say("planning.do_not_approve"), system=system)


def _binds(entries: Mapping[str, PlanEntry], sid: str, other: str) -> bool:
    """Whether a dependency still ties two dates: not that of what is done, nor that of what is under way on what has not come as far."""
    if other not in entries or entries[sid].state == "planned":
        return other in entries
    before = entries[other].window_start.date() <= entries[sid].window_start.date()
    return entries[sid].state == "under_way" and entries[other].state != "planned" and before


def _cycles(needs: Mapping[str, Sequence[str]], reachable: Iterable[str]) -> dict[str, frozenset[str]]:
    """System → all systems of its cycle (itself alone when it is in none). Kosaraju: two depth-first walks."""
    free = set(reachable)
    back: dict[str, list[str]] = {sid: [] for sid in needs}
    for sid, others in needs.items():
        for other in others:
            if other not in free:
                back[other].append(sid)
    finished: list[str] = []
    seen: set[str] = set()
    for root in needs:
        stack = [(root, False)]
        while stack:
            sid, done = stack.pop()
            if done:
                finished.append(sid)
            elif sid not in seen:
                seen.add(sid)
                stack.append((sid, True))
                stack += [(other, False) for other in needs[sid] if other not in seen and other not in free]
    found: dict[str, frozenset[str]] = {}
    for root in reversed(finished):
        if root in found:
            continue
        members, todo = {root}, [root]
        while todo:
            for other in back[todo.pop()]:
                if other not in found and other not in members:
                    members.add(other)
                    todo.append(other)
        found |= dict.fromkeys(members, frozenset(members))
    return found


def _dependency_faults(
    entries: Mapping[str, PlanEntry], systems: Mapping[str, System], cycles: Mapping[str, frozenset[str]], reached: set[str]
) -> list[Finding]:
    """``reached``: what stays where it is and is reached over a link: nobody waits for it."""
    faults = []
    for sid, entry in entries.items():
        if entry.state != "planned":
            continue
        for other in systems[sid].depends_on:
            if other in reached or other == sid:
                continue
            if other not in entries:
                faults.append(_fault("needs-unplanned", say("planning.need_unplanned", system=sid, other=other), sid))
                continue
            first = entries[other]
            if first.window_start > entry.window_start or first.wave > entry.wave:
                times = {"at": str(entry.window_start), "need_at": str(first.window_start)}
                faults.append(_fault("order", say("planning.before_need", system=sid, other=other, **times), sid))
            elif first.wave == entry.wave and other not in cycles[sid] and first.order >= entry.order and first.state == "planned":
                faults.append(_fault("order", say("planning.not_behind_need", system=sid, other=other, wave=entry.wave), sid))
        for other in cycles[sid] - {sid}:
            mate = entries[other]
            if mate.state != "planned":
                continue  # it stands where it stands
            if (mate.window_start, mate.window_end, mate.wave, mate.order) != (
                entry.window_start,
                entry.window_end,
                entry.wave,
                entry.order,
            ):
                faults.append(_fault("cycle", say("planning.cycle_apart", system=sid, other=other), sid))
    return faults


def _window_faults(
    entries: Mapping[str, PlanEntry], systems: Mapping[str, System], verdicts: Mapping[str, Verdict], programme: Programme
) -> list[Finding]:
    faults = []

    @cache
    def spans(windows: tuple[Window, ...], day: dt.date) -> tuple[tuple[dt.datetime, dt.datetime], ...]:
        return tuple(_span(one, day) for one in windows if _on(one, day, programme))

    for sid, entry in entries.items():
        if entry.state != "planned":
            continue
        one = systems[sid]
        windows, _ = windows_for(one, programme)
        at = entry.window_start
        while at < entry.window_end:  # follow the openings from the start; stuck before the end means a gap
            near = (*spans(windows, at.date() - ONE_DAY), *spans(windows, at.date()))
            reach = max((end for start, end in near if start <= at < end), default=at)
            if reach <= at:
                faults.append(_fault("window", say("planning.outside_window", system=sid, at=str(at)), sid))
                break
            at = reach
        last = entry.window_end - dt.timedelta(minutes=1)
        for closed in programme.blackouts:
            mine = not closed.departments or one.department in closed.departments
            if mine and entry.window_start.date() <= closed.ends and last.date() >= closed.starts:
                faults.append(_fault("blackout", say("planning.in_blackout", system=sid, name=closed.name), sid))
        hours = _hours(one, verdicts[sid].strategy, programme)
        if entry.window_end - entry.window_start < dt.timedelta(hours=hours):
            faults.append(_fault("short-window", say("planning.short_window", system=sid, needed=spell(hours * 3600)), sid))
    return faults


def _hours(one: System, strategy: Strategy, programme: Programme) -> float:
    minutes = one.interruption.outage_minutes if one.interruption and one.interruption.outage_minutes else 0
    return max(programme.work_of(strategy).cutover_hours, minutes / 60)


def _span(window: Window, day: dt.date) -> tuple[dt.datetime, dt.datetime]:
    midnight = dt.datetime.combine(day, dt.time.min)
    begin, end = (int(text[:2]) * 60 + int(text[3:]) for text in (window.start, window.end))
    return midnight + dt.timedelta(minutes=begin), midnight + dt.timedelta(minutes=end if end > begin else end + 1440)


def _on(window: Window, day: dt.date, programme: Programme) -> bool:
    weekday = day.strftime("%a").lower()
    if not isinstance(window.days, str):
        return weekday in window.days
    if window.days == "daily":
        return True
    working, festival = _kind(day, programme.holidays, programme.workdays)
    return {"workday": working, "weekend": not working and weekday in {"sat", "sun"}, "holiday": festival}[window.days]


@cache
def _kind(day: dt.date, holidays: tuple[dt.date, ...], workdays: tuple[dt.date, ...]) -> tuple[bool, bool]:
    if day in workdays or day in holidays:
        return day in workdays, day not in workdays
    from chinese_calendar import get_holiday_detail

    try:
        off, name = get_holiday_detail(day)
    except NotImplementedError:
        return day.isoweekday() < 6, False
    return not off, off and name is not None


def _start_faults(
    entries: Mapping[str, PlanEntry], systems: Mapping[str, System], inventory: Inventory, programme: Programme
) -> list[Finding]:
    """Nothing before the programme's present, nor before the phase of the system or of anything that needs it, nor half accepted."""
    levels = {one.id: one.level for one in inventory.departments}
    begins: dict[str, dt.date] = {}
    for number in reversed(range(len(programme.phases))):
        phase = programme.phases[number]
        day = phase.starts or (programme.phases[number - 1].due + ONE_DAY if number else programme.starts)
        frozen = {one.id for one in programme.baseline.members if _inside(phase, one.level, one.kind)} if programme.baseline else set()
        for sid in systems:  # also for those without a date: what they need was free to move early for them
            if sid in frozen or _inside(phase, levels.get(systems[sid].department), systems[sid].kind):
                begins[sid] = min(day, begins.get(sid, day))
    todo = list(begins)
    while todo:
        sid = todo.pop()
        for other in systems[sid].depends_on:
            if other in systems and begins.get(other, dt.date.max) > begins[sid]:
                begins[other] = begins[sid]
                todo.append(other)
    faults = []
    for sid, entry in entries.items():
        if entry.state != "planned":
            continue
        earliest = max(programme.starts, programme.as_of or programme.starts, begins.get(sid, dt.date.min))
        if entry.window_start.date() < earliest:
            faults.append(_fault("early", say("planning.too_early", system=sid, at=str(entry.window_start), earliest=str(earliest)), sid))
        seconds = systems[sid].trial_run_seconds
        trial = dt.timedelta(seconds=seconds) if seconds is not None else dt.timedelta(days=programme.trial_run_days)
        if entry.accepted_by is None or entry.accepted_by < entry.window_end + trial:
            faults.append(_fault("trial", say("planning.trial_not_over", system=sid, at=str(entry.accepted_by)), sid))
    return faults


def _inside(phase: Phase, level: Level | None, kind: Kind) -> bool:
    return level in phase.levels and kind in phase.kinds


def _count_faults(
    plan: Plan, entries: Mapping[str, PlanEntry], systems: Mapping[str, System], inventory: Inventory, programme: Programme
) -> list[Finding]:
    levels = {one.id: one.level for one in inventory.departments}
    faults = []
    if [one.id for one in plan.phases] != [one.id for one in programme.phases]:
        return [_fault("phases", say("planning.other_phases"))]
    for told, phase in zip(plan.phases, programme.phases, strict=True):
        if programme.baseline is None:
            scope = [(one.id, one.kind, one.department) for one in systems.values() if _inside(phase, levels.get(one.department), one.kind)]
        else:
            scope = [(one.id, one.kind, one.department) for one in programme.baseline.members if _inside(phase, one.level, one.kind)]
        parts: dict[str, list[str]] = defaultdict(list)
        for sid, kind, department in scope:
            parts[{"all_together": "", "per_kind": kind.value, "per_department": department}[programme.counting]].append(sid)
        end = dt.datetime.combine(phase.due, dt.time.min) + ONE_DAY
        done = {sid for sid, _, _ in scope if sid in entries and (at := entries[sid].accepted_by) is not None and at <= end}
        needed = {part: int((Decimal(str(phase.percent)) * len(ids) / 100).to_integral_value(ROUND_CEILING)) for part, ids in parts.items()}
        if (told.in_scope, told.needed, told.planned) != (len(scope), sum(needed.values()), len(done)):
            real = (len(scope), sum(needed.values()), len(done))
            faults.append(_fault("count", say("planning.other_counts", phase=phase.id, counts=real)))
        for part, ids in parts.items():
            if len(done.intersection(ids)) < needed[part]:
                met: dict[str, Value] = {
                    "where": f"{phase.id} {part}".strip(),
                    "accepted": len(done.intersection(ids)),
                    "due": str(phase.due),
                }
                faults.append(_fault("target", say("planning.target_not_met", needed=needed[part], **met)))
    return faults
