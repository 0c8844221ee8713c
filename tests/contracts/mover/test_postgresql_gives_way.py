"""What ours holds and waits for while the application locks the same tables in another order: no client is ever ended for us."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from orchestrator.movers.contract import Part
from orchestrator.movers.postgresql import comparison, fingerprint, publication, records, schema_copy
from orchestrator.movers.postgresql.reach import connect, dsn_of, names_of
from orchestrator.movers.postgresql.waiting import Patience
from tests.contracts.mover.cases import Case
from tests.contracts.mover.servers import APPLICATION, Servers
from tests.contracts.mover.story import Story

pytestmark = pytest.mark.servers

SECONDS = 4.0
"""How long each act of ours is done again and again; without giving way, ours or the client was ended before."""
TABLES = """
DO $$ BEGIN FOR t IN 1..8 LOOP
 EXECUTE format('CREATE TABLE papers_%s (id int PRIMARY KEY, v text)', t);
 EXECUTE format('INSERT INTO papers_%s SELECT i, repeat(md5(i::text), 20) FROM generate_series(1, 500) AS i', t);
 EXECUTE format('CREATE VIEW pages_%s AS SELECT * FROM papers_%s', t, t);
END LOOP; END $$
"""
ORDERS = (range(1, 9), range(8, 0, -1))


def _fingerprint(part: Part, _folder: Path) -> None:
    with connect(part, "source") as source:
        fingerprint.take(source, names_of(part))


def _checksums(part: Part, _folder: Path) -> None:
    with connect(part, "source") as source:
        comparison.checksums(source, names_of(part), part.role)


def _schema(part: Part, folder: Path) -> None:
    schema_copy.dump_schema(dsn_of(part, "source"), names_of(part), folder, lambda _record: None)


def _publication(part: Part, _folder: Path) -> None:
    names = names_of(part)
    with connect(part, "source") as source:
        publication.publish(source, names, names.forward, Patience(), role=part.role)
        publication.unpublish(source, names, names.forward)


@contextmanager
def _emptying(servers: Servers) -> Iterator[list[str]]:
    """One client that empties all tables in one transaction, now in this order and now in that; yields what it was told."""
    told: list[str] = []
    end = threading.Event()

    def work() -> None:
        with servers.connect("source", "records", user=APPLICATION) as client:
            while not end.is_set():
                for order in ORDERS:
                    try:
                        with client.transaction():
                            for table in order:
                                client.execute(f"TRUNCATE papers_{table}")
                                time.sleep(0.005)
                    except psycopg.Error as error:
                        told.append(str(error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        end.set()
        thread.join(30)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    case = Case("locks", "postgresql", "", "sessions and waits", "carried", source=TABLES)
    with Servers(tmp_path_factory.mktemp("locks")) as servers:
        story = Story(servers, case, tmp_path_factory.mktemp("story"))
        story.lay_out()
        with connect(story.part, "source") as source:
            records.install_schema(source, names_of(story.part), is_open=True, connection_limit=-1)
        yield story


@pytest.mark.parametrize("account", ["RESET deadlock_timeout", "SET deadlock_timeout = '150ms'"], ids=["usual", "impatient"])
@pytest.mark.parametrize("act", [_fingerprint, _checksums, _schema, _publication])
def test_a_client_that_locks_in_another_order_is_never_the_one_that_is_ended(
    story: Story, act: Callable[[Part, Path], None], account: str, tmp_path: Path
) -> None:
    with story.servers.connect("source", "postgres") as admin:
        admin.execute(f"ALTER ROLE {APPLICATION} {account}".encode())
    until = time.monotonic() + SECONDS
    done = 0
    with _emptying(story.servers) as told:
        while time.monotonic() < until:
            act(story.part, tmp_path)
            done += 1
    assert told == []
    assert done
