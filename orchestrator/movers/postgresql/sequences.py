"""Sequences: where they stand is read from each one itself. ``pg_sequences`` shows nothing of one that was set and not yet
used (``setval(…, false)``, RESTART), and its next number would be given twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from psycopg import sql

from orchestrator.movers.postgresql.connections import Connection
from orchestrator.movers.postgresql.names import Names
from orchestrator.movers.postgresql.relations import CARRIED

_SEQUENCES = f"""
SELECT n.nspname::text, c.relname::text, pg_sequence_last_value(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND {CARRIED} ORDER BY 1, 2
"""
_READ_AT_ONCE = 100  # planning a longer union costs more than the round trip that it saves
_SET_AT_ONCE = 500  # a statement selects 1,664 columns at most


class Stand(NamedTuple):
    """A sequence's next step: ``called`` False means that ``value`` itself comes next."""

    schema: str
    name: str
    value: int
    called: bool


def read_sequences(connection: Connection, names: Names) -> list[Stand]:
    """Where every sequence of the application stands, those of identity columns among them."""
    found: list[Stand] = []
    uncalled: list[tuple[str, str]] = []
    for schema, name, value in connection.execute(_SEQUENCES, {"ours": names.schema}).fetchall():
        if value is not None:
            found.append(Stand(schema, name, value, called=True))
        else:
            uncalled.append((schema, name))
    for start in range(0, len(uncalled), _READ_AT_ONCE):
        some = uncalled[start : start + _READ_AT_ONCE]
        selects = [
            sql.SQL("SELECT {}::int AS i, last_value, is_called FROM {}").format(sql.Literal(i), sql.Identifier(schema, name))
            for i, (schema, name) in enumerate(some)
        ]
        for i, value, called in connection.execute(sql.SQL(" UNION ALL ").join(selects)).fetchall():
            schema, name = some[i]
            found.append(Stand(schema, name, value, called))
    return found


def set_sequences(connection: Connection, stands: Sequence[tuple[str, str, int, bool]]) -> None:
    """Puts every sequence where the other side's stands."""
    for start in range(0, len(stands), _SET_AT_ONCE):
        calls = [
            sql.SQL("setval({}::regclass, {}, {})").format(
                sql.Literal(sql.Identifier(schema, name).as_string(connection)), sql.Literal(value), sql.Literal(called)
            )
            for schema, name, value, called in stands[start : start + _SET_AT_ONCE]
        ]
        connection.execute(sql.SQL("SELECT ") + sql.SQL(", ").join(calls))
