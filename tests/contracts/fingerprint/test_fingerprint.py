"""One thing at a time: whatever is changed in a database of every kind of object is found and named, and nothing else is."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from orchestrator.movers.postgresql import fingerprint
from orchestrator.movers.postgresql.names import Names
from orchestrator.tools import programs
from tests.contracts.mover.servers import Servers

HERE = Path(__file__).parent
CHANGES: list[dict[str, str]] = yaml.safe_load((HERE / "changes.yaml").read_text("utf-8"))
NAMES = Names("zoo", "zoo_db")
pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with Servers(tmp_path_factory.mktemp("fingerprints")) as running:
        yield running


@pytest.fixture(scope="module")
def zoo(servers: Servers) -> Iterator[psycopg.Connection[Any]]:
    for side in ("source", "target"):
        with servers.connect(side, "postgres") as admin:
            for statement in (
                "CREATE ROLE zoo_owner LOGIN PASSWORD 'SCRAM-SHA-256$4096:QUFBQUFBQUFBQUFBQUFBQQ==$"
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaA=:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaA='",
                "CREATE ROLE zoo_reader", "CREATE ROLE zoo_super SUPERUSER", "GRANT zoo_reader TO zoo_owner",
                "ALTER ROLE zoo_owner SET statement_timeout = '1h'", "CREATE DATABASE zoo_db OWNER zoo_owner TEMPLATE template0",
            ):  # fmt: skip
                admin.execute(statement.encode())
    with servers.connect("source", "zoo_db") as connection:
        connection.execute((HERE / "zoo.sql").read_bytes())
        yield connection


@pytest.fixture(scope="module")
def before(zoo: psycopg.Connection[Any]) -> dict[tuple[str, str], str]:
    return fingerprint.take(zoo, NAMES)


@pytest.mark.parametrize("change", CHANGES, ids=[change["do"][:70] for change in CHANGES])
def test_one_change_is_found_and_named(change: dict[str, str], zoo: psycopg.Connection[Any], before: dict[tuple[str, str], str]) -> None:
    with zoo.transaction(force_rollback=True):
        if "before" in change:
            zoo.execute(change["before"].encode())
            before = fingerprint.read(zoo, NAMES)
        zoo.execute(change.get("with", change["do"]).encode())
        after = fingerprint.read(zoo, NAMES)
    named = {found.object for found in fingerprint.changes(before, after)}
    assert change["names"] in named, f"not named: {named}"


def test_nothing_is_found_where_nothing_changed(zoo: psycopg.Connection[Any], before: dict[tuple[str, str], str]) -> None:
    zoo.execute("INSERT INTO zoo.animals (id) SELECT i FROM generate_series(1, 50) AS i")
    zoo.execute("SELECT nextval('zoo.counter')")
    zoo.execute("CREATE TEMP TABLE mine (a int PRIMARY KEY)")
    zoo.execute("VACUUM ANALYZE zoo.animals")
    zoo.execute("REINDEX TABLE zoo.animals")
    zoo.execute("REFRESH MATERIALIZED VIEW zoo.counted")
    zoo.execute("SET search_path = zoo; SET DateStyle = 'German'; SET TimeZone = 'Asia/Shanghai'")
    try:
        assert fingerprint.changes(before, fingerprint.take(zoo, NAMES)) == []
    finally:
        zoo.execute("RESET ALL")


def test_no_verifier_and_no_password_is_in_it(before: dict[tuple[str, str], str]) -> None:
    text = "\n".join(before.values())
    assert "SCRAM" not in text
    assert "password=p" not in text
    assert before["role zoo_owner", "verifier"].startswith("#")


@pytest.mark.usefixtures("zoo")
def test_it_is_the_same_on_the_side_that_was_restored(servers: Servers, before: dict[tuple[str, str], str]) -> None:
    dump = subprocess.run(
        [str(programs.find("pg_dump")), "--no-subscriptions"],
        env=servers.environment("source", "zoo_db"), capture_output=True, check=True, timeout=120,
    ).stdout  # fmt: skip
    subprocess.run(
        [str(programs.find("psql")), "-X", "-q", "-v", "ON_ERROR_STOP=1"],
        env=servers.environment("target", "zoo_db"), input=dump, capture_output=True, check=True, timeout=120,
    )  # fmt: skip
    with servers.connect("target", "zoo_db") as target:
        there = fingerprint.take(target, NAMES)
    left_out = {"subscription theirs", "materialized view zoo.counted"}
    found = [str(c) for c in fingerprint.changes(before, there) if c.object not in left_out]
    assert found == []


def test_two_thousand_tables_take_two_seconds_at_most(servers: Servers, capsys: pytest.CaptureFixture[str]) -> None:
    with servers.connect("source", "postgres") as admin:
        admin.execute("CREATE DATABASE many TEMPLATE template0")
    with servers.connect("source", "many") as connection:
        for first in range(1, 2001, 250):
            connection.execute(
                "DO $$ BEGIN FOR i IN %d..%d LOOP EXECUTE format('CREATE TABLE t%%s (id bigserial PRIMARY KEY, a text NOT NULL,"
                " b int DEFAULT 3, c timestamptz, d jsonb, e uuid, f numeric(10, 2) CHECK (f > 0))', i);"
                " EXECUTE format('CREATE INDEX ON t%%s (a)', i); END LOOP; END $$" % (first, first + 249)
            )  # fmt: skip
        connection.execute("ANALYZE")
        began = time.process_time(), time.monotonic()
        taken = fingerprint.take(connection, Names("many", "many"))
        seconds = time.monotonic() - began[1]
    objects = len({thing for thing, _ in taken})
    with capsys.disabled():
        print(f"\n  fingerprint of 2,000 tables: {objects} objects, {len(taken)} parts, {seconds:.2f} s")
    assert objects > 2000 * 8
