"""What waits for whom; which rooms are still held open (R12); what the catalogue holds (R13)."""

from __future__ import annotations

from typing import Any

from orchestrator.inventory.names import key
from orchestrator.models import PlanEntry, Room, Strategy, System
from orchestrator.policy.lifetimes import last_day
from orchestrator.reports.facts import Catalogue, CatalogueEntry, Conflict, RoomFacts, Wait
from orchestrator.reports.given import Given
from orchestrator.reports.privacy import who
from orchestrator.reports.system_facts import SystemFacts
from orchestrator.reports.values import Source, Sourced, Words, same
from orchestrator.reports.words import CATEGORIES, FORMS, GATE_COMMANDS, GATES, SHARING, words
from orchestrator.texts import row_words, say

# ---------------------------------------------------------------- what waits for whom


def waits(given: Given) -> tuple[Wait, ...]:
    """Open gates, human tasks, windows, what needs a person, the city's hold; oldest first."""
    open_ones = {m.id: m for m in given.trail.migrations if m.state != "ended"}
    found = [_gate(given, row, open_ones[row.migration]) for row in given.trail.gates if row.state == "open" and row.migration in open_ones]
    found += [
        _task(given, row, open_ones[row.migration]) for row in given.trail.tasks if row.state == "open" and row.migration in open_ones
    ]
    for m in open_ones.values():
        if m.ending == "needs_a_person":
            found.append(_person(given, m))
        found += [_window(given, m, s) for s in given.trail.steps(m.id) if s.state == "waiting" and s.step in ("window", "cutover")]
    if given.trail.hold is not None:
        found.append(_hold(given))
    return tuple(sorted(found, key=lambda w: (w.since.value, w.system, w.kind)))


def _gate(given: Given, row: Any, migration: Any) -> Wait:
    zh, en = GATES.get(row.gate, (row.gate, row.gate))
    asked = given.scrub.text(who(migration.requested_by))
    return Wait(
        kind="gate",
        system=migration.system,
        what=Words(zh=f"{zh}（计划 {row.digest[:12]}）", en=f"{en} (plan {row.digest[:12]})"),
        whom=Words(zh=f"有权决定的人员，申请人 {asked} 除外", en=f"a person entitled to decide, other than {asked} who asked"),
        since=Sourced(value=given.local(row.opened), source=given.trail.source(given.trail.gate_events(row), f"gates:{row.id}")),
        command=f"orchestrator {GATE_COMMANDS.get(row.gate, 'approve')} {migration.system} --digest {row.digest[:12]}",
    )


def _task(given: Given, row: Any, migration: Any) -> Wait:
    return Wait(
        kind="task",
        system=migration.system,
        what=Words(zh=given.scrub.text(row.title_zh), en=given.scrub.text(row.title_en)),
        whom=Words(zh="承办人员", en="whoever carries it out"),
        since=Sourced(value=given.local(row.opened), source=given.trail.source(given.trail.task_events(row), f"tasks:{row.id}")),
        command=f"orchestrator task done {row.id} --evidence …",
    )


def _person(given: Given, m: Any) -> Wait:
    events = given.trail.ended(m.id, "needs_a_person")
    return Wait(
        kind="person",
        system=m.system,
        what=given.in_both(row_words(m, "why") if m.why else say("ending.needs_a_person"), 400),
        whom=Words(zh="运维人员", en="operations engineer"),
        since=Sourced(value=given.local(events[-1].at if events else m.created), source=given.trail.source(events, f"migrations:{m.id}")),
        command=f"orchestrator resume {m.system}",
    )


def _window(given: Given, m: Any, step: Any) -> Wait:
    found = given.entry(m.system, m.plan_digest)
    when = f"{given.local(found[0].window_start)[:16]}" if found else ""
    source = given.trail.source(given.trail.step_events(m.id, step.step, "waiting"), f"steps:{m.id}/{step.step}")
    return Wait(
        kind="window",
        system=m.system,
        what=Words(zh=f"切换窗口 {when}".strip(), en=f"cutover window {when}".strip()),
        whom=Words(zh="到时自动继续", en="goes on by itself"),
        since=Sourced(value=given.local(step.started), source=source),
        command=f"orchestrator resume {m.system}",
    )


def _hold(given: Given) -> Wait:
    row = given.trail.hold
    assert row is not None  # noqa: S101 - the caller looked
    events = given.trail.of_kind("flag_hold")[-1:]
    value = given.scrub.text(str(row.value))
    return Wait(
        kind="hold",
        system="",
        what=Words(zh=f"全市暂停切换：{value}", en=f"all cutovers are held: {value}"),
        whom=same(given.scrub.text(who(str(row.actor)))),
        since=Sourced(value=given.local(row.at), source=given.trail.source(events, "flags:hold")),
        command="orchestrator hold --off",
    )


# ---------------------------------------------------------------- rooms


def rooms(given: Given) -> tuple[RoomFacts, ...]:
    """Every registered room that is self-built or that systems stand in, then rooms that only systems name."""
    counted = [(s, True) for s in given.inventory.systems if given.staying(s.id) is not Strategy.ALREADY_ELSEWHERE]
    counted += [(row.system, False) for row in given.inventory.excluded if row.system and row.system.status != "retired"]
    known = {key for room in given.inventory.rooms for key in (room.id, room.name)}
    loose = sorted({s.room for s, _ in counted if s.room and s.room not in known})
    everything: list[Room | str] = [*given.inventory.rooms, *loose]
    return tuple(_room(given, room, [(s, c) for s, c in counted if _stands_in(s, room)]) for room in everything)


