"""Migrations that change the same host take turns, on whichever controller and for whichever account they run."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from orchestrator.steps.base import Context
from orchestrator.tools.locks import is_locked


@contextmanager
def one_at_a_time(ctx: Context, hosts: Collection[str]) -> Iterator[None]:
    """The turn at each of these hosts, by name. It ends with the process, whatever becomes of it."""
    with ExitStack() as held:
        for name in sorted(set(hosts)):
            lock = _open_lock(ctx.settings.state.resolve() / f"host-{name}.lock")
            held.callback(os.close, lock)
            while not is_locked(lock):
                time.sleep(0.1)
        yield


def _open_lock(path: Path) -> int:
    """A file that every account of the state folder's group can lock: reading it is enough."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with suppress(FileExistsError):
        lock = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        os.fchmod(lock, 0o640)
        return lock
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
