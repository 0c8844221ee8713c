"""Why there is no plan: static checks, a proved lower bound, a shown sufficient amount, relaxations to choose from.

Three verdicts, and no fourth: *proved* (the linear relaxation, or counting, shows that no plan exists), *shown to suffice* (a plan was
found with so much more), *not shown either way*.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection, Mapping, Sequence

from orchestrator.errors import Finding
from orchestrator.planning import bounds
from orchestrator.planning import schedule as scheduling
from orchestrator.planning.bounds import Shortage
from orchestrator.planning.capacity import stream_of
from orchestrator.planning.demand import beyond
from orchestrator.planning.lift import BY_CAPACITY, copied_at_once, lifted
from orchestrator.planning.orders import Closures
from orchestrator.planning.problem import Problem, Target
from orchestrator.planning.relax import Change
from orchestrator.planning.schedule import Schedule
from orchestrator.planning.suffice import sufficient
from orchestrator.planning.words import capacity_name
from orchestrator.texts import Value, say

LISTED = 30
"""Findings of one kind that are listed one by one."""


def explain(
    problem: Problem, schedule: Schedule, proofs: Mapping[int, Shortage] | None = None, closures: Closures | None = None
) -> list[Finding]:
    """Every reason for the shortage of this (best found) schedule; the first ones name the targets.

    ``proofs``: by phase, what ``bounds.shortage`` proved, where the caller has asked already; ``closures`` likewise.
    """
    short = [n for n, target in enumerate(problem.targets) if scheduling.reached(problem, schedule, n) < target.needed]
    closures = closures or Closures(problem)
    findings = [_missed(problem, schedule, number) for number in short]
    findings += blocked_findings(problem)
    phases = sorted({problem.targets[number].phase for number in short})
    counted = {phase: found for phase in phases if (found := structure(problem, phase))}
    limited = {phase: found for phase in phases if phase not in counted and (found := beyond_limits(problem, phase))}
    if proofs is None:
        proofs = prove(problem, phases, closures)
    for phase in phases:
        findings += counted.get(phase, limited.get(phase, []))
        if phase not in counted and phase in proofs:
            findings += _capacities(problem, proofs[phase])
        findings += [_later(problem, schedule, number) for number in short if problem.targets[number].phase == phase]
    if phases and not counted:
        findings += _enough(problem, phases, {*proofs, *limited}, closures)
    return list(dict.fromkeys(findings))


def prove(problem: Problem, phases: Sequence[int], closures: Closures | None = None) -> dict[int, Shortage]:
    """By phase, a proved shortage; phases without proof are left out, and so are all without the optional solver."""
    if not bounds.available() or not phases:
        return {}
    chosen = (closures or Closures(problem)).chosen()[::2]
    found = {}
    for phase in phases:
        witness = (g for part, target in zip(chosen, problem.targets, strict=True) if target.phase <= phase for g in part)
        found[phase] = bounds.shortage(problem, phase, witness)
    return {phase: shortage for phase, shortage in found.items() if shortage is not None}


def blocked_findings(problem: Problem) -> list[Finding]:
    """What cannot be planned at all, roots before what hangs on them; at most ``LISTED`` of what hangs on them."""
    roots = [group.blocked for group in problem.groups if group.blocked and group.blocked.code != "needs-blocked"]
    hanging = [group.blocked for group in problem.groups if group.blocked and group.blocked.code == "needs-blocked"]
    found = [*roots, *hanging[:LISTED]]
    if len(hanging) > LISTED:
        found.append(
            Finding(
                "needs-blocked", "error", say("planning.more_that_need", count=len(hanging) - LISTED), say("planning.see_reasons_above")
            )
        )
    return found


def _missed(problem: Problem, schedule: Schedule, number: int) -> Finding:
    target = problem.targets[number]
    phase = problem.programme.phases[target.phase]
    got = scheduling.reached(problem, schedule, number)
    says = say(
        "planning.target_missed", where=_where(problem, target), needed=target.needed, in_scope=target.in_scope, due=str(phase.due),
        reached=got, short=target.needed - got,
    )  # fmt: skip
    return Finding("target-missed", "error", says, say("planning.choose_relaxation"))


def structure(problem: Problem, phase: int) -> list[Finding]:
    """Counting alone, or nothing: too few systems could be accepted in time even with unlimited capacities.

    Where only the time of first copies makes it so, that is said, at the rate of one system's copy: a faster one would help.
    """
    problem = lifted(problem)
    soonest = bounds.soonest_weeks(problem)
    anyway = bounds.soonest_weeks(copied_at_once(problem)) if any(one.lead > one.work for one in problem.groups) else soonest
    due = problem.programme.phases[phase].due
    found = []
    for target in problem.targets:
        if target.phase != phase:
            continue
        last = bounds.deadline_weeks(problem, target.due)
        possible, at_once = (_in_time(problem, target, weeks, last) for weeks in (soonest, anyway))
        if possible >= target.needed:
            continue
        possible = min(possible, at_once) if at_once < target.needed else possible
        told: dict[str, Value] = {"where": _where(problem, target), "possible": possible, "due": str(due), "needed": target.needed}
        told["missing"] = target.needed - possible
        if at_once < target.needed:
            says, mend = say("planning.proved_structure", **told), say("planning.mend_systems_or_date")
        else:
            says = say("planning.proved_copies", gb=_stream(problem), **told)
            mend = say("planning.faster_copy_or_date", setting=_copy_setting(problem))
        found.append(Finding("proved-structure", "error", says, mend))
        late = [g for g in dict.fromkeys(target.members) if problem.groups[g].fixed is None and soonest[g] > last[g]]
        found += [_too_late(problem, g, soonest[g], due) for g in late[:LISTED] if not problem.groups[g].blocked]
    return found


def _in_time(problem: Problem, target: Target, soonest: Sequence[int], last: Sequence[int]) -> int:
    """Systems of the target that weeks, windows and dependencies alone would let be accepted in time."""
    return sum(1 for g in target.members if problem.groups[g].fixed is not None or soonest[g] <= last[g])


def _too_late(problem: Problem, group: int, soonest: int, due: dt.date) -> Finding:
    one, names = problem.groups[group], problem.names(group)
    late: dict[str, Value] = {"names": names, "due": str(due)}
    if soonest < problem.weeks:
        says = say("planning.too_late", soonest=str(problem.monday(soonest)), **late)
    else:
        says = say("planning.never_in_time", **late)
    if one.lead <= one.work:
        return Finding("too-late", "error", says, say("planning.earlier_window"), system=names)
    says = say("planning.long_copy", late=says, weeks=one.lead, gb=_stream(problem))
    return Finding("too-late", "error", says, say("planning.faster_copy_or_window", setting=_copy_setting(problem)), system=names)


def _stream(problem: Problem) -> float:
    """GB a week that one system's first copy carries."""
    return stream_of(problem.programme) or 0


