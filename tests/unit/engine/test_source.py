"""What was prepared on a database server stays while a migration needs it, whoever's it is."""

from __future__ import annotations

import pytest

from orchestrator.engine.source import insist_on_nobody_moving, insist_on_not_accepted
from orchestrator.errors import Refused
from orchestrator.models import System
from tests.support.one_system import full


def _system(ident: str, address: str, port: int = 5432) -> System:
    hosts = [{"name": f"{ident}-db", "address": address}]
    databases = [{"name": ident.replace("-", "_"), "engine": "postgresql", "host": f"{ident}-db", "port": port}]
    return full(id=ident, hosts=hosts, databases=databases)


SYSTEMS = [_system("alpha", "10.1.1.1"), _system("beside", "10.1.1.1"), _system("elsewhere", "10.1.1.2"), _system("apart", "10.1.1.1", 5433)]


@pytest.mark.parametrize(("moving", "in_the_way"), [({"alpha"}, ["alpha"]), ({"beside"}, ["beside"]), ({"elsewhere", "apart"}, []), (set(), [])])
def test_a_server_that_a_migration_needs_is_neither_taken_back_nor_restarted(moving: set[str], in_the_way: list[str]) -> None:
    under_way = {system: f"{system}-1" for system in moving}
    if not in_the_way:
        return insist_on_nobody_moving(SYSTEMS[0], SYSTEMS, under_way)
    with pytest.raises(Refused) as refused:
        insist_on_nobody_moving(SYSTEMS[0], SYSTEMS, under_way)
    assert [finding.system for finding in refused.value.findings] == in_the_way
    assert all(under_way[name] in finding.message for name, finding in zip(in_the_way, refused.value.findings, strict=True))
    return None


def test_the_former_database_of_an_accepted_system_is_not_offered() -> None:
    ended = {"alpha": "2026-11-30T20:00:00+00:00"}
    insist_on_not_accepted(SYSTEMS[1], ended)
    with pytest.raises(Refused, match="was accepted on 2026-11-30") as refused:
        insist_on_not_accepted(SYSTEMS[0], ended)
    assert "prepare-source alpha --undo" in str(refused.value.remedy)
