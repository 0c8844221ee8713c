"""Thin Prefect shells: one flow run a migration, one task run a step. State is the journal's; Prefect shows and limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from orchestrator.engine.runner import Outcome, Stopping, never
from orchestrator.engine.session import Say, Session
from orchestrator.errors import OrchestratorError, Waiting
from orchestrator.steps.base import Facts, Step
from orchestrator.tools import prefect_server as server


def run_in_flow(session: Session, migration: str, system: str, say: Say, stopping: Stopping = never) -> Outcome:
    """Runs the migration inside a flow run named after it. The server is started when it is needed and reused."""
    server.ensure(session.settings)

    from prefect import flow, task
    from prefect.cache_policies import NO_CACHE
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    raised: list[OrchestratorError] = []

    def invoke(step: Step, act: Callable[[], Facts]) -> Facts:
        """The step as a task run. A wait is no failure, so it leaves the task as a value."""

        done: list[Any] = []
        act_began: list[bool] = []

        def body() -> Any:
            act_began.append(True)
            try:
                done.append(act())
            except Waiting as waiting:
                done.append(waiting)
            return done[0]

        options = {"description": step.zh, "cache_policy": NO_CACHE, "persist_result": False, "retries": 0}
        try:
            task(name=step.id, task_run_name=f"{migration} {step.id}", **options)(body)()  # type: ignore[call-overload]  # options of several types in one mapping
        except OrchestratorError:
            raise
        except Exception:
            if not done and act_began:
                raise
            # Prefect itself failed, its server is away: the step's own outcome counts, or it is run without Prefect
            if not done:
                body()
        if isinstance(done[0], Waiting):
            raise done[0]
        return cast(Facts, dict(done[0] or {}))

    @flow(name="migrate-system", flow_run_name=migration, persist_result=False, retries=0, validate_parameters=False)
    def migrate_system(migration: str, system: str) -> Outcome | None:  # noqa: ARG001 - shown by Prefect
        try:
            return session.run(migration, say=say, invoke=invoke, stopping=stopping)
        except OrchestratorError as error:
            raised.append(error)
            raise

    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        try:
            outcome = migrate_system(migration, system)
        except OrchestratorError:
            raise raised[0] from None
    assert outcome is not None  # noqa: S101 - the flow returned or raised
    return outcome
