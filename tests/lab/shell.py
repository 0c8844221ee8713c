"""Runs the machine's own programs for the lab: argv lists, limits, and errors that show what the program said."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence


class LabError(Exception):
    """Something of this machine, not of what is tested, went wrong."""


class NoLab(LabError):
    """This machine cannot hold a lab, or not now; what it says is why tests are skipped."""


def run(argv: Sequence[str], *, limit: float = 120, check: bool = True, given: str | None = None) -> str:
    """What a program writes. Raises LabError with its own words when it fails."""
    done = subprocess.run(list(argv), input=given, capture_output=True, text=True, timeout=limit, errors="replace", check=False)
    if check and done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-1500:]
        raise LabError(f"{' '.join(argv)[:300]}: ended with {done.returncode}: {said}")
    return done.stdout


def missing_programs() -> list[str]:
    """What this machine lacks for a lab."""
    needed = ("mmdebstrap", "systemd-nspawn", "ip", "tc", "nsenter", "setpriv", "ssh", "ssh-keygen")
    return [name for name in needed if shutil.which(name) is None]
