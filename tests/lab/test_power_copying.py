"""Power cuts of every host of a system in the middle of the step that needs it most: before anything is switched. Each time the engine
comes to its end by itself, citizens are answered where they were, and a new attempt begins; the last one is accepted."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.lab import furnish, inventory
from tests.lab.journey import REFUSED, ROLLED_BACK, WAITING, Citizens, Journey, moved_rows, photograph
from tests.lab.lab import DEFAULT_HOSTS, Lab
from tests.lab.test_power import cut_and_boot, is_answered

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(3000)]
MINUTES = 11
HOSTS = DEFAULT_HOSTS
CUTS = (
    ("edge", "prepare_hosts"), ("app", "copy_files"), ("app-new", "copy_files"), ("db", "replicate"), ("db-new", "replicate"),
    ("gw-room", "rehearse"), ("gw-cloud", "deploy_services"),
)  # fmt: skip
TREES, UNITS = ("/opt/permits", "/srv/permits", "/etc/permits"), ("permits-web.service", "permits-worker.service", "permits-nightly.timer")


@dataclass
class Trip:
    """What was seen of each attempt, and of the last one, which nobody disturbed."""

    journey: Journey
    cut_in: list[tuple[str, str]] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    answered: list[bool] = field(default_factory=list)
    before: str = ""
    after: str = ""
    switched: int = 0
    accepted: int = 0
    acknowledged: list[int] = field(default_factory=list)


def cut_on(lab: Lab, trip: Trip, ending: threading.Event) -> None:
    """In each step of this attempt one host that was not cut in it yet loses its power."""
    seen: set[str] = set()
    while not ending.is_set():
        asked = lab.orchestrator("status", "permits", "--json")
        rows = json.loads(asked.stdout) if asked.returncode == 0 else []  # there is no journal before the first step
        for step in {row["step"] for row in rows if row["step_state"] == "running"} - seen:
            seen.add(step)
            for name in [name for name, at in CUTS if at == step and (name, at) not in trip.cut_in][:1]:
                cut_and_boot(lab, name)
                trip.cut_in.append((name, step))
        time.sleep(0.1)


def attempt(lab: Lab, trip: Trip) -> int:
    """One migration whose hosts lose their power; what it ended with, and went back from where it had not gone back by itself."""
    ending = threading.Event()
    thread = threading.Thread(target=cut_on, args=(lab, trip, ending), daemon=True)
    thread.start()
    try:
        code = trip.journey.migrate(stop_at="initial acceptance")
    finally:
        ending.set()
        thread.join(180)
    if code not in (WAITING, REFUSED, ROLLED_BACK):
        code = trip.journey.resume(stop_at="initial acceptance")
    if code == WAITING:
        trip.journey.roll_back()
    return code


@pytest.fixture(scope="module")
def trip(lab: Lab) -> Iterator[Trip]:
    passwords = furnish.whole_city(lab)
    inventory.write(lab, [inventory.permits(lab)], passwords, entries={"permits": 8080})
    trip = Trip(Journey(lab, "permits"))
    trip.before = photograph(lab["app"], TREES, UNITS)
    with Citizens(lab) as citizens:
        while len(trip.cut_in) < len(CUTS) and len(trip.codes) < len(CUTS):
            trip.codes.append(attempt(lab, trip))
            trip.answered.append(is_answered(lab))
        trip.after = photograph(lab["app"], TREES, UNITS)
        trip.switched = trip.journey.migrate(stop_at="final acceptance")
        trip.accepted = trip.journey.resume()
    trip.acknowledged = citizens.acknowledged
    yield trip


def test_every_host_was_cut_in_its_step(trip: Trip) -> None:
    assert set(trip.cut_in) == set(CUTS), trip.journey.said[-6000:]


def test_citizens_are_answered_after_each_and_the_old_host_is_as_it_was(trip: Trip) -> None:
    assert trip.answered == [True] * len(trip.codes)
    assert trip.after == trip.before


def test_another_attempt_is_accepted_and_nothing_that_was_acknowledged_is_lost(lab: Lab, trip: Trip) -> None:
    assert (trip.switched, trip.accepted) == (WAITING, 0), trip.journey.said[-6000:]
    kept = set(moved_rows(lab, "db-new", "permits", "SELECT id FROM permits"))
    assert len(trip.acknowledged) > 20
    assert [number for number in trip.acknowledged if str(number) not in kept] == []
