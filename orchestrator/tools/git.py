"""The repository that holds the inventory, asked read-only."""

from __future__ import annotations

import subprocess
from pathlib import Path

from orchestrator.errors import UsageError

LIMIT = 60
"""Seconds that git may take."""


def ask(folder: Path, *arguments: str) -> bytes:
    """What git answers in a folder. Raises UsageError with git's own words."""
    argv = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(argv, capture_output=True, timeout=LIMIT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        remedy = "install git, or leave out --baseline"
        raise UsageError(f"git could not be asked: {error}", remedy=remedy) from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip() or "no such revision"
        raise UsageError(
            f"git {arguments[0]}: {said}",
            where=str(folder),
            remedy="name a revision that is there (a shallow clone has only its newest: fetch more) of the repository that holds the inventory",
        )
    return done.stdout
