"""One system of PostgreSQL, MariaDB, files and web servers: one gate, one decision, one way back; each kind of client sees what was
said beforehand, and nothing that anybody was told is written is missing."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pymysql
import pytest
import yaml

from orchestrator.embedded import citizens, mariadb
from orchestrator.embedded.city import City
from tests.faults.conftest import CHECKOUT, PORTAL, wait_until
from tests.support.lending import Client, at_work, lost

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900), pytest.mark.long]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """The demo's, with the library's MariaDB server in the portal's system."""
    inventory = tmp_path_factory.mktemp("inventory") / "own"
    shutil.copytree(CHECKOUT / "inventories/demo", inventory)
    library = yaml.safe_load((inventory / "culture.yaml").read_text("utf-8"))["systems"][0]
    (inventory / "culture.yaml").unlink()
    file = inventory / "administrative-service.yaml"
    text = re.sub(r"trial_run_seconds: 8(\.0)?\b", "trial_run_seconds: 20", file.read_text("utf-8"))
    document = yaml.safe_load(text)
    portal = next(system for system in document["systems"] if system["id"] == PORTAL)
    portal["dbms"] = "PostgreSQL 15, MariaDB 10.11"
    portal["hosts"] += [{**host, "name": "portal-desk"} for host in library["hosts"]]
    portal["databases"] += [{**database, "host": "portal-desk"} for database in library["databases"]]
    for service in portal["services"]:
        service["environment"] = {
            name: value.replace("@database.", "@database.portal.") for name, value in service["environment"].items()
        }
    portal["interruption"] = {"gap_ms": 8000, "failed_requests": 0}
    file.write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")
    own = City(tmp_path_factory.mktemp("city"), inventory)
    own.up()
    try:
        yield own
    finally:
        own.down()


@pytest.fixture
def clients(city: City) -> Iterator[list[Client]]:
    gateway = city.site("room")["tcp"]
    with at_work(city.source_database(PORTAL, "lending"), gateway["address"], gateway["ports"]["lending"], 3) as own:
        yield own


def _are_served(clients: list[Client]) -> None:
    before = [len(client.written) for client in clients]
    wait_until("every client writes", lambda: all(len(c.written) > n for c, n in zip(clients, before, strict=True)), 10)


def test_it_goes_there_and_back_and_there_under_one_decision_each_the_last_one_with_the_engine_killed(
    begin, city: City, clients: list[Client], capsys
) -> None:
    baseline = citizens.baseline(city, PORTAL)
    source = city.source_database(PORTAL, "lending")
    story = begin(PORTAL)
    engine = story.start("migrate", "--system", PORTAL, "--direct", "--wait")
    story.until_step("trial_run")
    _are_served(clients)
    there = str(story.step("provision").facts["servers"]["portal-desk"]["address"])
    assert lost(clients, source, there) == set()
    assert story.run("rollback", PORTAL, "--reason", "the department asks", "--direct", seconds=300) == 0, story.said()
    assert engine.wait(200) == 4, story.said()
    first = story.row
    assert (first.ending, first.live) == ("rolled_back_after_cutover", "source")
    _are_served(clients)
    assert lost(clients, source) == set()
    said = story.log.read_text("utf-8")
    for each in ("writes over HTTP wait", "portal (postgresql): clients wait", "lending (mariadb): every connection that is open is ended"):
        assert each in said, "told before it was approved"

    story.accepting = True
    engine = story.start("migrate", "--system", PORTAL, "--direct", "--wait")
    wait_until("the second migration began", lambda: story.row.id != first.id, 120)
    wait_until("the guard decides", lambda: [e for e in story.record("deciding") if e["attempt"].startswith(story.row.id)], 400, every=0.002)
    story.kill(engine)
    assert story.run("resume", PORTAL, "--direct", "--wait") == 0, story.said()
    assert (story.row.ending, story.row.live) == ("accepted", "target")
    _are_served(clients)
    there = str(story.step("provision").facts["servers"]["portal-desk"]["address"])
    assert lost(clients, source, there) == set()
    verdict = story.judged(baseline, live="target")
    measured = [m for row in (first, story.row) for m in story.session.decisions.measurements(row.id) if m.kind == "cutover"]
    with capsys.disabled():
        print(f"\n  {verdict.acknowledged} + {sum(len(c.written) for c in clients)} acknowledged, {verdict.lost} lost, {verdict.failed} failed")
        print(*(f"  {m.direction}: {m.detail['timings_ms']}" for m in measured), sep="\n")
    assert verdict.faults == [], verdict.details
    assert (verdict.lost, verdict.duplicated, verdict.failed) == (0, 0, 0)
    attempts = sum(m.detail["attempts"] for m in measured)
    assert all(len(client.failed) <= attempts for client in clients), [client.failed for client in clients]
    with pytest.raises(pymysql.err.OperationalError):  # the old side stays closed
        mariadb.connect(source, admin=False)
