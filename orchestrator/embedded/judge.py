"""The judge: looks at ledgers, both databases and both file trees, and says what happened. Shares no code with the engine.

    python -m orchestrator.embedded.judge --case FILE            (a list of cases, JSON; verdicts to stdout)

A *baseline* taken before anything moves (rows and files that must never change) makes a damaged row visible even when it was
faithfully copied to the other side. Functions are pure where they can be; the others only read.
Faults: lost-write, duplicate, content, row, schema, sequence, file, second-writer, slow, unsigned.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from psycopg import sql

Span = tuple[float, float]
"""Start and end, wall clock, seconds since the epoch."""
AROUND = 1.0
"""Seconds before and after a cutover that are measured with it."""


@dataclass
class Case:
    """What to judge of one system. Times are wall-clock seconds; paths are as this machine sees them."""

    system: str
    ledger: str
    table: str
    """Table that holds the numbered writes, in its column ``n``."""
    live: str
    """DSN of the side that is live now (a role that may read everything)."""
    text: str | None = None
    """Its column with the text that citizens sent, whose md5 is on the ledger; None where they send none."""
    other: str | None = None
    """DSN of the other side, while it is reachable."""
    mode: str = "equal"
    """``equal``: the other side follows the live one, any difference is a fault. ``subset``: it stopped following (the source
    after final acceptance): it may lack rows, but may not have any that the live side lacks or has otherwise."""
    live_files: str | None = None
    other_files: str | None = None
    baseline: dict[str, Any] | None = None
    """From ``take_baseline``."""
    cutovers: list[dict[str, Any]] = field(default_factory=list)
    """``{"direction": "forward"|"back", "start": t, "end": t}``."""
    outages: list[Span] = field(default_factory=list)
    """Announced outages: failures and gaps inside are counted apart."""
    limit_ms: float = 1000
    """Longest gap that a cutover may cost."""
    public_key: str | None = None
    """Hex Ed25519 key that ``signature`` of every row with n > 0 must verify against."""
    mutable: list[str] = field(default_factory=list)
    """Tables whose old rows the application updates: give them to ``take_baseline`` too."""
    ignore: list[str] = field(default_factory=list)
    """Tables that are not the application's (a migration tool's own): not compared."""


@dataclass
class Cut:
    """One cutover as clients saw it."""

    direction: str
    longest_gap_ms: float
    requests: int
    failed_requests: int


@dataclass
class Verdict:
    """Figures and named faults of one system."""

    system: str
    acknowledged: int = 0
    lost: int = 0
    duplicated: int = 0
    in_doubt: int = 0
    failed: int = 0
    """Requests that failed outside announced outages, in doubt ones included."""
    failed_in_outages: int = 0
    unknown_rows: int = 0
    """Rows whose number is not on the ledger."""
    longest_gap_ms: float = 0
    """Outside announced outages and pauses of the load."""
    cutovers: list[Cut] = field(default_factory=list)
    tables: int = 0
    rows: int = 0
    equal: bool | None = None
    """Both sides compared; None when the other side was not given."""
    files: int = 0
    files_equal: bool | None = None
    unsigned: int = 0
    faults: list[str] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    """One line for each fault, for people."""

    def blame(self, fault: str, detail: str) -> None:
        if fault not in self.faults:
            self.faults.append(fault)
        self.details.append(f"{fault}: {detail}")


# ---------------------------------------------------------------- ledgers (pure)


def read_ledger(path: Path) -> list[dict[str, Any]]:
    """Every whole line; a last line cut short by a crash was never acknowledged and is left out."""
    entries = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            entries.append(json.loads(line))
        except ValueError:
            continue
    return entries


def requests_of(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [entry for entry in entries if "n" in entry]


def quiet_spans(entries: Iterable[dict[str, Any]]) -> list[Span]:
    """When the load was held."""
    spans: list[Span] = []
    since: float | None = None
    last = 0.0
    for entry in entries:
        last = max(last, entry.get("t1", entry.get("t", 0.0)))
        if entry.get("event") == "paused":
            since = entry["t"]
        if entry.get("event") == "resumed" and since is not None:
            spans.append((since, entry["t"]))
            since = None
    return [*spans, (since, max(last, since))] if since is not None else spans


def longest_gap_ms(requests: list[dict[str, Any]], within: Span | None = None, without: Iterable[Span] = ()) -> float:
    """Longest time in which no client had a successful answer; gaps that touch a span of ``without`` do not count.

    With ``within``, only gaps that overlap it count, and those whole. A stall that has not ended counts up to the last attempt.
    """
    good = sorted(entry["t1"] for entry in requests if entry["o"] == "ok")
    if requests and good:
        good.append(max(entry["t1"] for entry in requests))
    spans = list(without)
    longest = 0.0
    for before, after in pairwise(good):
        if within is not None and (after < within[0] or before > within[1]):
            continue
        if any(before < end and after > start for start, end in spans):
            continue
        longest = max(longest, after - before)
    return round(longest * 1000, 1)


def cut_of(entries: list[dict[str, Any]], cutover: dict[str, Any], quiet: Iterable[Span] = ()) -> Cut:
    """Clients' view of one cutover, a second before to a second after; uploads count as requests, and not in the gap."""
    span = (cutover["start"] - AROUND, cutover["end"] + AROUND)
    inside = [entry for entry in entries if "o" in entry and entry["t1"] >= span[0] and entry["t0"] <= span[1]]
    failed = sum(entry["o"] != "ok" for entry in inside)
    return Cut(str(cutover.get("direction", "forward")), longest_gap_ms(requests_of(entries), span, quiet), len(inside), failed)


