"""What a step sees in a dry run: the system and its plan as in a migration, a world that opens nothing, a journal that keeps nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from orchestrator import texts
from orchestrator.errors import NotMadeYet, OrchestratorError
from orchestrator.models import Database, Host, Plan, Sites, System, Verdict
from orchestrator.settings import Settings
from orchestrator.steps.base import Context
from orchestrator.steps.world import World, server_name


class NotAsked(OrchestratorError):
    """A dry run without ``--connect`` asks nobody."""

    def __init__(self, what: str) -> None:
        super().__init__(texts.say("dryrun.not_asked_offline", what=what), remedy=texts.say("dryrun.add_connect"))


REACHED_BY = ("address", "ssh_user", "ssh_port", "become", "manager", "root", "python")
"""What a machine that stands already says of itself."""


class ConnectedWorld(World):
    """Hosts and databases of the source are asked, and machines of the target that stand already. Servers that the migration makes get
    addresses for documentation (RFC 5737), and whoever would open one is refused."""

    def __init__(self, settings: Settings, system: System, sites: Sites) -> None:
        super().__init__(settings, system, sites)
        self._unasked = {}  # every step's preview asks the same hosts
        standing = {server.name: server for site in sites.sites if site.kind == "cloud" for server in site.servers}
        for number, host in enumerate(system.hosts, 1):
            name, address = server_name(host), f"192.0.2.{number % 254 + 1}"
            update = {word: getattr(standing[name], word) for word in REACHED_BY} if name in standing else {"address": address}
            self.targets[host.name] = host.model_copy(update=update | {"name": name})
        self._not_made = {host.name for host in self.targets.values()} - set(standing)

    def ssh(self, host: Host) -> Any:
        if host.name in self._not_made:
            raise NotMadeYet(texts.say("dryrun.not_made_yet", host=host.name), host=host.name, remedy=texts.say("dryrun.migration_makes_it"))
        return super().ssh(host)


class OfflineWorld(ConnectedWorld):
    """Hosts and databases are known by name only."""

    @property
    def folder(self) -> Path:
        """The system's folder by name: nothing is made."""
        return self.settings.state.resolve() / "systems" / self.system.id

    def ssh(self, host: Host) -> NoReturn:
        raise NotAsked(host.name)

    def sql(self, database: Database, side: str, *, name: str | None = None) -> NoReturn:  # noqa: ARG002 - the world's signature
        raise NotAsked(database.name)

    def secret(self, reference: str | None) -> str:  # noqa: ARG002 - the world's signature
        """No secret is read."""
        return ""


class NoRecords:
    """A journal in which nothing happens; whoever writes to it in a dry run has a bug."""

    def process(self, record: Any) -> NoReturn:
        """A dry run starts nothing that a migration would have to prove dead."""
        raise AssertionError(f"a dry run may not start {record.label}")

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a dry run may not use the journal's {name}")


def make_context(settings: Settings, system: System, verdict: Verdict, plan: Plan, sites: Sites, *, connect: bool) -> Context:
    """What a step's ``preview`` is given. ``connect``: its world opens connections when it is asked to."""
    if not connect:  # named in what is worked out, never opened: a CI has no key
        keys = {"known_hosts": settings.known_hosts or Path("known_hosts"), "ssh_key": settings.ssh_key or Path("ssh_key")}
        settings = settings.model_copy(update=keys)
    world = ConnectedWorld(settings, system, sites) if connect else OfflineWorld(settings, system, sites)
    facts: dict[str, Mapping[str, Any]] = {}
    return Context(
        system=system,
        verdict=verdict,
        plan=plan,
        sites=sites,
        settings=settings,
        migration=f"dry-run-{system.id}",
        token=0,
        records=NoRecords(),
        say=lambda _text: None,
        world=world,
        facts={name: dict(values) for name, values in facts.items()},
    )
