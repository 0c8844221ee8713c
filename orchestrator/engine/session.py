"""From files to a running migration: inventory, verdicts, plan, journal, context, runner."""

from __future__ import annotations

import datetime as dt
import os
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from orchestrator.errors import Exit, Finding, JournalAway, Refused, StaleLease
from orchestrator.journal.actors import Actor, current_actor
from orchestrator.journal.states import Ending, MigrationState
from orchestrator.journal.store import LEASE_SECONDS, Lease
from orchestrator.models import Host, Plan, Strategy, System, Verdict
from orchestrator.movers.registry import is_whole_server, movable_databases, vendor_run
from orchestrator.planning.calendar import Opening, approved_opening
from orchestrator.policy.assess import strategy_name
from orchestrator.policy.users import find_users
from orchestrator.policy.words import Words
from orchestrator.settings import Settings
from orchestrator.texts import Sentence, row_words, say
from orchestrator.workspace import Workspace

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
    Ending.ROLLED_BACK_LOSING: Exit.ROLLED_BACK,
    Ending.NEEDS_A_PERSON: Exit.NEEDS_A_PERSON,
}


class Decided(NamedTuple):
    """What came of a decision. ``counts`` is False where it only made its account the one who asks: another one decides then."""

    counts: bool
    opening: Opening | None
    """The window that an approval of the cutover is for."""


