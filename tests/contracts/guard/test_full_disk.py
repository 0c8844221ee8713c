"""The disk under a side's server fills up while a guard is at work, its write-ahead log too: markers and control rows cannot be
written. At most one side is ever open, nobody's acknowledged write is lost, and with room again the way out is the ordinary one."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from orchestrator.cutover import kinds
from orchestrator.movers.contract import Direction
from tests.contracts.guard.cases import Case
from tests.contracts.guard.servers import Servers
from tests.contracts.guard.world import Attempt, World
from tests.support.small_disk import fill, small_disk

pytestmark = [pytest.mark.servers, pytest.mark.long, pytest.mark.timeout(900)]
MEGABYTES = 320
FILL_ROWS = "CREATE TABLE IF NOT EXISTS filler (t text); INSERT INTO filler SELECT repeat(md5(i::text), 30) FROM generate_series(1, 20000) AS i"
FILL_LOG = "SELECT pg_logical_emit_message(false, 'full', repeat('x', 8000000))"
"""No row: only the write-ahead log grows. Without room for it PostgreSQL stops at once, and cannot start again."""


class FullDisk(Attempt):
    """An attempt in which a side's disk can fill up."""

    full: bool = False

    def do_disk(self, server: str, filler: str) -> None:
        fill(_folder(self.world.servers, server) / "ballast")
        for _ in range(60):  # until what the server has kept of its log for later is used up, too
            try:
                with self.world.servers.connect(server, "postgres") as admin:
                    admin.execute(filler.encode())
            except psycopg.Error:
                self.full = True
                return

    def free(self, server: str) -> None:
        (_folder(self.world.servers, server) / "ballast").unlink(missing_ok=True)

    def wait_for_recovery(self, server: str) -> None:
        until = time.monotonic() + 120
        while True:
            try:
                self.world.servers.connect(server, "postgres").close()
            except psycopg.Error:
                assert time.monotonic() < until
                time.sleep(0.2)
            else:
                return


def _folder(servers: Servers, server: str) -> Path:
    return servers.folder / "hosts" / server


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """A source and a target, each on a small file system of its own."""
    with tempfile.TemporaryDirectory(prefix="guard-disk-") as text, contextlib.ExitStack() as stack:
        folder = Path(text)
        folder.chmod(0o755)
        for server in ("source", "target"):
            stack.enter_context(small_disk(folder / "hosts" / server, MEGABYTES))
        with Servers(folder) as running:
            yield running


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return itertools.count(1)


@pytest.mark.parametrize("server", ["source", "target"])
@pytest.mark.parametrize("act", ["stage", "close", "prove"])
@pytest.mark.parametrize("filler", [FILL_ROWS, FILL_LOG], ids=["rows", "log"])
def test_a_sides_disk_fills_up_after_an_act(servers: Servers, filler: str, act: str, server: str, numbers: Iterator[int]) -> None:
    number = next(numbers)
    world = World(servers, servers.folder / f"world-{number}", number, 1)
    world.prepare()
    try:
        happens = {act: [{"disk": server, "filler": filler}]}
        attempt = FullDisk(world, Case(name="disk", title="", act="begin", outcome="aborted", after=happens, fence_ms=8000), Direction.FORWARD)
        with servers.mended():
            try:
                result = attempt.run()
            finally:
                attempt.free(server)
        assert attempt.full, "the server never felt it"
        attempt.wait_for_recovery(server)
        (name,) = world.targets
        there = world.open_sides(name)
        assert len(there) <= 1, (result, there)
        print(f"\n  {server} full after {act}: {result['outcome']}, open: {there}, {result['reason'][:230]} {result['problems']}")
        assert result["outcome"] in ("aborted", "switched", "stuck"), result
        assert result["outcome"] == "stuck" or there, f"nobody is served, and it is not said: {result}"
        world.live = "target" if there == ["target"] else "source"
        assert (world.live == "target") is (result["outcome"] == "switched") or result["outcome"] == "stuck", (result, there)
        _settle(attempt)
        for client in world.clients:
            client.must_be_served()
        assert world.open_sides(name) == [world.live]
        world.check_ledger()
    finally:
        world.end()


def _settle(attempt: FullDisk) -> None:
    """What `resume` does: the side that the control rows name is opened where none is, the gateway follows."""
    specification = attempt.specification()
    part = specification.parts[0]
    side = kinds.make_side(part.other if attempt.world.live == "target" else part.live)
    try:
        if not side.control().open:
            side.open(specification.attempt, specification.token)
    finally:
        side.disconnect()
    attempt.do_lead(attempt.world.live)
