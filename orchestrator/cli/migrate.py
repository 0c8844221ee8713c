"""migrate, resume, rollback, cancel: the only commands that run flows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from orchestrator.cli.options import shows
from orchestrator.cli.settings import open_session

if TYPE_CHECKING:
    from orchestrator.engine.session import Session
    from orchestrator.flows.drive import Drive


@click.command()
@click.option("--system", "systems", multiple=True, metavar="ID", help="One system; may be repeated.")
@click.option("--wave", type=int, help="All systems of a wave of the plan.")
@click.option("--phase", metavar="ID", help="All systems of a phase.")
@click.option(
    "--wait", is_flag=True, help="Stay at gates, windows and human tasks until they are decided, instead of ending with exit code 6."
)
@click.option("--direct", is_flag=True, help="Without Prefect, which then shows nothing of it.")
@shows
def migrate(systems: tuple[str, ...], wave: int | None, phase: str | None, *, wait: bool, direct: bool, log: str) -> int:
    """Move systems: a system, or a wave or phase of the plan approved for the programme (`orchestrator plan approve`).

    One Prefect flow run a system, steps as tasks. What a system depends on goes first. Stops at gates (exit code 6): another
    person runs `orchestrator approve` or `accept`, then `orchestrator resume`.
    """
    from orchestrator.flows.acts import choose_systems

    session = open_session()
    chosen = choose_systems(session, systems, wave, phase)
    with driving(session, wait=wait, direct=direct, log=log) as drive:
        return drive.all(chosen, chosen)


@contextmanager
def driving(session: Session, *, wait: bool, direct: bool, log: str) -> Iterator[Drive]:
    """Whoever runs migrations for this command, and tells its terminal."""
    from orchestrator.cli.console import observer
    from orchestrator.flows.drive import Drive

    with observer(log) as shown:
        yield Drive(session, shown, wait=wait, direct=direct)


@click.command()
@click.argument("systems", nargs=-1, metavar="[SYSTEM]...")
@click.option("--wait", is_flag=True, help="Stay at gates until they are decided.")
@click.option("--direct", is_flag=True, help="Without Prefect.")
@shows
def resume(systems: tuple[str, ...], *, wait: bool, direct: bool, log: str) -> int:
    """Take up what was interrupted, failed to undo, or waits: the given systems, or all.

    Proves that former processes are dead, looks at the world, then goes on or back. Of a migration that has ended, what it
    still owes on its target is tried again.
    """
    from orchestrator.flows.acts import resume_systems

    with driving(open_session(), wait=wait, direct=direct, log=log) as drive:
        return resume_systems(drive, systems)


@click.command()
@click.argument("system")
@click.option("--reason", required=True, help="Goes on the audit trail.")
@click.option("--direct", is_flag=True, help="Without Prefect.")
@shows
def rollback(system: str, reason: str, *, direct: bool, log: str) -> int:
    """Take SYSTEM back to its source, before or after the switch, with every committed write kept. Refused after final acceptance.

    Reaches an engine that works on it elsewhere on this journal: a step that runs is left within seconds, a switch is decided
    first. Exit code 6: it was told and has not turned round yet.
    """
    from orchestrator.flows.acts import turn_system_back

    with driving(open_session(), wait=False, direct=direct, log=log) as drive:
        return turn_system_back(drive, system, reason, cancelled=False)


@click.command()
@click.argument("system")
@click.option("--reason", default="", help="Goes on the audit trail.")
@click.option("--direct", is_flag=True, help="Without Prefect.")
@shows
def cancel(system: str, reason: str, *, direct: bool, log: str) -> int:
    """Give the migration of SYSTEM up before the switch and undo what was done. After the switch it refuses and asks: go back, or stay.

    Reaches a running step as `rollback` does.
    """
    from orchestrator.flows.acts import turn_system_back

    with driving(open_session(), wait=False, direct=direct, log=log) as drive:
        return turn_system_back(drive, system, reason or "cancelled by its operator", cancelled=True)
