"""Hosting: when a machine that is under way goes back, and what a cold backup is held against."""

from __future__ import annotations

import datetime as dt
import time
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.errors import StepFailed
from orchestrator.models import Host, Service
from orchestrator.steps import cold, hosting
from orchestrator.steps.machine import Tree

HOUR = 3600.0


class Records:
    """What the journal says of one carriage."""

    def __init__(self, end: float | None, left: float | None, done: tuple[str, ...] = ()) -> None:
        self.end, self.left, self.done = end, left, done

    def approved_window(self) -> dict[str, str] | None:
        if self.end is None:
            return None
        return {"start": "2018-01-01T00:00+08:00", "end": dt.datetime.fromtimestamp(self.end, dt.UTC).isoformat(), "rule": "daily"}

    def task_opened(self, _step: str, _name: str) -> float | None:
        return self.left

    def tasks_done(self, _step: str) -> list[str]:
        return list(self.done)


def context(records: Records, *, start_seconds: float = 600, took: float = 120) -> Any:
    service = Service(name="web", host="box", unit="web.service", start_seconds=start_seconds)
    system = SimpleNamespace(id="permits", services=(service,))
    return SimpleNamespace(records=records, system=system, facts={"shut_down": {"took": took}})


def test_the_way_back_takes_as_long_as_the_way_there_has_taken() -> None:
    left = 1_000_000.0
    turn_back = hosting._turn_back_time(context(Records(left + 4 * HOUR, left)))
    assert turn_back == left + (4 * HOUR - 720) / 2
    assert turn_back + (turn_back - left) + 720 == left + 4 * HOUR  # carried back and started, the window ends


@pytest.mark.parametrize(
    ("end_in", "left_ago", "done", "goes_back"),
    [
        (4 * HOUR, 1 * HOUR, (), False), (1 * HOUR, 3 * HOUR, (), True), (1 * HOUR, 3 * HOUR, ("power_off", "transport", "rack"), True),
        (1 * HOUR, 3 * HOUR, ("power_off", "transport", "rack", "power_on"), False), (-1.0, 1 * HOUR, (), True), (1.0, None, (), False),
        (None, 9 * HOUR, (), False),
    ],
)  # fmt: skip
def test_still_under_way_at_its_turn_back_time_it_goes_back(
    end_in: float | None, left_ago: float | None, done: tuple[str, ...], goes_back: bool
) -> None:
    now = time.time()
    records = Records(now + end_in if end_in is not None else None, now - left_ago if left_ago is not None else None, done)
    if not goes_back:
        hosting._insist_on_time(context(records))
        return
    with pytest.raises(StepFailed, match="turn-back time"):
        hosting._insist_on_time(context(records))


def test_a_backup_that_lacks_has_more_or_other_content_is_named() -> None:
    tree = Tree(Host(name="box", address="10.80.1.11"), "/srv")
    here = {"a": ("f", "1", ""), "b": ("f", "2", ""), "link": ("l", "", "a")}
    cold._insist_equal(tree, here, dict(here))
    for there in ({**here, "a": ("f", "9", "")}, {k: v for k, v in here.items() if k != "b"}, {**here, "new": ("f", "1", "")}, {}):
        with pytest.raises(StepFailed, match="differs in"):
            cold._insist_equal(tree, here, there)


def test_two_long_paths_never_share_one_folder() -> None:
    host = Host(name="box", address="10.80.1.11")
    paths = ["/a/b", "/a_b", "/" + "x" * 100 + "/1", "/" + "y" * 100 + "/1"]
    assert len({cold._short(Tree(host, path)) for path in paths}) == len(paths)
