"""More tables than a server has places for their origins (``max_replication_slots``, 10 by default), and changes that are applied
slowly: copied tables keep their places until their last changes are there, the others fail and take turns."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import psycopg
import pytest

from orchestrator.movers.contract import Direction
from tests.contracts.mover.application import Application
from tests.contracts.mover.cases import Case
from tests.contracts.mover.servers import APPLICATION, Servers
from tests.contracts.mover.story import Story

pytestmark = pytest.mark.servers

TABLES = """
CREATE TABLE keyless (n int, v text);
INSERT INTO keyless SELECT i, 'x' FROM generate_series(1, 20000) AS i;
DO $$ BEGIN FOR t IN 1..150 LOOP
 EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, v text)', t); EXECUTE format('INSERT INTO t%s VALUES (1, %L)', t, t);
END LOOP; END $$
"""
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


def test_more_tables_than_places_for_their_origins_are_copied_in_turns(tmp_path: Path) -> None:
    case = Case("many", "postgresql", "", "names and sizes", "carried", source=TABLES)
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
