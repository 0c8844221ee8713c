"""What every holder promises (`orchestrator/gateways/holder.py`), asked of real gateways with other people's configuration: one file a case.

A new kind brings its world in ``gateways.py`` and a line in ``KINDS``.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cutover.kinds import HOLDERS
from tests.contracts.guard.servers import Servers
from tests.contracts.holder.gateways import Gateway, HaproxyWorld, HttpHoldWorld, PgBouncerWorld
from tests.contracts.holder.story import CASES, Story, load
from tests.contracts.holder.tcp import TcpWorld

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]


@contextmanager
def _pgbouncer(folder: Path) -> Iterator[Gateway]:
    with Servers(folder) as servers:
        yield PgBouncerWorld(servers)


@contextmanager
def _haproxy(folder: Path) -> Iterator[Gateway]:
    world = HaproxyWorld(folder, f"127.{100 + os.getpid() % 40}.{os.getpid() // 40 % 250}.5")
    try:
        yield world
    finally:
        world.close()


@contextmanager
def _http_hold(folder: Path) -> Iterator[Gateway]:
    world = HttpHoldWorld(folder, f"127.{100 + os.getpid() % 40}.{os.getpid() // 40 % 250}.6")
    try:
        yield world
    finally:
        world.close()


@contextmanager
def _tcp_hold(folder: Path) -> Iterator[Gateway]:
    world = TcpWorld(folder, f"127.{100 + os.getpid() % 40}.{os.getpid() // 40 % 250}.8")
    try:
        yield world
    finally:
        world.close()


KINDS: dict[str, Callable[[Path], Any]] = {
    "pgbouncer": _pgbouncer, "haproxy": _haproxy, "http_hold": _http_hold, "tcp_hold": _tcp_hold,
}  # fmt: skip


@pytest.fixture(scope="module", params=sorted(KINDS))
def gateway(request: pytest.FixtureRequest) -> Iterator[Gateway]:
    with tempfile.TemporaryDirectory(prefix="holder-") as folder:
        Path(folder).chmod(0o755)
        with KINDS[request.param](Path(folder)) as world:
            yield world


def test_every_kind_of_holder_is_held_to_the_table() -> None:
    assert set(KINDS) == set(HOLDERS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_case(gateway: Gateway, case: Path) -> None:
    Story(gateway).tell(load(case)["story"])
