"""Which stored tables a new reading supersedes, and what becomes of the systems and classified rows that it no longer lists. Pure.

A table is what one department says on one sheet of one file. 序号 starts again on every sheet and moves when a row is inserted, so a row is
only compared with rows of the table it came from. A new table supersedes stored ones that share a system with it, or that have its name where
one of the two lists no system. It never removes a system that it cannot be sure of: that is an error which says what the operator has to decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.errors import Finding
from orchestrator.inventory.names import key, make_id, table_key
from orchestrator.inventory.reading import Reading, Withheld
from orchestrator.models import System

NOBODY = make_id("dept", "?")
"""The department of rows that name none."""
CLASSIFIED, UNANSWERED, WITHDRAWN = (
    "已列为涉密 (now classified)",
    "是否涉密未答，按涉密处理 (whether it is classified is no longer answered: treated as classified)",
    "按 --remove 移除 (by --remove)",
)


@dataclass(frozen=True)
class Stored:
    """What the folder knows of its tables. A key is the digest of a table's name, with a number behind it where two have one name; empty:
    not known."""

    systems: Mapping[str, str] = field(default_factory=dict)
    """System id → key of its table."""
    withheld: Sequence[tuple[Withheld, str]] = ()
    """Classified and unanswered rows, each with the key of its table."""


@dataclass
class Settled:
    """``removed``: id → why it goes. ``tables``: the same as in the folder, for the folder after the import."""

    removed: dict[str, str] = field(default_factory=dict)
    tables: Stored = field(default_factory=Stored)
    findings: list[Finding] = field(default_factory=list)
    vanished: set[str] = field(default_factory=set)
    """Systems of superseded tables that the reading does not list."""


@dataclass
class _Table:
    key: str
    systems: dict[str, int | None] = field(default_factory=dict)
    withheld: list[Withheld] = field(default_factory=list)
    place: tuple[str, str] = ("", "")
    loose: list[Withheld] = field(default_factory=list)
    """New classified rows of the sheet that name no department: each may be one of this department's."""
    only: bool = True
    """Whether the sheet lists no other department."""

    @property
    def name(self) -> str:
        return self.key.partition(".")[0]

    @property
    def numbers(self) -> Counter[int | None]:
        return Counter(row.row_no for row in self.withheld)


def settle(
    known: Iterable[System], stored: Stored, reading: Reading, *, keep: Collection[str] = (), remove: Collection[str] = ()
) -> Settled:
    """Compare the tables of ``reading`` with the stored ones, department by department. ``keep``: ids of systems, or of departments for all
    of theirs, that are to stay; ``remove``: ids of systems that go."""
    before = {system.id: system for system in known}
    settled = Settled(removed=dict.fromkeys(remove, WITHDRAWN))
    old, new = _stored_tables(before, stored), _new_tables(reading)
    _share_loose_rows(old, new)
    names = {department.id: department.name for department in reading.inventory.departments}
    listed = {system.id for system in reading.all_systems()} | _named_by_uncounted(before.values(), reading)
    keys = {ident: stored.systems.get(ident, "") for ident in before}
    withheld: list[tuple[Withheld, str]] = []
    for department in sorted({*old, *new}):
        kept = {ident for ident in before if before[ident].department == department and (ident in keep or department in keep)}
        one = _Department(department, names.get(department, department), before, listed, kept, settled)
        withheld += one.compare(old.get(department, []), new.get(department, []), reading.renamed)
        for table in old.get(department, []):
            keys.update(dict.fromkeys(table.systems, table.key))
        for table in new.get(department, []):
            keys.update(dict.fromkeys(table.systems, table.key))
    gone = settled.removed.keys() - {system.id for system in reading.all_systems()}
    settled.tables = Stored({ident: at for ident, at in keys.items() if ident not in gone}, withheld)
    return settled


