"""How far a plan misses or passes a phase's targets, read from the plan alone: one figure wherever a target is said to be met or missed."""

from __future__ import annotations

from orchestrator.models import PlanPhase


def short_of(phase: PlanPhase, counting: str) -> int:
    """Systems that are missing: of the whole, or summed over the kinds or departments that are short; what others have over mends none."""
    parts = {"per_kind": phase.by_kind, "per_department": phase.by_department}.get(counting)
    if parts is None:
        return max(0, phase.needed - phase.planned)
    return sum(max(0, one.needed - one.planned) for one in parts)


def slack_of(phase: PlanPhase, counting: str) -> int:
    """Systems beyond what is needed, or, negative, those that are missing."""
    return -short_of(phase, counting) or phase.planned - phase.needed
