"""Which stored tables a new reading supersedes, and what becomes of the systems and classified rows that it no longer lists. Pure.

A table is what one department says on one sheet of one file. 序号 starts again on every sheet and moves when a row is inserted, so a row is
only compared with rows of the table it came from. A new table supersedes stored ones that share a system with it, or that have its name where
nothing else continues either. It never removes a system that it cannot be sure of: that is an error which says what the operator has to decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.errors import Finding
from orchestrator.inventory.folder.groups import NOBODY, Stored, Table, carry, left_over, new_tables, stored_tables, together
from orchestrator.inventory.folder.sheetwise import Sheet, Sheets
from orchestrator.inventory.names import key, same_file
from orchestrator.inventory.reading import Reading, Withheld
from orchestrator.models import System

CLASSIFIED, UNANSWERED, WITHDRAWN = (
    "已列为涉密 (now classified)",
    "是否涉密未答，按涉密处理 (whether it is classified is no longer answered: treated as classified)",
    "按 --remove 移除 (by --remove)",
)


@dataclass
class Settled:
    """``removed``: id → why it goes. ``tables``: the same as in the folder, for the folder after the import."""

    removed: dict[str, str] = field(default_factory=dict)
    tables: Stored = field(default_factory=Stored)
    findings: list[Finding] = field(default_factory=list)
    vanished: set[str] = field(default_factory=set)
    """Systems of superseded tables that the reading does not list."""
    gone: set[str] = field(default_factory=set)
    """Those of departments that are gone from their sheet."""


def settle(
    known: Iterable[System], stored: Stored, reading: Reading, *, keep: Collection[str] = (), remove: Collection[str] = ()
) -> Settled:
    """Compare the tables of ``reading`` with the stored ones, department by department. ``keep``: ids of systems, or of departments for all
    of theirs, that are to stay; of departments of ``reading`` too, whose rows are none of the stored systems; ``remove``: ids of systems that go."""
    before = {system.id: system for system in known}
    settled = Settled(removed=dict.fromkeys(remove, WITHDRAWN))
    here = {system.id for system in reading.all_systems()}
    left = {ident: system for ident, system in before.items() if ident not in settled.removed or ident in here}
    old, new = stored_tables(left, stored), new_tables(reading)
    kept = {ident for ident, system in before.items() if ident in keep or system.department in keep}
    sheets = Sheets(old, new, keep, kept, reading.forms)
    names = {department.id: department.name for department in reading.inventory.departments}
    listed = here | _named_by_uncounted(before.values(), reading)
    keys = {ident: stored.systems.get(ident, "") for ident in before}
    withheld: list[tuple[Withheld, str]] = []
    for department in sorted({*old, *new}):
        one = _Department(department, names.get(department, department), before, listed, kept, settled)
        withheld += one.compare(old.get(department, []), sheets, reading.renamed)
    owners = {system.department for system in before.values()}
    for sheet in sheets.sheets:
        again = {
            key(system.name)
            for system in reading.all_systems()
            if system.department not in owners and reading.tables.get(system.id) == sheet.place
        }
        _gone(sheet, before, again, listed | kept | settled.removed.keys(), settled)
    for table in [table for tables in (*old.values(), *new.values()) for table in tables]:  # of what both list, the new one is right
        keys.update(dict.fromkeys(table.systems, table.key))
    gone = settled.removed.keys() - here
    settled.tables = Stored({ident: at for ident, at in keys.items() if ident not in gone}, withheld)
    return settled


class _Department:
    """One department's tables. ``may``: rows that may be systems which were stored and are not listed any more."""

    def __init__(self, ident: str, name: str, before: Mapping[str, System], listed: set[str], keep: set[str], settled: Settled) -> None:
        self.ident, self.name, self.before, self.listed, self.keep, self.settled = ident, name, before, listed, keep, settled
        self.may = 0
        self.replaced: set[str] = set()
        """Systems of tables of which nothing is on the sheet any more."""
        self.withheld: list[tuple[Withheld, str]] = []

    def compare(self, old: list[Table], sheets: Sheets, renamed: Mapping[str, str]) -> list[tuple[Withheld, str]]:
        """The department's classified and unanswered rows after the import."""
        uncertain: list[tuple[str, Table]] = []
        alone: list[Table] = []
        unmatched: list[Table] = []
        again: list[Table] = []
        """Of files that were there before."""
        names = {table.name for table in old}
        for olds, news in sheets.parts.get(self.ident, ()):
            if not news:
                unmatched += olds
            elif not olds:
                alone += news
                self.may += sum(len(table.withheld) + len(table.loose) for table in news)
                self.withheld += [(row, table.key) for table in news for row in table.withheld]
            else:
                keys = [table.key for table in olds]
                uncertain += self._supersede(olds, news, renamed)
                again += [table for table in news if any(same_file(table.key, was) for was in keys)]
        uncertain += self._sheets_gone(unmatched, again)
        for ident, table in uncertain:
            self.settled.findings.append(self._unlisted(ident, table))
        rows = self._unmatched(unmatched, sheets.sheets)
        if rows and alone:
            self.settled.findings.append(_rows_kept(rows, self.name, alone[0]))
        others = sorted(ident for table in old for ident in table.systems if not self._known_of(ident))
        for table in alone if others else ():
            self._alone(table, others, sure_to_be_another=bool(table.systems) and table.name not in names)
        return self.withheld

    def _sheets_gone(self, unmatched: list[Table], again: list[Table]) -> list[tuple[str, Table]]:
        """Systems of sheets that are not in their file any more, though another of its sheets is there again."""
        found = []
        for table in unmatched:
            file = next((one for one in again if same_file(one.key, table.key)), None)
            if file and table.name not in {one.name for one in again}:
                missing = [ident for ident in sorted(table.systems) if ident not in self.listed]
                self.settled.vanished |= set(missing)
                found += [(ident, file) for ident in missing if not self._known_of(ident)]
                if table.withheld:
                    self.settled.findings.append(_rows_kept(len(table.withheld), self.name, file))
        return found

    def _unmatched(self, tables: list[Table], sheets: Sequence[Sheet]) -> int:
        """Rows that stay because no new table speaks of theirs. Returns how many of them nobody was told of."""
        untold = 0
        for table in tables:
            sheet = next((one for one in sheets if table.key and table.key in one.continues), None)
            if self.ident == NOBODY and sheet and sheet.name == table.name:
                continue  # the sheet is there again, and every row of it names its department now
            self.withheld += [(row, table.key) for row in table.withheld]
            gone = any(table is one for sheet in sheets for _, one in sheet.gone)
            if table.withheld and (gone or (self.ident == NOBODY and sheet)):
                place = next(one.place for one in sheets if one is sheet or any(table is other for _, other in one.gone))
                self.settled.findings.append(_rows_kept(len(table.withheld), self.name, Table("", place=place)))
            else:
                untold += len(table.withheld)
        return untold

    def _supersede(self, olds: list[Table], news: list[Table], renamed: Mapping[str, str]) -> list[tuple[str, Table]]:
        """Returns the systems of the old tables that the new ones do not list and that nothing more is known of."""
        was = together(olds)
        now = together(news)
        common = was.systems.keys() & now.systems.keys()
        added = {ident: number for ident, number in now.systems.items() if ident not in self.before}
        nothing_shared = bool(was.systems and now.systems and not common)
        steady = (
            not nothing_shared
            and len([table for table in olds if table.systems]) <= 1 == len(news)
            and all(was.systems[ident] == now.systems[ident] for ident in common)
        )
        vanished = [ident for ident in sorted(was.systems) if ident not in self.listed]
        self.settled.vanished |= set(vanished)
        open_ones = [ident for ident in vanished if not self._known_of(ident)]
        rows = [*now.withheld, *now.loose]
        fresh = now.numbers - was.numbers
        if all(table.only for table in news):
            fresh += Counter(row.row_no for row in now.loose)
        sure = 0
        asked = Counter(was.systems[ident] for ident in open_ones)
        for ident in list(open_ones) if steady else ():
            number = was.systems[ident]
            if number is not None and fresh[number] == 1 == asked[number]:
                row = next(row for row in reversed(rows) if row.row_no == number)
                self.settled.removed[ident] = CLASSIFIED if row.answered else UNANSWERED
                open_ones.remove(ident)
                sure += 1
        may = (now.numbers - was.numbers).total() + len(now.loose) if steady else len(rows)  # where rows moved, none is known again
        if nothing_shared:  # whether the rows of either are the other's is not known
            may += len(was.withheld)
            self.replaced |= set(open_ones)
        self.may += may - sure
        named = [
            ident
            for ident in sorted(common & renamed.keys())
            if may - sure > 0 and ident not in self.keep and ident not in self.settled.removed
        ]
        left = left_over(olds, news, was, now, set(added.values()) if steady else set())
        carry(olds, news)
        self.withheld += [*((row, table.key) for table in news for row in table.withheld), *left]
        if left:
            self.settled.findings.append(_rows_kept(len(left), self.name, news[0]))
        return [(ident, news[0]) for ident in [*open_ones, *named]]

    # ------------------------------------------------------------ what the operator is told

    def _unlisted(self, ident: str, table: Table) -> Finding:
        who = _who(self.before[ident])
        if ident in self.listed:
            return _finding(
                "renamed-or-classified", "error", table, ident,
                f"{who} 按序号认出，但名称已改，而表中又多出涉密或未答的行：是改了名，还是换了系统？(recognised by its row under another name while the form has further classified rows)",
                f"改了名：--keep {ident}；换了系统：--remove {ident} (the same system: --keep; another one: --remove)",
            )  # fmt: skip
        if ident in self.replaced and self.may > 0:
            return _finding(
                "unlisted-or-classified", "error", table, ident,
                f"{who} 及原表其他系统均不在同名的新表中，而新旧两表中有涉密或未答的行：是它已涉密、已撤销，还是另一张表？(no former system is on the table of that name, but such rows are)",
                f"已涉密或已撤销：--remove {ident}；仍在、此为另一张表：--keep {ident} (classified or withdrawn: --remove; still there, on another table: --keep)",
            )  # fmt: skip
        return _missing(ident, who, table, "", may=self.may > 0)

    def _known_of(self, ident: str) -> bool:
        """Whether it is known what became of a stored system."""
        return ident in self.listed or ident in self.keep or ident in self.settled.removed

    def _alone(self, table: Table, others: list[str], *, sure_to_be_another: bool) -> None:
        """A table that continues none: its classified rows may be of systems that other tables brought."""
        rows = [*table.withheld, *table.loose]
        if not rows:
            return
        ids = "、".join(others[:5]) + ("…" if len(others) > 5 else "")
        self.settled.findings.append(
            _finding(
                "classified-table", "warning" if sure_to_be_another else "error", table, "",
                f"此表未曾导入，有 {len(rows)} 行涉密或未答；{self.name} 另有 {len(others)} 个系统已在库：{ids} "
                "(a table not seen before, with classified or unanswered rows; the department has systems from other tables)",
                f"其中已涉密的：--remove ID；都不是：--keep {self.ident} (those that are classified: --remove; none of them: --keep)",
            )
        )  # fmt: skip


