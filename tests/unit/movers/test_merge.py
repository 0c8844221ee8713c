"""What follows from a drained side to the live one, by a table: what was, what is there, what is here, what is to be done."""

from __future__ import annotations

import dataclasses

import pytest

from orchestrator.movers.files.manifest import Entry, Manifest, differences, shown
from orchestrator.movers.files.merge import find_overtaken, plan_merge


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
