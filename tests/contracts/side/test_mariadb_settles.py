"""MariaDB has no transaction over row and accounts: whoever dies between the two, the next look brings the accounts in line."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.movers.mariadb import accounts, fence
from orchestrator.movers.mariadb.accounts import Account
from orchestrator.movers.mariadb.connections import Connection, connect
from orchestrator.movers.mariadb.snapshots import read_sums
from tests.contracts.side.mariadb import MariadbSurroundings
from tests.support.mariadb import ADMIN, APPLICATION, Servers

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]
APP = Account(APPLICATION, "%")


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with tempfile.TemporaryDirectory(prefix="settles-") as folder:
        Path(folder).chmod(0o755)
        with Servers(Path(folder)) as running:
            yield running


@pytest.fixture
def around(servers: Servers) -> Iterator[MariadbSurroundings]:
    with servers.mended(), MariadbSurroundings(servers, 1) as surroundings:
        yield surroundings


def open_ours(around: MariadbSurroundings, place: str) -> Connection:
    return connect(around.part, place)


def test_who_dies_after_the_row_was_opened_has_opened(around: MariadbSurroundings) -> None:
    with open_ours(around, "target") as dying:
        fence.open_row(dying, around.names, "attempt-5", 5)
    assert not around.lets_in("other")  # behind: harmless, nobody can write
    other = around.side("other")
    assert other.control(settled=True).open
    assert around.lets_in("other")
    other.disconnect()


def test_who_dies_before_the_row_was_closed_has_closed_nothing(around: MariadbSurroundings) -> None:
    with open_ours(around, "source") as dying:
        fence.hold(dying, around.names, [APP])
        accounts.set_lock(dying, [APP], locked=True)
    assert not around.lets_in("live")
    live = around.side("live")
    assert live.control(settled=True).open
    assert around.lets_in("live")
    live.disconnect()


def test_the_server_dies_between_the_row_and_the_accounts(around: MariadbSurroundings) -> None:
    with open_ours(around, "target") as dying:
        fence.open_row(dying, around.names, "attempt-5", 5)
        around.kill("other")
    around.start("other")
    other = around.side("other")
    assert other.control(settled=True).open
    assert around.lets_in("other")
    other.disconnect()


def test_an_account_that_its_administrator_had_locked_stays_locked(around: MariadbSurroundings) -> None:
    with open_ours(around, "source") as admin:
        admin.execute("CREATE USER former@'%%' IDENTIFIED BY 'x' ACCOUNT LOCK")
        live = around.side("live")
        live.close("attempt-5", 5)
        assert accounts.find_unlocked(admin, ADMIN) == []
        live.open("attempt-5", 5)
        assert accounts.find_unlocked(admin, ADMIN) == [APP]
        live.disconnect()


def test_a_closed_side_shuts_out_whoever_was_made_since(around: MariadbSurroundings) -> None:
    with open_ours(around, "target") as admin:
        admin.execute("CREATE USER newcomer@'%%' IDENTIFIED BY 'x'")
    other = around.side("other")
    assert not other.observed_closed()
    assert any("newcomer" in str(obstacle) for obstacle in other.obstacles("other"))
    assert not other.control(settled=True).open
    assert other.observed_closed()
    other.disconnect()


def test_nothing_of_a_fence_goes_to_the_other_side(around: MariadbSurroundings) -> None:
    live = around.side("live")
    with open_ours(around, "source") as source:
        position = source.scalar("SELECT @@GLOBAL.gtid_binlog_pos")
        live.close("attempt-5", 5)
        live.open("attempt-5", 5)
        assert source.scalar("SELECT @@GLOBAL.gtid_binlog_pos") == position
    live.disconnect()


def test_a_snapshot_whose_keeper_is_gone_is_said_to_be(around: MariadbSurroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.movers.mariadb.snapshots.BEAT_SECONDS", 0.5)
    live = around.side("live")
    name = live.snapshot()
    live.disconnect()
    with open_ours(around, "source") as reader, pytest.raises(Exception, match="snapshot of the source"):
        read_sums(reader, around.names, name, lambda _done, _of: None, "the source")