def _rows_kept(count: int, name: str, table: Table) -> Finding:
    return _finding(
        "classified-rows-kept", "warning", table, "",
        f"{name} 上次所列涉密或未答的行有 {count} 行不在此表，仍予计数 (classified or unanswered rows that the form no longer lists still count)",
        "如已撤销，用原文件名重新导入，或从台账文件中删去该行 (withdrawn: import it under the former file name, or delete them from the folder)",
    )  # fmt: skip


def _finding(code: str, severity: str, table: Table, system: str, message: str, remedy: str) -> Finding:
    return Finding(code, severity, message, remedy, file=table.place[0], sheet=table.place[1], system=system)


def _who(system: System) -> str:
    return system.id if system.row_no is None else f"{system.id}（原序号 {system.row_no}）"


def _missing(ident: str, who: str, table: Table, others: str, *, may: bool) -> Finding:
    """``others``: departments whose rows they are that it may be, where they are not its own."""
    if not may:
        return _finding(
            "system-unlisted", "warning", table, ident,
            f"{who} 不在新表中，予以保留 (no longer in the form: kept)",
            f"已撤销或已列为涉密：--remove {ident} (withdrawn or classified: --remove)",
        )  # fmt: skip
    none = f"；这些行都不是在库系统：--keep {others} (none of the rows is a stored system)" if others else ""
    return _finding(
        "unlisted-or-classified", "error", table, ident,
        f"{who} 不在新表中，而新表多出涉密或未答的行，可能就是它 (no longer in the form, which has further classified or unanswered rows: it may be one of them)",
        f"已涉密或已撤销：--remove {ident}；仍在、只是未列：--keep {ident} (classified or withdrawn: --remove; still there: --keep){none}",
    )  # fmt: skip


