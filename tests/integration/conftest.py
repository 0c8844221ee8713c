"""One embedded city for all tests of this folder that only look or mend what they break; each module that breaks it has its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.embedded.city import City


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """A city of its own, far from the checkout's."""
    own = City(tmp_path_factory.mktemp("city"))
    own.up()
    try:
        yield own
    finally:
        own.down()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "ledgers"
