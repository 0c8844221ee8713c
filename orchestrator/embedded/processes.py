"""The supervisor's book: every process of the city is started in a session of its own and on record, so that exactly these end.

Processes that the engine starts on a host over ssh are not on record; they carry ``EMBEDDED_HOST`` in their environment
(set by the host's ssh) or stand in the host's folder, and are found by it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from orchestrator.errors import ToolError
from orchestrator.tools.process_records import start_time

MARK = "EMBEDDED_HOST"
"""Environment variable of every process of a host: the host's folder."""


@dataclass(frozen=True)
class Record:
    """One started process. ``started``, in clock ticks since boot: a pid that was given to another process is not ours, and no adjustment of
    the wall clock makes it look as if it were."""

    name: str
    pid: int
    started: int
    host: str
    """Name of the host it runs on; empty for what stands outside of hosts (the slot's keeper, the device)."""


class Book:
    """Records under ``<city>/run/``, one file a process."""

    def __init__(self, city: Path) -> None:
        self.city = city
        self.folder = city / "run"

    def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        cwd: Path,
        log: Path,
        host: str = "",
        env: Mapping[str, str] | None = None,
        pass_fds: Iterable[int] = (),
    ) -> Record:
        """Start a process that outlives its caller, and write it down. Raises ToolError when it cannot be started."""
        self.folder.mkdir(parents=True, exist_ok=True)
        log.parent.mkdir(parents=True, exist_ok=True)
        environment = dict(os.environ if env is None else env)
        environment[MARK] = str(self.city / "hosts" / host) if host else str(self.city)
        with log.open("ab") as output:
            try:
                process = subprocess.Popen(
                    list(argv),
                    cwd=cwd,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    pass_fds=tuple(pass_fds),
                )
            except OSError as error:
                raise ToolError(f"{name} could not be started: {error}", where=argv[0], remedy="run `orchestrator doctor`") from error
        record = Record(name, process.pid, start_time(process.pid) or 0, host)
        temporary = self.folder / f"{name}.new"
        temporary.write_text(json.dumps(asdict(record)), encoding="utf-8")
        temporary.rename(self.folder / f"{name}.json")
        return record

    def records(self, host: str | None = None) -> list[Record]:
        """All that is on record (of one host), alive or not, by name."""
        found = []
        for path in sorted(self.folder.glob("*.json")):
            with suppress(ValueError, TypeError, FileNotFoundError):
                found.append(Record(**json.loads(path.read_text(encoding="utf-8"))))
        return [record for record in found if host is None or record.host == host]

    def get(self, name: str) -> Record | None:
        return next((record for record in self.records() if record.name == name), None)

    def forget(self, record: Record) -> None:
        (self.folder / f"{record.name}.json").unlink(missing_ok=True)

    def alive(self, record: Record) -> bool:
        return process_of(record) is not None

    def stop(self, records: Iterable[Record], *, first: signal.Signals = signal.SIGTERM, grace: float = 3.0) -> None:
        """End these processes and all their descendants, kill what is left after ``grace`` seconds, and forget them."""
        records = list(records)
        end((process for record in records if (process := process_of(record))), first=first, grace=grace)
        for record in records:
            self.forget(record)

    def strays(self, host: str | None = None) -> list[psutil.Process]:
        """Every process that belongs to a host (to any host or to the city itself when None), on record or not."""
        root = self.city / "hosts" / host if host else self.city
        own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
        found = []
        for process in psutil.process_iter():
            if process.pid not in own and _belongs(process, root):
                found.append(process)
        return found


def _belongs(process: psutil.Process, root: Path) -> bool:
    """Marked as ours; or without a terminal (so no person's shell) and standing in, or started from, a host's folder."""

    def within(path: str, folder: Path) -> bool:
        return path == str(folder) or path.startswith(f"{folder}{os.sep}")

    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        if within(process.environ().get(MARK, ""), root):
            return True
        if process.terminal() is not None:
            return False
        one = root.parent.name == "hosts"
        hosts = root if one else root / "hosts"
        if process.name() == "sshd":  # writes its title over its environment, and stands in /
            configs = f"{root.parent.parent}/ssh/hosts/{root.name}.conf" if one else f"{root}/ssh/hosts/"
            return configs in " ".join(process.cmdline())
        return within(process.cwd(), hosts) or any(within(part, hosts) for part in process.cmdline()[:2])
    except psutil.Error:
        return False


def process_of(record: Record) -> psutil.Process | None:
    """The living process of a record; None when it ended, or when its pid belongs to another process by now."""
    try:
        process = psutil.Process(record.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            with suppress(ChildProcessError):
                os.waitpid(record.pid, os.WNOHANG)
            return None
        if start_time(record.pid) != record.started:
            return None
    except psutil.NoSuchProcess:
        return None
    return process


def end(processes: Iterable[psutil.Process], *, first: signal.Signals = signal.SIGTERM, grace: float = 3.0) -> None:
    """Signal processes, wait up to ``grace`` seconds, kill them and their descendants. Returns when all are gone."""
    tops = list(processes)
    family: dict[int, psutil.Process] = {}
    for process in tops:
        with suppress(psutil.Error):
            family.update({child.pid: child for child in process.children(recursive=True)})
            family[process.pid] = process
    for process in tops:
        with suppress(psutil.Error):
            process.send_signal(first)
    left = _gone(tops, grace) if first != signal.SIGKILL else tops
    ended = {process.pid for process in tops} - {process.pid for process in left}
    rest = [process for pid, process in family.items() if pid not in ended and _lives(process)]
    for process in rest:
        with suppress(psutil.Error):
            process.kill()
    _gone(rest, 5)


def _lives(process: psutil.Process) -> bool:
    """Not ended; a zombie, which only waits for its parent to look, has ended."""
    try:
        if process.status() != psutil.STATUS_ZOMBIE:
            return bool(process.is_running())
        with suppress(ChildProcessError):
            os.waitpid(process.pid, os.WNOHANG)
    except psutil.Error:
        pass
    return False


def _gone(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until all ended; those that still live after ``seconds``."""
    deadline = time.monotonic() + seconds
    while (left := [process for process in processes if _lives(process)]) and time.monotonic() < deadline:
        time.sleep(0.01)
    return left


def wait_for(check: Callable[[], bool], *, what: str, seconds: float, remedy: str = "look at the logs in the city's folder") -> None:
    """Call ``check`` until it is true, every 20 ms. Raises ToolError after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            raise ToolError(f"{what} did not answer within {seconds:g} s", where=what, remedy=remedy)
        time.sleep(0.02)
