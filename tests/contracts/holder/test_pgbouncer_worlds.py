"""PgBouncers as other people run them: what keeps one from being switched is named ahead, and what is somebody's stays somebody's."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from orchestrator.gateways import pgbouncer
from orchestrator.gateways.holder import NotFollowed, Place
from orchestrator.gateways.pgbouncer import PgBouncer, open_console
from orchestrator.movers import registry
from orchestrator.movers.contract import Hands
from orchestrator.tools import programs, unprivileged
from tests.contracts.guard.servers import ADMIN_PASSWORD, PASSWORD, POOL_PORT, PORT, Servers
from tests.contracts.holder.gateways import PgBouncerWorld

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def world() -> Iterator[PgBouncerWorld]:
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as folder:
        Path(folder).chmod(0o755)
        with Servers(Path(folder)) as servers:
            yield PgBouncerWorld(servers)


@pytest.fixture
def before(world: PgBouncerWorld) -> Iterator[bytes]:
    """The file, which is the same after the test, whatever it did."""
    text = world.file().read_bytes()
    yield text
    assert world.file().read_bytes() == text


def command(world: PgBouncerWorld, *commands: str) -> None:
    with open_console(world.servers.console_dsn()) as console:
        for each in commands:
            console.execute(each.encode())


def codes(found: list[Any]) -> list[str]:
    return [getattr(words, "code", str(words)) for words in found]


@pytest.mark.usefixtures("before")
def test_what_somebody_paused_is_named_and_stays_paused(world: PgBouncerWorld) -> None:
    command(world, "PAUSE records")
    try:
        holder = world.holder("target")
        found = holder.obstacles()
        holder.disconnect()
        assert codes(found) == ["gateways.stopped_by_somebody"]
        assert "records" in str(found[0])
        assert world.servers.shown()["records"]["paused"] == 1
    finally:
        command(world, "RESUME records")


@pytest.mark.usefixtures("before")
def test_what_somebody_disabled_is_named(world: PgBouncerWorld) -> None:
    command(world, "DISABLE records")
    try:
        holder = world.holder("target")
        assert codes(holder.find_problems()) == ["gateways.stopped_by_somebody"]
        holder.disconnect()
    finally:
        command(world, "ENABLE records")


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize(("seconds", "expected"), [("3", ["gateways.waits_short"]), ("0", []), ("30", [])])
def test_clients_that_would_be_turned_away_while_they_wait_are_named(world: PgBouncerWorld, seconds: str, expected: list[str]) -> None:
    with open_console(world.servers.console_dsn()) as console:
        kept = next(row[1] for row in console.execute("SHOW CONFIG").fetchall() if row[0] == "query_wait_timeout")
    command(world, f"SET query_wait_timeout = '{seconds}'")
    try:
        holder = world.holder("target")
        found = holder.find_problems()
        holder.disconnect()
        assert codes(found) == expected
        assert all("turns away whoever waits for 3 s (query_wait_timeout); at least" in str(words) for words in found)
    finally:
        command(world, f"SET query_wait_timeout = '{kept}'")


@pytest.mark.usefixtures("before")
def test_an_account_that_may_only_look_is_named_before_anything_is_written(world: PgBouncerWorld) -> None:
    main, users = world.main, world.main.with_name("userlist.txt")
    kept = main.read_text("utf-8"), users.read_text("utf-8")
    main.write_text(kept[0] + "stats_users = watcher\n", encoding="utf-8")
    users.write_text(kept[1] + f'"watcher" "{ADMIN_PASSWORD}"\n', encoding="utf-8")
    command(world, "RELOAD")
    try:
        dsn = psycopg.conninfo.make_conninfo(world.servers.console_dsn(), user="watcher")
        places = {side: {"host": world.servers.addresses[side], "port": PORT} for side in ("source", "target")}
        holder = PgBouncer(
            admin=dsn, channel=["sh"], databases_file=str(world.file()), leads=[{"part": "records", "database": "records", "to": "target", **places}]
        )
        found = holder.obstacles()
        assert codes(found) == codes(holder.find_unready()) == ["gateways.no_admin"]
        holder.disconnect()
        assert "watcher" in str(found[0])
    finally:
        main.write_text(kept[0], encoding="utf-8")
        users.write_text(kept[1], encoding="utf-8")
        command(world, "RELOAD")


def test_another_systems_database_of_the_same_name_is_never_taken_for_ours(world: PgBouncerWorld, before: bytes) -> None:
    """Names are common: the cloud's gateway may have a `records` of another system."""
    theirs = b"records = host=10.9.9.9 port=5432 dbname=records\n"
    world.file().write_bytes(theirs)
    command(world, "RELOAD")
    try:
        holder = world.holder("source")
        assert codes(holder.find_unready()) == ["gateways.serves_already"]
        with pytest.raises(NotFollowed, match=r"10\.9\.9\.9"):
            holder.learn("records", Place(world.servers.addresses["source"], PORT))
        holder.disconnect()
        assert world.file().read_bytes() == theirs
        assert world.servers.shown()["records"]["host"] == "10.9.9.9"
    finally:
        world.file().write_bytes(before)
        command(world, "RELOAD")


