"""migrate, resume, rollback, cancel: the only commands that run flows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from orchestrator import texts
from orchestrator.cli.options import shows, speaks
from orchestrator.cli.settings import open_session
from orchestrator.errors import Exit, OrchestratorError, Refused, UsageError

if TYPE_CHECKING:
    from orchestrator.engine.session import Session


@click.command()
@click.option("--system", "systems", multiple=True, metavar="ID", help="One system; may be repeated.")
@click.option("--wave", type=int, help="All systems of a wave of the plan.")
@click.option("--phase", metavar="ID", help="All systems of a phase.")
@click.option(
    "--wait", is_flag=True, help="Stay at gates, windows and human tasks until they are decided, instead of ending with exit code 6."
)
@click.option("--direct", is_flag=True, help="Without Prefect, which then shows nothing of it.")
@shows
@speaks
def migrate(systems: tuple[str, ...], wave: int | None, phase: str | None, *, wait: bool, direct: bool, log: str) -> int:
    """Move systems: a system, or a wave or phase of the plan approved for the programme (`orchestrator plan approve`).

    One Prefect flow run a system, steps as tasks. What a system depends on goes first. Stops at gates (exit code 6): another
    person runs `orchestrator approve` or `accept`, then `orchestrator resume`.
    """
    session = open_session()
    chosen = _choose(session, systems, wave, phase)
    return _drive(session, chosen, chosen, wait=wait, direct=direct, log=log)


def _drive(session: Session, migrations: list[str], systems: list[str], *, wait: bool, direct: bool, log: str) -> int:
    from orchestrator.cli.console import observer
    from orchestrator.flows.drive import Drive

    with observer(log) as shown:
        return Drive(session, shown, wait=wait, direct=direct).all(migrations, systems)


def _choose(session: Session, systems: tuple[str, ...], wave: int | None, phase: str | None) -> list[str]:
    if sum(bool(x) for x in (systems, wave is not None, phase)) != 1:
        raise UsageError("say what to migrate", remedy="one of --system ID, --wave N, --phase P")
    if systems:
        return list(dict.fromkeys(session.system(system).id for system in systems))
    if session.approved is None:
        raise Refused(
            "no plan is approved for the programme, and a wave or phase is one of a plan",
            remedy="`orchestrator plan`, then another account: `orchestrator plan approve DIGEST`; or name systems with --system",
        )
    entries = sorted(session.approved.entries, key=lambda e: (e.wave, e.order, e.system))
    chosen = [e.system for e in entries if (wave is not None and e.wave == wave) or (phase and e.phase == phase)]
    if not chosen:
        raise UsageError("the plan has no such wave or phase", remedy="`orchestrator plan show` lists them")
    accepted = {m.system for m in session.journal.migrations() if m.ending == "accepted"}
    return [s for s in chosen if s not in accepted]


@click.command()
@click.argument("systems", nargs=-1, metavar="[SYSTEM]...")
@click.option("--wait", is_flag=True, help="Stay at gates until they are decided.")
@click.option("--direct", is_flag=True, help="Without Prefect.")
@shows
@speaks
def resume(systems: tuple[str, ...], *, wait: bool, direct: bool, log: str) -> int:
    """Take up what was interrupted, failed to undo, or waits: the given systems, or all.

    Proves that former processes are dead, looks at the world, then goes on or back. Of a migration that has ended, what it
    still owes on its target is tried again.
    """
    session = open_session()
    rows = session.journal.migrations()
    if systems:
        named = {system if any(m.system == system for m in rows) else session.system(system).id for system in systems}
        rows = [m for m in rows if m.system in named]
    code = _clean_up(session, [m for m in rows if m.state == "ended" and session.notes.owed(m.id)], log=log)
    under_way = [m for m in rows if m.state != "ended"]
    if under_way:
        ids = [m.id for m in under_way]
        code = _drive(session, ids, [m.system for m in under_way], wait=wait, direct=direct, log=log) or code
    elif code is None:
        click.echo(texts.text("say.nothing_to_resume"))
    return code or int(Exit.DONE)


def _clean_up(session: Session, owing: list[Any], *, log: str) -> int | None:
    """Tries again what ended migrations owe. None: nothing was owed."""
    from orchestrator.cli.console import observer

    code = None
    with observer(log) as shown:
        for migration in owing:
            try:
                left = session.clean_up(migration.id, observer=shown)
            except OrchestratorError as error:
                shown.said(migration.system, str(error))
                code = max(code or 0, int(error.exit_code))
                continue
            code = max(code or 0, int(Exit.NEEDS_A_PERSON if left else Exit.DONE))
            if not left:
                shown.said(migration.system, texts.text("say.cleaned"))
            for row in left:
                shown.said(migration.system, texts.text("say.owed_row", number=row.id, what=row.what, remedy=row.remedy))
    return code


@click.command()
@click.argument("system")
@click.option("--reason", required=True, help="Goes on the audit trail.")
@click.option("--direct", is_flag=True, help="Without Prefect.")
@shows
@speaks
def rollback(system: str, reason: str, *, direct: bool, log: str) -> int:
    """Take SYSTEM back to its source, before or after the switch, with every committed write kept. Refused after final acceptance.

    Reaches an engine that works on it elsewhere on this journal: a step that runs is left within seconds, a switch is decided
    first. Exit code 6: it was told and has not turned round yet.
    """
    session = open_session()
    system, row = _under_way(session, system)
    return _turn_back(session, system, row, reason, direct=direct, cancelled=False, log=log)


@click.command()
@click.argument("system")
@click.option("--reason", default="", help="Goes on the audit trail.")
@click.option("--direct", is_flag=True, help="Without Prefect.")
@shows
@speaks
def cancel(system: str, reason: str, *, direct: bool, log: str) -> int:
    """Give the migration of SYSTEM up before the switch and undo what was done. After the switch it refuses and asks: go back, or stay.

    Reaches a running step as `rollback` does.
    """
    session = open_session()
    system, row = _under_way(session, system)
    if row is not None and row.live == "target":
        raise Refused(
            f"{system} has been switched to the cloud already",
            where=system,
            remedy=f"go back: `orchestrator rollback {system} --reason …`; or stay: `orchestrator stay {system} --reason …`",
        )
    return _turn_back(session, system, row, reason or "cancelled by its operator", direct=direct, cancelled=True, log=log)


def _under_way(session: Session, said: str) -> tuple[str, Any]:
    """The system's id and its open migration. An id that the journal knows is not looked up in the inventory: whoever wants to
    turn back does not wait for ten thousand rows to be read."""
    row = session.journal.open_migration(said)
    if row is not None:
        return said, row
    system = session.system(said).id
    return system, session.journal.open_migration(system)


def _turn_back(session: Session, system: str, row: Any, reason: str, *, direct: bool, cancelled: bool, log: str) -> int:
    if row is None:
        raise Refused(
            f"{system} has no open migration",
            where=system,
            remedy="`orchestrator status` shows how the last one ended; an accepted one has no way back",
        )
    from orchestrator.cli.console import observer
    from orchestrator.flows.drive import Drive
    from orchestrator.flows.turning import turn_back

    with observer(log) as shown:
        return turn_back(Drive(session, shown, wait=False, direct=direct), row.id, system, reason, cancelled=cancelled)
