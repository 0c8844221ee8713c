"""After a switch everybody must be answered for a while; how long that is waited for depends on who is not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.errors import StepFailed
from orchestrator.steps.citizens import CONFIRM_SECONDS, HEALTHY_SECONDS, ILL_SECONDS, Probes
from orchestrator.steps.entry import changing_entry


class Never:
    """A probe of somebody who is never answered."""

    def problem(self) -> str:
        return "HTTP 503"


class Answered:
    def problem(self) -> str:
        return ""


@pytest.mark.parametrize(
    ("probes", "waited"),
    [
        ({"sql-portal": Answered(), "http-portal": Answered()}, 0),
        ({"sql-portal": Answered(), "http-portal": Never()}, ILL_SECONDS),
        ({"sql-portal": Never(), "http-portal": Never()}, CONFIRM_SECONDS),
        ({"sql-portal": Never()}, CONFIRM_SECONDS),
    ],
)
def test_a_service_that_is_ill_behind_the_entry_is_not_waited_for_as_a_database_is(probes: dict[str, Any], waited: float) -> None:
    slept: list[float] = []
    context: Any = SimpleNamespace(pause=slept.append, say=lambda _words: None)
    problems = Probes(context, probes).wait_healthy()
    assert sum(slept) == HEALTHY_SECONDS + waited
    assert len(problems) == sum(isinstance(probe, Never) for probe in probes.values())


def test_an_entry_that_nobody_named_is_a_finding_also_for_who_would_change_it(tmp_path: Path) -> None:
    context: Any = SimpleNamespace(sites=SimpleNamespace(entry=None), settings=SimpleNamespace(state=tmp_path))
    with pytest.raises(StepFailed), changing_entry(context, "source"):
        pass
