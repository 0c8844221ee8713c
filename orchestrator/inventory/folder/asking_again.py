"""What an import tells and asks of stored systems that a form no longer lists: sentences only, and how their answers are read.

Said are 仍在, 已涉密, 已撤销, 改名为 … in the answer sheet, for a sheet exactly as it stood; ``--keep``, ``--remove``, ``--rename`` for one import.
No name of a stored system is repeated: it may be classified now.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.errors import Finding
from orchestrator.inventory.answerbook import Answers
from orchestrator.inventory.build.renamed import NEW
from orchestrator.inventory.cells import plain
from orchestrator.inventory.folder.resent import Resent, Sheet
from orchestrator.inventory.names import Names, key
from orchestrator.inventory.questions import Asked, Key
from orchestrator.inventory.reading import Reading, Withheld
from orchestrator.models import Inventory, System
from orchestrator.texts import Sentence, Value, Words, say

KEPT, CLASSIFIED, WITHDRAWN, RENAMED, NONE = "仍在", "已涉密", "已撤销", "改名为", "均不是"
WHY = {
    CLASSIFIED: say("inventory.removed_classified"),
    WITHDRAWN: say("inventory.removed_as_withdrawn"),
    "": say("inventory.removed_unanswered"),
    "--remove": say("inventory.removed_withdrawn"),
}
_FATES = {
    KEPT: {KEPT, "仍在用", "还在", "仍存在"},
    CLASSIFIED: {CLASSIFIED, "涉密", "已转涉密", "转为涉密"},
    WITHDRAWN: {WITHDRAWN, "撤销", "已注销"},
}
_RENAMED = re.compile(r"(?:已?(?:改名|更名|改)为|现名为?)[:：“”\"]*(.+?)[“”\"]*")
_SHOWN = 8
RENAMED_DEPARTMENT = "department-renamed"
NOW_CLASSIFIED = "system-classified"


@dataclass(frozen=True)
class Said:
    """What the operator says of stored systems by their ids. ``keep``: also departments. ``rename``: id → name or id in the form."""

    keep: Collection[str] = ()
    remove: Collection[str] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    """Also of departments: their names in the form."""


def read_fate(text: str) -> tuple[str, str]:
    """What an answer says of a system, and its new name where it has one; empty where it cannot be used."""
    said = re.sub(r"\s+|[。.]+$", "", plain(text))
    renamed = _RENAMED.fullmatch(said)
    if renamed:
        return RENAMED, renamed[1]
    return next(((fate, "") for fate, words in _FATES.items() if said in words), ("", ""))


def read_ids(text: str) -> list[str]:
    """The ids of an answer that lists them."""
    return re.split(r"[、,;\s]+", plain(text))


class Telling:
    def __init__(self, known: Inventory | None = None, reading: Reading | None = None, answers: Answers | None = None) -> None:
        self.findings: list[Finding] = []
        self.asked = Asked()
        self._reading, self._answers = reading, answers or Answers()
        departments = [*(known.departments if known else ()), *(reading.inventory.departments if reading else ())]
        self._departments = {department.id: department.name for department in departments}

    def gone(
        self, system: System, sheet: Sheet, rows: Sequence[Withheld], new: Sequence[System], unanswered: Withheld | None, alike: Sequence[str]
    ) -> None:
        """``rows``, ``new``: what the form has that it may have become; ``alike``: the names that it probably bears now."""
        who, may = self._who(system), _may_be(rows, new, unanswered)
        mend = [say("inventory.keep_remove_rename", id=system.id)]
        mend += [say("inventory.rows_are_no_systems", keep=other) for other in sorted({row.department for row in rows} - {system.department})]
        self._tell(
            "system-unlisted", "error" if may else "warning", sheet, system.id,
            say("inventory.unlisted_may_be", system=who, may=may) if may else say("inventory.unlisted_kept", system=who),
            say("inventory.evidence", pieces=tuple(mend)),
        )  # fmt: skip
        self.asked.ask(
            Key("gone", about=system.id, scope=sheet.scope), say("inventory.asks_gone", system=who),
            place=_place(sheet), proposed=f"{RENAMED}{alike[0]}" if alike else "", evidence=may,
            choices=(KEPT, CLASSIFIED, WITHDRAWN, f"{RENAMED}…"), needs_name=True,
        )  # fmt: skip

    def rename_unknown(self, system: System, sheet: Sheet) -> None:
        self._tell(
            "rename-unknown", "error", sheet, system.id,
            say("inventory.rename_unknown", system=self._who(system)), say("inventory.give_new_name"),
        )  # fmt: skip

    def now_classified(self, system: System, sheet: Sheet) -> None:
        """Before anything is written: once it is out of the folder, nobody knows any longer by which words to look for it."""
        self._tell(
            NOW_CLASSIFIED, "warning", sheet, system.id,
            say("inventory.now_classified", system=self._who(system)), say("inventory.purge_first", id=system.id),
        )  # fmt: skip

    def rows_of_no_sheet(self, sheet: Sheet, idents: Sequence[str], rows: Sequence[Withheld], *, sure: bool) -> None:
        """``sure``: it is a table of its own, which lists further systems of its departments."""
        ids = (*idents[:_SHOWN], *(["…"] if len(idents) > _SHOWN else []))
        what = say("inventory.rows_of_no_sheet", rows=len(rows), count=len(idents), systems=ids)
        departments = " --keep ".join(sorted({row.department for row in rows}))
        self._tell(
            "classified-table", "warning" if sure else "error", sheet, "",
            what, say("inventory.classified_remove_or_keep", keep=departments),
        )  # fmt: skip
        self.asked.ask(
            Key("rows_gone", scope=sheet.scope), say("inventory.asks_rows_gone", what=what),
            place=_place(sheet), choices=(NONE, "其系统编码"), needs_name=True,
        )  # fmt: skip

    def rows_kept(self, rows: Sequence[tuple[Withheld, Sheet]]) -> None:
        places = {(row.department, sheet.place): sheet for row, sheet in rows}
        for at, count in Counter((row.department, sheet.place) for row, sheet in rows).items():
            self._tell(
                "classified-rows-kept", "warning", places[at], "",
                say("inventory.rows_kept", department=self._departments.get(at[0], at[0]), count=count), say("inventory.delete_if_withdrawn"),
            )  # fmt: skip

    def perhaps_renamed(self, keep: Collection[str]) -> None:
        """Departments that are asked whether they are stored ones under another name (``build.renamed``): the import waits for their answer, but
        where the stored one is said to be still there (``keep``)."""
        kept = {f"原{name}" for ident, name in self._departments.items() if ident in keep}
        for question in self._reading.questions if self._reading else ():
            if NEW in question.choices and not kept & set(question.choices):
                file, _, rest = question.rows[0].partition(" › ")
                sheet, _, cell = rest.rpartition(" › ")
                former = next(ident for ident, name in self._departments.items() if f"原{name}" in question.choices)
                mend = say("inventory.answer_renamed", choices=question.choices, former=former, name=question.about)
                self.findings.append(Finding(RENAMED_DEPARTMENT, "error", question.asks, mend, file, sheet, cell))

    def alike(self, resent: Resent, unlisted: Sequence[System], removed: Collection[str]) -> None:
        """New systems that may be stored ones of which no sheet says that they are missing; and such of the name of one that goes."""
        apart = self._departments_asked_about()
        names = Names(system.name for system in unlisted)
        by_name: dict[str, list[System]] = {}
        for system in unlisted:
            by_name.setdefault(key(system.name), []).append(system)
        sheets = {id(system): sheet for sheet in resent.sheets for system in sheet.systems}
        pairs = [(one, former) for one in resent.new for former in by_name.get(key(one.name), ())]
        for one, former in pairs:
            if one.department not in apart:
                owner = self._departments.get(former.department, former.department)
                what = say("inventory.stored_under", name=one.name, department=owner, kind=str(former.kind), id=former.id)
                self._alike(one, former, sheets[id(one)], what)
        for one in resent.new:
            for name in names.near(one.name, limit=1) if key(one.name) not in by_name else ():
                for former in by_name[key(name)]:
                    if former.department == one.department and former.kind == one.kind:
                        self._alike(one, former, sheets[id(one)], say("inventory.looks_like_stored", name=one.name, id=former.id))
        gone = {key(resent.before[ident].name): ident for ident in removed if ident in resent.before}
        for former in unlisted:
            if key(former.name) in gone and resent.sheets:
                self._tell(
                    "namesake-kept", "warning", resent.sheets[0], former.id,
                    say("inventory.namesake_kept", id=former.id, goes=gone[key(former.name)]),
                    say("inventory.same_remove", id=former.id),
                )  # fmt: skip

    def _departments_asked_about(self) -> set[str]:
        """Those of which is asked whether they are stored ones under another name, or said that they are not."""
        departments = self._reading.inventory.departments if self._reading else ()
        asked = {question.about for question in self._reading.questions if question.kind == "department"} if self._reading else set()
        answers = {department.id: self._answers.get("department", about=department.name) for department in departments}
        said = {ident for ident, answer in answers.items() if answer and NEW in answer.answer}
        return said | {department.id for department in departments if department.name in asked}

    def _alike(self, system: System, former: System, sheet: Sheet, what: Sentence) -> None:
        places: Mapping[str, str] = self._reading.places.get(system.id, {}) if self._reading else {}
        self._tell(
            "system-near-miss", "warning", sheet, system.id,
            what, say("inventory.same_rename", id=former.id, new=system.id, department=former.department),
            places.get("name", "").rpartition(" › ")[2],
        )  # fmt: skip

    @staticmethod
    def _who(system: System) -> str | Sentence:
        return system.id if system.row_no is None else say("inventory.on_former_row", id=system.id, row=system.row_no)

    def _tell(self, code: str, severity: str, sheet: Sheet, system: str, says: Sentence, mend: Sentence, cell: str = "") -> None:
        self.findings.append(Finding(code, severity, says, mend, file=sheet.place[0], sheet=sheet.place[1], cell=cell, system=system))


def _may_be(rows: Sequence[Withheld], new: Sequence[System], unanswered: Withheld | None) -> Words:
    """What a system may have become that its form no longer lists; empty: the form has nothing new."""
    if unanswered:
        return say("inventory.its_row_unanswered")
    news: list[Value] = [say("inventory.new_rows", count=len(rows))] if rows else []
    news += [say("inventory.new_systems", count=len(new))] if new else []
    return say("inventory.form_has_new", news=tuple(news)) if news else ""


def _place(sheet: Sheet) -> str:
    return " › ".join(part for part in sheet.place if part)
