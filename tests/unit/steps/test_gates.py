"""R5: a cutover begins in the window that was approved, or in the one that was approved instead; a real journal, a clock that the test moves."""

import datetime as dt
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from orchestrator.engine.records import BoundRecords
from orchestrator.errors import Refused, Waiting
from orchestrator.journal import decisions as decisions_module
from orchestrator.journal import store as journal_module
from orchestrator.journal.actors import Actor
from orchestrator.journal.decisions import Decisions
from orchestrator.journal.store import Journal
from orchestrator.models import PlanEntry, Strategy, System, Window
from orchestrator.planning.calendar import Opening, approved_opening
from orchestrator.planning.programme import load_programme
from orchestrator.steps import gates, hosting

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
        self.folder = folder
        self.programme(program)
        journal = Journal(f"sqlite:///{folder / 'journal.sqlite'}")
        self.decisions = Decisions(journal)
        self.migration = journal.start_migration(
            system="tax", strategy="hosting", runbook="hosting", plan_digest=DIGEST, requested_by=str(LIN), steps=[("window", "read_only")]
        )
        self.journal, self.lease = journal, journal.acquire(self.migration, holder=str(LIN))
        self.entry = entry = PlanEntry(
            system="tax", strategy=Strategy.HOSTING, phase="phase-1", wave=1, order=1, window_start=dt.datetime(2018, 3, 5, 22),  # noqa: DTZ001 - the city's
            window_end=dt.datetime(2018, 3, 6, 6), window_rule="workday 22:00-06:00",  # noqa: DTZ001 - the city's
        )  # fmt: skip
        system = System(id="tax", name="税务", department="tax-office", kind="application", status="in_use", windows=windows)
        self.context: Any = SimpleNamespace(
            facts={}, system=system, plan=SimpleNamespace(digest=DIGEST, entries=[entry]), settings=SimpleNamespace(inventory=folder),
            records=BoundRecords(journal, self.lease, "tax"),
        )  # fmt: skip

    def ask(self, at: str) -> str:
        """What the window step says at this moment."""
        self.at = city(at)
        return str(gates.wait_window(self.context)["rule"])

    def decide(self, at: str, *, approve: bool = True) -> Opening | None:
        """A decision as ``Session.decide`` records it."""
        self.at = city(at)
        opening = approved_opening(self.entry, self.context.system, self.at, load_programme(self.folder / "program.yaml"))
        window = {"start": opening.start.isoformat(), "end": opening.end.isoformat(), "rule": opening.rule} if opening and approve else None
        self.decisions.decide_gate(
            self.migration, "approve_cutover", approve=approve, actor=CHEN, digest=DIGEST, reason="ready", window=window
        )
        return opening

    def programme(self, more: str) -> None:
        """Write program.yaml anew, with this at its end."""
        text = (
            "starts: 2018-01-01\nphases:\n  - {id: phase-1, name: p, due: 2018-12-30, percent: 80}\nwork: {hosting: {cutover_hours: 4}}\n"
        )
        (self.folder / "program.yaml").write_text(text + more, "utf-8")

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


def test_a_late_approval_is_for_the_window_that_it_named_whatever_changes_since(night):
    night.approved("2018-03-07T09:00")  # for the night of the 7th
    night.programme("blackouts:\n  - {name: 两会, starts: 2018-03-07, ends: 2018-03-08}\n")
    with pytest.raises(Waiting, match=r"2018-03-07 22:00 to 2018-03-08 06:00.* no window of the system any more"):
        night.ask("2018-03-07T23:00")
    with pytest.raises(Waiting, match="the approved one is over"):
        night.ask("2018-03-09T00:30")  # open again, and nobody approved it


def test_an_approval_is_for_no_opening_that_is_too_short_for_the_cutover(tmp_path, monkeypatch):
    windows = (Window(days="workday", start="22:00", end="06:00"), Window(days="workday", start="12:00", end="12:30"))
    night = Night(tmp_path, monkeypatch, windows)
    night.approved("2018-03-07T09:00")
    with pytest.raises(Waiting, match="2018-03-07 22:00"):
        night.ask("2018-03-07T12:10")


def test_an_opening_that_began_the_day_before_is_the_one_that_is_open(night):
    night.approved("2018-03-08T01:00")
    assert night.ask("2018-03-08T02:00") == "workday 22:00-06:00"


def test_without_any_further_window_there_is_nothing_to_approve(tmp_path, monkeypatch):
    blackout = "blackouts:\n  - {name: 停止变更, starts: 2018-03-05, ends: 2020-12-31}\n"
    night = Night(tmp_path, monkeypatch, (Window(days="workday", start="22:00", end="06:00"),), blackout)
    night.at = city("2018-03-07T10:00")
    assert approved_opening(night.entry, night.context.system, night.at, load_programme(tmp_path / "program.yaml")) is None
    night.approved("2018-03-07T10:00")  # by somebody's own tool: it names no window
    with pytest.raises(Waiting, match="the approved one is over"):
        night.ask("2018-03-07T23:00")


@pytest.mark.parametrize(("own", "seconds"), [(30.0, 30.0), (0.0, 0.0), (None, 14 * 86_400.0)])
def test_a_trial_run_lasts_as_long_as_the_plan_promises(night, own, seconds):
    night.context.system = night.context.system.model_copy(update={"trial_run_seconds": own})
    assert gates.trial_seconds(night.context) == seconds


@pytest.mark.parametrize(("ports", "announced"), [((True, True), False), ((True, False), False), ((True, True), True)])
def test_a_hosted_system_is_not_shut_down_outside_its_window_whatever_was_dead_before(night, monkeypatch, ports, announced):
    night.approved("2018-03-01T10:00")
    monkeypatch.setattr(hosting, "_answering", lambda _: list(ports))
    if announced:
        night.context.records.event(hosting.ANNOUNCED, {"minutes": 60})
    night.at = city("2018-03-08T11:00")
    with pytest.raises(Waiting):
        hosting.shut_down(night.context)


def test_what_was_never_taken_down_is_left_as_it_is(night):
    hosting.start_where_it_is(night.context)  # the context has no hosts to reach: it would raise if it tried
    assert not night.context.records.said(hosting.ANNOUNCED)
