"""What a table of cases cannot say of PostgreSQL's copy: for whom it waits, that it can be left and begun again anywhere, and
that its undo gets home whoever is in the way."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from orchestrator.errors import Refused, StepFailed, TurnedBack
from orchestrator.movers.contract import Hands, Moment, Progress
from orchestrator.movers.postgresql import following, publication, records, subscription, waiting
from orchestrator.movers.postgresql.dump_progress import DumpProgress
from orchestrator.movers.postgresql.reach import connect, dsn_of, names_of
from orchestrator.movers.postgresql.waiting import Patience
from tests.contracts.mover.cases import Act, Case
from tests.contracts.mover.servers import APPLICATION, SIDES, Servers
from tests.contracts.mover.story import Story

pytestmark = pytest.mark.servers

TABLES = """
CREATE TABLE papers (id int PRIMARY KEY, v text);
INSERT INTO papers SELECT i, repeat('x', 100) FROM generate_series(1, 20000) AS i;
CREATE TABLE log (what text);
CREATE TABLE cards (id int NOT NULL UNIQUE, v text);
CREATE TABLE deferred (id int PRIMARY KEY DEFERRABLE, v text);
CREATE TABLE pages (id int PRIMARY KEY, paper int REFERENCES papers);
INSERT INTO pages VALUES (1, 1);
INSERT INTO log VALUES ('a')
"""


MANY = "DO $$ BEGIN FOR t IN 1..200 LOOP EXECUTE format('CREATE TABLE many_%s (id serial PRIMARY KEY, v text UNIQUE)', t); END LOOP; END $$"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with Servers(tmp_path_factory.mktemp("copies")) as running:
        yield running


@pytest.fixture
def story(servers: Servers, tmp_path: Path) -> Iterator[Story]:
    case = Case("copy", "postgresql", "", "tables and keys", "carried", source=TABLES, server="CREATE ROLE clerk LOGIN CREATEROLE")
    with servers.emptied():
        story = Story(servers, case, tmp_path)
        story.lay_out()
        yield story


def _clients(story: Story) -> psycopg.Connection:
    return story.servers.connect("source", "records", user=APPLICATION)


def _ours(story: Story) -> dict[str, int]:
    """What of ours can hinder anybody on the source."""
    query = "SELECT (SELECT count(*) FROM pg_publication), (SELECT count(*) FROM pg_subscription), (SELECT count(*) FROM pg_replication_slots), (SELECT count(*) FROM pg_event_trigger)"
    with story.servers.connect("source", "records") as admin:
        row = admin.execute(query).fetchone()
    return dict(zip(("publications", "subscriptions", "slots", "triggers"), row or (), strict=True))


def test_whoever_keeps_a_transaction_open_is_named(story):
    with _clients(story) as client, connect(story.part, "source") as source:
        client.execute("BEGIN")
        client.execute("UPDATE papers SET v = 'secret' WHERE id = 1")
        with pytest.raises(StepFailed) as waited:
            waiting.wait_for_writers(source, Patience(), where="records", limit=0.3)
        with pytest.raises(StepFailed) as created:
            subscription.create_slot(dsn_of(story.part, "source"), "orchestrator_trial", Patience(), limit=0.3)
        for error in (waited.value, created.value):
            assert f"pid {client.info.backend_pid}" in error.what
            assert APPLICATION in error.what and "since" in error.what
            assert "secret" not in error.what
    assert _ours(story)["slots"] == 0


def test_a_prepared_transaction_is_named(story):
    with _clients(story) as client, connect(story.part, "source") as source:
        client.execute("BEGIN; UPDATE papers SET v = '' WHERE id = 1; PREPARE TRANSACTION 'monthly run'")
        with pytest.raises(StepFailed, match=f"prepared transaction monthly run of {APPLICATION} in records"):
            waiting.wait_for_writers(source, Patience(), where="records", limit=0.3)


def test_an_application_that_commits_in_two_phases_is_followed(story):
    """It always has a transaction prepared, and none of them stays: slots wait for each, and nobody refuses them."""
    acknowledged, end = [], threading.Event()

    def write() -> None:
        with _clients(story) as client:
            while not end.is_set():
                number = len(acknowledged) + 1
                client.execute("BEGIN")
                client.execute("INSERT INTO orders VALUES (%s)", (number,))
                client.execute(f"PREPARE TRANSACTION 'order {number}'".encode())
                end.wait(0.01)
                client.execute(f"COMMIT PREPARED 'order {number}'".encode())
                acknowledged.append(number)

    with _clients(story) as client:
        client.execute("CREATE TABLE orders (id int PRIMARY KEY)")
    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        assert not [f for f in story.check(Moment.PREFLIGHT) if f.code == "prepared-transaction"]
        story.mover.prepare(story.part)
        assert not story.check(Moment.GATE)
    finally:
        end.set()
        writer.join(30)
    story.settle()
    with story.servers.connect("target", "records") as target:
        assert [row[0] for row in target.execute("SELECT id FROM orders ORDER BY id").fetchall()] == acknowledged != []
    story.withdraw()


def test_a_change_that_can_never_be_applied_ends_the_copy_with_a_remedy(story):
    planted: list[str] = []

    def plant() -> bool:
        if story.mover.prepared(story.part) is None and not planted:
            with story.servers.connect("target", "records") as target:
                if target.execute("SELECT srsubstate FROM pg_subscription_rel WHERE srrelid = 'cards'::regclass").fetchone() == ("r",):
                    target.execute("INSERT INTO cards VALUES (7, 'somebody was here')")
                    planted.append("a row that is only there")
            if planted:
                story.act("source", [Act("INSERT INTO cards VALUES (7, 'from the application')")])
        return False

    story.act("source", [Act("CREATE TABLE slow (id int PRIMARY KEY, v text); INSERT INTO slow SELECT i, repeat('x', 500) FROM generate_series(1, 300000) AS i")])
    story.mover = type(story.mover)(Hands(folder=story.folder, should_stop=plant))
    with pytest.raises(StepFailed, match="could not be applied on the target") as failed:
        story.mover.prepare(story.part)
    assert "log names the cause" in failed.value.remedy
    story.withdraw()


def test_a_person_who_turns_back_is_heard_while_the_copy_waits(story):
    before = story.photograph("source")
    asked: list[int] = []
    story.mover = type(story.mover)(Hands(folder=story.folder, should_stop=lambda: len(asked) > 3 or asked.append(1) is not None))
    with _clients(story) as client:
        client.execute("BEGIN")
        client.execute("UPDATE papers SET v = '' WHERE id = 1")
        with pytest.raises(TurnedBack):
            story.mover.prepare(story.part)
    story.withdraw()
    assert before.differences(story.photograph("source"), contents=False) == []


def test_a_copy_that_was_left_anywhere_is_begun_again_or_taken_back(story):
    before = story.photograph("source")
    for looks in range(12):
        left = looks

        def leave() -> bool:
            nonlocal left
            left -= 1
            return left < 0

        story.mover = type(story.mover)(Hands(folder=story.folder, should_stop=leave))
        with pytest.raises(TurnedBack):
            story.mover.prepare(story.part)
        with _clients(story) as client:
            client.execute("UPDATE log SET what = what; UPDATE cards SET v = v; UPDATE deferred SET v = v; DELETE FROM log WHERE what = 'z'")
        if looks % 2:
            story.withdraw()
            assert before.differences(story.photograph("source")) == [], f"left after {looks} looks"
    story.mover = type(story.mover)(Hands(folder=story.folder))
    story.mover.prepare(story.part)
    assert story.mover.prepared(story.part)
    story.mover.prepare(story.part)  # again is fine
    assert before.differences(story.photograph("source"), contents=False) != []  # an identity was given
    story.withdraw()
    assert before.differences(story.photograph("source")) == []


def test_sessions_that_are_lost_while_it_copies_are_made_again(story):
    said: list[str] = []
    looks: list[int] = []
    lost = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'orchestrator' AND pid <> pg_backend_pid()"

    def lose() -> bool:
        looks.append(len(looks))
        side = {2: "source", 6: "target", 11: "source", 15: "target"}.get(len(looks))
        if side:
            with story.servers.connect(side, "postgres") as admin:
                admin.execute(lost)
        return False

    story.mover = type(story.mover)(Hands(folder=story.folder, should_stop=lose, say=said.append))
    story.mover.prepare(story.part)
    assert sum("the line is lost" in told for told in said) >= 2, said
    assert story.mover.prepared(story.part) is True
    story.withdraw()


@contextmanager
def _losing(story: Story, sessions: list[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """Ends each of these sessions once, (side, application_name), as soon as it is there; yields those that are still to come."""
    to_come, end = list(sessions), threading.Event()

    def lose() -> None:
        with ExitStack() as stack:
            admins = {side: stack.enter_context(story.servers.connect(side, "postgres")) for side in SIDES}
            query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s LIMIT 1"
            while to_come and not end.is_set():
                side, program = to_come[0]
                if admins[side].execute(query, (program,)).fetchone():
                    to_come.pop(0)
                time.sleep(0.002)

    thread = threading.Thread(target=lose, daemon=True)
    thread.start()
    try:
        yield to_come
    finally:
        end.set()
        thread.join(10)


def test_programs_that_lose_their_line_are_run_again_and_nothing_half_done_stays(story):
    before, said = story.photograph("source"), []
    story.act("source", [Act(MANY)])
    story.mover = type(story.mover)(Hands(folder=story.folder, say=said.append))
    with _losing(story, [("source", "pg_dump"), ("target", "psql")]) as to_come:
        story.mover.back_up(story.part)
    assert to_come == [] and 1 <= sum("the line is lost" in told for told in said) <= 2, said  # one may have been done when it was ended
    story.mover.drop_copy(story.part)
    said.clear()
    with _losing(story, [("source", "pg_dump"), ("target", "psql"), ("target", "psql")]) as to_come:
        story.mover.prepare(story.part)
    assert to_come == [] and 1 <= sum("the line is lost" in told for told in said) <= 3, said
    assert not story.check(Moment.GATE)
    story.withdraw()
    story.act("source", [Act(MANY.replace("CREATE TABLE", "DROP TABLE").replace(" (id serial PRIMARY KEY, v text UNIQUE)", ""))])
    assert before.differences(story.photograph("source")) == []


@pytest.mark.long
def test_a_program_that_loses_its_line_each_time_ends(story):
    story.act("source", [Act(MANY)])
    with _losing(story, [("target", "psql")] * 50), pytest.raises(StepFailed):
        story.mover.prepare(story.part)
    story.withdraw()


def test_foreign_keys_are_set_again_also_by_an_engine_that_finds_the_copy_filled(story):
    said: list[str] = []
    with ExitStack() as held:

        def hold_and_leave() -> bool:
            if story.mover.prepared(story.part) is None and not said:
                reader = held.enter_context(story.servers.connect("target", "records"))
                reader.execute("BEGIN; LOCK TABLE pages IN ROW EXCLUSIVE MODE")  # as a large transaction that is just applied
                said.append("held")
            return any("pages_paper_fkey" in text for text in said)

        story.mover = type(story.mover)(Hands(folder=story.folder, should_stop=hold_and_leave, say=said.append))
        with pytest.raises(TurnedBack):
            story.mover.prepare(story.part)
    story.mover = type(story.mover)(Hands(folder=story.folder))
    keys = "SELECT count(*) FROM pg_constraint WHERE contype = 'f'"
    with story.servers.connect("target", "records") as target:
        assert (story.mover.prepared(story.part), target.execute(keys).fetchone()) == (None, (0,))
        story.mover.prepare(story.part)
        assert (story.mover.prepared(story.part), target.execute(keys).fetchone()) == (True, (1,))
    assert not story.check(Moment.GATE)
    story.withdraw()


def test_an_undo_gets_home_whoever_reads(story):
    before = story.photograph("source")
    story.mover.prepare(story.part)
    with _clients(story) as reader, connect(story.part, "source") as source:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM log")
        with pytest.raises(StepFailed, match=f"pid {reader.info.backend_pid} .{APPLICATION}") as blocked:
            following.withdraw_source(source, names_of(story.part), Patience(), lock_limit=0.5)
        assert blocked.value.retryable
        assert set(_ours(story).values()) == {0}
        with _clients(story) as other:  # nobody but the reader's own table waits for anything
            other.execute("UPDATE log SET what = 'b'")
            other.execute("CREATE TABLE again_allowed (id int PRIMARY KEY)")
            other.execute("DROP TABLE again_allowed")
            other.execute("UPDATE log SET what = 'a'")
    story.withdraw()
    assert before.differences(story.photograph("source")) == []
    story.withdraw()  # on what was never there


def test_what_would_break_the_applications_writes_is_never_published(story):
    names = names_of(story.part)
    with connect(story.part, "source") as source:
        records.install_schema(source, names, is_open=True, connection_limit=-1)
        with pytest.raises(Refused) as refused:
            publication.publish(source, names, names.forward, Patience(), role=APPLICATION)
    assert {finding.message.split(":")[0] for finding in refused.value.findings} == {"public.log", "public.cards", "public.deferred"}
    assert _ours(story)["publications"] == 0
    with _clients(story) as client:
        client.execute("UPDATE log SET what = 'b'; DELETE FROM deferred")


def test_how_far_the_copy_is_can_be_seen(story):
    with _clients(story) as client:
        client.execute("INSERT INTO papers SELECT i, repeat('y', 300) FROM generate_series(20001, 200000) AS i")
    seen: list[Progress] = []
    said: list[str] = []
    story.mover = type(story.mover)(Hands(folder=story.folder, say=said.append, progress=seen.append))
    story.mover.prepare(story.part)
    last = seen[-1]
    assert last.tables_done == last.tables > 3
    assert last.bytes_done == last.bytes > 50_000_000
    assert all(look.bytes_done <= look.bytes for look in seen)
    assert len(said) < 5


def test_roles_that_only_another_database_uses_stay_where_they_are(story):
    with story.servers.connect("source", "postgres") as admin:
        admin.execute("CREATE ROLE stranger LOGIN")
        admin.execute("CREATE ROLE staff")
        admin.execute("CREATE ROLE intern LOGIN IN ROLE staff")
        admin.execute("CREATE DATABASE others OWNER stranger")
        admin.execute(f"GRANT staff TO {APPLICATION}")
    facts = story.mover.prepare(story.part)
    assert facts["roles"] == [APPLICATION, "staff"]
    story.withdraw()


def test_backup_and_restore_tell_how_far_they_are(story):
    seen: list[Progress] = []
    story.mover = type(story.mover)(Hands(folder=story.folder, progress=seen.append))
    with _clients(story) as client:
        client.execute("CREATE TABLE big (id int PRIMARY KEY, v text)")
        client.execute("INSERT INTO big SELECT i, (SELECT string_agg(md5(i::text || j), '') FROM generate_series(1, 30) AS j) FROM generate_series(1, 40000) AS i")
    story.mover.back_up(story.part)
    for doing in ("backup", "restore"):
        told = [one for one in seen if one.doing == doing]
        assert told and all(0 <= one.bytes_done <= one.bytes for one in told), doing
        assert [one.bytes_done for one in told] == sorted(one.bytes_done for one in told)
        assert told[-1].bytes > 30_000_000
    with _clients(story) as client, story.servers.connect("source", "records") as admin, client.cursor() as cursor:
        asked = DumpProgress(admin, admin, "backup", seen.append)
        with cursor.copy("COPY big TO STDOUT") as rows:  # it stands still as long as nobody reads on
            rows.read()
            assert asked() is False
            for _ in rows:
                pass
    assert 0 < seen[-1].rows_done < 40_000 and 0 < seen[-1].bytes_done < seen[-1].bytes


@pytest.mark.long
def test_a_row_that_postgresql_cannot_give_out_is_named_ahead_and_by_the_backup_too(story):
    with _clients(story) as client:
        client.execute("CREATE TABLE films (id int PRIMARY KEY, body bytea, note text)")
        client.execute("INSERT INTO films SELECT 1, convert_to(repeat('x', 540000000), 'UTF8')")
    found = [finding.message for finding in story.check(Moment.PREFLIGHT) if finding.code == "row-too-large"]
    assert len(found) == 1 and "public.films has a row of 1080 MB" in found[0]
    with pytest.raises(StepFailed, match="films; invalid memory alloc request size"):
        story.mover.back_up(story.part)
