"""What a reading is made of: raw rows with their places on the way in, an inventory with findings on the way out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator import texts
from orchestrator.errors import Finding
from orchestrator.inventory.personal import hidden
from orchestrator.inventory.questions import Question
from orchestrator.inventory.schema import place_of
from orchestrator.models import Excluded, ExcludedRow, Inventory, System
from orchestrator.texts import Words

COLUMNS_FILE = "columns.yaml"
"""In an inventory folder: how a city reads the tables of others."""
YAML_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Interpretation:
    """A value that was not taken as it stands: what was read (without figures that lead to a person), and what was understood."""

    file: str
    sheet: str
    cell: str
    read: str
    understood: Words

    def __post_init__(self) -> None:
        object.__setattr__(self, "read", hidden(self.read)[:200])

    def reworded(self, reword: Callable[[str], str]) -> Interpretation:
        """The same, every text in it that is not ours put through ``reword``."""
        understood = texts.reworded(self.understood, reword)
        return Interpretation(reword(self.file), reword(self.sheet), self.cell, reword(self.read), understood)

    def as_json(self) -> dict[str, str]:
        place = {"file": self.file, "sheet": self.sheet, "cell": self.cell}
        return {**place, "read": self.read, "understood": str(self.understood)}


@dataclass
class Raw:
    """One row or YAML item about one system, values by field name, each with its cell. Never made of a classified row."""

    file: str
    sheet: str = ""
    cell: str = ""
    """The row as a whole: ``A5`` or ``L12``."""
    values: dict[str, Any] = field(default_factory=dict)
    cells: dict[str, str] = field(default_factory=dict)
    """Field → its cell; for a row of a sheet only those that ``columns`` does not say."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Field → letters of its column, one for all rows of a sheet."""
    unknown: dict[str, str] = field(default_factory=dict)
    parts: list[tuple[str, int, Raw]] = field(default_factory=list)
    """Rows of technical sheets that joined it: list, position in the list, row."""
    interpretations: list[Interpretation] = field(default_factory=list)
    """What was understood on this row: listed only once it is known to be no classified system's."""
    findings: list[Finding] = field(default_factory=list)
    """What repeats words of this row: told only then too."""
    name: str = ""
    """Of a technical row, what it calls itself within its system."""
    unread: set[str] = field(default_factory=set)
    """Fields whose cell was filled and could not be read."""
    source: str = ""
    """Digest of the headers of its table (see ``questions``)."""
    contexts: Mapping[str, str] = field(default_factory=dict)
    """Where it stands, in words: sheet, title, file. One mapping for all rows of a table."""
    code: str = ""
    """What the office calls it where it has another id."""
    waits: str = ""
    """The cell of its table's header, while the table's columns are being asked about: what it lacks may stand in one of them."""
    stored: bool = False
    """It stands for a system of an earlier import, of which only technical rows were read."""

    def name_rows(self, kinds: tuple[str, ...]) -> None:
        """Keep where the technical rows of a system stand by their names; one that shares its name with another has no place of its own."""
        for _, _, part in self.parts:
            part.name = str(part.values.get("name", ""))
        for kind in kinds:
            items = self.values.get(kind)
            lines = getattr(items, "lines", ())
            names = [str(item.get("name", "")) if isinstance(item, dict) else "" for item in items or ()] if lines else []
            for name, line, item in zip(names, lines, items or (), strict=False):
                if name and names.count(name) == 1:
                    self.cells[f"{kind}/{name}"] = f"L{abs(line)}"
                    self.cells |= {f"{kind}/{name}/{key}": f"L{abs(at)}" for key, at in item.lines.items() if abs(at) != abs(line)}

    def at(self, name: str) -> str:
        if name in self.columns:
            return self.columns[name] + self.cell[1:]
        return self.cells.get(name, self.cell)

    def place(self, name: str) -> str:
        """``file › sheet › cell`` of a field, for people."""
        return " › ".join(part for part in (self.file, self.sheet, self.at(name)) if part)

    def finding(self, code: str, severity: str, says: Words, mend: Words, at: str = "", system: str = "") -> Finding:
        return Finding(code, severity, says, mend, file=self.file, sheet=self.sheet, cell=self.at(at), system=system)


class Placed(Mapping[str, str]):
    """Field → ``file › sheet › cell`` of one system."""

    @abstractmethod
    def locate(self, *path: str | int) -> tuple[str, str, str]:
        """File, sheet and cell of what stands within a technical row: ``("services", "portal-web", "environment", "PORT")``."""

    @abstractmethod
    def called(self, kind: str) -> list[str]:
        """The names of technical rows as they are written, those included that could not be read."""


