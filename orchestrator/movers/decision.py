"""The side of a system that keeps no rows of its own (a web site, an application whose data lie elsewhere).

Nothing of it could be written twice, so nobody is shut out; what remains of a switch is the decision, which must outlive whoever
dies. Its control row is a line in the system's folder on the controller, replaced as a whole and on disk before ``open`` or
``close`` return.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from orchestrator.movers.side import Control, Fenced, Lost, Role
from orchestrator.texts import Words, say

KIND = "decision"


def specify(*, folder: Path, migration: str, system: str, place: str, is_open: bool) -> dict[str, Any]:
    """The guard's plain description of one side. ``migration``: whose tokens count, since each begins to count anew; ``is_open``: how
    the side stands before anything was decided."""
    return {"kind": KIND, "path": str(folder / f"decision-{migration}-{place}.json"), "system": system, "place": place, "is_open": is_open}


class DecisionSide:
    """One side's control row in a file. Raises Lost where the file cannot be read or written."""

    def __init__(self, *, path: str, system: str, place: str, is_open: bool) -> None:
        self._path = Path(path)
        self._where = say("movers.decision_at", system=system, place=place, path=str(path))
        self._first = Control(open=is_open, token=0, attempt="")
        self.is_there()

    @property
    def where(self) -> Words:
        return self._where

    def is_there(self) -> None:
        self.control()

    # ------------------------------------------------------------ the control row

    def control(self, *, settled: bool = False) -> Control:  # noqa: ARG002 - an opening of ours is never under way unseen
        try:
            return Control(**json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return self._first
        except (OSError, ValueError, TypeError) as error:
            raise Lost(say("movers.cannot_read", where=self._where, error=str(error))) from error

    def close(self, attempt: str, token: int) -> None:
        self._write(Control(open=False, token=token, attempt=attempt))

    def open(self, attempt: str, token: int) -> None:
        self._write(Control(open=True, token=token, attempt=attempt))

    def _write(self, row: Control) -> None:
        try:
            with _locked(self._path.parent):
                if self.control().token > row.token:
                    raise Fenced(say("movers.newer_token", where=self._where, holds=self.control().token, token=row.token))
                draft = self._path.with_suffix(".new")
                with draft.open("w", encoding="utf-8") as out:
                    json.dump(asdict(row), out)
                    out.flush()
                    os.fsync(out.fileno())
                draft.replace(self._path)
                _sync(self._path.parent)
        except OSError as error:
            raise Lost(say("movers.cannot_write", where=self._where, error=str(error))) from error

    # ------------------------------------------------------------ nobody to shut out, nothing that flows

    def obstacles(self, role: Role, *, keeps: bool = False) -> list[Words]:  # noqa: ARG002 - the contract's
        return []

    def set_limit(self, seconds: float) -> None:
        """A file waits for nobody."""

    def sessions(self) -> int:
        return 0

    def end_sessions(self) -> None:
        """There are none."""

    def who_is_there(self, *, busy: bool = False) -> list[Words]:  # noqa: ARG002 - the contract's
        return []

    def observed_closed(self) -> bool:
        return not self.control().open

    def mark(self, name: str) -> None:
        """Nothing flows that a marker could be behind."""

    def marked(self, name: str) -> bool:  # noqa: ARG002 - the contract's
        return True

    def snapshot(self) -> str:
        return ""

    def hand_over(self) -> dict[str, Any]:
        return {}

    def take_over(self, left: dict[str, Any]) -> None:
        """Nothing was handed over."""

    def stop_following(self) -> None:
        """It follows nothing."""

    def follow(self) -> None:
        """It follows nothing."""

    def keep_from_here(self) -> None:
        """There is nothing to keep."""

    def forget(self) -> None:
        """There is nothing kept."""

    def reconnect(self) -> None:
        self.is_there()

    def disconnect(self) -> None:
        """Nothing is held open."""


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / "decision.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
