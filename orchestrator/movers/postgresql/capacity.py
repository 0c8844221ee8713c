"""What both servers must have free, in numbers: for the copy, for following, and for the way back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.movers.postgresql.connections import Connection
from orchestrator.movers.postgresql.names import Names
from orchestrator.texts import Words, say
from orchestrator.texts.names import side_name


@dataclass(frozen=True)
class Server:
    """One side's limits and what is used of them by others than us."""

    slots: int
    slots_used: int
    """Or places for origins, of which there are as many: whichever is more."""
    senders: int
    senders_used: int
    apply_workers: int
    apply_workers_used: int
    sync_workers: int
    processes: int
    connections: int
    connections_used: int
    reserved: int
    version: int
    locks: int
    """Objects that all sessions together can hold locks on."""
    locks_used: int
    relations: int
    """Tables, views and sequences of this database: what a dump locks at once (measured)."""


_SERVER = """
SELECT (SELECT setting::int FROM pg_settings WHERE name = 'max_replication_slots'),
 (SELECT greatest(
  (SELECT count(*) FROM pg_replication_slots WHERE NOT starts_with(slot_name, %(ours)s) AND slot_name !~ '^pg_[0-9]+_sync_'),
  (SELECT count(*) FROM pg_replication_origin_status o WHERE NOT EXISTS (SELECT 1 FROM pg_subscription s
   WHERE starts_with(s.subname, %(ours)s) AND (o.external_id = 'pg_' || s.oid OR starts_with(o.external_id, 'pg_' || s.oid || '_')))))),
 (SELECT setting::int FROM pg_settings WHERE name = 'max_wal_senders'),
 (SELECT count(*) FROM pg_stat_replication WHERE NOT starts_with(application_name, %(ours)s)
  AND application_name !~ '^pg_[0-9]+_sync_'),
 (SELECT setting::int FROM pg_settings WHERE name = 'max_logical_replication_workers'),
 (SELECT count(*) FROM pg_stat_subscription WHERE pid IS NOT NULL AND NOT starts_with(subname, %(ours)s)),
 (SELECT setting::int FROM pg_settings WHERE name = 'max_sync_workers_per_subscription'),
 (SELECT setting::int FROM pg_settings WHERE name = 'max_worker_processes'),
 (SELECT setting::int FROM pg_settings WHERE name = 'max_connections'),
 (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name NOT LIKE 'orchestrator%%'),
 (SELECT setting::int FROM pg_settings WHERE name = 'superuser_reserved_connections'),
 (SELECT setting::int FROM pg_settings WHERE name = 'server_version_num'),
 (SELECT max(setting::int) FILTER (WHERE name = 'max_locks_per_transaction') * (sum(setting::int) FILTER (WHERE name <> 'max_locks_per_transaction') + 1)
  FROM pg_settings WHERE name IN ('max_locks_per_transaction', 'max_connections', 'max_prepared_transactions', 'max_worker_processes',
   'max_wal_senders', 'autovacuum_max_workers')),
 (SELECT count(DISTINCT (locktype, database, relation, transactionid::text, virtualxid, classid, objid, objsubid)) FROM pg_locks WHERE NOT fastpath),
 (SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'S') AND oid >= 16384)
"""
LOCKS_SPARE = 1.2
LOCKS_ON_CATALOGS = 150
"""What the application may come to need meanwhile (a server without room for a lock refuses everybody's statements), and what a
dump locks of the system's own."""
OUR_SESSIONS = 12
"""What engine, guard, probe and the copies of tables hold open on a side at most."""


def read_server(connection: Connection, names: Names) -> Server:
    """A side's numbers."""
    row = connection.execute(_SERVER, {"ours": names.schema}).fetchone()
    assert row is not None  # noqa: S101 - a row of scalars
    return Server(*(int(value) for value in row))


def locks_needed(source: Server) -> int:
    """On either side: the backup of the source, the publication of the target, and what the application needs beside them."""
    return int(source.relations * LOCKS_SPARE) + LOCKS_ON_CATALOGS


def lock_shortages(server: Server, side: str, *, needed: int) -> Iterator[tuple[str, Words, Words]]:
    """As ``shortages``, of locks alone: asked of the source before its backup."""
    name = "max_locks_per_transaction"
    if server.locks - server.locks_used < needed:
        numbers = {"setting": server.locks, "used": server.locks_used, "needed": needed}
        sentence = say("postgresql.locks_short", name=name, side=side_name(side), **numbers)
        yield "capacity", sentence, say("postgresql.raise_setting", name=name, side=side_name(side))


def shortages(source: Server, target: Server) -> Iterator[tuple[str, Words, Words]]:
    """(code, sentence, remedy) of everything that is short. Forward the source sends, one stream and one more for each table
    that is copied at the same time, and the target applies; back it is one stream the other way."""
    copying = target.sync_workers
    needs = (
        ("source", "max_replication_slots", source.slots, source.slots_used, 1 + copying),
        ("target", "max_replication_slots", target.slots, target.slots_used, 1 + copying),
        ("source", "max_wal_senders", source.senders, source.senders_used, 1 + copying),
        ("target", "max_wal_senders", target.senders, target.senders_used, 1),
        ("source", "max_logical_replication_workers", source.apply_workers, source.apply_workers_used, 1),
        ("target", "max_logical_replication_workers", target.apply_workers, target.apply_workers_used, 2),
        ("source", "max_worker_processes", source.processes, source.apply_workers_used, 2),
        ("target", "max_worker_processes", target.processes, target.apply_workers_used, 3),
        ("source", "max_connections", source.connections - source.reserved, source.connections_used, OUR_SESSIONS),
        ("target", "max_connections", target.connections - target.reserved, target.connections_used, OUR_SESSIONS),
    )
    for side, name, setting, used, needed in needs:
        if setting - used < needed:
            sentence = say("postgresql.short", name=name, side=side_name(side), setting=setting, used=used, needed=needed)
            yield "capacity", sentence, say("postgresql.raise_setting", name=name, side=side_name(side))
    yield from lock_shortages(target, "target", needed=locks_needed(source))
    if target.connections < source.connections_used + OUR_SESSIONS:
        sentence = say("postgresql.few_connections", connections=target.connections, connections_used=source.connections_used)
        yield "capacity", sentence, say("postgresql.raise_connections")
    if target.version // 10000 < source.version // 10000:
        sentence = say("postgresql.older", there=target.version // 10000, here=source.version // 10000)
        yield "version-older", sentence, say("postgresql.install_newer")
