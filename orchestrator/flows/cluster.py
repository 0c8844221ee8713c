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
from orchestrator.texts import Sentence, say

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

SKEW_SECONDS = 5.0
"""More than this between a controller's clock and the journal's is a finding: windows are told by the controller's clock."""
QUIET_WORKER_SECONDS = 120.0


def find_problems(session: Session, folder: Path) -> list[Finding]:
    """Everything that keeps controllers from working together. ``folder``: where this one keeps its configuration."""
    return [*journal_problems(session), *_of_the_state(session), *_of_prefect(session, folder)]


def journal_problems(session: Session) -> Iterator[Finding]:
    """What keeps several controllers from working with one journal, or would lose some of it."""
    url = session.settings.journal_url
    if url.startswith("sqlite"):
        yield _finding("cluster-journal", say("flows.journal_is_file"), say("flows.set_journal"))
        return
    from sqlalchemy.exc import SQLAlchemyError

    try:
        skew = abs(session.journal.clock() - time.time())
    except (SQLAlchemyError, OrchestratorError) as error:
        cause = str(getattr(error, "orig", None) or error).splitlines()[0][:200]
        yield _finding("cluster-journal", say("flows.journal_silent", cause=cause), say("flows.check_url"))
        return
    if skew > SKEW_SECONDS:
        yield _finding("cluster-clock", say("flows.clock_off", seconds=round(skew)), say("flows.keep_ntp"))
    if "@" in url and ":" in url.split("://", 1)[1].split("@", 1)[0]:
        yield _finding("cluster-secret", say("flows.password_in_url"), say("flows.use_pgpass"))
    yield from _of_its_standby(session)


def _of_its_standby(session: Session) -> Iterator[Finding]:
    """Where the journal's URL names several servers, what was acknowledged must outlive the loss of one."""
    from sqlalchemy import make_url, text

    query = make_url(session.settings.journal_url).query
    hosts = query.get("host", "")
    named = hosts if isinstance(hosts, tuple) else hosts.split(",")
    if len(named) < 2:
        return
    if query.get("target_session_attrs") not in ("read-write", "primary"):
        yield _finding("cluster-standby", say("flows.standby_may_be_asked"), say("flows.ask_for_writes"))
    with session.journal.snapshot() as connection:
        confirming = connection.scalar(text("SHOW synchronous_standby_names"))
        waits = connection.scalar(text("SHOW synchronous_commit"))
    if not confirming or waits in ("off", "local"):
        yield _finding("cluster-standby", say("flows.standby_confirms_nothing"), say("flows.confirm_by_standby"))


def _of_the_state(session: Session) -> Iterator[Finding]:
    state = session.settings.state
    if not state.exists():
        yield _finding("cluster-state", say("flows.state_not_there", folder=str(state)), say("flows.mount_or_begin"))
        return
    if not state.is_dir() or not os.access(state, os.W_OK):
        yield _finding("cluster-state", say("flows.state_unwritable", folder=str(state)), say("flows.mount_folder"))
        return
    for migration in session.journal.migrations():
        systems = state / "systems" / migration.system
        begun = any(step.step == "provision" and step.state == "done" for step in session.journal.steps(migration.id))
        if migration.state != "ended" and begun and not systems.is_dir():
            yield _finding("cluster-state", say("flows.state_lacks", system=migration.system), say("flows.same_state"))


def _of_prefect(session: Session, folder: Path) -> Iterator[Finding]:
    from httpx import HTTPError
    from prefect.exceptions import PrefectException

    from orchestrator.flows.office import client, server_url

    try:
        with client() as prefect:
            for zone in zones(session.settings):
                yield from _of_a_zone(prefect, zone, folder)
    except (HTTPError, PrefectException, OSError) as error:
        says = say("flows.prefect_silent", url=server_url(), error=type(error).__name__)
        yield _finding("cluster-prefect", says, say("flows.set_prefect_api"))


def _of_a_zone(prefect: SyncPrefectClient, zone: str, folder: Path) -> Iterator[Finding]:
    from prefect.exceptions import ObjectNotFound
    from prefect.types._datetime import now

    try:
        deployment = prefect.read_deployment_by_name(f"{COMMAND_FLOW}/{zone}")
    except ObjectNotFound:
        yield _finding("cluster-deployment", say("flows.no_deployments", zone=zone), say("flows.deploy"))
        return
    where = (deployment.job_variables or {}).get("working_dir")
    if where != str(folder.resolve()):
        says = say("flows.other_folder", zone=zone, there=str(where), here=str(folder.resolve()))
        yield _finding("cluster-folder", says, say("flows.same_folder"))
    workers = prefect.read_workers_for_work_pool(zone)
    heard = [worker.last_heartbeat_time for worker in workers if worker.last_heartbeat_time is not None]
    if not heard or (now("UTC") - max(heard)).total_seconds() > QUIET_WORKER_SECONDS:
        yield _finding("cluster-worker", say("flows.no_worker", zone=zone), say("flows.start_worker", zone=zone))


def _finding(code: str, says: Sentence, mend: Sentence) -> Finding:
    return Finding(code, "error", says, mend)
