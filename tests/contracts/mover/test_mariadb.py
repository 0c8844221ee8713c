"""Every case of MariaDB: carried and equal both ways, or refused by name with nothing touched."""

from __future__ import annotations

import itertools
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pymysql
import pytest

from orchestrator.cutover.kinds import make_side
from orchestrator.errors import Refused, StepFailed
from orchestrator.movers import registry
from orchestrator.movers.contract import Direction, Hands, Moment
from orchestrator.movers.mariadb.connections import names_of
from orchestrator.movers.side import StandsStill
from tests.contracts.mover.cases import Case, all_cases
from tests.contracts.mover.mariadb_story import Application, MariadbStory, run_all
from tests.support.mariadb import APPLICATION, Servers

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with Servers(tmp_path_factory.mktemp("mariadb")) as running:
        yield running


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=f"{case.engine}-{case.name}") for case in all_cases() if case.engine == "mariadb"]
)
def test_case(case: Case, servers: Servers, tmp_path: Path) -> None:
    with servers.emptied():
        story = MariadbStory(servers, case, tmp_path)
        story.lay_out()
        before = story.photograph("source", locks=True)
        with Application(story) as application:
            if case.expect == "refused":
                _refused(story)
            else:
                _carried(story, application)
            application.rest()
        assert not application.harm, application.harm[:3]
        if case.ends == "accepted":
            return
        _acknowledged_are_there(story, application, "source")
        if not (case.after_copy or case.in_trial):
            assert _without_rows(before) == _without_rows(story.photograph("source", locks=True))


def _without_rows(lines: list[str]) -> list[str]:
    """The application writes all the time, and draws numbers."""
    kept = [line for line in lines if "INSERT INTO" not in line and "SETVAL" not in line.upper()]
    return [re.sub(r" AUTO_INCREMENT=\d+", "", line) for line in kept]


def _refused(story: MariadbStory) -> None:
    case = story.case
    if case.refused_at != "preflight":
        assert not story.check(Moment.PREFLIGHT)
    moment = {"preflight": Moment.PREFLIGHT, "copy": Moment.COPY, "gate": Moment.GATE}[case.refused_at]
    if moment is Moment.GATE:
        story.mover.prepare(story.part)
        story.act("source", case.after_copy)
    findings = story.check(moment)
    of_its_kind = [finding.message for finding in findings if finding.code == case.code]
    assert of_its_kind, f"no finding {case.code}, but {findings}"
    for name in case.names:
        assert any(name in message for message in of_its_kind), f"nobody names {name}: {findings}"
    if moment is Moment.COPY:
        on_target = story.list_target()
        for act in (story.mover.back_up, story.mover.prepare):
            with pytest.raises(Refused):
                act(story.part)
        assert story.list_target() == on_target
    if moment is Moment.GATE:
        story.withdraw()


def _carried(story: MariadbStory, application: Application) -> None:
    case = story.case
    for moment in (Moment.PREFLIGHT, Moment.COPY):
        findings = story.mover.check(story.part, moment)
        assert not [finding for finding in findings if finding.severity == "error"], findings
    assert not case.warns or case.warns in {finding.code for finding in findings}
    for _ in range(2 if case.ends == "again" else 1):
        _there(story, application)
        if case.ends == "accepted":
            story.mover.finish(story.part)
            assert story.mover.finished(story.part)
            story.run_as_application("target", [*case.afterwards, *case.accepted])
            _acknowledged_are_there(story, application, "target")
            return
        story.switch(Direction.BACK, application)
        story.run_as_application("source", case.afterwards)
        story.withdraw()
        story.run_as_application("source", case.afterwards)


def _there(story: MariadbStory, application: Application) -> None:
    """Copied, switched, the way back armed, and nothing differs."""
    mover, part, case = story.mover, story.part, story.case
    mover.back_up(part)
    assert mover.backed_up(part)
    mover.drop_copy(part)
    assert not mover.backed_up(part)
    mover.prepare(part)
    assert mover.prepared(part)
    story.act("source", case.after_copy)
    assert not story.check(Moment.GATE)
    story.switch(Direction.FORWARD, application)
    mover.arm(part, f"m-armed-{story.token}")
    assert mover.armed(part)
    story.act("target", case.in_trial)
    story.run_as_application("target", case.afterwards)
    assert mover.find_alarms(part, f"m-watch-{story.token}") == {}
    application.rest()
    story.settle("target", "source")
    here, there = (story.photograph(side, locks=False) for side in ("source", "target"))
    assert here == there, [line for line in (*here, *there) if (line in here) != (line in there)][:10]
    _acknowledged_are_there(story, application, "target")
    application.wake()


