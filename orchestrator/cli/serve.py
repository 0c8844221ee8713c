"""serve: everything that an office needs on one machine, in one command. No logic: see ``orchestrator.flows``."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from orchestrator.cli.listing import safe
from orchestrator.cli.settings import open_session
from orchestrator.errors import Exit, OrchestratorError
from orchestrator.texts import text

if TYPE_CHECKING:
    from orchestrator.settings import Settings

EVERY_SECONDS = 5.0
"""How often Prefect is brought in step with the journal."""
AGAIN_SECONDS = 10.0
"""Before what ended by itself is started again."""


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
    from orchestrator.flows.keeping import keep

    workers = [Worker(pool, url, folder, settings.state.resolve() / "prefect" / f"worker-{pool}.log") for pool in pools]
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    for worker in workers:
        worker.start()
    click.echo(text("cli.prefect_pages", url=url.removesuffix("/api")) + f"\n\n  export PREFECT_API_URL={url}\n")
    children = [*workers, *([] if server.their_server(settings) else [OwnServer(settings, url, port)])]
    watcher = threading.Thread(target=watch, args=(children, stop), name="children", daemon=True)
    watcher.start()
    try:
        keep(session, folder, EVERY_SECONDS, stop, lambda line: click.echo(safe(f"{time.strftime('%H:%M:%S')}  {line}")))
    finally:
        stop.set()
        for worker in workers:
            worker.stop()
        server.stop(settings)
    return int(Exit.DONE)


class Child(Protocol):
    """Something that runs beside us and is started again when it ends by itself."""

    @property
    def name(self) -> str: ...

    def alive(self) -> bool: ...
    def start(self) -> None: ...


@dataclass
class OwnServer:
    """Our Prefect server, which comes back at the same port; an empty database is filled from the journal."""

    settings: Settings
    url: str
    port: int
    name: str = "Prefect's server"

    def alive(self) -> bool:
        from orchestrator.tools import prefect_server as server

        return server.answers(self.url) or server.answers(self.url)

    def start(self) -> None:
        from orchestrator.tools import prefect_server as server

        server.ensure(self.settings, pages=True, port=self.port)


def watch(children: Sequence[Child], stop: threading.Event) -> None:
    """What ends by itself is started again, after a while."""
    while not stop.wait(AGAIN_SECONDS):
        for child in children:
            if not child.alive() and not stop.is_set():
                click.echo(text("cli.child_ended", name=child.name))
                try:
                    child.start()
                except OrchestratorError as error:
                    click.echo(safe(str(error)))
