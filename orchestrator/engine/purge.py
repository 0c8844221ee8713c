"""Takes a system that turned out to be classified out of the journal (R2): out of every table, and out of the file's free pages.

What stays is what the chain's hashes are made of: that there were events, when, by whom, of which kind, under the system's id.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.engine.leftovers import blanked
from orchestrator.errors import NeedsPerson, Refused
from orchestrator.inventory.traces import whole_words
from orchestrator.journal import schema as s
from orchestrator.journal.states import MigrationState
from orchestrator.journal.store import Journal
from orchestrator.policy.records import BASELINE, BASELINE_CHANGE, GONE, LEFT, OVERRIDE, PURGED, WORDS_REMOVED, line
from orchestrator.steps.base import Effect
from orchestrator.texts import say

OF_A_MIGRATION = (s.steps, s.processes, s.gates, s.tasks, s.measurements, s.copies, s.leases, s.standbys, s.findings, s.alarms, s.owed)
OF_ONE = ("turn_back", "stay")
"""Flags that are one migration's: their names end in its id."""
WORDS = {
    PURGED: ("reason",),
    BASELINE: ("reason",),
    BASELINE_CHANGE: ("reason",),
    OVERRIDE: ("reason", "on_behalf_of"),
    "plan_approved": ("reason",),
    "gate_decided": ("reason",),
    "migration": ("why",),
}
"""Decisions, and where they hold free words: these go where they name it, the decision stands. Of every other kind the payload goes."""


FREE_TEXT = {
    s.migrations: ("why", "said"),
    s.steps: ("facts", "error"),
    s.gates: ("reason", "asked_why"),
    s.tasks: ("title_zh", "title_en", "detail", "evidence"),
    s.measurements: ("detail",),
    s.copies: ("what", "source_state"),
    s.flags: ("value",),
    s.findings: ("message", "place", "remedy", "said"),
    s.alarms: ("message", "said"),
    s.owed: ("what", "remedy", "evidence", "said"),
}
"""Where rows of other systems may name it."""


@dataclass(frozen=True)
class Touched:
    """A record of another system, or of the whole city (``system`` empty), that lost its words. ``stands``: what was decided stays."""

    seq: int
    system: str
    kind: str
    stands: bool


@dataclass(frozen=True)
class Purged:
    """How much was taken out, and of whose records beside its own; nothing when there was nothing left."""

    events: int = 0
    rows: int = 0
    plans: int = 0
    others: tuple[Touched, ...] = ()
    kept: tuple[str, ...] = ()
    """``migration/step`` of others under way whose facts name it: their way back needs these. They are for a person, once it has ended."""


def plain_reason(reason: str, words: Iterable[str]) -> str:
    """The reason as one line. Raises Refused when it holds one of the words: it stays on the trail."""
    if whole_words(words).search(one := line(reason, "reason")):
        raise Refused(say("engine.reason_names_it"), remedy=say("engine.reason_without_names"))
    return one


def is_known(journal: Journal, system: str) -> bool:
    """Whether the journal holds anything under this id: an event, or a line of a kept plan, of a system that an import has removed since."""
    if journal.events(system=system):
        return True
    mine = whole_words([system])
    with journal.alone() as tx:
        return any(mine.search(plan) for plan in tx.scalars(select(s.plans.c.plan)))


def purge(journal: Journal, system: str, *, words: Iterable[str], actor: str, reason: str) -> Purged:
    """Remove what the journal holds of ``system``, and whatever else in it holds one of ``words`` (its names, hosts, addresses).
    What others decided stands without the words.

    One transaction, then the free space is overwritten; a second time is the same as once. That it happened is on the trail, once at
    least. Raises Refused while a migration of it is under way or when the reason holds one of the words; NeedsPerson when the space
    cannot be overwritten now.
    """
    words = tuple(words)
    known, reason = whole_words(words), plain_reason(reason, words)
    with journal.alone() as tx:
        mine = {row.id: row.state for row in tx.execute(select(s.migrations).where(s.migrations.c.system == system))}
        under_way = [ident for ident, state in mine.items() if state != MigrationState.ENDED]
        if under_way:
            remedy = say("engine.cancel_then_purge", system=system)
            raise Refused(say("engine.under_way", migration=under_way[0]), where=system, remedy=remedy)
        first = not journal.events(kind=PURGED, system=system, tx=tx)
        payloads, elsewhere, others = _payloads(journal, tx, system, set(mine), known, actor)
        plans = _plans(tx, system, known)
        rows = sum(tx.execute(delete(table).where(table.c.migration.in_(mine))).rowcount for table in OF_A_MIGRATION)
        rows += tx.execute(delete(s.migrations).where(s.migrations.c.id.in_(mine))).rowcount
        rows += tx.execute(delete(s.flags).where(s.flags.c.name.in_([f"{flag}:{ident}" for ident in mine for flag in OF_ONE]))).rowcount
        redacted, kept = _rows_of_others(tx, known)
        done = Purged(payloads, rows + redacted, plans, others, kept)
        if first or (payloads, rows + redacted, plans) != (0, 0, 0):
            facts = {"events": payloads, "elsewhere": elsewhere, "rows": rows, "plans": plans, "reason": reason}
            journal.append_event(PURGED, actor=actor, system=system, payload=facts, tx=tx)
    _overwrite(journal)
    return done


