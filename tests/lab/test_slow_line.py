"""A line of 4 Mbit/s to the cloud centre that drops for 20 s while files and database are copied: nobody is turned away, and it arrives."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.lab import furnish, inventory
from tests.lab.journey import WAITING, Citizens, Journey, moved_rows
from tests.lab.lab import DEFAULT_HOSTS, Lab

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(3000)]
MINUTES = 8
HOSTS = DEFAULT_HOSTS
RATE, DROPPED_SECONDS = "4mbit", 20.0
SLOW = ("app-new", "db-new")
COPIES = ("copy_files", "replicate")
FILES = 'for n in $(seq 1 12); do head -c 1000000 /dev/urandom >/srv/permits/uploads/plan-$n; done; chown permits: /srv/permits/uploads/*'
"""24 s of the line; the rows below as long again."""
ROWS = """CREATE TABLE plans (id int PRIMARY KEY, sheet bytea NOT NULL);
ALTER TABLE plans ALTER sheet SET STORAGE EXTERNAL; ALTER TABLE plans OWNER TO permits_app;
INSERT INTO plans SELECT n, decode(string_agg(md5(random()::text), ''), 'hex')
FROM generate_series(1, 12) AS n, generate_series(1, 62500) AS m GROUP BY n;
"""


@dataclass
class Trip:
    """What was seen over the slow line."""

    journey: Journey
    dropped_in: list[str] = field(default_factory=list)
    prepared: int = -1
    switched: int = -1
    accepted: int = -1
    acknowledged: list[int] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


@contextmanager
def dropping(lab: Lab, trip: Trip) -> Iterator[None]:
    """While each of ``COPIES`` runs, the cloud centre's line is out once."""
    ending = threading.Event()

    def watch() -> None:
        while not ending.wait(1.0) and len(trip.dropped_in) < len(COPIES):
            asked = lab.orchestrator("status", "permits", "--json")
            rows = json.loads(asked.stdout) if asked.returncode == 0 else []  # there is no journal before the first step
            steps = [row["step"] for row in rows if row["step_state"] == "running"]
            for step in steps:
                if step in COPIES and step not in trip.dropped_in:
                    time.sleep(4.0)  # it has begun to copy
                    lab.partition("cloud")
                    time.sleep(DROPPED_SECONDS)
                    lab.heal("cloud")
                    trip.dropped_in.append(step)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join(90)


@pytest.fixture(scope="module")
def trip(lab: Lab) -> Trip:
    passwords = furnish.whole_city(lab)
    lab["app"].script(FILES, limit=120)
    lab["db"].write("/var/lib/postgresql/plans.sql", ROWS)
    lab["db"].run("runuser", "-u", "postgres", "--", "psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", "permits", "-f", "/var/lib/postgresql/plans.sql")
    inventory.write(lab, [inventory.permits(lab)], passwords, entries={"permits": 8080})
    trip = Trip(Journey(lab, "permits"))
    for name in SLOW:
        lab.slow(name, RATE)
    with Citizens(lab) as citizens:
        with dropping(lab, trip):
            trip.prepared = trip.journey.migrate(stop_at="initial acceptance")
        trip.switched = trip.journey.resume(stop_at="final acceptance")
        trip.accepted = trip.journey.resume()
    trip.acknowledged, trip.failed = citizens.acknowledged, citizens.failed
    return trip


def test_the_line_was_out_while_files_and_while_rows_were_copied(trip: Trip) -> None:
    assert tuple(trip.dropped_in) == COPIES, trip.journey.said[-6000:]
    assert trip.prepared == WAITING, trip.journey.said[-6000:]


def test_it_was_switched_over_the_slow_line_and_accepted(trip: Trip) -> None:
    assert (trip.switched, trip.accepted) == (WAITING, 0), trip.journey.said[-6000:]


def test_nothing_was_lost_and_nobody_was_turned_away(lab: Lab, trip: Trip) -> None:
    kept = set(moved_rows(lab, "db-new", "permits", "SELECT id FROM permits"))
    assert len(trip.acknowledged) > 20
    assert [number for number in trip.acknowledged if str(number) not in kept] == []
    assert trip.failed == []
    assert moved_rows(lab, "db-new", "permits", "SELECT count(*) FROM plans") == ["12"]
