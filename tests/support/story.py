"""Tells a journal what happened, through its own methods, at chosen times: for tests that read a journal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.journal import decisions as decisions_module
from orchestrator.journal import notes as notes_module
from orchestrator.journal import store as journal_module
from orchestrator.journal.actors import Actor, simulated
from orchestrator.journal.decisions import Decisions
from orchestrator.journal.states import Ending, MigrationState, StepState
from orchestrator.journal.store import Journal, Lease
from orchestrator.models import Plan

ENGINEER, OFFICE = Actor("os", "zhou"), Actor("os", "lin")
COURIER = simulated("courier")
STEPS = [
    ("preflight", "read_only"),
    ("record_baseline", "read_only"),
    ("provision", "reversible"),
    ("initial_acceptance", "read_only"),
    ("approve_cutover", "read_only"),
    ("window", "read_only"),
    ("cutover", "reversible"),
    ("compare", "read_only"),
    ("trial_run", "read_only"),
    ("compare_again", "read_only"),
    ("compare_unchanged", "read_only"),
    ("final_acceptance", "read_only"),
    ("end_way_back", "one_way"),
    ("register_catalogue", "read_only"),
]
GATES = ("initial_acceptance", "approve_cutover", "final_acceptance")


class Story:
    """A journal in a folder and a clock that only the story moves."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.at = dt.datetime(2017, 9, 4, 9, 0, tzinfo=dt.UTC)
        self.plan = plan
        with self.clock():
            self.journal = Journal(f"sqlite:///{folder / 'journal.sqlite'}")
            self.decisions = Decisions(self.journal)
            self.journal.save_plan(plan.digest, plan.model_dump_json(), actor=str(OFFICE))

    @contextmanager
    def clock(self) -> Iterator[None]:
        """Whatever is written inside is written at the story's time, a few seconds apart."""
        real = journal_module.now

        def told() -> str:
            self.at += dt.timedelta(seconds=7)
            return self.at.isoformat(timespec="milliseconds")

        journal_module.now = decisions_module.now = notes_module.now = told
        try:
            yield
        finally:
            journal_module.now = decisions_module.now = notes_module.now = real

    def begin(self, system: str, strategy: str = "cloud_deployment") -> Lease:
        """A migration starts and its lease is taken."""
        with self.clock():
            ident = self.journal.start_migration(
                system=system, strategy=strategy, runbook=strategy, plan_digest=self.plan.digest, requested_by=str(ENGINEER), steps=STEPS
            )
            return self.journal.acquire(ident, holder=f"{ENGINEER} machine:4711")

    def run(self, lease: Lease, upto: str, *, facts: dict[str, dict[str, object]] | None = None, waits: bool = False) -> None:
        """Steps run until ``upto`` is done (or waits); gates on the way are approved by the office."""
        runbook = self.journal.migration(lease.migration).runbook
        with self.clock():
            for step, _ in STEPS:
                row = self.journal.step(lease.migration, runbook, step)
                if row.state == StepState.DONE:
                    continue
                last = step == upto
                self.journal.set_step(lease, runbook, step, StepState.RUNNING)
                if step in GATES:
                    self.decisions.open_gate(lease, step, self.plan.digest)
                    if last and waits:
                        self.journal.set_step(lease, runbook, step, StepState.WAITING)
                        return
                    self.decisions.decide_gate(lease.migration, step, approve=True, actor=OFFICE, digest=self.plan.digest)
                if last and waits:
                    self.journal.set_step(lease, runbook, step, StepState.WAITING)
                    return
                self.journal.set_step(lease, runbook, step, StepState.DONE, facts=(facts or {}).get(step))
                if last:
                    return

    def measure(
        self,
        lease: Lease,
        gap: float | None,
        *,
        requests: int | None = 4000,
        failed: int | None = 0,
        direction: str = "forward",
        kind: str = "cutover",
        budget: float = 1000.0,
    ) -> None:
        """One measured interruption, with its live side set."""
        with self.clock():
            began = self.at.timestamp()
            self.decisions.measure(
                lease,
                kind=kind,
                direction=direction,
                started=began,
                ended=began + 2,
                longest_gap_ms=gap,
                requests=requests,
                failed_requests=failed,
                budget_ms=budget,
                budget_failed=0,
                in_window=True,
                breach=(gap or 0) > budget or (failed or 0) > 0,
                detail={"attempts": 1},
            )
            if kind == "cutover":
                self.journal.set_migration(lease, live="target" if direction == "forward" else "source")

    def end(self, lease: Lease, ending: Ending, why: str | None = None) -> None:
        """Closes a migration along its table of states."""
        with self.clock():
            if ending is Ending.ROLLED_BACK_AFTER:
                self.journal.set_migration(lease, state=MigrationState.GOING_BACK, why=why)
            if ending is not Ending.ACCEPTED:
                self.journal.set_migration(lease, state=MigrationState.UNDOING, why=why)
            self.journal.set_migration(lease, state=MigrationState.ENDED, ending=ending)
            self.journal.release(lease)

    def event(self, lease: Lease, kind: str, payload: dict[str, object]) -> None:
        """A fact of a migration on the chain."""
        with self.clock():
            system = self.journal.migration(lease.migration).system
            self.journal.append_event(kind, actor=lease.holder, system=system, migration=lease.migration, payload=payload)

    def go_to(self, at: dt.datetime) -> None:
        """The story goes on at this moment; never back in time."""
        self.at = max(self.at, at.astimezone(dt.UTC))

    def switch(
        self, system: str, gap: float, *, rows: int = 120_000, strategy: str = "cloud_deployment", requests: int = 4000, failed: int = 0
    ) -> Lease:
        """A migration from its start to its trial run."""
        lease = self.begin(system, strategy)
        self.run(lease, "cutover")
        self.measure(lease, gap, requests=requests, failed=failed)
        self.run(lease, "compare", facts={"compare": {"tables": 14, "rows": rows, "equal": True, "differences": []}})
        return lease

    def finish(self, lease: Lease, rows: int = 120_321) -> None:
        """The rest, to final acceptance."""
        self.run(lease, "compare_again", facts={"compare_again": {"tables": 14, "rows": rows, "equal": True, "differences": []}})
        self.run(lease, "register_catalogue")
        self.end(lease, Ending.ACCEPTED)
