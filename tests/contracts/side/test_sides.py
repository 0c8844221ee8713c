"""What every side promises (`orchestrator/movers/side.py`), asked of each engine on real servers: one file a case.

A new engine brings its surroundings and a line in ``SERVERS`` or ``ALONE``.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cutover.kinds import SIDES
from tests.contracts.guard.servers import Servers
from tests.contracts.side.decision import DecisionSurroundings, FilesSurroundings
from tests.contracts.side.mariadb import MariadbSurroundings
from tests.contracts.side.postgresql import PostgresSurroundings
from tests.contracts.side.story import CASES, Story, Surroundings, load
from tests.support import mariadb

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

SERVERS: dict[str, tuple[Callable[[Path], Any], Callable[[Any, int], AbstractContextManager[Surroundings]]]] = {
    "postgresql": (Servers, PostgresSurroundings),
    "mariadb": (mariadb.Servers, MariadbSurroundings),
}
ALONE: dict[str, Callable[[Path, int], AbstractContextManager[Surroundings]]] = {"decision": DecisionSurroundings, "files": FilesSurroundings}
"""Engines with servers of their own, and those without."""
LACKS: dict[str, set[str]] = {"mariadb": {"keeping that waits"}}
"""What a case may need and an engine has not."""
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def servers() -> Iterator[Callable[[str], Any]]:
    """An engine's servers, started when the first case asks for them."""
    with ExitStack() as stack:
        running: dict[str, Any] = {}

        def of_engine(engine: str) -> Any:
            if engine not in running:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="side-")))
                folder.chmod(0o755)
                running[engine] = stack.enter_context(SERVERS[engine][0](folder))
            return running[engine]

        yield of_engine


def test_every_kind_of_side_is_held_to_the_table() -> None:
    assert {*SERVERS, *ALONE} == set(SIDES)


@pytest.mark.parametrize(
    ("engine", "case"),
    [(engine, case) for engine in sorted(SERVERS) for case in CASES if load(case).get("needs") not in LACKS.get(engine, set())],
    ids=lambda value: value.stem if isinstance(value, Path) else value,
)
def test_case(servers: Callable[[str], Any], engine: str, case: Path) -> None:
    running = servers(engine)
    with running.mended(), SERVERS[engine][1](running, next(_NUMBERS)) as around:
        Story(around).tell(load(case)["story"])


@pytest.mark.parametrize("engine", sorted(ALONE))
@pytest.mark.parametrize("case", [case for case in CASES if "needs" not in load(case)], ids=lambda case: case.stem)
def test_case_without_a_server(tmp_path: Path, engine: str, case: Path) -> None:
    with ALONE[engine](tmp_path, next(_NUMBERS)) as around:
        Story(around).tell(load(case)["story"])
