"""The file of places: what others wrote stays, what is ours is known by its mark."""

from __future__ import annotations

import pytest

from orchestrator.gateways.holder import Place
from orchestrator.gateways.tcp_hold_places import NotUnderstood, add_new, is_ours, make_file, read_places, remove_new

THEIRS = "# of the operations office\nold 10.1.1.2 3306\n\n# the rest is empty\n"
NEW = Place("10.2.2.2", 3307)


def test_both_sides_are_read_and_everything_else_is_left_alone() -> None:
    assert read_places(THEIRS) == {"old": Place("10.1.1.2", 3306)}
    assert read_places("older 1 2\n old 1 2\nold 1\nold 1 x\n") == {}


@pytest.mark.parametrize("text", [THEIRS, THEIRS.rstrip("\n"), make_file(Place("10.1.1.2", 3306)), ""])
def test_a_line_of_ours_comes_once_and_goes_without_a_trace(text: str) -> None:
    staged = add_new(text, NEW)
    assert read_places(staged)["new"] == NEW
    assert add_new(staged, NEW) == staged
    assert read_places(add_new(staged, Place("10.3.3.3", 1)))["new"] == Place("10.3.3.3", 1)
    assert remove_new(staged).rstrip("\n") == text.rstrip("\n")


def test_somebody_elses_new_side_is_not_led_elsewhere() -> None:
    text = THEIRS + "new 10.9.9.9 1\n"
    with pytest.raises(NotUnderstood, match=r"10\.9\.9\.9"):
        add_new(text, NEW)
    assert add_new(text, Place("10.9.9.9", 1)) == text
    assert remove_new(text) == text


def test_a_second_line_for_a_side_is_refused() -> None:
    with pytest.raises(NotUnderstood):
        read_places(THEIRS + "old 10.1.1.3 3306\n")


def test_a_file_of_ours_is_known() -> None:
    assert is_ours(make_file(NEW))
    assert not is_ours(THEIRS)
