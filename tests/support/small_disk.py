"""A file system of its own, small enough to be filled."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, megabytes: int, mode: str = "755") -> Iterator[None]:
    """One at ``folder``, which is made. Skips with the machine's reason where there can be none."""
    folder.mkdir(parents=True)
    if os.geteuid() != 0:
        pytest.skip("only root mounts file systems")
    argv = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode={mode}", "none", str(folder)]
    made = subprocess.run(argv, check=False, capture_output=True, text=True)
    if made.returncode != 0:
        pytest.skip(f"no file system of its own: {made.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(ballast: Path) -> None:
    """Writes to this file until its disk holds no page more."""
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 4096)


def has_room(folder: Path) -> bool:
    """Whether two pages more can be written there."""
    probe = folder / "one-more"
    try:
        probe.write_bytes(b"\0" * 8192)
    except OSError as error:
        assert error.errno == errno.ENOSPC
        return False
    finally:
        probe.unlink(missing_ok=True)
    return True
