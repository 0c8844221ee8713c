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
from orchestrator.planning.patterns import WEEK
from orchestrator.planning.problem import Problem, Target
from orchestrator.planning.relax import Change
from orchestrator.planning.schedule import Schedule
from orchestrator.planning.suffice import sufficient
from orchestrator.planning.words import resource_name

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
        found.append(Finding("needs-blocked", "error", f"and {len(hanging) - LISTED} more that need them", "see the reasons above"))
    return found


def _missed(problem: Problem, schedule: Schedule, number: int) -> Finding:
    target = problem.targets[number]
    phase = problem.programme.phases[target.phase]
    got = scheduling.reached(problem, schedule, number)
    message = (
        f"{_where(problem, target)}: {target.needed} of {target.in_scope} are needed by {phase.due}, the best plan found reaches {got}"
    )
    return Finding("target-missed", "error", f"{message}: {target.needed - got} short", "see the reasons and choose a relaxation")


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
        if at_once < target.needed:
            possible, whatever = at_once, "whatever the capacities"
            why, remedy = (
                "the others lack a window in time, or have too long a chain or preparation",
                "mend the systems named, move the due date",
            )
        else:
            whatever = f"while one system's first copy carries {_stream(problem)}"
            why, remedy = "the copies of the others, or of what they need, take too long", f"{_faster(problem)}, a later due date"
        found.append(Finding(
            "proved-structure", "error",
            f"proved: {_where(problem, target)}: at most {possible} can be accepted by {due} {whatever}, {target.needed} are needed "
            f"({target.needed - possible} missing at least): {why}", f"{remedy}, or lower the percentage",
        ))  # fmt: skip
        late = [g for g in dict.fromkeys(target.members) if problem.groups[g].fixed is None and soonest[g] > last[g]]
        found += [_too_late(problem, g, soonest[g], due) for g in late[:LISTED] if not problem.groups[g].blocked]
    return found


def _in_time(problem: Problem, target: Target, soonest: Sequence[int], last: Sequence[int]) -> int:
    """Systems of the target that weeks, windows and dependencies alone would let be accepted in time."""
    return sum(1 for g in target.members if problem.groups[g].fixed is not None or soonest[g] <= last[g])


def _too_late(problem: Problem, group: int, soonest: int, due: dt.date) -> Finding:
    one, names = problem.groups[group], problem.names(group)
    message, remedy = (
        f"{names} can be cut over from {_from(problem, soonest)}, too late for {due}",
        "an earlier window, a shorter preparation or trial run",
    )
    if one.lead > one.work:
        message, remedy = f"{message}: its first copy takes {one.lead} weeks at {_stream(problem)}", f"{_faster(problem)}, {remedy}"
    return Finding("too-late", "error", message, remedy, system=names)


def _stream(problem: Problem) -> str:
    return f"{stream_of(problem.programme) or 0:g} GB a week"


def _faster(problem: Problem) -> str:
    setting = "stream_gb_per_week" if problem.programme.replication.stream_gb_per_week else "gb_per_week"
    return f"a faster copy (`{setting}` under `replication`)"


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
            found.append(Finding(
                "proved-limit", "error",
                f"proved: {_where(problem, target)}: at most {possible} can be accepted by {due} with these limits, {target.needed} are needed: at least "
                f"{target.needed - possible} of the systems that need more at once than there ever is, or of those that need them",
                "raise the limits named for as many of them, or prepare for more weeks",
            ))  # fmt: skip
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
        words, tenth = resource_name(name, "en"), 10 if name.startswith("skill:") else 1
        message = f"proved: {words}: at least {(amount - most) / tenth:g} more for {names}, which needs {amount / tenth:g} at once"
        found.append(Finding("proved-limit", "error", f"{message}, {most / tenth:g} are there at most", f"more of {words}", system=names))
    return found