def _in(entry: dict[str, Any], spans: Iterable[Span]) -> bool:
    return any(entry["t0"] <= end and entry["t1"] >= start for start, end in spans)


# ---------------------------------------------------------------- databases (read-only)


def tables_of(connection: psycopg.Connection[Any]) -> list[str]:
    """Ordinary tables of the schema public, sorted; what a migration tool keeps for itself is in other schemas or named ``_…``."""
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname NOT LIKE '\\_%' ORDER BY 1"
    )
    return [str(row[0]) for row in rows]


def key_of(connection: psycopg.Connection[Any], table: str) -> list[str]:
    """Columns of the primary key; empty when there is none."""
    rows = connection.execute(
        "SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)"
        " WHERE i.indrelid = %s::regclass AND i.indisprimary ORDER BY array_position(i.indkey::int[], a.attnum::int)",
        (f'public."{table}"',),
    )
    return [str(row[0]) for row in rows]


def rows_of(connection: psycopg.Connection[Any], table: str, *, where: LiteralString = "true") -> list[tuple[str, str, int]]:
    """(key, md5 of the row, n) of every row in order; the key is the row's md5 in a table without a key, n is 0 without such a column."""
    named = {str(row[0]) for row in connection.execute("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass", (f'"{table}"',))}
    digest = sql.SQL("md5((t.*)::text)")
    columns = [sql.SQL("t.{}::text").format(sql.Identifier(name)) for name in key_of(connection, table)]
    key = sql.SQL("concat_ws('|', {})").format(sql.SQL(", ").join(columns)) if columns else digest
    number = sql.SQL("t.n") if "n" in named else sql.SQL("0")
    query = sql.SQL("SELECT {}, {}, {} FROM public.{} AS t WHERE {} ORDER BY 1, 2").format(
        key, digest, number, sql.Identifier(table), sql.SQL(where if "n" in named else "true")
    )
    return [(str(row[0]), str(row[1]), int(row[2])) for row in connection.execute(query)]


_SCHEMA: LiteralString = """
WITH spaces AS (SELECT oid FROM pg_namespace WHERE nspname = 'public'),
tables AS (SELECT oid, relname, relkind FROM pg_class
           WHERE relnamespace IN (SELECT oid FROM spaces) AND relkind IN ('r', 'p', 'v', 'm') AND relname NOT LIKE '\\_%')
SELECT 'column ' || t.relname || '.' || a.attname,
       concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
                 pg_get_expr(d.adbin, d.adrelid))
  FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
UNION ALL SELECT 'constraint ' || t.relname || '.' || c.conname, concat_ws(' ', pg_get_constraintdef(c.oid), c.convalidated)
  FROM tables t JOIN pg_constraint c ON c.conrelid = t.oid
UNION ALL SELECT 'index ' || i.indexrelid::regclass::text, concat_ws(' ', pg_get_indexdef(i.indexrelid), i.indisvalid)
  FROM tables t JOIN pg_index i ON i.indrelid = t.oid
UNION ALL SELECT 'trigger ' || t.relname || '.' || g.tgname, concat_ws(' ', pg_get_triggerdef(g.oid), g.tgenabled)
  FROM tables t JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
UNION ALL SELECT 'view ' || t.relname, pg_get_viewdef(t.oid) FROM tables t WHERE t.relkind IN ('v', 'm')
UNION ALL SELECT 'function ' || p.oid::regprocedure::text, pg_get_functiondef(p.oid)
  FROM pg_proc p WHERE p.pronamespace IN (SELECT oid FROM spaces) AND p.prokind IN ('f', 'p')
UNION ALL SELECT 'sequence ' || s.sequencename,
       concat_ws(' ', s.data_type, s.start_value, s.min_value, s.max_value, s.increment_by, s.cycle)
  FROM pg_sequences s WHERE s.schemaname = 'public'
"""


