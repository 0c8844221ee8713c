"""Services as units of systemd: its own files are left to it; what we add is a drop-in that can be taken away again.

A unit that is to stay down is *held* by a drop-in with a condition that never holds. `systemctl mask` cannot do it: it refuses
units that lie in /etc/systemd/system, where most of a department's own units are.
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

from orchestrator.errors import Refused, ToolError
from orchestrator.hosts import former
from orchestrator.hosts.services import CarriedFile, Placed, State
from orchestrator.hosts.units import UnitFacts, environment_file, read_unit, unit_text
from orchestrator.texts import Words, say
from orchestrator.tools.ssh import SshConnection

UNITS = "/etc/systemd/system"
HELD = "90-orchestrator-held.conf"
ADDED = "50-orchestrator.conf"
_HELD_TEXT = """# This service runs at another site meanwhile. It must not run twice: do not remove this file by hand.
[Unit]
ConditionPathExists=/proc/nowhere/held-by-the-orchestrator
"""
COMMAND_SECONDS = 180
"""For what changes nothing that runs: a small, busy server takes over a minute for reading all its units anew."""
SETTLE_SECONDS, SETTLED_AT_LAST = 1.0, 5.0
"""What listens nowhere counts as up when it lived so long and waits for work; or lived so much longer, busy or not."""
_TAKE_AWAY = 'rm -f -- "$1"; rmdir --ignore-fail-on-non-empty -- "$(dirname -- "$1")" 2>/dev/null || :'
_INSTALL = """
umask 077; folder=$(dirname -- "$1"); [ -d "$folder" ] || mkdir -p -m 0755 -- "$folder"
new="$1.new.$$"; trap 'rm -f -- "$new"' EXIT
cat >"$new" && chown -- "$3" "$new" && chmod -- "$2" "$new" && sync -- "$new" && mv -f -- "$new" "$1"
"""
_KEPT = """
[ ! -e "$1" ] || echo held
[ ! -e "$2/former.json" ] || echo ours
[ ! -e "$2/started-with" ] || echo "started $(cat -- "$2/started-with")"
[ ! -e "$2/environment" ] || echo "environment $(sha256sum <"$2/environment" | cut -d ' ' -f 1)"
"""
_LISTENS = 'cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -Eq "^ *[0-9]+: [0-9A-F]+:$1 [0-9A-F]+:[0-9A-F]+ 0A "'
_SLEEPS = "grep -q '^State:.S' \"/proc/$1/status\""
_LEFT = """
for place in "/sys/fs/cgroup$1" "/sys/fs/cgroup/systemd$1"; do
    [ ! -d "$place" ] || find "$place" -name cgroup.procs -exec cat {} +
