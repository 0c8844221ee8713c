"""Numbers that do not flow by themselves: what is next in an AUTO_INCREMENT column, and where a sequence stands."""

from __future__ import annotations

from typing import Any

from orchestrator.movers.mariadb.connections import Connection, fill
from orchestrator.movers.names import Names

_TABLES = "SELECT table_name, auto_increment FROM information_schema.tables WHERE table_schema = %s AND auto_increment IS NOT NULL ORDER BY 1"
_SEQUENCES = "SELECT table_name FROM information_schema.tables WHERE table_schema = %s AND table_type = 'SEQUENCE' ORDER BY 1"


def read_numbers(connection: Connection, names: Names) -> dict[str, Any]:
    """As plain JSON. A sequence's numbers that a closed server keeps in memory are left out: a gap harms nobody."""
    tables = [(str(name), int(number)) for name, number in connection.execute(_TABLES, names.database)]
    sequences = []
    for name in list_sequences(connection, names):
        place = [names.database, name]
        (row,) = connection.execute(fill("SELECT next_not_cached_value, cycle_count FROM {}", place))
        sequences.append((name, int(row[0]), int(row[1])))
    return {"tables": tables, "sequences": sequences}


def list_sequences(connection: Connection, names: Names) -> list[str]:
    """Every sequence of the database."""
    return [str(name) for (name,) in connection.execute(_SEQUENCES, names.database)]


def set_numbers(connection: Connection, names: Names, numbers: dict[str, Any]) -> None:
    """Only forward, and only what differs: nothing of it goes through the binary log."""
    now = dict(connection.execute(_TABLES, names.database))
    for name, number in numbers.get("tables", []):
        if name in now and int(now[name]) < int(number):
            connection.execute(fill("ALTER TABLE {} AUTO_INCREMENT = %s", [names.database, name]), int(number))
    for name, value, cycle in numbers.get("sequences", []):
        connection.execute(fill("SELECT SETVAL({}, %s, 0, %s)", [names.database, name]), int(value), int(cycle))
