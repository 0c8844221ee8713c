"""Where a system's parts are, on either side, and the open hands to reach them.

The same names on both sides: a source host ``portal-app`` becomes ``portal-app-cloud``; paths and ports stay as they
were. On a host that is no machine of its own (``Host.root``) a path begins with its host's folder.
"""

from __future__ import annotations

import os
import secrets as random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from orchestrator.errors import Finding, Refused, ToolError, TurnedBack, Unasked
from orchestrator.models import Database, Host, Service, Site, Sites, System
from orchestrator.movers import interrupt, registry
from orchestrator.private import make_private
from orchestrator.settings import Settings
from orchestrator.steps.references import REFERENCE, Reached, make_table
from orchestrator.texts import Words, say

if TYPE_CHECKING:
    from orchestrator.cutover.guarding import GuardProcess
    from orchestrator.hosts.services import Placed, ServiceManager
    from orchestrator.tools.ssh import SshConnection

SUFFIX = "-cloud"
START_SECONDS = 20.0
"""How long a service may take until it is up, where the inventory says nothing."""


def server_name(host: Host) -> str:
    """The server that takes over from a source host, as it was typed; else by the rule."""
    return host.target or host.name + SUFFIX


def unit_name(service: Service) -> str:
    """With its suffix; empty when the service has a command instead."""
    if service.unit is None:
        return ""
    known = ("service", "timer", "socket", "path", "target")
    return service.unit if service.unit.rpartition(".")[2] in known else f"{service.unit}.service"


