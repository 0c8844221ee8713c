"""Where the server programs are: the checkout's private folder first, then PATH and the usual places beside it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from orchestrator.errors import ToolMissing
from orchestrator.settings import Settings


def find(name: str) -> Path:
    """Absolute path of a program. Raises ToolMissing with the way to get it."""
    private = Settings().tools / "bin" / name
    if os.access(private, os.X_OK):
        return private.resolve()
    if found := shutil.which(name):
        return Path(found).absolute()
    for folder in (Path("/usr/sbin"), *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)):
        if os.access(folder / name, os.X_OK):
            return folder / name
    raise ToolMissing(f"program {name} not found", remedy="run `make setup`, which fetches it into the checkout, or install it on PATH")
