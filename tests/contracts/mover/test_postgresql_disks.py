"""Disks that are really full: small file systems of their own under a cluster. The live side goes on, whatever fills."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from orchestrator.errors import StepFailed
from orchestrator.movers import registry
from orchestrator.movers.contract import Direction, Hands, Moment
from orchestrator.movers.postgresql import retention
from orchestrator.movers.postgresql.retention import Room
from tests.contracts.mover.application import Application
from tests.contracts.mover.cases import Case
from tests.contracts.mover.servers import APPLICATION, Servers
from tests.contracts.mover.story import Story
from tests.support.small_disk import small_disk

pytestmark = pytest.mark.servers

TABLES = "CREATE TABLE papers (id int PRIMARY KEY, v text); INSERT INTO papers SELECT i, repeat(md5(i::text), 30) FROM generate_series(1, 2000) AS i"
FILL = "UPDATE papers SET v = reverse(v)"


@contextmanager
def _story(folder: Path, *, small: str, megabytes: int, conf: str = "") -> Iterator[Story]:
    """Two clusters, the one of side ``small`` on a small file system."""
    with ExitStack() as stack:
        stack.enter_context(small_disk(folder / "clusters" / "hosts" / small, megabytes))
        servers = stack.enter_context(Servers(folder / "clusters", conf=conf))
        story = Story(servers, Case("disks", "postgresql", "", "tables and keys", "carried", source=TABLES), folder)
        story.mover = registry.make_mover("postgresql", Hands(folder=folder, free_bytes=_free_bytes))
        story.lay_out()
        yield story


def _free_bytes(_side: str, path: str) -> int | None:
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


def _write_until_given_up(story: Story, side: str) -> str:
    """The application writes on the live side and the engine looks at its disk, as a trial run does each second."""
    with story.servers.connect(side, "records", user=APPLICATION) as client:
        for _ in range(400):
            client.execute(FILL)
            if said := story.mover.protect(story.part, side):
                return str(said)
    raise AssertionError("400 rewritings, and the slot was kept")


def test_a_target_that_is_away_never_fills_the_sources_disk_and_the_copy_is_made_anew(tmp_path):
    with _story(tmp_path, small="source", megabytes=260) as story, Application(story.servers, "records", []) as application:
        story.mover.prepare(story.part)
        assert story.mover.protect(story.part, "source") is None
        story.servers.stop("target")
        said = _write_until_given_up(story, "source")
        assert "_forward kept " in said and "the source goes on" in said
        story.servers.start("target")
        assert story.mover.prepared(story.part) is False
        assert [f.message for f in story.check(Moment.GATE) if f.code == "copy-lost"]
        story.mover.prepare(story.part)
        assert not story.check(Moment.GATE)
        story.switch(Direction.FORWARD, application)
        application.rest()
        assert application.harm == []


def test_a_source_that_is_away_in_the_trial_run_never_fills_the_live_sides_disk(tmp_path):
    with _story(tmp_path, small="target", megabytes=300) as story, Application(story.servers, "records", []) as application:
        story.mover.prepare(story.part)
        story.switch(Direction.FORWARD, application)
        story.mover.arm(story.part, "armed")
        story.servers.stop("source")
        assert "the target goes on" in _write_until_given_up(story, "target")
        story.servers.start("source")
        assert not story.mover.armed(story.part)
        assert [f.message for f in story.check(Moment.GATE) if f.code == "way-back-lost"]
        application.rest()
        assert application.harm == []


def test_a_limit_of_the_servers_own_is_found_where_it_struck(tmp_path):
    with _story(tmp_path, small="source", megabytes=260, conf="max_slot_wal_keep_size = 48MB\n") as story:
        story.mover.prepare(story.part)
        story.servers.stop("target")
        with story.servers.connect("source", "records", user=APPLICATION) as client, story.servers.connect("source", "records") as admin:
            for _ in range(60):
                client.execute(FILL)
                admin.execute("CHECKPOINT")
        story.servers.start("target")
        lost = [f.message for f in story.check(Moment.GATE) if f.code == "copy-lost"]
        assert lost and "max_slot_wal_keep_size" in lost[0]
        story.mover.prepare(story.part)
        assert not story.check(Moment.GATE)


def test_a_targets_disk_that_is_full_in_the_copy_costs_the_source_nothing_and_with_room_it_is_copied(tmp_path):
    with _story(tmp_path, small="target", megabytes=110) as story:
        with story.servers.connect("source", "records", user=APPLICATION) as client:
            client.execute("CREATE TABLE big (id int PRIMARY KEY, v text); ALTER TABLE big ALTER v SET STORAGE EXTERNAL")
            client.execute("INSERT INTO big SELECT i, repeat('x', 9000) FROM generate_series(1, 9000) AS i")
        assert [f.message for f in story.check(Moment.COPY) if f.code == "target-space"]
        before = story.photograph("source")
        with Application(story.servers, "records", []) as application:
            with pytest.raises(StepFailed, match="the target's disk is full") as failed:
                story.mover.prepare(story.part)
            story.mover.withdraw(story.part, "source")
            application.rest()
        assert application.harm == []
        assert before.differences(story.photograph("source"), contents=False) == [], failed.value
        small = tmp_path / "clusters" / "hosts" / "target"
        subprocess.run(["mount", "-o", "remount,size=600m", str(small)], check=True)
        story.servers.stop("target")  # where the full disk did not take it down
        story.servers.start("target")
        story.mover.withdraw(story.part, "target")
        with story.servers.connect("target", "postgres") as admin:
            assert admin.execute("SELECT count(*) FROM pg_subscription").fetchone() == (0,)
            assert admin.execute("SELECT datconnlimit FROM pg_database WHERE datname = 'records'").fetchone() in (None, (0,))
        story.mover.prepare(story.part)
        assert not story.check(Moment.GATE)


@pytest.mark.parametrize(
    ("room", "codes"),
    [
        (Room(free=None, written_a_second=1e9, largest=1 << 40, limit=-1), []),
        (Room(free=10**12, written_a_second=0.0, largest=1 << 40, limit=-1), []),
        (Room(free=10**12, written_a_second=1000.0, largest=10**9, limit=-1), []),
        (Room(free=10**9, written_a_second=1e6, largest=10**11, limit=-1), ["slot-room"]),
        (Room(free=10**10, written_a_second=1e6, largest=10**9, limit=-1), ["slot-unlimited"]),
        (Room(free=10**13, written_a_second=1e6, largest=10**11, limit=10**9), ["slot-room"]),
        (Room(free=10**10, written_a_second=1e6, largest=10**9, limit=10**9), []),
    ],
)
def test_room_is_judged_by_numbers(room, codes):
    found = list(retention.shortages(room, "source"))
    assert [code for code, _, _, _ in found] == codes
    assert all("GB are free for WAL on the source" in str(sentence) for _, _, sentence, _ in found)