def _gone(sheet: Sheet, before: Mapping[str, System], again: set[str], known: Collection[str], settled: Settled) -> None:
    """Systems of departments that have no row on their sheet any more, and of others that the sheet's new classified rows may be.
    ``again``: names of systems that a department has now which had none."""
    table = Table("", place=sheet.place)
    others = " --keep ".join(sorted({row.department for row in sheet.rows}))
    for ident in sorted(ident for _, was in sheet.gone for ident in was.systems if ident not in known):
        settled.gone.add(ident)
        if key(before[ident].name) not in again:
            settled.findings.append(_missing(ident, _who(before[ident]), table, others, may=bool(sheet.rows)))
    if sheet.rows_beside:
        settled.findings.append(_rows_kept(sheet.rows_beside, "其他单位", table))
    beside = [ident for ident in sheet.beside if ident not in known]
    if beside:
        settled.gone |= set(beside)
        ids = "、".join(beside[:5]) + ("…" if len(beside) > 5 else "")
        settled.findings.append(
            _finding(
                "classified-table", "error", table, "",
                f"此表有 {len(sheet.rows)} 行涉密或未答，未写单位或单位未曾有系统在库；另有 {len(beside)} 个系统可能就是它们：{ids} "
                "(classified or unanswered rows that name no department, or one of which no system is stored; they may be stored systems)",
                f"其中已涉密的：--remove ID；都不是：--keep {others} (those that are classified: --remove; none of them: --keep)",
            )
        )  # fmt: skip


def _named_by_uncounted(known: Iterable[System], reading: Reading) -> set[str]:
    """Stored systems that the reading has a row of, though one that could not be used."""
    names = {key(row.name) for row in reading.uncounted if row.name}
    return {system.id for system in known if key(system.name) in names} if names else set()
