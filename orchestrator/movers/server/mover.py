"""One server on its way: from where it stands to its landing, and back. Plain acts; the steps say in which order, and keep what they came to."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import Finding, StepFailed
from orchestrator.models import Host, Landing
from orchestrator.movers.machine import addresses
from orchestrator.movers.server import check, line, listing, questions, units
from orchestrator.movers.server import landing as landings
from orchestrator.movers.server.check import Asked
from orchestrator.movers.server.line import End, Line
from orchestrator.movers.server.listing import Listed
from orchestrator.movers.server.passes import PassReport, Wanted, add_up, run_pass
from orchestrator.movers.server.scope import PER_SIDE, Scope
from orchestrator.texts import Words, say
from orchestrator.tools.process import Register
from orchestrator.tools.ssh import SshConnection

Facts = dict[str, Any]
SETTLED_BYTES = 20_000_000
"""A running pass that carries less brings the last one no further down."""
MOST_PASSES = 4
NAMED = 10
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
        rows = landings.find_unfit(self.bay, self.landing, self.system, needed=size, entries=entries)
        for host, connection in ((self.host, self.source), (self.machine, self.bay)):
            if line.find_refusal(connection):
                rows.append(("no-forward", say("server.no_forward", host=host.name), say("server.let_forward")))
        found += [
            Finding(code, "error", say("error.of", name=self.landing.name, said=message), remedy, system=self.system)
            for code, message, remedy in rows
        ]
        return found

    # ------------------------------------------------------------ there

    def fill(self) -> Facts:
        """Passes while it runs, until one carries little. Ends with what the last one will cost: its seconds, measured."""
        bay, source = self.bay, self.source
        seen = Asked(
            questions.ask_facts(source), questions.ServerFacts(), questions.find_writers(source),
            own=landings.own_paths(bay, self.landing), declared=self._declared,
        )  # fmt: skip
        scope = check.scope_of(self.landing, seen)
        landings.claim(bay, self.landing, self.system)
        flags = landings.read_flags(self.source, "/", scope.systems)
        passes: list[Facts] = []
        with self._line(End(self.host, self.source), End(self.machine, bay)) as opened:
            while len(passes) < MOST_PASSES:
                first = not landings.is_filled(bay, self.landing)
                landings.take_flags_off(bay, self.landing.root, sorted(flags))
                reports = self._pass(opened, bay, scope, into=self.landing.root, first=first)
                passes.append(add_up(reports) | {"running": True})
                self._tell(passes[-1])
                landings.note_filled(bay, self.landing)
                if not first and passes[-1]["wire"] < SETTLED_BYTES:
                    break
        return {
            "passes": passes,
            "last_pass_seconds": passes[-1]["seconds"],
            "at_rest": list(scope.at_rest),
            "systems": list(scope.systems),
            "flagged": len(flags),
        }

    def is_filled(self) -> bool:
        """Whether the folder holds this system's server, or most of it."""
        return landings.is_claimed(self.bay, self.landing, self.system) and landings.is_filled(self.bay, self.landing)

    def take_away(self) -> None:
        """The folder is empty again; what runs from it is shut down first."""
        if landings.is_claimed(self.bay, self.landing, self.system):
            landings.switch_off(self.bay, self.landing)
            landings.empty(self.bay, self.landing, self.system)

    def stop(self) -> Facts:
        """Everything that the source runs is stopped, and nobody has a file open for writing. What is at rest from here on is looked at
        *before* that, while it shows itself."""
        return self._stop(self.source, self.host)

    def last_pass(self, at_rest: Sequence[str]) -> Facts:
        """Nobody writes any more: what means something only at rest is compared by content, everything by a list of its own."""
        scope = self._scope(at_rest)
        facts = self._last(End(self.host, self.source), End(self.machine, self.bay), scope, back=False)
        new = {self.host.address: self.new.address}
        return facts | {"readdressed": landings.make_its_own(self.bay, self.landing, new)}

    def boot(self) -> None:
        """Switches it on at its new place. Whether it came up is seen by ``is_up``."""
        landings.switch_on(self.bay, self.landing)

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

    def is_standby(self) -> bool:
        """Whether a boot of the old server would bring nothing up."""
        return units.is_standby(self.source)

    # ------------------------------------------------------------ and back

    def bring_back(self, at_rest: Sequence[str]) -> Facts:
        """A pass back while the new place serves. What means something only at rest stays as it stood at the switch, until it is at rest."""
        reports = self._back(self._scope(at_rest), at_rest=False)
        return {"passes": [add_up(reports) | {"running": True}]}

    def stop_there(self) -> Facts:
        """The same at the new place."""
        return self._stop(self.moved, self.new)

    def last_pass_back(self, at_rest: Sequence[str]) -> Facts:
        """What was written at the new place is at the old one."""
        return self._last(End(self.new, self.moved), End(self.host, self.source), self._scope(at_rest), back=True)

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

    def _scope(self, at_rest: Sequence[str]) -> Scope:
        """As the source is mounted now, with what was seen to be at rest when it still ran."""
        asked = Asked(
            questions.ask_facts(self.source),
            questions.ServerFacts(),
            own=landings.own_paths(self.bay, self.landing),
            declared=tuple(at_rest),
        )
        return check.scope_of(self.landing, asked)

    @contextlib.contextmanager
    def _line(self, sender: End, receiver: End) -> Iterator[Line]:
        around = self._around
        with line.open_line(
            sender, receiver, known_hosts=around.known_hosts, ssh_key=around.ssh_key, register=around.register, cancelled=around.cancelled
        ) as opened:
            yield opened

    def _pass(
        self, opened: Line, receiver: SshConnection, scope: Scope, *, into: str, first: bool = False, back: bool = False,
        at_rest: bool = True, stopped: bool = False,
    ) -> list[PassReport]:  # fmt: skip
        """One file system after the other; what means something only at rest by content, once nobody writes."""
        reports = []
        for system in scope.systems:
            place = f"{into.rstrip('/')}{system}".rstrip("/") or "/"
            left_out = scope.left_out(system, first=first, back=back, at_rest=at_rest)
            reports.append(run_pass(opened, receiver, Wanted(system, place, left_out, at_rest=stopped)))
        return reports

    def _by_content(self, opened: Line, receiver: SshConnection, scope: Scope, *, into: str) -> list[PassReport]:
        """Trees that mean something only at rest, read whole on both sides."""
        reports = []
        for tree in scope.at_rest:
            if receiver.run(["test", "-d", f"{into.rstrip('/')}{tree}"], timeout=20).code == 0:
                wanted = Wanted(tree, f"{into.rstrip('/')}{tree}", checksum=True, at_rest=True)
                reports.append(run_pass(opened, receiver, wanted))
        return reports

    def _back(self, scope: Scope, *, at_rest: bool) -> list[PassReport]:
        flags = landings.read_flags(self.source, "/", scope.systems)
        with self._line(End(self.new, self.moved), End(self.host, self.source)) as opened:
            landings.take_flags_off(self.source, "/", sorted(flags))
            try:
                return self._pass(opened, self.source, scope, into="/", back=True, at_rest=at_rest)
            finally:
                landings.put_flags_on(self.source, "/", flags)

    def _stop(self, connection: SshConnection, host: Host) -> Facts:
        keep = self.landing.keep_units
        per_side = [*PER_SIDE, *self.landing.per_side, *self.landing.exclude]
        declared = [*self._declared, *self.landing.at_rest]
        at_rest = questions.find_at_rest(questions.find_writers(connection), declared, per_side)
        began = time.monotonic()
        stopped = units.stop_all(connection, self._first, keep, seconds=self.landing.stop_seconds)
        left = units.writers_left(questions.find_writers(connection), keep)
        if left:
            named = tuple(say("server.writes", program=each.program, path=each.path) for each in left[:NAMED])
            raise StepFailed(say("server.writers_left", named=named), where=host.name, remedy=say("server.stop_writer"))
        return {"units": stopped, "seconds": round(time.monotonic() - began, 1), "at_rest": at_rest}

    def _last(self, sender: End, receiver: End, scope: Scope, *, back: bool) -> Facts:
        """Raises StepFailed where both sides differ afterwards."""
        into = "/" if back else self.landing.root
        flags = landings.read_flags(sender.connection, "/", ("/",) if back else scope.systems)
        theirs = landings.read_flags(receiver.connection, into, scope.systems if back else ("/",))
        landings.take_flags_off(receiver.connection, into, sorted({*flags, *theirs}))
        with self._line(sender, receiver) as opened:
            reports = self._pass(opened, receiver.connection, scope, into=into, back=back, stopped=True)
            content = self._by_content(opened, receiver.connection, scope, into=into)
        began = time.monotonic()
        differing = self._compare(sender.connection, receiver.connection, scope, into, back=back)
        if differing:
            raise StepFailed(
                say("server.differs", count=len(differing), some=tuple(differing[:NAMED])), where=f"{receiver.host.name}:{into}",
                remedy=say("server.look_and_again"), retryable=True,
            )  # fmt: skip
        landings.put_flags_on(receiver.connection, into, flags)
        passes = [add_up(reports) | {"running": False}, add_up(content) | {"running": False, "by_content": True}]
        return {"passes": passes, "compare_seconds": round(time.monotonic() - began, 2), "flagged": len(flags)}

    def _compare(self, sender: SshConnection, receiver: SshConnection, scope: Scope, into: str, *, back: bool) -> list[str]:
        """Both sides at once, each by its own tools."""

        def differ(system: str) -> list[str]:
            there = f"{into.rstrip('/')}{system}".rstrip("/") or "/"
            return listing.find_differences(Listed(sender, system), Listed(receiver, there), system, scope, back=back)

        with ThreadPoolExecutor(max_workers=2) as pool:
            return [
                f"{system.rstrip('/')}/{name.removeprefix('./')}"
                for system, names in zip(scope.systems, pool.map(differ, scope.systems), strict=True)
                for name in names
            ]

    def _tell(self, facts: Mapping[str, Any]) -> None:
        said = say(
            "server.pass_done",
            host=self.host.name,
            files=int(facts["files"]),
            mb=float(facts["wire"]) / 1e6,
            seconds=float(facts["seconds"]),
        )
        self._around.say(str(said))
