"""Where one migration stands, from the journal alone, as a plain dictionary: what `status` prints and `--json` gives."""

from __future__ import annotations

import socket
import time
from typing import Any

from orchestrator.journal.decisions import TARGET_LOST, Decisions
from orchestrator.journal.notes import Notes
from orchestrator.journal.standbys import who_stands_by
from orchestrator.journal.states import Ending
from orchestrator.journal.store import LEASE_SECONDS, Journal
from orchestrator.texts import parameters, recalled, row_words

COMMANDS = {
    "initial_acceptance": "accept", "approve_cutover": "approve", "approve_retirement": "approve", "final_acceptance": "accept",
}  # fmt: skip
UNDER_WAY = ("running", "undoing", "waiting", "failed", "undo_failed")


def describe(journal: Journal, migration: Any) -> dict[str, Any]:
    """``live``: where citizens' writes go, or went when it ended. ``followed_by``: a later migration of the system.

    ``engine``: whether one works on it. ``standing_by``: who waits there and goes on by itself once people have decided. ``next``:
    commands, the first one is the way on."""
    notes = Notes(journal)
    steps = journal.steps(migration.id)
    current = next((s for s in reversed(_in_order(steps, migration)) if s.state in UNDER_WAY), None)
    flags = {name: journal.flag(f"{name}:{migration.id}") for name in ("turn_back", "stay")}
    row: dict[str, Any] = {
        "migration": migration.id,
        "system": migration.system,
        "strategy": migration.strategy,
        "state": migration.state,
        "live": migration.live,
        "followed_by": _follower(journal, migration),
        "ending": migration.ending,
        "refused": migration.ending == Ending.ROLLED_BACK_BEFORE and journal.untouched(migration.id),
        "why": str(row_words(migration, "why")) if migration.why is not None else None,
        "done": sum(s.state == "done" for s in steps if s.runbook == migration.runbook),
        "steps": sum(s.runbook == migration.runbook for s in steps),
        "step": current.step if current is not None else None,
        "step_state": current.state if current is not None else None,
        "since": current.started if current is not None else None,
        "error": _error(current.error) if current is not None else None,
        "engine": engine(journal, migration.id),
        "standing_by": who_stands_by(journal, migration.id) if migration.state != "ended" else [],
        "turn_back": _said(flags["turn_back"]) if migration.state == "forward" else None,
        "stay": _said(flags["stay"]) if migration.state == "forward" else None,
        "waits_for": _waits(journal, migration, current) if migration.state != "ended" else [],
        "findings": [describe_finding(found) for found in notes.findings(migration.id)],
        "alarms": [{"code": a.code, "message": str(row_words(a, "message")), "since": a.raised} for a in notes.alarms(migration.id, standing=True)],
        "owed": [describe_owed(owed) for owed in notes.owed(migration.id)],
    }
    return row | {"next": _next(row)}


def _follower(journal: Journal, migration: Any) -> str | None:
    """The system's latest migration, where that is another one: it alone says where the system is and what is to be done."""
    latest = str(journal.migrations(system=migration.system)[-1].id) if migration.state == "ended" else str(migration.id)
    return latest if latest != migration.id else None


def engine(journal: Journal, migration: str) -> dict[str, Any]:
    """Who works on it, or did last. On this machine by pid and start time, elsewhere by the lease that is kept renewed."""
    from orchestrator.tools.process_records import boot_id, start_time

    lease = journal.lease_holder(migration)
    here = lease.host == socket.gethostname()
    by_pid = lease.pid is not None and lease.boot == boot_id() and start_time(lease.pid) == lease.started
    clock = time.time() if here else journal.clock()
    alive = by_pid if here else lease.pid is not None and lease.expires > clock
    heard = round(max(0.0, clock - (lease.expires - LEASE_SECONDS))) if lease.expires else None
    return {"alive": bool(alive), "holder": lease.holder, "host": lease.host, "pid": lease.pid, "heard_seconds_ago": heard}


def _in_order(steps: list[Any], migration: Any) -> list[Any]:
    """The runbook's steps, then those of going back: the last one under way is the one that counts."""
    back_last = sorted(steps, key=lambda s: (s.runbook != migration.runbook, s.ordinal))
    return [s for s in back_last if migration.state != "undoing" or s.runbook == migration.runbook]


def _waits(journal: Journal, migration: Any, current: Any) -> list[dict[str, Any]]:
    decisions = Decisions(journal)
    waits: list[dict[str, Any]] = []
    for gate in decisions.gates(migration.id):
        if gate.gate == TARGET_LOST and gate.state == "open":
            waits.append({"kind": "target_lost", "by": gate.asked_by, "why": gate.asked_why})
        elif gate.state == "open" and migration.state == "forward":  # while it goes back nobody need decide there any more
            waits.append({"kind": "gate", "gate": gate.gate, "digest": gate.digest, "command": COMMANDS[gate.gate]})
    for task in decisions.tasks(migration.id, state="open"):
        waits.append({"kind": "task", "number": task.id, "title_zh": task.title_zh, "title_en": task.title_en})
    if not waits and current is not None and current.state == "waiting":
        waits.append({"kind": "step", "step": current.step})
    return waits


def _next(row: dict[str, Any]) -> list[str]:
    """What to type. Nothing while an engine is at work, or stands by, and waits for nobody."""
    system = row["system"]
    if row["state"] == "ended":
        if row["owed"]:
            return [f"orchestrator resume {system}"]
        if row["followed_by"]:
            return []
        again = f"orchestrator retire {system}" if row["strategy"] == "retire" else f"orchestrator migrate --system {system}"
        return [] if row["ending"] == Ending.ACCEPTED else [again]
    commands = []
    for wait in row["waits_for"]:
        if wait["kind"] == "gate":
            commands.append(f"orchestrator {wait['command']} {system} --digest {wait['digest'][:12]}")
        elif wait["kind"] == "task":
            commands.append(f"orchestrator task done {wait['number']} --evidence …")
        elif wait["kind"] == "target_lost":
            commands.append(f"orchestrator target-lost {system} --reason …")
    if not row["engine"]["alive"] and not row["standing_by"]:
        commands.append(f"orchestrator resume {system}")
    if row["ending"] == Ending.NEEDS_A_PERSON and row["state"] == "forward":
        commands.append(f"orchestrator rollback {system} --reason …")
    return commands


def describe_finding(found: Any) -> dict[str, Any]:
    """A kept finding, its words in the language of this process."""
    message, remedy = row_words(found, "message"), row_words(found, "remedy")
    told = {"step": found.step, "code": found.code, "severity": found.severity, "message": str(message), "place": found.place}
    return told | {"remedy": str(remedy), "parameters": parameters(message, remedy)}


def describe_owed(owed: Any) -> dict[str, Any]:
    """Owed clean-up, likewise."""
    return {"number": owed.id, "step": owed.step, "what": str(row_words(owed, "what")), "remedy": str(row_words(owed, "remedy"))}


def _error(error: Any) -> Any:
    """Why a step failed, likewise; what it was made from is left out."""
    if not isinstance(error, dict):
        return error
    said = error.get("said") or {}
    shown = {name: str(recalled(said.get(name), value)) for name, value in error.items() if isinstance(value, str)}
    return {name: shown.get(name, value) for name, value in error.items() if name != "said"}


def _said(flag: Any) -> str | None:
    return str(flag.value) if flag is not None else None
