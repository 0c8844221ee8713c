"""Runs migrations of several systems at once, in the order their dependencies allow, shown by Prefect or not."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from orchestrator import texts
from orchestrator.engine.cloud_servers import refuse_what_the_cloud_lacks
from orchestrator.engine.observer import Observer, Report
from orchestrator.engine.runner import Invoke, Outcome, directly
from orchestrator.engine.session import ENDING_EXIT, Session
from orchestrator.errors import Exit, LeaseHeld, OrchestratorError, Refused, Waiting
from orchestrator.journal.notes import Notes
from orchestrator.journal.standbys import Standby, standing_by
from orchestrator.journal.standing import describe_finding, describe_owed, engine
from orchestrator.journal.states import Ending

POLL_SECONDS = 0.5


@dataclass
class Drive:
    """One command's run over some systems. ``stop``: set by Ctrl-C; what runs ends at its next boundary."""

    session: Session
    observer: Observer
    wait: bool
    """Stay at gates, windows and human tasks instead of ending there."""
    direct: bool
    """Without Prefect."""
    invoke: Invoke | None = None
    """How steps are run inside a flow run of a worker; None: as ``direct`` says."""
    stop: threading.Event = field(default_factory=threading.Event)
    codes: dict[str, Exit] = field(default_factory=dict)

    def all(self, migrations: Sequence[str], systems: Sequence[str]) -> int:
        """Every system in a thread of its own, once what it depends on has moved. Returns the exit code over all.

        Raises Refused, and begins none, where the cloud cannot give what those that begin ask for together.
        """
        self.session.journal.migrations()  # opens the journal once, in this thread
        refuse_what_the_cloud_lacks(self.session, [system for system, migration in zip(systems, migrations, strict=True) if migration == system])
        threads = [
            threading.Thread(target=self._one, args=(system, migration, list(systems)), name=system, daemon=True)
            for system, migration in zip(systems, migrations, strict=True)
        ]  # daemons: a second Ctrl-C leaves at once
        for thread in threads:
            thread.start()
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.default_int_handler)  # asked to end by a service manager: as Ctrl-C
        try:
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:
            self.stop.set()
            self.observer.said("", texts.text("say.stopping"))
            for thread in threads:
                thread.join(60)
            raise
        return int(Exit.worst([self.codes.get(system, Exit.BUG) for system in systems]))

    def run(self, migration: str, system: str) -> Outcome:
        """One run of one migration, followed by Prefect unless asked not to."""
        if self.direct or self.invoke:
            return self.session.run(migration, observer=self.observer, invoke=self.invoke or directly, stopping=self.stop.is_set)
        from orchestrator.flows.migrate import followed

        def away() -> None:
            self.observer.said(system, texts.text("say.prefect_away"))

        with followed(self.session.settings, migration, system, away) as prefect:
            return self.session.run(migration, observer=self.observer, invoke=prefect.invoke, stopping=self.stop.is_set)

    def _one(self, system: str, migration: str, all_systems: list[str]) -> None:
        try:
            ident = self._start(system, migration, all_systems)
            outcome = self.run(ident, system)
            while self.wait and outcome.ending is None and not self.stop.is_set():
                self.observer.waiting(system, outcome.waiting)
                with standing_by(self.session.journal, ident, self.session.holder) as standby:
                    self._until_something_changed(ident, standby)
                outcome = self._run_if_free(ident, system)
            self.codes[system] = self.report(ident, system, outcome)
        except OrchestratorError as error:
            self.observer.said(system, f"{error}")
            for finding in error.findings if isinstance(error, Refused) else ():
                shown = {"code": finding.code, "place": finding.place(), "message": finding.message}
                self.observer.said(system, "  " + texts.text("say.finding", **shown, remedy=finding.remedy))
            self.codes[system] = error.exit_code
        except Exception as error:  # noqa: BLE001 - a bug in one system's run must not hide the others' endings
            self.observer.said(system, texts.text("say.bug", error=f"{error.__class__.__name__}: {error}"))
            self.codes[system] = Exit.BUG

    def report(self, migration: str, system: str, outcome: Outcome) -> Exit:
        """Tells how it stands, with every finding and all that is owed; the exit code for it."""
        if outcome.ending is None:
            self.observer.ended(system, Report(None, waiting=outcome.waiting))
            return Exit.WAITING
        ending = Ending(outcome.ending)
        refused = ending is Ending.ROLLED_BACK_BEFORE and outcome.untouched
        notes = Notes(self.session.journal)
        found = notes.findings(migration) if ending is not Ending.ACCEPTED else []
        owed = [describe_owed(row) for row in notes.owed(migration)]
        findings = [describe_finding(row) for row in found]
        self.observer.ended(system, Report(ending, why=outcome.why, refused=refused, findings=findings, owed=owed))
        return Exit.REFUSED if refused else ENDING_EXIT[ending]

    # ------------------------------------------------------------ what is waited for

    def _start(self, system: str, migration: str, all_systems: list[str]) -> str:
        """Waits for dependencies that are under way in this very run, then starts. Raises Waiting when one stopped here
        without having moved."""
        if migration != system:
            return migration
        mine = [d for d in self.session.system(system).depends_on if d in all_systems]
        while not self.stop.is_set():
            over = set(self.codes)  # before the journal is asked: what ends in between has its ending there already
            latest = {d: next(iter(reversed(self.session.journal.migrations(system=d))), None) for d in mine}
            if all(m is not None and (m.live == "target" or m.state == "ended") for m in latest.values()):
                break
            stopped = [d for d, m in latest.items() if d in over and (m is None or m.live != "target")]
            if stopped:
                raise Waiting(
                    texts.say("flows.others_stopped", system=system, others=tuple(stopped)),
                    where=system,
                    remedy=texts.say("flows.see_the_others", others=tuple(stopped)),
                )
            self.observer.waiting(system, str(texts.say("say.waits_for_systems", systems=tuple(mine))))
            time.sleep(POLL_SECONDS)
        return self.session.start(system)

    def _run_if_free(self, migration: str, system: str) -> Outcome:
        """One more run; where somebody else has taken the migration up meanwhile, it is that one who is waited for."""
        try:
            return self.run(migration, system)
        except LeaseHeld as held:
            return Outcome(None, waiting=str(held.what))

    def _until_something_changed(self, ident: str, standby: Standby) -> None:
        """Returns when no gate or task is open any more, a turn back was asked for, or (for windows and holds) after five
        seconds; not while somebody else works on it."""
        until = time.monotonic() + 5
        while not self.stop.is_set():
            standby.renew()
            if engine(self.session.journal, ident)["alive"]:
                time.sleep(POLL_SECONDS)
                continue
            if self.session.decided_meanwhile(ident):
                return
            if not self.session.waits_for_people(ident) and time.monotonic() > until:
                return
            time.sleep(POLL_SECONDS)
