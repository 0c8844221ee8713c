"""The guard's own record on a disk that is full for a while: torn lines hide nothing, and a guard that cannot be found is not begun."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.cutover import guarding
from orchestrator.cutover.probing import Probe
from orchestrator.cutover.record import Record, is_held, read_record
from orchestrator.cutover.specification import GuardSpec
from orchestrator.errors import CutoverAborted, NeedsPerson
from orchestrator.tools.process import boot_id, start_time


@contextmanager
def no_file_may_grow_beyond(size: int) -> Iterator[None]:
    """As a disk that is full, after the first ``size`` bytes of a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_line_that_was_half_written_hides_neither_those_before_nor_those_after(tmp_path: Path) -> None:
    path = tmp_path / "guard.jsonl"
    record = Record(path)
    record.write({"event": "closing", "attempt": "m-forward-1-1"})
    with no_file_may_grow_beyond(path.stat().st_size + 20), pytest.raises(OSError, match="large"):
        record.write({"event": "deciding", "attempt": "m-forward-1-1"}, durable=True)
    record.write({"event": "result", "attempt": "m-forward-1-1", "outcome": "aborted"}, durable=True)
    assert [entry["event"] for entry in read_record(path)] == ["closing", "result"]
    assert guarding.last_result(path, "m-forward-1")["outcome"] == "aborted"
    assert guarding.began(path, "m-forward-1-1") == pytest.approx(time.time(), abs=60)


def test_the_next_guard_begins_a_line_of_its_own_behind_one_that_died_writing(tmp_path: Path) -> None:
    path = tmp_path / "guard.jsonl"
    path.write_text('{"event": "closing", "attempt": "m-forward-1-1", "at": 1.0}\n{"event": "res', encoding="utf-8")
    assert guarding.last_result(path, "m-") is None
    assert guarding.began(path, "m-forward-1-1") == 1.0
    record = Record(path)
    record.write({"event": "result", "attempt": "m-forward-1-2", "outcome": "switched"})
    record.release()
    assert guarding.last_result(path, "m-forward-1")["attempt"] == "m-forward-1-2"


def test_no_record_has_no_events(tmp_path: Path) -> None:
    assert list(read_record(tmp_path / "guard.jsonl")) == []
    assert not is_held(tmp_path / "guard.jsonl")


@pytest.mark.parametrize("text", ["", "12", "12 34"])
def test_a_torn_pid_file_is_no_riddle_while_a_guard_is_at_work_and_none_after_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "guard.jsonl"
    (tmp_path / "guard.pid").write_text(text, encoding="ascii")
    guarding.wait_gone(path, limit=1)
    record = Record(path)
    with pytest.raises(NeedsPerson):
        guarding.wait_gone(path, limit=0.2)
    record.release()
    guarding.wait_gone(path, limit=1)


def specification(folder: Path) -> GuardSpec:
    return GuardSpec(attempt="m-forward-1-1", token=1, record=str(folder / "guard.jsonl"), fence_ms=800, parts=[], holders=[])


def test_a_guard_that_could_not_be_found_again_is_not_begun(tmp_path: Path) -> None:
    (tmp_path / "guard.pid").write_text(f"1 1 {boot_id()}", encoding="ascii")
    with no_file_may_grow_beyond(0), pytest.raises(CutoverAborted) as raised:
        guarding.GuardProcess(specification(tmp_path))
    assert "nothing was paused" in raised.value.remedy
    assert raised.value.retryable
    assert (tmp_path / "guard.pid").read_text("ascii") == f"1 1 {boot_id()}", "the former one is whole"
    assert not is_held(tmp_path / "guard.jsonl")


def test_a_probe_is_ended_where_there_is_no_room_to_ask_it(tmp_path: Path) -> None:
    probe = Probe(tmp_path, "sql")
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], text=True)
    probe._process = sleeper
    (tmp_path / "away").mkdir()
    probe._stop = tmp_path / "away" / "gone" / "sql.stop"  # cannot be made
    probe.stop()
    assert sleeper.wait(30) != 0
    assert start_time(sleeper.pid) is None