def schema_of(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """What the schema ``public`` promises: md5 of each column, constraint, index, trigger, view, function, sequence by its name."""
    rows = connection.execute(_SCHEMA)
    return {str(name): hashlib.md5(str(definition).encode()).hexdigest() for name, definition in rows}  # noqa: S324 - compared, not trusted


def take_baseline(dsn: str, files: Path | None = None, mutable: Iterable[str] = ()) -> dict[str, Any]:
    """What must still be there at the end: digests of all rows written before the load began (n < 0 or no n), of everything
    that the schema promises (constraints, indexes, defaults, bodies …), and of all files.

    Take it on the source before the load starts. JSON-able.
    """
    with _snapshot(dsn) as connection:
        tables = [table for table in tables_of(connection) if table not in set(mutable)]
        rows = {table: sorted(digest for _, digest, _ in rows_of(connection, table, where="n < 0")) for table in tables}
        schema = schema_of(connection)
    return {"rows": rows, "schema": schema, "files": tree(files) if files else {}}


def _snapshot(dsn: str) -> psycopg.Connection[Any]:
    connection = psycopg.connect(dsn, prepare_threshold=None)
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    return connection


def _judge_writes(case: Case, entries: list[dict[str, Any]], live: psycopg.Connection[Any], verdict: Verdict) -> set[int]:
    """Lost, duplicated and unknown numbers; returns the acknowledged ones that are lost."""
    requests = requests_of(entries)
    acknowledged = {entry["n"] for entry in requests if entry["o"] == "ok"}
    sent = {entry["n"] for entry in requests}
    query = sql.SQL("SELECT n FROM public.{} WHERE n > 0").format(sql.Identifier(case.table))
    present = Counter(int(row[0]) for row in live.execute(query))
    lost = acknowledged - set(present)
    doubled = [number for number, count in present.items() if count > 1]
    verdict.acknowledged, verdict.lost, verdict.duplicated = len(acknowledged), len(lost), len(doubled)
    verdict.unknown_rows = len(set(present) - sent)
    if lost:
        verdict.blame("lost-write", f"{len(lost)} acknowledged numbers are not in {case.table}, e.g. {min(lost)}")
    if doubled:
        verdict.blame("duplicate", f"{len(doubled)} numbers are in {case.table} more than once, e.g. {min(doubled)}")
    refused = {entry["n"] for entry in requests if entry["o"] == "failed"} & set(present)
    if refused:
        verdict.blame("duplicate", f"{len(refused)} numbers were refused and are in {case.table} all the same, e.g. {min(refused)}")
    return lost


def _judge_baseline(case: Case, live: psycopg.Connection[Any], verdict: Verdict) -> None:
    for table, digests in (case.baseline or {}).get("rows", {}).items():
        gone = Counter(digests) - Counter(digest for _, digest, _ in rows_of(live, table, where="n < 0"))
        if gone:
            verdict.blame("row", f"{sum(gone.values())} old rows of {table} are changed or missing on the live side")


def _judge_content(case: Case, entries: list[dict[str, Any]], live: psycopg.Connection[Any], verdict: Verdict) -> None:
    """Every acknowledged number still has the text that its citizen sent."""
    if case.text is None:
        return
    sent = {entry["n"]: entry["c"] for entry in requests_of(entries) if entry["o"] == "ok" and "c" in entry}
    query = sql.SQL("SELECT n, md5({}) FROM public.{} WHERE n > 0").format(sql.Identifier(case.text), sql.Identifier(case.table))
    wrong = [int(number) for number, digest in live.execute(query) if number in sent and digest != sent[number]]
    if wrong:
        verdict.blame("content", f"{len(wrong)} acknowledged numbers in {case.table} have another text, e.g. {min(wrong)}")


def _judge_schema(case: Case, live: psycopg.Connection[Any], other: psycopg.Connection[Any] | None, verdict: Verdict) -> None:
    """What the schema promised before anything moved it still promises, on the live side and, where it follows, on the other."""
    promised = (case.baseline or {}).get("schema", {})
    sides = [("live", live)] + ([("other", other)] if other is not None and case.mode == "equal" else [])
    for name, side in sides:
        there = schema_of(side)
        broken = sorted(what for what, digest in promised.items() if there.get(what) != digest)
        if broken:
            verdict.blame("schema", f"on the {name} side {len(broken)} definitions are changed or gone: {', '.join(broken[:5])}")


def _judge_sides(case: Case, live: psycopg.Connection[Any], other: psycopg.Connection[Any], lost: set[int], verdict: Verdict) -> None:
    verdict.equal = True
    live_tables = [table for table in tables_of(live) if table not in case.ignore]
    other_tables = [table for table in tables_of(other) if table not in case.ignore]
    if live_tables != other_tables:
        verdict.equal = False
        verdict.blame("row", f"tables differ: {sorted(set(live_tables) ^ set(other_tables))}")
    for table in sorted(set(live_tables) & set(other_tables)):
        here, there = rows_of(live, table), rows_of(other, table)
        verdict.tables += 1
        verdict.rows += len(here)
        if here == there:
            continue
        verdict.equal = False
        only_here, only_there = Counter(here) - Counter(there), Counter(there) - Counter(here)
        keys_here, keys_there = {key for key, _, _ in only_here}, {key for key, _, _ in only_there}
        changed = keys_here & keys_there if key_of(live, table) else set()
        foreign = [row for row in only_there if row[0] not in changed and row[2] not in lost]
        missing = [row for row in only_here if row[0] not in changed]
        if changed and (case.mode == "equal" or table not in case.mutable):
            verdict.blame("row", f"{len(changed)} rows of {table} differ, e.g. key {min(changed)}")
        if foreign:
            verdict.blame("second-writer", f"{len(foreign)} rows of {table} are on the other side only, e.g. key {foreign[0][0]}")
        if missing and case.mode == "equal":
            verdict.blame("row", f"{len(missing)} rows of {table} are on the live side only, e.g. key {missing[0][0]}")


def _judge_sequences(live: psycopg.Connection[Any], verdict: Verdict) -> None:
    """Every sequence stands at or above the largest value of the columns that take from it.

    A column takes from a sequence by ownership, by its default, or by being an integer named like the sequence's first word
    (``receipt_no`` → ``receipt``: the application calls nextval itself).
    """
    rows = live.execute(
        "SELECT s.relname, t.relname, a.attname FROM pg_class s JOIN pg_depend d ON d.refobjid = s.oid OR d.objid = s.oid"
        " LEFT JOIN pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid"
        " JOIN pg_class t ON t.oid = CASE WHEN f.oid IS NULL THEN d.refobjid ELSE f.adrelid END AND t.relkind = 'r'"
        " JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = CASE WHEN f.oid IS NULL THEN d.refobjsubid ELSE f.adnum END"
        " WHERE s.relkind = 'S' AND s.relnamespace = 'public'::regnamespace"
        " UNION SELECT s.relname, t.relname, a.attname FROM pg_class s, pg_class t JOIN pg_attribute a ON a.attrelid = t.oid"
        " WHERE s.relkind = 'S' AND t.relkind = 'r' AND s.relnamespace = 'public'::regnamespace AND t.relnamespace = s.relnamespace"
        " AND a.attname = split_part(s.relname, '_', 1) AND a.atttypid IN ('int'::regtype, 'bigint'::regtype)"
    ).fetchall()
    for sequence, table, column in sorted(set(rows)):
        names = (sql.Identifier(sequence), sql.Identifier(column), sql.Identifier(table))
        query = sql.SQL("SELECT (SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM public.{}), max({}) FROM public.{}")
        row = live.execute(query.format(*names)).fetchone()
        if row and row[1] is not None and row[0] < row[1]:
            verdict.blame("sequence", f"{sequence} stands at {row[0]}, {table}.{column} has {row[1]}")


def _judge_signatures(case: Case, live: psycopg.Connection[Any], verdict: Verdict) -> None:
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(case.public_key or ""))
    bad = []
    for number, signature in live.execute(sql.SQL("SELECT n, signature FROM public.{} WHERE n > 0").format(sql.Identifier(case.table))):
        try:
            key.verify(bytes.fromhex(signature), str(number).encode())
        except (InvalidSignature, ValueError, TypeError):
            bad.append(number)
    verdict.unsigned = len(bad)
    if bad:
        verdict.blame("unsigned", f"{len(bad)} registrations have no valid signature, e.g. number {min(bad)}")


