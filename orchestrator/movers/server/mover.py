"""One server on its way: from where it stands to its landing, and back. Plain acts; the steps say in which order, and keep what they came to."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import Finding, StepFailed, ToolError
from orchestrator.models import Host, Landing
from orchestrator.movers.machine import addresses
from orchestrator.movers.server import bootable, check, line, listing, questions, units
from orchestrator.movers.server import landing as landings
from orchestrator.movers.server.check import Asked
from orchestrator.movers.server.landing import Flags
from orchestrator.movers.server.line import End, Line
from orchestrator.movers.server.listing import Listed
from orchestrator.movers.server.passes import Wanted, add_up, run_pass, run_passes
from orchestrator.movers.server.scope import Scope
from orchestrator.texts import Words, say
from orchestrator.tools.process import Register
from orchestrator.tools.ssh import SshConnection

Facts = dict[str, Any]
SETTLED_BYTES = 20_000_000
"""A running pass that carries less brings the last one no further down."""
MOST_PASSES = 4
NAMED = 10
_PLAIN_FILE = '[ -f "$1" ] && [ "$(readlink -f -- "$1")" = "$1" ]'
"""No link on its way: below the landing, one that leads to the top would lead to the landing's own files."""
_PROGRAMS = "cat /proc/[0-9]*/comm 2>/dev/null; :"


@dataclass(frozen=True)
class Surroundings:
    """What a mover uses of the engine."""

    connect: Callable[[Host], SshConnection]
    known_hosts: Path
    ssh_key: Path | None
    register: Register | None = None
    cancelled: Callable[[], bool] | None = None
    say: Callable[[str], None] = lambda _text: None


