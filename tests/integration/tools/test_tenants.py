"""Systems that share a database server of the target: the first places it, the last takes it away. On a real host."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.errors import ToolError
from orchestrator.hosts import tenants
from orchestrator.models import Host
from orchestrator.tools.ssh import SshConnection

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def connection(lab, host: Host) -> Iterator[SshConnection]:  # type: ignore[no-untyped-def]  # the class is in conftest
    with lab.connect(host) as connection:
        yield connection


@pytest.fixture
def data(tmp_path: Path) -> str:
    return str(tmp_path / "var/lib with blank/postgresql")


def test_systems_of_the_same_terms_share_a_server_until_the_last_has_left(connection: SshConnection, data: str) -> None:
    for _ in range(2):
        assert tenants.join(connection, data, "permits", "5432 orchestrator") == {}
        assert tenants.join(connection, data, "licences", "5432 orchestrator") == {}
    assert tenants.leave(connection, data, "permits") == ["licences"]
    assert tenants.leave(connection, data, "permits") == ["licences"]
    assert tenants.leave(connection, data, "licences") == []
    assert tenants.leave(connection, data, "never-there") == []
    assert not Path(f"{data}.tenants").exists(), "the last one leaves nothing of ours"


def test_who_comes_while_the_last_one_leaves_is_one_of_them(connection: SshConnection, data: str) -> None:
    def come_and_go(number: int) -> bool:
        name = f"system-{number}"
        came = all(tenants.join(connection, data, name, "terms") == {} and tenants.is_in(connection, data, name) for _ in range(2))
        tenants.leave(connection, data, name)
        return came

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(come_and_go, range(12))) == [True] * 12
    assert not Path(f"{data}.tenants").exists()


def test_other_terms_are_refused_and_nothing_is_written(connection: SshConnection, data: str) -> None:
    assert tenants.join(connection, data, "permits", "5432 orchestrator") == {}
    assert tenants.join(connection, data, "licences", "5433 orchestrator") == {"permits": "5432 orchestrator"}
    assert tenants.leave(connection, data, "permits") == []


def test_a_server_that_moves_whole_has_one_system(connection: SshConnection, data: str) -> None:
    for _ in range(2):
        assert tenants.join(connection, data, "permits", "3306 orchestrator", alone=True) == {}
    assert tenants.join(connection, data, "licences", "3306 orchestrator", alone=True) == {"permits": "3306 orchestrator"}


def test_of_many_at_once_with_terms_of_their_own_one_is_let_in(connection: SshConnection, data: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        asked = list(pool.map(lambda n: tenants.join(connection, data, f"system-{n}", f"{n} role"), range(6)))
    assert sorted(len(others) for others in asked) == [0, 1, 1, 1, 1, 1]


def test_a_place_that_cannot_be_written_is_said(connection: SshConnection, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ToolError):
        tenants.join(connection, str(tmp_path / "file/postgresql"), "permits", "5432 orchestrator")
