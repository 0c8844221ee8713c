"""Where a system without rows is live: a line on disk that a newer engine's token guards."""

from pathlib import Path

import pytest

from orchestrator.cutover.kinds import make_side
from orchestrator.movers import decision
from orchestrator.movers.side import Control, Fenced, Lost


def _sides(folder: Path, migration: str = "site-1"):
    return [
        make_side(decision.specify(folder=folder, migration=migration, system="site", place=place, is_open=place == "source"))
        for place in ("source", "target")
    ]


def test_before_anything_was_decided_the_source_is_open(tmp_path: Path) -> None:
    source, target = _sides(tmp_path)
    assert (source.control().open, target.control().open) == (True, False)
    assert (source.observed_closed(), target.observed_closed()) == (False, True)


def test_what_was_decided_is_seen_by_whoever_looks_later(tmp_path: Path) -> None:
    source, target = _sides(tmp_path)
    source.close("m1-forward-1", 7)
    target.open("m1-forward-1", 7)
    source, target = _sides(tmp_path)
    assert source.control() == Control(open=False, token=7, attempt="m1-forward-1")
    assert target.control(settled=True) == Control(open=True, token=7, attempt="m1-forward-1")


def test_the_next_migration_begins_to_count_anew(tmp_path: Path) -> None:
    source, _ = _sides(tmp_path)
    source.close("site-1-forward-1", 9)
    source.open("site-1-back-1", 9)
    source, target = _sides(tmp_path, "site-2")
    source.close("site-2-forward-1", 1)
    target.open("site-2-forward-1", 1)
    assert target.control() == Control(open=True, token=1, attempt="site-2-forward-1")


def test_an_engine_that_slept_can_neither_open_nor_close(tmp_path: Path) -> None:
    source, _ = _sides(tmp_path)
    source.close("m1-forward-2", 8)
    for act in (source.open, source.close):
        with pytest.raises(Fenced, match="token 8"):
            act("m1-forward-1", 7)
    assert source.control() == Control(open=False, token=8, attempt="m1-forward-2")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"open": true}'])
def test_a_row_that_cannot_be_read_is_no_answer(content: str, tmp_path: Path) -> None:
    (tmp_path / "decision-site-1-source.json").write_text(content, "utf-8")
    with pytest.raises(Lost, match="decision-site-1-source"):
        _sides(tmp_path)


def test_a_folder_that_is_gone_is_no_answer(tmp_path: Path) -> None:
    source, _ = _sides(tmp_path / "gone")
    with pytest.raises(Lost):
        source.close("m1-forward-1", 7)
