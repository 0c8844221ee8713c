"""Jobs of cron that have a file of their own (``/etc/cron.d/NAME``), kept like any other service.

They are at work while the file stands at its place. Held, it lies in our own folder, where no cron looks. A job under way comes
to its end first: which of cron's children are jobs of this file is asked of the journal, for a process does not say what line began it.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

from orchestrator.errors import Refused, ToolError
from orchestrator.hosts import former
from orchestrator.hosts.services import CarriedFile, Placed, State
from orchestrator.texts import say
from orchestrator.tools.ssh import SshConnection

CRONS = ("cron", "crond")
TURN_SECONDS = 90
"""Longer than a minute's turn is waited for."""
_PUT = """
umask 077; mkdir -p -- "$(dirname -- "$1")"; new="$(dirname -- "$1")/.new.$$"; trap 'rm -f -- "$new"' EXIT
cat >"$new" && chown -- "$3" "$new" && chmod -- "$2" "$new" && sync -- "$new" && mv -f -- "$new" "$1"
"""
_MOVE_FILE = """
move_file() {
    umask 077; mkdir -p -- "$(dirname -- "$2")"; new="$(dirname -- "$2")/.new.$$"; trap 'rm -f -- "$new"' EXIT
    cp -a -T -- "$1" "$new" && sync -- "$new" && mv -f -T -- "$new" "$2" && rm -f -- "$1"
}
"""
_MOVE = _MOVE_FILE + '[ ! -e "$1" ] || move_file "$@"'
_TAKE_AWAY = (
    _MOVE_FILE
    + """
until case $(date +%S) in 0[5-9] | [123]?) ;; 4?) [ ! -e "$1" ] ;; *) false ;; esac; do sleep 1; done
[ ! -e "$1" ] || move_file "$@"
systemctl try-restart cron.service crond.service 2>/dev/null || :
"""
)
"""Cron keeps what it has read until after the next minute's jobs. Restarted, it reads at once; jobs that it began go on
(KillMode=process), and away from the turn of a minute it misses none. Nothing is taken away in a minute's last third: what runs at its turn
runs here, and the other side has time to begin before the next one, unless a job that is under way takes longer than that to end."""
_COPY = 'umask 077; mkdir -p -- "$(dirname -- "$2")"; cp -a -T -- "$1" "$2"'
"""Constants; paths, mode and owner come as arguments. ``.new`` begins with a dot: no cron reads such a name."""
_SETTING = re.compile(r"[A-Za-z_]\w*\s*=")
_BEGUN = re.compile(r"\(\S+\) CMD \((?P<command>.*)\)", re.DOTALL)