def test_a_name_that_its_file_cannot_hold_is_named_and_never_left_there(world: PgBouncerWorld, before: bytes) -> None:
    """A line that PgBouncer cannot read keeps it from starting, with all its clients of every system."""
    places = {side: {"host": world.servers.addresses[side], "port": PORT} for side in ("source", "target")}
    lead = {"part": "户籍", "database": "户籍", "to": "source", **places}
    holder = PgBouncer(admin=world.servers.console_dsn(), channel=["sh"], databases_file=str(world.file()), leads=[lead])
    found = holder.find_unready()
    assert codes(found) == ["gateways.name_unwritable"]
    assert "户籍" in str(found[0])
    with pytest.raises(NotFollowed):
        holder.learn("户籍", Place(world.servers.addresses["source"], PORT))
    holder.disconnect()
    assert world.file().read_bytes() == before
    world.restart()
    assert world.answered_by() == "source"


@pytest.mark.usefixtures("before")
def test_a_second_process_at_the_same_port_is_named(world: PgBouncerWorld) -> None:
    """A console reaches one of them, and the other's clients would go on."""
    kept = world.main.read_text("utf-8")
    world.restart_with(kept + "so_reuseport = 1\n")
    second = subprocess.Popen([*unprivileged.prefix(), str(programs.find("pgbouncer")), str(world.main)], stderr=subprocess.DEVNULL)
    try:
        holder, until = world.holder("target"), time.monotonic() + 20
        while codes(found := holder.find_problems()) != ["gateways.shared_port"]:
            assert time.monotonic() < until, found
            time.sleep(0.1)
        holder.disconnect()
    finally:
        second.kill()
        second.wait()
        world.restart_with(kept)
    holder = world.holder("target")
    assert holder.find_problems() == []
    holder.disconnect()


