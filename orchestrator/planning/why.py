"""Reasons for a place in the plan: ripe and simple first (R4), and what kept a system from an earlier week, or from every week."""

from __future__ import annotations

import datetime as dt
from collections import Counter

from orchestrator.errors import Finding
from orchestrator.models import Reason, Status
from orchestrator.planning.patterns import WEEK
from orchestrator.planning.problem import Problem
from orchestrator.planning.schedule import Schedule
from orchestrator.planning.words import capacity_name, reason
from orchestrator.policy.lifetimes import date_words
from orchestrator.texts import Name, Sentence, say


def reasons_of(problem: Problem, schedule: Schedule, group: int) -> tuple[Reason, ...]:
    """How ripe and simple the group is, then the one thing that keeps it from the week before."""
    one = problem.groups[group]
    verdicts = [problem.verdicts[problem.systems[member].id] for member in one.members]
    ready, complexity = min(v.readiness for v in verdicts), max(v.complexity for v in verdicts)
    scores = say("planning.ripe_and_simple", readiness=ready, complexity=complexity)
    first = reason("ripe-and-simple-first", scores, source="R4")
    if one.fixed is not None:
        return first, reason("under-way", say("planning.stays_as_it_is"))
    early = [reason("before-service", says, source="R3") for _, says in before_service(problem, schedule, group)]
    return first, *early, _no_earlier(problem, schedule, group)


def before_service(problem: Problem, schedule: Schedule, group: int) -> list[tuple[str, Sentence]]:
    """Members that are still being built and come onto the cloud before the day on which they are to be in service: system, why that may be (R3, R11)."""
    one = problem.groups[group]
    if schedule.weeks[group] < 0 or one.fixed is not None:
        return []
    day = (problem.base + dt.timedelta(minutes=schedule.starts[group])).isoformat()
    found = []
    for system in (problem.systems[member] for member in one.members):
        since = system.in_service_since
        if system.status is Status.UNDER_CONSTRUCTION and since and day[: len(since)] < since:
            found.append((system.id, say("planning.before_service", system=system.id, date=Name(*date_words(since)), day=day)))
    return found


def _no_earlier(problem: Problem, schedule: Schedule, group: int) -> Reason:
    one, week, ledger = problem.groups[group], schedule.weeks[group], schedule.ledger
    after = max(one.needs, key=lambda other: schedule.starts[other], default=None)
    floor = schedule.starts[after] if after is not None else 0
    if after is not None and floor // WEEK == week:
        return reason("after-what-it-needs", say("planning.after_what_it_needs", names=problem.names(after)), source="R4")
    soonest = ledger.soonest(group)
    if week <= soonest and one.opens // WEEK == soonest > problem.first + one.lead - 1:
        return reason("phase-starts", say("planning.phase_starts"), source="R7")
    if week <= soonest:
        says = say("planning.preparation_begun") if one.started else say("planning.first_possible_week", weeks=one.lead)
        return reason("first-possible-week", says)
    if one.promised is not None and week == one.promised:
        return reason("promised", say("planning.promised"))
    ledger.give(group, week)
    blocker = ledger.blocker(group, week - 1, floor)
    ledger.take(group, week)
    if blocker:
        return reason("capacity", say("planning.no_room_before", capacity=capacity_name(blocker)), fact=blocker)
    return reason("order", say("planning.riper_first"))


def no_room(problem: Problem, schedule: Schedule, group: int) -> Finding:
    """Why a group that could move is in no week: what it needs has none, or the capacities that are full, those of most weeks first."""
    one, ledger, names = problem.groups[group], schedule.ledger, problem.names(group)
    lost = next((other for other in one.needs if schedule.weeks[other] < 0), None)
    if lost is not None:
        needed = problem.names(lost)
        return Finding(
            "no-room", "error", say("planning.needs_undated", names=needed), say("planning.see_reason", names=needed), system=names
        )
    floor = max((schedule.starts[other] for other in one.needs), default=0)
    weeks = range(max(ledger.soonest(group), floor // WEEK), problem.weeks)
    full = Counter(name for week in weeks if (name := ledger.blocker(group, week, floor)) not in {"", "window"})
    last = str(problem.monday(problem.weeks) - dt.timedelta(days=1))
    if not full:
        return Finding("no-room", "error", say("planning.no_window", last=last), say("planning.window_or_preparation"), system=names)
    capacities = tuple(capacity_name(name) for name, _ in full.most_common())
    says = say("planning.no_room", last=last, capacities=capacities)
    return Finding("no-room", "error", says, say("planning.more_of", capacities=capacities), system=names)
