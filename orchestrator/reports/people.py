"""What people decided and did for a system: who, when, with what evidence. Simulated persons are shown as such."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestrator.reports.given import Given
from orchestrator.reports.privacy import who
from orchestrator.reports.system_facts import Act
from orchestrator.reports.values import Sourced, Words
from orchestrator.reports.words import GATES, OUTCOMES, mark


def acts(given: Given, rows: Sequence[Any]) -> tuple[Act, ...]:
    """Decided gates and finished human tasks of these migrations, in the order of time."""
    closed = [one for row in rows for one in given.trail.closed.get(row.id, ())]
    found = [_decision(given, row) if kind == "gate" else _deed(given, row) for kind, row in closed]
    return tuple(sorted(found, key=lambda act: act.at.value))


def _decision(given: Given, gate: Any) -> Act:
    zh, en = GATES.get(gate.gate, (gate.gate, gate.gate))
    source = given.trail.source(given.trail.gate_events(gate), f"gates:{gate.id}")
    at = Sourced[str](value=given.local(gate.decided), source=source)
    return _act(given, gate.actor, what=Words(zh=zh, en=en), outcome=str(gate.state), note=gate.reason, at=at)


def _deed(given: Given, task: Any) -> Act:
    title = Words(zh=given.scrub.text(task.title_zh), en=given.scrub.text(task.title_en))
    at = Sourced[str](value=given.local(task.done), source=given.trail.source(given.trail.task_events(task), f"tasks:{task.id}"))
    return _act(given, task.actor, what=title, outcome="done", note=task.evidence, at=at)


def _act(given: Given, actor: Any, *, what: Words, outcome: str, note: Any, at: Sourced[str]) -> Act:
    person = given.scrub.text(who(str(actor or "")))
    return Act(
        what=what,
        who=person,
        simulated=person.startswith("simulated:"),
        outcome=mark(OUTCOMES, outcome),
        note=given.scrub.text(str(note or "")),
        at=at,
    )