class Cron:
    """The files of one host's cron. ``home``: where we keep, per service, what was there before and what is held."""

    def __init__(self, connection: SshConnection, home: str) -> None:
        self._connection = connection
        self._home = home

    # ------------------------------------------------------------ looking

    def state(self, service: Placed) -> State:
        scheduled = self._exists(service.cron)
        held = self._exists(self._path(service, "held"))
        ours = self._exists(self._path(service, "former.json"))
        present = scheduled or self._exists(self._path(service, "aside"))
        return State(present, active=scheduled, held=held, ours=ours, as_given=ours)  # an environment is not given to cron

    def last_words(self, service: Placed) -> str:  # noqa: ARG002 - a job writes to its own log, or by mail
        return ""

    def find_jobs(self, service: Placed) -> list[int]:
        """Jobs of the file that are under way."""
        text = self._connection.run(["ps", "-eo", "pid=,ppid=,comm="], timeout=30, check=True).stdout
        children = find_children(text)
        if not children:
            return []
        commands = find_commands(self._content(service).decode("utf-8", "surrogateescape"))
        return [pid for pid in children if self._command_of(pid) in commands]

    def _command_of(self, pid: int) -> str:
        argv = ["journalctl", "--boot", "--quiet", "--no-pager", "--output=cat", "--lines=20", f"_PID={pid}"]
        lines = self._connection.run(argv, timeout=30).stdout.splitlines()
        begun = [found["command"].strip() for line in lines if (found := _BEGUN.fullmatch(line.strip()))]
        return begun[-1] if begun else ""

    def _content(self, service: Placed) -> bytes:
        for path in (service.cron, self._path(service, "aside")):
            if self._exists(path):
                return self._connection.read_file(path)
        return b""

    # ------------------------------------------------------------ how it was

    def remember(self, service: Placed) -> State:
        record = self._path(service, "former.json")
        if not self._exists(record):
            now = self.state(service)
            self._connection.run(["mkdir", "-p", "-m", "0700", "--", self._folder(service)], check=True)
            if now.active:
                self._sh(_COPY, service.cron, self._path(service, "former"))
            paths = [file.path for file in service.files if file.path != service.cron]
            made = former.save(self._connection, self._path(service, "former-files"), paths)
            made += former.list_missing(self._connection, [service.cron])
            text = json.dumps({"present": now.present, "active": now.active, "paths": paths, "made": made})
            self._connection.write_file(record, text.encode())  # last: whoever finds it finds the copy too
            return now
        known = self._former(service)
        return State(bool(known["present"]), bool(known["active"]))

    def restore(self, service: Placed) -> None:
        known = self._former(service)
        if not known:
            return  # nothing of it was ever touched
        if known["active"]:
            self._sh(_COPY, self._path(service, "former"), f"{self._folder(service)}/back")
            self._sh(_MOVE, f"{self._folder(service)}/back", service.cron)
        else:
            self._connection.run(["rm", "-f", "--", service.cron], check=True)
        former.put_back(self._connection, self._path(service, "former-files"), known.get("paths", []), known.get("made", []))
        former.remove_ours(self._connection, self._folder(service))

    def _former(self, service: Placed) -> dict[str, Any]:
        record = self._path(service, "former.json")
        return dict(json.loads(self._connection.read_file(record))) if self._exists(record) else {}

    # ------------------------------------------------------------ changing

    def place(self, service: Placed) -> None:
        """Laid aside: no job begins before ``start``."""
        self.remember(service)
        for file in service.files:
            where = CarriedFile(self._path(service, "aside"), file.content, file.mode, file.owner, file.group)
            self._put(where if file.path == service.cron else file)
        if not self.state(service).present:
            raise ToolError(say("hosts.no_cron", cron=service.cron), where=self._connection.name, remedy=say("hosts.correct_path"))

    def start(self, service: Placed) -> None:
        if self._exists(self._path(service, "held")):
            raise Refused(say("hosts.held", name=service.name), where=self._connection.name, remedy=say("hosts.go_back_first"))
        self._sh(_MOVE, self._path(service, "aside"), service.cron)

    def stop(self, service: Placed) -> None:
        if service.shared:
            raise Refused(say("hosts.shared", name=service.name), where=self._connection.name, remedy=say("hosts.shared_false"))
        self._sh(_TAKE_AWAY, service.cron, self._path(service, "aside"))
        deadline = time.monotonic() + service.start_seconds
        while jobs := self.find_jobs(service):
            if time.monotonic() > deadline:
                pids = ", ".join(map(str, jobs))
                what = say("hosts.job_runs", name=service.name, seconds=service.start_seconds, pids=pids)
                raise ToolError(what, where=self._connection.name, remedy=say("hosts.wait_or_end"))
            time.sleep(0.2)

    def reload(self, service: Placed) -> None:
        """Cron looks at its files every minute by itself."""

    def hold(self, service: Placed) -> None:
        self.remember(service)
        self._connection.write_file(self._path(service, "held"), b"This job runs at another site meanwhile.\n")
        self.stop(service)

    def release(self, service: Placed) -> None:
        self._connection.run(["rm", "-f", "--", self._path(service, "held")], check=True)

    # ------------------------------------------------------------ inside

    def _put(self, file: CarriedFile) -> None:
        argv = ["sh", "-euc", _PUT, "put-file", file.path, f"{file.mode:04o}", f"{file.owner}:{file.group}"]
        self._connection.run(argv, 60, file.content, check=True)

    def _folder(self, service: Placed) -> str:
        return f"{self._home}/{service.name}"

    def _path(self, service: Placed, name: str) -> str:
        return f"{self._folder(service)}/{name}"

    def _exists(self, path: str) -> bool:
        return self._connection.run(["test", "-e", path], timeout=20).code == 0

    def _sh(self, script: str, *arguments: str) -> None:
        self._connection.run(["sh", "-euc", script, "cron", *arguments], timeout=TURN_SECONDS, check=True)


def find_children(text: str) -> list[int]:
    """What cron has begun and has not ended, from ``ps -eo pid=,ppid=,comm=``."""
    rows = [line.split(None, 2) for line in text.splitlines() if len(line.split(None, 2)) == 3]
    crons = {int(pid) for pid, _, name in rows if name.strip().lower() in CRONS}
    return [int(pid) for pid, parent, name in rows if int(parent) in crons and name.strip().lower() not in CRONS]


def find_commands(text: str) -> set[str]:
    """The commands of a file of cron's, as its journal names them."""
    return set(_read_commands(text))


def _read_commands(text: str) -> Iterator[str]:
    for line in map(str.strip, text.splitlines()):
        if not line or line.startswith("#") or _SETTING.match(line):
            continue
        fields = line.split(None, 2 if line.startswith("@") else 6)
        if len(fields) == (3 if line.startswith("@") else 7):
            yield fields[-1]
