"""What a module's resources are to the people whose data lies on them: read from the module's ``module.toml``.

Whatever a module does not name may hold data: a module from outside without that file is guarded all the same.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from orchestrator.errors import Refused
from orchestrator.texts import say


class Kind(StrEnum):
    """A resource's meaning."""

    SERVER = "server"
    PORT = "port"
    VOLUME = "volume"
    ASKED = "asked"
    """A record of what a server was asked to be, for what Terraform is told to leave as it is: a change of it is a change of a server."""
    ACCESS = "access"
    """A security group: taken away, its servers are reached by nobody or by everybody."""
    RULE = "rule"
    """One opening. Made again when somebody removed it, taken away when nobody asks for it any more."""
    PLACEMENT = "placement"
    """Where servers are put; nothing lies on it."""
    RECORD = "record"
    """Text in the state and nothing on the cloud."""
    UNKNOWN = "unknown"
    """The module does not say: it may hold data."""


HOLDS_DATA = frozenset({Kind.SERVER, Kind.PORT, Kind.VOLUME, Kind.UNKNOWN})
"""Kinds whose loss loses data, or the way to it: with its port a server is replaced."""
FILE = "module.toml"


@dataclass(frozen=True)
class Kinds:
    """A module's resources by ``type`` or ``type.name``, and attributes of them that change without any harm."""

    resources: Mapping[str, Kind] = field(default_factory=dict)
    harmless: Mapping[str, frozenset[str]] = field(default_factory=dict)
    filled: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By type: attributes that the cloud fills in once a server hangs on it → the key in it that holds the server's id, if it is in one."""
    listing: str = ""
    """How what the cloud has is listed; empty: it cannot be."""

    def kind_of(self, resource_type: str, name: str) -> Kind:
        """The kind of a resource; of its exact name before that of its type."""
        exact = self.resources.get(f"{resource_type}.{name}")
        return exact or self.resources.get(resource_type, Kind.UNKNOWN)

    def harmless_of(self, resource_type: str) -> frozenset[str]:
        """Attributes whose change in place stops nothing and loses nothing."""
        return self.harmless.get(resource_type, frozenset())

    def filled_of(self, resource_type: str) -> Mapping[str, str]:
        """Attributes that are empty in the state until somebody looks again, without anybody having changed anything."""
        return self.filled.get(resource_type, {})


def read_kinds(module: Path) -> Kinds:
    """What the module says of its resources. Without a ``module.toml`` everything may hold data. Raises Refused for a file that is none."""
    file = module / FILE
    if not file.is_file():
        return Kinds()
    try:
        told: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
        return Kinds(
            resources={str(name): Kind(kind) for name, kind in told.get("resources", {}).items()},
            harmless={str(name): frozenset(map(str, attributes)) for name, attributes in told.get("harmless", {}).items()},
            filled={str(name): {str(key): str(place) for key, place in within.items()} for name, within in told.get("filled", {}).items()},
            listing=str(told.get("listing", "")),
        )
    except (tomllib.TOMLDecodeError, ValueError, AttributeError, TypeError) as error:
        raise Refused(str(error), where=str(file), remedy=say("cloud.kinds_are", kind=tuple(Kind))) from error
