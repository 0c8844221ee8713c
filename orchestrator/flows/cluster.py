"""What several controllers need of each other: one journal, one clock, one state folder, a worker for each zone. Looks only."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.engine.session import Session
from orchestrator.errors import Finding, OrchestratorError
from orchestrator.flows.migrate import COMMAND_FLOW
from orchestrator.flows.zones import zones

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

SKEW_SECONDS = 5.0
"""More than this between a controller's clock and the journal's is a finding: windows are told by the controller's clock."""
QUIET_WORKER_SECONDS = 120.0


def find_problems(session: Session, folder: Path) -> list[Finding]:
    """Everything that keeps controllers from working together. ``folder``: where this one keeps its configuration."""
    return [*_of_the_journal(session), *_of_the_state(session), *_of_prefect(session, folder)]


def _of_the_journal(session: Session) -> Iterator[Finding]:
    url = session.settings.journal_url
    if url.startswith("sqlite"):
        yield _finding("cluster-journal", "the journal is a file of this machine", 'set journal = "postgresql://…" on every controller')
        return
    from sqlalchemy.exc import SQLAlchemyError

    try:
        skew = abs(session.journal.clock() - time.time())
    except (SQLAlchemyError, OrchestratorError) as error:
        cause = str(getattr(error, "orig", None) or error).splitlines()[0][:200]
        yield _finding("cluster-journal", f"the journal does not answer: {cause}", "check the URL, the network and the server")
        return
    if skew > SKEW_SECONDS:
        yield _finding("cluster-clock", f"this machine's clock is {skew:.0f} s off the journal's", "keep all of them by NTP")
    if "@" in url and ":" in url.split("://", 1)[1].split("@", 1)[0]:
        yield _finding("cluster-secret", "the journal's URL holds a password", "keep it in ~/.pgpass (libpq) and take it out of the URL")


def _of_the_state(session: Session) -> Iterator[Finding]:
    state = session.settings.state
    if not state.is_dir() or not os.access(state, os.W_OK):
        yield _finding("cluster-state", f"the state folder {state} cannot be written", "mount the shared folder, or correct its owner")
        return
    for migration in session.journal.migrations():
        systems = state / "systems" / migration.system
        begun = any(step.step == "provision" and step.state == "done" for step in session.journal.steps(migration.id))
        if migration.state != "ended" and begun and not systems.is_dir():
            message = f"the state folder holds nothing of {migration.system}, whose servers another controller has made"
            yield _finding("cluster-state", message, "all controllers need the same `state` folder: it holds Terraform's states")


def _of_prefect(session: Session, folder: Path) -> Iterator[Finding]:
    from httpx import HTTPError
    from prefect.exceptions import PrefectException

    from orchestrator.flows.office import client, server_url

    try:
        with client() as prefect:
            for zone in zones(session.settings):
                yield from _of_a_zone(prefect, zone, folder)
    except (HTTPError, PrefectException, OSError) as error:
        message = f"Prefect's server at {server_url()} does not answer: {type(error).__name__}"
        yield _finding("cluster-prefect", message, "set prefect_api to the server that all controllers share")


def _of_a_zone(prefect: SyncPrefectClient, zone: str, folder: Path) -> Iterator[Finding]:
    from prefect.exceptions import ObjectNotFound
    from prefect.types._datetime import now

    try:
        deployment = prefect.read_deployment_by_name(f"{COMMAND_FLOW}/{zone}")
    except ObjectNotFound:
        yield _finding("cluster-deployment", f"zone {zone} has no deployments", "`orchestrator deploy`")
        return
    where = (deployment.job_variables or {}).get("working_dir")
    if where != str(folder.resolve()):
        message = f"flow runs of zone {zone} look for their settings in {where}, and this controller's are in {folder.resolve()}"
        yield _finding("cluster-folder", message, "keep orchestrator.toml in the same folder everywhere, then `orchestrator deploy`")
    workers = prefect.read_workers_for_work_pool(zone)
    heard = [worker.last_heartbeat_time for worker in workers if worker.last_heartbeat_time is not None]
    if not heard or (now("UTC") - max(heard)).total_seconds() > QUIET_WORKER_SECONDS:
        yield _finding("cluster-worker", f"no worker of zone {zone} lives", f"`prefect worker start --pool {zone}` on one of its controllers")


def _finding(code: str, message: str, remedy: str) -> Finding:
    return Finding(code, "error", message, remedy)
