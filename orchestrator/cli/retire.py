"""retire: end a system that is not migrated, in order."""

from __future__ import annotations

import click

from orchestrator.cli.migrate import driving
from orchestrator.cli.options import shows
from orchestrator.cli.settings import open_session


@click.command()
@click.argument("system")
@click.option("--wait", is_flag=True, help="Stay at gates, windows and human tasks instead of ending there.")
@click.option("--direct", is_flag=True, help="Without Prefect.")
@shows
def retire(system: str, *, wait: bool, direct: bool, log: str) -> int:
    """End SYSTEM, whose verdict is *retire*: its last state kept and proved, access ended, its users told, its room freed.

    Another account approves (`orchestrator approve`). Until final acceptance `rollback` or `cancel` starts everything again where it is;
    after it the disks are erased, with a certificate, and the room is free. Access ends after the planned end, in a window.
    """
    session = open_session()
    system = session.system(system).id
    with driving(session, wait=wait, direct=direct, log=log) as drive:
        return drive.all([session.start_retirement(system)], [system])
