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
from orchestrator.texts import Name, Value, Words, say

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
        raise Unreadable([say("vendor.too_large", name=file.name, bytes=file.stat().st_size)])
    data = file.read_bytes()
    for encoding in _encodings(data):
        try:
            return _PAGING.sub("", data.decode(encoding))
        except UnicodeDecodeError:
            continue
    raise Unreadable([say("vendor.no_encoding", name=file.name)])


def _encodings(data: bytes) -> list[str]:
    """UTF-16 has a zero byte beside each of our own letters, with a mark at its beginning or without."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return ["utf-16"]
    high, low = data[:4000:2].count(0), data[1:4000:2].count(0)
    if max(high, low) * 4 > len(data[:4000:2]):
        return ["utf-16-le" if low > high else "utf-16-be"]
    return ["utf-8-sig", "gb18030"]


def _records(text: str, nonce: str, words: frozenset[str]) -> tuple[list[tuple[int, list[str]]], list[Words]]:
    """Our lines with their numbers, and what is wrong with the whole."""
    found: list[tuple[int, list[str]]] = []
    reasons: list[Words] = []
    begun = ended = False
    for number, line in enumerate(text.splitlines(), start=1):
        hits = [hit for hit in _OURS.finditer(line) if line[max(0, hit.start() - 1) : hit.start()] != "'"]
        for hit in hits:
            fields = hit[1].split("|")
            if fields[0] in ("BEGIN", "END"):
                if fields[1:2] != [nonce]:
                    reasons.append(say("vendor.other_statement", line=number, found=fields[1] if len(fields) > 1 else '?', asked=nonce))
                begun, ended = begun or fields[0] == "BEGIN", ended or fields[0] == "END"
            if fields[0] in words:
                found.append((number, fields))
        if not hits and _BEGUN.search(line):
            reasons.append(say("vendor.line_cut", number=number, line=line.strip()[:80]))
    if not begun:
        reasons.append(say("vendor.no_first_line"))
    if not ended:
        reasons.append(say("vendor.no_last_line"))
    return found, reasons


def read_list(text: str, dialect: Dialect, nonce: str) -> list[Table]:
    """Tables with their columns. Where a person lists them: a line ``schema.table`` each. Raises Unreadable with every reason."""
    if not dialect.catalogue:
        return _listed_by_hand(text, dialect)
    records, reasons = _records(text, nonce, frozenset({"COLUMN"}))
    columns: dict[tuple[str, str], list[Column]] = {}
    for number, fields in records:
        if len(fields) != 6:
            reasons.append(say("vendor.six_parts", line=number, count=len(fields)))
            continue
        _, schema, table, column, kind, scale = fields
        names = {"schema": schema, "table": f"{schema}.{table}", "column": f"{schema}.{table}.{column}"}
        faults = [(what, faults_of_name(dialect, name)) for what, name in zip(names, (schema, table, column), strict=True)]
        reasons += [say("vendor.line_name", line=number, what=_PARTS[what], name=names[what], fault=fault) for what, fault in faults if fault]
        columns.setdefault((schema, table), []).append(Column(column, kind, int(scale) if _COUNT.fullmatch(scale) else None))
    tables = [Table(schema, name, tuple(each)) for (schema, name), each in columns.items()]
    return _insist_on(tables, reasons, text)


_PARTS = {"schema": Name("模式", "schema"), "table": Name("表", "table"), "column": Name("列", "column")}


def _listed_by_hand(text: str, dialect: Dialect) -> list[Table]:
    reasons: list[Words] = []
    tables: list[Table] = []
    for number, line in enumerate(text.splitlines(), start=1):
        name = line.strip()
        if not name or name.startswith("#"):
            continue
        schema, _, table = name.rpartition(".")
        fault = faults_of_name(dialect, table) or (faults_of_name(dialect, schema) if schema else "")
        if fault:
            reasons.append(say("vendor.line_of", line=number, name=name[:80], fault=fault))
        tables.append(Table(schema, table, ()))
    doubled = sorted({table.title for table in tables if tables.count(table) > 1})
    reasons += [say("vendor.listed_twice", title=title) for title in doubled]
    return _insist_on(tables, reasons, text)


def _insist_on(tables: list[Table], reasons: list[Words], text: str) -> list[Table]:
    if not tables and not reasons:
        reasons = [say("vendor.no_table")]
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
                reasons.append(say("vendor.not_asked", line=line, table=tuple(fields[1:3])))
            elif at in rows:
                reasons.append(say("vendor.twice", title=asked[at][0].title, line=line))
            else:
                faults = list(_faults(asked[at][1], fields[3:]))
                reasons += [say("vendor.title_line", title=asked[at][0].title, line=line, fault=fault) for fault in faults]
                rows[at] = () if faults else tuple(_value(each) for each in fields[3:])
    missing = list(dict.fromkeys(table.title for at, (table, _) in asked.items() if at not in rows))
    reasons += [say("vendor.missing", title=title) for title in missing]
    if reasons:
        raise Unreadable([*reasons, *_complaints(text)])
    return Values(rows, server)


def _place(fields: list[str]) -> tuple[int, int]:
    return (int(fields[1]), int(fields[2])) if len(fields) > 3 and all(_COUNT.fullmatch(each) for each in fields[1:3]) else (0, 0)


def _faults(measures: list[Measure], values: list[str]) -> Iterator[Words]:
    if len(values) != len(measures) + 1:
        yield say("vendor.values_count", count=len(values), wanted=len(measures) + 1)
        return
    if fault := _no_number(values[0]) or ("" if _COUNT.fullmatch(values[0]) else say("vendor.no_count", value=values[0])):
        yield say("vendor.of", name=_ROWS, said=fault)
    for measure, value in zip(measures, values[1:], strict=True):
        if value != "NULL" and (fault := _no_number(value)):
            yield say("vendor.of", name=measure.column, said=fault)


_ROWS = Name("行数", "rows")
_FOREIGN = (
    (re.compile(r"\s*"), say("vendor.nothing_printed")),
    (re.compile(r"-?\d{1,3}([,.' \u00a0\u202f]\d{3})+([.,]\d+)?"), say("vendor.thousands")),
    (re.compile(r"-?\d*,\d+"), say("vendor.decimal_comma")),
    (re.compile(r"\s*-?\d*\.?\d+\s*[eE][+-]?\d+\s*"), say("vendor.rounded")),
    (re.compile(r"\s*[#*]+\s*"), say("vendor.no_width")),
)


def _no_number(value: str) -> Words:
    """Why a text is no number of our form; empty when it is one."""
    if _NUMBER.fullmatch(value):
        return ""
    said = next((words for form, words in _FOREIGN if form.fullmatch(value)), say("vendor.no_number"))
    return say("vendor.value_says", value=value[:40], said=said)


def _value(text: str) -> Decimal | None:
    return None if text == "NULL" else Decimal(text)


def _complaints(text: str) -> list[Words]:
    said = [line.strip()[:160] for line in text.splitlines() if _COMPLAINT.search(line) and "ORCH|" not in line]
    return [say("vendor.client_said", line=line) for line in said[:5]]


def differences(dialect: Dialect, tables: Sequence[Table], source: Values, target: Values) -> list[Words]:
    """What is not the same on both sides, each with its table and column. Empty: equal."""
    found: list[Words] = []
    if source.server and source.server == target.server:
        found.append(say("vendor.one_server", server=source.server))
    for number, table in enumerate(tables, start=1):
        for part, measures in enumerate(lines_of(dialect, table), start=1):
            here, there = source.rows[(number, part)], target.rows[(number, part)]
            titles: list[Value] = [_ROWS, *(f"{measure.column} ({measure.what})" for measure in measures)]
            for title, mine, other in zip(titles, here, there, strict=True):
                if mine != other and not (title is _ROWS and part > 1):
                    found.append(say("vendor.differ", table=table.title, measure=title, source=_shown(mine), target=_shown(other)))
    return found


def _shown(value: Decimal | None) -> str:
    return "NULL" if value is None else f"{value:f}"
