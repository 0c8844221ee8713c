"""A new plan that keeps what it can of the former one: what is done or under way stays, broken promises are few and listed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from orchestrator.models import Inventory, MovedPromise, Plan, PlanEntry, Said, Verdict
from orchestrator.planning import schedule as scheduling
from orchestrator.planning.build import build
from orchestrator.planning.graph import closure
from orchestrator.planning.notes import note_words
from orchestrator.planning.orders import orders, ripe, target_first
from orchestrator.planning.patterns import WEEK
from orchestrator.planning.plan import Unreached, check_assessed, mended, mending, sealed, to_plan
from orchestrator.planning.problem import Problem
from orchestrator.planning.programme import Programme, Standing
from orchestrator.planning.schedule import Schedule, near_misses
from orchestrator.texts import Name, Value, Words, kept, pack, recalled, say

ROUNDS = 5
"""Times that what misses its target is put before the promises."""


def replan(
    inventory: Inventory, verdicts: Mapping[str, Verdict], programme: Programme, former: Plan, *, as_of: dt.date, inventory_digest: str,
    policy_digest: str, standing: Sequence[Standing] = (), effort: int = 0,
) -> Plan:  # fmt: skip
    """The plan from ``as_of`` on.

    ``standing``: where systems stand, beside what the programme says; what is under way without a date keeps the promised one.
    ``moved`` lists every broken promise (another moment than the former plan gave) with its reason; a live system whose
    dependency is not on the cloud (any more) is a note ``live-violation`` with what to do.
    Raises ``Unreached`` when a target is missed, with the best re-plan found: what is under way goes on, and broken promises are listed.
    """
    check_assessed(inventory, verdicts)
    entries = {entry.system: entry for entry in former.entries}
    present = _present(programme, former, as_of, standing)
    states = {one.system: one for one in present.under_way}
    promised = {sid: entry.window_start for sid, entry in entries.items() if sid not in states or states[sid].state == "under_way"}
    problem = build(inventory, verdicts, present, promised)
    urgent = _begin(problem, entries, as_of)
    schedule = _best(problem, urgent)
    schedule, reasons = mended(problem, schedule, effort)
    plan = to_plan(problem, schedule, inventory_digest=inventory_digest, policy_digest=policy_digest)
    plan = sealed(plan.model_copy(update={"moved": moved_promises(entries, plan), "replaces": former.digest}))
    if reasons:
        raise Unreached(plan, reasons)
    return plan


def _present(programme: Programme, former: Plan, as_of: dt.date, standing: Sequence[Standing] = ()) -> Programme:
    """The programme on a day: where systems stand, each with its date; what has no date of its own has the one that ``former`` promised."""
    entries = {entry.system: entry for entry in former.entries}
    states = {one.system: one for one in (*programme.under_way, *standing)}
    for sid, one in states.items():
        if one.cutover is None and one.state == "under_way" and sid in entries:
            states[sid] = one.model_copy(update={"cutover": max(as_of, entries[sid].window_start.date())})
        elif one.cutover is None and one.state == "done" and sid in entries:
            states[sid] = one.model_copy(update={"cutover": entries[sid].window_start.date()})
    return programme.model_copy(update={"as_of": as_of, "under_way": tuple(states[sid] for sid in sorted(states))})


def moved_promises(former: Mapping[str, PlanEntry], plan: Plan) -> tuple[MovedPromise, ...]:
    """Every system that the former plan promised another moment, by the moment promised."""
    now = {entry.system: entry for entry in plan.entries}
    found = []
    for sid, entry in former.items():
        new = now.get(sid)
        if new is None:
            why: Words = next((note_words(note) for note in plan.notes if note.system == sid), say("planning.no_longer_counted"))
            found.append(_moved(entry, None, why))
        elif new.state == "under_way" and new.window_start.date() != entry.window_start.date():
            later = new.window_start > entry.window_start
            found.append(_moved(entry, new, say("planning.window_is_over") if later else say("planning.switched_earlier")))
        elif new.state == "planned" and new.window_start != entry.window_start:
            last: Value = Name(new.reasons[-1].zh, new.reasons[-1].en) if new.reasons else ""
            changed = new.facts != entry.facts
            why = say("planning.facts_changed", reason=last) if changed else say("planning.moved_because", reason=last)
            found.append(_moved(entry, new, why))
    return tuple(sorted(found, key=lambda one: (one.promised, one.system)))


def _moved(entry: PlanEntry, new: PlanEntry | None, why: Words) -> MovedPromise:
    """``new`` None: it is planned no more. The words as they are kept, and what any reader's language is made from."""
    now = new.window_start if new else None
    return MovedPromise(system=entry.system, promised=entry.window_start, now=now, why=kept(why), said=Said(message=pack(why)))


