"""What an engineer asks for, under the command line and under Prefect alike: which systems, migrate, resume, turn back.

Plain functions that know neither click nor Prefect, so that whoever asks is refused in the same words, stops at the same
gates and ends with the same exit code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator import texts
from orchestrator.errors import Exit, OrchestratorError, Refused, UsageError
from orchestrator.flows.drive import Drive
from orchestrator.flows.turning import as_asked, turn_back
from orchestrator.texts import row_words, say

if TYPE_CHECKING:
    from orchestrator.engine.observer import Observer
    from orchestrator.engine.session import Session


def choose_systems(session: Session, systems: tuple[str, ...] = (), wave: int | None = None, phase: str | None = None) -> list[str]:
    """Ids in the order in which they move, without those that were accepted. Raises UsageError unless exactly one way of
    choosing is named, Refused for a wave or phase while no plan is approved."""
    if sum(bool(x) for x in (systems, wave is not None, phase)) != 1:
        raise UsageError(say("flows.say_what"), remedy=say("flows.one_way"))
    if systems:
        return list(dict.fromkeys(session.system(system).id for system in systems))
    if session.approved is None:
        raise Refused(
            say("flows.no_plan_approved"), remedy=say("flows.have_plan_approved"),
        )
    entries = sorted(session.approved.entries, key=lambda e: (e.wave, e.order, e.system))
    chosen = [e.system for e in entries if (wave is not None and e.wave == wave) or (phase and e.phase == phase)]
    if not chosen:
        raise UsageError(say("flows.no_such_wave"), remedy=say("flows.plan_show_lists"))
    accepted = {m.system for m in session.journal.migrations() if m.ending == "accepted"}
    return [s for s in chosen if s not in accepted]


def resume_systems(drive: Drive, systems: tuple[str, ...] = ()) -> int:
    """Takes up what was interrupted or waits, of these systems or of all; tries again what ended migrations owe."""
    session = drive.session
    rows = session.journal.migrations()
    if systems:
        named = {system if any(m.system == system for m in rows) else session.system(system).id for system in systems}
        rows = [m for m in rows if m.system in named]
    code = clean_up_ended(session, rows, drive.observer)
    under_way = [m for m in rows if m.state != "ended"]
    if under_way:
        asked = {m.system for m in under_way if session.journal.flag(f"turn_back:{m.id}") is not None}
        drive.all([m.id for m in under_way], [m.system for m in under_way])
        codes = {m.system: drive.codes.get(m.system, Exit.BUG) for m in under_way}
        code = int(Exit.worst([as_asked(each) if system in asked else each for system, each in codes.items()])) or code
    elif code is None:
        drive.observer.said("", texts.text("say.nothing_to_resume"))
    return code or int(Exit.DONE)


def clean_up_ended(session: Session, migrations: list[Any], observer: Observer) -> int | None:
    """Tries again what those of the migrations that have ended owe. None: nothing was owed."""
    code = None
    for migration in [m for m in migrations if m.state == "ended" and session.notes.owed(m.id)]:
        try:
            left = session.clean_up(migration.id, observer=observer)
        except OrchestratorError as error:
            observer.said(migration.system, str(error))
            code = max(code or 0, int(error.exit_code))
            continue
        code = max(code or 0, int(Exit.NEEDS_A_PERSON if left else Exit.DONE))
        if not left:
            observer.said(migration.system, texts.text("say.cleaned"))
        for row in left:
            observer.said(migration.system, texts.text("say.owed_row", number=row.id, what=row_words(row, "what"), remedy=row_words(row, "remedy")))
    return code


def turn_system_back(drive: Drive, said: str, reason: str, *, cancelled: bool) -> int:
    """Rollback or cancel of the open migration of a system. Raises Refused when it has none, and a cancel after the switch."""
    system, row = find_under_way(drive.session, said)
    if cancelled and row is not None and row.live == "target":
        raise Refused(
            say("flows.switched_already", system=system), where=system, remedy=say("flows.back_or_stay", system=system),
        )
    if row is None:
        raise Refused(
            say("cli.no_open_migration", system=system), where=system, remedy=say("flows.no_way_back"),
        )
    return turn_back(drive, row.id, system, reason, cancelled=cancelled)


def find_under_way(session: Session, said: str) -> tuple[str, Any]:
    """The system's id and its open migration. An id that the journal knows is not looked up in the inventory: whoever wants to
    turn back does not wait for ten thousand rows to be read."""
    row = session.journal.open_migration(said)
    if row is not None:
        return said, row
    system = session.system(said).id
    return system, session.journal.open_migration(system)
