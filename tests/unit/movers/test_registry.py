"""Which databases have a mover: by engine, and by a version where it was run on some only."""

from __future__ import annotations

import pytest

from orchestrator.models import Database
from orchestrator.movers import registry
from orchestrator.movers.contract import Hands


@pytest.mark.parametrize(
    ("engine", "version", "is_ours"),
    [
        ("postgresql", None, True), ("postgresql", "9.6", True), ("postgresql", "PostgreSQL 15.4", True),
        ("mariadb", None, True), ("mariadb", "10.11", True), ("mariadb", "10.11.6-MariaDB-log", True), ("mariadb", "MariaDB 10.11", True),
        ("mariadb", "10.3.39", False), ("mariadb", "10.1", False), ("mariadb", "11.4", False), ("mariadb", "5.5.68", False),
        ("mysql", None, False), ("mysql", "8.0", False), ("oracle", "19c", False),
    ],
)  # fmt: skip
def test_a_version_that_its_mover_was_never_run_on_is_its_vendors(engine: str, version: str | None, is_ours: bool) -> None:
    assert registry.movable(Database(name="a", engine=engine, version=version, host="db")) is is_ours


def test_every_kind_that_an_engine_leads_to_has_a_mover(tmp_path) -> None:
    for kind in registry.DATABASES.values():
        assert registry.make_mover(kind, Hands(folder=tmp_path)).kind == kind
        assert kind in registry.SUPERUSER