def test_pooled_sessions_are_switched_when_they_are_short_and_named_when_somebody_keeps_one(
    world: PgBouncerWorld, before: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PHP comes anew for each request, and needs sessions where it locks by them; a pool of the application's keeps its own."""
    monkeypatch.setattr(pgbouncer, "SESSION_SECONDS", 1)
    world.file().write_bytes(before.replace(b"pool_mode=transaction", b"pool_mode=session"))
    command(world, "RELOAD")
    try:
        holder = world.holder("target")
        with world.servers.pooled("records") as client:
            client.execute("SELECT pg_advisory_lock(7)")
        assert holder.find_problems() == []
        with world.servers.pooled("records") as client:
            client.execute("SELECT 1")
            until = time.monotonic() + 20
            while codes(found := holder.find_problems()) != ["gateways.pools_sessions"]:
                assert time.monotonic() < until, found
                time.sleep(0.1)
        assert "records" in str(found[0])
        holder.stage()
        holder.pause()
        holder.switch_and_resume()
        assert world.answered_by() == "target"
        back = world.holder("source")
        back.stage()
        back.pause()
        back.switch_and_resume()
        assert world.answered_by() == "source"
        holder.disconnect()
        back.disconnect()
    finally:
        world.file().write_bytes(before)
        command(world, "RELOAD")


def test_a_gateway_on_the_databases_own_host_leads_there_by_loopback(world: PgBouncerWorld, before: bytes) -> None:
    """`host=127.0.0.1`, or none at all, is the source where the source's address is one of the gateway's host."""
    lines = [
        f"by_name = host=localhost port={PORT} dbname=records", f"near = host=127.0.0.1 port={PORT} dbname=records",
        f"nearer = port={PORT} dbname=records", f"elsewhere = host=10.9.9.9 port={PORT} dbname=records",
    ]  # fmt: skip
    world.servers.lead(lines)
    own = subprocess.run(
        ["awk", "/host LOCAL/ { print last } { last = $2 }", "/proc/net/fib_trie"], capture_output=True, text=True, check=True
    ).stdout.split()
    address = next((each for each in own if not each.startswith("127.")), None)
    if address is None:
        pytest.skip("this machine has no address but loopback")
    try:
        places = {"source": {"host": address, "port": PORT}, "target": {"host": world.servers.addresses["target"], "port": PORT}}
        lead = {"part": "near", "database": "records", "to": "target", **places}
        holder = PgBouncer(admin=world.servers.console_dsn(), channel=["sh"], databases_file=str(world.file()), leads=[lead])
        assert sorted(holder.serves()) == ["by_name", "near", "nearer"]
        holder.disconnect()
    finally:
        world.file().write_bytes(before)
        command(world, "RELOAD")


def test_an_account_by_which_it_asks_who_may_log_in_is_known_and_missed_on_the_other_side(world: PgBouncerWorld, before: bytes) -> None:
    """`auth_user`: once the name leads to the target, it asks there, and nobody new gets in without that account."""
    servers, mover = world.servers, registry.make_mover("postgresql", Hands(folder=world.file().parent))
    part = servers.part("records", "target")
    with servers.connect("source", "postgres") as admin:
        admin.execute(f"CREATE ROLE asker SUPERUSER LOGIN PASSWORD '{PASSWORD}'; CREATE ROLE counter LOGIN PASSWORD '{PASSWORD}'")
        verifier = {name: admin.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", (name,)).fetchone() for name in ("asker", "counter")}
    with servers.connect("target", "postgres") as admin:
        admin.execute(sql.SQL("CREATE ROLE counter LOGIN PASSWORD {}").format(sql.Literal(verifier["counter"][0])))
    users = world.main.with_name("userlist.txt")
    kept = users.read_text("utf-8")
    users.write_text(kept + f'"asker" "{PASSWORD}"\n', encoding="utf-8")
    servers.lead([f"records = host={servers.addresses['source']} port={PORT} dbname=records auth_user=asker"])
    try:
        assert side_seen_by(servers, "counter") == "source"
        holder = world.holder("target")
        assert holder.list_askers("records") == ["asker"]
        assert mover.credential(part, "asker") != mover.credential(part, "asker", "target") == ""
        holder.switch_and_resume()
        command(world, "RECONNECT records")
        with pytest.raises(psycopg.Error):
            side_seen_by(servers, "counter")
        with servers.connect("target", "postgres") as admin:
            admin.execute(sql.SQL("CREATE ROLE asker SUPERUSER LOGIN PASSWORD {}").format(sql.Literal(verifier["asker"][0])))
        assert mover.credential(part, "asker") == mover.credential(part, "asker", "target") != ""
        wait_until_let_in(servers, "counter")
        assert side_seen_by(servers, "counter") == "target"
        holder.disconnect()
    finally:
        users.write_text(kept, encoding="utf-8")
        world.file().write_bytes(before)
        command(world, "RELOAD")


def wait_until_let_in(servers: Servers, role: str) -> None:
    """PgBouncer tries a login that failed again only after a moment (``server_login_retry``)."""
    until = time.monotonic() + 20
    while True:
        try:
            side_seen_by(servers, role)
        except psycopg.OperationalError:
            assert time.monotonic() < until
            time.sleep(0.1)
        else:
            return


def side_seen_by(servers: Servers, role: str) -> str:
    with psycopg.connect(
        host=servers.addresses["gateway"], port=POOL_PORT, dbname="records", user=role, password=PASSWORD, prepare_threshold=None, connect_timeout=8,
    ) as client:  # fmt: skip
        row = client.execute("SELECT side FROM here").fetchone()
    assert row is not None
    return str(row[0])


def test_one_that_is_away_is_named_in_one_line(world: PgBouncerWorld) -> None:
    dsn = psycopg.conninfo.make_conninfo(world.servers.console_dsn(), port=POOL_PORT + 1)
    with pytest.raises(OSError, match=rf"PgBouncer on .*:{POOL_PORT + 1} does not let us in at its console: .*refused") as away:
        PgBouncer(admin=dsn, channel=["sh"], databases_file=str(world.file()), leads=[])
    assert "\n" not in str(away.value)


def test_taking_back_what_was_staged_leaves_what_another_migration_wrote_meanwhile(world: PgBouncerWorld, before: bytes) -> None:
    holder = world.holder("target")
    holder.stage()
    staged = world.file().read_bytes()
    assert staged != before
    world.file().write_bytes(staged.replace(b"my1db = host=10.9.9.9", b"my1db = host=10.7.7.7"))
    try:
        holder.unstage()
        holder.disconnect()
        assert world.file().read_bytes() == before.replace(b"my1db = host=10.9.9.9", b"my1db = host=10.7.7.7")
    finally:
        world.file().write_bytes(before)
