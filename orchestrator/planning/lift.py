"""The same problem without the blocks that more capacity would end: what counting may say "whatever the capacities" about."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from orchestrator.planning.problem import Group, Problem

BY_CAPACITY = ("beyond-limit", "no-team")
"""Codes of blocks that end when a capacity grows."""


def copied_at_once(problem: Problem) -> Problem:
    """The problem as if first copies took no time of their own: preparation lasts as long as the work does."""
    return replace(problem, groups=[replace(group, lead=group.work) for group in problem.groups])


def lifted(problem: Problem, codes: Collection[str] = BY_CAPACITY) -> Problem:
    """The problem without blocks of these codes, and without those that only hang on them; openings as ``build`` would give them."""
    groups: list[Group] = []
    for group in problem.groups:  # in topological order
        held = group.blocked
        if held is not None and (held.code in codes or held.code == "needs-blocked"):
            held = next((root for other in group.needs if (root := groups[other].blocked)), None)
        groups.append(replace(group, blocked=held))
    for group in reversed(groups):
        for other in group.needs:
            if not group.blocked:
                groups[other].opens = min(groups[other].opens, group.opens)
    return replace(problem, groups=groups)
