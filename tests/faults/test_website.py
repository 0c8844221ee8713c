"""A web site without a database: forward to acceptance, and back after the switch; no request of its readers fails."""

from __future__ import annotations

import http.client
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from orchestrator.embedded.city import City
from orchestrator.embedded.people import OPERATOR, People
from orchestrator.engine.session import Session
from orchestrator.settings import Settings
from tests.faults.conftest import CHECKOUT, Story, wait_until

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]
SITE = "city-website"


def _inventory(folder: Path) -> Path:
    """The demo's sites with one system on them: a site of two instances, and no database anywhere."""
    demo = CHECKOUT / "inventories/demo"
    folder.mkdir()
    for name in ("departments.yaml", "program.yaml"):
        shutil.copy(demo / name, folder / name)
    sites = yaml.safe_load((demo / "sites.yaml").read_text("utf-8"))
    sites["entry"]["ports"]["website"] = 8084
    (folder / "sites.yaml").write_text(yaml.safe_dump(sites, allow_unicode=True), "utf-8")
    weather = yaml.safe_load((demo / "meteorology.yaml").read_text("utf-8"))["systems"][0]
    host = {**weather["hosts"][0], "name": "web-1", "address": "127.20.1.61"}
    service = {
        "host": "web-1", "command": ["/srv/website/app/website"], "health": {"kind": "http", "target": "/health", "expected": "200"},
        "singleton": False, "entry": "website",
        "environment": {"LISTEN_ADDRESS": "@listen.address", "LISTEN_PORT": "@listen.port", "PAGES": "/srv/website/pages"},
    }  # fmt: skip
    site = {key: value for key, value in weather.items() if key not in ("databases", "data_resources", "links")} | {
        "id": SITE, "name": "市政府门户网站", "name_en": "City web site", "dbms": "无数据库", "hosts": [host], "trial_run_seconds": 30,
        "file_trees": [{"host": "web-1", "path": path, "size_gb": 0.01} for path in ("/srv/website/app", "/srv/website/pages")],
        "services": [{**service, "name": "web-a", "port": 8001}, {**service, "name": "web-b", "port": 8002}],
    }  # fmt: skip
    (folder / "meteorology.yaml").write_text(yaml.safe_dump({"systems": [site]}, allow_unicode=True), "utf-8")
    return folder


class _SiteCity(City):
    """The pages are there before the instances are asked how they are."""

    def _applications(self) -> None:
        pages = self.host_folder("web-1") / "srv/website/pages"
        pages.mkdir(parents=True)
        (pages / "index.html").write_text("<h1>市政府</h1>", "utf-8")
        for number in range(200):
            (pages / f"公告-{number}.html").write_text(f"公告 {number}", "utf-8")
        super()._applications()


@dataclass
class Reader(threading.Thread):
    """A citizen who asks for a page all the time, each time by a connection of his own."""

    address: str
    port: int
    asked: int = 0
    failed: list[str] = field(default_factory=list)
    instances: list[str] = field(default_factory=list)
    """Who answered, each time it was another one: for a moment both do."""
    longest: float = 0.0
    ended: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        while not self.ended.wait(0.01):
            began = time.monotonic()
            try:
                connection = http.client.HTTPConnection(self.address, self.port, timeout=10)
                connection.request("GET", "/index.html")
                answer = connection.getresponse()
                if answer.status != 200 or "市政府" not in answer.read().decode():
                    self.failed.append(str(answer.status))
                if self.instances[-1:] != [instance := str(answer.getheader("X-Instance"))]:
                    self.instances.append(instance)
                connection.close()
            except OSError as error:
                self.failed.append(repr(error))
            self.asked += 1
            self.longest = max(self.longest, time.monotonic() - began)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    own = _SiteCity(tmp_path_factory.mktemp("city"), _inventory(tmp_path_factory.mktemp("inventory") / "own"))
    own.up()
    try:
        yield own
    finally:
        own.down()


@pytest.fixture
def story(city: City, tmp_path: Path) -> Iterator[Story]:
    session = Session(Settings(state=city.folder / "state", **city.settings()), OPERATOR)
    one = Story(city, session, SITE, tmp_path)
    with People(session, city, lambda _system: one.accepting, lambda: None):
        yield one
        for engine in one.engines:
            if engine.poll() is None:
                engine.kill()
                engine.wait()


@pytest.fixture
def reader(city: City) -> Iterator[Reader]:
    edge = city.sites()["entry"]
    one = Reader(edge["address"], edge["ports"]["website"])
    one.start()
    yield one
    one.ended.set()
    one.join(15)


def test_it_goes_back_after_the_switch_and_a_page_written_on_the_cloud_comes_along(story: Story, reader: Reader, city: City) -> None:
    old = city.host_folder("web-1") / "srv/website/pages"
    engine = story.start("migrate", "--system", SITE, "--direct", "--wait")
    story.until_step("trial_run")
    first = reader.instances[0]
    assert reader.instances[-1] != first, "the entry follows"
    there = Path(str(old).replace("/web-1/", "/web-1-cloud/"))
    (there / "new.html").write_text("written on the cloud", "utf-8")
    assert story.run("rollback", SITE, "--reason", "the department asks", "--direct", seconds=200) == 0, story.said()
    assert engine.wait(200) == 4, story.said()
    assert (story.row.ending, story.row.live) == ("rolled_back_after_cutover", "source")
    assert (old / "new.html").read_text("utf-8") == "written on the cloud"
    assert (reader.failed, reader.instances[-1]) == ([], first)
    measured = [m for m in story.session.decisions.measurements(story.row.id) if m.kind == "cutover"]
    assert [m.direction for m in measured] == ["forward", "back"]
    assert all(m.requests > 0 and m.failed_requests == 0 for m in measured)


def test_it_is_accepted_on_the_cloud_and_the_engine_killed_at_the_decision_changes_nothing(story: Story, reader: Reader, capsys) -> None:
    story.accepting = True
    engine = story.start("migrate", "--system", SITE, "--direct", "--wait")
    wait_until("the second migration began", lambda: story.row.state != "ended", 60)
    story.until_step("cutover", "done")
    story.kill(engine)
    assert story.run("resume", SITE, "--direct", "--wait") == 0, story.said()
    assert (story.row.ending, story.row.live) == ("accepted", "target")
    assert reader.failed == []
    assert reader.instances[-1] != reader.instances[0]
    with capsys.disabled():
        print(f"\n  {reader.asked} pages asked for, {len(reader.failed)} not given, the slowest after {reader.longest * 1000:.0f} ms")
