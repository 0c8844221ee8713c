"""Reads what a vendor's client printed: strict about our own lines, patient about everything around them.

Headings, paging, banners and echoed statements are passed over. What is cut, missing, doubled, rounded, or printed in the form of some
locale is named with its table and line, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from orchestrator.movers.vendor.dialects import Dialect, faults_of_name
from orchestrator.movers.vendor.statements import Column, Measure, Table, lines_of
from orchestrator.texts import Words

LARGEST = 200_000_000
"""Bytes of output that are read: a line a table is a few hundred."""
NAMED = 20
_OURS = re.compile(r"ORCH\|(.*?)\|\.(?=\s|[|+]|$)")
_BEGUN = re.compile(r"(?<!')ORCH\|")
_COUNT = re.compile(r"[0-9]{1,38}")
_NUMBER = re.compile(r"-?([0-9]{1,60}(\.[0-9]{0,60})?|\.[0-9]{1,60})")
_COMPLAINT = re.compile(r"ORA-\d{5}|SP2-\d{4}|\bMsg \d+, Level|\bERROR\b|\[-\d{3,6}\]|错误|SQLSTATE|执行失败")
_PAGING = re.compile(r"--\s?More\s?--|\x1b\[[0-9;?]*[A-Za-z]|\x08")


@dataclass(frozen=True)
class Values:
    """What one side's client printed. ``rows``: by table number and line, count first, then the measures in order."""

    rows: dict[tuple[int, int], tuple[Decimal | None, ...]] = field(default_factory=dict)
    server: str = ""


class Unreadable(Exception):
    """A file that is not what was asked for. Says why, every reason."""

    def __init__(self, reasons: Sequence[Words]) -> None:
        super().__init__(*reasons)
        self.reasons: list[Words] = list(reasons)


def read_text(path: str) -> str:
    """A file in whatever character set its client wrote. Raises Unreadable where none fits."""
    file = Path(path)
    if file.stat().st_size > LARGEST:
        raise Unreadable([f"{file.name} has {file.stat().st_size} bytes: that is no list of counts"])
    data = file.read_bytes()
    for encoding in _encodings(data):
        try:
            return _PAGING.sub("", data.decode(encoding))
        except UnicodeDecodeError:
            continue
    raise Unreadable([f"{file.name} is neither UTF-8, GBK nor UTF-16: hand in what the client wrote, unchanged"])