class _Department:
    """One department's tables. ``may``: rows that may be systems which were stored and are not listed any more."""

    def __init__(self, ident: str, name: str, before: Mapping[str, System], listed: set[str], keep: set[str], settled: Settled) -> None:
        self.ident, self.name, self.before, self.listed, self.keep, self.settled = ident, name, before, listed, keep, settled
        self.may = 0
        self.withheld: list[tuple[Withheld, str]] = []

    def compare(self, old: list[_Table], new: list[_Table], renamed: Mapping[str, str]) -> list[tuple[Withheld, str]]:
        """The department's classified and unanswered rows after the import."""
        uncertain: list[tuple[str, _Table]] = []
        alone: list[_Table] = []
        taken = {table.key for table in old}
        names = {table.name for table in old}
        for olds, news in _joined(old, new):
            if not news:
                self.withheld += [(row, table.key) for table in olds for row in table.withheld]
            elif not olds:
                _new_key(news, taken)
                alone += news
                self.may += sum(len(table.withheld) + len(table.loose) for table in news)
                self.withheld += [(row, table.key) for table in news for row in table.withheld]
            else:
                uncertain += self._supersede(olds, news, taken, renamed)
        for ident, table in uncertain:
            self.settled.findings.append(self._unlisted(ident, table))
        for table in alone if old else ():
            self._alone(table, sure_to_be_another=bool(table.systems) and table.name not in names)
        return self.withheld

    def _supersede(self, olds: list[_Table], news: list[_Table], taken: set[str], renamed: Mapping[str, str]) -> list[tuple[str, _Table]]:
        """Returns the systems of the old tables that the new ones do not list and that nothing more is known of."""
        was = _together(olds)
        now = _together(news)
        same_name = {table.name for table in olds} <= {table.name for table in news}
        common = was.systems.keys() & now.systems.keys()
        added = {ident: number for ident, number in now.systems.items() if ident not in self.before}
        steady = len(olds) == len(news) == 1 and all(was.systems[ident] == now.systems[ident] for ident in common)
        vanished = [ident for ident in sorted(was.systems) if ident not in self.listed]
        self.settled.vanished |= set(vanished)
        open_ones = [ident for ident in vanished if ident not in self.keep and ident not in self.settled.removed]
        rows = [*now.withheld, *now.loose]
        fresh = now.numbers - was.numbers
        if all(table.only for table in news):
            fresh += Counter(row.row_no for row in now.loose)
        sure = 0
        for ident in list(open_ones) if steady else ():
            number = was.systems[ident]
            if number is not None and fresh[number] == 1 and [was.systems[other] for other in open_ones].count(number) == 1:
                row = next(row for row in reversed(rows) if row.row_no == number)
                self.settled.removed[ident] = CLASSIFIED if row.answered else UNANSWERED
                open_ones.remove(ident)
                sure += 1
        if steady:
            may = (now.numbers - was.numbers).total() + len(now.loose)
        elif rows:
            may = min(len(rows), max(0, len(rows) - len(was.withheld)) + len(added))
        else:
            may = 0
        self.may += may - sure
        named = [
            ident
            for ident in sorted(common & renamed.keys())
            if may - sure > 0 and ident not in self.keep and ident not in self.settled.removed
        ]
        _carry(olds, news, taken)
        self.withheld += [(row, table.key) for table in news for row in table.withheld]
        if not same_name:
            numbers = set(added.values()) if steady else set()
            left = [
                (row, table.key) for table in olds for row in table.withheld if row.row_no not in now.numbers and row.row_no not in numbers
            ]
            left = left[: max(0, len(was.withheld) - len(now.withheld))]
            self.withheld += left
            if left:
                self.settled.findings.append(self._rows_kept(len(left), news[0]))
        return [(ident, news[0]) for ident in [*open_ones, *named]]

    # ------------------------------------------------------------ what the operator is told

    def _unlisted(self, ident: str, table: _Table) -> Finding:
        number = self.before[ident].row_no
        who = ident if number is None else f"{ident}（原序号 {number}）"
        if ident in self.listed:
            return _finding(
                "renamed-or-classified", "error", table, ident,
                f"{who} 按序号认出，但名称已改，而表中又多出涉密或未答的行：是改了名，还是换了系统？(recognised by its row under another name while the form has further classified rows)",
                f"改了名：--keep {ident}；换了系统：--remove {ident} (the same system: --keep; another one: --remove)",
            )  # fmt: skip
        if self.may > 0:
            return _finding(
                "unlisted-or-classified", "error", table, ident,
                f"{who} 不在新表中，而新表多出涉密或未答的行，可能就是它 (no longer in the form, which has further classified or unanswered rows: it may be one of them)",
                f"已涉密或已撤销：--remove {ident}；仍在、只是未列：--keep {ident} (classified or withdrawn: --remove; still there: --keep)",
            )  # fmt: skip
        return _finding(
            "system-unlisted", "warning", table, ident,
            f"{who} 不在新表中，予以保留 (no longer in the form: kept)",
            f"已撤销或已列为涉密：--remove {ident} (withdrawn or classified: --remove)",
        )  # fmt: skip

    def _alone(self, table: _Table, *, sure_to_be_another: bool) -> None:
        """A table that continues none: its classified rows may be of systems that other tables brought."""
        others = [ident for ident, system in sorted(self.before.items()) if system.department == self.ident and ident not in self.listed]
        others = [ident for ident in others if ident not in self.keep and ident not in self.settled.removed]
        rows = [*table.withheld, *table.loose]
        if not rows or not others:
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

    def _rows_kept(self, count: int, table: _Table) -> Finding:
        return _finding(
            "classified-rows-kept", "warning", table, "",
            f"{self.name} 上次所列涉密或未答的行有 {count} 行不在此表，仍予计数 (classified or unanswered rows that the form no longer lists still count)",
            "如已撤销，用原文件名重新导入，或从台账文件中删去该行 (withdrawn: import it under the former file name, or delete them from the folder)",
        )  # fmt: skip


