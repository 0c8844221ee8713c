"""A tree of files: what the fence waits for when forty of its paths have just changed, beside what `cp -a` and a last pass of rsync need.

Both sides lie on this machine, so that no line is measured, and the live side is written to before each fence as an application does it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestrator.movers import decision
from orchestrator.movers.files import side as files
from orchestrator.movers.files.side import FilesSide
from orchestrator.tools import programs

IN_A_FOLDER = 100
CHANGED, NEW, NEW_BYTES = 20, 20, 10_000
"""Paths that an application changes and makes before each fence."""


class Trees:
    """A live tree and its equals. ``count`` files of a kilobyte, and one of ``sparse_gb`` that is almost all holes."""

    def __init__(self, folder: Path, count: int, sparse_gb: float) -> None:
        self.folder, self.count = folder, count
        self.live, self.other, self.third = (folder / name / "tree" for name in ("live", "other", "third"))
        for number in range(count // IN_A_FOLDER):
            (self.live / f"d{number}").mkdir(parents=True)
        for number in range(count):
            self._path(number).write_bytes(b"%020d" % number * 50)
        if sparse_gb:
            with (self.live / "sparse").open("wb") as file:
                file.truncate(int(sparse_gb * 2**30))
                file.seek(-4096, os.SEEK_END)
                file.write(os.urandom(4096))
        self.other.parent.mkdir()
        self.third.parent.mkdir()

    def _path(self, number: int) -> Path:
        return self.live / f"d{number // IN_A_FOLDER}" / f"file {number}"

    def change(self, round_number: int) -> list[Path]:
        """As an application does it, anywhere in the tree. What was changed."""
        changed = [self._path((round_number * 7919 + step * (self.count // CHANGED)) % self.count) for step in range(CHANGED)]
        made = [path.with_name(f"new {round_number}") for path in changed[:NEW]]
        for path in changed:
            path.write_bytes(os.urandom(1000))
        for path in made:
            path.write_bytes(os.urandom(NEW_BYTES))
        return [*changed, *made]

    def sides(self, since: float) -> tuple[FilesSide, FilesSide]:
        """Both, as a guard opens them: the live one watches from now on."""
        return self._side(self.live, "source", since), self._side(self.other, "target", None)

    def _side(self, path: Path, place: str, since: float | None) -> FilesSide:
        row = decision.specify(folder=self.folder, migration="bench", system="web", place=place, is_open=place == "source")
        spec = files.specify(
            decision=row, channel=["sh"], trees=[{"path": str(path), "only": None, "own": []}], bases=[str(self.folder / "base")],
            spool=self.folder / "spool", quarantine=str(self.folder / f"quarantine-{place}"), since=since,
        )  # fmt: skip
        return FilesSide(**{name: value for name, value in spec.items() if name != "kind"})


def measure(folder: Path, count: int, sparse_gb: float, rounds: int) -> dict[str, Any]:
    """All figures of one tree. Raises RuntimeError where the other side is not equal afterwards."""
    trees = Trees(folder, count, sparse_gb)
    found: dict[str, Any] = {"files": count, "sparse_gb": sparse_gb}
    time.sleep(3)  # what changed shortly before a pass begins counts as changed, and a tree is older than that
    since = time.time()
    found["cp_s"] = _seconds(lambda: _run("cp", "-a", str(trees.live), str(trees.other)))
    if not sparse_gb:  # rsync reads every hole of it
        rsync = [str(programs.find("rsync")), "-aHAX", "--delete", f"{trees.live}/", f"{trees.third}/"]
        found["rsync_first_s"] = _seconds(lambda: _run(*rsync))
        last = []
        for number in range(rounds):
            trees.change(number)
            last.append(1000 * _seconds(lambda: _run(*rsync)))
        found["rsync_last_ms"] = last
        shutil.rmtree(trees.third)
    live, other = trees.sides(since)
    try:
        found["watch_s"] = _seconds(lambda: _refuse(live.obstacles("live")))
        _refuse(other.obstacles("other"))
        _pass(live, other, "all")  # what the passes before the fence take
        found["fence_ms"] = fence = []
        for number in range(rounds, 2 * rounds):
            changed = trees.change(number)
            fence.append(1000 * _seconds(lambda name=f"round-{number}": _pass(live, other, name)))  # type: ignore[misc]
            for path in changed:
                if path.read_bytes() != (trees.other / path.relative_to(trees.live)).read_bytes():
                    raise RuntimeError(f"not equal: {path}")
    finally:
        live.disconnect()
        other.disconnect()
    return found


def _pass(live: FilesSide, other: FilesSide, name: str) -> None:
    live.mark(name)
    if not other.marked(name):
        raise RuntimeError(f"pass {name} did not arrive")


def _refuse(obstacles: list[Any]) -> None:
    if obstacles:
        raise RuntimeError(str(obstacles))


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def _seconds(deed: Callable[[], object]) -> float:
    began = time.perf_counter()
    deed()
    return time.perf_counter() - began
