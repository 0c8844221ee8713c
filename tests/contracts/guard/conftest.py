"""Servers for all cases of the guard, and a system between its two sides that is kept as long as nothing switched in it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.guard.servers import Servers
from tests.contracts.guard.world import World


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with tempfile.TemporaryDirectory(prefix="guard-") as folder:
        Path(folder).chmod(0o755)
        with Servers(Path(folder)) as running:
            yield running


class Worlds:
    """Keeps a world from case to case as long as nothing switched in it."""

    def __init__(self, servers: Servers) -> None:
        self.servers = servers
        self.number = 0
        self.world: World | None = None

    def give(self, parts: int) -> World:
        if self.world is None or self.world.used_up or len(self.world.targets) != parts:
            self.drop()
            self.number += 1
            self.world = World(self.servers, self.servers.folder / f"world-{self.number}", self.number, parts)
            self.world.prepare()
        return self.world

    def drop(self) -> None:
        if self.world is not None:
            self.world.end()
        self.world = None


@pytest.fixture(scope="module")
def worlds(servers: Servers) -> Iterator[Worlds]:
    kept = Worlds(servers)
    yield kept
    kept.drop()
