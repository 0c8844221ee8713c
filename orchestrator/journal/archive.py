"""The journal as one file of JSON lines, from one point in time, whatever database it stands on; and a journal made from it.

The last line holds the number of lines and a digest over all of them, so that half a file is never restored. What is restored
stands in an empty journal, and its chain is walked before anybody may use it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import Connection, Table, func, insert, select, text

from orchestrator.errors import NeedsPerson, Refused
from orchestrator.journal import schema as s
from orchestrator.journal.database import HEAD
from orchestrator.journal.store import Journal, canonical
from orchestrator.texts import say

FORMAT = "orchestrator journal 1"
BATCH = 500


def back_up(journal: Journal, target: Path) -> int:
    """Writes the journal to a new file, readable by its owner only; returns the number of rows. Raises Refused where it exists."""
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            rows = _write(journal, out)
            out.flush()
            os.fsync(out.fileno())
        target.hardlink_to(draft)  # unlike a rename, it replaces nothing
    except FileExistsError:
        raise Refused(say("journal.file_there"), where=str(target), remedy=say("journal.another_file")) from None
    finally:
        draft.unlink(missing_ok=True)
    return rows


def _write(journal: Journal, out: TextIO) -> int:
    digest, rows = hashlib.sha256(), 0

    def put(value: dict[str, Any]) -> None:
        line = canonical(value)
        digest.update(line.encode())
        out.write(line + "\n")

    put({"format": FORMAT, "revision": HEAD})
    with journal.snapshot() as connection:
        for table in s.metadata.sorted_tables:  # what others refer to comes first
            for row in connection.execute(select(table).order_by(*table.primary_key.columns)):
                put({"table": table.name, "row": dict(row._mapping)})
                rows += 1
    out.write(canonical({"rows": rows, "digest": digest.hexdigest()}) + "\n")
    return rows


def restore(source: Path, journal: Journal) -> int:
    """Fills an empty journal from a backup, whole or not at all. Raises Refused when the file is cut short or changed, of another
    revision, or the journal holds anything; NeedsPerson when its chain is broken."""
    with source.open(encoding="utf-8") as lines:
        rows = check_whole(lines, source)
    with journal.writing() as tx:
        held = [table.name for table in s.metadata.sorted_tables if tx.scalar(select(func.count()).select_from(table))]
        if held:
            raise Refused(
                say("journal.not_empty", tables=tuple(held)), where=journal.url.rpartition("@")[2], remedy=say("journal.restore_into_new"),
            )  # fmt: skip
        with source.open(encoding="utf-8") as lines:
            for table, batch in _batches(lines):
                tx.execute(insert(table), batch)
        _number_on(tx)
    broken = journal.verify()
    if broken:
        raise NeedsPerson(say("journal.chain_broken", where=broken[0]), where=str(source), remedy=say("journal.older_backup"))
    return rows


def check_whole(lines: Iterator[str] | TextIO, source: Path) -> int:
    """The number of rows. Raises Refused for anything but a whole backup of this revision."""
    digest, count, last = hashlib.sha256(), 0, ""
    for number, line in enumerate(lines):
        if number == 0:
            _check_head(line, source)
        if last:
            digest.update(last.rstrip("\n").encode())
            count += 1
        last = line
    try:
        said = json.loads(last)
        whole = said["rows"] == count - 1 and said["digest"] == digest.hexdigest()
    except (ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise Refused(say("journal.backup_not_whole"), where=str(source), remedy=say("journal.another_copy"))
    return count - 1


def _check_head(line: str, source: Path) -> None:
    try:
        head = json.loads(line)
    except ValueError:
        head = None
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise Refused(say("journal.no_backup"), where=str(source), remedy=say("journal.name_backup"))
    if head.get("revision") != HEAD:
        raise Refused(
            say("journal.other_revision", revision=str(head.get("revision")), head=HEAD), where=str(source),
            remedy=say("journal.restore_with_its_engine"),
        )  # fmt: skip


def _batches(lines: Iterator[str] | TextIO) -> Iterator[tuple[Table, list[dict[str, Any]]]]:
    """Rows of one table at a time, at most ``BATCH`` of them."""
    batch: list[dict[str, Any]] = []
    table: Table | None = None
    for line in lines:
        value = json.loads(line)
        if "table" not in value:
            continue
        of = s.metadata.tables[value["table"]]
        if table is not None and (of is not table or len(batch) >= BATCH):
            yield table, batch
            batch = []
        table = of
        batch.append(value["row"])
    if table is not None and batch:
        yield table, batch


def _number_on(tx: Connection) -> None:
    """PostgreSQL counts ids by sequences of its own, which know nothing of rows that brought theirs along."""
    if tx.dialect.name != "postgresql":
        return
    for table in s.metadata.sorted_tables:
        sequence = tx.scalar(text("SELECT pg_get_serial_sequence(:table, 'id')"), {"table": table.name}) if "id" in table.c else None
        if sequence:
            highest = tx.scalar(select(func.max(table.c.id)))
            if highest is not None:
                tx.execute(text("SELECT setval(:sequence, :highest)"), {"sequence": sequence, "highest": highest})