# ---------------------------------------------------------------- files


def tree(folder: Path) -> dict[str, str]:
    """sha256 of every file below a folder, by relative path; half-written ones (``.name``) are left out."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            with path.open("rb") as file:
                found[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _judge_files(case: Case, entries: list[dict[str, Any]], verdict: Verdict) -> None:
    live = tree(Path(case.live_files or ""))
    verdict.files = len(live)
    promised = dict((case.baseline or {}).get("files", {}))
    promised.update({entry["file"]: entry["sha256"] for entry in entries if "file" in entry and entry["o"] == "ok"})
    wrong = [name for name, digest in promised.items() if live.get(name) != digest]
    if wrong:
        verdict.blame("file", f"{len(wrong)} files are changed or missing on the live side, e.g. {wrong[0]}")
    if case.other_files is None:
        return
    other = tree(Path(case.other_files))
    verdict.files_equal = live == other
    for name in sorted(set(live) | set(other)):
        if live.get(name) == other.get(name) or name not in other:  # files follow the live side in passes: the newest may lack
            continue
        verdict.blame("second-writer" if name not in live else "file", f"{name} differs between the sides")


# ---------------------------------------------------------------- the verdict


def judge(case: Case) -> Verdict:
    """Everything about one system. Raises psycopg.Error when a side that was given cannot be read. Hold the load before."""
    verdict = Verdict(case.system)
    entries = read_ledger(Path(case.ledger))
    requests, quiet = requests_of(entries), quiet_spans(entries)
    uploads = [entry for entry in entries if "file" in entry]
    outages = [(float(start), float(end)) for start, end in case.outages]
    bad = [entry for entry in (*requests, *uploads) if entry["o"] != "ok"]
    verdict.failed_in_outages = sum(_in(entry, outages) for entry in bad)
    verdict.failed = len(bad) - verdict.failed_in_outages
    verdict.in_doubt = sum(entry["o"] == "doubt" for entry in bad)
    verdict.longest_gap_ms = longest_gap_ms(requests, None, (*outages, *quiet))
    for cutover in case.cutovers:
        cut = cut_of(entries, cutover, quiet)
        verdict.cutovers.append(cut)
        if cut.longest_gap_ms > case.limit_ms:
            verdict.blame("slow", f"{cut.direction} cutover: {cut.longest_gap_ms:g} ms without an answer (limit {case.limit_ms:g})")
    with _snapshot(case.live) as live:
        lost = _judge_writes(case, entries, live, verdict)
        _judge_content(case, entries, live, verdict)
        _judge_baseline(case, live, verdict)
        _judge_sequences(live, verdict)
        if case.public_key:
            _judge_signatures(case, live, verdict)
        if case.other:
            with _snapshot(case.other) as other:
                _judge_schema(case, live, other, verdict)
                _judge_sides(case, live, other, lost, verdict)
        else:
            _judge_schema(case, live, None, verdict)
    if case.live_files:
        _judge_files(case, entries, verdict)
    return verdict


def main(argv: list[str] | None = None) -> int:
    """Verdicts as JSON; exit code 0 when there is no fault, 4 when there is one."""
    parser = argparse.ArgumentParser(description="Judge a city's migrations from ledgers, databases and files.")
    parser.add_argument("--case", type=Path, required=True, help="JSON: a list of cases")
    asked = parser.parse_args(argv)
    verdicts = [judge(Case(**case)) for case in json.loads(asked.case.read_text(encoding="utf-8"))]
    json.dump([asdict(verdict) for verdict in verdicts], sys.stdout, ensure_ascii=False, indent=1)
    return 4 if any(verdict.faults for verdict in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main())
