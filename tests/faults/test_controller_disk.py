"""The portal under load, by the command line: an administrator changes the application's password between copy and switch, and the
disk under journal and working folder fills up while it copies, inside the fence and in the trial run. Nobody's write is lost, each
trouble is named with what to do, and `resume` goes on.

The tests tell one story in their order; each begins where the one before it ended.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from orchestrator.embedded import citizens
from orchestrator.embedded.city import City
from orchestrator.embedded.gateways import USERLIST
from orchestrator.embedded.people import OPERATOR, People
from orchestrator.engine.session import Session
from orchestrator.gateways import pgbouncer, pgbouncer_files
from orchestrator.settings import Settings
from tests.faults.conftest import PORTAL, Story, wait_until
from tests.support.small_disk import fill, has_room, small_disk

pytestmark = [pytest.mark.servers, pytest.mark.long, pytest.mark.timeout(1200)]
RESUME = ("resume", PORTAL, "--direct", "--wait", "--log", "lines", "--lang", "en")
MEGABYTES = 400


class Disk:
    """A small file system of its own."""

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / "ballast"

    @contextmanager
    def full(self) -> Iterator[None]:
        fill(self._ballast)
        assert not has_room(self._ballast.parent)
        try:
            yield
        finally:
            self._ballast.unlink()


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where journal and working folders lie."""
    folder = tmp_path_factory.mktemp("controller") / "state"
    with small_disk(folder, MEGABYTES, "700"):
        yield folder


@pytest.fixture(scope="module")
def disk(state: Path) -> Disk:
    return Disk(state)


@pytest.fixture(scope="module")
def baseline(city: City) -> dict:
    return citizens.baseline(city, PORTAL)


@pytest.fixture(scope="module")
def story(city: City, state: Path, baseline: dict, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    assert baseline
    out = tmp_path_factory.mktemp("portal")
    session = Session(Settings(state=state, **city.settings()), OPERATOR)
    one = Story(city, session, PORTAL, out)
    citizens.start(city, out, only=[PORTAL], max_seconds=900)
    with People(session, city, lambda _system: one.accepting, lambda: None):
        yield one
        for engine in one.engines:
            if engine.poll() is None:
                engine.kill()
                engine.wait()
    citizens.stop(city)


def change_password(story: Story, secret: str) -> None:
    """As an administrator does it everywhere in the old room: server, PgBouncer, the application's own file."""
    source, pool = story.city.source_database(PORTAL), story.city.site("room")["pgbouncer"]
    with psycopg.connect(story.dsn("source"), autocommit=True) as admin:
        admin.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(source.role), sql.Literal(secret)))
        now = admin.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", (source.role,)).fetchone()
    assert now is not None
    users = Path(pool["databases_file"]).with_name(USERLIST)
    users.write_bytes(pgbouncer_files.put_user(users.read_bytes(), source.role, str(now[0])))
    password = Path(pool["secret"].removeprefix("file:")).read_text("utf-8").strip()
    dsn = psycopg.conninfo.make_conninfo(
        host=pool["address"], port=pool["port"], dbname="pgbouncer", user=pool["admin_role"], password=password
    )
    with pgbouncer.open_console(dsn) as console:
        console.execute("RELOAD")
    source.secret.write_text(secret, encoding="utf-8")


def test_a_password_changed_between_copy_and_switch_is_named_and_cancelled_nothing_stays(story):
    before = story.city.source_database(PORTAL).secret.read_text("utf-8").strip()
    engine = story.start("migrate", "--system", PORTAL, *RESUME[2:])
    story.until_step("replicate", "done")
    change_password(story, "another-one-since-today")
    story.write()
    assert engine.wait(400) == 5, story.said()
    assert (story.row.live, story.row.ending) == ("source", "needs_a_person")
    assert "verifier" in story.row.why
    assert story.city.source_database(PORTAL).role in story.row.why
    assert "another-one" not in story.said(500) + story.row.why
    assert story.source_is_open()
    story.write()
    assert story.run("cancel", PORTAL, "--direct", "--reason", "a new password") == 0, story.said()
    assert (story.row.ending, story.row.live) == ("cancelled", "source")
    change_password(story, before)  # its programs in the room began with this one; the server stores it differently now
    story.write()


def test_a_disk_that_fills_up_while_it_copies_anew_ends_the_engine_in_words_and_costs_nobody_anything(story, disk):
    engine = story.start("migrate", "--system", PORTAL, *RESUME[2:])
    wait_until("it begins anew", lambda: story.row.state == "forward", 60)
    story.until_step("replicate")
    with disk.full():
        code = engine.wait(300)
        said = story.said(40)
        story.write()
        assert story.run("status", PORTAL, "--lang", "en") in (0, 5), story.said()
    assert code == 5, said
    assert "the journal cannot be written" in said, said
    assert "orchestrator resume" in said
    assert "bug" not in said
    assert story.row.live == "source"


def test_a_disk_that_fills_up_inside_the_fence_leaves_the_source_open(story, disk):
    engine = story.start(*RESUME, fault_hold="close:3000")
    story.until_closed(engine)
    with disk.full():
        wait_until("the source is open again", story.source_is_open, 60, every=0.01)
        story.write()
        code = engine.wait(300)
        said = story.said(40)
    assert code == 5, said
    assert "bug" not in said, said
    wait_until("the guard ended", story.guard_gone, 300)
    assert story.row.live == "source"


def test_a_disk_that_fills_up_in_the_trial_run_leaves_the_target_live_and_it_ends_accepted(story, disk, baseline, capsys):
    engine = story.start(*RESUME)
    story.until_step("trial_run")
    with disk.full():
        for _ in range(10):
            story.write()
            time.sleep(1)
        code = engine.poll()
    if code is None:
        story.kill(engine)
    assert code in (None, 5), story.said(40)
    assert "bug" not in story.said(40)
    assert story.control("target")[0]
    assert not story.control("source")[0]
    story.accepting = True
    assert story.run(*RESUME) == 0, story.said()
    assert (story.row.ending, story.row.live) == ("accepted", "target")
    verdict = story.judged(baseline, live="target")
    with capsys.disabled():
        print(f"\n  {verdict.acknowledged} acknowledged, {verdict.lost} lost, {verdict.duplicated} doubled, {verdict.failed} failed")
    assert (verdict.lost, verdict.duplicated) == (0, 0), verdict.details
    assert story.session.journal.verify() == []
