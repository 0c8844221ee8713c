"""Locks that end with the process that holds them, whatever becomes of it."""

from __future__ import annotations

import fcntl
from typing import IO


def is_locked(file: int | IO[str]) -> bool:
    """Whether an open file is locked for us now; for nobody else as long as it is open."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
