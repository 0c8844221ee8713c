"""What became of stored systems that a form no longer lists: by identity, else as somebody says; what nobody says is asked. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.inventory.answerbook import Answers
from orchestrator.inventory.folder.asking_again import CLASSIFIED, KEPT, RENAMED, Said, Telling, read_fate, read_ids
from orchestrator.inventory.folder.origins import Stored
from orchestrator.inventory.folder.resent import Resent, Sheet
from orchestrator.inventory.names import NOBODY, Names, key
from orchestrator.inventory.reading import Reading, Withheld, systems_of
from orchestrator.models import Inventory, System


@dataclass
class Settled:
    """``removed``: id → how it is said that it goes (``CLASSIFIED``, ``WITHDRAWN``, ``""`` for a row that does not answer, ``--remove``).
    ``renamed``: id in the reading → its id in the folder. ``tables``: the folder's after the import."""

    removed: dict[str, str] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    tables: Stored = field(default_factory=Stored)
    telling: Telling = field(default_factory=Telling)


class Settling:
    """One reading beside what is stored; ``settle`` once. What nobody knows is in ``telling``: errors where an import waits for an answer."""

    def __init__(self, known: Inventory, stored: Stored, reading: Reading, answers: Answers, said: Said) -> None:
        self.before = {system.id: system for system in systems_of(known)}
        self.resent = Resent(self.before, stored, reading, said.keep)
        self.answers, self.said = answers, said
        self.settled = Settled(dict.fromkeys(said.remove, "--remove"), telling=Telling(known, reading, answers))
        self.named = {row.system: row for row in reading.withheld if row.system and row.system not in self.resent.listed}
        self.new: dict[str, list[System]] = {}
        """New systems of a department, and of a name."""
        for system in self.resent.new:
            for word in (system.department, key(system.name)):
                self.new.setdefault(word, []).append(system)
        self.alike = {department: Names(one.name for one in self.new.get(department, ())) for department in self.resent.owners}
        self.added: list[tuple[Withheld, str]] = []

    def settle(self) -> Settled:
        resent, settled = self.resent, self.settled
        settled.removed |= {ident: CLASSIFIED for ident, row in self.named.items() if row.answered}
        for ident in sorted({*resent.missing, *self.named, *(self.said.rename.keys() & self.before.keys())} - settled.removed.keys()):
            self._settle_one(ident, self._sheets_of(ident))
        unlisted = self.before.keys() - resent.listed - resent.missing.keys() - self.resent.kept - settled.removed.keys()
        for sheet in resent.sheets:
            self._ask_of_rows(sheet, sorted(unlisted))
        for ident in sorted(ident for ident, why in settled.removed.items() if why == CLASSIFIED):
            settled.telling.now_classified(self.before[ident], self._sheets_of(ident)[0])
        settled.telling.perhaps_renamed(self.said.keep)
        settled.telling.alike(resent, [self.before[ident] for ident in sorted(unlisted)], [*settled.removed])
        left = resent.rows_left()
        settled.telling.rows_kept([(row, sheet) for row, _, sheet in left if sheet])
        rows = [(row, sheet.key) for sheet in resent.sheets for row in sheet.rows if row.system not in self.resent.kept or row.answered]
        rows += [(row, table) for row, table, _ in left] + self.added
        gone = settled.removed.keys() - resent.listed
        keys = {**resent.stored.systems, **{ident: on[0].key for ident, on in resent.missing.items()}}  # what stays is of the sheet that should list it
        keys |= {system.id: sheet.key for sheet in resent.sheets for system in sheet.systems}
        keys = {settled.renamed.get(ident, ident): table for ident, table in keys.items() if ident not in gone}
        settled.tables = Stored(keys, rows)
        return settled

    def _sheets_of(self, ident: str) -> list[Sheet]:
        """The sheets that should list a stored system, or that have its row."""
        resent = self.resent
        return resent.missing.get(ident) or [sheet for sheet in resent.sheets if self.named.get(ident) in sheet.rows] or resent.sheets

    def _settle_one(self, ident: str, sheets: list[Sheet]) -> None:
        answer = self.answers.get("gone", about=ident, scope=sheets[0].scope)
        fate, name = read_fate(answer.answer) if answer and answer.by else ("", "")
        row = self.named.get(ident)
        if ident in self.said.rename:
            fate, name = RENAMED, self.said.rename[ident]
        if ident in self.resent.kept or fate == KEPT:
            self.resent.kept.add(ident)  # a row that does not answer is that system, and no further one
        elif fate == RENAMED:
            again = [one for one in self.resent.new if one.id == name or key(one.name) == key(name)]
            if len(again) != 1 or again[0].id in self.settled.renamed:
                self.settled.telling.rename_unknown(self.before[ident], sheets[0])
            else:
                self.settled.renamed[again[0].id] = ident
        elif fate:
            self.settled.removed[ident] = fate
            if fate == CLASSIFIED and not row:
                self._count_as_classified(self.before[ident], sheets)
        else:
            self._ask(self.before[ident], sheets)

    def _ask(self, system: System, sheets: list[Sheet]) -> None:
        """The import waits where the form has something new that the system may have become."""
        rows = [row for sheet in sheets for row in sheet.fresh if row.department == system.department or self.resent.is_loose(row)]
        same = self.new.get(key(system.name), [])
        new = [*same, *(one for one in self.new.get(system.department, ()) if one not in same)]
        alike = [one.name for one in same] or self.alike[system.department].near(system.name)
        self.settled.telling.gone(system, sheets[0], rows, new, self.named.get(system.id), alike if len(alike) == 1 and not rows else [])

    def _count_as_classified(self, system: System, sheets: list[Sheet]) -> None:
        """A new row of the form stands for it; else one of no sheet, so that it still counts."""
        row = next((one for sheet in sheets for one in sheet.fresh if one.department in (system.department, NOBODY)), None)
        for sheet in sheets:
            sheet.fresh = [one for one in sheet.fresh if one is not row]
        if row is None:
            self.added.append((Withheld(system.department, system.row_no, answered=True, file=""), ""))

    def _ask_of_rows(self, sheet: Sheet, unlisted: list[str]) -> None:
        """New rows of departments of which the sheet continues nothing: whether they are systems that other sheets brought."""
        around = {ident for table in {*sheet.again, *(table for table, _ in sheet.touched)} for ident in self.resent.homes[table]}
        loose = {row.department for row in sheet.fresh if self.resent.is_loose(row)}
        ours = {row.department for row in sheet.fresh} - loose | (sheet.departments & self.resent.owners if loose else set())
        ours -= {self.before[ident].department for ident in around}
        silent = self.resent.owners - {department for other in self.resent.sheets for department in other.departments} if loose else set()
        near = around or (self.before.keys() if NOBODY in loose else set())
        may = [one for one in unlisted if self.before[one].department in ours or (self.before[one].department in silent and one in near)]
        answer = self.answers.get("rows_gone", scope=sheet.scope)
        if answer and answer.by:
            self.settled.removed |= {ident: CLASSIFIED for ident in may if ident in read_ids(answer.answer)}
        elif may:
            rows = [row for row in sheet.fresh if row.department in ours | loose]
            sure = not loose and {system.department for system in sheet.systems} >= ours
            self.settled.telling.rows_of_no_sheet(sheet, may, rows, sure=sure)
