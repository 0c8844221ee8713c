"""Services on a host, whatever keeps them: the contract that ``systemd``, ``cron`` and ``processes`` fulfil, held to one table of cases.

An implementation must
- write down on the host itself, *before* it first changes anything of a service, how that was (``remember``), so that
  ``restore`` needs nobody's memory and works on what was half done or never done;
- answer ``state`` from what runs, never from what it did;
- return from ``stop`` and ``hold`` only when no process of the service is left;
- take ``start`` of what it never placed nor held as a wait: what runs is not started anew, and no record is left;
- keep a held service from starting by itself, by a timer, at boot or by hand, until it is released or restored.
It may refuse what its kind of host cannot do, with a remedy. Every operation may be repeated.

    manager = manager_of(host, connection, home)
    manager.remember(worker)
    manager.hold(worker)          # observed stopped; it may now start on the other side
    …
    manager.restore(worker)       # content, enabled, active: as they were
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from orchestrator.models import Host
from orchestrator.tools.ssh import SshConnection


@dataclass(frozen=True)
class CarriedFile:
    """A file that belongs to a service and comes with it: a unit, a drop-in, an environment file."""

    path: str
    content: bytes = field(repr=False)
    """May hold a password: never in logs, facts or the journal."""
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"


@dataclass(frozen=True)
class Placed:
    """One service as it is to stand on one host."""

    name: str
    unit: str = ""
    """A unit of systemd, with its suffix. Empty: what ``argv`` starts; systemd then gets a unit of ours, ``NAME.service``."""
    cron: str = ""
    """A file of cron's instead, absolute."""
    argv: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    """Set beside what the unit's own files set, and over it."""
    account: str = ""
    """Whom a unit of ours runs as; empty: root."""
    files: tuple[CarriedFile, ...] = ()
    address: str = ""
    port: int = 0
    """0: it listens nowhere, and counts as up when it stays alive."""
    shared: bool = False
    """Others use it too: it is never stopped, only reloaded."""
    enabled: bool = True
    """Whether it starts at boot."""
    start_seconds: float = 20
    """Within these it must be up, or down."""


@dataclass(frozen=True)
class State:
    """What a host says of a service."""

    present: bool
    active: bool
    enabled: str = ""
    """systemd's word (``enabled``, ``disabled``, ``static``, …); empty for a process."""
    held: bool = False
    ours: bool = False
    """Something of ours is in force: how it was before is written down there, and nothing has restored it yet."""
    as_given: bool = False
    """The environment that was placed last is this one, and what we started was started with it."""


class ServiceManager(Protocol):
    """What keeps services on one host. Raises ToolError with the service's last words when it does not come up."""

    def state(self, service: Placed) -> State: ...
    def remember(self, service: Placed) -> State: ...
    def place(self, service: Placed) -> None: ...
    def start(self, service: Placed) -> None: ...
    def stop(self, service: Placed) -> None: ...
    def reload(self, service: Placed) -> None: ...
    def hold(self, service: Placed) -> None: ...
    def release(self, service: Placed) -> None: ...
    def restore(self, service: Placed) -> None: ...
    def last_words(self, service: Placed) -> str: ...


def manager_of(host: Host, connection: SshConnection, home: str, *, cron: bool = False) -> ServiceManager:
    """What keeps a service on a host. ``home``: our folder there, absolute; ``cron``: the service is a file of cron's."""
    if cron:
        from orchestrator.hosts.cron import Cron

        return Cron(connection, f"{home}/services")
    if host.manager == "processes":
        from orchestrator.hosts.processes import Processes

        return Processes(connection, f"{home}/services", python=host.python or "/usr/bin/python3")
    from orchestrator.hosts.systemd import Systemd

    return Systemd(connection, f"{home}/services")
