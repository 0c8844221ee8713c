"""What follows from a drained side to the live one, by a table: what was, what is there, what is here, what is to be done."""

from __future__ import annotations

import dataclasses
import random

import pytest

from orchestrator.movers.files.manifest import Entry, Manifest, differences, shown
from orchestrator.movers.files.merge import agree, find_overtaken, find_own, plan_merge


def entry(content: str, *, mode: str = "640", user: str = "app") -> Entry:
    return Entry("f", mode, user, "app", len(content), "1.0", "", content)


OLD, NEW, OTHER = entry("old"), entry("new"), entry("other")


@pytest.mark.parametrize(
    ("was", "drained", "live", "done"),
    [
        (OLD, OLD, OLD, ""),
        (OLD, NEW, OLD, "copy"),
        (OLD, entry("old", mode="600"), OLD, "copy"),
        (OLD, entry("old", user="root"), OLD, "copy"),
        (OLD, OLD, NEW, ""),
        (OLD, NEW, OTHER, "copy both"),
        (OLD, NEW, NEW, ""),
        (OLD, None, OLD, "remove"),
        (OLD, None, NEW, ""),
        (OLD, OLD, None, ""),
        (OLD, NEW, None, "copy"),
        (None, NEW, None, "copy"),
        (None, None, NEW, ""),
        (None, NEW, OTHER, "copy both"),
    ],
)
def test_each_case(was: Entry | None, drained: Entry | None, live: Entry | None, done: str) -> None:
    def one(value: Entry | None) -> Manifest:
        return {"name": value} if value else {}

    merge = plan_merge(one(was), one(drained), one(live))
    seen = [word for word in ("copy", "remove", "both") if getattr(merge, word)]
    assert sorted(seen) == sorted(done.split())


def test_without_a_base_nothing_is_taken_away_and_every_difference_follows() -> None:
    merge = plan_merge(None, {"a": OLD}, {"a": NEW, "b": NEW})
    assert (merge.copy, merge.remove, merge.both) == (("a",), (), ("a",))


def test_a_folder_is_taken_away_after_what_was_in_it() -> None:
    folder = Entry("d", "755", "app", "app", 0, "", "", "")
    base = {"x": folder, "x/y": folder, "x/y/z": OLD}
    assert plan_merge(base, {}, base).remove == ("x/y/z", "x/y", "x")


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("公文", "公文"), (b"\xb9\xab\xce\xc4".decode("utf-8", "surrogateescape"), "公文 (GB18030)"), ("a\nb", "a\\x0ab"),
        (b"\xff\xff".decode("utf-8", "surrogateescape"), "\\xff\\xff"), ("\x1b[2J", "\\x1b[2J"),
    ],
)  # fmt: skip
def test_names_are_made_printable_only_for_people(name: str, seen: str) -> None:
    assert shown(name) == seen
    assert [str(each) for each in differences({name: OLD}, {})] == [f"{seen}: only on one side"]


def test_what_the_live_side_wrote_while_the_copy_ran_is_its_own_and_the_rest_must_be_equal() -> None:
    mine, newer, older = entry("mine"), dataclasses.replace(entry("theirs"), time="2.5"), dataclasses.replace(entry("theirs"), time="0.5")
    drained = dict.fromkeys(("overtaken", "damaged", "copied", "gone", "known"), mine)
    live = {"overtaken": newer, "damaged": older, "copied": mine, "known": newer}
    plan = plan_merge(None, drained, {"known": OTHER})
    assert set(plan.copy) == set(drained) and plan.both == ("known",)
    assert find_overtaken(plan, drained, live) == ("overtaken",)


@pytest.mark.parametrize(
    ("was", "idle", "live", "own"),
    [
        (OLD, OLD, OLD, ""),
        (OLD, OLD, NEW, ""),
        (OLD, OLD, None, ""),
        (None, None, NEW, ""),
        (OLD, None, OLD, ""),
        (None, NEW, None, "new"),
        (OLD, NEW, OLD, "changed"),
        (OLD, NEW, OTHER, "changed"),
        (OLD, NEW, NEW, ""),
        (OLD, NEW, None, "changed"),
        (None, NEW, OTHER, "changed"),
        (None, NEW, NEW, ""),
        (OLD, entry("old", user="root"), OLD, "changed"),
    ],
)
def test_what_only_the_side_without_citizens_has(was: Entry | None, idle: Entry | None, live: Entry | None, own: str) -> None:
    def one(value: Entry | None) -> Manifest:
        return {"name": value} if value else {}

    found = find_own(one(was), one(idle), one(live))
    assert [word for word in ("new", "changed") if getattr(found, word)] == own.split()


@pytest.mark.parametrize("seed", range(200))
def test_passes_in_one_direction_never_forget_what_the_other_side_made(seed: int) -> None:
    """Two sides that both write for a while, a pass after each round: at the end everything that the idle side wrote last is either what
    the live side has too, or told, however many passes lay between."""
    dice = random.Random(seed)  # noqa: S311 - what follows is the same each time
    base: Manifest = dict.fromkeys("abc", OLD)
    live, idle = dict(base), dict(base)
    made: dict[str, Entry] = {}
    for number in range(6):
        for side, who in ((live, "live"), (idle, "idle")):
            if dice.random() < 0.5:
                name = dice.choice("abcdef")
                side[name] = dataclasses.replace(entry(f"{who} {number}"), time=f"{number}.{'1' if who == 'idle' else '2'}")
                if who == "idle":
                    made[name] = side[name]
        before = dict(idle)
        plan = plan_merge(base, live, idle)
        for name in plan.copy:  # rsync --update
            if name not in idle or float(live[name].time) >= float(idle[name].time):
                idle[name] = live[name]
                made.pop(name, None)  # it went to quarantine there, counted
        for name in plan.remove:
            idle.pop(name)
        told = find_own(base, before, live)
        base = agree(base, plan, live, idle)
        assert {name for name, mine in made.items() if name not in live or mine.differs(live[name])} <= {*told.new, *told.changed}
    assert {name for name, mine in made.items() if name not in live} <= set(find_own(base, idle, live).new) | set(find_own(base, idle, live).changed)
