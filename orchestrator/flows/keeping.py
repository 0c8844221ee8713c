"""The loop that keeps Prefect in step with the journal, through servers that go away and come back empty."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from httpx import HTTPError
from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import ObjectNotFound, PrefectException

from orchestrator import texts
from orchestrator.engine.session import Session
from orchestrator.errors import OrchestratorError
from orchestrator.flows.apply import Reconciler
from orchestrator.flows.deployments import deploy
from orchestrator.flows.office import client
from orchestrator.flows.zones import CITY


def keep(session: Session, folder: Path, every: float, stop: threading.Event, say: Callable[[str], None]) -> None:
    """Until ``stop`` is set. Raises nothing that Prefect raises: that is said once, until it answers again. What is wrong on our side is
    said as what it is.

    Deployments are made or renewed first, and again when a server that answers does not know them: it has lost its database."""
    away = deployed = False
    with client() as prefect:
        reconciler = Reconciler(session, prefect, say)
        while not stop.is_set():
            try:
                if not deployed or not is_deployed(prefect):
                    deployed = False  # until all of them are: a server under load may take one and refuse the next
                    names = deploy(session, prefect, folder)
                    deployed = True
                    say(texts.text("flows.deployed") + "\n" + "\n".join(f"  prefect deployment run '{name}'" for name in names))
                reconciler.run()
                if away:
                    say(texts.text("flows.prefect_back"))
                away = False
            except (OSError, HTTPError, PrefectException) as error:
                if not away:
                    say(texts.text("flows.prefect_away", error=type(error).__name__))
                away = True
            except OrchestratorError as error:
                say(str(error))
            stop.wait(every)


def is_deployed(prefect: SyncPrefectClient) -> bool:
    """Whether the server knows the first of our deployments."""
    try:
        prefect.read_deployment_by_name(f"migrate-system/{CITY}")
    except ObjectNotFound:
        return False
    return True