def _copy_setting(problem: Problem) -> str:
    """Which setting of the programme would make one system's copy faster."""
    return "stream_gb_per_week" if problem.programme.replication.stream_gb_per_week else "gb_per_week"


def _where(problem: Problem, target: Target) -> str:
    """The phase, and the kind or department that the target is of."""
    return f"{problem.programme.phases[target.phase].id} {target.part}".strip()


def beyond_limits(problem: Problem, phase: int) -> list[Finding]:
    """Counting again, or nothing: too few could be accepted without those that need more at once than a capacity ever has.

    For each of those, what is missing for it alone: exactly so much is proved.
    """
    soonest = bounds.soonest_weeks(problem)
    named: dict[int, None] = {}
    found = []
    for target in problem.targets:
        if target.phase != phase:
            continue
        last = bounds.deadline_weeks(problem, target.due)
        possible = _in_time(problem, target, soonest, last)
        if possible < target.needed:
            due = problem.programme.phases[phase].due
            says = say(
                "planning.proved_limit", where=_where(problem, target), possible=possible, due=str(due), needed=target.needed,
                missing=target.needed - possible,
            )  # fmt: skip
            found.append(Finding("proved-limit", "error", says, say("planning.raise_limits_named")))
            named |= dict.fromkeys(_roots(problem, target.members))
    return [*found, *(one for g in list(named)[:LISTED] for one in _alone(problem, g))]


def _roots(problem: Problem, members: Sequence[int]) -> list[int]:
    """Groups that a capacity blocks, among these and all that they need."""
    seen = dict.fromkeys(members)
    todo = list(seen)
    while todo:
        more = [other for other in problem.groups[todo.pop()].needs if other not in seen]
        seen |= dict.fromkeys(more)
        todo += more
    return [g for g in seen if (why := problem.groups[g].blocked) and why.code in BY_CAPACITY]


def _alone(problem: Problem, group: int) -> list[Finding]:
    """What is missing of each capacity for this group, were it the only one."""
    names, found = problem.names(group), []
    for name, amount, most in beyond(problem.groups[group], problem.resources, problem.cloud):
        capacity, tenth = capacity_name(name), 10 if name.startswith("skill:") else 1
        says = say(
            "planning.proved_limit_alone", capacity=capacity, missing=(amount - most) / tenth, names=names, amount=amount / tenth,
            most=most / tenth,
        )  # fmt: skip
        found.append(Finding("proved-limit", "error", says, say("planning.more_of", capacities=capacity), system=names))
    return found