class World:
    """Lazy: nothing is opened before it is asked for. ``close`` ends every connection."""

    def __init__(self, settings: Settings, system: System, sites: Sites) -> None:
        self.settings = settings
        self.system = system
        self.sites = sites
        self.targets: dict[str, Host] = {}
        """Source host name → target host, once provisioned."""
        self.guard: GuardProcess | None = None
        """Still holding the fence's snapshots, until they were compared."""
        self.snapshots: dict[str, list[str]] = {}
        self._ssh: dict[str, SshConnection] = {}
        self._unasked: dict[str, Unasked] | None = None
        self._held: interrupt.Held | None = None
        self._interrupted = False

    # ------------------------------------------------------------ places

    @cached_property
    def room(self) -> Site:
        """The old room's site. Raises Refused when sites.yaml has none."""
        return self._site("room")

    @cached_property
    def cloud(self) -> Site:
        """The cloud centre's site. Raises Refused when sites.yaml has none."""
        return self._site("cloud")

    def _site(self, kind: str) -> Site:
        for site in self.sites.sites:
            if site.kind == kind:
                return site
        raise Refused(say("steps.no_site", kind=kind), where="sites.yaml", remedy=say("steps.add_site", kind=kind))

    def source(self, name: str) -> Host:
        """A host of the inventory. Raises Refused for one that the system does not have."""
        for host in self.system.hosts:
            if host.name == name:
                return host
        raise Refused(
            say("steps.no_host_named", host=name, system=self.system.id), where=self.system.id, remedy=say("steps.correct_host")
        )

    def target(self, name: str) -> Host:
        """The host on the cloud that stands for a source host."""
        return self.targets[name]

    def host(self, name: str, side: str) -> Host:
        """``side``: ``source`` or ``target``."""
        return self.source(name) if side == "source" else self.target(name)

    def root(self, host: Host) -> str:
        """What stands before the path of everything on a host: empty on a machine of its own."""
        return host.root or ""

    def path(self, path: str, source: Host, target: Host) -> str:
        """A source host's path as it is on the target host."""
        root = self.root(source)
        return self.root(target) + path.removeprefix(root) if path.startswith(root) else path

    def home(self, host: Host, *parts: str) -> str:
        """A path of ours on a host."""
        return "/".join([self.root(host) or "/var/lib/orchestrator", *(["var/lib/orchestrator"] if self.root(host) else []), *parts])

    @property
    def folder(self) -> Path:
        """This system's folder on the controller: Terraform, dumps, records. Mode 0700."""
        path = self.settings.state.resolve() / "systems" / self.system.id
        make_private(path)
        return path

    def denied(self) -> list[Finding]:
        """What this account may not use and every step may need. Asked before anything begins: an account that cannot go on must not
        take a migration over, fail, and set it on its way back."""
        state = self.settings.state.resolve()
        folders = [path for path in (state / "systems" / self.system.id, state / "terraform" / self.system.id) if path.exists()]
        references = [ref for d in self.system.databases for ref in (d.secret, d.admin_secret)] + [d.secret for d in self.system.devices]
        references += [site.pgbouncer.secret for site in self.sites.sites if site.pgbouncer]
        files = [Path(ref.removeprefix("file:")) for ref in references if ref and ref.startswith("file:")]
        files += [self.settings.ssh_key] if self.settings.ssh_key else []
        closed = [path for path in folders if not os.access(path, os.W_OK | os.X_OK)] + [
            path for path in dict.fromkeys(files) if not os.access(path, os.R_OK)
        ]
        remedy = say("steps.let_account")
        return [Finding("no-access", "error", say("steps.no_access", path=str(path)), remedy, system=self.system.id) for path in closed]

    # ------------------------------------------------------------ hands

    def ssh(self, host: Host) -> SshConnection:
        """An open connection, host key verified; a new one when the host was away meanwhile."""
        from orchestrator.tools import ssh

        self._must_go_on()
        key = f"{host.name}@{host.address}"
        if key not in self._ssh or not self._ssh[key].alive:
            if self.settings.known_hosts is None or self.settings.ssh_key is None:
                raise Refused(say("steps.no_host_asked"), where="orchestrator.toml", remedy=say("steps.set_both"))
            if self._unasked is not None and key in self._unasked:
                raise self._unasked[key]
            try:
                self._ssh[key] = ssh.connect(host, self.settings.known_hosts, self.settings.ssh_key)
            except Unasked as error:
                if self._unasked is not None:
                    self._unasked[key] = error
                raise
        return self._ssh[key]

    @contextmanager
    def asking_once(self) -> Iterator[None]:
        """Inside, a host that could not be asked is not tried again: each further question gets the same answer at once."""
        before, self._unasked = self._unasked, self._unasked if self._unasked is not None else {}
        try:
            yield
        finally:
            self._unasked = before

    def secret(self, reference: str | None) -> str:
        """The value behind a reference; never kept, never printed."""
        from orchestrator.tools import secrets

        return secrets.resolve(reference) if reference else ""

    @contextmanager
    def watched(self) -> Iterator[None]:
        """While a step runs inside, ``interrupt`` reaches what it opens."""
        if self._held is None:
            self._held = interrupt.Held()
        with interrupt.gathered(self._held):
            yield

    def interrupt(self) -> None:
        """From another thread: whatever a step waits for on a server or over SSH ends with an error, and it gets nothing new."""
        self._interrupted = True
        if self._held is not None:
            self._held.interrupt()
        for ssh_connection in list(self._ssh.values()):
            ssh_connection.close()

    def go_on(self) -> None:
        """The step is over: what is opened from now on is for the way back."""
        if self._held is not None:
            self._held.go_on()
        if self._interrupted:
            self._interrupted, self._ssh = False, {}

    def _must_go_on(self) -> None:
        if self._interrupted:
            raise TurnedBack(where=self.system.id)

    def close(self) -> None:
        """Ends every connection, and the guard's snapshots."""
        if self.guard:
            self.guard.done()
            self.guard = None
        for ssh_connection in self._ssh.values():
            ssh_connection.close()
        self._ssh = {}

    # ------------------------------------------------------------ what kind of database

    @property
    def movable_databases(self) -> list[Database]:
        """Databases that a mover of ours moves; the others are vendor-run."""
        return registry.movable_databases(self.system)

    def databases_of(self, kind: str) -> list[Database]:
        """Those of one kind of mover."""
        return [database for database in self.movable_databases if registry.DATABASES[database.engine] == kind]

    def database(self, name: str) -> Database:
        """A movable database by its name; a system has none twice."""
        return next(database for database in self.movable_databases if database.name == name)

    @staticmethod
    def way_in(site: Site, database: Database) -> tuple[str, int] | None:
        """Address and port at which clients of a database come in at a site; None where no gateway of the site leads to it."""
        held_by = registry.held_by(database)
        if held_by == "pgbouncer" and site.pgbouncer is not None:
            return site.pgbouncer.address, site.pgbouncer.port
        if held_by == "tcp" and site.tcp is not None and database.name in site.tcp.ports:
            return site.tcp.address, site.tcp.ports[database.name]
        return None

    # ------------------------------------------------------------ services

    def find_illness(self, service: Service, host: Host, *, limit: float) -> Words | None:
        """What keeps a service from being healthy on a host within so many seconds; None when nothing does. Asked on the host itself
        where it listens to nobody else."""
        from orchestrator.tools import health

        try:
            connection = self.ssh(host) if service.health is not None and service.health.on_host else None
            return health.check(service, host.address, service.port or 0, limit=limit, connection=connection)
        except ToolError as error:
            return error.says

    def manager(self, host: Host, service: Service | None = None) -> ServiceManager:
        """What keeps a service of a host; None: one of its units."""
        from orchestrator.hosts.services import manager_of

        return manager_of(host, self.ssh(host), self.home(host), cron=service is not None and service.cron is not None)

    def service_before(self, service: Service) -> Placed:
        """A service as it stands on its source host; what it is run with is its own affair."""
        from orchestrator.hosts.services import Placed

        source = self.source(service.host)
        return Placed(
            service.name, unit=unit_name(service), cron=service.cron or "", argv=tuple(service.command),
            address=source.address, port=service.port or 0, shared=service.shared, start_seconds=service.start_seconds or START_SECONDS,
        )  # fmt: skip

    def service(self, service: Service, *, effects: bool, rehearsal: Mapping[str, tuple[str, str, str]] | None = None) -> Placed:
        """A service as it is to stand on its target host. ``rehearsal``: by database, (name, role, secret
        file on the host) of a throwaway copy, reached directly."""
        from orchestrator.hosts.services import Placed

        source, target = self.source(service.host), self.target(service.host)
        port = service.port or 0
        table = self._references(service, target, port, rehearsal)
        environment = {}
        for name, value in service.environment.items():
            if REFERENCE.match(value):
                if value not in table:
                    raise Refused(
                        say("steps.not_in_table", name=name, value=value),
                        where=f"{self.system.id} › {service.name}",
                        remedy=say("steps.use_one_of", known=tuple(sorted(table))),
                    )
                environment[name] = table[value]
            else:
                environment[name] = self.path(value, source, target)
        environment["OUTSIDE_EFFECTS"] = "on" if effects else "off"
        return Placed(
            service.name, unit=unit_name(service), cron=service.cron or "",
            argv=tuple(self.path(part, source, target) for part in service.command), environment=environment, account=service.account or "", address=target.address, port=port, shared=service.shared,
            start_seconds=service.start_seconds or START_SECONDS,
        )  # fmt: skip

    def reference_table(self, service: Service, rehearsal: Mapping[str, tuple[str, str, str]] | None = None) -> dict[str, str]:
        """What a service on the target may refer to, and what stands for it."""
        return self._references(service, self.target(service.host), service.port or 0, rehearsal)

    def _references(
        self, service: Service, target: Host, port: int, rehearsal: Mapping[str, tuple[str, str, str]] | None
    ) -> dict[str, str]:
        databases = []
        for database in self.system.databases:
            copy = rehearsal.get(database.name) if rehearsal else None
            way_in = self.way_in(self.cloud, database) if copy is None and registry.movable(database) else None
            name, role, secret = copy or (database.name, database.role or "", self.secret_path(target, service, database))
            values = {
                "host": way_in[0] if way_in else self.target(database.host).address,
                "port": str(way_in[1] if way_in else database.port),
                "name": name,
                "role": role,
                "secret_file": secret,
            }
            databases.append(Reached(database.name, values))
        devices = [Reached(device.name, {"host": self.cloud.gateway.address, "port": str(device.port)}) for device in self.system.devices]
        return make_table({"address": target.address, "port": str(port)}, databases, devices)

    def secret_path(self, host: Host, service: Service, database: Database) -> str:
        """Where a service finds the application's password on a target host; readable for its account only."""
        return self.home(host, "secrets", service.name, quote(database.role or database.name, safe=""))

    @staticmethod
    def throwaway_password() -> str:
        """A password for a rehearsal's role."""
        return random.token_urlsafe(24)