def _finding(code: str, severity: str, table: _Table, system: str, message: str, remedy: str) -> Finding:
    return Finding(code, severity, message, remedy, file=table.place[0], sheet=table.place[1], system=system)


def _stored_tables(before: Mapping[str, System], stored: Stored) -> dict[str, list[_Table]]:
    found: dict[tuple[str, str], _Table] = {}
    for ident, system in before.items():
        at = stored.systems.get(ident, "")
        found.setdefault((system.department, at), _Table(at)).systems[ident] = system.row_no
    for row, at in stored.withheld:
        found.setdefault((row.department, at), _Table(at)).withheld.append(row)
    return _by_department(found)


def _new_tables(reading: Reading) -> dict[str, list[_Table]]:
    found: dict[tuple[str, tuple[str, str]], _Table] = {}

    def table(department: str, place: tuple[str, str]) -> _Table:
        return found.setdefault((department, place), _Table(table_key(*place), place=place))

    for system in reading.all_systems():
        table(system.department, reading.tables[system.id]).systems[system.id] = system.row_no
    for row in reading.withheld:
        table(row.department, (row.file, row.sheet)).withheld.append(row)
    return _by_department(found)


def _share_loose_rows(old: Mapping[str, list[_Table]], new: Mapping[str, list[_Table]]) -> None:
    """Give every table the rows of its sheet that name no department, but for those that were there before."""
    known = Counter((table.name, row.row_no) for table in old.get(NOBODY, ()) for row in table.withheld)
    of_sheet: dict[tuple[str, str], list[_Table]] = {}
    for department, tables in new.items():
        for table in tables if department != NOBODY else ():
            of_sheet.setdefault(table.place, []).append(table)
    for nobodys in new.get(NOBODY, ()):
        loose = []
        for row in nobodys.withheld:
            at = (nobodys.name, row.row_no)
            if known[at]:
                known[at] -= 1
            else:
                loose.append(row)
        sharing = of_sheet.get(nobodys.place, [])
        for table in sharing:
            table.loose, table.only = loose, len(sharing) == 1


def _by_department(found: Mapping[tuple[str, Any], _Table]) -> dict[str, list[_Table]]:
    grouped: dict[str, list[_Table]] = {}
    for (department, _), table in found.items():
        grouped.setdefault(department, []).append(table)
    return grouped


def _joined(old: list[_Table], new: list[_Table]) -> list[tuple[list[_Table], list[_Table]]]:
    """Groups of tables that belong together: those that share a system, else those of one name."""
    groups: list[tuple[list[_Table], list[_Table]]] = [([table], []) for table in old]
    of = {ident: number for number, table in enumerate(old) for ident in table.systems}
    home = list(range(len(old)))

    def root(number: int) -> int:
        while home[number] != number:
            number = home[number]
        return number

    unmatched: list[_Table] = []
    for table in new:
        roots = sorted({root(of[ident]) for ident in table.systems if ident in of})
        if not roots:
            unmatched.append(table)
            continue
        for other in roots[1:]:
            home[other] = roots[0]
            groups[roots[0]][0].extend(groups[other][0])
            groups[roots[0]][1].extend(groups[other][1])
        groups[roots[0]][1].append(table)
    joined = [groups[number] for number in range(len(old)) if home[number] == number]
    for table in unmatched:
        match = next((one for one in joined if not one[1] and _continues(one[0][0], table)), None)
        if match is not None:
            match[1].append(table)
        else:
            joined.append(([], [table]))
    return joined


def _continues(old: _Table, new: _Table) -> bool:
    """Whether a new table that shares no system is the stored one again: not when both have systems, for two files may have one name."""
    if old.key:
        return old.name == new.name and not (old.systems and new.systems)
    return not old.systems and old.numbers <= new.numbers


def _together(tables: list[_Table]) -> _Table:
    systems = {ident: number for table in tables for ident, number in table.systems.items()}
    loose = {id(table.loose): table.loose for table in tables}.values()
    return _Table("", systems, [row for table in tables for row in table.withheld], loose=[row for rows in loose for row in rows])


def _carry(olds: list[_Table], news: list[_Table], taken: set[str]) -> None:
    """What is left of a superseded table belongs to the new one that shares most with it."""
    taken -= {table.key for table in olds}
    _new_key(news, taken)
    for table in olds:
        table.key = max(news, key=lambda one: len(one.systems.keys() & table.systems.keys())).key


def _new_key(tables: list[_Table], taken: set[str]) -> None:
    for table in tables:
        name, number = table.name, 1
        while table.key in taken:
            number += 1
            table.key = f"{name}.{number}"
        taken.add(table.key)


def _named_by_uncounted(known: Iterable[System], reading: Reading) -> set[str]:
    """Stored systems that the reading has a row of, though one that could not be used."""
    names = {key(row.name) for row in reading.uncounted if row.name}
    return {system.id for system in known if key(system.name) in names} if names else set()
