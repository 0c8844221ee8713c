"""Whole numbers, groups, import costs: the small promises that the others rest on."""

from __future__ import annotations

import subprocess
import sys

import pytest

from orchestrator.planning.graph import closure, groups_of
from orchestrator.planning.problem import needed_of, profile_of, team_tenths


@pytest.mark.parametrize(("percent", "count", "needed"), [(80, 7, 6), (80, 5, 4), (100, 3, 3), (33.3, 10, 4), (80, 0, 0), (0.1, 1000, 1)])
def test_a_percentage_is_rounded_up_in_exact_arithmetic(percent: float, count: int, needed: int) -> None:
    assert needed_of(percent, count) == needed


def test_work_is_spread_with_the_remainder_in_the_first_weeks() -> None:
    profile = profile_of({0: 10, 1: 2}, 3)
    assert sorted(profile) == [(0, 0, 3), (1, 0, 3), (1, 1, 1), (2, 0, 4), (2, 1, 1)]
    assert sum(amount for _, resource, amount in profile if resource == 0) == 10


def test_team_weeks_grow_with_complexity_and_are_rounded_up() -> None:
    assert team_tenths(1, 1, 50) == 15
    assert team_tenths(0.6, 1, 33) == 8
    assert team_tenths(0.1, 0, 100) == 1


def test_groups_are_cycles_in_topological_order() -> None:
    found = groups_of([[1], [2], [1], [0, 2], []])
    assert sorted(map(tuple, found)) == [(0,), (1, 2), (3,), (4,)]
    place = {member: n for n, group in enumerate(found) for member in group}
    assert place[2] < place[0] < place[3]


def test_a_chain_of_twenty_thousand_needs_no_recursion() -> None:
    needs: list[list[int]] = [[n - 1] if n else [] for n in range(20_000)]
    assert len(groups_of(needs)) == 20_000
    assert len(closure(19_999, needs)) == 20_000
    assert len(closure(19_999, needs, limit=300)) == 300


def test_planning_imports_no_heavy_library() -> None:
    script = (
        "import sys; from tests.support.demo_city import demo_city; from orchestrator.planning.plan import make_plan;"
        "i, v, p = demo_city(); make_plan(i, v, p, inventory_digest='', policy_digest='');"
        "heavy = {'ortools', 'highspy', 'numpy', 'pandas', 'docx', 'sqlalchemy'} & set(sys.modules); sys.exit(', '.join(heavy) or 0)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
