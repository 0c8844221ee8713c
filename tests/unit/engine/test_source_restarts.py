"""``prepare-source --restart``: a server that lives is restarted for something only."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from orchestrator.engine.source import Source
from orchestrator.errors import Refused


def source(*owed: bool) -> Source:
    made = object.__new__(Source)
    made._system = SimpleNamespace(id="desk", department="office")  # type: ignore[assignment]
    servers = [(None, None, SimpleNamespace(is_restart_owed=lambda owes=owes: owes)) for owes in owed]
    made._servers = lambda: iter(servers)  # type: ignore[assignment,method-assign,return-value]
    made._restart = lambda *_: pytest.fail("it was restarted")  # type: ignore[method-assign,misc]
    return made


def test_a_restart_that_would_change_nothing_is_refused() -> None:
    with pytest.raises(Refused, match="desk"):
        source(False, False).restart()
    assert source(False).restart(only=False) == [], "asked for with --do or --undo, on servers that are so already"
