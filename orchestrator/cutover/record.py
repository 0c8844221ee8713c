"""The guard's own record: one JSON line an event, fsynced where somebody may have to act on it, one guard at a time."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator.texts import say


class Busy(Exception):
    """Another guard is at work with this record."""


class Record:
    """Append only. Raises Busy while another guard has not yet come to its result."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy(say("cutover.busy", path=str(path))) from error
        self._is_torn = _ends_torn(path)

    def write(self, entry: dict[str, Any], *, durable: bool = False) -> None:
        """One line. Raises OSError, where ``durable`` also when it cannot be made to last."""
        line = json.dumps({"at": time.time(), **entry}, default=str) + "\n"
        text = ("\n" if self._is_torn else "") + line
        self._is_torn = True
        self._write_all(text.encode("utf-8"))
        self._is_torn = False
        if durable:
            os.fsync(self._file.fileno())

    def _write_all(self, text: bytes) -> None:
        """Unbuffered: what did not find room is not written later behind somebody's back."""
        while text:
            text = text[self._file.write(text) :]

    def release(self) -> None:
        """Lets another guard begin; the file stays open."""
        fcntl.flock(self._file, fcntl.LOCK_UN)


def read_record(path: Path) -> Iterator[dict[str, Any]]:
    """Its events, oldest first; none where there is no record. What was half written when a disk was full or the machine died is
    left out."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            yield entry


def is_held(path: Path) -> bool:
    """Whether a guard is at work with this record."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _ends_torn(path: Path) -> bool:
    """Whether the last line was not written to its end."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"
