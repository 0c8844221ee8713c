"""How the two sides of a database are reached: connection strings and open connections of the engine."""

from __future__ import annotations

from orchestrator.movers.contract import Part
from orchestrator.movers.postgresql import connections, dumps
from orchestrator.movers.postgresql.connections import Connection
from orchestrator.movers.postgresql.names import Names


def names_of(part: Part) -> Names:
    """What our own things are called in this database, on both sides."""
    return Names(part.system, part.name)


def dsn_of(part: Part, side: str, *, database: str | None = None) -> str:
    """The engine's connection string to one side, or to another database of that cluster: for sessions of our own."""
    place = part.place(side)
    return dumps.dsn(
        host=place.address, port=place.port, database=database or part.name, user=part.admin, password=part.password,
        options=connections.options(),
    )  # fmt: skip


def conninfo_of(part: Part, side: str, *, database: str | None = None) -> str:
    """The same without options of ours: for a subscription, whose walsenders and workers set their own."""
    place = part.place(side)
    return dumps.dsn(host=place.address, port=place.port, database=database or part.name, user=part.admin, password=part.password)


def plain_dsn_of(part: Part, side: str) -> str:
    """As a worker of PostgreSQL's own sees the database: every limit and setting of administrators at work."""
    place = part.place(side)
    return dumps.dsn(
        host=place.address, port=place.port, database=part.name, user=part.admin, password=part.password, client_encoding="UTF8"
    )


def connect(part: Part, side: str, *, database: str | None = None) -> Connection:
    """A new autocommit connection; the caller closes it (``with``)."""
    return connections.connect(dsn_of(part, side, database=database))
