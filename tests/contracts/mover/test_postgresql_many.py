"""More tables than a server has places for their origins (``max_replication_slots``, 10 by default), and changes that are applied
slowly: copied tables keep their places until their last changes are there, the others fail and take turns."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import psycopg
import pytest

from orchestrator.movers.contract import Direction, Moment
from tests.contracts.mover.application import Application
from tests.contracts.mover.cases import Case
from tests.contracts.mover.servers import APPLICATION, Servers
from tests.contracts.mover.story import Story

pytestmark = pytest.mark.servers

KEYLESS = "CREATE TABLE keyless (n int, v text); INSERT INTO keyless SELECT i, 'x' FROM generate_series(1, 20000) AS i"


def _each(statements: str, last: int) -> str:
    """For the tables t1 … t``last``, a few in one transaction."""
    loops = [
        f"DO $$ BEGIN FOR t IN {first}..{min(first + 49, last)} LOOP {statements} END LOOP; END $$"
        for first in range(1, last + 1, 50)
    ]
    return "\n---\n".join(loops)


def _tables(number: int) -> str:
    create = "EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, v text)', t);"
    fill = "EXECUTE format('INSERT INTO t%s VALUES (1, %L)', t, t);"
    return _each(f"{create} {fill}", number)


NARROW = "max_locks_per_transaction = 10\nmax_connections = 30\nmax_prepared_transactions = 0\nmax_worker_processes = 20\nmax_wal_senders = 10\n"
"""Room for locks on 640 objects."""
FEW = "max_replication_slots = 8\n"
SLOW = "UPDATE keyless SET v = reverse(v) WHERE n % 1000 = 1"
ENOUGH = 12
"""Errors, more than a copy may have that does not get on."""


def _errors(servers: Servers) -> int:
    with servers.connect("target", "postgres") as target:
        row = target.execute("SELECT coalesce(sum(sync_error_count), 0) FROM pg_stat_subscription_stats").fetchone()
    return int(row[0]) if row else 0


def _write_slowly_applied(servers: Servers, harm: list[str]) -> None:
    """As long as few copies have failed: each of these rows is looked for in the whole table."""
    until = time.monotonic() + 200
    try:
        with servers.connect("source", "records", user=APPLICATION) as client:
            while _errors(servers) < ENOUGH and time.monotonic() < until:
                client.execute(SLOW)
    except psycopg.Error as error:
        harm.append(str(error))


@pytest.mark.long  # the group with a hundred tables is its short form
def test_more_tables_than_places_for_their_origins_are_copied_in_turns(tmp_path: Path) -> None:
    case = Case("many", "postgresql", "", "names and sizes", "carried", source=KEYLESS + "\n---\n" + _tables(150))
    harm: list[str] = []
    with Servers(tmp_path / "clusters", conf=FEW) as servers:
        story = Story(servers, case, tmp_path)
        story.lay_out()
        with Application(servers, "records", []) as application:
            writer = threading.Thread(target=_write_slowly_applied, args=(servers, harm), daemon=True)
            writer.start()
            story.mover.prepare(story.part)
            writer.join(60)
            assert _errors(servers) >= ENOUGH, "it did not come to what this is about"
            story.switch(Direction.FORWARD, application)
            application.rest()
        assert application.harm + harm == []


def _story(servers: Servers, folder: Path, tables: int) -> Story:
    story = Story(servers, Case("locks", "postgresql", "", "names and sizes", "carried", source=_tables(tables)), folder)
    story.lay_out()
    return story


def test_more_tables_than_the_server_has_locks_for_are_refused_before_anything_asks_for_one(tmp_path: Path) -> None:
    with Servers(tmp_path / "clusters", conf=NARROW) as servers:
        story = _story(servers, tmp_path, 500)
        found = [finding for finding in story.check(Moment.PREFLIGHT) if finding.code == "capacity"]
        assert len(found) == 1 and "max_locks_per_transaction of the source makes room for locks on" in found[0].message


def test_a_target_whose_places_for_origins_are_taken_by_others_is_refused_with_numbers(tmp_path: Path) -> None:
    with Servers(tmp_path / "clusters", conf=FEW) as servers:
        story = _story(servers, tmp_path, 1)
        with servers.connect("target", "postgres") as admin:
            for number in range(6):
                admin.execute("SELECT pg_replication_origin_create(%s)", (f"somebody's {number}",))
                admin.execute("SELECT pg_replication_origin_advance(%s, '0/1')", (f"somebody's {number}",))
        found = [finding.message for finding in story.check(Moment.COPY) if finding.code == "capacity"]
        assert len(found) == 1 and "max_replication_slots of the target is 8, 6 in use" in found[0]


@pytest.mark.long
def test_as_many_tables_as_are_said_to_fit_do(tmp_path: Path) -> None:
    with Servers(tmp_path / "clusters", conf=NARROW) as servers:
        story = _story(servers, tmp_path, 380)
        assert not story.check(Moment.PREFLIGHT)
        story.mover.back_up(story.part)
        story.mover.drop_copy(story.part)
        assert not story.check(Moment.COPY)
        story.mover.prepare(story.part)
        story.withdraw()
