"""What would change with other limits: dates and targets side by side, without touching any plan."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.errors import Finding, Refused
from orchestrator.models import Inventory, Plan, Verdict
from orchestrator.planning.plan import make_plan
from orchestrator.planning.programme import Programme
from orchestrator.planning.relax import Change, apply


@dataclass(frozen=True)
class PhaseOutcome:
    """One phase of one answer. ``reached_on``: the day on which the needed number is accepted; None without a plan."""

    id: str
    needed: int
    planned: int
    due: dt.date
    reached_on: dt.date | None


@dataclass(frozen=True)
class Outcome:
    """A plan's dates, or the reasons why there is none."""

    phases: tuple[PhaseOutcome, ...]
    last_cutover: dt.date | None
    findings: tuple[Finding, ...]

    @property
    def feasible(self) -> bool:
        return self.last_cutover is not None


@dataclass(frozen=True)
class Difference:
    """Before and after the changes; ``moved``: (system, day before, day after) of those that would move on another day."""

    changes: tuple[str, ...]
    before: Outcome
    after: Outcome
    moved: tuple[tuple[str, dt.date, dt.date], ...]


def what_if(
    inventory: Inventory, verdicts: Mapping[str, Verdict], programme: Programme, changes: Sequence[Change], *, effort: int = 0
) -> Difference:
    """Plans twice. With more capacity the former plan stays a fall-back, so no target gets worse."""
    other = programme
    for change in changes:
        other = apply(other, change)
    before, plan = _outcome(inventory, verdicts, programme, effort, None)
    after, changed = _outcome(inventory, verdicts, other, effort, plan)
    days = {entry.system: entry.window_start.date() for entry in plan.entries} if plan else {}
    moved = [
        (entry.system, days[entry.system], entry.window_start.date())
        for entry in (changed.entries if changed else ())
        if entry.system in days and days[entry.system] != entry.window_start.date()
    ]
    return Difference(tuple(str(change) for change in changes), before, after, tuple(moved))


def reached_on(plan: Plan, phase: str) -> dt.date | None:
    """The day on which as many systems of the phase's scope are accepted as are needed, for a phase counted all together."""
    told = next(one for one in plan.phases if one.id == phase)
    ends = sorted(one.accepted_by for one in plan.entries if one.accepted_by is not None and one.system in _scope(plan, phase))
    return (ends[told.needed - 1] - dt.timedelta(minutes=1)).date() if 0 < told.needed <= len(ends) else None


def _scope(plan: Plan, phase: str) -> set[str]:
    """Systems of the phases up to this one (scopes grow from phase to phase)."""
    ids = [one.id for one in plan.phases]
    wanted = set(ids[: ids.index(phase) + 1])
    return {entry.system for entry in plan.entries if entry.phase in wanted}


def _outcome(
    inventory: Inventory, verdicts: Mapping[str, Verdict], programme: Programme, effort: int, keep: Plan | None
) -> tuple[Outcome, Plan | None]:
    try:
        plan = make_plan(inventory, verdicts, programme, effort=effort, inventory_digest="", policy_digest="", keep=keep)
    except Refused as refused:
        return Outcome((), None, refused.findings), None
    phases = tuple(PhaseOutcome(one.id, one.needed, one.planned, one.due, reached_on(plan, one.id)) for one in plan.phases)
    return Outcome(phases, max((entry.window_start.date() for entry in plan.entries), default=programme.starts), ()), plan
