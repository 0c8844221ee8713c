"""What a cloud really has for a system, asked of the cloud itself and not of Terraform's state."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from orchestrator.cloud.kinds import Kind
from orchestrator.cloud.questions import CloudOffer
from orchestrator.errors import ToolError
from orchestrator.texts import say
from orchestrator.tools import process

REMOVAL_ORDER = (Kind.SERVER, Kind.RULE, Kind.PORT, Kind.VOLUME, Kind.ACCESS, Kind.PLACEMENT)
"""What hangs on something goes before it."""


@dataclass(frozen=True)
class Thing:
    """One thing on a cloud. ``system`` and ``run`` are the marks that it was made with; empty: it bears none."""

    kind: Kind
    id: str
    name: str
    system: str = ""
    run: str = ""
    status: str = ""
    why: str = ""
    """The cloud's own reason, of a thing in error."""
    used_by: tuple[str, ...] = ()
    """Ids of what hangs on it: a volume's server, a group's ports or members."""
    group: str = ""
    """Of a rule: the security group that it belongs to."""
    address: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def label(self) -> str:
        """``server portal-db-cloud (id)``."""
        return f"{self.kind} {self.name} ({self.id})"


class CloudListing(Protocol):
    """How the things of one cloud are listed, and taken away one by one.

    ``list_things`` must find everything that bears the system's mark, and everything that bears one of its names, whoever made
    it; it changes nothing. ``remove`` returns when the thing is gone; of a thing that is gone already at once. Both raise
    ToolError, with what to do, when the cloud does not answer within seconds or does not allow it. ``place`` names where on the
    cloud we are logged in, so that nobody looks for servers of one project in another; empty where there is one place only.

    Example: ``for thing in listing.list_things("citizen-portal", frozenset({"portal-db-cloud"})): print(thing.label)``
    """

    def list_things(self, system: str, names: frozenset[str]) -> list[Thing]: ...
    def remove(self, thing: Thing) -> None: ...
    def place(self) -> str: ...


@runtime_checkable
class ServerDeeds(Protocol):
    """A cloud that remembers what was done to a server. Asking changes nothing."""

    def rebuilt_at(self, ident: str) -> list[str]:
        """When a server was made anew under its own id, which no run of ours ever does: moments as the cloud writes them.
        Raises ToolError when the cloud does not answer, or has no such server."""


class ProgramListing:
    """Of a cloud whose API is a command that prints JSON, as the embedded city's: ``PROGRAM list --city FOLDER``."""

    def __init__(self, program: Sequence[str], city: Path) -> None:
        self.program = list(program)
        self.city = city

    def list_things(self, system: str, names: frozenset[str]) -> list[Thing]:
        """Hosts of the system's mark or of these names."""
        things = [
            Thing(
                Kind(row["kind"]), row["id"], row["name"], row.get("system", ""), row.get("run", ""), row.get("status", ""),
                address=row.get("address", ""),
            )
            for row in json.loads(self._run("list") or "[]")
        ]  # fmt: skip
        return [thing for thing in things if thing.system == system or thing.name in names]

    def remove(self, thing: Thing) -> None:
        """Delete a host."""
        self._run("delete", "--name", thing.name)

    def place(self) -> str:
        """A city is one place."""
        return ""

    def _run(self, *words: str) -> str:
        argv = [*self.program, words[0], "--city", str(self.city), *words[1:]]
        return process.run(argv, label=f"cloud {words[0]}", limit=120, daemons="spare").stdout


class NothingToList:
    """Of a module that makes nothing: what is there was there before."""

    def list_things(self, system: str, names: frozenset[str]) -> list[Thing]:  # noqa: ARG002 - the protocol's signature
        """Nothing of ours."""
        return []

    def remove(self, thing: Thing) -> None:
        """There is nothing that would be ours to remove."""
        raise ToolError(say("cloud.not_ours", label=thing.label), where=thing.name, remedy=say("cloud.remove_by_hand"))

    def place(self) -> str:
        """Nothing is logged in to."""
        return ""


def open_listing(kind: str, inputs: Mapping[str, Any]) -> CloudListing:
    """The listing that a module's ``module.toml`` names. An unknown or missing one lists nothing: what it made stays guarded by its state."""
    if kind == "openstack":
        from orchestrator.cloud.openstack import OpenStackListing

        return OpenStackListing()
    if kind == "program":
        return ProgramListing(inputs["program"], Path(inputs["city"]))
    return NothingToList()


def open_offer(kind: str) -> CloudOffer | None:
    """Of a cloud that can be asked what it offers and what is left of it; None: whatever is asked for is made."""
    if kind == "openstack":
        from orchestrator.cloud.openstack_offer import OpenStackOffer

        return OpenStackOffer()
    return None
