"""What our slots keep on the live side's disk, in numbers, and the limit that protects it: the live side never stops for us.

A slot keeps all WAL that the other side has not taken yet. While that side is away it grows as fast as the application writes,
and a full disk stops PostgreSQL. So the live side's disk is looked at before the copy, at each gate and whenever we look at the
copy or at the way back; past the limit our slot is dropped, and what followed it must be copied again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from orchestrator.movers.contract import Part
from orchestrator.movers.postgresql import subscription
from orchestrator.movers.postgresql.connections import Connection, scalar
from orchestrator.movers.postgresql.reach import connect, names_of
from orchestrator.texts import Words, say
from orchestrator.texts.durations import spell
from orchestrator.texts.names import side_name

FreeBytes = Callable[[str, str], int | None]
"""(side, path on its host) → bytes free there; None where nobody can say."""

SHARE_LEFT = 0.2
"""Our slot is given up when less than this share would be free of what is free together with what the slot keeps: so it goes
while a fifth is left, and only where its going helps."""
SEGMENT = 16 << 20
"""A file of WAL: what keeps less fills no disk."""
COPY_BYTES_A_SECOND = 10_000_000.0
"""A copy by rows at its slowest measured (field notes: 22 MB/s with indexes present), halved for a busy server."""
COPY_AND_WAL = 1.3
"""What a copy needs on the target beside the rows themselves: the WAL of a checkpoint, and room to work."""
HOURS_WATCHED = 72.0
"""For how long the disk should last when nobody is there: a weekend, and a day."""


@dataclass(frozen=True)
class Room:
    """The live side's disk for WAL. ``free`` None: nobody can say."""

    free: int | None
    written_a_second: float
    """WAL, on average since the server's statistics began."""
    largest: int
    """Bytes of the largest table: while it is copied, what is written is kept for it."""
    limit: int
    """``max_slot_wal_keep_size`` in bytes; -1: none."""

    @property
    def hours(self) -> float | None:
        """How long the disk lasts while nothing is taken."""
        if self.free is None or self.written_a_second <= 0:
            return None
        return self.free / self.written_a_second / 3600

    @property
    def copy_hours(self) -> float:
        """How long the copy of the largest table may take."""
        return self.largest / COPY_BYTES_A_SECOND / 3600


_NUMBERS = """
SELECT coalesce((SELECT wal_bytes / greatest(extract(epoch FROM now() - stats_reset), 60) FROM pg_stat_wal), 0)::float8,
 (SELECT coalesce(max(pg_table_size(oid)), 0) FROM pg_class WHERE relkind = 'r'),
 (SELECT CASE WHEN setting = '-1' THEN -1 ELSE setting::bigint * 1024 * 1024 END FROM pg_settings WHERE name = 'max_slot_wal_keep_size'),
 current_setting('data_directory') || '/pg_wal'
"""


def read_room(live: Connection, side: str, free_bytes: FreeBytes) -> Room:
    """The numbers of a side."""
    rate, largest, limit, folder = live.execute(_NUMBERS).fetchall()[0]
    return Room(free_bytes(side, folder), rate, largest, limit)


def shortages(room: Room, side: str) -> Iterator[tuple[str, str, Words, Words]]:
    """(code, severity, sentence, remedy) of what does not suffice for a copy of this database."""
    if room.hours is None or room.free is None:
        return
    numbers = say("postgresql.wal_room", free=room.free / 1e9, side=side_name(side), written=room.written_a_second * 3600 / 1e9)
    if room.hours < room.copy_hours:
        sentence = say("postgresql.room_short", numbers=numbers, time=spell(room.hours * 3600), copy=spell(room.copy_hours * 3600))
        yield "slot-room", "error", sentence, say("postgresql.enlarge_or_later")
    elif room.limit < 0 and room.hours < HOURS_WATCHED:
        sentence = say("postgresql.room_unwatched", numbers=numbers, time=spell(room.hours * 3600))
        remedy = say("postgresql.set_keep_size", megabytes=int(room.free * (1 - SHARE_LEFT) / 1e6))
        yield "slot-unlimited", "warning", sentence, remedy
    elif 0 <= room.limit < room.copy_hours * 3600 * room.written_a_second:
        sentence = say("postgresql.keep_size_small", numbers=numbers, limit=room.limit / 1e9)
        yield "slot-room", "error", sentence, say("postgresql.raise_for_copy")


def target_shortage(source: Connection, target: Connection, free_bytes: FreeBytes) -> Words | None:
    """Why the target's disk does not hold the copy, in words; None: it does, or nobody can say."""
    needed = int(int(scalar(source, "SELECT pg_database_size(current_database())")) * COPY_AND_WAL)
    free = free_bytes("target", str(scalar(target, "SELECT current_setting('data_directory')")))
    if free is None or free >= needed:
        return None
    return say("postgresql.target_room", free=free / 1e9, needed=needed / 1e9)


def is_full(target: Connection, free_bytes: FreeBytes) -> bool:
    """Whether the target's disk has no room for anything more."""
    free = free_bytes("target", str(scalar(target, "SELECT current_setting('data_directory')")))
    return free is not None and free < SEGMENT


def protect(part: Part, side: str, free_bytes: FreeBytes) -> Words | None:
    """Gives up our slot on the live ``side`` before it fills the disk. Returns what was done, in words; None: nothing."""
    names = names_of(part)
    slot = names.forward if side == "source" else names.back
    with connect(part, side) as live:
        kept = subscription.retained_bytes(live, slot)
        if kept < SEGMENT:
            return None
        folder = str(scalar(live, "SELECT current_setting('data_directory') || '/pg_wal'"))
        free = free_bytes(side, folder)
        if free is None or free >= SHARE_LEFT * (free + kept):
            return None
        subscription.drop_slot(live, slot)
        live.execute("CHECKPOINT")  # what only the slot had kept goes now, not at the next one
    return say("postgresql.given_up", name=part.name, slot=slot, kept=kept / 1e6, free=free / 1e6, side=side_name(side))


def lost(live: Connection, slot: str) -> Words | None:
    """Why nothing can follow through this slot any more; None: it can."""
    rows = live.execute("SELECT wal_status::text FROM pg_replication_slots WHERE slot_name = %s", (slot,)).fetchall()
    if not rows:
        return say("postgresql.is_gone")
    return say("postgresql.has_lost") if rows[0][0] == "lost" else None
