"""What every side promises (`orchestrator/movers/side.py`), asked of each engine on real servers: one file a case.

A new engine brings its surroundings and a line in ``SERVERS`` or ``ALONE``.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from orchestrator.cutover.kinds import SIDES
from tests.contracts.guard.servers import Servers
from tests.contracts.side.decision import DecisionSurroundings
from tests.contracts.side.postgresql import PostgresSurroundings
from tests.contracts.side.story import CASES, Story, Surroundings, load

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

SERVERS: dict[str, Callable[[Servers, int], AbstractContextManager[Surroundings]]] = {"postgresql": PostgresSurroundings}
ALONE: dict[str, Callable[[Path, int], AbstractContextManager[Surroundings]]] = {"decision": DecisionSurroundings}
"""Engines with servers of their own, and those without."""
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with tempfile.TemporaryDirectory(prefix="side-") as folder:
        Path(folder).chmod(0o755)
        with Servers(Path(folder)) as running:
            yield running


def test_every_kind_of_side_is_held_to_the_table() -> None:
    assert {*SERVERS, *ALONE} == set(SIDES)


@pytest.mark.parametrize("engine", sorted(SERVERS))
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_case(servers: Servers, engine: str, case: Path) -> None:
    with servers.mended(), SERVERS[engine](servers, next(_NUMBERS)) as around:
        Story(around).tell(load(case)["story"])


@pytest.mark.parametrize("engine", sorted(ALONE))
@pytest.mark.parametrize("case", [case for case in CASES if "needs" not in load(case)], ids=lambda case: case.stem)
def test_case_without_a_server(tmp_path: Path, engine: str, case: Path) -> None:
    with ALONE[engine](tmp_path, next(_NUMBERS)) as around:
        Story(around).tell(load(case)["story"])
