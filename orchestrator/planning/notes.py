"""What a reader of the plan must know beside the dates: what is not planned, what history broke, what had to be assumed."""

from __future__ import annotations

from orchestrator.errors import Finding
from orchestrator.models import PlanNote, Strategy
from orchestrator.planning.calendar import calendar_findings
from orchestrator.planning.problem import Problem
from orchestrator.planning.schedule import Schedule
from orchestrator.planning.why import no_room
from orchestrator.texts import kept


def notes_of(problem: Problem, schedule: Schedule) -> tuple[PlanNote, ...]:
    """What is not planned and why, what history broke, what had to be assumed."""
    found = _staying(problem)
    found += [
        PlanNote(code="out-of-scope", message=f"{sid} is in no phase's scope and nothing in scope needs it: not planned", system=sid)
        for sid in problem.out_of_scope
    ]
    for number, group in enumerate(problem.groups):
        if schedule.weeks[number] < 0:
            reason = group.blocked or no_room(problem, schedule, number)
            for member in group.members:
                sid = problem.systems[member].id
                message = f"{sid} is not planned: {kept(reason.says)}"
                found.append(PlanNote(code=reason.code, message=message, remedy=kept(reason.mend), system=sid))
    for one in (*problem.warnings, *calendar_warnings(problem)):
        found.append(PlanNote(code=one.code, message=kept(one.says), remedy=kept(one.mend), system=one.system))
    return (*violations(problem), *found)


STAYING = {
    Strategy.RETIRE: ("to-retire", "is to be switched off and is not migrated"),
    Strategy.ALREADY_ELSEWHERE: ("already-elsewhere", "runs elsewhere already: there is nothing to migrate"),
}

STAYING_CODES = {code for code, _ in STAYING.values()}


def _staying(problem: Problem) -> list[PlanNote]:
    """Systems that do not move, each with what becomes of it: no target counts them."""
    return [
        PlanNote(code=STAYING[verdict.strategy][0], message=f"{sid} {STAYING[verdict.strategy][1]}", system=sid)
        for sid, verdict in sorted(problem.verdicts.items())
        if verdict.strategy in STAYING
    ]


def calendar_warnings(problem: Problem) -> tuple[Finding, ...]:
    """Years in which some rule asked for working days that the calendar library does not know."""
    asked = any(group.pattern.asks_calendar for group in problem.groups)
    return calendar_findings(problem.programme, problem.monday(problem.first), problem.programme.phases[-1].due) if asked else ()


def violations(problem: Problem) -> tuple[PlanNote, ...]:
    """What is live on the cloud, or on its way, although something it needs is not."""
    states = {one.system: one.state for one in problem.programme.under_way}
    found = []
    for system, needed in problem.dropped:
        was = {"rolled_back": "was rolled back", "under_way": "is still under way"}.get(states.get(needed, ""), "has not moved")
        where = "is live on the cloud" if states.get(system) == "done" else "is under way"
        found.append(PlanNote(
            code="live-violation", system=system, message=f"{system} {where}, and {needed}, which it needs, {was}",
            remedy=f"bring {needed} onto the cloud (the plan puts it as early as it can) or roll {system} back; watch their link until then",
        ))  # fmt: skip
    return tuple(found)
