"""What a new server must be told so that statements and log-ins mean the same on it as on the source."""

from __future__ import annotations

import zlib

from orchestrator.movers.contract import Part
from orchestrator.movers.mariadb.connections import connect
from orchestrator.movers.mariadb.definitions import SETTINGS

_OPTIONS = {"time_zone": "default_time_zone", "tx_isolation": "transaction_isolation"}
"""Variables that a configuration file calls otherwise."""
_NOT_OURS = frozenset({"system_time_zone", "character_set_client", "collation_connection"})
"""They follow from the machine, or from other settings."""
_AT_LEAST = ("max_allowed_packet", "max_connections")
# of these two a server says COMPILE-TIME whoever set them
_QUERY = (
    "SELECT LOWER(variable_name), global_value FROM information_schema.system_variables"
    " WHERE global_value IS NOT NULL"
    " AND (global_value_origin <> 'COMPILE-TIME' OR variable_name IN ('CHARACTER_SET_SERVER', 'COLLATION_SERVER'))"
)


def wanted_settings(part: Part) -> dict[str, str]:
    """Options of a configuration file and their values: of what was ever set on the source. Raises Lost and the driver's errors."""
    with connect(part, "source") as source:
        known = {str(name): str(value) for name, value in source.execute(_QUERY)}
    names = {name for name in (*SETTINGS, *_AT_LEAST) if name not in _NOT_OURS}
    return {_OPTIONS.get(name, name): known[name] for name in sorted(names & set(known))}


def wanted_number(part: Part) -> int:
    """A server id and a domain of its own: from the system's name, and another one than the source's."""
    number = zlib.crc32(f"{part.system} {part.name}".encode()) % 2_000_000_000 + 10
    with connect(part, "source") as source:
        taken = {int(source.scalar(f"SELECT @@GLOBAL.{name}") or 0) for name in ("server_id", "gtid_domain_id")}
    while number in taken:
        number += 1
    return number
