"""R5: a cutover begins in the window that was approved, or in the one that was approved instead; a real journal, a clock that the test moves."""

import datetime as dt
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from orchestrator.engine import decisions as decisions_module
from orchestrator.engine import journal as journal_module
from orchestrator.engine.actors import Actor
from orchestrator.engine.decisions import Decisions
from orchestrator.engine.journal import Journal
from orchestrator.engine.records import BoundRecords
from orchestrator.errors import NeedsPerson, Refused, Waiting
from orchestrator.models import PlanEntry, Strategy, System, Window
from orchestrator.steps import gates

DIGEST = "d" * 64
SHANGHAI = ZoneInfo("Asia/Shanghai")
LIN, CHEN = Actor("os", "lin"), Actor("os", "chen")


def city(text: str) -> dt.datetime:
    """A wall-clock time of the city."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


class Night:
    """One migration that waits for Monday 5 March 2018, 22:00 to 06:00; its windows open every working day at 22:00."""

    def __init__(self, folder: Any, monkeypatch: pytest.MonkeyPatch, windows: tuple[Window, ...], program: str = "") -> None:
        self.at = city("2018-03-01T10:00")
        monkeypatch.setattr(gates, "now", lambda: self.at.astimezone(dt.UTC))
        for module in (journal_module, decisions_module):
            monkeypatch.setattr(module, "now", lambda: self.at.astimezone(dt.UTC).isoformat())
        (folder / "program.yaml").write_text(
            f"starts: 2018-01-01\nphases:\n  - {{id: phase-1, name: p, due: 2018-12-30, percent: 80}}\n{program}", "utf-8"
        )
        journal = Journal(f"sqlite:///{folder / 'journal.sqlite'}")
        self.decisions = Decisions(journal)
        self.migration = journal.start_migration(
            system="tax", strategy="hosting", runbook="hosting", plan_digest=DIGEST, requested_by=str(LIN), steps=[("window", "read_only")]
        )
        self.journal, self.lease = journal, journal.acquire(self.migration, holder=str(LIN))
        entry = PlanEntry(
            system="tax", strategy=Strategy.HOSTING, phase="phase-1", wave=1, order=1, window_start=dt.datetime(2018, 3, 5, 22),  # noqa: DTZ001 - the city's
            window_end=dt.datetime(2018, 3, 6, 6), window_rule="workday 22:00-06:00",  # noqa: DTZ001 - the city's
        )  # fmt: skip
        system = System(id="tax", name="税务", department="tax-office", kind="application", status="in_use", windows=windows)
        self.context: Any = SimpleNamespace(
            system=system, plan=SimpleNamespace(digest=DIGEST, entries=[entry]), settings=SimpleNamespace(inventory=folder),
            records=BoundRecords(journal, self.lease, "tax"),
        )  # fmt: skip

    def ask(self, at: str) -> str:
        """What the window step says at this moment."""
        self.at = city(at)
        return str(gates.wait_window(self.context)["rule"])

    def decide(self, at: str, *, approve: bool = True) -> None:
        self.at = city(at)
        self.decisions.decide_gate(self.migration, "approve_cutover", approve=approve, actor=CHEN, digest=DIGEST, reason="ready")

    def approved(self, at: str) -> None:
        """The gate opens and is approved at this moment."""
        self.at = city(at)
        with pytest.raises(Waiting, match="approval of the cutover"):
            gates.APPROVAL.run(self.context)
        self.decide(at)


@pytest.fixture
def night(tmp_path, monkeypatch) -> Night:
    return Night(tmp_path, monkeypatch, (Window(days="workday", start="22:00", end="06:00"),))


def test_it_waits_for_the_approved_window_and_begins_in_it(night):
    night.approved("2018-03-01T10:00")
    for early in ("2018-03-01T23:00", "2018-03-05T21:59"):  # the first lies in a window of the system, not in the approved one
        with pytest.raises(Waiting, match="2018-03-05 22:00 to 2018-03-06 06:00"):
            night.ask(early)
    assert night.ask("2018-03-05T22:00") == "workday 22:00-06:00"
    assert night.ask("2018-03-06T05:59") == "workday 22:00-06:00"


def test_without_an_approval_no_window_opens(night):
    with pytest.raises(Waiting, match="approval of the cutover"):
        night.ask("2018-03-05T23:00")


def test_a_missed_window_is_not_followed_by_the_next_one_until_somebody_approves_it(night):
    night.approved("2018-03-01T10:00")
    with pytest.raises(Waiting, match="the approved one is over"):
        night.ask("2018-03-06T06:00")
    with pytest.raises(Waiting, match="approval of the cutover"):
        night.ask("2018-03-06T23:00")  # inside the next window of the same rule: nobody approved it
    night.decide("2018-03-07T09:00")
    with pytest.raises(Waiting, match="2018-03-07 22:00 to 2018-03-08 06:00"):
        night.ask("2018-03-07T21:00")
    assert night.ask("2018-03-08T01:00") == "workday 22:00-06:00"


def test_the_second_missed_window_is_asked_for_again_and_every_decision_stays_on_the_chain(night):
    night.approved("2018-03-06T23:00")  # approved when the planned one was over: the one that was open then
    assert night.ask("2018-03-07T00:00") == "workday 22:00-06:00"
    with pytest.raises(Waiting, match="the approved one is over"):
        night.ask("2018-03-07T12:00")
    night.decide("2018-03-07T13:00", approve=False)
    with pytest.raises(Refused, match="chen"):
        night.ask("2018-03-07T22:30")
    decided = [(e.payload["approved"]) for e in night.journal.events(kind="gate_decided")]
    assert decided == [True, False]
    assert night.journal.verify() == []


def test_a_hold_is_stronger_than_a_window(night):
    night.approved("2018-03-01T10:00")
    night.journal.set_flag("hold", "storm", actor=str(CHEN))
    with pytest.raises(Waiting, match="storm"):
        night.ask("2018-03-05T23:00")


def test_a_blackout_that_came_after_the_approval_shuts_the_window(tmp_path, monkeypatch):
    blackout = "blackouts:\n  - {name: 两会, starts: 2018-03-05, ends: 2018-03-06}\n"
    night = Night(tmp_path, monkeypatch, (Window(days="workday", start="22:00", end="06:00"),), blackout)
    night.approved("2018-03-01T10:00")
    with pytest.raises(Waiting, match="no window of the system any more"):
        night.ask("2018-03-05T23:00")


def test_when_no_window_is_left_a_person_is_needed(tmp_path, monkeypatch):
    blackout = "blackouts:\n  - {name: 停止变更, starts: 2018-03-05, ends: 2020-12-31}\n"
    night = Night(tmp_path, monkeypatch, (Window(days="workday", start="22:00", end="06:00"),), blackout)
    night.approved("2018-03-07T10:00")
    with pytest.raises(NeedsPerson, match="no other opens"):
        night.ask("2018-03-07T23:00")
