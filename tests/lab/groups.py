"""Control groups: what belongs to a lab host, so that exactly its processes are frozen or ended."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from tests.lab.shell import LabError

ROOT = Path("/sys/fs/cgroup")


def hierarchies() -> list[Path]:
    """One under cgroup v2; under v1 those that a booted host and its freezing need."""
    if (ROOT / "cgroup.controllers").exists():
        return [ROOT]
    return [ROOT / name for name in ("systemd", "unified", "freezer") if (ROOT / name).is_dir()]


def _folders(lab: str, host: str) -> list[Path]:
    return [hierarchy / lab / host for hierarchy in hierarchies()]


def make(lab: str, host: str) -> list[Path]:
    """The host's groups, whose ``cgroup.procs`` take its first process."""
    folders = _folders(lab, host)
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    return folders


def members(lab: str, host: str) -> set[int]:
    """Every process of a host, and of what watches over it. Groups come and go while it looks: one that has gone holds nothing."""
    found: set[int] = set()
    for folder in _folders(lab, host):
        for place, _, names in os.walk(folder):
            if "cgroup.procs" in names:
                with contextlib.suppress(OSError):
                    found.update(int(pid) for pid in Path(place, "cgroup.procs").read_text().split())
    return found


def freeze(lab: str, host: str, *, frozen: bool) -> None:
    """Nothing of the host runs any more, and nothing of it ends: a hang."""
    if (ROOT / "cgroup.controllers").exists():
        (ROOT / lab / host / "cgroup.freeze").write_text("1" if frozen else "0")
    else:
        (ROOT / "freezer" / lab / host / "freezer.state").write_text("FROZEN" if frozen else "THAWED")


def end(lab: str, host: str, *, limit: float = 20) -> None:
    """Kills every process of a host and waits until they are gone."""
    deadline = time.monotonic() + limit
    with contextlib.suppress(OSError):
        freeze(lab, host, frozen=False)
    while pids := members(lab, host):
        if time.monotonic() > deadline:
            raise LabError(f"processes of {host} do not end: {sorted(pids)}")
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def remove(lab: str) -> None:
    """The lab's groups, deepest first; they are empty by then."""
    for hierarchy in hierarchies():
        if (hierarchy / lab).is_dir():
            for folder in _deepest_first(hierarchy / lab):
                folder.rmdir()


def _deepest_first(folder: Path) -> Iterator[Path]:
    for child in folder.iterdir():
        if child.is_dir():
            yield from _deepest_first(child)
    yield folder
