"""Flow runs as Prefect has them: found by their tags, made, woken, ended. The only module that speaks of flow runs to its API."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from orchestrator.flows.endings import known_key
from orchestrator.flows.migrate import COMMAND_FLOW

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun, State

PAGE = 200
"""Flow runs that one request of Prefect's API returns at most."""
LOST = "Lost"
"""The name of a crash that we say, and no worker."""
TERMINAL = ("COMPLETED", "FAILED", "CANCELLED", "CRASHED")


@dataclass(frozen=True)
class Run:
    """What ``reconcile`` must know of a flow run. ``since``: seconds that it has been in its state."""

    id: UUID
    name: str
    system: str
    migration: str
    parent: str
    state: str
    """Prefect's type: RUNNING, PAUSED, CRASHED …"""
    deployed: bool
    """Whether a worker can start it again."""
    key: str | None
    """Of a run that we suspended: what the journal said then."""
    since: float
    starts: int
    together: tuple[str, ...] = ()
    turns_back: bool = False
    """Whether it was started to go back (``rollback-system``)."""
    lost: bool = False
    """Crashed, and said so by us: neither its engine nor its worker was heard of for a while."""
    age: float = 0.0
    """Seconds since it was made."""

    @property
    def over(self) -> bool:
        return self.state in TERMINAL


def read_runs(client: SyncPrefectClient) -> list[Run]:
    """Every run of a system or of several systems, newest first."""
    from prefect.client.schemas.filters import FlowFilter, FlowFilterName
    from prefect.client.schemas.sorting import FlowRunSort

    flows = FlowFilter(name=FlowFilterName(any_=[COMMAND_FLOW, "rollback-system", "migrate-wave", "migrate-phase"]))
    found: list[Run] = []
    while True:
        some = client.read_flow_runs(flow_filter=flows, sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=PAGE, offset=len(found))
        found += [describe_run(run) for run in some]
        if len(some) < PAGE:
            return found


def describe_run(run: FlowRun) -> Run:
    """A flow run of Prefect's API as the value that we decide upon."""
    from prefect.types._datetime import now

    tags = dict(tag.split(":", 1) for tag in run.tags if ":" in tag)
    state = run.state
    details = state.state_details if state is not None else None
    parameters = run.parameters or {}
    together = parameters.get("together") or ()
    return Run(
        id=run.id,
        name=run.name,
        system=tags.get("system") or str(parameters.get("system") or ""),
        migration=tags.get("migration", ""),
        parent=tags.get("parent", ""),
        state=str(state.type.value) if state is not None else "PENDING",
        deployed=run.deployment_id is not None,
        key=known_key(details.pause_key) if details is not None else None,
        since=(now("UTC") - state.timestamp).total_seconds() if state is not None else 0.0,
        starts=run.run_count or 0,
        turns_back="reason" in parameters,  # only that flow has one
        lost=state is not None and state.name == LOST,
        age=(now("UTC") - run.created).total_seconds() if run.created is not None else 0.0,
        together=tuple(str(system) for system in together if isinstance(system, str)),
    )


def open_run(client: SyncPrefectClient, system: str) -> UUID | None:
    """The newest deployed run of a system that is not over, or that crashed."""
    for run in read_runs(client):
        if run.system == system and run.deployed and not run.turns_back and (not run.over or run.state == "CRASHED"):
            return run.id
    return None


def create_run(
    client: SyncPrefectClient, zone: str, system: str, together: Sequence[str], *, tags: Iterable[str], once: str | None = None,
    state: State[Any] | None = None, name: str | None = None,
) -> UUID:  # fmt: skip
    """A run of ``migrate-system`` in a zone. ``once``: the same word makes the same run, however often it is asked for."""
    deployment = client.read_deployment_by_name(f"{COMMAND_FLOW}/{zone}")
    parameters = {"system": system, "together": list(together)}
    run = client.create_flow_run_from_deployment(
        deployment.id, parameters=parameters, name=name, tags=list(tags), idempotency_key=once, state=state
    )
    return run.id


def wake_run(client: SyncPrefectClient, run: UUID) -> bool:
    """A worker starts it again, from its first line. False: it is not suspended (any more)."""
    from prefect.states import Scheduled

    known = client.read_flow_run(run)
    kind = known.state.type.value if known.state is not None else ""
    if kind == "PAUSED":
        return str(client.resume_flow_run(run).status) == "SetStateStatus.ACCEPT"
    if kind == "CRASHED":
        client.set_flow_run_state(run, Scheduled(name="Resuming", message="it goes on where the journal has it"), force=True)
        return True
    return False


def set_state(client: SyncPrefectClient, run: UUID, state: State[Any]) -> None:
    """Prefect is told what is so; its own rules about which state follows which do not apply."""
    client.set_flow_run_state(run, state, force=True)
