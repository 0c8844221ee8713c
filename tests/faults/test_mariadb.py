"""A system on MariaDB through the command line: forward, back with what was written on the cloud, forward to acceptance; every
write that a client was told of is there."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest
import yaml

from orchestrator.embedded import mariadb
from orchestrator.embedded.city import City
from orchestrator.embedded.people import OPERATOR, People
from orchestrator.engine.session import Session
from orchestrator.settings import Settings
from tests.faults.conftest import CHECKOUT, Story, wait_until
from tests.support.lending import Client, at_work, lost

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]
DESK = "library-desk"
GAP_MS = 8000
"""Ample: what is counted here is writes, on a machine that may be busy."""


def _inventory(folder: Path) -> Path:
    """The demo's, with its MariaDB system only, and a trial run in which something can happen."""
    demo = CHECKOUT / "inventories/demo"
    folder.mkdir()
    for name in ("departments.yaml", "program.yaml", "sites.yaml"):
        shutil.copy(demo / name, folder / name)
    document = yaml.safe_load((demo / "culture.yaml").read_text("utf-8"))
    longer = {"trial_run_seconds": 30, "interruption": {"gap_ms": GAP_MS, "failed_requests": 0}}
    document["systems"] = [system | longer for system in document["systems"] if system["id"] == DESK]
    (folder / "culture.yaml").write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")
    return folder


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    own = City(tmp_path_factory.mktemp("city"), _inventory(tmp_path_factory.mktemp("inventory") / "own"))
    own.up()
    try:
        yield own
    finally:
        own.down()


@pytest.fixture
def story(city: City, tmp_path: Path) -> Iterator[Story]:
    session = Session(Settings(state=city.folder / "state", **city.settings()), OPERATOR)
    one = Story(city, session, DESK, tmp_path)
    with People(session, city, lambda _system: one.accepting, lambda: None):
        yield one
        for engine in one.engines:
            if engine.poll() is None:
                engine.kill()
                engine.wait()


@pytest.fixture(scope="module")
def clients(city: City) -> Iterator[list[Client]]:
    gateway = city.site("room")["tcp"]
    source = city.source_database(DESK)
    with at_work(source, gateway["address"], gateway["ports"]["lending"], 4) as own:
        yield own


def _told(measured: Any) -> str:
    detail = measured.detail
    return (
        f"{measured.direction}: gap {measured.longest_gap_ms:.0f} ms, {measured.failed_requests} of {measured.requests} failed,"
        f" {detail['ended_connections']} connections ended, {detail['attempts']} attempts, {detail['timings_ms']}"
    )


def test_it_goes_back_after_the_switch_with_what_was_written_on_the_cloud(
    story: Story, clients: list[Client], city: City, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = story.start("migrate", "--system", DESK, "--direct", "--wait")
    story.until_step("trial_run")
    there = str(story.step("provision").facts["servers"]["desk-1"]["address"])
    before = [len(client.written) for client in clients]
    time.sleep(1)
    assert all(len(client.written) > count for client, count in zip(clients, before, strict=True)), "served by the cloud"
    assert lost(clients, city.source_database(DESK), there) == set()
    assert story.run("rollback", DESK, "--reason", "the department asks", "--direct", seconds=300) == 0, story.said()
    assert engine.wait(300) == 4, story.said()
    assert (story.row.ending, story.row.live) == ("rolled_back_after_cutover", "source")
    time.sleep(1)
    assert lost(clients, city.source_database(DESK)) == set()
    measured = [m for m in story.session.decisions.measurements(story.row.id) if m.kind == "cutover"]
    assert [m.direction for m in measured] == ["forward", "back"]
    for each in measured:
        assert each.detail["ended_connections"] >= len(clients), "foretold and counted"
        assert each.failed_requests <= each.budget_failed, "no error but those"
    with capsys.disabled():
        print(*(_told(each) for each in measured), f"{sum(len(c.written) for c in clients)} writes, 0 lost", sep="\n  ")
    assert all(len(client.failed) <= 2 + sum(m.detail["attempts"] - 1 for m in measured) for client in clients), [c.failed for c in clients]


@pytest.mark.long
def test_it_is_accepted_and_the_engine_killed_at_the_decision_loses_nothing(story: Story, clients: list[Client], city: City) -> None:
    story.accepting = True
    engine = story.start("migrate", "--system", DESK, "--direct", "--wait")
    wait_until("the second migration began", lambda: story.row.state != "ended", 120)
    wait_until("the guard decides", lambda: [e for e in story.record("deciding") if e["attempt"].startswith(story.row.id)], 400, every=0.002)
    story.kill(engine)
    assert story.run("resume", DESK, "--direct", "--wait") == 0, story.said()
    assert (story.row.ending, story.row.live) == ("accepted", "target")
    there = str(story.step("provision").facts["servers"]["desk-1"]["address"])
    before = [len(client.written) for client in clients]
    time.sleep(1)
    assert all(len(client.written) > count for client, count in zip(clients, before, strict=True))
    assert lost(clients, city.source_database(DESK), there) == set()
    with pytest.raises(pymysql.err.OperationalError):  # the old side stays closed
        mariadb.connect(city.source_database(DESK), admin=False)
