"""A whole server, whatever runs on it: to a landing, back with everything that was written, there again, accepted. By inventory alone.

Citizens write through the entry all the time; what is down is measured from their side. Its database has no mover of ours.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.lab import inventory, landing, whole_server
from tests.lab.furnish import Passwords
from tests.lab.journey import ROLLED_BACK, WAITING, Citizens, Journey
from tests.lab.lab import Lab
from tests.lab.landing import LandedHost

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(3000)]
MINUTES = 10
HOSTS = "box@room bay@cloud gw-cloud@cloud edge@street"
PACKAGES = ("redis-server",)
NEW_ADDRESS = "10.80.2.60"


class Writers(Citizens):
    """Notes when each was answered."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab, ":8080/ledger")
        self.answered: list[float] = []

    def ask(self) -> int:
        number = super().ask()
        self.answered.append(time.monotonic())
        return number

    def longest_gap(self, begin: float, end: float) -> float:
        """Seconds between two answers, the longest that began in this time."""
        times = [moment for moment in self.answered if begin <= moment <= end]
        return max(later - earlier for earlier, later in itertools.pairwise(times))


@dataclass
class Trip:
    """What was seen."""

    journey: Journey
    landed: LandedHost
    before: str = ""
    there: str = ""
    after: str = ""
    code_not_up: int = -1
    after_not_up: str = ""
    code_back: int = -1
    code_again: int = -1
    gaps: list[float] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)
    facts: dict[str, dict[str, object]] = field(default_factory=dict)
    left_behind: str = ""
    stood_by: str = ""


@pytest.fixture(scope="module")
def trip(lab: Lab) -> Iterator[Trip]:
    box, passwords = lab["box"], Passwords()
    passwords["pgbouncer_admin"]  # the sites name one; nothing of this system is behind it
    disk = whole_server.give_disk(lab, box)
    whole_server.furnish_box(lab, box)
    landed = landing.furnish(lab, "bay", NEW_ADDRESS)
    inventory.write(lab, [whole_server.system(lab, new_address=NEW_ADDRESS)], passwords, entries={"ledger": 8080})
    trip = Trip(Journey(lab, "ledger"), landed)
    journey = trip.journey
    try:
        broken = threading.Event()
        with landing.keeper(lab, "bay", landed, broken=broken), Writers(lab) as citizens:
            trip.before = box.script(whole_server.PHOTOGRAPH)
            broken.set()
            begun = time.monotonic()
            trip.code_not_up = journey.migrate()
            trip.gaps.append(citizens.longest_gap(begun, time.monotonic()))
            broken.clear()
            trip.after_not_up = box.script(whole_server.PHOTOGRAPH)
            assert journey.migrate(stop_at="approval of the cutover") == WAITING, journey.said[-6000:]
            begun = time.monotonic()
            assert journey.resume(stop_at="final acceptance") == WAITING, journey.said[-6000:]
            trip.gaps.append(citizens.longest_gap(begun, time.monotonic()))
            trip.there = landed.script(whole_server.PHOTOGRAPH)
            trip.stood_by = box.script("systemctl is-active ledger redis-server churn tick.timer || :; systemctl get-default")
            begun = time.monotonic()
            trip.code_back = journey.roll_back()
            trip.gaps.append(citizens.longest_gap(begun, time.monotonic()))
            trip.after = box.script(whole_server.PHOTOGRAPH)
            trip.left_behind = lab["bay"].run("ls", "-A", landing.PLACE) + box.script(
                "find /var/lib/orchestrator /run/orchestrator-pass -mindepth 1 2>/dev/null || :"
            )
            begun = time.monotonic()
            trip.code_again = journey.migrate()
            trip.gaps.append(citizens.longest_gap(begun, time.monotonic()))
        trip.acknowledged = citizens.acknowledged
        print(
            "\noutages as citizens saw them (not up, there, back, there):",
            [round(gap, 1) for gap in trip.gaps],
            "of",
            len(trip.acknowledged),
            "writes",
        )
        yield trip
    finally:
        landing.take_down(lab, landed)
        print("a second disk:", disk)
        for host in (lab["bay"], box):
            if host.is_on:
                host.script("chattr -f -i -a /srv/odd/* /srv/landing/box/srv/odd/* || :")
        box.cut_power()
        whole_server.take_disk(lab)
        print(journey.said[-3000:])


def test_a_new_place_that_does_not_come_up_in_time_is_gone_back_from(trip: Trip) -> None:
    assert trip.code_not_up == ROLLED_BACK, trip.journey.said[:9000]
    assert trip.after_not_up.splitlines() == trip.before.splitlines()


def test_it_went_there_and_came_back_with_nothing_lost(trip: Trip) -> None:
    assert trip.code_back == 0, trip.journey.said[-6000:]


def test_at_the_new_place_it_is_the_same_server(trip: Trip) -> None:
    per_side = ("/etc/hosts", "/etc/resolv.conf", "/etc/ledger.env")
    before, there = ({line for line in text.splitlines() if not line.endswith(per_side)} for text in (trip.before, trip.there))
    assert before ^ there == set()


def test_the_old_server_stood_by_meanwhile(trip: Trip) -> None:
    assert trip.stood_by.split() == ["inactive", "inactive", "inactive", "inactive", "orchestrator-standby.target"]


def test_back_again_it_is_as_it_was_byte_for_byte_and_owner_for_owner(trip: Trip) -> None:
    assert trip.after.splitlines() == trip.before.splitlines()


def test_going_back_leaves_nothing_behind(trip: Trip) -> None:
    assert trip.left_behind.split() == []


def test_there_again_it_is_accepted(trip: Trip) -> None:
    assert trip.code_again == 0, trip.journey.said[-6000:]


def test_nothing_that_was_acknowledged_is_lost(trip: Trip) -> None:
    assert len(trip.acknowledged) > 50
    assert set(trip.acknowledged) - whole_server.kept_numbers(trip.landed) == set()
    assert set(trip.acknowledged) - whole_server.kept_uploads(trip.landed) == set()


def test_an_accepted_server_boots_by_itself_and_the_old_one_does_not_serve_again(lab: Lab, trip: Trip) -> None:
    assert trip.code_again == 0
    lab["box"].cut_power()
    lab["box"].boot()
    lab["box"].wait_ready()
    assert lab["box"].run("systemctl", "is-active", "ledger", check=False).strip() == "inactive"
    trip.landed.switch_off()
    trip.landed.boot()
    asked = f"until curl -fsS http://{lab['edge'].address}:8080/health >/dev/null 2>&1; do sleep 0.5; done"
    lab["controller"].script(asked, limit=90)


def test_what_was_measured_is_on_record(lab: Lab, trip: Trip) -> None:
    assert trip.gaps
    said = lab.orchestrator("status", "ledger", "--json")
    assert said.returncode == 0
    endings = {row["migration"]: row["ending"] for row in json.loads(said.stdout)}
    assert endings == {"ledger-1": "rolled_back_before_cutover", "ledger-2": "rolled_back_after_cutover", "ledger-3": "accepted"}