def _acknowledged_are_there(story: MariadbStory, application: Application, side: str) -> None:
    told = list(application.acknowledged)  # before the rows are read: it goes on writing
    with story.connect(side, user=APPLICATION) as owner, owner.cursor() as cursor:
        cursor.execute("SELECT n FROM ledger")
        rows = {row[0] for row in cursor.fetchall()}
    lost = [number for number in told if number not in rows]
    assert told, "the application never wrote"
    assert not lost, f"{len(lost)} of {len(told)} acknowledged writes are not on the {side}"


def test_what_is_left_after_acceptance_is_found_and_goes_and_the_old_server_stays_closed(servers: Servers, tmp_path: Path) -> None:
    with servers.emptied():
        story = MariadbStory(servers, Case("left", "mariadb", "", "accounts", "carried"), tmp_path)
        story.lay_out()
        names, hands = names_of(story.part), Hands(tmp_path)
        assert registry.find_left(story.part, "source") == []
        with Application(story) as application:
            _there(story, application)
            flows = {(kind, name) for side in ("source", "target") for kind, name, _ in registry.find_left(story.part, side)}
            assert flows == {("database", names.schema), ("channel", names.back)}
            story.mover.finish(story.part)
            assert registry.find_left(story.part, "target") == []
            [(kind, name, size)] = registry.find_left(story.part, "source")
            assert (kind, name, size > 0) == ("database", names.schema, True)
            registry.remove_left(story.part, hands)
            assert registry.find_left(story.part, "source") == []
            registry.remove_left(story.part, hands)
            with pytest.raises(pymysql.err.OperationalError, match="locked"):
                story.connect("source", user=APPLICATION)
            with story.connect("source", database=None) as admin:
                run_all(admin, f"ALTER USER {APPLICATION}@'%' ACCOUNT UNLOCK")
            with pytest.raises(StepFailed, match=APPLICATION):
                registry.remove_left(story.part, hands)
            application.rest()
        assert not application.harm, application.harm[:3]


def _write_on(story: MariadbStory, number: int, ended: threading.Event, longest: list[float]) -> None:
    """One session that is never ended: it must not be, and waits for a moment only."""
    with story.connect("target", user=APPLICATION) as session, session.cursor() as cursor:
        since = time.monotonic()
        for count in itertools.count(1):
            cursor.execute("INSERT INTO ledger (n) VALUES (%s)", (number * 10_000_000 + count,))
            longest[number - 1] = max(longest[number - 1], time.monotonic() - since)
            since = time.monotonic()
            if ended.is_set():
                return


def test_both_sides_are_seen_at_one_point_while_sessions_write_that_nothing_holds(
    servers: Servers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with servers.emptied():
        story = MariadbStory(servers, Case("looks", "mariadb", "", "sessions and waits", "carried"), tmp_path)
        story.lay_out()
        story.mover.prepare(story.part)
        with Application(story) as application:
            story.switch(Direction.FORWARD, application)
            story.mover.arm(story.part, "armed")
            longest, ended = [0.0] * 4, threading.Event()
            with ThreadPoolExecutor(4) as pool:
                writing = [pool.submit(_write_on, story, number, ended, longest) for number in range(1, 5)]
                try:
                    looks = [story.look(Direction.BACK) for _ in range(10)]
                finally:
                    ended.set()
                assert [each.result() for each in writing] == [None] * 4
            application.rest()
        assert [look["outcome"] for look in looks] == ["seen"] * 10, [look["reason"] for look in looks]
        assert application.harm == []
        with capsys.disabled():
            print("  looks:", [look["timings_ms"]["drain"] for look in looks], "ms; longest wait of a writer:", round(max(longest) * 1000), "ms")


def test_who_stops_in_the_middle_of_a_look_keeps_nobody_waiting(servers: Servers, tmp_path: Path) -> None:
    with servers.emptied():
        story = MariadbStory(servers, Case("looks", "mariadb", "", "sessions and waits", "carried"), tmp_path)
        story.lay_out()
        story.mover.prepare(story.part)
        live = make_side(story.mover.fence(story.part, Direction.FORWARD, snapshot_only=True)["live"])
        assert isinstance(live, StandsStill)
        began = time.monotonic()
        live.stand_still(2.0)  # and says nothing any more
        with story.connect("source", user=APPLICATION) as session:
            session.cursor().execute("INSERT INTO ledger (n) VALUES (1)")
        assert 0.5 < time.monotonic() - began < 30, "it waited, and the server ended who had gone"
        live.disconnect()
