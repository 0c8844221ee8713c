"""Thin Prefect shells: one flow run a migration, one task run a step. State is the journal's; Prefect shows and limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from orchestrator.engine.runner import Outcome, Runner, Stopping, never
from orchestrator.engine.session import Say, Session
from orchestrator.errors import OrchestratorError, Waiting
from orchestrator.flows import server
from orchestrator.steps.base import Facts, Step


def run_in_flow(
    session: Session, migration: str, system: str, say: Say, before: Callable[[Runner], None] | None = None, stopping: Stopping = never
) -> Outcome:
    """Runs the migration inside a flow run named after it. The server is started when it is needed and reused."""
    server.ensure(session.settings)

    from prefect import flow, task
    from prefect.cache_policies import NO_CACHE
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    raised: list[OrchestratorError] = []

    def invoke(step: Step, act: Callable[[], Facts]) -> Facts:
        """The step as a task run. A wait is no failure, so it leaves the task as a value."""

        def body() -> Any:
            try:
                return act()
            except Waiting as waiting:
                return waiting

        shell = task(
            name=step.id,
            description=step.zh,
            cache_policy=NO_CACHE,
            persist_result=False,
            retries=0,
            task_run_name=f"{migration} {step.id}",
        )(body)
        result = shell()
        if isinstance(result, Waiting):
            raise result
        return dict(cast(Facts, result or {}))

    @flow(name="migrate-system", flow_run_name=migration, persist_result=False, retries=0, validate_parameters=False)
    def migrate_system(migration: str, system: str) -> Outcome | None:  # noqa: ARG001 - shown by Prefect
        try:
            return session.run(migration, say=say, invoke=invoke, before=before, stopping=stopping)
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
