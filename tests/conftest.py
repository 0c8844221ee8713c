"""Tests read what an English operator reads, whatever the machine's locale is, unless they choose a language themselves."""

import os
from collections.abc import Iterator

import pytest

from orchestrator import texts

for name in ("LC_ALL", "LC_MESSAGES"):
    os.environ.pop(name, None)
os.environ["LANG"] = "C.UTF-8"


@pytest.fixture(autouse=True)
def _own_language() -> Iterator[None]:
    """What one test chose (`--lang zh`, say) no other one speaks."""
    yield
    texts.use(None)
