"""The repository that holds the inventory, asked read-only."""

from __future__ import annotations

import subprocess
from pathlib import Path

from orchestrator.errors import UsageError
from orchestrator.texts import say

LIMIT = 60
"""Seconds that git may take."""


def ask(folder: Path, *arguments: str) -> bytes:
    """What git answers in a folder. Raises UsageError with git's own words."""
    argv = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(argv, capture_output=True, timeout=LIMIT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        remedy = say("tools.install_git")
        raise UsageError(say("tools.git_not_asked", error=str(error)), remedy=remedy) from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip() or say("tools.no_revision")
        raise UsageError(
            say("tools.git_says", command=arguments[0], said=said),
            where=str(folder),
            remedy=say("tools.name_revision"),
        )
    return done.stdout
