"""Takes a system that turned out to be classified out of the journal (R2): out of every table, and out of the file's free pages.

What stays is what the chain's hashes are made of: that there were events, when, by whom, of which kind, under the system's id.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.engine import schema as s
from orchestrator.engine.journal import Journal
from orchestrator.engine.states import MigrationState
from orchestrator.errors import NeedsPerson, Refused
from orchestrator.inventory.traces import whole_words
from orchestrator.policy.records import BASELINE, BASELINE_CHANGE, PURGED

GONE = "〔已清除〕"
OF_A_MIGRATION = (s.steps, s.processes, s.gates, s.tasks, s.measurements, s.copies, s.leases)
KEPT = {PURGED, BASELINE}
"""Events whose payload stays: why it was purged; the frozen count, which holds ids and departments only."""


@dataclass(frozen=True)
class Purged:
    """How much was taken out; all zero when there was nothing left."""

    events: int = 0
    rows: int = 0
    plans: int = 0


def purge(journal: Journal, system: str, *, words: Iterable[str], actor: str, reason: str) -> Purged:
    """Remove what the journal holds of ``system``, and whatever else in it holds one of ``words`` (its names, hosts, addresses).

    One transaction, then the free space is overwritten; a second time is the same as once. Raises Refused while a migration of it is
    under way or when the reason holds one of the words; NeedsPerson when the space cannot be overwritten now.
    """
    known = whole_words(words)
    if known.search(reason):
        raise Refused(
            "the reason names what is to be purged, and it stays on the trail", remedy="give a reason without names, hosts or addresses"
        )
    with journal._write() as tx:
        mine = {row.id: row.state for row in tx.execute(select(s.migrations).where(s.migrations.c.system == system))}
        under_way = [ident for ident, state in mine.items() if state != MigrationState.ENDED]
        if under_way:
            raise Refused(
                f"{under_way[0]} is under way",
                where=system,
                remedy=f"`orchestrator cancel {system}` or `rollback` it, then purge: what it made must be taken back first",
            )
        payloads, elsewhere = _payloads(tx, system, set(mine), known)
        plans = _plans(tx, system, known)
        rows = sum(tx.execute(delete(table).where(table.c.migration.in_(mine))).rowcount for table in OF_A_MIGRATION)
        rows += tx.execute(delete(s.migrations).where(s.migrations.c.id.in_(mine))).rowcount
        rows += tx.execute(delete(s.flags).where(s.flags.c.name.in_([f"turn_back:{ident}" for ident in mine]))).rowcount
        done = Purged(payloads, rows, plans)
        if done != Purged():
            facts = {"events": payloads, "elsewhere": elsewhere, "rows": rows, "plans": plans, "reason": reason}
            journal._append(tx, PURGED, actor=actor, system=system, migration=None, payload=facts)
    _overwrite(journal)
    return done


def _payloads(tx: Connection, system: str, migrations: set[str], known: re.Pattern[str]) -> tuple[int, list[int]]:
    """How many payloads went, and which of them are events of others."""
    mine: list[int] = []
    elsewhere: list[int] = []
    query = select(s.events.c.seq, s.events.c.kind, s.events.c.system, s.events.c.migration, s.payloads.c.payload).join(s.payloads)
    for row in tx.execute(query.order_by(s.events.c.seq)):
        if row.kind in KEPT or (row.kind == BASELINE_CHANGE and json.loads(row.payload).get("what") == "classified"):
            continue
        if row.system == system or row.migration in migrations:
            mine.append(row.seq)
        elif known.search(row.payload):
            elsewhere.append(row.seq)
    for seq in (*mine, *elsewhere):
        tx.execute(delete(s.payloads).where(s.payloads.c.seq == seq))
    return len(mine) + len(elsewhere), elsewhere


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
                raise NeedsPerson(
                    "another process keeps the journal open, so that its old pages are still there",
                    remedy="end it and run the same purge again",
                )
        else:
            connection.rollback()
            driver: Any = connection.driver_connection
            driver.autocommit = True
            for table in (s.payloads, s.plans, s.migrations, s.flags, *OF_A_MIGRATION):
                cursor.execute(f"VACUUM FULL {table.name}")
    except (SQLAlchemyError, journal._engine.dialect.loaded_dbapi.Error) as error:
        raise NeedsPerson(
            f"the journal's free space could not be overwritten: {type(error).__name__}",
            remedy="see that nothing else works on the journal, and run the same purge again",
        ) from error
    finally:
        connection.close()
