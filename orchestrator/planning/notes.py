"""What a reader of the plan must know beside the dates: what is not planned, what history broke, what had to be assumed."""

from __future__ import annotations

from orchestrator.errors import Finding
from orchestrator.models import PlanNote, Said, Strategy
from orchestrator.planning.calendar import calendar_findings
from orchestrator.planning.problem import Problem
from orchestrator.planning.schedule import Schedule
from orchestrator.planning.why import before_service, no_room
from orchestrator.texts import Words, kept, pack, recalled, say


def notes_of(problem: Problem, schedule: Schedule) -> tuple[PlanNote, ...]:
    """What is not planned and why, what history broke, what had to be assumed."""
    found = _staying(problem)
    found += [_note("out-of-scope", say("planning.out_of_scope", system=sid), system=sid) for sid in problem.out_of_scope]
    for number, group in enumerate(problem.groups):
        if schedule.weeks[number] < 0:
            reason = group.blocked or no_room(problem, schedule, number)
            for member in group.members:
                sid = problem.systems[member].id
                says = say("planning.not_planned", system=sid, why=reason.says)
                found.append(_note(reason.code, says, reason.mend, system=sid))
        for sid, early in before_service(problem, schedule, number):
            found.append(_note("before-service", early, say("planning.settle_service_date"), system=sid))
    for one in (*problem.warnings, *calendar_warnings(problem)):
        found.append(_note(one.code, one.says, one.mend, system=one.system))
    return (*violations(problem), *found)


def _note(code: str, says: Words, mend: Words = "", *, system: str = "") -> PlanNote:
    """The words as they are kept, and beside them what any reader's language is made from."""
    said = Said(message=pack(says), remedy=pack(mend))
    return PlanNote(code=code, message=kept(says), remedy=kept(mend), system=system, said=said)


def note_words(note: PlanNote) -> Words:
    """What a note says, in whatever language it is then shown."""
    return recalled(note.said.message, note.message) if note.said else note.message


def note_remedy(note: PlanNote) -> Words:
    """What is to be done about it, likewise."""
    return recalled(note.said.remedy, note.remedy) if note.said else note.remedy


STAYING = {
    Strategy.RETIRE: ("to-retire", "planning.to_retire"),
    Strategy.ALREADY_ELSEWHERE: ("already-elsewhere", "planning.already_elsewhere"),
}
"""Strategies that move nothing: the note's code, its sentence."""
STAYING_CODES = {code for code, _ in STAYING.values()}


def _staying(problem: Problem) -> list[PlanNote]:
    """Systems that do not move, each with what becomes of it: no target counts them."""
    return [
        _note(STAYING[verdict.strategy][0], say(STAYING[verdict.strategy][1], system=sid), system=sid)
        for sid, verdict in sorted(problem.verdicts.items())
        if verdict.strategy in STAYING
    ]


def calendar_warnings(problem: Problem) -> tuple[Finding, ...]:
    """Years in which some rule asked for working days that the calendar library does not know."""
    asked = any(group.pattern.asks_calendar for group in problem.groups)
    return calendar_findings(problem.programme, problem.monday(problem.first), problem.programme.phases[-1].due) if asked else ()


CAME = {"rolled_back": "planning.needed_rolled_back", "under_way": "planning.needed_under_way"}
"""How far something that is needed has come."""


def violations(problem: Problem) -> tuple[PlanNote, ...]:
    """What is live on the cloud, or on its way, although something it needs is not."""
    states = {one.system: one.state for one in problem.programme.under_way}
    found = []
    for system, needed in problem.dropped:
        came = say(CAME.get(states.get(needed, ""), "planning.needed_not_moved"), needed=needed)
        says = say("planning.live_without", system=system, came=came)
        if states.get(system) != "done":
            says = say("planning.under_way_without", system=system, came=came)
        mend = say("planning.bring_or_roll_back", system=system, needed=needed)
        found.append(_note("live-violation", says, mend, system=system))
    return tuple(found)