@dataclass
class Session(Workspace):
    """What is known (``Workspace``), and somebody who works with it in this process."""

    actor: Actor

    @classmethod
    def open(cls, settings: Settings | None = None, actor: Actor | None = None) -> Session:
        """With the account's identity, unless the embedded city simulates one."""
        return cls(settings or Settings(), actor or current_actor())

    @property
    def holder(self) -> str:
        """How this process is named to those who ask who works on a migration."""
        return f"{self.actor} {socket.gethostname()}:{os.getpid()}"

    # ------------------------------------------------------------ migrating

    def start(self, system: str) -> str:
        """A migration of this system: the open one, or a new one.

        Under the plan approved for the programme, where there is one; else under today's. Raises Refused, naming what changed since."""
        open_one = self.journal.open_migration(system)
        if open_one:
            return str(open_one.id)
        return self._begin(system, *self.check_start(system))

    def start_retirement(self, system: str) -> str:
        """The retirement of this system: the one that is under way, or a new one. Raises Refused with everything that speaks against it."""
        open_one = self.journal.open_migration(system)
        if open_one and open_one.runbook != Strategy.RETIRE:
            raise Refused(say("engine.under_way", migration=open_one.id), where=system, remedy=say("engine.let_it_end"))
        return str(open_one.id) if open_one else self._begin(system, *self.check_retirement(system))

    def _begin(self, system: str, plan: Plan, verdict: Verdict) -> str:
        from orchestrator.runbooks import RUNBOOKS, runbook_for

        self.keep_plan(plan, self.actor)
        name = runbook_for(verdict, self.system(system))
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
            retired = verdict.strategy is Strategy.RETIRE
            remedy = say("engine.retire_it", system=system) if retired else say("engine.explain_says", system=system)
            says = say("engine.nothing_to_migrate", system=system, strategy=strategy_name(verdict.strategy))
            raise Refused(says, where=system, remedy=remedy)
        plan = self.approved or self.plan
        if self.approved:
            self._unchanged(plan, system, say("engine.approved_plan_differs", digest=plan.digest[:12], system=system))
        elif all(entry.system != system for entry in plan.entries):
            raise Refused(say("engine.not_in_plan", system=system), where=system, remedy=say("engine.plan_says_why"))
        gaps = self.not_movable(system)
        if gaps:
            findings = [Finding("not-movable", "error", gap, say("engine.fill_in_sheet"), system=system) for gap in gaps]
            raise Refused(say("engine.not_movable", system=system), findings=findings, where=system)
        self._dependencies_moved(system, together)
        self._nothing_owed(system)
        rows = self.journal.migrations(system=system) if self.has_journal else []
        ended = [m for m in rows if m.ending == Ending.ACCEPTED]
        if ended:
            raise Refused(say("engine.accepted_on", system=system, at=ended[-1].ended), where=system, remedy=say("engine.nothing_left_to_migrate"))
        return plan, verdict

    def check_retirement(self, system: str) -> tuple[Plan, Verdict]:
        """Everything that speaks against retiring this system now; writes nothing. Raises Refused, naming every finding."""
        verdict = self.verdicts[self.system(system).id]
        self._still_to_retire(system)
        rows = self.journal.migrations(system=system) if self.has_journal else []
        ended = [row for row in rows if row.ending == Ending.ACCEPTED]
        if ended:
            raise Refused(say("engine.accepted_on", system=system, at=ended[-1].ended), where=system, remedy=say("engine.nothing_left_to_end"))
        self._nothing_owed(system)
        return self.approved or self.plan, verdict

    def _still_to_retire(self, system: str) -> None:
        """In no plan, so no plan's change says so: its verdict, and that nobody uses it, are asked each time."""
        verdict = self.verdicts[system]
        if verdict.strategy is not Strategy.RETIRE:
            says = say("engine.not_to_retire", system=system, strategy=strategy_name(verdict.strategy))
            raise Refused(says, where=system, remedy=say("engine.answer_planned_end"))
        findings = find_users(self.inventory, self.verdicts, self.system(system))
        if findings:
            raise Refused(say("engine.not_retirable_yet", system=system), findings=findings, where=system)

    def decide(
        self, migration: str, gate: str, *, approve: bool, digest: str, reason: str = "", actor: Actor | None = None
    ) -> Decided:
        """Records a decision at a gate. An approval of the cutover is for one window, which is returned. Raises Refused when its windows
        open no more."""
        opening = self._approved_opening(migration) if approve and gate == "approve_cutover" else None
        if approve and gate == "approve_cutover" and opening is None:
            raise Refused(say("engine.no_window"), where=migration, remedy=say("engine.more_windows"))
        window = {"start": opening.start.isoformat(), "end": opening.end.isoformat(), "rule": opening.rule} if opening else None
        who = actor or self.actor
        counts = self.decisions.decide_gate(migration, gate, approve=approve, actor=who, digest=digest, reason=reason, window=window)
        return Decided(counts, opening)

    def _approved_opening(self, migration: str) -> Opening | None:
        row = self.journal.migration(migration)
        plan = Plan.model_validate_json(str(self.journal.plan(row.plan_digest)))
        entry = next(entry for entry in plan.entries if entry.system == row.system)
        return approved_opening(entry, self.system(row.system), dt.datetime.now(dt.UTC), self.programme)

    def _unchanged(self, plan: Plan, system: str, what: Sentence) -> None:
        errors = [finding for finding in self.changes_since(plan, system) if finding.severity == "error"]
        if errors:
            raise Refused(what, where=system, findings=errors)

    def not_movable(self, system: str) -> list[Sentence]:
        """What the technical sheets still lack before this system can be moved; empty: movable."""
        from orchestrator.steps.names import find_unknown_hosts

        one, verdict = self.system(system), self.verdicts[system]
        if verdict.no_source:
            return []
        gaps = [] if one.hosts else [say("engine.no_hosts")]
        gaps += [loose.says for loose in find_unknown_hosts(one)]
        if verdict.strategy == Strategy.CLOUD_DEPLOYMENT and vendor_run(one):
            gaps += self._mixed(one)
        elif verdict.strategy != Strategy.HOSTING:
            gaps += self._nothing_to_move(one)
        if verdict.strategy == Strategy.HOSTING and is_whole_server(one):
            return gaps  # nobody logs in to what runs on it
        gaps += [
            say("engine.no_admin", database=d.name)
            for d in (movable_databases(one) if verdict.strategy == Strategy.CLOUD_DEPLOYMENT else one.databases)
            if not (d.admin_role and d.admin_secret)
        ]
        gaps += [say("engine.no_role", database=d.name) for d in movable_databases(one) if not d.role]
        return gaps

    def _mixed(self, one: System) -> list[Sentence]:
        """A vendor's outage and a switch without one are not run under one decision."""
        ours, theirs = movable_databases(one), vendor_run(one)
        if not ours:
            return []
        engines = tuple(sorted({d.engine for d in theirs}))
        return [say("engine.vendors_and_ours", theirs=tuple(d.name for d in theirs), engines=engines, ours=tuple(d.name for d in ours))]

    def _nothing_to_move(self, one: System) -> list[Sentence]:
        """What speaks against moving a system with the movers there are. One without a database moves by its services alone."""
        if movable_databases(one):
            return []
        if one.databases:
            return [say("engine.no_mover", engines=tuple(sorted({d.engine for d in one.databases})))]
        if not one.services:
            return [say("engine.nothing_listed")]
        named = Words(self.policy).engines(one.dbms or "")
        engines = [engine for engine in named.known if engine not in self.policy.engines_without_data]
        return [say("engine.database_unlisted", engines=tuple(engines))] if engines else []

    def _dependencies_moved(self, system: str, together: Collection[str] = ()) -> None:
        """R4: no earlier than what it depends on."""
        rows = self.journal.migrations() if self.has_journal else []
        live = {m.system for m in rows if m.live == "target" or m.ending == Ending.ACCEPTED} | set(together)
        known = {s.id for s in self.inventory.systems}
        staying = {sid for sid, verdict in self.verdicts.items() if not verdict.strategy.moves}
        reached = {*live, *staying, *self.programme.reachable}
        waiting = [d for d in self.system(system).depends_on if d not in reached]
        if waiting:
            def pair(other: str) -> dict[str, str]:
                return {"system": system, "other": other}

            findings = [
                Finding("dependency", "error", say("engine.waits_for", **pair(d)), say("engine.migrate_first", other=d), system=system)
                if d in known
                else Finding("dependency", "error", say("engine.does_not_move", **pair(d)), say("planning.name_reachable", **pair(d)), system=system)
                for d in waiting
            ]  # fmt: skip
            raise Refused(say("engine.cannot_move_yet", system=system), findings=findings, where=system)

    def _nothing_owed(self, system: str) -> None:
        """A target that an earlier migration could not clean is no ground to build on."""
        rows = self.journal.migrations(system=system) if self.has_journal else []
        owed = [row for m in rows for row in self.notes.owed(m.id)]
        if owed:
            findings = [
                Finding(
                    "clean-up-owed", "error",
                    say("engine.clean_up_owed", migration=row.migration, number=row.id, what=row_words(row, "what")),
                    row_words(row, "remedy"), system=system,
                )
                for row in owed
            ]  # fmt: skip
            raise Refused(say("engine.target_not_clean", system=system), findings=findings, where=system)

    def clean_up(self, migration: str, *, observer: Observer) -> list[Any]:
        """Tries once more what an ended migration owes on its target. Returns what is left."""
        row = self.journal.migration(migration)
        with self._runner(row, observer) as runner:
            return runner.clean_up()

    def ask_to_turn_back(self, migration: str, reason: str, *, cancelled: bool) -> None:
        """Whoever works on it, now or next, goes back before its next step. Raises Refused after the point of no return."""
        if self.journal.past_return(migration):
            raise Refused(say("engine.is_past_return", migration=migration), where=migration, remedy=say("engine.stays_on_cloud"))
        text = ("cancelled: " if cancelled else "") + f"{reason} ({self.actor})"
        self.journal.set_flag(f"turn_back:{migration}", text, actor=str(self.actor))

    # ------------------------------------------------------------ what a migration waits for

    def waits_for_people(self, migration: str) -> bool:
        """Whether a gate or a human task of it is open."""
        gates = any(g.state == "open" and g.asked_by is None for g in self.decisions.gates(migration))
        return gates or bool(self.decisions.tasks(migration, state="open"))

    def decided_meanwhile(self, migration: str) -> bool:
        """Whether it stands at something that people have decided by now (not a window or a hold), or was asked to turn back."""
        if self.journal.flag(f"turn_back:{migration}"):
            return True
        steps = self.journal.steps(migration)
        waiting = next((s for s in steps if s.state in ("waiting", "undoing")), None)
        return not self.waits_for_people(migration) and waiting is not None and waiting.step != "window"

    def has_moved(self, system: str) -> bool:
        """Whether a system's citizens are served by the cloud, by its last migration."""
        last = next(iter(reversed(self.journal.migrations(system=system))), None)
        return last is not None and last.live == "target"

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
            raise Refused(say("engine.account_cannot", actor=str(self.actor), system=row.system), where=row.id, findings=denied)
        try:
            with self.hold(row.id) as (lease, lost):
                context = self._context(lease, world, row.system, row.plan_digest, observer)
                if row.ending == Ending.NEEDS_A_PERSON:
                    self.journal.clear_needs_person(lease, actor=str(self.actor))
                yield Runner(self.journal, lease, context, observer, invoke=invoke or directly, stopping=stopping or never, lost=lost)
        finally:
            world.close()

    @contextmanager
    def hold(self, migration: str) -> Iterator[tuple[Lease, Callable[[], bool]]]:
        """A migration's lease, and what says whether it is lost. Raises LeaseHeld while somebody else has it."""
        lease = self.journal.acquire(migration, holder=self.holder)
        try:
            with self._renewed(lease) as lost:
                yield lease, lost
        finally:
            self.journal.release(lease)

    @contextmanager
    def _renewed(self, lease: Lease) -> Iterator[Callable[[], bool]]:
        """A step of hours keeps its lease: renewed three times in each of its lifetimes. Gives what says whether it is lost: to a newer
        one, or because the journal could not be reached for so long that another controller may soon take it. Who has lost it
        ends what it started, before the other one begins."""
        stop, taken = threading.Event(), threading.Event()
        renewed = [time.monotonic()]

        def renew() -> None:
            while not stop.wait(LEASE_SECONDS / 3):
                try:
                    self.journal.renew(lease)
                    renewed[0] = time.monotonic()
                except (SQLAlchemyError, JournalAway):
                    continue  # asked again until the time is up
                except StaleLease:
                    taken.set()

        def lost() -> bool:
            return taken.is_set() or time.monotonic() - renewed[0] > LEASE_SECONDS * 5 / 6

        thread = threading.Thread(target=renew, name=f"lease {lease.migration}", daemon=True)
        thread.start()
        try:
            yield lost
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
            and not self.journal.past_return(lease.migration)
        ):
            if self.journal.migration(lease.migration).runbook == Strategy.RETIRE:
                self._still_to_retire(system)
            else:
                self._unchanged(plan, system, say("engine.changed_since"))
        for step in self.journal.steps(lease.migration):
            if step.step == "provision" and step.facts and step.state != "undone":
                world.targets = {name: Host(**values) for name, values in step.facts["servers"].items()}
        from orchestrator.engine.records import BoundRecords
        from orchestrator.steps.base import Context

        return Context(
            system=self.system(system), verdict=self.verdicts[system], plan=plan, sites=self.sites, settings=self.settings, migration=lease.migration,
            token=lease.token, records=BoundRecords(self.journal, lease, system), say=lambda text: observer.said(system, text), world=world,
            progress=lambda progress: observer.progressed(system, progress),
            target_is_lost=lambda: self.decisions.target_lost(lease.migration) is not None,
        )  # fmt: skip
