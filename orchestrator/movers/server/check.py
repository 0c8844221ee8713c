"""What keeps a server from being brought elsewhere whole: judged from what it and its landing said. Pure; every finding by its name.

What was never run is refused, not hoped for: encrypted and snapshotted disks, kinds of file system, containers, SELinux.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from orchestrator.errors import Finding
from orchestrator.models import Host, Landing
from orchestrator.movers.server.passes import OLDEST_RSYNC
from orchestrator.movers.server.questions import ServerFacts, Writer, find_at_rest
from orchestrator.movers.server.scope import CARRIED, NETWORK_FILES, PER_SIDE, VOLATILE, Scope, carried_systems, is_below
from orchestrator.texts import Words, say

NAMED = 10
GUESTS = (
    *(
        "dockerd",
        "containerd-shim",
        "containerd-shim-runc-v2",
        "conmon",
        "lxc-start",
        "qemu-system-x86",
        "VBoxHeadless",
        "kubelet",
        "crun",
        "runc",
    ),
    *("containerd", "podman", "systemd-nspawn", "libvirtd"),
)
"""Programs that keep other machines on this one: names as the kernel cuts them are compared by their beginning."""
SECONDS_PER_ENTRY = 140e-6
"""Of a pass in which nothing changed: 28 µs warm to 140 µs cold were measured."""


@dataclass(frozen=True)
class Asked:
    """What one server and its landing said."""

    facts: ServerFacts
    landing: ServerFacts
    writers: Sequence[Writer] = ()
    programs: Sequence[str] = ()
    """Names of everything that runs there."""
    detached: Sequence[tuple[str, str]] = ()
    devices: Sequence[tuple[str, str]] = ()
    naming: Sequence[str] = ()
    """Files that name the server's address."""
    own: Sequence[str] = ()
    """What the new server has of its own."""
    declared: Sequence[str] = field(default_factory=tuple)
    """Data directories of its databases."""


def scope_of(landing: Landing, asked: Asked) -> Scope:
    """What is carried, and what each side keeps."""
    exclude = [*landing.exclude, *(swap for swap in asked.facts.swaps if not swap.startswith("/dev/"))]
    per_side = (*PER_SIDE, *landing.per_side)
    systems, shadows = carried_systems(asked.facts.mounts, [*exclude, *per_side])
    at_rest = find_at_rest(asked.writers, [*asked.declared, *landing.at_rest], [*per_side, *exclude])
    places = NETWORK_FILES if landing.boots == "machine" else ()
    return Scope(tuple(systems), tuple(shadows), tuple(exclude), per_side, (*landing.readdress, *asked.own), tuple(at_rest), places)


def find_problems(host: Host, landing: Landing, asked: Asked, system: str) -> list[Finding]:
    """Everything that stands in the way, and what a person should know."""
    judge = _Judge(host, landing, asked, system)
    return [*judge.refused(), *judge.told()]


def needed(scope: Scope, facts: ServerFacts) -> tuple[int, int]:
    """Bytes and entries that the landing must have room for."""
    spaces = [facts.space[path] for path in scope.systems if path in facts.space]
    return sum(space.used for space in spaces), sum(space.entries for space in spaces)


