"""Two policies over one inventory: which systems change, and why."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.models import Inventory, Strategy, SystemId
from orchestrator.policy.assess import Places, assess
from orchestrator.policy.policy import Policy


@dataclass(frozen=True)
class Difference:
    """One system of which the two policies say different things."""

    system: SystemId
    before: Strategy
    after: Strategy
    readiness: tuple[int, int]
    complexity: tuple[int, int]
    speaks_no_more: tuple[str, ...]
    speaks_now: tuple[str, ...]
    why_zh: tuple[str, ...]
    why_en: tuple[str, ...]


def diff_policies(inventory: Inventory, old: Policy, new: Policy, places: Places | None = None) -> list[Difference]:
    """Every system whose strategy, readiness or complexity differs; those that change strategy first."""
    before, after = assess(inventory, old, places), assess(inventory, new, places)
    found: list[Difference] = []
    for ident, one in before.items():
        other = after[ident]
        if (one.strategy, one.readiness, one.complexity) == (other.strategy, other.readiness, other.complexity):
            continue
        was, now = {r.rule: r for r in one.reasons}, {r.rule: r for r in other.reasons}
        gone, come = [r for r in was if r not in now], [r for r in now if r not in was]
        words = [(f"不再适用：{was[r].zh}", f"no longer: {was[r].en}") for r in gone] + [
            (f"新适用：{now[r].zh}", f"now: {now[r].en}") for r in come
        ]
        if not words:
            words = [("规则的分值或优先次序有变", "points or precedence of the rules changed")]
        found.append(
            Difference(
                ident, one.strategy, other.strategy, (one.readiness, other.readiness), (one.complexity, other.complexity), tuple(gone), tuple(come),
                tuple(zh for zh, _ in words), tuple(en for _, en in words),
            )
        )  # fmt: skip
    return sorted(found, key=lambda d: (d.before is d.after, d.system))
