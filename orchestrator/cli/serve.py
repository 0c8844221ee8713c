"""serve: everything that an office needs on one machine, in one command. No logic: see ``orchestrator.flows``."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.listing import safe
from orchestrator.cli.settings import open_session
from orchestrator.errors import Exit

if TYPE_CHECKING:
    from orchestrator.tools.prefect_worker import Worker

EVERY_SECONDS = 5.0
"""How often Prefect is brought in step with the journal."""
AGAIN_SECONDS = 10.0
"""Before a worker that ended by itself is started again."""


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=4200, show_default=True, help="Of Prefect's pages, on loopback.")
def serve(port: int) -> int:
    """Prefect's server (or yours, by PREFECT_API_URL), deployments, a worker for each zone, schedules, and Prefect kept in step.

    Runs until it is ended. Then, elsewhere: `prefect deployment run 'migrate-system/city' -p system=…`, or Prefect's pages.
    Approvals stay on the command line, with accounts that we know.
    """
    from orchestrator.flows.zones import zones
    from orchestrator.tools import prefect_server as server
    from orchestrator.tools.prefect_worker import Worker

    session, folder = open_session(), Path.cwd()
    settings = session.settings
    pools = zones(settings)
    url = server.ensure(settings, pages=True, port=0 if server.their_server(settings) else port)
    from orchestrator.flows.deployments import deploy
    from orchestrator.flows.keeping import keep
    from orchestrator.flows.office import client

    with client() as prefect:
        names = deploy(session, prefect, folder)
    workers = [Worker(pool, url, folder, settings.state.resolve() / "prefect" / f"worker-{pool}.log") for pool in pools]
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    for worker in workers:
        worker.start()
    click.echo(f"Prefect's pages: {url.removesuffix('/api')}\n\n  export PREFECT_API_URL={url}")
    click.echo("".join(f"  prefect deployment run '{name}'\n" for name in names), nl=False)
    watcher = threading.Thread(target=watch, args=(workers, stop), name="workers", daemon=True)
    watcher.start()
    try:
        keep(session, folder, EVERY_SECONDS, stop, lambda line: click.echo(safe(f"{time.strftime('%H:%M:%S')}  {line}")))
    finally:
        stop.set()
        for worker in workers:
            worker.stop()
        server.stop(settings)
    return int(Exit.DONE)


def watch(workers: list[Worker], stop: threading.Event) -> None:
    """A worker that ends by itself is started again, after a while."""
    while not stop.wait(AGAIN_SECONDS):
        for worker in workers:
            if not worker.alive() and not stop.is_set():
                click.echo(f"the worker of pool {worker.pool} ended; it is started again (its log: {worker.log})")
                worker.start()
