"""Starts a guard, talks to it, and finds one that a former engine left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestrator.cutover.record import is_held, read_record
from orchestrator.cutover.specification import GuardSpec
from orchestrator.errors import CutoverAborted, NeedsPerson
from orchestrator.models import Host
from orchestrator.texts import Words, say, unpack
from orchestrator.tools import privilege, programs
from orchestrator.tools.process import boot_id, start_time


def channel(host: Host, known_hosts: Path, key: Path) -> list[str]:
    """The argv of a shell that waits on a gateway host."""
    options = [
        f"UserKnownHostsFile={known_hosts}",
        "StrictHostKeyChecking=yes",
        "BatchMode=yes",
        f"IdentityFile={key}",
        "IdentitiesOnly=yes",
        "ServerAliveInterval=5",
    ]
    return [
        str(programs.find("ssh")), "-T", "-F", "none", *(part for option in options for part in ("-o", option)), "-p", str(host.ssh_port),
        f"{host.ssh_user}@{host.address}", privilege.open_shell(host),
    ]  # fmt: skip


class GuardProcess:
    """One guard of ours. It does not die with us: when we end, it reopens the live side and ends by itself."""

    def __init__(self, spec: GuardSpec) -> None:
        """Starts it and waits until it is ready. Raises CutoverAborted with its findings, or where nothing can be written down; nothing
        was paused then."""
        self.spec = spec
        record = Path(spec.record)
        with _writing(spec):
            self._errors = record.with_suffix(".log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "orchestrator.cutover"],
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,
        )
        with _writing(spec, self._process):
            _note_pid(record, self._process.pid)
        self._say(spec.write())
        answer = self._hear()
        if answer.get("event") != "ready":
            self._process.wait(timeout=30)
            raise CutoverAborted(
                say("cutover.refused", found=tuple(map(unpack, answer.get("says", ()))) or say("cutover.ended_early")),
                where=spec.attempt,
                remedy=say("cutover.mend_nothing_paused"),
                retryable=True,
            )

    def go(self, on_event: Callable[[dict[str, Any]], None] | None = None) -> dict[str, Any]:
        """Says go and waits for the result. Raises NeedsPerson when the guard vanished without one."""
        self._say("go")
        while True:
            answer = self._hear()
            if answer.get("event") == "result":
                return answer
            if not answer:
                raise NeedsPerson(
                    say("cutover.no_result"),
                    where=self.spec.attempt,
                    remedy=say("cutover.resume_settles"),
                )
            if on_event:
                on_event(answer)

    def done(self) -> None:
        """Lets it end its snapshots and go."""
        try:
            self._say("done")
            self._process.communicate(timeout=30)
        except (OSError, ValueError, subprocess.TimeoutExpired):
            self._process.kill()
        self._errors.close()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None  # noqa: S101 - a pipe
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None  # noqa: S101 - a pipe
        line = self._process.stdout.readline()
        return dict(json.loads(line)) if line else {}


def reason_of(result: Mapping[str, Any]) -> Words:
    """Why an attempt was given up, of the guard's result or of an engine's own note of one."""
    return unpack(result["says"]["reason"]) if "says" in result else str(result.get("reason", ""))


def problems_of(result: Mapping[str, Any]) -> list[Words]:
    """What did not follow."""
    return [unpack(problem) for problem in result["says"]["problems"]] if "says" in result else list(result.get("problems", ()))


def _environment() -> dict[str, str]:
    """Ours without what would lead libpq elsewhere: everything the guard connects to is in its specification."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _pid_file(record: Path) -> Path:
    return record.with_suffix(".pid")


def wait_gone(record: Path, *, limit: float) -> None:
    """Waits for a former engine's guard to end; it ends by itself within its budget. Raises NeedsPerson when it does not."""
    file = _pid_file(record)
    if not file.exists():
        return
    try:
        pid, started, boot = file.read_text(encoding="ascii").split()
    except ValueError:  # half written on a full disk: whoever is at work holds the record
        pid, started, boot = "?", "0", ""
    until = time.monotonic() + limit
    while (boot == boot_id() and start_time(int(pid)) == int(started)) or (not boot and is_held(record)):
        if time.monotonic() > until:
            raise NeedsPerson(
                say("cutover.guard_stays", pid=pid, limit=limit),
                where=str(record),
                remedy=say("cutover.read_record"),
            )
        time.sleep(0.05)


@contextmanager
def _writing(spec: GuardSpec, process: subprocess.Popen[str] | None = None) -> Iterator[None]:
    """What the guard needs on disk before it begins. A guard that nobody could find again is not let begin."""
    try:
        yield
    except OSError as error:
        if process is not None:
            process.kill()
            process.wait()
        raise CutoverAborted(
            say("cutover.folder_unwritten", error=str(error)), where=spec.attempt, remedy=say("cutover.free_folder"), retryable=True
        ) from error


def _note_pid(record: Path, pid: int) -> None:
    """Whole or not at all."""
    draft = record.with_suffix(".pid.new")
    draft.write_text(f"{pid} {start_time(pid)} {boot_id()}", encoding="ascii")
    draft.replace(_pid_file(record))


def began(record: Path, attempt: str) -> float | None:
    """When an attempt's guard began to close the live side, by its own record (wall clock)."""
    entries = (entry for entry in read_record(record) if entry.get("event") == "closing" and entry.get("attempt") == attempt)
    return next((float(entry["at"]) for entry in entries), None)


def last_result(record: Path, attempt_prefix: str) -> dict[str, Any] | None:
    """The guard's own last result for attempts that begin so."""
    results = [entry for entry in read_record(record) if entry.get("event") == "result"]
    return next((entry for entry in reversed(results) if str(entry.get("attempt", "")).startswith(attempt_prefix)), None)
