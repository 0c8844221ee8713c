"""What `orchestrator deploy` makes in Prefect: a work pool for each zone, deployments, limits, the morning's schedule.

Everything is made again from settings and inventory whenever it is run: a Prefect server that lost its database needs this
and ``reconcile``, nothing else.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.engine.session import Session
from orchestrator.flows.limits import limit_names
from orchestrator.flows.zones import CITY, zones

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.client.orchestration import SyncPrefectClient



def deploy(session: Session, client: SyncPrefectClient, folder: Path) -> list[str]:
    """Makes or renews all of it. Returns the names of the deployments. ``folder``: where every controller keeps its configuration, and
    where its flow runs work."""
    from orchestrator.flows.all_flows import OF_THE_OFFICE, ON_A_SYSTEM, report

    names = []
    for zone in zones(session.settings):
        make_pool(client, zone)
        names += [deploy_one(flow, zone, folder, session) for flow in ON_A_SYSTEM]
    names += [deploy_one(flow, CITY, folder, session, every_morning=flow is report) for flow in OF_THE_OFFICE]
    for name, limit in limit_names(session).items():
        client.upsert_global_concurrency_limit_by_name(name, limit)
    return names


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
    from prefect.exceptions import PrefectException
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
        raise PrefectException(str(error)) from error
    return f"{flow.name}/{zone}"
