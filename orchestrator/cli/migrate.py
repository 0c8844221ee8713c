"""migrate, resume, rollback, cancel: the only commands that run flows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.cli.settings import open_session
from orchestrator.errors import Exit, Refused, UsageError

if TYPE_CHECKING:
    from orchestrator.engine.session import Session


@click.command()
@click.option("--system", "systems", multiple=True, metavar="ID", help="One system; may be repeated.")
@click.option("--wave", type=int, help="All systems of a wave of the plan.")
@click.option("--phase", metavar="ID", help="All systems of a phase.")
@click.option(
    "--wait", is_flag=True, help="Stay at gates, windows and human tasks until they are decided, instead of ending with exit code 6."
)
@click.option("--direct", is_flag=True, help="Without Prefect: the same steps in this process (for going on when its server is away).")
def migrate(systems: tuple[str, ...], wave: int | None, phase: str | None, *, wait: bool, direct: bool) -> int:
    """Move systems: a system, or a wave or phase of the plan approved for the programme (`orchestrator plan approve`).

    One Prefect flow run a system, steps as tasks. What a system depends on goes first. Stops at gates (exit code 6): another
    person runs `orchestrator approve` or `accept`, then `orchestrator resume`.
    """
    session = open_session()
    chosen = _choose(session, systems, wave, phase)
    from orchestrator.flows.drive import drive

    return drive(session, chosen, chosen, wait=wait, direct=direct)


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
def resume(systems: tuple[str, ...], *, wait: bool, direct: bool) -> int:
    """Take up what was interrupted, failed to undo, or waits: the given systems, or all.

    Proves that former processes are dead, looks at the world, then goes on or back.
    """
    session = open_session()
    from orchestrator.flows.drive import drive

    rows = [m for m in session.journal.migrations() if m.state != "ended"]
    if systems:
        ids = {system if any(m.system == system for m in rows) else session.system(system).id for system in systems}
        rows = [m for m in rows if m.system in ids]
    if not rows:
        click.echo("nothing to resume")
        return int(Exit.DONE)
    return drive(session, [m.id for m in rows], [m.system for m in rows], wait=wait, direct=direct)


@click.command()
@click.argument("system")
@click.option("--reason", required=True, help="Goes on the audit trail.")
@click.option("--direct", is_flag=True, help="Without Prefect.")
def rollback(system: str, reason: str, *, direct: bool) -> int:
    """Take SYSTEM back to its source, before or after the switch, with every committed write kept. Refused after final acceptance."""
    return _turn_back(system, reason, direct=direct, cancelled=False)


@click.command()
@click.argument("system")
@click.option("--reason", default="", help="Goes on the audit trail.")
@click.option("--direct", is_flag=True, help="Without Prefect.")
def cancel(system: str, reason: str, *, direct: bool) -> int:
    """Give the migration of SYSTEM up before the switch and undo what was done. After the switch it refuses and asks: go back, or stay."""
    session = open_session()
    system = session.system(system).id
    row = session.journal.open_migration(system)
    if row is not None and row.live == "target":
        raise Refused(
            f"{system} has been switched to the cloud already",
            where=system,
            remedy=f"go back: `orchestrator rollback {system} --reason …`; or stay: do nothing",
        )
    return _turn_back(system, reason or "cancelled by its operator", direct=direct, cancelled=True)


def _turn_back(system: str, reason: str, *, direct: bool, cancelled: bool) -> int:
    session = open_session()
    system = session.system(system).id
    row = session.journal.open_migration(system)
    if row is None:
        raise Refused(
            f"{system} has no open migration",
            where=system,
            remedy="`orchestrator status` shows how the last one ended; an accepted one has no way back",
        )
    from orchestrator.flows.drive import turn_back

    return turn_back(session, row.id, system, reason, cancelled=cancelled, direct=direct)
