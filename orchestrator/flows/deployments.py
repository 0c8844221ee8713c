"""What `orchestrator deploy` makes in Prefect: a work pool for each zone, deployments, limits, the morning's schedule.

Everything is made again from settings and inventory whenever it is run: a Prefect server that lost its database needs this
and ``reconcile``, nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from orchestrator.engine.session import Session
from orchestrator.flows.limits import limit_names
from orchestrator.flows.zones import CITY, zones

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.client.orchestration import SyncPrefectClient

P = ParamSpec("P")
T = TypeVar("T")
BUSY_SECONDS = 120.0


def deploy(session: Session, client: SyncPrefectClient, folder: Path) -> list[str]:
    """Makes or renews all of it. Returns the names of the deployments. ``folder``: where every controller keeps its configuration, and
    where its flow runs work."""
    from orchestrator.flows.all_flows import OF_THE_OFFICE, ON_A_SYSTEM, report

    names = []
    for zone in zones(session.settings):
        until_taken(make_pool, client, zone)
        names += [until_taken(deploy_one, flow, zone, folder, session) for flow in ON_A_SYSTEM]
    names += [until_taken(deploy_one, flow, CITY, folder, session, every_morning=flow is report) for flow in OF_THE_OFFICE]
    for name, limit in limit_names(session).items():
        until_taken(client.upsert_global_concurrency_limit_by_name, name, limit)
    return names


def until_taken(act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """A server that has just been started, or is busy, answers 503: it is asked again for up to two minutes. All that is made here may be
    made twice."""
    from prefect.exceptions import PrefectHTTPStatusError

    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return act(*args, **kwargs)
        except PrefectHTTPStatusError as error:
            if error.response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR or time.monotonic() > until:
                raise
            time.sleep(1.0)


def make_pool(client: SyncPrefectClient, zone: str) -> None:
    """A pool of processes; one that stands already keeps what the office has set on it."""
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists
    from prefect.workers.process import ProcessWorker

    template = ProcessWorker.get_default_base_job_template()
    pool = WorkPoolCreate(name=zone, type="process", base_job_template=template, description=f"controllers that reach zone {zone}")
    try:
        client.create_work_pool(pool)
    except ObjectAlreadyExists:
        return


def deploy_one(flow: Flow[..., Any], zone: str, folder: Path, session: Session, *, every_morning: bool = False) -> str:
    """One deployment; its name."""
    from prefect.deployments.runner import DeploymentApplyError, RunnerDeployment
    from prefect.exceptions import PrefectException, PrefectHTTPStatusError
    from prefect.schedules import Cron
    from prefect.types.entrypoint import EntrypointType

    timezone = session.programme.timezone
    schedule = Cron(f"0 {session.settings.report_hour} * * *", timezone=timezone) if every_morning else None
    deployment = RunnerDeployment.from_flow(
        flow, name=zone, work_pool_name=zone, entrypoint_type=EntrypointType.MODULE_PATH, job_variables={"working_dir": str(folder)},
        description=flow.description, tags=["orchestrator"], schedule=schedule,
    )  # fmt: skip
    try:
        deployment.apply()
    except DeploymentApplyError as error:  # its own word for whatever the server or the way to it does
        if isinstance(error.__cause__, PrefectHTTPStatusError):
            raise error.__cause__ from error
        raise PrefectException(str(error)) from error
    return f"{flow.name}/{zone}"
