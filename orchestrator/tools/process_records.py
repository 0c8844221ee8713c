"""Which process a run was, so that a later engine can ask whether it is still alive, and end it, whatever its pid means by then."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import ToolError
from orchestrator.texts import say

MARK = "ORCHESTRATOR_RUN"
"""Environment variable that all descendants of a run inherit; finds them when the minder itself was killed."""


@dataclass(frozen=True)
class ProcessRecord:
    """Which process of which boot: safe against reuse of the pid. ``mark`` is empty where daemons are spared on purpose."""

    pid: int
    started: int
    """Start time in clock ticks since boot, from /proc."""
    boot: str
    label: str
    mark: str = ""


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def start_time(pid: int) -> int | None:
    """Clock ticks since boot at which the process started; None when there is none, or only a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] == b"Z" else int(fields[19])


def record_of(pid: int, label: str, mark: str = "") -> ProcessRecord:
    """The record of a living process. Raises ToolError when it is gone."""
    started = start_time(pid)
    if started is None:
        raise ToolError(say("tools.ended_early", pid=pid), where=label, remedy=say("tools.run_again"), retryable=True)
    return ProcessRecord(pid, started, boot_id(), label, mark)


def new_mark() -> str:
    return os.urandom(12).hex()


def still_alive(record: ProcessRecord) -> bool:
    """Whether that very process, or anything started under it, lives. A reused pid or a reboot does not count."""
    return bool(_alive(record))


def end(record: ProcessRecord, *, seconds: float = 15.0) -> None:
    """End that very process and all that descends from it. Returns when they are gone; raises ToolError when they are not.

    A program whose minder gives it longer to end in order (Terraform: until its state is written) has that time first.
    """
    seconds = max(seconds, 2 * _grace_of(record) + 5)
    deadline = time.monotonic() + seconds
    if start_time(record.pid) == record.started and record.boot == boot_id():
        kill(record.pid, signal.SIGTERM)  # the minder ends the rest in order
    while (left := _alive(record)) and time.monotonic() < deadline - seconds / 2:
        if record.pid not in left:
            break
        time.sleep(0.02)
    while left := _alive(record):
        if time.monotonic() > deadline:
            raise ToolError(
                say("tools.does_not_end", pid=left[0]),
                where=record.label,
                remedy=say("tools.kill_by_hand", pid=left[0]),
            )
        for pid in left:
            for child in (*descendants(pid), pid):
                kill(child, signal.SIGKILL)
        time.sleep(0.05)


def ask_to_end(record: ProcessRecord) -> None:
    """Tells that very process to end, and does not wait: its minder ends the rest in order, Terraform with time to save."""
    if record.boot == boot_id() and start_time(record.pid) == record.started:
        kill(record.pid, signal.SIGTERM)


def _grace_of(record: ProcessRecord) -> float:
    """The seconds that the minder of this record gives its program, from its own command line; 0 when it is gone."""
    try:
        words = Path(f"/proc/{record.pid}/cmdline").read_bytes().split(b"\0")
        return float(words[words.index(b"--grace") + 1]) if start_time(record.pid) == record.started else 0.0
    except (OSError, ValueError, IndexError):
        return 0.0


def kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):  # gone, or not ours: who asked sees it in what is left
        return


def descendants(pid: int) -> list[int]:
    from orchestrator.tools import minder

    return minder.descendants(pid)


def _alive(record: ProcessRecord) -> list[int]:
    if record.boot != boot_id():
        return []
    found = [record.pid] if start_time(record.pid) == record.started else []
    if record.mark:
        needle = f"{MARK}={record.mark}".encode()
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and int(folder.name) not in (record.pid, os.getpid()):
                try:
                    marked = needle in (folder / "environ").read_bytes().split(b"\0")
                except OSError:
                    continue
                if marked and start_time(int(folder.name)) is not None:
                    found.append(int(folder.name))
    return found
