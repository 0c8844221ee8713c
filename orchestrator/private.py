"""What belongs to one account is made so, whatever its umask."""

from __future__ import annotations

import stat
from pathlib import Path


def make_private(folder: Path) -> None:
    """The folder, and every missing one above it, is there when this returns, those that were made for this account alone."""
    whole = folder.absolute()
    missing = [path for path in (whole, *whole.parents) if not path.exists()]  # a path that is too long fails here, before anything is made
    for path in (*reversed(missing), whole):
        path.mkdir(mode=0o700, exist_ok=True)


def is_shared(folder: Path) -> bool:
    """Whether its owner made it for a group: those who decide need the journal of those who run migrations, and nothing else."""
    mode = folder.stat().st_mode
    return bool(mode & stat.S_ISGID and mode & stat.S_IWGRP)
