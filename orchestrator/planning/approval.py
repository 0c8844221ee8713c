"""What has changed since a plan was made: an approval of its digest holds only while this names nothing."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.errors import Finding
from orchestrator.models import Inventory, Plan, Verdict
from orchestrator.planning.plan import facts_digest
from orchestrator.planning.programme import Programme, programme_digest


def changes_since(
    plan: Plan, inventory: Inventory, verdicts: Mapping[str, Verdict], programme: Programme, *, inventory_digest: str, policy_digest: str,
    system: str | None = None,
) -> tuple[Finding, ...]:  # fmt: skip
    """Findings that name what differs now from what the plan was made of; with ``system`` only what concerns that system's cutover.

    A system is named when something that planning reads of it (size, windows, dependencies, strategy …) is different. Where the
    inventory's digest differs and no system does, the change is outside of planning and one warning says so.
    """
    remedy = "plan again, compare, and approve the new digest"
    found: list[Finding] = []
    systems = {one.id: one for one in inventory.systems}
    for entry in plan.entries:
        if system is not None and entry.system != system:
            continue
        one = systems.get(entry.system)
        if one is None:
            found.append(Finding("gone-since", "error", f"{entry.system} is not in the count any more", remedy, system=entry.system))
        elif facts_digest(one, verdicts[entry.system]) != entry.facts:
            message = f"what planning knows of {entry.system} has changed (size, windows, dependencies, trial run or verdict)"
            found.append(Finding("changed-since", "error", message, remedy, system=entry.system))
    if system is None:
        planned = {entry.system for entry in plan.entries} | {note.system for note in plan.notes}
        found += [
            Finding("new-since", "error", f"{sid} was not known to this plan", remedy, system=sid) for sid in sorted(set(systems) - planned)
        ]
    if plan.programme_digest and plan.programme_digest != programme_digest(programme):
        found.append(Finding("programme-since", "error", "program.yaml has changed since this plan was made", remedy))
    if plan.policy_digest != policy_digest:
        found.append(Finding("policy-since", "error", "the policy has changed since this plan was made", remedy))
    if plan.inventory_digest != inventory_digest and not found:
        message = "the inventory has changed since this plan was made, in nothing that planning reads"
        found.append(Finding("inventory-since", "warning", message, "read the difference, then approve again if your rules ask for it"))
    return tuple(found)
