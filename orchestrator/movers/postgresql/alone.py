"""The source without its target: two people declared the live side lost.

What the target committed and had not sent is gone with it; nobody can count it from here. What can be known is until when everything
is here: the last marker that flowed back. Numbers do not flow by themselves, so the trial run's look brings them level, and here
every sequence leaps: a gap in the numbers harms nobody, a number that citizens hold already would be given twice.
"""

from __future__ import annotations

from psycopg import sql

from orchestrator.movers.contract import Facts, Hands, Part
from orchestrator.movers.postgresql import derived, fence, subscription
from orchestrator.movers.postgresql.connections import Connection, scalar
from orchestrator.movers.postgresql.following import patience_of
from orchestrator.movers.postgresql.names import Names
from orchestrator.movers.postgresql.reach import connect, names_of
from orchestrator.movers.postgresql.relations import CARRIED
from orchestrator.movers.postgresql.sequences import read_sequences, set_sequences

LEAP = 10_000
"""How many numbers are left out beyond the last one that is known: more than anybody draws between two looks."""

_USED = f"""
SELECT n.nspname::text, c.relname::text, s.seqincrement, s.seqmin, s.seqmax, pg_sequence_last_value(c.oid),
       t.oid::regclass::text, a.attname::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_sequence s ON s.seqrelid = c.oid
LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
  AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
LEFT JOIN pg_class t ON t.oid = d.refobjid
LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND {CARRIED} ORDER BY 1, 2
"""


def keep_level(live: Connection, other: Connection, names: Names) -> None:
    """The closed side's numbers stand where the live side's do. Writes only what differs."""
    known = set(read_sequences(other, names))
    set_sequences(other, [stand for stand in read_sequences(live, names) if stand not in known])


def open_alone(part: Part, hands: Hands, attempt: str, token: int) -> Facts:
    """Opens the source; the target is neither asked nor waited for. Again is fine. ``kept_until``: what the target had committed
    by then is here (ISO 8601; empty: nothing is known to have come). Raises Fenced on an older token."""
    names = names_of(part)
    with connect(part, "source") as source:
        subscription.unsubscribe(source, names.back)
        is_open = fence.control(source, names).open
        leapt = [] if is_open else _leap(source, names)
        views = [] if is_open else derived.refresh_views(source, source, names, patience_of(hands))
        fence.open_side(source, names, attempt, token)
        return {"kept_until": _kept_until(source, names), "numbers_leapt": leapt, "views_refreshed": views}


def _kept_until(source: Connection, names: Names) -> str:
    """The moment of the youngest marker that was written on the target and flowed back."""
    query = sql.SQL("SELECT max(at) FROM {} WHERE id ~ '-(armed|watch)-[0-9]+$'").format(names.table("marker"))
    at = scalar(source, query)
    return at.isoformat(timespec="milliseconds") if at is not None else ""


def _leap(source: Connection, names: Names) -> list[str]:
    """Every sequence that was ever used, beyond what it and the column that it fills are known to hold; their names."""
    stands, leapt = [], []
    for schema, name, step, least, most, last, table, column in source.execute(_USED, {"ours": names.schema}).fetchall():
        held = _furthest(source, table, column, up=step > 0) if table else None
        known = [value for value in (last, held) if value is not None]
        if not known:
            continue
        furthest = max(known) if step > 0 else min(known)
        stands.append((schema, name, min(max(furthest + step * LEAP, least), most), True))
        leapt.append(f"{schema}.{name}")
    set_sequences(source, stands)
    return leapt


def _furthest(source: Connection, table: str, column: str, *, up: bool) -> int | None:
    """``table``: as ``regclass`` prints it, quoted already."""
    pick = sql.SQL("max" if up else "min")
    value = scalar(source, sql.SQL("SELECT {}({}) FROM {}").format(pick, sql.Identifier(column), sql.SQL(table)))
    return int(value) if value is not None else None
