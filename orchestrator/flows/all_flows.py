"""Every flow that engineers trigger, in Prefect's pages or by `prefect deployment run` (docs/flows.md).

Parameters are ids and words, checked by Prefect before a run begins; a flow's body is one call of a plain function in
``flows.bodies``. Importing this module imports Prefect: only workers and ``deploy`` do.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field, StringConstraints

from orchestrator.flows import bodies
from orchestrator.models import SystemId

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=400)]
PhaseId = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Wave = Annotated[int, Field(ge=0, le=10_000)]
OPTIONS: dict[str, Any] = {"persist_result": False, "retries": 0, "log_prints": False}
"""Our journal keeps results, and a retry is ours to decide: Prefect repeats nothing by itself."""


@flow(name="assess-department", flow_run_name="assess {department}", **OPTIONS)
def assess_department(department: SystemId) -> State[Any]:
    """Reads a department's forms and chooses how each of its systems moves, with reasons. Touches nothing."""
    return bodies.in_flow(lambda office: bodies.assess_department(office, department))


@flow(name="plan-programme", **OPTIONS)
def plan_programme(effort: Annotated[int, Field(ge=0, le=100_000)] = 0) -> State[Any]:
    """Makes today's plan and keeps it under its digest; another account approves it on the command line."""
    return bodies.in_flow(lambda office: bodies.plan_programme(office, effort))


@flow(name="dry-run", **OPTIONS)
def dry_run(
    systems: list[SystemId] | None = None, wave: Wave | None = None, phase: PhaseId | None = None, connect: bool = False,
) -> State[Any]:  # fmt: skip
    """Everything that can be done without touching anything: of named systems, a wave, a phase, or the whole plan."""
    return bodies.in_flow(lambda office: bodies.dry_run(office, tuple(systems or ()), wave, phase, connect=connect))


@flow(name="migrate-system", flow_run_name="migrate {system}", **OPTIONS)
def migrate_system(system: SystemId, together: list[SystemId] | None = None) -> State[Any]:
    """Moves one system as far as it goes; suspended while it waits for a person, a window or a system of ``together``."""
    return bodies.in_flow(lambda office: bodies.migrate_system(office, system, tuple(together or ())))


@flow(name="migrate-wave", flow_run_name="migrate wave {wave}", **OPTIONS)
def migrate_wave(wave: Wave) -> State[Any]:
    """Starts a flow run for every system of a wave of the approved plan and shows how far the wave is."""
    return bodies.in_flow(lambda office: bodies.migrate_many(office, wave=wave))


@flow(name="migrate-phase", flow_run_name="migrate phase {phase}", **OPTIONS)
def migrate_phase(phase: PhaseId) -> State[Any]:
    """The same for every system of a phase: to its target, 80 % or 100 %, as the approved plan has it."""
    return bodies.in_flow(lambda office: bodies.migrate_many(office, phase=phase))


@flow(name="rollback-system", flow_run_name="roll back {system}", **OPTIONS)
def rollback_system(system: SystemId, reason: Reason) -> State[Any]:
    """Takes a system back to its source, before or after the switch, with every committed write kept."""
    return bodies.in_flow(lambda office: bodies.rollback_system(office, system, reason))


@flow(name="resume", **OPTIONS)
def resume(systems: list[SystemId] | None = None) -> State[Any]:
    """Takes up what was interrupted or waits, of these systems or of all; tries owed clean-up again."""
    return bodies.in_flow(lambda office: bodies.resume(office, tuple(systems or ())))


@flow(name="report", **OPTIONS)
def report(lang: Literal["zh", "en"] = "zh") -> State[Any]:
    """Writes the progress report and shows its figures."""
    return bodies.in_flow(lambda office: bodies.report(office, lang))


ON_A_SYSTEM = (migrate_system, rollback_system)
"""Run where the system's hosts can be reached: a deployment for each zone."""
OF_THE_OFFICE = (assess_department, plan_programme, dry_run, migrate_wave, migrate_phase, resume, report)
