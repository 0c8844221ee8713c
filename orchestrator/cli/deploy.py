"""deploy: work pools, deployments, limits and schedules in Prefect. No logic: see ``orchestrator.flows.deployments``."""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.cli.settings import open_session
from orchestrator.errors import Exit
from orchestrator.texts import text


@click.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False, resolve_path=True),
    default=Path(),
    help="Where every controller keeps its orchestrator.toml (default: here).",
)
def deploy(folder: Path) -> int:
    """Make or renew in Prefect what engineers trigger: a work pool for each zone, deployments, limits, the morning's report.

    Then, on each controller, in that folder: `prefect worker start --pool ZONE`. On one machine `orchestrator serve` does all of it.
    """
    from orchestrator.tools import prefect_server as server

    session = open_session()
    url = server.ensure(session.settings)
    from orchestrator.flows.deployments import deploy as make
    from orchestrator.flows.office import client, prefect_must_answer

    with prefect_must_answer(), client() as prefect:
        names = make(session, prefect, folder)
    for name in names:
        click.echo(f"  {name}")
    click.echo(text("cli.deployed_to", url=url))
    return int(Exit.DONE)
