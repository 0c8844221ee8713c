"""Servers count errors and never forget them: a copy ends only for those that repeat while nothing gets on."""

from __future__ import annotations

import pytest

from orchestrator.movers.postgresql.in_step import Look, Setbacks

MISSING = {"public.a": 1, "public.b": 1}


def _look(*, missing=MISSING, errors=0, apply_errors=0, applied="0/1", is_crowded=False):
    return Look(missing, 0, 0, errors, apply_errors, applied, is_crowded)


ONE = {"public.a": 1}
STORIES = {
    "nothing fails": ([(0, _look()), (60, _look())], 0, 0),
    "a table that never copies": ([(0, _look()), (5, _look(errors=1)), (25, _look(errors=5))], 5, 0),
    "many at once, and no time has gone by": ([(0, _look()), (1, _look(errors=40))], 0, 0),
    "errors of before it was watched": ([(0, _look(errors=40)), (60, _look(errors=41))], 0, 0),
    "a table got in step between": ([(0, _look()), (5, _look(errors=4)), (30, _look(missing=ONE, errors=6)), (60, _look(missing=ONE, errors=8))], 0, 0),
    "they wait for their turn": ([(0, _look()), *[(n * 5, _look(errors=n * 9, is_crowded=True)) for n in range(1, 50)]], 0, 0),
    "a turn that never comes right": ([(0, _look(errors=30, is_crowded=True)), (5, _look(errors=31)), (30, _look(errors=36))], 6, 0),
    "a change that cannot be applied": ([(0, _look()), (5, _look(apply_errors=1)), (30, _look(apply_errors=6))], 0, 6),
    "a line that drops each day": ([(n * 86400, _look(apply_errors=n, applied=f"0/{n}")) for n in range(9)], 0, 0),
}  # fmt: skip


@pytest.mark.parametrize("story", STORIES)
def test_only_what_repeats_while_nothing_gets_on_counts(story):
    looks, of_copies, of_changes = STORIES[story]
    setbacks = Setbacks()
    for seconds, look in looks:
        setbacks.see(look, seconds)
    assert (setbacks.of_copies, setbacks.of_changes) == (of_copies, of_changes)