def _payloads(
    journal: Journal, tx: Connection, system: str, migrations: set[str], known: re.Pattern[str], actor: str
) -> tuple[int, list[int], tuple[Touched, ...]]:
    """How many payloads went; the numbers of those that do not stand under its id; which of them are records of others."""
    gone, elsewhere, others = 0, [], []
    flags = {f"flag_{flag}:{ident}" for ident in migrations for flag in OF_ONE}
    query = select(s.events.c.seq, s.events.c.kind, s.events.c.system, s.events.c.migration, s.payloads.c.payload).join(s.payloads)
    rows = [(row, json.loads(row.payload)) for row in tx.execute(query.order_by(s.events.c.seq))]
    said = {GONE, *(payload["reason"] for row, payload in rows if row.kind == PURGED and row.system == system)}
    for row, payload in rows:
        again = row.kind == WORDS_REMOVED  # what stood of a decision after a former purge
        of, kind, before = (payload["of"], payload["kind"], payload["payload"]) if again else (row.seq, row.kind, payload)
        own = row.system == system or row.migration in migrations or row.kind in flags
        after = _what_stays(kind, before, known, own=own, said=said)
        if after == before:
            continue
        tx.execute(delete(s.payloads).where(s.payloads.c.seq == row.seq))
        gone += 1
        if after is not None:
            stands = {"of": of, "kind": kind, "payload": after}
            journal.append_event(WORDS_REMOVED, actor=actor, system=row.system, payload=stands, tx=tx)
        if row.system != system:
            elsewhere.append(row.seq)
        if not own:
            others.append(Touched(row.seq, row.system or "", kind, after is not None))
    return gone, elsewhere, tuple(others)


def _what_stays(kind: str, payload: Mapping[str, Any], known: re.Pattern[str], *, own: bool, said: set[str]) -> Mapping[str, Any] | None:
    """The payload without words that name the system; None when nothing of it stays. Of its ``own`` records stay that it was purged,
    what was left for a person and that it left the count, without any words but those ``said`` for a purge."""
    if kind == LEFT:
        return {folder: [blanked(path, known) for path in paths] for folder, paths in payload.items()}
    if own and kind != PURGED and not (kind == BASELINE_CHANGE and payload["what"] == "classified"):
        return None
    if kind not in WORDS:
        return None if any(known.search(text) for text in _texts(payload)) else payload
    suspect = {name: str(payload[name]) for name in WORDS[kind] if payload.get(name)}
    named = {name for name, text in suspect.items() if known.search(text) or (own and text not in said)}
    return {name: GONE if name in named else value for name, value in payload.items()}


def _rows_of_others(tx: Connection, known: re.Pattern[str]) -> tuple[int, tuple[str, ...]]:
    """How many rows lost its words; what was left as it is because an undo that may still be run reads it."""
    open_ones = set(tx.scalars(select(s.migrations.c.id).where(s.migrations.c.state != MigrationState.ENDED)))
    changed, kept = 0, []
    for table, names in FREE_TEXT.items():
        for row in tx.execute(select(table)).mappings():
            after = {name: value for name in names if (value := _without_words(row[name], known)) != row[name]}
            if not after:
                continue
            if table is s.steps and row["effect"] == Effect.REVERSIBLE and row["migration"] in open_ones and after.pop("facts", None):
                kept.append(f"{row['migration']}/{row['step']}")
            if not after:
                continue
            tx.execute(update(table).where(*(column == row[column.name] for column in table.primary_key)).values(**after))
            changed += 1
    return changed, tuple(sorted(kept))


def _without_words(value: Any, known: re.Pattern[str]) -> Any:
    if isinstance(value, dict):
        return {known.sub(GONE, str(name)): _without_words(one, known) for name, one in value.items()}
    if isinstance(value, list):
        return [_without_words(one, known) for one in value]
    return known.sub(GONE, value) if isinstance(value, str) else value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield name
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, str):
        yield value


def _plans(tx: Connection, system: str, known: re.Pattern[str]) -> int:
    """Kept plans without the system. They stay under the digest that people approved for the others."""
    ids, changed = whole_words([system]), 0
    for row in tx.execute(select(s.plans)).all():
        before = json.loads(row.plan)
        after = _without(before, system, ids, known)
        if after != before:
            tx.execute(update(s.plans).where(s.plans.c.digest == row.digest).values(plan=json.dumps(after, ensure_ascii=False)))
            changed += 1
    return changed


def _without(value: Any, system: str, *words: re.Pattern[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(one, system, *words) for key, one in value.items() if key != system}
    if isinstance(value, list):
        return [
            _without(one, system, *words) for one in value if one != system and not (isinstance(one, dict) and one.get("system") == system)
        ]
    if isinstance(value, str):
        for word in words:
            value = word.sub(GONE, value)
    return value


def _overwrite(journal: Journal) -> None:
    """Free pages and the write-ahead log hold what was deleted until the file is written anew."""
    connection = journal._engine.raw_connection()
    try:
        cursor = connection.cursor()
        if journal._engine.dialect.name == "sqlite":
            for statement in ("PRAGMA busy_timeout=5000", "PRAGMA secure_delete=ON", "PRAGMA temp_store=MEMORY", "VACUUM"):
                cursor.execute(statement)
            busy, *_ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                raise NeedsPerson(say("engine.journal_kept_open"), remedy=say("engine.end_and_purge_again"))
        else:
            connection.rollback()
            driver: Any = connection.driver_connection
            driver.autocommit = True
            for table in (s.payloads, s.plans, s.migrations, s.flags, *OF_A_MIGRATION):
                cursor.execute(f"VACUUM FULL {table.name}")
    except (SQLAlchemyError, journal._engine.dialect.loaded_dbapi.Error) as error:
        raise NeedsPerson(
            say("engine.space_not_overwritten", error=type(error).__name__), remedy=say("engine.purge_again_alone"),
        ) from error
    finally:
        connection.close()
