"""A journal on a real PostgreSQL: a cluster for the session, an empty database for each test."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from psycopg import sql
from sqlalchemy import URL

from orchestrator.journal.store import Journal
from tests.contracts.mover.servers import ADMIN, PORT, Servers

NUMBERS = count(1)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with Servers(tmp_path_factory.mktemp("journals")) as servers:
        yield servers


@pytest.fixture
def url(servers: Servers) -> str:
    """An empty database's URL."""
    name = f"journal_{next(NUMBERS)}"
    with servers.connect("source", "postgres") as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    made = URL.create("postgresql+psycopg", ADMIN, "secret-of-the-engine", servers.addresses["source"], PORT, name)
    return made.render_as_string(hide_password=False)


@pytest.fixture
def journal(url: str) -> Journal:
    return Journal(url)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"
