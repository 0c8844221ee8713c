"""The judge: looks at ledgers, both databases and both file trees, and says what happened. Shares no code with the engine.

    python -m orchestrator.embedded.judge --case FILE            (a list of cases, JSON; verdicts to stdout)

A *baseline* taken before anything moves (rows and files that must never change) makes a damaged row visible even when it was
faithfully copied to the other side. Functions are pure where they can be; the others only read.
Faults: lost-write, duplicate, content, row, schema, sequence, file, second-writer, slow, failed, unsigned.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from orchestrator.embedded.judge_mariadb import SCHEME as MARIADB
from orchestrator.embedded.judge_mariadb import MariadbDatabase
from orchestrator.embedded.judge_postgresql import PostgresqlDatabase

Database = PostgresqlDatabase | MariadbDatabase
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
    live: str | None
    """DSN of the side that is live now (a role that may read everything); None where each numbered write is a file."""
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
    foretold: int = 0
    """Requests that each cutover may fail: one for each connection, where it is said ahead that connections are ended."""
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
    """Outside announced outages."""
    foretold: int = 0


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


def cut_of(entries: list[dict[str, Any]], cutover: dict[str, Any], quiet: Iterable[Span] = (), outages: Iterable[Span] = ()) -> Cut:
    """Clients' view of one cutover, a second before to a second after; uploads count as requests, and not in the gap.

    An announced outage that follows within this second, as a device's does, ends the view: what begins in it is the outage's.
    """
    outages = list(outages)
    following = [max(cutover["end"], start) for start, end in outages if end > cutover["end"]]
    span = (cutover["start"] - AROUND, min((cutover["end"] + AROUND, *following)))
    inside = [entry for entry in entries if "o" in entry and entry["t1"] >= span[0] and entry["t0"] <= span[1]]
    failed = sum(entry["o"] != "ok" and not _in(entry, outages) for entry in inside)
    return Cut(str(cutover.get("direction", "forward")), longest_gap_ms(requests_of(entries), span, quiet), len(inside), failed)


def _in(entry: dict[str, Any], spans: Iterable[Span]) -> bool:
    return any(entry["t0"] <= end and entry["t1"] >= start for start, end in spans)


# ---------------------------------------------------------------- databases (read-only)


def open_database(dsn: str) -> PostgresqlDatabase | MariadbDatabase:
    """One side in one snapshot, by its DSN: PostgreSQL's own form, or ``mariadb://…``."""
    return MariadbDatabase(dsn) if dsn.startswith(MARIADB) else PostgresqlDatabase(dsn)


def take_baseline(dsn: str | None, files: Path | None = None, mutable: Iterable[str] = ()) -> dict[str, Any]:
    """What must still be there at the end: digests of all rows written before the load began (n < 0 or no n), of everything
    that the schema promises (constraints, indexes, defaults, bodies …), and of all files.

    Take it on the source before the load starts; without ``dsn`` there is no database. JSON-able.
    """
    rows: dict[str, list[str]] = {}
    schema: dict[str, str] = {}
    if dsn is not None:
        with open_database(dsn) as database:
            for table in database.list_tables():
                if table not in set(mutable):
                    rows[table] = sorted(digest for _, digest, _ in database.read_rows(table, old=True))
            schema = _digest(database)
    return {"rows": rows, "schema": schema, "files": tree(files) if files else {}}


def _digest(database: Database) -> dict[str, str]:
    definitions = database.read_definitions().items()
    return {name: hashlib.md5(text.encode()).hexdigest() for name, text in definitions}  # noqa: S324 - compared, not trusted


def _judge_numbers(entries: list[dict[str, Any]], present: Counter[int], where: str, verdict: Verdict) -> set[int]:
    """Lost, duplicated and unknown numbers; returns the acknowledged ones that are lost."""
    requests = requests_of(entries)
    acknowledged = {entry["n"] for entry in requests if entry["o"] == "ok"}
    sent = {entry["n"] for entry in requests}
    lost = acknowledged - set(present)
    doubled = [number for number, count in present.items() if count > 1]
    verdict.acknowledged, verdict.lost, verdict.duplicated = len(acknowledged), len(lost), len(doubled)
    verdict.unknown_rows = len(set(present) - sent)
    if lost:
        verdict.blame("lost-write", f"{len(lost)} acknowledged numbers are not in {where}, e.g. {min(lost)}")
    if doubled:
        verdict.blame("duplicate", f"{len(doubled)} numbers are in {where} more than once, e.g. {min(doubled)}")
    refused = {entry["n"] for entry in requests if entry["o"] == "failed"} & set(present)
    if refused:
        verdict.blame("duplicate", f"{len(refused)} numbers were refused and are in {where} all the same, e.g. {min(refused)}")
    return lost


def _judge_baseline(case: Case, live: Database, verdict: Verdict) -> None:
    for table, digests in (case.baseline or {}).get("rows", {}).items():
        gone = Counter(digests) - Counter(digest for _, digest, _ in live.read_rows(table, old=True))
        if gone:
            verdict.blame("row", f"{sum(gone.values())} old rows of {table} are changed or missing on the live side")