done 2>/dev/null
"""
"""Constants; every path comes as an argument and is never read as shell."""


class Systemd:
    """The units of one host. ``home``: where we keep, per service, what was there before and what we set."""

    def __init__(self, connection: SshConnection, home: str) -> None:
        self._connection = connection
        self._home = home

    # ------------------------------------------------------------ looking

    def state(self, service: Placed) -> State:
        facts = self.facts(_unit(service))
        argv = ["sh", "-c", _KEPT, "kept", _dropin(_unit(service), HELD), self._folder(service)]
        lines = self._connection.run(argv, timeout=20, check=True).stdout.splitlines()
        kept = dict(line.partition(" ")[::2] for line in lines)
        given = hashlib.sha256(environment_file(service.environment).encode()).hexdigest() if service.environment else ""
        started = service.shared or kept.get("started", "") in ("", fingerprint(service))
        ours = "ours" in kept
        as_given = ours and started and kept.get("environment", "") == given
        return State(facts.present, facts.active, facts.enabled, "held" in kept, ours, as_given)

    def facts(self, unit: str) -> UnitFacts:
        """What systemd says of a unit."""
        return read_unit(self._connection, unit)

    def last_words(self, service: Placed) -> str:
        argv = ["journalctl", "--no-pager", "--quiet", "-o", "cat", "-n", "15", "-u", _service_of(_unit(service))]
        return self._connection.run(argv, timeout=20).stdout.strip()[-1500:]

    # ------------------------------------------------------------ how it was

    def remember(self, service: Placed) -> State:
        folder = self._folder(service)
        record = f"{folder}/former.json"
        if not self._exists(record):
            now = self.state(service)
            paths = self._touched(service)
            made = former.save(self._connection, f"{folder}/former", paths)
            text = json.dumps({"present": now.present, "active": now.active, "enabled": now.enabled, "paths": paths, "made": made})
            self._connection.write_file(record, text.encode())  # last: whoever finds it finds the copies too
            return now
        known = self._former(service)
        return State(bool(known["present"]), bool(known["active"]), str(known["enabled"]))

    def restore(self, service: Placed) -> None:
        known = self._former(service)
        if not known:
            return  # nothing of it was ever touched
        unit, folder = _unit(service), self._folder(service)
        now = self.facts(unit)
        if not known["present"] and now.present:
            self._systemctl("disable", "--quiet", unit, check=False)
            self.stop(service)
        former.put_back(self._connection, f"{folder}/former", known["paths"], known.get("made"))
        self._systemctl("daemon-reload")
        if known["present"]:
            self._set_enabled(unit, str(known["enabled"]))
            if known["active"] and service.shared and now.active:
                self._systemctl("reload", unit)
            elif known["active"]:
                if self._started_with(service) and not service.shared:
                    self.stop(service)  # it runs with what was set for it meanwhile
                self._bring_up(service)
            elif not service.shared:
                self.stop(service)
        former.remove_ours(self._connection, folder)

    def _former(self, service: Placed) -> dict[str, Any]:
        record = f"{self._folder(service)}/former.json"
        return dict(json.loads(self._connection.read_file(record))) if self._exists(record) else {}

    def _touched(self, service: Placed) -> list[str]:
        """Every path that ``place`` or ``hold`` may write. A host that has not the timer yet does not know what it triggers: the files
        that it brings along do."""
        brought = [file.path.removeprefix(f"{UNITS}/") for file in service.files if file.path.startswith(f"{UNITS}/")]
        units = [*self._with_triggered(service), *(name for name in brought if "/" not in name)]
        added = [_dropin(unit, name) for unit in units for name in (HELD, ADDED)]
        own = [] if service.unit else [f"{UNITS}/{_unit(service)}"]
        return list(dict.fromkeys([*(file.path for file in service.files), *own, *added]))

    # ------------------------------------------------------------ changing

    def place(self, service: Placed) -> None:
        self.remember(service)
        for file in service.files:
            self._install(file)
        if not service.unit:
            text = unit_text(service.name, service.argv, service.account)
            self._install(CarriedFile(f"{UNITS}/{_unit(service)}", text.encode()))
        if service.environment:
            path = f"{self._folder(service)}/environment"
            self._connection.write_file(path, environment_file(service.environment).encode())
            self._systemctl("daemon-reload")
            added = f"[Service]\nEnvironmentFile={path}\n"
            for unit in self._with_triggered(service):
                if unit.endswith(".service"):
                    self._install(CarriedFile(_dropin(unit, ADDED), added.encode()))
        self._systemctl("daemon-reload")
        if not self.facts(_unit(service)).present:
            raise ToolError(say("hosts.no_unit", unit=_unit(service)), where=self._connection.name, remedy=say("hosts.install_package"))
        if service.enabled:
            self._set_enabled(_unit(service), "enabled")

    def start(self, service: Placed) -> None:
        if self.state(service).held:
            raise Refused(say("hosts.held", name=service.name), where=self._connection.name, remedy=say("hosts.go_back_first"))
        self._bring_up(service)

    def stop(self, service: Placed) -> None:
        if service.shared:
            raise Refused(say("hosts.shared", name=service.name), where=self._connection.name, remedy=say("hosts.reload_it"))
        units = self._with_triggered(service)
        for unit in units:  # what triggers comes first, or it would start again what was stopped
            self._let_finish(unit, service.start_seconds)
            self._systemctl("stop", unit, check=False, timeout=service.start_seconds + 100)
        deadline = time.monotonic() + service.start_seconds
        while left := [unit for unit in units if self._is_alive(unit)]:
            if time.monotonic() > deadline:
                raise ToolError(say("hosts.not_stopped", units=tuple(left)), where=self._connection.name, remedy=say("hosts.stop_by_hand"))
            time.sleep(0.1)

    def reload(self, service: Placed) -> None:
        self._systemctl("reload", _unit(service))

    def hold(self, service: Placed) -> None:
        if service.shared:
            raise Refused(say("hosts.shared", name=service.name), where=self._connection.name, remedy=say("hosts.singleton_false"))
        self.remember(service)
        for unit in self._with_triggered(service):
            self._install(CarriedFile(_dropin(unit, HELD), _HELD_TEXT.encode()))
        self._systemctl("daemon-reload")  # before the stop: a unit that restarts itself finds the condition
        self.stop(service)

    def release(self, service: Placed) -> None:
        for unit in self._with_triggered(service):
            self._sh(_TAKE_AWAY, _dropin(unit, HELD))
        self._systemctl("daemon-reload")

    # ------------------------------------------------------------ inside

    def _bring_up(self, service: Placed) -> None:
        unit = _unit(service)
        facts = self.facts(unit)
        if facts.runs_once and not service.port:
            return  # a job that ends by itself: whoever triggers it does
        restarts = facts.restarts
        self._systemctl("reset-failed", unit, check=False)
        wanted = fingerprint(service)
        ours = self._exists(f"{self._folder(service)}/former.json")  # what was never placed or held runs as its host started it
        renewed = ours and facts.active and not service.shared and self._started_with(service) != wanted  # it reads its files at its start
        verb = "restart" if renewed else "start"
        done = self._connection.run(["systemctl", verb, unit], timeout=service.start_seconds + 100)
        if done.code != 0:
            raise self._did_not_start(service, done.stderr.strip())
        if ours:
            self._connection.write_file(f"{self._folder(service)}/started-with", wanted.encode())
        deadline = time.monotonic() + service.start_seconds
        began = time.monotonic()
        while True:
            now = self.facts(unit)
            if now.failed or now.restarts > restarts:
                raise self._did_not_start(service, say("hosts.it_is", word=now.word))
            up = now.active and not now.starting
            if up and (self._listens(service.port) if service.port else self._has_settled(now, time.monotonic() - began)):
                return
            if time.monotonic() > deadline:
                listening = say("hosts.no_port", port=service.port) if service.port else ""
                late = say("hosts.it_is_after", word=now.word, seconds=service.start_seconds, listening=listening)
                raise self._did_not_start(service, late)
            time.sleep(0.1)

    def _has_settled(self, facts: UnitFacts, seconds: float) -> bool:
        if not facts.unit.endswith(".service") or facts.main_pid == 0:
            return True
        if seconds < SETTLE_SECONDS:
            return False
        state = self._connection.run(["sh", "-c", _SLEEPS, "sleeps", str(facts.main_pid)], timeout=20)
        return state.code == 0 or seconds > SETTLED_AT_LAST

    def _listens(self, port: int) -> bool:
        """Whether anything on the host listens there, whatever address it is bound to."""
        return self._connection.run(["sh", "-c", _LISTENS, "listens", f"{port:04X}"], timeout=20).code == 0

    def _did_not_start(self, service: Placed, why: Words) -> ToolError:
        words = self.last_words(service) or say("hosts.no_journal")
        remedy = say("hosts.mend_journal", unit=_unit(service))
        return ToolError(say("hosts.not_started", name=service.name, why=why, words=words), where=self._connection.name, remedy=remedy)

    def _started_with(self, service: Placed) -> str:
        """Fingerprint of what the service was last started with by us; empty when it was not."""
        path = f"{self._folder(service)}/started-with"
        return self._connection.read_file(path).decode() if self._exists(path) else ""

    def _let_finish(self, unit: str, seconds: float) -> None:
        """A job that is under way comes to its end; it is stopped when it takes too long."""
        deadline = time.monotonic() + seconds
        while (facts := self.facts(unit)).runs_once and facts.starting and time.monotonic() < deadline:
            time.sleep(0.2)

    def _is_alive(self, unit: str) -> bool:
        """Active, or ended with processes left over (``KillMode=process``)."""
        facts = self.facts(unit)
        if facts.active or not facts.control_group:
            return facts.active
        left = self._connection.run(["sh", "-c", _LEFT, "left", facts.control_group], timeout=20).stdout
        return bool(left.strip())

    def _with_triggered(self, service: Placed) -> list[str]:
        """The unit, and what it triggers when it is a timer, a socket or a path."""
        unit = _unit(service)
        return [unit, *self.facts(unit).triggers]

    def _set_enabled(self, unit: str, wanted: str) -> None:
        now = self.facts(unit).enabled
        if now == wanted or wanted not in ("enabled", "disabled") or now not in ("enabled", "disabled"):
            return  # static, generated, masked and their like are not ours to change
        self._systemctl("enable" if wanted == "enabled" else "disable", "--quiet", unit)

    def _install(self, file: CarriedFile) -> None:
        argv = ["sh", "-c", _INSTALL, "install-file", file.path, f"{file.mode:04o}", f"{file.owner}:{file.group}"]
        done = self._connection.run(argv, COMMAND_SECONDS, file.content)
        if done.code != 0:
            said = done.stderr.strip()[-300:]
            raise ToolError(
                say("hosts.file_unwritten", path=file.path, said=said), where=self._connection.name, remedy=say("hosts.mend_then")
            )

    def _folder(self, service: Placed) -> str:
        return f"{self._home}/{service.name}"

    def _exists(self, path: str) -> bool:
        return self._connection.run(["test", "-e", path], timeout=20).code == 0

    def _sh(self, script: str, *arguments: str) -> None:
        self._connection.run(["sh", "-euc", script, "services", *arguments], check=True)

    def _systemctl(self, *words: str, check: bool = True, timeout: float = COMMAND_SECONDS) -> str:
        return self._connection.run(["systemctl", *words], timeout=timeout, check=check).stdout


def _unit(service: Placed) -> str:
    return service.unit or f"{service.name}.service"


def _service_of(unit: str) -> str:
    stem, _, kind = unit.rpartition(".")
    return f"{stem}.service" if kind in ("timer", "socket", "path") else unit


def _dropin(unit: str, name: str) -> str:
    return f"{UNITS}/{unit}.d/{name}"


def fingerprint(service: Placed) -> str:
    """Changes with whatever a process of the service reads at its start."""
    files = [[file.path, hashlib.sha256(file.content).hexdigest()] for file in service.files]
    parts = [list(service.argv), sorted(service.environment.items()), files, service.account]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
