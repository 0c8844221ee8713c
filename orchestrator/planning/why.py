"""Reasons for a place in the plan: ripe and simple first (R4), and what kept a system from an earlier week, or from every week."""

from __future__ import annotations

import datetime as dt
from collections import Counter

from orchestrator.errors import Finding
from orchestrator.models import Reason
from orchestrator.planning.patterns import WEEK
from orchestrator.planning.problem import Problem
from orchestrator.planning.schedule import Schedule
from orchestrator.planning.words import resource_name


def reasons_of(problem: Problem, schedule: Schedule, group: int) -> tuple[Reason, ...]:
    """How ripe and simple the group is, then the one thing that keeps it from the week before."""
    one = problem.groups[group]
    verdicts = [problem.verdicts[problem.systems[member].id] for member in one.members]
    ready, complexity = min(v.readiness for v in verdicts), max(v.complexity for v in verdicts)
    zh, en = f"条件成熟度 {ready}，架构复杂度 {complexity}", f"readiness {ready}, complexity {complexity}"
    found = [Reason(rule="ripe-and-simple-first", source="R4", zh=zh, en=en)]
    if one.fixed is not None:
        return (*found, Reason(rule="under-way", zh="已在进行或已完成，保持不变", en="done or under way: stays as it is"))
    return (*found, _no_earlier(problem, schedule, group))


def _no_earlier(problem: Problem, schedule: Schedule, group: int) -> Reason:
    one, week, ledger = problem.groups[group], schedule.weeks[group], schedule.ledger
    after = max(one.needs, key=lambda other: schedule.starts[other], default=None)
    floor = schedule.starts[after] if after is not None else 0
    if after is not None and floor // WEEK == week:
        names = problem.names(after)
        return Reason(rule="after-what-it-needs", source="R4", zh=f"不早于其依赖的 {names}", en=f"no earlier than {names}, which it needs")
    soonest = ledger.soonest(group)
    if week <= soonest and one.opens // WEEK == soonest > problem.first + one.lead - 1:
        return Reason(rule="phase-starts", source="R7", zh="所属阶段在本周开始", en="its phase starts in this week")
    if week <= soonest:
        zh = f"最早可行的一周：准备需 {one.lead} 周，割接当周计算在内"
        en = f"the first possible week: its preparation takes {one.lead} week{'s' if one.lead > 1 else ''}, up to and including this one"
        if one.started:
            zh, en = "准备已经开始，这是最早可行的一周", "the first possible week: its preparation has begun"
        return Reason(rule="first-possible-week", zh=zh, en=en)
    if one.promised is not None and week == one.promised:
        return Reason(rule="promised", zh="按原计划承诺的时间", en="the week that the former plan promised")
    ledger.give(group, week)
    blocker = ledger.blocker(group, week - 1, floor)
    ledger.take(group, week)
    if blocker:
        zh, en = resource_name(blocker, "zh"), resource_name(blocker, "en")
        return Reason(rule="capacity", fact=blocker, zh=f"前一周{zh}没有余量", en=f"{en}: no room in the week before")
    return Reason(rule="order", zh="更成熟、更简单的系统先行", en="riper and simpler systems went first")


def no_room(problem: Problem, schedule: Schedule, group: int) -> Finding:
    """Why a group that could move is in no week: what it needs has none, or the capacities that are full, those of most weeks first."""
    one, ledger, names = problem.groups[group], schedule.ledger, problem.names(group)
    lost = next((other for other in one.needs if schedule.weeks[other] < 0), None)
    if lost is not None:
        needed = problem.names(lost)
        return Finding("no-room", "error", f"it needs {needed}, which gets no date", f"see the reason given for {needed}", system=names)
    floor = max((schedule.starts[other] for other in one.needs), default=0)
    weeks = range(max(ledger.soonest(group), floor // WEEK), problem.weeks)
    full = Counter(name for week in weeks if (name := ledger.blocker(group, week, floor)) not in {"", "window"})
    last = problem.monday(problem.weeks) - dt.timedelta(days=1)
    if not full:
        return Finding(
            "no-room", "error", f"no week up to {last} has a window for it", "an earlier window, a shorter preparation", system=names
        )
    words = [resource_name(name, "en") for name, _ in full.most_common()]
    message = f"no week up to {last} has room for it: {', '.join(words)} {'is' if len(words) == 1 else 'are'} full"
    return Finding("no-room", "error", message, f"more of {' or '.join(words)}", system=names)
