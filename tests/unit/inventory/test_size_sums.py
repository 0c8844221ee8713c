"""Several sizes in one cell, in any separators."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from orchestrator.inventory.cells import Ambiguous, Unreadable
from orchestrator.inventory.size_sums import ADDED, FIRST_ONLY
from orchestrator.inventory.values import read_value

BETWEEN = ["；", "、", "，", " + ", "\n", " ", ";", "|", " 和 "]
PIECES = {"500 GiB": 500, "1T": 1024, "系统盘40G": 40, "数据盘：2*600G": 1200, "vda:100GB": 100, "数据盘1 200G": 200, "300G×2块": 600, "D盘80g": 80}


@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("pieces", [*itertools.combinations(PIECES, 2), *itertools.combinations(PIECES, 3)])
def test_they_are_their_sum(between: str, pieces: tuple[str, ...]) -> None:
    read = read_value("size", between.join(pieces))
    assert read.value == sum(PIECES[piece] for piece in pieces) and str(read.understood) == f"{read.value:g} GB"


@pytest.mark.parametrize(("text", "unit", "value"), [("500;500", "gb", 1000), ("1、2", "tb", 3072), ("1,024G", "", 1024), ("1,024", "", 1024), ("200G/500G", "", 700), ("数据盘1500G；40G", "", 1540)])
def test_numbers_without_a_unit_have_the_columns(text: str, unit: str, value: float) -> None:
    assert read_value("size", text, unit).value == value


def test_a_whole_and_a_part_are_asked_about() -> None:
    with pytest.raises(Ambiguous) as why:
        read_value("size", "500G/200G")
    means: dict[str, Callable[[], object]] = dict(why.value.means)
    assert {answer: mean().value for answer, mean in means.items()} == {ADDED: 700, FIRST_ONLY: 500}  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", ["500G（已用200G）", "500G，剩余200G", "约500G/200条", "500;G", "G;500G", "500G 3年"])
def test_what_says_something_else_is_not_added_up(text: str) -> None:
    with pytest.raises(Unreadable):
        read_value("size", text)


@pytest.mark.parametrize("text", ["8vCPUs | 16GiB | s6", "s6 | 8vCPUs | 16GiB", "8vCPUs | 16GiB | c7n.2xlarge.2"])
def test_a_clouds_own_name_of_a_size_says_nothing_of_it(text: str) -> None:
    assert (read_value("cores", text).value, read_value("cores", text).also) == (8, {"memory_gb": 16})
