"""What has changed since a plan was made: an approval of its digest holds only while this names nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.errors import Finding
from orchestrator.models import Inventory, Plan, PlanBaseline, PlanEntry, Verdict
from orchestrator.planning.notes import STAYING_CODES, note_words
from orchestrator.planning.plan import baseline_of, facts_of
from orchestrator.planning.programme import Programme
from orchestrator.texts import Words, say

REMEDY = say("planning.replan_and_approve")
SHOWN = 120
"""Characters of a value that are shown."""


def changes_since(
    plan: Plan, inventory: Inventory, verdicts: Mapping[str, Verdict], programme: Programme, *, inventory_digest: str, policy_digest: str,
    system: str | None = None,
) -> tuple[Finding, ...]:  # fmt: skip
    """Findings that name what differs now from what the plan was made of, field by field; with ``system`` only what concerns its cutover:
    itself, what moves together with it, and whether what it needs is still there.

    A system is named when something that planning reads of it (size, windows, dependencies, strategy …) is different. Where the
    inventory's digest differs and no system does, the change is outside of planning and one warning says so.
    """
    found: list[Finding] = []
    systems = {one.id: one for one in inventory.systems}
    levels = {one.id: str(one.level) for one in inventory.departments}
    entries = {entry.system: entry for entry in plan.entries}
    for entry in plan.entries if system is None else _concerned(system, entries):
        one = systems.get(entry.system)
        if one is None:
            found.append(Finding("gone-since", "error", say("planning.gone_since", system=entry.system), REMEDY, system=entry.system))
        elif system is None or system == entry.system or system in entry.together_with:
            changed = "; ".join(_differences(entry.facts, facts_of(one, verdicts[entry.system], levels[one.department])))
            if changed:
                found.append(
                    Finding(
                        "changed-since",
                        "error",
                        say("planning.changed_since", system=entry.system, changed=changed),
                        REMEDY,
                        system=entry.system,
                    )
                )
    planned = set(entries)
    if system is not None and system not in planned:
        why: Words = next((note_words(note) for note in plan.notes if note.system == system), say("planning.not_known_to_plan"))
        found.append(Finding("not-planned", "error", say("planning.not_in_plan", system=system, why=why), REMEDY, system=system))
    elif system is None:
        stayed = {note.system for note in plan.notes if note.code in STAYING_CODES}
        moved_since = {sid for sid in stayed if sid in verdicts and verdicts[sid].strategy.moves}
        known = (planned | {note.system for note in plan.notes}) - moved_since
        found += [
            Finding("new-since", "error", say("planning.new_since", system=sid), REMEDY, system=sid) for sid in sorted(set(systems) - known)
        ]
    if changed := "; ".join(_differences(plan.programme, programme.settings())):
        found.append(Finding("programme-since", "error", say("planning.programme_since", changed=changed), REMEDY))
    if changed := "; ".join(_differences(plan.target, programme.target)):
        found.append(Finding("cloud-since", "error", say("planning.cloud_since", changed=changed), REMEDY))
    if plan.policy_digest != policy_digest:
        digests = {"before": plan.policy_digest[:12], "now": policy_digest[:12]}
        found.append(Finding("policy-since", "error", say("planning.policy_since", **digests), REMEDY))
    if plan.baseline != (now := baseline_of(programme)):
        changed_count = say("planning.baseline_since", before=_counted(plan.baseline), now=_counted(now))
        found.append(Finding("baseline-since", "warning", changed_count, say("planning.plan_again_for_targets")))
    if plan.inventory_digest != inventory_digest and not found:
        found.append(Finding("inventory-since", "warning", say("planning.inventory_since"), say("planning.approve_again_if_asked")))
    return tuple(found)


def _counted(baseline: PlanBaseline | None) -> Words:
    if baseline is None:
        return say("planning.not_frozen")
    return say("planning.frozen_with", systems=baseline.systems, changes=baseline.changes)


def _concerned(system: str, entries: Mapping[str, PlanEntry]) -> Iterator[PlanEntry]:
    """The entry of a system and those of all that it needs, near and far, what moves together with it included."""
    todo, seen = [system], {system}
    while todo:
        entry = entries.get(todo.pop())
        if entry is None:
            continue
        yield entry
        more = {*entry.together_with, *entry.facts.get("depends_on", ())} - seen
        seen |= more
        todo += sorted(more)


def _differences(then: Any, now: Any, path: str = "") -> Iterator[str]:
    """``path old → new`` for every value that differs. What an older version did not read at all is no difference."""
    if isinstance(then, dict) and isinstance(now, dict):
        for key in sorted(then if not path else {*then, *now}):
            yield from _differences(then.get(key), now.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for number, (before, after) in enumerate(zip(then, now, strict=True)):
            yield from _differences(before, after, f"{path}[{number}]")
    elif then != now:
        yield f"{path} {_shown(then)} → {_shown(now)}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
