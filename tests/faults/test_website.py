"""A web site without a database, whose citizens read and upload all the time: forward, back, and forward to acceptance. No request
fails, every upload that was acknowledged is there once, under its own name, and nothing lies in quarantine."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
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
SITE = "culture-website"


def _inventory(folder: Path) -> Path:
    """The demo's, with its web site only (two instances, and no database anywhere), and a trial run in which something can happen."""
    demo = CHECKOUT / "inventories/demo"
    folder.mkdir()
    for name in ("departments.yaml", "program.yaml", "sites.yaml"):
        shutil.copy(demo / name, folder / name)
    document = yaml.safe_load((demo / "culture.yaml").read_text("utf-8"))
    document["systems"] = [system | {"trial_run_seconds": 30} for system in document["systems"] if system["id"] == SITE]
    (folder / "culture.yaml").write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")
    return folder


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
                if answer.status != 200 or "文旅服务" not in answer.read().decode():
                    self.failed.append(str(answer.status))
                if self.instances[-1:] != [instance := str(answer.getheader("X-Instance"))]:
                    self.instances.append(instance)
                connection.close()
            except OSError as error:
                self.failed.append(repr(error))
            self.asked += 1
            self.longest = max(self.longest, time.monotonic() - began)


@dataclass
class Writer(threading.Thread):
    """A citizen who uploads all the time; uploads are named by the second, as Redmine names what is attached."""

    address: str
    port: int
    number: int
    kept: dict[str, str] = field(default_factory=dict)
    """By the name that was acknowledged: what it holds."""
    twice: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    longest: float = 0.0
    ended: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        count = 0
        while not self.ended.wait(0.03):
            began, count = time.monotonic(), count + 1
            body = f"writer {self.number} upload {count} " + "x" * (count % 7 * 1000)
            try:
                connection = http.client.HTTPConnection(self.address, self.port, timeout=30)
                connection.request("POST", "/", body=body.encode())
                answer = connection.getresponse()
                name = answer.read().decode()
                connection.close()
                if answer.status != 201:
                    self.failed.append(f"{answer.status} {name}")
                elif name in self.kept:
                    self.twice.append(name)
                else:
                    self.kept[name] = body
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
            self.longest = max(self.longest, time.monotonic() - began)


@dataclass
class Uploads:
    """All writers together."""

    writers: list[Writer]

    def insist(self, folder: Path, quarantines: list[Path]) -> int:
        """Everything acknowledged is there as it was sent, each name was given once, nobody failed, nothing was put aside."""
        for writer in self.writers:
            writer.ended.set()
        for writer in self.writers:
            writer.join(40)
        assert [failure for writer in self.writers for failure in writer.failed] == []
        names = [name for writer in self.writers for name in writer.kept]
        assert len(names) == len(set(names)), "a name was given twice"
        assert [writer.twice for writer in self.writers if writer.twice] == []
        wrong = [
            name for writer in self.writers for name, body in writer.kept.items()
            if not (folder / name).exists() or (folder / name).read_text("utf-8") != body
        ]  # fmt: skip
        assert wrong == []
        assert [str(path) for quarantine in quarantines for path in quarantine.rglob("upload-*")] == []
        return len(names)


@pytest.fixture
def uploads(city: City) -> Iterator[Uploads]:
    edge = city.sites()["entry"]
    one = Uploads([Writer(edge["address"], edge["ports"]["website"], number) for number in range(4)])
    for writer in one.writers:
        writer.start()
    yield one
    for writer in one.writers:
        writer.ended.set()


def _until_begun(story: Story) -> None:
    """Another migration, or the first where a test runs alone."""

    def begun() -> bool:
        rows = story.session.journal.migrations(system=SITE)
        return bool(rows) and rows[-1].state != "ended"

    wait_until("a migration began", begun, 60)


def _quarantines(city: City) -> list[Path]:
    hosts = ("web-1", "web-1-cloud")
    return [folder for host in hosts if (folder := city.host_folder(host) / "var/lib/orchestrator/quarantine").exists()]


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


def test_it_goes_back_after_the_switch_and_a_page_written_on_the_cloud_comes_along(
    story: Story, reader: Reader, uploads: Uploads, city: City, capsys
) -> None:
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
    count = uploads.insist(old, _quarantines(city))
    assert "orchestrator" not in (city.host_folder("edge") / "etc/haproxy.cfg").read_text("utf-8"), "the entry is as it was"
    with capsys.disabled():
        slowest = max(writer.longest for writer in uploads.writers)
        print(f"\n  {count} uploads there and back, none failed, the slowest after {slowest * 1000:.0f} ms; gaps {[m.longest_gap_ms for m in measured]}")


@pytest.mark.long
@pytest.mark.parametrize("stage", ["pause", "prove"])
def test_a_guard_that_is_killed_in_the_hold_lets_everybody_go_on(
    story: Story, reader: Reader, uploads: Uploads, city: City, stage: str
) -> None:
    """And its engine with it: until `prove` the hold ends by itself, after it writers wait for whoever settles it; then it switches."""
    story.accepting = False
    engine = story.start("migrate", "--system", SITE, "--direct", "--wait", fault_hold=f"{stage}:600000")
    _until_begun(story)
    before = len(story.record("closing")) if stage != "pause" else 0
    if stage == "pause":
        word = city.host_folder("edge") / f"etc/orchestrator-hold/{SITE}"
        wait_until("the hold", lambda: word.exists() and word.read_text("ascii").startswith("hold:"), 300)
    else:
        wait_until("the guard is in the fence", lambda: len(story.record("closing")) > before, 300)
        time.sleep(0.5)
    os.kill(story.guard, signal.SIGKILL)
    story.kill(engine)
    engine = story.start("resume", SITE, "--direct", "--wait")
    story.until_step("trial_run")
    assert story.run("rollback", SITE, "--reason", "the department asks", "--direct", seconds=200) == 0, story.said()
    assert engine.wait(200) == 4, story.said()
    assert reader.failed == []
    uploads.insist(city.host_folder("web-1") / "srv/website/pages", _quarantines(city))


def test_it_is_accepted_on_the_cloud_and_the_engine_killed_at_the_decision_changes_nothing(
    story: Story, reader: Reader, uploads: Uploads, city: City, capsys
) -> None:
    story.accepting = True
    engine = story.start("migrate", "--system", SITE, "--direct", "--wait")
    _until_begun(story)
    story.until_step("cutover", "done")
    story.kill(engine)
    assert story.run("resume", SITE, "--direct", "--wait") == 0, story.said()
    assert (story.row.ending, story.row.live) == ("accepted", "target")
    assert reader.failed == []
    assert reader.instances[-1] != reader.instances[0]
    uploads.insist(city.host_folder("web-1-cloud") / "srv/website/pages", _quarantines(city))
    with capsys.disabled():
        print(f"\n  {reader.asked} pages asked for, {len(reader.failed)} not given, the slowest after {reader.longest * 1000:.0f} ms")
