"""Migrations that change the same host take turns, on whichever controller and for whichever account they run. Those of one controller
share its places for programs that take a core and memory."""

from __future__ import annotations

import getpass
import json
import os
import socket
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from orchestrator.errors import StepFailed
from orchestrator.progress import Progress
from orchestrator.steps.base import Context
from orchestrator.texts import Words, kept, say
from orchestrator.texts.durations import spell
from orchestrator.tools.locks import is_locked

TELL_SECONDS = 3.0
"""A turn that takes no longer is not spoken of."""
LIMIT_SECONDS = 3600.0
"""Longer than any turn takes: whoever has it then is a person's to look at."""
LOOK_SECONDS = 60.0
"""How long who only looks waits for one who changes."""


@contextmanager
def one_at_a_time(ctx: Context, hosts: Collection[str], *, only_looks: bool = False) -> Iterator[None]:
    """The turn at each of these hosts, by name. It ends with the process, whatever becomes of it. Who waits says for whom, and turns back
    when asked to. Raises StepFailed, with who has it, where it does not come."""
    until = time.monotonic() + (LOOK_SECONDS if only_looks else LIMIT_SECONDS)
    with ExitStack() as held:
        for name in sorted(set(hosts)):
            path = ctx.settings.state.resolve() / f"host-{name}.lock"
            lock = _open_lock(path)
            held.callback(os.close, lock)
            _wait(ctx, name, lock, path, until, on_record=not only_looks)
            _sign(ctx, path)
            held.callback(_signature(path).unlink, missing_ok=True)
        yield


@contextmanager
def at_a_place(ctx: Context) -> Iterator[None]:
    """One of this controller's places for Ansible and Terraform, whichever process the others run in (``[limits] programs``; default: four
    for each core). Taken last, after any turn: whoever has one waits for nobody here. It comes, since those programs are limited in time;
    who waits says so, and turns back when asked to."""
    count = ctx.settings.limits.programs or 4 * len(os.sched_getaffinity(0))
    machine = socket.gethostname()
    with ExitStack() as held:
        locks = [_open_lock(ctx.settings.state.resolve() / f"place-{machine}-{number}.lock") for number in range(count)]
        for lock in locks:
            held.callback(os.close, lock)
        began, told = time.monotonic(), False
        while not any(is_locked(lock) for lock in locks):
            waited = time.monotonic() - began
            if waited > TELL_SECONDS:
                waits = say("steps.place_waits", count=count)
                if not told:
                    ctx.say(str(waits))
                told = True
                ctx.progress(Progress(str(waits), waited, None, "s"))
            ctx.pause(0.1)
        yield


def _wait(ctx: Context, host: str, lock: int, path: Path, until: float, *, on_record: bool) -> None:
    began, told = time.monotonic(), False
    while not is_locked(lock):
        waited = time.monotonic() - began
        if time.monotonic() > until:
            what = say("steps.turn_not_come", host=host, time=spell(round(waited)), holder=_holder(path))
            raise StepFailed(what, where=host, remedy=say("steps.end_holder"), retryable=True)
        if waited > TELL_SECONDS:
            waits = say("steps.turn_waits", host=host, holder=_holder(path))
            if not told:
                ctx.say(str(waits))
                if on_record:
                    ctx.records.event("turn_waited_for", {"host": host, "holder": kept(_holder(path))})
            told = True
            ctx.progress(Progress(str(waits), waited, waited + max(0.0, until - time.monotonic()), "s"))
        ctx.pause(0.1)


def _signature(path: Path) -> Path:
    """Who has the turn. The lock says whether somebody has; its file may belong to another account, which nobody else can write to."""
    return path.with_suffix(".holder")


def _sign(ctx: Context, path: Path) -> None:
    who = {
        "system": ctx.system.id, "migration": ctx.migration, "account": getpass.getuser(), "machine": socket.gethostname(), "pid": os.getpid(),
        "since": time.time(),
    }  # fmt: skip
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.stem}-", delete=False) as new:
        json.dump(who, new)
        os.fchmod(new.fileno(), 0o640)
    Path(new.name).replace(_signature(path))


def _holder(path: Path) -> Words:
    try:
        who = json.loads(_signature(path).read_text("utf-8"))
        process = f"{who['account']}@{who['machine']}:{int(who['pid'])}"
        lasted = spell(max(0, round(time.time() - float(who["since"]))))
        return say("steps.turn_holder", system=str(who["system"]), migration=str(who["migration"]), process=process, time=lasted)
    except (OSError, ValueError, LookupError, TypeError):
        return say("steps.turn_holder_unknown", lock=str(path))


def _open_lock(path: Path) -> int:
    """A file that every account of the state folder's group can lock: reading it is enough."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with suppress(FileExistsError):
        lock = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        os.fchmod(lock, 0o640)
        return lock
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