def _encodings(data: bytes) -> list[str]:
    """UTF-16 has a zero byte beside each of our own letters, with a mark at its beginning or without."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return ["utf-16"]
    high, low = data[:4000:2].count(0), data[1:4000:2].count(0)
    if max(high, low) * 4 > len(data[:4000:2]):
        return ["utf-16-le" if low > high else "utf-16-be"]
    return ["utf-8-sig", "gb18030"]


def _records(text: str, nonce: str, words: frozenset[str]) -> tuple[list[tuple[int, list[str]]], list[str]]:
    """Our lines with their numbers, and what is wrong with the whole."""
    found: list[tuple[int, list[str]]] = []
    reasons: list[str] = []
    begun = ended = False
    for number, line in enumerate(text.splitlines(), start=1):
        hits = [hit for hit in _OURS.finditer(line) if line[max(0, hit.start() - 1) : hit.start()] != "'"]
        for hit in hits:
            fields = hit[1].split("|")
            if fields[0] in ("BEGIN", "END"):
                if fields[1:2] != [nonce]:
                    reasons.append(f"line {number} is the output of another statement ({fields[1] if len(fields) > 1 else '?'}, asked for was {nonce})")
                begun, ended = begun or fields[0] == "BEGIN", ended or fields[0] == "END"
            if fields[0] in words:
                found.append((number, fields))
        if not hits and _BEGUN.search(line):
            reasons.append(f"line {number} is cut: {line.strip()[:80]!r}; let the client print long lines whole")
    if not begun:
        reasons.append("it does not begin with our first line: it is not the output of this statement, or its beginning is missing")
    if not ended:
        reasons.append("it does not end with our last line: it was cut off, or the client stopped before its end")
    return found, reasons


def read_list(text: str, dialect: Dialect, nonce: str) -> list[Table]:
    """Tables with their columns. Where a person lists them: a line ``schema.table`` each. Raises Unreadable with every reason."""
    if not dialect.catalogue:
        return _listed_by_hand(text, dialect)
    records, reasons = _records(text, nonce, frozenset({"COLUMN"}))
    columns: dict[tuple[str, str], list[Column]] = {}
    for number, fields in records:
        if len(fields) != 6:
            reasons.append(f"line {number} has {len(fields)} parts instead of 6: a name with | in it cannot be told from the next")
            continue
        _, schema, table, column, kind, scale = fields
        names = {"schema": schema, "table": f"{schema}.{table}", "column": f"{schema}.{table}.{column}"}
        faults = [(what, faults_of_name(dialect, name)) for what, name in zip(names, (schema, table, column), strict=True)]
        reasons += [f"line {number}, {what} {names[what]}: {fault}" for what, fault in faults if fault]
        columns.setdefault((schema, table), []).append(Column(column, kind, int(scale) if _COUNT.fullmatch(scale) else None))
    tables = [Table(schema, name, tuple(each)) for (schema, name), each in columns.items()]
    return _insist_on(tables, reasons, text)


def _listed_by_hand(text: str, dialect: Dialect) -> list[Table]:
    reasons, tables = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        name = line.strip()
        if not name or name.startswith("#"):
            continue
        schema, _, table = name.rpartition(".")
        fault = faults_of_name(dialect, table) or (faults_of_name(dialect, schema) if schema else "")
        if fault:
            reasons.append(f"line {number}, {name[:80]}: {fault}")
        tables.append(Table(schema, table, ()))
    doubled = sorted({table.title for table in tables if tables.count(table) > 1})
    reasons += [f"{title} is listed more than once" for title in doubled]
    return _insist_on(tables, reasons, text)


def _insist_on(tables: list[Table], reasons: list[str], text: str) -> list[Table]:
    if not tables and not reasons:
        reasons = ["it lists no table: the account sees none, or it is another database"]
    if reasons:
        raise Unreadable([*reasons, *_complaints(text)])
    return tables


def read_counts(text: str, dialect: Dialect, tables: Sequence[Table], nonce: str) -> Values:
    """Counts and sums of every table. Raises Unreadable with every reason, each with its table."""
    records, reasons = _records(text, nonce, frozenset({"ROW", "SERVER", "END"}))
    asked = {(number, part): (table, measures) for number, table in enumerate(tables, start=1)
             for part, measures in enumerate(lines_of(dialect, table), start=1)}  # fmt: skip
    rows: dict[tuple[int, int], tuple[Decimal | None, ...]] = {}
    server = ""
    for line, fields in records:
        if fields[0] == "SERVER":
            server = "|".join(fields[1:])
        elif fields[0] == "ROW":
            at = _place(fields)
            if at not in asked:
                reasons.append(f"line {line} is of a table that was not asked for ({'|'.join(fields[1:3])})")
            elif at in rows:
                reasons.append(f"{asked[at][0].title} is there twice (line {line}): one run's output, whole, is asked for")
            else:
                faults = list(_faults(asked[at][1], fields[3:]))
                reasons += [f"{asked[at][0].title} (line {line}): {fault}" for fault in faults]
                rows[at] = () if faults else tuple(_value(each) for each in fields[3:])
    missing = list(dict.fromkeys(table.title for at, (table, _) in asked.items() if at not in rows))
    reasons += [f"{title} is missing" for title in missing]
    if reasons:
        raise Unreadable([*reasons, *_complaints(text)])
    return Values(rows, server)


def _place(fields: list[str]) -> tuple[int, int]:
    return (int(fields[1]), int(fields[2])) if len(fields) > 3 and all(_COUNT.fullmatch(each) for each in fields[1:3]) else (0, 0)


def _faults(measures: list[Measure], values: list[str]) -> Iterator[str]:
    if len(values) != len(measures) + 1:
        yield f"{len(values)} values instead of {len(measures) + 1}: a separator was printed within one, or the line is not whole"
        return
    if fault := _no_number(values[0]) or ("" if _COUNT.fullmatch(values[0]) else f"{values[0]!r} is no count of rows"):
        yield f"rows: {fault}"
    for measure, value in zip(measures, values[1:], strict=True):
        if value != "NULL" and (fault := _no_number(value)):
            yield f"{measure.column}: {fault}"


_FOREIGN = (
    (re.compile(r"\s*"), "nothing was printed: the client shows NULL as nothing, or the value is missing"),
    (re.compile(r"-?\d{1,3}([,.' \u00a0\u202f]\d{3})+([.,]\d+)?"), "it has thousands separators of a locale"),
    (re.compile(r"-?\d*,\d+"), "it has a decimal comma"),
    (re.compile(r"\s*-?\d*\.?\d+\s*[eE][+-]?\d+\s*"), "it was rounded by the client"),
    (re.compile(r"\s*[#*]+\s*"), "the client had no width for it"),
)


def _no_number(value: str) -> str:
    """Why a text is no number of our form; empty when it is one."""
    if _NUMBER.fullmatch(value):
        return ""
    said = next((words for form, words in _FOREIGN if form.fullmatch(value)), "it is no number")
    return f"{value[:40]!r}: {said}"


def _value(text: str) -> Decimal | None:
    return None if text == "NULL" else Decimal(text)


def _complaints(text: str) -> list[str]:
    said = [line.strip()[:160] for line in text.splitlines() if _COMPLAINT.search(line) and "ORCH|" not in line]
    return [f"the client said: {line}" for line in said[:5]]


def differences(dialect: Dialect, tables: Sequence[Table], source: Values, target: Values) -> list[str]:
    """What is not the same on both sides, each with its table and column. Empty: equal."""
    found = []
    if source.server and source.server == target.server:
        found.append(f"both outputs are of one server ({source.server}): each side's own is asked for")
    for number, table in enumerate(tables, start=1):
        for part, measures in enumerate(lines_of(dialect, table), start=1):
            here, there = source.rows[(number, part)], target.rows[(number, part)]
            titles = ["rows", *(f"{measure.column} ({measure.what})" for measure in measures)]
            for title, mine, other in zip(titles, here, there, strict=True):
                if mine != other and not (title == "rows" and part > 1):
                    found.append(f"{table.title}, {title}: {_shown(mine)} at the source, {_shown(other)} at the target")
    return found


def _shown(value: Decimal | None) -> str:
    return "NULL" if value is None else f"{value:f}"