@dataclass(frozen=True)
class _Judge:
    host: Host
    landing: Landing
    asked: Asked
    system: str

    def _finding(self, code: str, severity: str, message: Words, remedy: Words) -> Finding:
        says = say("error.of", name=self.host.name, said=message)
        return Finding(code, "error" if severity == "error" else "warning", says, remedy, system=self.system)

    def refused(self) -> Iterator[Finding]:
        """What was never run, or cannot be."""
        found = [*self._landing(), *self._programs(), *self._disks(), *self._mounts(), *self._guests()]
        for code, message, remedy in found:
            yield self._finding(code, "error", message, remedy)

    def _landing(self) -> Iterator[tuple[str, Words, Words]]:
        facts, there = self.asked.facts, self.asked.landing
        if facts.processor != there.processor:
            said = say("server.other_processor", here=facts.processor, there=there.processor)
            yield "other-processor", said, say("server.same_processor")
        if facts.machine_id and facts.machine_id == there.machine_id:
            yield "same-machine", say("server.same_machine", landing=self.landing.name), say("server.give_other_machine")

    def _programs(self) -> Iterator[tuple[str, Words, Words]]:
        for name, facts in ((self.host.name, self.asked.facts), (self.landing.name, self.asked.landing)):
            for program in facts.lacks:
                yield "program-missing", say("server.lacks", host=name, program=program), say("steps.install_package", package=program)
            if facts.rsync and facts.rsync < OLDEST_RSYNC:
                have, want = ".".join(map(str, facts.rsync)), ".".join(map(str, OLDEST_RSYNC))
                yield "rsync-old", say("server.rsync_old", host=name, version=have, wanted=want), say("server.newer_rsync")
            if not facts.systemd:
                yield "no-systemd", say("server.no_systemd", host=name), say("server.needs_systemd")
        if self.asked.facts.selinux:
            yield "selinux", say("server.selinux"), say("server.never_run_vendor")

    def _disks(self) -> Iterator[tuple[str, Words, Words]]:
        for name in self.asked.facts.mapped:
            if name.startswith("CRYPT-"):
                yield "encrypted", say("server.encrypted", name=name), say("server.never_run_vendor")
            elif name.startswith("LVM-") and name.endswith(("-cow", "-real")):
                yield "snapshots", say("server.snapshots", name=name), say("server.remove_snapshots")

    def _mounts(self) -> Iterator[tuple[str, Words, Words]]:
        not_judged = (*VOLATILE, *self.landing.exclude, *PER_SIDE, *self.landing.per_side)  # none of them is carried
        mounts = [m for m in self.asked.facts.mounts if not any(is_below(m.path, each) for each in not_judged)]
        systems, _ = carried_systems(mounts, ())
        carried = {mount.device for mount in mounts if mount.path in systems}
        for mount in mounts:
            if mount.is_remote:
                yield "remote-mount", say("server.remote_mount", path=mount.path, kind=mount.kind), say("server.exclude_it")
            elif mount.path in systems and (mount.kind not in CARRIED or (mount.kind == "overlay" and mount.path != "/")):
                said = say("server.kind_never_run", path=mount.path, kind=mount.kind, known=CARRIED)
                yield "file-system", said, say("server.exclude_it")
            elif mount.is_real and mount.path not in systems and mount.inner == "/":
                yield "mounted-twice", say("server.mounted_twice", path=mount.path, source=mount.source), say("server.exclude_it")
            elif mount.is_real and mount.inner != "/" and mount.device not in carried and mount.path != "/":
                yield "part-mounted", say("server.part_mounted", path=mount.path, source=mount.source), say("server.exclude_it")

    def _guests(self) -> Iterator[tuple[str, Words, Words]]:
        guests = sorted({name for name in self.asked.programs if any(name == guest[:15] for guest in GUESTS)})
        if guests:
            yield "guests", say("server.guests", programs=tuple(guests)), say("server.move_guests")
        for program, scope in self.asked.detached:
            yield "no-unit", say("server.no_unit", program=program, scope=scope), say("server.give_unit")

    def told(self) -> Iterator[Finding]:
        """What a person should know; it stops nobody."""
        scope = scope_of(self.landing, self.asked)
        binds = [m.path for m in self.asked.facts.mounts if m.is_real and m.path in scope.shadows]
        rows: list[tuple[str, Words, Words]] = []
        if binds:
            rows.append(("bind-mounts", say("server.bind_mounts", paths=tuple(binds[:NAMED])), say("server.fstab_there")))
        if self.asked.facts.swaps:
            rows.append(("swap", say("server.swap", names=tuple(self.asked.facts.swaps[:NAMED])), say("server.fstab_there")))
        rows += [
            ("device-open", say("server.device_open", program=program, device=device), say("server.device_there"))
            for program, device in self.asked.devices[:NAMED]
        ]
        listening = [port for address, port in self.asked.facts.ports if address == self.host.address and port != self.host.ssh_port]
        if listening:
            rows.append(("own-address", say("server.own_address", ports=tuple(sorted(listening))), say("server.readdress_it")))
        naming = [path for path in self.asked.naming if path not in self.landing.readdress and path not in self.asked.own]
        naming = [path for path in naming if not any(is_below(path, each) for each in (*scope.per_side, *scope.exclude))]
        if naming:
            named = say("server.naming", count=len(naming), some=tuple(naming[:NAMED]))
            rows.append(("address-named", named, say("server.readdress_it")))
        if scope.at_rest:
            rows.append(("at-rest", say("server.at_rest", paths=tuple(scope.at_rest[:NAMED])), say("server.only_told")))
        size, entries = needed(scope, self.asked.facts)
        seconds = entries * SECONDS_PER_ENTRY + 5
        rows.append(("estimate", say("server.estimate", gb=size / 1e9, entries=entries, seconds=seconds), say("server.only_told")))
        for code, message, remedy in rows:
            yield self._finding(code, "warning", message, remedy)