def _capacities(problem: Problem, shortage: Shortage) -> list[Finding]:
    due = problem.programme.phases[shortage.phase].due
    if shortage.alone:
        return [_proved(problem, shortage, name, due) for name in shortage.alone]
    capacities = tuple(capacity_name(name) for name in shortage.together)
    says = say("planning.proved_joint", capacities=capacities, due=str(due))
    return [Finding("proved-joint", "error", says, say("planning.see_what_suffices"))]


def enough(problem: Problem, phases: Sequence[int], closures: Closures) -> tuple[tuple[Change, ...], int]:
    """What was shown to suffice, and the last phase whose targets a plan with it reaches: the programme's last where one was found.

    ``phases``: those that miss a target. A large city tries the programme's last phase, then the last of these; a small one all that are left.
    """
    ends = range(problem.targets[-1].phase, phases[-1] - 1, -1)
    tries = [*ends, *phases[-2::-1]] if len(problem.groups) <= bounds.LARGE else dict.fromkeys((ends[0], phases[-1]))
    for last in tries:
        if found := sufficient(problem, last, closures):
            return found, last
    return (), -1


def _enough(problem: Problem, phases: Sequence[int], proved: Collection[int], closures: Closures) -> list[Finding]:
    found = []
    changes, last = enough(problem, phases, closures)
    if changes:
        wanted = tuple(change.words() for change in changes)
        says = say("planning.shown", changes=wanted)
        if last != problem.targets[-1].phase:
            says = say("planning.shown_up_to", changes=wanted, phase=problem.programme.phases[last].id)
        found.append(Finding("shown-to-suffice", "warning", says, say("planning.choose_it")))
    for phase in phases:
        if phase not in proved:
            named = problem.programme.phases[phase].id
            if bounds.available():
                says, mend = say("planning.not_shown", phase=named), say("planning.try_effort")
            else:
                says, mend = say("planning.not_shown_without_solver", phase=named), say("planning.try_effort_and_solver")
            found.append(Finding("not-shown-either-way", "warning", says, mend))
    return found


def _proved(problem: Problem, shortage: Shortage, name: str, due: dt.date) -> Finding:
    amount = shortage.alone[name]
    kind = name.partition(":")[0]
    capacity = capacity_name(name)
    told: dict[str, Value] = {"capacity": capacity, "missing": math.ceil(amount), "due": str(due)}
    if kind == "cloud":
        dimension = {"vcpus": 0, "memory_gb": 1, "storage_gb": 2}[name.partition(":")[2]]
        segment = next(n for n, (first, last) in enumerate(problem.segments) if first <= shortage.deadline <= last)
        least = math.ceil(amount)
        wanted = (problem.cloud[dimension][segment] or 0) + least
        later = next(
            (n for n in range(segment + 1, len(problem.segments)) if (room := problem.cloud[dimension][n]) is None or room >= wanted), None
        )
        if later is not None:
            says = say("planning.proved_cloud_later", later=str(problem.monday(problem.segments[later][0])), **told)
        else:
            says = say("planning.proved_cloud_never", **told)
    elif kind == "skill":
        says = say("planning.proved_teams", **{**told, "missing": math.ceil(amount) / 10})
    elif kind == "replication":
        says = say("planning.proved_replication", **told)
    else:
        says = say("planning.proved_cutovers", **told)
    return Finding("proved-shortage", "error", says, say("planning.more_before", capacity=capacity, due=str(due)))


def _later(problem: Problem, schedule: Schedule, number: int) -> Finding:
    """Relaxations that the best schedule itself shows: a later date, or a lower percentage."""
    target = problem.targets[number]
    phase = problem.programme.phases[target.phase]
    ends = sorted(schedule.ends[g] + problem.groups[g].trial for g in target.members if schedule.weeks[g] >= 0)
    got = scheduling.reached(problem, schedule, number)
    percent = math.floor(1000 * got / target.in_scope) / 10
    where = _where(problem, target)
    told: dict[str, Value] = {"where": where, "needed": target.needed}
    lower = [say("planning.lower_percent", phase=phase.id)] if percent else []  # a target of 0 % is none
    choices = [*lower, say("planning.mend_reasons")]
    if len(ends) >= target.needed:
        day = (problem.moment(ends[target.needed - 1]) - dt.timedelta(minutes=1)).date()
        told |= {"day": str(day), "due": str(phase.due)}
        says = say("planning.later_or_lower", percent=percent, **told) if percent else say("planning.later", **told)
        choices = [say("planning.later_due"), *choices]
    elif percent:
        says = say("planning.lower", percent=percent, due=str(phase.due), dated=len(ends), **told)
    else:
        says = say("planning.neither_later_nor_lower", dated=len(ends), **told)
    return Finding("smallest-relaxation", "warning", says, say("planning.choose", choices=tuple(choices)))
