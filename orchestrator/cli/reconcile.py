"""reconcile: Prefect follows the journal. No logic: see ``orchestrator.flows.reconcile``."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.listing import safe
from orchestrator.cli.settings import open_session
from orchestrator.errors import Exit
from orchestrator.texts import text

if TYPE_CHECKING:
    from orchestrator.engine.session import Session


@click.command()
@click.option("--every", type=click.FloatRange(min=1), metavar="SECONDS", help="Again and again, until it is ended.")
def reconcile(every: float | None) -> int:
    """Bring Prefect up to date with the journal: what died is Crashed, what was decided goes on, what is missing is made again.

    Run it after Prefect's server lost its database, and by systemd with --every beside workers; `orchestrator serve` does it by itself.
    """
    from orchestrator.tools import prefect_server as server

    session = open_session()
    server.ensure(session.settings)
    if every is None:
        bring_up_to_date(session, Path.cwd())
        return int(Exit.DONE)
    keep_up_to_date(session, Path.cwd(), every, threading.Event())
    return int(Exit.DONE)


def bring_up_to_date(session: Session, folder: Path) -> None:
    """Once: deployments where they are missing, then every flow run."""
    from orchestrator.flows.apply import Reconciler
    from orchestrator.flows.deployments import deploy
    from orchestrator.flows.office import client, prefect_must_answer

    with prefect_must_answer(), client() as prefect:
        deploy(session, prefect, folder)
        done = Reconciler(session, prefect, lambda line: click.echo(safe(line))).run()
    click.echo(text("cli.flow_runs_changed", count=done))


def keep_up_to_date(session: Session, folder: Path, every: float, stop: threading.Event) -> None:
    """Until ``stop``; a server that is away is said once, and asked again."""
    from orchestrator.flows.keeping import keep

    keep(session, folder, every, stop, lambda line: click.echo(safe(line)))
