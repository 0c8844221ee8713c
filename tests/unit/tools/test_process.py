"""Promises of the process runner: limits, masking, bounded output, and that nothing outlives the engine."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.errors import ToolError, ToolMissing
from orchestrator.tools import process
from orchestrator.tools.process import ProcessRecord, Stopped, run
from orchestrator.tools.secrets import Masker


def until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def alive(pid: int) -> bool:
    return process.start_time(pid) is not None


GRANDCHILDREN = """
import os, subprocess, sys, time
plain = subprocess.Popen(["sleep", "300"])
own_session = subprocess.Popen(["sh", "-c", "trap '' TERM; sleep 300 & sleep 300"], start_new_session=True)
orphan = os.fork()
if orphan == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    open(sys.argv[1] + "/orphan", "w").write(str(os.getpid()))
    time.sleep(300)
os.waitpid(orphan, 0)
while not os.path.exists(sys.argv[1] + "/orphan") or not open(sys.argv[1] + "/orphan").read():
    time.sleep(0.01)
open(sys.argv[1] + "/pids", "w").write(f"{os.getpid()} {plain.pid} {own_session.pid}")
time.sleep(float(sys.argv[2]))
"""


def started(folder: Path) -> list[int]:
    assert until(lambda: (folder / "pids").exists() and len((folder / "pids").read_text().split()) == 3)
    return [int(pid) for pid in ((folder / "pids").read_text() + " " + (folder / "orphan").read_text()).split()]


def test_output_comes_line_by_line_and_nothing_is_read_from_a_terminal() -> None:
    seen: list[tuple[str, str]] = []
    done = run(["sh", "-c", "echo one; echo two >&2; cat; printf last"], label="t", limit=10, on_line=lambda s, t: seen.append((s, t)))
    assert done.code == 0
    assert (done.stdout, done.stderr) == ("one\nlast", "two\n")
    assert sorted(seen) == [("stderr", "two"), ("stdout", "last"), ("stdout", "one")]


def test_an_argument_is_never_read_by_a_shell(tmp_path: Path) -> None:
    text = f"$(touch {tmp_path}/pwned); `touch {tmp_path}/pwned`"
    assert run(["echo", text], label="t", limit=10).stdout == text + "\n"
    assert not (tmp_path / "pwned").exists()


def test_secrets_are_masked_in_lines_output_and_errors() -> None:
    seen: list[str] = []
    mask = Masker(["hunter2secret"])
    with pytest.raises(ToolError) as failure:
        run(
            ["sh", "-c", "echo pw=hunter2secret; echo hunter2secret >&2; exit 3"],
            label="t",
            limit=10,
            mask=mask,
            on_line=lambda _, t: seen.append(t),
        )
    assert "hunter2secret" not in str(failure.value)
    assert "***" in str(failure.value)
    assert sorted(seen) == ["***", "pw=***"]


def test_output_is_bounded_and_keeps_both_ends() -> None:
    done = run(["sh", "-c", "echo begin; seq 1 200000; echo end"], label="t", limit=30, max_output=20_000)
    assert done.truncated
    assert done.stdout.startswith("begin\n")
    assert done.stdout.endswith("end\n")
    assert len(done.stdout) < 25_000


def test_a_long_line_without_an_end_does_not_fill_the_memory() -> None:
    done = run(["head", "-c", "3000000", "/dev/zero"], label="t", limit=30, max_output=200_000)
    assert done.truncated
    assert len(done.stdout) < 300_000


def test_a_line_that_fits_into_what_is_kept_stays_whole() -> None:
    done = process.run([sys.executable, "-c", "print('x' * 300_000)"], label="a plan", limit=30, max_output=2_000_000)
    assert (done.stdout, done.truncated) == ("x" * 300_000 + "\n", False)


def test_a_failure_carries_code_and_last_words_and_can_be_taken_as_a_value() -> None:
    with pytest.raises(ToolError, match="ended with 3: no such luck") as failure:
        run(["sh", "-c", "echo no such luck >&2; exit 3"], label="t", limit=10)
    assert failure.value.remedy
    assert run(["sh", "-c", "exit 3"], label="t", limit=10, check=False).code == 3


def test_a_missing_program_is_said_to_be_missing() -> None:
    with pytest.raises(ToolMissing, match="no-such-program"):
        run(["/nonexistent/no-such-program"], label="t", limit=10)


def test_the_environment_is_exactly_what_was_given() -> None:
    text = run(["/usr/bin/env"], label="t", limit=10, env={"A": "1"}).stdout
    assert {line.split("=")[0] for line in text.splitlines()} - {"LC_CTYPE"} == {"A", process.MARK}  # Python's own, in the C locale


@pytest.mark.parametrize("how", ["limit", "cancel"])
def test_stopping_ends_every_descendant(tmp_path: Path, how: str) -> None:
    with pytest.raises(Stopped):
        run(
            [sys.executable, "-c", GRANDCHILDREN, str(tmp_path), "300"],
            label="t",
            limit=1.5 if how == "limit" else 60,
            grace=0.5,
            cancelled=(tmp_path / "pids").exists if how == "cancel" else None,
        )
    assert not [pid for pid in started(tmp_path) if alive(pid)]


def test_what_a_program_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    run([sys.executable, "-c", GRANDCHILDREN, str(tmp_path), "0"], label="t", limit=60)
    assert not [pid for pid in started(tmp_path) if alive(pid)]


def test_servers_started_on_purpose_are_spared_but_the_rest_is_not(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        run(
            [sys.executable, "-c", GRANDCHILDREN, str(tmp_path), "300"],
            label="t",
            limit=60,
            grace=0.5,
            daemons="spare",
            cancelled=(tmp_path / "pids").exists,
        )
    *family, daemon = started(tmp_path)
    try:
        assert alive(daemon)
        assert not [pid for pid in family if alive(pid)]
    finally:
        os.kill(daemon, signal.SIGKILL)


ENGINE = """
import sys
from orchestrator.tools.process import run
run([sys.executable, "-c", open(sys.argv[1] + "/program.py").read(), sys.argv[1], "300"], label="t", limit=300, grace=0.5)
"""


@pytest.mark.parametrize("victim", ["engine", "engine and minder"])
def test_kill_9_of_the_engine_leaves_no_grandchild_alive(tmp_path: Path, victim: str) -> None:
    (tmp_path / "program.py").write_text(GRANDCHILDREN)
    engine = subprocess.Popen([sys.executable, "-c", ENGINE, str(tmp_path)])
    family = started(tmp_path)
    assert all(alive(pid) for pid in family)
    minder = int(Path(f"/proc/{family[0]}/stat").read_text().rpartition(")")[2].split()[1])
    mark = next(part for part in Path(f"/proc/{family[0]}/environ").read_bytes().split(b"\0") if part.startswith(process.MARK.encode()))
    record = process.record_of(minder, "t", mark.decode().partition("=")[2])
    if victim == "engine and minder":
        os.kill(minder, signal.SIGKILL)
    engine.kill()
    engine.wait()
    if victim == "engine and minder":  # nobody is left to mind them: the next engine does it from the record
        assert process.still_alive(record)
        process.end(record)
        assert not [pid for pid in family if alive(pid)]
    else:
        assert until(lambda: not any(alive(pid) for pid in family), 5)
    assert until(lambda: not process.still_alive(record), 5)


def test_a_run_is_on_record_before_the_program_starts_and_refusing_it_starts_nothing(tmp_path: Path) -> None:
    records: list[ProcessRecord] = []

    def refuse(record: ProcessRecord) -> None:
        records.append(record)
        assert process.still_alive(record)
        time.sleep(0.2)
        raise RuntimeError("the lease is lost")

    with pytest.raises(RuntimeError, match="lease"):
        run(["touch", str(tmp_path / "started")], label="t", limit=10, register=refuse)
    assert not (tmp_path / "started").exists()
    assert not process.still_alive(records[0])
    run(["touch", str(tmp_path / "started")], label="t", limit=10, register=records.append)
    assert (tmp_path / "started").exists()


def test_a_reused_pid_or_a_reboot_is_not_taken_for_the_former_run() -> None:
    other = subprocess.Popen(["sleep", "300"])
    try:
        record = process.record_of(other.pid, "t")
        assert process.still_alive(record)
        for stale in (dataclasses.replace(record, started=record.started - 1), dataclasses.replace(record, boot="another")):
            assert not process.still_alive(stale)
            process.end(stale)
            assert other.poll() is None
        process.end(record)
        assert not process.still_alive(record)
    finally:
        other.kill()
        other.wait()


def test_terraforms_way_of_stopping_asks_the_program_alone_first(tmp_path: Path) -> None:
    program = f"trap 'echo saved > {tmp_path}/state; exit 0' INT; touch {tmp_path}/pids; while :; do sleep 0.05; done"
    with pytest.raises(Stopped):
        run(["sh", "-c", program], label="t", limit=60, first="INT", grace=4, cancelled=(tmp_path / "pids").exists)
    assert (tmp_path / "state").read_text() == "saved\n"