class Places(Placed):
    """Field → ``file › sheet › cell`` of one row, put into words when asked for: a city's forms have millions of cells.

    A technical row's place is asked for by its name: ``hosts/h-2/vcpus``; where the field is not known, the row's.
    """

    def __init__(self, raw: Raw) -> None:
        self._raw = raw
        self._joined = {kind: part.place("") for kind, _, part in reversed(raw.parts)}

    def __getitem__(self, name: str) -> str:
        if "/" in name:
            return self._of_row(name)
        if name in self._joined:
            return self._joined[name]
        if name in self._raw.columns or name in self._raw.cells:
            return self._raw.place(name)
        raise KeyError(name)

    def _of_row(self, name: str) -> str:
        for known in (name, name.rpartition("/")[0]):
            if known in self._raw.cells:
                return self._raw.place(known)
        kind, row, column = [*name.split("/"), "", ""][:3]
        named = [part for of, _, part in self._raw.parts if of == kind and part.name == row]
        if len(named) == 1:
            return named[0].place(column)
        raise KeyError(name)

    def locate(self, *path: str | int) -> tuple[str, str, str]:
        raw, (kind, name, *rest) = self._raw, path
        for of, _, part in raw.parts:
            if of == kind and name in (part.values.get("name"), part.values.get("path")):
                return part.file, part.sheet, part.at(str(rest[0]) if rest else "")
        items = raw.values.get(str(kind), ())
        named = (n for n, item in enumerate(items) if isinstance(item, Mapping) and name in (item.get("name"), item.get("path")))
        return raw.file, raw.sheet, str(place_of(raw.values, (str(kind), next(named, 0), *rest))) or raw.cell

    def called(self, kind: str) -> list[str]:
        rows: list[Mapping[str, Any]] = [part.values for of, _, part in self._raw.parts if of == kind]
        rows += [item for item in self._raw.values.get(kind, ()) if isinstance(item, Mapping)]
        return [str(row["name"]) for row in rows if row.get("name")]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([*self._raw.columns, *self._raw.cells, *self._joined]))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def systems_of(inventory: Inventory) -> list[System]:
    """Systems in the count and out of it."""
    return [*inventory.systems, *(row.system for row in inventory.excluded if row.system)]


@dataclass(frozen=True)
class Uncounted:
    """A row that cannot become a system yet because what the count needs is missing or unreadable."""

    name: str
    department: str
    level: str
    missing: tuple[str, ...]
    file: str
    cell: str


@dataclass(frozen=True, slots=True)
class Withheld:
    """A classified row, or one whose classification is not answered: all that is known of it (R2), and where it stood."""

    department: str
    row_no: int | None
    answered: bool
    file: str
    sheet: str = ""
    system: str = ""
    """The stored system that it says it is, by its code, or by department and name."""

    @property
    def row(self) -> ExcludedRow:
        return ExcludedRow(department=self.department, reason=Excluded.CLASSIFIED, row_no=self.row_no, answered=self.answered)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What was understood of all inputs together. ``inventory`` holds only what could be read; ``findings`` say what could not."""

    inventory: Inventory
    findings: list[Finding] = field(default_factory=list)
    interpretations: list[Interpretation] = field(default_factory=list)
    places: Mapping[str, Placed] = field(default_factory=dict)
    """System id → field → ``file › sheet › cell``."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Where things were read from: system id, ``departments:id``, ``rooms:id`` → file."""
    tables: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """System id → file and sheet of its row."""
    withheld: tuple[Withheld, ...] = ()
    """The classified and unanswered rows of ``inventory``, each with its place."""
    forms: frozenset[tuple[str, str]] = frozenset()
    """(file, sheet) of every statistics form that was read, also of one without a row."""
    sources: frozenset[str] = frozenset()
    """The files that gave anything."""
    uncounted: list[Uncounted] = field(default_factory=list)
    rows: int = 0
    """Rows about systems that were read, classified and unreadable ones included."""
    unanswered: int = 0
    """Rows among the classified ones whose classification is not answered: treated the same until it is (R2)."""
    unknown_columns: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    """What remains to be asked of the offices; their findings are among ``findings`` until it is answered."""

    def all_systems(self) -> list[System]:
        """Systems in the count and out of it."""
        return systems_of(self.inventory)

    def from_yaml(self, ident: str) -> bool:
        """Whether that system was read from YAML, not from a form."""
        return self.files.get(ident, "").lower().endswith(YAML_SUFFIXES)

    @property
    def errors(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.severity == "error"]
