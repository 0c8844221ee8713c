"""What would change with other limits: dates and targets side by side, without touching any plan."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.errors import Finding, Refused
from orchestrator.models import Inventory, Plan, PlanCount, PlanPhase, Verdict
from orchestrator.planning.plan import Unreached, make_plan
from orchestrator.planning.programme import Programme, Standing
from orchestrator.planning.relax import Change, apply
from orchestrator.planning.replan import replan
from orchestrator.planning.shortfall import short_of
from orchestrator.policy.assess import moving
from orchestrator.policy.counting import Member
from orchestrator.texts import Words, say


@dataclass(frozen=True)
class InForce:
    """A programme under way: the plan that is in force, the day, and where systems stand."""

    plan: Plan
    as_of: dt.date
    standing: Sequence[Standing] = ()


@dataclass(frozen=True)
class PhaseOutcome:
    """One phase of one answer. ``reached_on``: the day on which the needed number is accepted; None without a plan. ``short``: what is missing."""

    id: str
    needed: int
    planned: int
    due: dt.date
    reached_on: dt.date | None
    short: int


@dataclass(frozen=True)
class Outcome:
    """A plan's dates; where a target is missed, those of the best plan found, and the reasons."""

    phases: tuple[PhaseOutcome, ...]
    last_cutover: dt.date | None
    findings: tuple[Finding, ...]
    feasible: bool


@dataclass(frozen=True)
class Difference:
    """Before and after the changes; ``moved``: (system, day before, day after) of those that would move on another day.

    ``gained``, ``lost``: systems with a date only after, or only before. ``notes``: changes that change nothing, or not as written.
    """

    changes: tuple[Words, ...]
    before: Outcome
    after: Outcome
    moved: tuple[tuple[str, dt.date, dt.date], ...]
    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    notes: tuple[Words, ...] = ()


def what_if(
    inventory: Inventory, verdicts: Mapping[str, Verdict], programme: Programme, changes: Sequence[Change], *, effort: int = 0,
    in_force: InForce | None = None,
) -> Difference:  # fmt: skip
    """Plans twice. With more capacity the former plan stays a fall-back, so no target gets worse. With a plan in force both are re-plans:
    from that day on, what is begun goes on, and promises are kept where they can be."""
    other = programme
    for change in changes:
        other = apply(other, change)
    before, plan = _outcome(inventory, verdicts, programme, effort, in_force.plan if in_force else None, in_force)
    after, changed = _outcome(inventory, verdicts, other, effort, plan, in_force)
    days = {entry.system: entry.window_start.date() for entry in plan.entries} if plan else {}
    moved = [
        (entry.system, days[entry.system], entry.window_start.date())
        for entry in (changed.entries if changed else ())
        if entry.system in days and days[entry.system] != entry.window_start.date()
    ]
    now = {entry.system for entry in changed.entries} if changed else set()
    return Difference(
        tuple(change.words() for change in changes), before, after, tuple(moved), gained=tuple(sorted(now - set(days))),
        lost=tuple(sorted(set(days) - now)), notes=tuple(note for change in changes for note in idle(programme, verdicts, change)),
    )  # fmt: skip


def idle(programme: Programme, verdicts: Mapping[str, Verdict], change: Change) -> list[Words]:
    """Why a change changes nothing, or holds from another day than it says."""
    kind, _, name = change.capacity.partition(":")
    limits = {
        "skill": bool(programme.teams),
        "cloud": any(getattr(step, name, None) is not None for step in programme.cloud),
        "replication": programme.replication.gb_per_week is not None,
        "wave": programme.waves.systems_per_week is not None,
    }
    found: list[Words] = []
    if not limits.get(kind, True):
        found.append(say("planning.no_limit_set", change=change.words()))
    elif kind == "skill" and not any(
        name in programme.work_of(verdict.strategy).skills for verdict in verdicts.values() if verdict.strategy
    ):
        found.append(say("planning.nothing_needs", change=change.words(), skill=name))
    if change.since and change.since < programme.starts:
        found.append(say("planning.before_start", change=change.words(), starts=str(programme.starts)))
    return found


def reached_on(plan: Plan, phase: PlanPhase, members: Sequence[Member], counting: str) -> dt.date | None:
    """The day on which as many of the phase's members are accepted as are needed: of all, or of every kind or department.

    None: never, or nothing is needed."""
    parts = {"per_kind": phase.by_kind, "per_department": phase.by_department}.get(counting) or [PlanCount("", 0, phase.needed, 0)]
    accepted = {entry.system: entry.accepted_by for entry in plan.entries if entry.accepted_by is not None}
    days = []
    for part in (one for one in parts if one.needed):
        ends = sorted(accepted[one.id] for one in members if one.id in accepted and part.part in {"", str(one.kind), one.department})
        if len(ends) < part.needed:
            return None
        days.append((ends[part.needed - 1] - dt.timedelta(minutes=1)).date())
    return max(days, default=None)


def _outcome(
    inventory: Inventory, verdicts: Mapping[str, Verdict], programme: Programme, effort: int, keep: Plan | None, in_force: InForce | None
) -> tuple[Outcome, Plan | None]:
    try:
        if in_force:
            plan = replan(
                inventory, verdicts, programme, keep or in_force.plan, as_of=in_force.as_of, standing=in_force.standing, effort=effort,
                inventory_digest="", policy_digest="",
            )  # fmt: skip
        else:
            plan = make_plan(inventory, verdicts, programme, effort=effort, inventory_digest="", policy_digest="", keep=keep)
        findings: tuple[Finding, ...] = ()
    except Unreached as missed:
        plan, findings = missed.plan, missed.findings
    except Refused as refused:
        return Outcome((), None, refused.findings, feasible=False), None
    phases = tuple(
        PhaseOutcome(one.id, one.needed, one.planned, one.due, reached_on(plan, one, members, plan.counting), short_of(one, plan.counting))
        for one, members in zip(plan.phases, programme.counted(moving(inventory, verdicts)), strict=True)
    )
    last = max((entry.window_start.date() for entry in plan.entries), default=None)
    return Outcome(phases, last, findings, feasible=not findings), plan