def _capacities(problem: Problem, shortage: Shortage) -> list[Finding]:
    due = problem.programme.phases[shortage.phase].due
    if shortage.alone:
        return [_proved(problem, shortage, name, due) for name in shortage.alone]
    names = ", ".join(resource_name(name, "en") for name in shortage.together)
    message = f"proved: {names} together do not suffice by {due}, though each alone could, with more of the others"
    return [Finding("proved-joint", "error", message, "see what was shown to suffice")]


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
        message = f"shown: a plan was found with {', '.join(str(change) for change in changes)}"
        message += f", for the targets up to {problem.programme.phases[last].id}" if last != problem.targets[-1].phase else ""
        found.append(Finding("shown-to-suffice", "warning", message, "choose it; less may do, down to what is proved to be missing"))
    for phase in phases:
        if phase not in proved:
            how = "no shortage of capacity could be proved" if bounds.available() else "nothing could be proved without the optional solver"
            message = f"not shown either way: {how}, and no plan was found for {problem.programme.phases[phase].id}"
            remedy = "try a higher --effort" + ("" if bounds.available() else ", install the extra `solver`") + ", or choose a relaxation"
            found.append(Finding("not-shown-either-way", "warning", message, remedy))
    return found


def _proved(problem: Problem, shortage: Shortage, name: str, due: dt.date) -> Finding:
    amount = shortage.alone[name]
    kind = name.partition(":")[0]
    words = resource_name(name, "en")
    if kind == "cloud":
        dimension = {"vcpus": 0, "memory_gb": 1, "storage_gb": 2}[name.partition(":")[2]]
        segment = next(n for n, (first, last) in enumerate(problem.segments) if first <= shortage.deadline <= last)
        least = math.ceil(amount)
        wanted = (problem.cloud[dimension][segment] or 0) + least
        later = next(
            (n for n in range(segment + 1, len(problem.segments)) if (room := problem.cloud[dimension][n]) is None or room >= wanted), None
        )
        when = (
            f", so much is there only from {problem.monday(problem.segments[later][0])}" if later is not None else ", never planned so far"
        )
        message = f"proved: {words}: at least {least} more are needed by {due}{when}"
    elif kind == "skill":
        message = f"proved: {words}: at least {math.ceil(amount) / 10:g} more team-weeks are needed by {due}"
    elif kind == "replication":
        message = f"proved: {words}: at least {math.ceil(amount)} GB more are to be copied by {due} than it carries"
    else:
        message = f"proved: {words}: at least {math.ceil(amount)} cutovers more are needed by {due} than it allows"
    return Finding("proved-shortage", "error", message, f"more of {words} before {due}, a later due date, or a lower percentage")


def _later(problem: Problem, schedule: Schedule, number: int) -> Finding:
    """Relaxations that the best schedule itself shows: a later date, or a lower percentage."""
    target = problem.targets[number]
    phase = problem.programme.phases[target.phase]
    ends = sorted(schedule.ends[g] + problem.groups[g].trial for g in target.members if schedule.weeks[g] >= 0)
    got = scheduling.reached(problem, schedule, number)
    percent = math.floor(1000 * got / target.in_scope) / 10
    where = _where(problem, target)
    choices = [f"a lower `percent` for {phase.id}"] if percent else []  # a target of 0 % is none
    if len(ends) >= target.needed:
        day = (problem.moment(ends[target.needed - 1]) - dt.timedelta(minutes=1)).date()
        message = f"{where}: the best plan found reaches {target.needed} on {day} instead of {phase.due}"
        message += f", or {percent:g} % by {phase.due}" if percent else ""
        choices.insert(0, "a later `due`")
    elif percent:
        message = f"{where}: the best plan found reaches {percent:g} % by {phase.due}; {len(ends)} of {target.needed} ever get a date"
    else:
        message = f"neither a later date nor a lower percentage helps {where}: {len(ends)} of {target.needed} ever get a date"
    return Finding("smallest-relaxation", "warning", message, f"choose: {', '.join([*choices, 'mend the reasons above, or add capacity'])}")


def _from(problem: Problem, week: int) -> str:
    return str(problem.monday(week)) if week * WEEK < problem.weeks * WEEK else "no week up to the end"
