"""The guard's own record: one JSON line an event, fsynced where somebody may have to act on it, one guard at a time."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

from orchestrator.texts import say


class Busy(Exception):
    """Another guard is at work with this record."""


class Record:
    """Append only. Raises Busy while another guard has not yet come to its result."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy(say("cutover.busy", path=str(path))) from error

    def write(self, entry: dict[str, Any], *, durable: bool = False) -> None:
        """One line. Raises OSError, where ``durable`` also when it cannot be made to last."""
        line = json.dumps({"at": time.time(), **entry}, default=str) + "\n"
        self._file.write(line)
        self._file.flush()
        if durable:
            os.fsync(self._file.fileno())

    def release(self) -> None:
        """Lets another guard begin; the file stays open."""
        fcntl.flock(self._file, fcntl.LOCK_UN)
