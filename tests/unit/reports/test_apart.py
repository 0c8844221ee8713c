"""What does not move in the report: counted apart, in no target; one that retires holds its room until its planned end."""

from __future__ import annotations

from pathlib import Path

from orchestrator.journal.decisions import Decisions
from orchestrator.journal.notes import Notes
from orchestrator.journal.store import Journal
from orchestrator.models import Excluded, ExcludedRow
from orchestrator.policy.assess import assess
from orchestrator.policy.policy import load_policy
from orchestrator.reports.collect import collect
from tests.support.example_city import example_inventory, example_programme
from tests.support.example_report import NOW

CHANGED = {"permits": {"runs_at": "service"}, "hotline": {"retiring": True, "planned_end": "2017-12"}}


def test_what_does_not_move_is_in_no_target_and_told_by_itself(tmp_path: Path) -> None:
    whole = example_inventory()
    systems = tuple(one.model_validate({**one.model_dump(), **CHANGED.get(one.id, {})}) for one in whole.systems)
    unanswered = ExcludedRow(department="market", reason=Excluded.CLASSIFIED, row_no=8, answered=False)
    inventory = whole.model_copy(update={"systems": systems, "excluded": (*whole.excluded, unanswered)})
    journal = Journal(f"sqlite:///{tmp_path / 'journal.sqlite'}")
    facts = collect(
        journal=journal, decisions=Decisions(journal), notes=Notes(journal), inventory=inventory, verdicts=assess(inventory, load_policy(None), today=NOW.date()),
        programme=example_programme(), now=NOW,
    )  # fmt: skip
    states = {one.id: one.state.value.code for one in facts.systems}
    assert (states["permits"], states["hotline"]) == ("already_elsewhere", "retire")
    counts = {(one.department.en, one.reason.code): one.count.value for one in facts.excluded}
    assert counts["Administrative Service Centre", "already_elsewhere"] == 1
    assert counts["Administrative Service Centre", "retire"] == 1
    assert counts["Market Supervision Bureau", "unanswered"] == 1
    assert ("Market Supervision Bureau", "classified") not in counts
    assert facts.phases[1].in_scope.value == len(systems) - 2
    hall = next(room for room in facts.rooms if room.id == "hall-room")
    assert "hotline" in hall.holders
    assert "permits" not in hall.holders
    assert "hotline" not in hall.unplanned
