"""A classified row, or one that is not answered, is a wall: nothing of it reaches its neighbours (R2).

Merged cells that begin on it, formulas that look at it, and texts that repeat what it is called give nothing. What it is called is known in
memory only, while a reading lasts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.errors import Finding
from orchestrator.inventory.cells import text_of
from orchestrator.inventory.names import key
from orchestrator.inventory.reading import Raw
from orchestrator.inventory.sheets.header import Line, Table
from orchestrator.texts import say

HIDDEN = "〔涉密〕"
_ITS_DEPARTMENTS = {"department", "level", "organisation_type"}
_RANGE = re.compile(r"\$?[A-Z]{1,3}\$?(\d{1,7})(?::\$?[A-Z]{1,3}\$?(\d{1,7}))?")
_ANYWHERE = re.compile(r"!|\[|INDIRECT|OFFSET|INDEX|LOOKUP|MATCH|\$?\b[A-Z]{1,3}:\$?[A-Z]{1,3}\b", re.IGNORECASE)
_SHORTEST = 3
_KIND_OF_THING = re.compile(r"(?:信息系统|子系统|系统|平台|网站|门户|数据库|软件|小程序|app)$", re.IGNORECASE)
_NAMES = {"name", "department", "depends_on", "database_owner", "id", "system"}
"""Fields that hold names of others: an unknown one is never kept, a known one is no secret."""


@dataclass
class Wall:
    """The rows of one sheet that nothing may be learnt from."""

    rows: set[int] = field(default_factory=set)
    """From 1, as formulas count them."""
    _formulas: list[tuple[Raw, str, str, str]] = field(default_factory=list)
    """Row, field, cell, formula."""

    def add(self, line: Line) -> None:
        self.rows.add(line.number + 1)

    def without_its_cells(self, line: Line, table: Table) -> Line:
        """The line without what merged cells of a wall put into it; whose row it is, and whether it is classified, they may say."""
        gone = [
            index for index, origin in line.origins.items()
            if origin + 1 in self.rows and index not in table.classified
            and getattr(table.columns.get(index), "field", "") not in _ITS_DEPARTMENTS
        ]  # fmt: skip
        if not gone:
            return line
        cells = list(line.cells)
        for index in gone:
            cells[index] = None
        return replace(line, cells=cells)

    def saw_formula(self, raw: Raw, name: str, cell: str, formula: str) -> None:
        self._formulas.append((raw, name, cell, formula))

    def take_back(self) -> Iterable[Finding]:
        """Values of formulas that look at a wall, once all of them are known; each is a finding."""
        for raw, name, cell, formula in self._formulas if self.rows else ():
            if not touches(formula, self.rows) or (raw.values.pop(name, None) is None and raw.unknown.pop(name, None) is None):
                continue
            yield Finding(
                "formula-touches-classified", "warning", say("inventory.formula_touches_classified"),
                say("inventory.type_value"), file=raw.file, sheet=raw.sheet, cell=cell,
            )  # fmt: skip


def touches(formula: str, rows: Collection[int]) -> bool:
    """Whether a formula may look at one of these rows. One whose text is not known (shared with another cell) may."""
    if not formula or _ANYWHERE.search(formula):
        return True
    for first, last in _RANGE.findall(formula):
        low, high = sorted((int(first), int(last or first)))
        if any(low <= row <= high for row in rows):
            return True
    return False


class Secrets:
    """What classified and unanswered rows are called, to be struck out wherever others mention them."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._short: set[str] = set()
        """Without 系统, 平台 and the like: what people call them."""
        self._systems: set[tuple[str, str]] = set()

    def add(self, cell: Any, classified_at: str | None = None) -> None:
        """``classified_at``: the department of a row that says yes."""
        name = text_of(cell)
        if classified_at is not None:
            self._systems.add((key(classified_at), key(name)))
            short = _KIND_OF_THING.sub("", name)
            if len(short) >= _SHORTEST and short != name:
                self._short.add(short)
        if len(name) >= _SHORTEST:
            self._names.add(name)

    def said_otherwise(self, raw: Raw) -> bool:
        """Whether another row says of this one's system that it is classified."""
        name = key(str(raw.values.get("name") or ""))
        return bool(name) and (key(str(raw.values.get("department") or "")), name) in self._systems

    def strike(self, raws: Iterable[Raw], known: Iterable[str], departments: Collection[str]) -> re.Pattern[str] | None:
        """Strike them out of the texts of these rows. ``known``: what other systems are called: that is no secret, nor is what is part of it or
        of a department's name. Returns what was looked for."""
        names = list(known)
        keys = {key(name) for name in names}
        told = "\n".join((*keys, *(key(name) for name in departments)))
        words = {name for name in self._names if key(name) not in keys} | {short for short in self._short if key(short) not in told}
        secret = sorted(words, key=len, reverse=True)
        if not secret:
            return None
        longer = sorted((name for name in names if any(word in name for word in secret)), key=len, reverse=True)
        pattern = re.compile("|".join([*(f"({re.escape(name)})" for name in longer[:90]), *(re.escape(name) for name in secret)]))
        for raw in raws:
            raw.unknown = {struck(pattern, words): struck(pattern, text) for words, text in raw.unknown.items()}
            for name, value in raw.values.items():
                if isinstance(value, str) and name not in _NAMES:
                    raw.values[name] = struck(pattern, value)
        return pattern


def struck(pattern: re.Pattern[str], text: str) -> str:
    """The text without what is secret; a known longer name around it stays."""
    return pattern.sub(lambda found: found.group(0) if found.lastindex else HIDDEN, text)


def strike_places(pattern: re.Pattern[str], raws: Iterable[Raw]) -> None:
    """Files and sheets are named after systems, too."""
    for raw in raws:
        raw.file, raw.sheet = struck(pattern, raw.file), struck(pattern, raw.sheet)