def moved_words(moved: MovedPromise) -> Words:
    """Why a promise was broken, in whatever language it is then shown."""
    return recalled(moved.said.message, moved.why) if moved.said else moved.why


def _begin(problem: Problem, former: Mapping[str, PlanEntry], as_of: dt.date) -> set[int]:
    """Preparation that the former plan began before today is not begun again. Returns what others wait for: it is urgent."""
    urgent = set()
    for group in problem.groups:
        begun = [former[sid].preparation_starts for sid in (problem.systems[m].id for m in group.members) if sid in former]
        group.started = group.started or (bool(begun) and all(day is not None and day < as_of for day in begun))
    for _, needed in problem.dropped:
        group = problem.groups[problem.group_of[needed]]
        if group.fixed is None:
            group.promised = problem.first
            group.opens = min(group.opens, problem.first * WEEK)
            urgent.add(problem.group_of[needed])
    waiting = [number for number, group in enumerate(problem.groups) if group.promised is not None]
    for number in waiting:  # what was rolled back, or is new, and what promises wait for
        for other in problem.groups[number].needs:
            if problem.groups[other].promised is None and problem.groups[other].fixed is None and other not in urgent:
                urgent.add(other)
                waiting.append(other)
    return urgent


def _kept(problem: Problem, urgent: set[int]) -> Schedule:
    """What is urgent as early as it can be, then every promise that can be kept; what cannot gives way and takes nobody's room."""
    schedule = scheduling.empty(problem)
    order = sorted((group.promised, g) for g, group in enumerate(problem.groups) if group.promised is not None and group.fixed is None)
    for number in sorted(urgent) + [g for _, g in order if g not in urgent]:
        group = problem.groups[number]
        if group.blocked or any(schedule.weeks[other] < 0 for other in group.needs):
            continue
        floor = max((schedule.starts[other] for other in group.needs), default=0)
        if number in urgent or group.promised is None:
            found = schedule.ledger.earliest(number, floor)
        else:
            found = schedule.ledger.earliest(number, max(floor, group.promised * WEEK), group.promised + 1)
        if found:
            scheduling.put(schedule, number, *found)
    return schedule


def _best(problem: Problem, urgent: set[int]) -> Schedule:
    """Promises first; without keeping them only where targets would be missed otherwise."""
    best, score = None, (0, 0)
    urgent = set(urgent)
    for _ in range(ROUNDS):
        schedule = scheduling.serial(problem, ripe(problem), base=_kept(problem, urgent))
        found = scheduling.score(problem, schedule)
        if best is not None and found >= score:
            break
        best, score = schedule, found
        late = near_misses(problem, best) - urgent
        if not late:
            break
        urgent |= {other for group in late for other in closure(group, [one.needs for one in problem.groups])}
        urgent = {group for group in urgent if problem.groups[group].fixed is None}
    assert best is not None  # noqa: S101 - there is a first round
    if score[0]:
        from orchestrator.planning.search import Search

        Search(problem, best).run(mending(problem), until_met=True)
        score = scheduling.score(problem, best)
    for keep, order in [(True, order) for order in orders(problem)[2:]] + [(False, order) for order in target_first(problem)]:
        if not score[0]:
            break
        other = scheduling.serial(problem, order(), keep_promises=keep)
        found = scheduling.score(problem, other)
        if found < score:
            best, score = other, found
    return best