class ServerMover:
    """``host``: where the server stands. ``new``: the same, once it stands at the other place. ``declared``: data directories of its
    databases. ``first``: units that are stopped before all others, in this order."""

    def __init__(
        self, system: str, host: Host, landing: Landing, new: Host, around: Surroundings, *, declared: Sequence[str] = (),
        first: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.system, self.host, self.landing, self.new = system, host, landing, new
        self.machine = landings.machine_of(host, landing)
        self._around, self._declared, self._first = around, tuple(declared), tuple(first)
        self._words_before: tuple[str, ...] = ()

    @property
    def source(self) -> SshConnection:
        return self._around.connect(self.host)

    @property
    def bay(self) -> SshConnection:
        """The machine that the folder stands on."""
        return self._around.connect(self.machine)

    @property
    def moved(self) -> SshConnection:
        """The server at its new place."""
        return self._around.connect(self.new)

    # ------------------------------------------------------------ before anything

    def ask(self) -> Asked:
        """Both machines, by their own tools. Reads only. Raises ToolError."""
        source, bay = self.source, self.bay
        folders = [
            path
            for path in ("/etc", "/opt", "/srv", "/usr/local", "/var/www", "/home", "/root")
            if source.run(["test", "-d", path]).code == 0
        ]
        return Asked(
            questions.ask_facts(source), questions.ask_facts(bay), questions.find_writers(source),
            tuple(source.run(["sh", "-c", _PROGRAMS], 60).stdout.split("\n")), questions.find_detached(source),
            questions.find_devices(source), addresses.find_naming(source, self.host.address, folders),
            landings.own_paths(bay, self.landing), self._declared,
        )  # fmt: skip

    def find_problems(self) -> list[Finding]:
        """Everything that any later act will need, on both machines. Raises ToolError where one cannot be asked."""
        asked = self.ask()
        found = check.find_problems(self.host, self.landing, asked, self.system)
        size, entries = check.needed(check.scope_of(self.landing, asked), asked.facts)
        rows: list[tuple[str, Words, Words]] = []
        if self.landing.boots == "machine":
            ground = bootable.ask(self.bay, self.source, self.landing)
            rows += bootable.find_unbootable(ground, self.landing, asked.own, self.host.name)
            size += ground.needed
        rows += landings.find_unfit(self.bay, self.landing, self.system, needed=size, entries=entries)
        for host, connection in ((self.host, self.source), (self.machine, self.bay)):
            if line.find_refusal(connection):
                rows.append(("no-forward", say("server.no_forward", host=host.name), say("server.let_forward")))
        for path in self.landing.readdress:
            if self.source.run(["sh", "-c", _PLAIN_FILE, "plain", path], timeout=20).code != 0:
                rows.append(("readdress", say("server.not_plain", path=path, host=self.host.name), say("server.name_plain")))
        found += [
            Finding(code, "error", say("error.of", name=self.landing.name, said=message), remedy, system=self.system)
            for code, message, remedy in rows
        ]
        return found

    # ------------------------------------------------------------ there

    def fill(self) -> Facts:
        """Passes while it runs, until one carries little. What is needed within the outage is asked here: what is carried, what of it means
        something only at rest, which flags there are; and what the last pass will cost, measured."""
        bay, source = self.bay, self.source
        seen = Asked(
            questions.ask_facts(source), questions.ServerFacts(), questions.find_writers(source),
            own=landings.own_paths(bay, self.landing), declared=self._declared,
        )  # fmt: skip
        scope = check.scope_of(self.landing, seen)
        landings.claim(bay, self.landing, self.system)
        flags = landings.read_flags(source, "/", scope.systems)
        passes: list[Facts] = []
        with self._line(End(self.host, source), End(self.machine, bay)) as opened:
            while len(passes) < MOST_PASSES:
                first = not landings.is_filled(bay, self.landing)
                landings.take_flags_off(bay, self.landing.root, sorted(flags.names))
                began = time.monotonic()
                wanted = [self._whole(system, self.landing.root, scope.left_out(system, first=first)) for system in scope.systems]
                reports = [run_pass(opened, bay, each) for each in wanted] if first else run_passes(opened, bay, wanted)
                passes.append(add_up(reports, time.monotonic() - began) | {"running": True})
                self._tell(passes[-1])
                landings.note_filled(bay, self.landing)
                if not first and passes[-1]["wire"] < SETTLED_BYTES:
                    break
        if self.landing.boots == "machine":
            bootable.prepare(bay, self.landing, landings.record_of(self.landing), self._fstab())
        return {"passes": passes, "last_pass_seconds": passes[-1]["seconds"], "scope": scope.as_json(), "flags": flags.as_json()}

    def is_filled(self) -> bool:
        """Whether the folder holds this system's server, or most of it."""
        return landings.is_claimed(self.bay, self.landing, self.system) and landings.is_filled(self.bay, self.landing)

    def take_away(self) -> None:
        """The folder is empty again; what runs from it is shut down first."""
        if landings.is_claimed(self.bay, self.landing, self.system):
            landings.switch_off(self.bay, self.landing)
            landings.empty(self.bay, self.landing, self.system)

    def keep_there(self) -> None:
        """It stays where it is: no later migration fills or empties its folder."""
        landings.release(self.bay, self.landing)

    def stop(self) -> Facts:
        """Everything that the source runs is stopped, and nobody has a file open for writing."""
        return self._stop(self.source, self.host)

    def last_pass(self, kept: Mapping[str, Any]) -> Facts:
        """Nobody writes any more: what means something only at rest is compared by content, everything by a list of its own. ``kept``: what
        the last ``fill`` came to."""
        self.insist_stopped()
        scope, known = Scope.from_json(kept["scope"]), Flags.from_json(kept["flags"])
        landings.insist_there(self.bay, self.landing)
        flags = landings.read_flags(self.source, "/", scope.systems, known)
        facts = self._last(End(self.host, self.source), End(self.machine, self.bay), scope, {**known.names, **flags.names}, back=False)
        landings.put_flags_on(self.bay, self.landing.root, flags.names)
        new = {self.host.address: self.new.address}
        return facts | {"readdressed": landings.make_its_own(self.bay, self.landing, new)}

    def boot(self) -> None:
        """Switches it on at its new place. Whether it came up is seen by ``is_up``."""
        self._words_before = self.last_words()
        landings.switch_on(self.bay, self.landing)

    def last_words(self) -> tuple[str, ...]:
        """What the new server wrote to its console at the end, where the landing can tell."""
        try:
            return landings.last_words(self.bay, self.landing)
        except ToolError:  # what is told beside must not hide why
            return ()

    def gave_up(self) -> bool:
        """Whether its console says that waiting is in vain."""
        return bootable.gave_up(self._words_before, self.last_words())

    def is_up(self) -> Words | None:
        """Why the server at the new place is not the one that was stopped; None: it is, and lets us in."""
        theirs = questions.ask_facts(self.moved)
        ours = questions.ask_facts(self.source)
        if theirs.machine_id != ours.machine_id:
            return say("server.somebody_else", address=self.new.address)
        if landings.who_runs(self.moved) == landings.who_runs(self.source):
            return say("server.still_the_old", address=self.new.address)
        if units.is_standby(self.moved):
            return say("server.stands_by", address=self.new.address)
        return None

    def switch_off(self) -> None:
        """What runs at the new place is shut down; it may be off."""
        landings.switch_off(self.bay, self.landing)

    def start_source(self, *, seconds: float) -> list[str]:
        """Runs what was stopped, at the old place. Units that do not come up."""
        return units.start_again(self.source, seconds=seconds)

    def source_is_stopped(self) -> bool:
        return units.is_stopped(self.source)

    def insist_stopped(self) -> None:
        """One writer: nothing is written over the old server's files, and nobody is led elsewhere, while something of it runs. Raises
        StepFailed when somebody started it again."""
        if not units.is_stopped(self.source):
            raise StepFailed(say("server.old_runs", host=self.host.name), where=self.host.address, remedy=say("server.see_who_started"))

    def is_standby(self) -> bool:
        """Whether a boot of the old server would bring nothing up."""
        return units.is_standby(self.source)

    # ------------------------------------------------------------ and back

    def bring_back(self, kept: Mapping[str, Any]) -> Facts:
        """A pass back while the new place serves. What means something only at rest stays as it stood at the switch, until it is at rest.
        ``kept``: what the last ``fill`` came to; the same is returned for the way back."""
        self.insist_stopped()
        scope, source, moved = Scope.from_json(kept["scope"]), self.source, self.moved
        at_rest = questions.find_at_rest(questions.find_writers(moved), scope.at_rest, [*scope.per_side, *scope.exclude])
        scope = dataclasses.replace(scope, at_rest=tuple(at_rest))
        here, there = landings.read_flags(source, "/", scope.systems), landings.read_flags(moved, "/", ("/",))
        with self._line(End(self.new, moved), End(self.host, source)) as opened:
            landings.take_flags_off(source, "/", sorted(here.names))
            began = time.monotonic()
            try:
                left_out = {system: scope.left_out(system, back=True, at_rest=False) for system in scope.systems}
                reports = run_passes(opened, source, [self._whole(system, "/", left_out[system]) for system in scope.systems])
            finally:
                landings.put_flags_on(source, "/", here.names)
        passes = [add_up(reports, time.monotonic() - began) | {"running": True}]
        self._tell(passes[-1])
        return {"passes": passes, "scope": scope.as_json(), "flags": there.as_json(), "flags_here": here.as_json()}

    def stop_there(self) -> Facts:
        """The same at the new place."""
        return self._stop(self.moved, self.new)

    def last_pass_back(self, kept: Mapping[str, Any]) -> Facts:
        """What was written at the new place is at the old one. ``kept``: what ``bring_back`` came to."""
        self.insist_stopped()
        scope = Scope.from_json(kept["scope"])
        flags = landings.read_flags(self.moved, "/", ("/",), Flags.from_json(kept["flags"]))
        off = {**Flags.from_json(kept["flags_here"]).names, **flags.names}
        facts = self._last(End(self.new, self.moved), End(self.host, self.source), scope, off, back=True)
        landings.put_flags_on(self.source, "/", flags.names)
        return facts

    def boot_source(self, *, seconds: float) -> Facts:
        """The old server boots as an ordinary one. Raises StepFailed when it does not in time."""
        units.forget_standby(self.source)
        before, until = landings.who_runs(self.source), time.monotonic() + seconds
        landings.reboot(self.source)
        while True:
            with contextlib.suppress(Exception):
                if landings.who_runs(self.source) != before:
                    return {}
            if time.monotonic() > until:
                raise StepFailed(
                    say("server.no_boot", host=self.host.name, seconds=seconds), where=self.host.address, remedy=say("server.look_console")
                )
            time.sleep(0.3)

    # ------------------------------------------------------------ inside

    @contextlib.contextmanager
    def _line(self, sender: End, receiver: End) -> Iterator[Line]:
        around = self._around
        with line.open_line(
            sender, receiver, known_hosts=around.known_hosts, ssh_key=around.ssh_key, register=around.register, cancelled=around.cancelled
        ) as opened:
            yield opened

    @staticmethod
    def _whole(system: str, into: str, left_out: Sequence[str], *, stopped: bool = False) -> Wanted:
        """The pass of one file system."""
        return Wanted(system, _below(into, system), left_out, at_rest=stopped)

    def _stop(self, connection: SshConnection, host: Host) -> Facts:
        began = time.monotonic()
        stopped = units.stop_all(connection, self._first, self.landing.keep_units, seconds=self.landing.stop_seconds)
        left = units.writers_left(questions.find_writers(connection), self.landing.keep_units)
        if left:
            named = tuple(say("server.writes", program=each.program, path=each.path) for each in left[:NAMED])
            raise StepFailed(say("server.writers_left", named=named), where=host.name, remedy=say("server.stop_writer"))
        return {"units": stopped, "seconds": round(time.monotonic() - began, 1)}

    def _last(self, sender: End, receiver: End, scope: Scope, flags: Mapping[str, str], *, back: bool) -> Facts:
        """Everything once more, side by side: trees that mean something only at rest are read whole on both sides, apart from their file
        systems. Then both sides are compared. Raises StepFailed where they differ."""
        into = "/" if back else self.landing.root
        began = time.monotonic()
        landings.take_flags_off(receiver.connection, into, sorted(flags))
        with self._line(sender, receiver) as opened:
            opened_at = time.monotonic()
            apart = [
                tree
                for tree in scope.at_rest
                if self._is_folder(sender.connection, tree) and self._is_folder(receiver.connection, _below(into, tree))
            ]
            reading = dataclasses.replace(scope, at_rest=tuple(apart))
            left_out = {system: reading.left_out(system, back=back, at_rest=False) for system in scope.systems}
            wanted = [Wanted(tree, _below(into, tree), checksum=True, at_rest=True) for tree in apart]
            wanted += [self._whole(system, into, left_out[system], stopped=True) for system in scope.systems]
            reports = run_passes(opened, receiver.connection, wanted)
        passed_at = time.monotonic()
        differing = self._compare(sender.connection, receiver.connection, scope, into, back=back)
        if differing:
            raise StepFailed(
                say("server.differs", count=len(differing), some=tuple(differing[:NAMED])), where=f"{receiver.host.name}:{into}",
                remedy=say("server.look_and_again"), retryable=True,
            )  # fmt: skip
        passes = [add_up(reports, passed_at - opened_at) | {"running": False, "by_content": apart}]
        seconds = {"line": opened_at - began, "pass": passed_at - opened_at, "compare": time.monotonic() - passed_at}
        return {"passes": passes, "flagged": len(flags), "seconds": {name: round(value, 2) for name, value in seconds.items()}}

    @staticmethod
    def _is_folder(connection: SshConnection, path: str) -> bool:
        return connection.run(["test", "-d", path, "-a", "!", "-L", path], timeout=20).code == 0

    def _compare(self, sender: SshConnection, receiver: SshConnection, scope: Scope, into: str, *, back: bool) -> list[str]:
        """Both sides at once, each by its own tools."""

        def differ(system: str) -> list[str]:
            return listing.find_differences(Listed(sender, system), Listed(receiver, _below(into, system)), system, scope, back=back)

        with ThreadPoolExecutor(max_workers=2) as pool:
            return [
                f"{system.rstrip('/')}/{name.removeprefix('./')}"
                for system, names in zip(scope.systems, pool.map(differ, scope.systems), strict=True)
                for name in names
            ]

    def _fstab(self) -> str:
        done = self.source.run(["cat", "/etc/fstab"], timeout=20)
        return done.stdout if done.code == 0 else ""

    def _tell(self, facts: Mapping[str, Any]) -> None:
        said = say(
            "server.pass_done",
            host=self.host.name,
            files=int(facts["files"]),
            mb=float(facts["wire"]) / 1e6,
            seconds=float(facts["seconds"]),
        )
        self._around.say(str(said))


def _below(folder: str, path: str) -> str:
    """Where a path of the server's is below a folder."""
    return f"{folder.rstrip('/')}{path}".rstrip("/") or "/"
