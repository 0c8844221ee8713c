"""The demo: brings the city up, lets citizens write, migrates phase 1 with the real engine, and judges it from outside.

``ok`` comes from the judge's figures and the journal's endings; it is never set. A sabotage plants one fault behind the
engine's back, after the switch and before the judge looks; the run must then end with ``ok: false`` and the fault named.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from orchestrator.embedded import citizens, judge, sabotage
from orchestrator.embedded.city import City
from orchestrator.embedded.people import ENGINEER, OPERATOR, People
from orchestrator.engine.observer import Observer
from orchestrator.engine.session import Session
from orchestrator.flows.drive import Drive
from orchestrator.settings import Settings
from orchestrator.steps.world import SUFFIX
from orchestrator.tools import prefect_server as server

LIMIT_MS = 500
"""The judge's own limit for the gap of a cutover in the demo: half of the systems' budget; all of it where connections are ended, since
clients then have to connect again."""
WEATHER, REGISTER, PORTAL, INSURANCE = "weather-bulletin", "property-register", "citizen-portal", "social-insurance"


class Demo:
    """One run. ``only``: these systems and what they depend on."""

    def __init__(
        self, folder: Path | None = None, *, write_report: Callable[[Session, Path], None], observer: Observer, only: tuple[str, ...] = (), fault: str = "",
        direct: bool = False, keep: bool = False,
    ) -> None:  # fmt: skip
        self._write_report = write_report
        self._observer = observer
        self._stop = threading.Event()
        self.city = City(folder)
        self.only = only or ((REGISTER,) if fault == "unsigned" else (PORTAL,) if fault else ())
        self.fault, self.direct, self.keep = fault, direct, keep
        self.out = self.city.folder / "demo"
        self.timings: dict[str, float] = {}
        self.verdicts: dict[str, judge.Verdict] = {}
        self._cleared: set[str] = set()
        self._judging = threading.Lock()
        self._planted = ""
        self.problems: list[str] = []

    # ------------------------------------------------------------ the story

    def run(self) -> dict[str, Any]:
        """Up, load, migrate, judge, report, down. Returns what happened."""
        began = time.monotonic()
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir(parents=True)
        state = self.out / "state"
        settings = Settings(state=state)
        try:
            if not self.direct:
                server.start_ahead(settings)
            self._timed("city up", self.city.up)
            settings = Settings(state=state, **self.city.settings())
            self.baselines = self._timed("baseline", lambda: citizens.baselines(self.city))
            session = Session(settings, OPERATOR)
            systems = self._systems(session)
            citizens.start(self.city, self.out / "ledgers", only=[s for s in systems if s in citizens.KINDS], max_seconds=1200)
            slow = sabotage.Slow(citizens.pooled_dsn(self.city, PORTAL)).start() if self.fault == "slow" else None
            with People(session, self.city, lambda system: self._may_accept(session, system), self._stop.set) as people:
                self._timed("migrations", lambda: self._migrate(session, systems))
            if slow:
                slow.stop()
            self._timed("judging", lambda: self._judge_all(session, systems))
            self.problems = list(people.problems)
            result = self._result(session, systems, time.monotonic() - began)
        finally:
            if not self.keep:
                self._timed("down", self.city.down)
                server.stop(settings)
        result["breakdown"] = {name: round(seconds, 1) for name, seconds in self.timings.items()}
        result["seconds"] = round(time.monotonic() - began, 1)
        return result

    def _timed(self, name: str, act: Callable[[], Any]) -> Any:
        began = time.monotonic()
        try:
            return act()
        finally:
            self.timings[name] = time.monotonic() - began

    def _systems(self, session: Session) -> list[str]:
        first = session.plan.phases[0].id
        planned = [e.system for e in sorted(session.plan.entries, key=lambda e: (e.wave, e.order)) if e.phase == first]
        if not self.only:
            return planned
        wanted = set(self.only)
        for system in reversed(planned):
            if system in wanted:
                wanted.update(session.system(system).depends_on)
        return [s for s in planned if s in wanted]

    def _migrate(self, session: Session, systems: list[str]) -> None:
        """The phase; what came back is mended by the simulated engineer and migrated again, while the others go on."""
        again = threading.Thread(target=self._migrate_weather_again, args=(session, systems), name="again")
        again.start()
        self._drive(session).all(systems, systems)
        again.join(600)

    def _drive(self, session: Session) -> Drive:
        return Drive(session, self._observer, wait=True, direct=self.direct, stop=self._stop)

    def _migrate_weather_again(self, session: Session, systems: list[str]) -> None:
        while WEATHER in systems and not self._stop.is_set():
            time.sleep(0.5)
            ended = [m for m in session.journal.migrations(system=WEATHER) if m.state == "ended"]
            if not ended:
                continue
            if ended[-1].ending != "rolled_back_after_cutover":
                return
            done = "the outbox folder is created on the new host"
            session.journal.append_event("mended", actor=str(ENGINEER), system=WEATHER, payload={"cause": ended[-1].why, "done": done})
            self.mend_when_created()
            self._drive(session).all([WEATHER], [WEATHER])
            return

    def mend_when_created(self) -> None:
        """The engineer makes the missing folder as soon as the new host exists."""
        folder = self.city.host_folder("weather-1" + SUFFIX)

        def mend() -> None:
            until = time.monotonic() + 120
            while time.monotonic() < until:
                if (folder / "srv/weather/app").is_dir():
                    self.city.mend_weather(folder)
                    return
                time.sleep(0.2)

        threading.Thread(target=mend, name="engineer", daemon=True).start()

    # ------------------------------------------------------------ judging

    def _may_accept(self, session: Session, system: str) -> bool:
        """Before final acceptance the load of this system is held for a moment and the judge compares both sides."""
        with self._judging:
            if system in self._cleared or system not in citizens.KINDS:
                return True
            if self._planted:
                return False
            citizens.hold(self.out / "ledgers", [system], wait=30)
            if self.fault and self.fault != "slow":
                self._planted = self._plant(session, system)
            verdict = self._look(session, system, mode="equal")
            citizens.hold(self.out / "ledgers", [])
            self.verdicts[system] = verdict
            session.journal.append_event("judged", actor="simulated:judge", system=system, payload=asdict(verdict))
            if verdict.faults or self._planted:
                self._stop.set()
                return False
            self._cleared.add(system)
            return True

    def _look(self, session: Session, system: str, *, mode: str) -> judge.Verdict:
        """The judge's verdict; the reverse replication gets a few seconds to drain before a difference counts."""
        for _ in range(6):
            verdict = judge.judge(self._case(session, system, mode=mode))
            if mode != "equal" or not verdict.faults or self._planted:
                break
            time.sleep(0.5)
        return verdict

    def _case(self, session: Session, system: str, *, mode: str) -> judge.Case:
        rows = session.journal.migrations(system=system)
        moved = bool(rows) and rows[-1].live == "target"
        steps = {s.step: s.facts for s in session.journal.steps(rows[-1].id) if s.facts} if rows else {}
        live = other = None
        if citizens.KINDS[system] in citizens.TABLES:
            source = self.city.source_database(system)
            live = source.dsn()
            if moved and "provision" in steps:
                host = steps["provision"]["servers"][next(iter(session.system(system).databases)).host]
                live, other = source.at(host["address"]).dsn(), live
            elif moved and "start_there" in steps:
                live = source.at(next(iter(steps["start_there"]["hosts"].values()))).dsn()
        measured = [m for row in rows for m in session.decisions.measurements(row.id)]
        files, old_files = citizens.files_of(self.city, system, moved=moved), citizens.files_of(self.city, system)
        return judge.Case(
            system=system,
            ledger=str(self.out / "ledgers" / f"{system}.jsonl"),
            table=citizens.TABLES.get(citizens.KINDS[system], ""),
            text=citizens.TEXTS.get(citizens.KINDS[system]),
            live=live,
            other=other,
            mode=mode,
            live_files=str(files) if files else None,
            other_files=str(old_files) if files and moved else None,
            baseline=self.baselines[system],
            cutovers=[{"direction": m.direction, "start": m.started, "end": m.ended} for m in measured if m.kind == "cutover"],
            outages=[(m.started - 1, m.ended + 2) for m in measured if m.kind != "cutover"],
            foretold=citizens.FORETOLD.get(system, 0),
            limit_ms=2 * LIMIT_MS if system in citizens.FORETOLD else LIMIT_MS,
            public_key=self.city.device_public_key() if system == REGISTER else None,
            mutable=list(citizens.MUTABLE.get(system, ())),
        )

    def _judge_all(self, session: Session, systems: list[str]) -> None:
        """After the load has ended: every acknowledged write is looked for on the side that is live."""
        citizens.stop(self.city)
        for system in systems:
            if system not in citizens.KINDS:
                continue
            before = self.verdicts.get(system)
            if before is not None and before.faults:
                continue
            verdict = self._look(session, system, mode="subset")
            if before is not None:
                verdict.tables, verdict.rows, verdict.equal = before.tables, before.rows, before.equal
            self.verdicts[system] = verdict

    def _plant(self, session: Session, system: str) -> str:
        case = self._case(session, system, mode="equal")
        assert case.live is not None and case.other is not None  # noqa: S101 - faults are planted on switched systems with a database
        if self.fault == "file":
            return sabotage.file(Path(case.live_files or ""))
        if self.fault == "sequence":
            return sabotage.sequence(case.live, "requests_id_seq" if system == PORTAL else "")
        if self.fault == "second-writer":
            return sabotage.second_writer(case.other, case.table)
        if self.fault == "unsigned":
            return sabotage.unsigned(case.live) if system == REGISTER else ""
        return sabotage.plant(self.fault, live=case.live, table=case.table)

    # ------------------------------------------------------------ what happened

    def _result(self, session: Session, systems: list[str], seconds: float) -> dict[str, Any]:
        described = [self._system(session, s) for s in systems]
        faults = sorted({fault for v in self.verdicts.values() for fault in v.faults})
        accepted = [d["id"] for d in described if d["ending"] == "accepted"]
        phases = [
            {
                "id": p.id,
                "in_scope": p.in_scope,
                "needed": p.needed,
                "accepted": (n := self._accepted(session, p.id, accepted)),
                "met": n >= p.needed,
            }
            for p in session.plan.phases
        ]
        judged = all(
            self.verdicts[s].acknowledged > 0 and self.verdicts[s].lost == 0 and self.verdicts[s].duplicated == 0
            for s in systems
            if s in citizens.KINDS
        )
        return {
            "ok": not faults and not self.problems and judged and len(accepted) == len(systems),
            "seconds": round(seconds, 1),
            "faults": faults,
            "details": [line for v in self.verdicts.values() for line in v.details],
            "planted": self._planted,
            "problems": self.problems,
            "systems": described,
            "excluded": [{"department": e.department, "reason": e.reason} for e in session.inventory.excluded],
            "phases": phases,
            "audit": {"events": len(session.journal.events()), "broken": session.journal.verify()},
            "report": self._report(session),
        }

    @staticmethod
    def _accepted(session: Session, phase: str, accepted: list[str]) -> int:
        levels = {p.id: set(p.levels) for p in session.programme.phases}[phase]
        level = {d.id: d.level for d in session.inventory.departments}
        return sum(level[session.system(s).department] in levels for s in accepted)

    def _system(self, session: Session, system: str) -> dict[str, Any]:
        rows = session.journal.migrations(system=system)
        verdict = self.verdicts.get(system)
        measured = [m for row in rows for m in session.decisions.measurements(row.id)]
        cuts = [m for m in measured if m.kind == "cutover"]
        seen = verdict.cutovers if verdict else []
        steps = [s for row in rows for s in session.journal.steps(row.id)]
        return {
            "id": system,
            "department": session.system(system).department,
            "strategy": rows[-1].strategy if rows else session.verdicts[system].strategy,
            "ending": rows[-1].ending if rows else None,
            "endings": [r.ending for r in rows],
            "cutovers": [
                {
                    "direction": c.direction, "longest_gap_ms": c.longest_gap_ms, "requests": c.requests, "failed_requests": c.failed_requests, "foretold": c.foretold,
                    "budget_ms": m.budget_ms, "window": m.in_window, "probe_gap_ms": m.longest_gap_ms, "probe_failed": m.failed_requests,
                }
                for c, m in zip(seen, cuts, strict=False)
            ],
            "outages": [{"kind": m.kind, "seconds": round((m.longest_gap_ms or 0) / 1000, 1), "announced_minutes": (m.budget_ms or 0) / 60_000} for m in measured if m.kind != "cutover"],
            "writes": {"acknowledged": verdict.acknowledged, "lost": verdict.lost, "duplicated": verdict.duplicated, "in_doubt": verdict.in_doubt, "failed": verdict.failed} if verdict else None,
            "comparison": {"tables": verdict.tables, "rows": verdict.rows, "equal": verdict.equal, "files": verdict.files} if verdict else None,
            "terraform": {
                "applies": sum((s.facts or {}).get("applies", 0) for s in steps),
                "resources": sum((s.facts or {}).get("resources", 0) for s in steps if s.step == "provision" and s.state == "done"),
            },
            "ansible": {"runs": sum((s.facts or {}).get("ansible_runs", 0) for s in steps)},
        }  # fmt: skip

    def _report(self, session: Session) -> str:
        file = self.out / "report.html"
        self._write_report(session, file)
        return str(file)


def write(result: dict[str, Any], file: Path) -> None:
    """The result as JSON."""
    file.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
