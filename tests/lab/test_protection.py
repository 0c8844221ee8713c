"""What a grade demands of the servers on the cloud is asked of the servers themselves; one that is protected less than the old one holds
acceptance up until somebody says why. On hosts that boot, with nftables and sshd as Debian has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import yaml

from orchestrator.hosts import protection
from tests.lab import furnish, inventory
from tests.lab.connect import connection_to
from tests.lab.journey import ROLLED_BACK, WAITING, Journey
from tests.lab.lab import DEFAULT_HOSTS, Lab

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1800)]
MINUTES = 4
HOSTS = DEFAULT_HOSTS
PACKAGES = ("nftables",)
AGENT = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
AGENTS = ("backup-agent.service", "node-exporter.service")
"""Stand for a backup client's and a monitor's: any unit will do."""
LOG_IN = "/etc/ssh/sshd_config.d/00-office.conf"
DROPS = "policy drop;\nct state established,related accept\niif lo accept\nip saddr 10.80.0.0/16 accept\n"
REFUSES = "policy accept;\nct state established,related accept\niif lo accept\nip saddr 10.80.0.0/16 accept\ncounter reject\n"
LETS_IN = "policy accept;\nct state invalid drop\n"
STANDARD = {
    "from_grade": 2, "network": "10.80.2.0/24", "filtered": True, "passwords": False,
    "backup": AGENTS[:1], "monitoring": AGENTS[1:],
}  # fmt: skip


def filter_by(lab: Lab, name: str, rules: str) -> None:
    text = f"flush ruleset\ntable inet office {{\nchain in {{\ntype filter hook input priority 0; {rules}}}\n}}\n"
    lab[name].write("/etc/nftables.conf", f"#!/usr/sbin/nft -f\n{text}")
    lab[name].run("systemctl", "restart", "nftables")


def protect(lab: Lab, name: str) -> None:
    """As the standard demands it."""
    filter_by(lab, name, DROPS)
    lab[name].write(LOG_IN, "PasswordAuthentication no\nPermitRootLogin no\n")
    for agent in AGENTS:
        lab[name].write(f"/etc/systemd/system/{agent}", AGENT)
    lab[name].script(f"systemctl daemon-reload; systemctl reload ssh; systemctl enable --quiet --now {' '.join(AGENTS)}")


@dataclass
class Trip:
    journey: Journey
    refused: int = 0
    said_first: str = ""
    waiting: int = 0
    waits: str = ""
    code: int = 0


@pytest.fixture(scope="module")
def trip(lab: Lab) -> Iterator[Trip]:
    passwords = furnish.whole_city(lab)
    inventory.write(lab, [inventory.permits(lab)], passwords, entries={"permits": 8080})
    sites = lab.city / "inventory/sites.yaml"
    document = yaml.safe_load(sites.read_text("utf-8")) | {"standards": [STANDARD]}
    sites.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), "utf-8")
    trip = Trip(Journey(lab, "permits"))
    filter_by(lab, "app", DROPS)
    for name in ("app-new", "db-new"):
        lab[name].write(LOG_IN, "PasswordAuthentication yes\n")
        lab[name].run("systemctl", "reload", "ssh")
    trip.refused = trip.journey.migrate()
    trip.said_first = trip.journey.said
    for name in ("app-new", "db-new"):
        protect(lab, name)
    lab["app-new"].script("useradd helpdesk; echo 'helpdesk ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/helpdesk")
    trip.waiting = trip.journey.migrate(stop_at="human task")
    trip.waits = trip.journey.said[-2000:]
    trip.code = trip.journey.resume()
    yield trip


def test_what_the_grade_demands_is_asked_before_anything_is_copied(trip: Trip) -> None:
    assert trip.refused == ROLLED_BACK
    for name in ("app-new", "db-new"):
        for words in ("a filter that refuses", "backup-agent.service", "node-exporter.service", "by password over SSH"):
            assert any(name in line and words in line for line in trip.said_first.splitlines()), (name, words, trip.said_first[-3000:])
    assert "copy the databases" not in trip.said_first


def test_a_server_that_more_people_administer_waits_for_somebody_to_say_why_and_is_accepted_then(trip: Trip) -> None:
    assert trip.waiting == WAITING, trip.journey.said[-6000:]
    assert "app-new" in trip.waits and "helpdesk" in trip.waits
    assert trip.code == 0, trip.journey.said[-6000:]


@pytest.mark.parametrize(("rules", "is_filtered"), [(DROPS, True), (REFUSES, True), (LETS_IN, False)])
@pytest.mark.usefixtures("trip")
def test_a_filter_is_one_that_refuses_what_is_not_allowed(lab: Lab, rules: str, is_filtered: bool) -> None:
    filter_by(lab, "db", rules)
    with connection_to(lab, "db") as connection:
        seen = protection.look(connection, AGENTS)
    assert seen is not None
    assert ("filtered" in seen.seen) is is_filtered
    assert {"root", "ops"} <= seen.administrators
    assert seen.active == frozenset()


@pytest.mark.usefixtures("trip")
def test_a_protected_host_shows_it(lab: Lab) -> None:
    with connection_to(lab, "db-new") as connection:
        seen = protection.look(connection, AGENTS)
    assert seen is not None
    assert seen.seen == {"filtered"}
    assert seen.active == set(AGENTS)
