"""The live target dies for good: the source is opened without it, with all that flowed back and no number given twice."""

from __future__ import annotations

import datetime as dt
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import sql

from orchestrator.cutover import kinds
from orchestrator.movers import registry
from orchestrator.movers.contract import Direction, Hands, Mover, Part, Progress
from orchestrator.movers.side import Fenced
from tests.contracts.guard.servers import APPLICATION, Servers

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

_TABLES = """
CREATE TABLE requests (n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text);
CREATE TABLE ledger (n bigint PRIMARY KEY, receipt bigint NOT NULL);
CREATE SEQUENCE receipts;
CREATE SEQUENCE countdown INCREMENT -1 MAXVALUE 100 MINVALUE -1000000;
CREATE SEQUENCE tickets MAXVALUE 3;
CREATE SEQUENCE "未使用";
CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS n FROM ledger;
"""
_WRITE = "INSERT INTO requests (body) VALUES ('x'); INSERT INTO ledger SELECT coalesce(max(n), 0) + 1, nextval('receipts') FROM ledger"


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with tempfile.TemporaryDirectory(prefix="alone-") as folder:
        Path(folder).chmod(0o755)
        with Servers(Path(folder)) as running:
            yield running


def test_the_source_is_opened_without_its_target(servers: Servers) -> None:
    part = servers.part("records", "target")
    looks: list[Progress] = []
    mover = registry.make_mover("postgresql", Hands(folder=servers.folder, progress=looks.append))
    with servers.connect("source", "postgres") as admin:
        admin.execute(sql.SQL("CREATE DATABASE records OWNER {}").format(sql.Identifier(APPLICATION)))
    with servers.connect("source", "records", user=APPLICATION) as owner:
        owner.execute(_TABLES)
        owner.execute(_WRITE)
    mover.prepare(part)
    _compare(mover, part)
    compared = [(look.tables_done, look.tables) for look in looks if look.doing == "comparison"]
    assert compared == [(0, 2), (1, 2), (2, 2)]
    _switch(mover.fence(part, Direction.FORWARD))
    mover.arm(part, f"m1-armed-{time.time_ns()}")
    with servers.connect("target", "records", user=APPLICATION) as live:
        for _ in range(50):
            live.execute(_WRITE)
        live.execute("SELECT nextval('countdown'), nextval('tickets')")
    before_the_look = dt.datetime.now(dt.UTC)
    assert mover.find_alarms(part, f"m1-watch-{time.time_ns()}") == {}
    with servers.connect("target", "records", user=APPLICATION) as live:
        receipt = live.execute("SELECT nextval('receipts')").fetchone()  # a citizen holds it; its row never came
        assert receipt is not None
    assert mover.answers(part, "target")
    servers.kill("target")
    assert not mover.answers(part, "target")

    facts = mover.open_alone(part, "m1-alone-9", 9)
    again = mover.open_alone(part, "m1-alone-9", 9)
    with pytest.raises(Fenced):
        mover.open_alone(part, "m1-alone-8", 8)

    kept = dt.datetime.fromisoformat(facts["kept_until"])
    assert before_the_look - dt.timedelta(seconds=1) <= kept <= dt.datetime.now(dt.UTC)
    assert again["kept_until"] == facts["kept_until"]
    assert again["numbers_leapt"] == []
    with servers.connect("source", "records", user=APPLICATION) as client:
        assert client.execute("SELECT count(*) FROM ledger").fetchone() == (51,)
        assert client.execute("SELECT n FROM totals").fetchone() == (51,)
        client.execute(_WRITE)
        taken = client.execute("SELECT max(receipt), (SELECT max(n) FROM requests) FROM ledger").fetchone()
        assert taken is not None
        assert taken[0] > receipt[0]
        assert taken[1] > 51
        assert client.execute("SELECT nextval('countdown')").fetchone() == (100 - 10_001,)
        with pytest.raises(Exception, match="tickets"):  # at its end: it stops, and gives nothing twice
            client.execute("SELECT nextval('tickets')")
        assert client.execute("SELECT nextval('\"未使用\"')").fetchone() == (1,)
    mover.disarm(part, "source")
    mover.withdraw(part, "source")
    with servers.connect("source", "records") as admin:
        assert admin.execute("SELECT count(*) FROM pg_namespace WHERE nspname ~ '^orchestrator'").fetchone() == (0,)
        assert admin.execute("SELECT count(*) FROM pg_subscription").fetchone() == (0,)


def _compare(mover: Mover, part: Part) -> None:
    fenced = mover.fence(part, Direction.FORWARD)
    live, other = kinds.make_side(fenced["live"]), kinds.make_side(fenced["other"])
    assert mover.compare(part, Direction.FORWARD, (live.snapshot(), other.snapshot())).differences == ()
    live.disconnect()
    other.disconnect()


def _switch(fenced: object) -> None:
    """What the guard does, without its deadlines."""
    assert isinstance(fenced, dict)
    live, other = kinds.make_side(fenced["live"]), kinds.make_side(fenced["other"])
    live.close("m1-forward-1", 1)
    while live.sessions():
        live.end_sessions()
    live.mark("m1-forward-1")
    while not other.marked("m1-forward-1"):
        time.sleep(0.02)
    other.stop_following()
    other.take_over(live.hand_over())
    other.keep_from_here()
    assert live.observed_closed()
    other.open("m1-forward-1", 1)
    live.disconnect()
    other.disconnect()
