"""docs/movers.md is made from the runbooks, and no kind is left out."""

from __future__ import annotations

import pytest

from orchestrator.models import Strategy
from orchestrator.runbooks import RUNBOOKS, page


def test_the_page_is_current() -> None:
    text = page.PAGE.read_text("utf-8")
    assert text == page.written(text), "run `make docs-movers`"


def test_every_runbook_and_every_strategy_has_a_row() -> None:
    assert {workload.runbook for workload in page.workloads()} == {*RUNBOOKS, ""}
    assert {str(strategy) for strategy in Strategy if strategy.moves} <= set(RUNBOOKS)


@pytest.mark.parametrize("name", RUNBOOKS)
def test_what_clients_see_and_what_is_compared_is_said_of_each(name: str) -> None:
    ids = {step.id for step in RUNBOOKS[name]}
    assert ids & set(page.SEEN)
    assert ids & set(page.COMPARED)
