"""Whether a secret is the application's, asked of real servers: by what they keep of it, and by a log-in."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pymysql
import pytest
from psycopg import sql

from orchestrator.movers import registry
from orchestrator.movers.contract import Hands, Mover, Part
from tests.contracts.mover.servers import Servers as PostgresServers
from tests.support.mariadb import Servers as MariadbServers

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]
RIGHT, WRONG = "it's right: ü %s", "wrong"


@pytest.fixture(scope="module")
def postgresql() -> Iterator[tuple[Mover, Part]]:
    with tempfile.TemporaryDirectory(prefix="secrets-") as folder:
        Path(folder).chmod(0o755)
        with PostgresServers(Path(folder)) as running:
            with running.connect("source", "postgres") as admin:
                for role, kind, password in (("scram_app", "scram-sha-256", "right"), ("md5_app", "md5", "right"), ("odd_app", "scram-sha-256", RIGHT)):
                    admin.execute(sql.SQL("SET password_encryption = {}").format(kind))
                    admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(password)))
                admin.execute("CREATE ROLE bare_app LOGIN")
                admin.execute("CREATE DATABASE records")
            yield registry.make_mover("postgresql", Hands(folder=running.folder)), running.part("records")


@pytest.mark.parametrize(("role", "right", "tells", "denies"), [
    ("scram_app", "right", True, False), ("md5_app", "right", True, False), ("odd_app", RIGHT, None, False), ("bare_app", "right", None, None),
    ("nobody", "right", None, None),
])  # fmt: skip
def test_postgresql_says_whose_password_it_is(
    postgresql: tuple[Mover, Part], role: str, right: str, tells: bool | None, denies: bool | None
) -> None:
    mover, part = postgresql
    part = replace(part, role=role)
    assert mover.accepts(part, right) is tells
    assert mover.accepts(part, WRONG) is denies
    assert mover.accepts(part, right, "target") is None  # no such account there


def test_postgresql_lets_in_by_a_log_in(postgresql: tuple[Mover, Part]) -> None:
    mover, part = postgresql
    for role, password in (("scram_app", "right"), ("odd_app", RIGHT)):
        mover.log_in(replace(part, role=role), part.source, password)
    with pytest.raises(psycopg.Error):
        mover.log_in(replace(part, role="nobody"), part.source, "right")


def test_mariadb_says_whose_password_it_is_and_lets_in(tmp_path: Path) -> None:
    with MariadbServers(tmp_path) as running:
        with running.connect("source") as admin, admin.cursor() as cursor:
            cursor.execute("CREATE DATABASE records")
            for role, rest in (("native_app", "BY 'right'"), ("socket_app", "VIA unix_socket")):
                cursor.execute(f"CREATE USER {role} IDENTIFIED {rest}")
            cursor.execute("GRANT ALL ON records.* TO native_app")
        mover = registry.make_mover("mariadb", Hands(folder=tmp_path))
        part = replace(running.part("records"), role="native_app")
        assert (mover.accepts(part, "right"), mover.accepts(part, WRONG), mover.accepts(part, "right", "target")) == (True, False, None)
        assert mover.accepts(replace(part, role="socket_app"), "right") is None
        mover.log_in(part, part.source, "right")
        with pytest.raises(pymysql.err.Error):
            mover.log_in(part, part.source, WRONG)
