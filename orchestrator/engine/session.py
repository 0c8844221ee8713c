"""From files to a running migration: inventory, verdicts, plan, journal, context, runner."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import socket
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from orchestrator.errors import Exit, Finding, Refused, StaleLease
from orchestrator.inventory.find import find_system
from orchestrator.inventory.load import Reading, inventory_digest, load, load_sites
from orchestrator.journal.actors import Actor, current_actor
from orchestrator.journal.decisions import Decisions
from orchestrator.journal.notes import Notes
from orchestrator.journal.states import Ending, MigrationState
from orchestrator.journal.store import LEASE_SECONDS, Journal, Lease
from orchestrator.models import Host, Inventory, Plan, Sites, Strategy, System, Verdict
from orchestrator.movers.registry import movable_databases
from orchestrator.planning.approval import changes_since
from orchestrator.planning.calendar import Opening, approved_opening
from orchestrator.planning.plan import make_plan
from orchestrator.planning.programme import Programme, assessed_on, load_programme, with_baseline, with_target
from orchestrator.policy import assess, load_policy, policy_digest
from orchestrator.policy.assess import STRATEGY_EN, typed_in
from orchestrator.policy.counting import baseline
from orchestrator.policy.records import JournalAudit, overrides, with_overrides
from orchestrator.settings import Settings

if TYPE_CHECKING:  # whoever only looks or decides does not pay for the steps and their tools
    from orchestrator.engine.observer import Observer
    from orchestrator.engine.runner import Invoke, Outcome, Runner, Stopping
    from orchestrator.steps.base import Context
    from orchestrator.steps.world import World

ENDING_EXIT = {
    Ending.ACCEPTED: Exit.DONE,
    Ending.CANCELLED: Exit.DONE,
    Ending.ROLLED_BACK_BEFORE: Exit.ROLLED_BACK,
    Ending.ROLLED_BACK_AFTER: Exit.ROLLED_BACK,
    Ending.NEEDS_A_PERSON: Exit.NEEDS_A_PERSON,
}


@dataclass
class Session:
    """One configuration in one process. Everything is loaded when it is first asked for."""

    settings: Settings
    actor: Actor

    @classmethod
    def open(cls, settings: Settings | None = None, actor: Actor | None = None) -> Session:
        """With the account's identity, unless the embedded city simulates one."""
        return cls(settings or Settings(), actor or current_actor())

    # ------------------------------------------------------------ what is known

    @cached_property
    def inventory(self) -> Inventory:
        """Raises Refused with every finding when the inventory has errors."""
        if not self.settings.inventory.is_dir():
            raise Refused(
                f"there is no inventory folder {self.settings.inventory}",
                remedy="set `inventory` in orchestrator.toml, or try the demo city: `orchestrator embedded up`",
            )
        reading = self._reading
        errors = [f for f in reading.findings if f.severity == "error"]
        if errors:
            raise Refused(f"the inventory has {len(errors)} errors", findings=errors, where=str(self.settings.inventory))
        return reading.inventory

    @cached_property
    def _reading(self) -> Reading:
        return load([self.settings.inventory])

    @cached_property
    def sites(self) -> Sites:
        return load_sites(self.settings.inventory / "sites.yaml")

    @cached_property
    def verdicts(self) -> dict[str, Verdict]:
        """What policy says, with people's overrides laid over it."""
        said = assess(
            self.inventory, self.policy, self._reading.places,
            today=assessed_on(self.programme, dt.datetime.now(dt.UTC)), typed=typed_in(self._reading),
        )  # fmt: skip
        decided = overrides(JournalAudit(self.journal)) if self._has_journal else {}
        return with_overrides(said, decided, ZoneInfo(self.programme.timezone)) if decided else said

    @property
    def _has_journal(self) -> bool:
        """Where there is none yet, nobody decided anything, and looking makes none."""
        file = self.settings.journal_url.removeprefix("sqlite:///")
        return file == self.settings.journal_url or Path(file).exists()

    @cached_property
    def policy(self):  # type: ignore[no-untyped-def]  # the policy's own type stays the policy's
        file = self.settings.inventory / "policy.yaml"
        return load_policy(file if file.exists() else None)

    @cached_property
    def programme(self) -> Programme:
        """``program.yaml`` with the denominator that the journal holds and the cloud that the configuration names."""
        programme = load_programme(self.settings.inventory / "program.yaml")
        programme = with_target(programme, self.settings.target)
        return with_baseline(programme, baseline(JournalAudit(self.journal)) if self._has_journal else None)

    @cached_property
    def plan(self) -> Plan:
        """The plan of today's inventory and policy. Raises Refused with reasons when there is none."""
        return make_plan(
            self.inventory,
            self.verdicts,
            self.programme,
            inventory_digest=inventory_digest(self.inventory),
            policy_digest=policy_digest(self.policy),
        )

    @cached_property
    def approved(self) -> Plan | None:
        """The plan that a person approved for the programme, the last one; None: nobody approved any."""
        approvals = self.decisions.approvals() if self._has_journal else []
        kept = self.journal.plan(approvals[-1].payload["digest"]) if approvals and approvals[-1].payload else None
        return Plan.model_validate_json(kept) if kept else None

    @cached_property
    def journal(self) -> Journal:
        return Journal(self.settings.journal_url)

    @cached_property
    def decisions(self) -> Decisions:
        return Decisions(self.journal)

    @cached_property
    def notes(self) -> Notes:
        return Notes(self.journal)

    def system(self, said: str) -> System:
        """The system with this id or name. Raises UsageError when the inventory has none, or several of that name."""
        return find_system(self.inventory, said)

    # ------------------------------------------------------------ migrating

    def start(self, system: str) -> str:
        """A migration of this system: the open one, or a new one.

        Under the plan approved for the programme, where there is one; else under today's. Raises Refused, naming what changed since."""
        from orchestrator.runbooks import RUNBOOKS, runbook_for

        open_one = self.journal.open_migration(system)
        if open_one:
            return str(open_one.id)
        plan, verdict = self.check_start(system)
        self.journal.save_plan(plan.digest, plan.model_dump_json(), actor=str(self.actor))
        name = runbook_for(verdict)
        return self.journal.start_migration(
            system=system, strategy=verdict.strategy, runbook=name, plan_digest=plan.digest, requested_by=str(self.actor),
            steps=[(s.id, s.effect) for s in RUNBOOKS[name]],
        )  # fmt: skip

    def check_start(self, system: str, *, together: Collection[str] = ()) -> tuple[Plan, Verdict]:
        """Everything that speaks against beginning a migration of this system now; writes nothing. The plan and the verdict that it
        would begin under.

        ``together``: systems that move in the same run, so that waiting for them is no refusal. Raises Refused, naming every
        finding."""
        verdict = self.verdicts[self.system(system).id]
        if not verdict.strategy.moves:
            raise Refused(
                f"nothing of {system} is to be migrated: {STRATEGY_EN[verdict.strategy]}", where=system,
                remedy=f"`orchestrator explain {system}` says why; a named person may choose otherwise with `orchestrator override`",
            )  # fmt: skip
        plan = self.approved or self.plan
        if self.approved:
            self._unchanged(plan, system, f"plan {plan.digest[:12]}, approved for the programme, does not cover {system} as it is now")
        elif all(entry.system != system for entry in plan.entries):
            raise Refused(f"{system} is not in the plan", where=system, remedy="`orchestrator plan` says why")
        gaps = self.not_movable(system)
        if gaps:
            findings = [Finding("not-movable", "error", gap, "fill in the technical sheet", system=system) for gap in gaps]
            raise Refused(f"{system} is not movable yet", findings=findings, where=system)
        self._dependencies_moved(system, together)
        self._nothing_owed(system)
        rows = self.journal.migrations(system=system) if self._has_journal else []
        ended = [m for m in rows if m.ending == Ending.ACCEPTED]
        if ended:
            raise Refused(f"{system} was accepted on {ended[-1].ended}", where=system, remedy="there is nothing left to migrate")
        return plan, verdict

    def changes_since(self, plan: Plan, system: str | None = None) -> tuple[Finding, ...]:
        """What differs now from what this plan was made of."""
        return changes_since(
            plan, self.inventory, self.verdicts, self.programme,
            inventory_digest=inventory_digest(self.inventory), policy_digest=policy_digest(self.policy), system=system,
        )  # fmt: skip

    def decide(
        self, migration: str, gate: str, *, approve: bool, digest: str, reason: str = "", actor: Actor | None = None
    ) -> Opening | None:
        """Records a decision at a gate. An approval of the cutover is for one window, which is returned. Raises Refused when its windows open no more."""
        opening = self._approved_opening(migration) if approve and gate == "approve_cutover" else None
        if approve and gate == "approve_cutover" and opening is None:
            raise Refused(
                "the planned window is over and no other that is long enough opens within 400 days",
                where=migration,
                remedy="give the system windows or the programme fewer blackouts; or `orchestrator cancel`",
            )
        window = {"start": opening.start.isoformat(), "end": opening.end.isoformat(), "rule": opening.rule} if opening else None
        self.decisions.decide_gate(migration, gate, approve=approve, actor=actor or self.actor, digest=digest, reason=reason, window=window)
        return opening

    def _approved_opening(self, migration: str) -> Opening | None:
        row = self.journal.migration(migration)
        plan = Plan.model_validate_json(str(self.journal.plan(row.plan_digest)))
        entry = next(entry for entry in plan.entries if entry.system == row.system)
        return approved_opening(entry, self.system(row.system), dt.datetime.now(dt.UTC), self.programme)

    def _unchanged(self, plan: Plan, system: str, what: str) -> None:
        errors = [finding for finding in self.changes_since(plan, system) if finding.severity == "error"]
        if errors:
            raise Refused(what, where=system, findings=errors)

    def not_movable(self, system: str) -> list[str]:
        """What the technical sheets still lack before this system can be moved; empty: movable."""
        one, verdict = self.system(system), self.verdicts[system]
        if verdict.no_source:
            return []
        gaps = [] if one.hosts else ["no hosts"]
        if verdict.strategy != Strategy.HOSTING and not movable_databases(one):
            gaps.append("no PostgreSQL database: there is no other mover yet, so its cutover is not ours to make")
        gaps += [
            f"database {d.name}: no role or secret of its own for the engine"
            for d in one.databases
            if not (d.admin_role and d.admin_secret)
        ]
        gaps += [f"database {d.name}: no application role" for d in movable_databases(one) if not d.role]
        return gaps

    def _dependencies_moved(self, system: str, together: Collection[str] = ()) -> None:
        """R4: no earlier than what it depends on."""
        rows = self.journal.migrations() if self._has_journal else []
        live = {m.system for m in rows if m.live == "target" or m.ending == Ending.ACCEPTED} | set(together)
        known = {s.id for s in self.inventory.systems}
        staying = {sid for sid, verdict in self.verdicts.items() if not verdict.strategy.moves}
        reached = {*live, *staying, *self.programme.reachable}
        waiting = [d for d in self.system(system).depends_on if d not in reached]
        if waiting:
            findings = [
                Finding("dependency", "error", f"{system} depends on {d}, which has not moved", f"migrate {d} first", system=system)
                if d in known
                else Finding(
                    "dependency", "error", f"{system} depends on {d}, which is not in the count and does not move",
                    f"name {d} under `reachable` in program.yaml when {system} reaches it over a link, or mend `depends_on`", system=system,
                )
                for d in waiting
            ]  # fmt: skip
            raise Refused(f"{system} cannot move yet", findings=findings, where=system)

    def _nothing_owed(self, system: str) -> None:
        """A target that an earlier migration could not clean is no ground to build on."""
        rows = self.journal.migrations(system=system) if self._has_journal else []
        owed = [row for m in rows for row in self.notes.owed(m.id)]
        if owed:
            findings = [
                Finding("clean-up-owed", "error", f"{row.migration}, clean-up {row.id}: {row.what}", row.remedy, system=system)
                for row in owed
            ]
            raise Refused(f"the target of {system} is not clean", findings=findings, where=system)

    def clean_up(self, migration: str, *, observer: Observer) -> list[Any]:
        """Tries once more what an ended migration owes on its target. Returns what is left."""
        row = self.journal.migration(migration)
        with self._runner(row, observer) as runner:
            return runner.clean_up()

    def ask_to_turn_back(self, migration: str, reason: str, *, cancelled: bool) -> None:
        """Whoever works on it, now or next, goes back before its next step. Raises Refused after the point of no return."""
        if self.journal.past_return(migration):
            raise Refused(
                f"{migration} is past the point of no return",
                where=migration,
                remedy="it stays on the cloud; `orchestrator resume` brings it to its end",
            )
        text = ("cancelled: " if cancelled else "") + f"{reason} ({self.actor})"
        self.journal.set_flag(f"turn_back:{migration}", text, actor=str(self.actor))

    def run(self, migration: str, *, observer: Observer, invoke: Invoke | None = None, stopping: Stopping | None = None) -> Outcome:
        """Takes the lease and runs as far as it goes: forward, or back when a person asked for it."""
        row = self.journal.migration(migration)
        with self._runner(row, observer, invoke=invoke, stopping=stopping) as runner:
            return runner.run()

    @contextmanager
    def _runner(self, row: Any, observer: Observer, *, invoke: Invoke | None = None, stopping: Stopping | None = None) -> Iterator[Runner]:
        """A runner with the migration's lease, renewed while it works. Raises Refused for an account that cannot go on."""
        from orchestrator.engine.runner import Runner, directly, never
        from orchestrator.steps.world import World

        world = World(self.settings, self.system(row.system), self.sites)
        if denied := world.denied():
            raise Refused(f"{self.actor} cannot work on {row.system}: nothing was begun", where=row.id, findings=denied)
        lease = self.journal.acquire(row.id, holder=f"{self.actor} {socket.gethostname()}:{os.getpid()}")
        try:
            context = self._context(lease, world, row.system, row.plan_digest, observer)
            if row.ending == Ending.NEEDS_A_PERSON:
                self.journal.clear_needs_person(lease, actor=str(self.actor))
            with self._renewed(lease):
                yield Runner(self.journal, lease, context, observer, invoke=invoke or directly, stopping=stopping or never)
        finally:
            world.close()
            self.journal.release(lease)

    @contextmanager
    def _renewed(self, lease: Lease) -> Iterator[None]:
        """A step of hours keeps its lease: renewed three times in each of its lifetimes."""
        stop = threading.Event()

        def renew() -> None:
            while not stop.wait(LEASE_SECONDS / 3):
                with contextlib.suppress(StaleLease):  # the runner's next write says so
                    self.journal.renew(lease)

        thread = threading.Thread(target=renew, name=f"lease {lease.migration}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _context(self, lease: Lease, world: World, system: str, digest: str, observer: Observer) -> Context:
        kept = self.journal.plan(digest)
        plan = Plan.model_validate_json(kept) if kept else self.plan
        if (
            self.journal.migration(lease.migration).state == MigrationState.FORWARD
            and self.journal.flag(f"turn_back:{lease.migration}") is None  # the way back is never shut by a changed inventory
            and self.journal.migration(lease.migration).live == "source"
        ):
            self._unchanged(plan, system, "something has changed since this plan was made")
        for step in self.journal.steps(lease.migration):
            if step.step == "provision" and step.facts and step.state != "undone":
                world.targets = {name: Host(**values) for name, values in step.facts["servers"].items()}
        from orchestrator.engine.records import BoundRecords
        from orchestrator.steps.base import Context

        return Context(
            system=self.system(system), verdict=self.verdicts[system], plan=plan, sites=self.sites, settings=self.settings, migration=lease.migration,
            token=lease.token, records=BoundRecords(self.journal, lease, system), say=lambda text: observer.said(system, text), world=world,
            progress=lambda progress: observer.progressed(system, progress),
        )  # fmt: skip