def _stands_in(system: System, room: Room | str) -> bool:
    if isinstance(room, str):
        return system.room == room
    return system.room in (room.id, room.name) or any(h.room == room.id for h in system.hosts)


def _room(given: Given, room: Room | str, inside: list[tuple[System, bool]]) -> RoomFacts:
    gone = {**given.accepted, **given.retired}
    holders = [(s, counted) for s, counted in inside if s.id not in gone]
    source = Source(rows=tuple(f"inventory:{s.id}" for s, _ in inside) or ("inventory:*",))
    moved = Source.of(gone[s.id] for s, _ in inside if s.id in gone)
    entries = {s.id: given.entry(s.id) if counted else None for s, counted in holders}
    leaves = {s.id: _leaves(given, s, entries[s.id]) for s, _ in holders}
    dates = [day for day in leaves.values() if day]
    unplanned = tuple(sorted(s for s, day in leaves.items() if not day))
    close = max(dates) if dates and not unplanned else None
    plan_rows = tuple(f"plan:{digest}" for digest in sorted({e[1] for e in entries.values() if e}))
    registered = isinstance(room, Room)
    return RoomFacts(
        id=room.id if isinstance(room, Room) else "",
        name=same(given.scrub.text(room.name if isinstance(room, Room) else room)),
        owner=given.department(room.owner) if isinstance(room, Room) and room.owner else None,
        self_built=room.self_built if isinstance(room, Room) else None,
        exception=given.scrub.text(room.exception or "") if isinstance(room, Room) else "",
        holding=Sourced(value=len(holders), source=source + moved),
        holders=tuple(sorted(s.id for s, _ in holders)),
        moved=Sourced(value=len(inside) - len(holders), source=moved if moved.events else given.trail.nothing()),
        unplanned=unplanned,
        can_close=Sourced(value=close, source=Source(rows=plan_rows or (() if registered else ("inventory:*",))) + source),
    )


def _leaves(given: Given, system: System, entry: tuple[PlanEntry, str] | None) -> str:
    """The day on which a system leaves its room: finally accepted on the cloud, or switched off; empty where nobody said when."""
    if given.staying(system.id) is Strategy.RETIRE:
        return last_day(system.planned_end).isoformat() if system.planned_end else ""
    return given.local(entry[0].accepted_by)[:10] if entry and entry[0].accepted_by else ""


# ---------------------------------------------------------------- catalogue


def catalogue(given: Given, systems: tuple[SystemFacts, ...]) -> Catalogue:
    """Registered entries (the latest of each system and datum), claims that collide, what should be registered and is not."""
    latest = {
        (e.system, str((e.payload or {}).get("name"))): e
        for e in given.trail.of_kind("catalogue_registered")
        if e.system and e.payload is not None
    }
    for e in given.trail.of_kind("catalogue_deregistered"):
        at = (e.system or "", str((e.payload or {}).get("name")))
        if at in latest and latest[at].seq < e.seq:
            del latest[at]
    entries = tuple(_entry(given, e) for e in latest.values())
    claims: dict[str, dict[str, tuple[str, Source]]] = {}
    for system in given.inventory.systems:  # what is claimed counts before it is registered
        for resource in system.data_resources if system.id not in given.retired else ():
            if resource.source_of_truth:
                said = (given.scrub.text(resource.name), Source(rows=(f"inventory:{system.id}",)))
                claims.setdefault(key(resource.name), {})[system.id] = said
    for entry in entries:
        if entry.source_of_truth:
            claims.setdefault(key(entry.name), {})[entry.system] = (entry.name, entry.registered.source)
    conflicts = tuple(
        Conflict(
            name=min(name for name, _ in found.values()),
            systems=Sourced(value=tuple(sorted(found)), source=Source.of(source for _, source in found.values())),
        )
        for _, found in sorted(claims.items())
        if len(found) > 1
    )
    registered = {e.system for e in entries}
    missing = [s for s in systems if s.state.value.code == "accepted" and s.id not in registered and _has_database(given.systems[s.id])]
    source = Source.of(s.state.source for s in missing)
    return Catalogue(
        entries=entries,
        conflicts=conflicts,
        missing=Sourced(value=tuple(s.id for s in missing), source=source if missing else given.trail.nothing()),
    )


def _has_database(system: System) -> bool:
    return system.kind == "database" or bool(system.databases)


def _entry(given: Given, event: Any) -> CatalogueEntry:
    said = event.payload
    category = said.get("basic_category") or said.get("theme") or ""
    return CatalogueEntry(
        system=event.system,
        department=given.department(str(said.get("department") or "")),
        name=given.scrub.text(str(said.get("name") or "")),
        database=str(said.get("database") or ""),
        category=words(CATEGORIES, category),
        source_of_truth=said.get("source_of_truth"),
        sharing=words(SHARING, said.get("sharing") or ""),
        form=words(FORMS, said.get("form") or ""),
        frequency=given.scrub.text(str(said.get("update_frequency") or "")),
        registered=Sourced(value=given.local(event.at), source=Source(events=(event.seq,))),
    )