def _judge_content(case: Case, entries: list[dict[str, Any]], live: Database, verdict: Verdict) -> None:
    """Every acknowledged number still has the text that its citizen sent."""
    if case.text is None:
        return
    sent = {entry["n"]: entry["c"] for entry in requests_of(entries) if entry["o"] == "ok" and "c" in entry}
    wrong = [number for number, digest in live.read_texts(case.table, case.text) if number in sent and digest != sent[number]]
    if wrong:
        verdict.blame("content", f"{len(wrong)} acknowledged numbers in {case.table} have another text, e.g. {min(wrong)}")


def _judge_schema(case: Case, live: Database, other: Database | None, verdict: Verdict) -> None:
    """What the schema promised before anything moved it still promises, on the live side and, where it follows, on the other."""
    promised = (case.baseline or {}).get("schema", {})
    sides = [("live", live)] + ([("other", other)] if other is not None and case.mode == "equal" else [])
    for name, side in sides:
        there = _digest(side)
        broken = sorted(what for what, digest in promised.items() if there.get(what) != digest)
        if broken:
            verdict.blame("schema", f"on the {name} side {len(broken)} definitions are changed or gone: {', '.join(broken[:5])}")


def _judge_sides(case: Case, live: Database, other: Database, lost: set[int], verdict: Verdict) -> None:
    verdict.equal = True
    live_tables = [table for table in live.list_tables() if table not in case.ignore]
    other_tables = [table for table in other.list_tables() if table not in case.ignore]
    if live_tables != other_tables:
        verdict.equal = False
        verdict.blame("row", f"tables differ: {sorted(set(live_tables) ^ set(other_tables))}")
    for table in sorted(set(live_tables) & set(other_tables)):
        here, there = live.read_rows(table), other.read_rows(table)
        verdict.tables += 1
        verdict.rows += len(here)
        if here == there:
            continue
        verdict.equal = False
        only_here, only_there = Counter(here) - Counter(there), Counter(there) - Counter(here)
        keys_here, keys_there = {key for key, _, _ in only_here}, {key for key, _, _ in only_there}
        changed = keys_here & keys_there if live.find_key(table) else set()
        foreign = [row for row in only_there if row[0] not in changed and row[2] not in lost]
        missing = [row for row in only_here if row[0] not in changed]
        if changed and (case.mode == "equal" or table not in case.mutable):
            verdict.blame("row", f"{len(changed)} rows of {table} differ, e.g. key {min(changed)}")
        if foreign:
            verdict.blame("second-writer", f"{len(foreign)} rows of {table} are on the other side only, e.g. key {foreign[0][0]}")
        if missing and case.mode == "equal":
            verdict.blame("row", f"{len(missing)} rows of {table} are on the live side only, e.g. key {missing[0][0]}")


def _judge_signatures(case: Case, live: Database, verdict: Verdict) -> None:
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(case.public_key or ""))
    bad = []
    for number, signature in live.read_signatures(case.table):
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
    if case.live is None:
        names = Counter({entry["n"]: int(entry.get("file") in live) for entry in requests_of(entries)})
        _judge_numbers(entries, +names, "the files", verdict)
        given = Counter(entry["file"] for entry in requests_of(entries) if entry["o"] == "ok")
        if twice := [name for name, count in given.items() if count > 1]:
            verdict.duplicated = len(twice)
            verdict.blame("duplicate", f"{len(twice)} names were given to two writes, e.g. {twice[0]}")
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
    """Everything about one system. Raises the driver's Error when a side that was given cannot be read. Hold the load before."""
    verdict = Verdict(case.system)
    entries = read_ledger(Path(case.ledger))
    requests, quiet = requests_of(entries), quiet_spans(entries)
    outages = [(float(start), float(end)) for start, end in case.outages]
    bad = [entry for entry in entries if entry.get("o", "ok") != "ok"]
    verdict.failed_in_outages = sum(_in(entry, outages) for entry in bad)
    verdict.failed = len(bad) - verdict.failed_in_outages
    verdict.in_doubt = sum(entry["o"] == "doubt" for entry in bad)
    verdict.longest_gap_ms = longest_gap_ms(requests, None, (*outages, *quiet))
    for cutover in case.cutovers:
        cut = replace(cut_of(entries, cutover, quiet, outages), foretold=case.foretold)
        verdict.cutovers.append(cut)
        if cut.longest_gap_ms > case.limit_ms:
            verdict.blame("slow", f"{cut.direction} cutover: {cut.longest_gap_ms:g} ms without an answer (limit {case.limit_ms:g})")
        if cut.failed_requests > cut.foretold:
            verdict.blame("failed", f"{cut.direction} cutover: {cut.failed_requests} requests failed, {cut.foretold} were foretold")
    if case.live is not None:
        _judge_database(case, case.live, entries, verdict)
    if case.live_files:
        _judge_files(case, entries, verdict)
    return verdict


def _judge_database(case: Case, dsn: str, entries: list[dict[str, Any]], verdict: Verdict) -> None:
    with open_database(dsn) as live:
        lost = _judge_numbers(entries, Counter(live.read_numbers(case.table)), case.table, verdict)
        _judge_content(case, entries, live, verdict)
        _judge_baseline(case, live, verdict)
        for behind in live.find_sequences_behind():
            verdict.blame("sequence", behind)
        if case.public_key:
            _judge_signatures(case, live, verdict)
        if case.other:
            with open_database(case.other) as other:
                _judge_schema(case, live, other, verdict)
                _judge_sides(case, live, other, lost, verdict)
        else:
            _judge_schema(case, live, None, verdict)


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
