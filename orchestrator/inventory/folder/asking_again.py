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
from orchestrator.inventory.cells import plain
from orchestrator.inventory.folder.resent import Resent, Sheet
from orchestrator.inventory.names import Names, key
from orchestrator.inventory.questions import Asked, Key
from orchestrator.inventory.reading import Reading, Withheld
from orchestrator.models import Inventory, System

KEPT, CLASSIFIED, WITHDRAWN, RENAMED, NONE = "仍在", "已涉密", "已撤销", "改名为", "均不是"
WHY = {
    CLASSIFIED: "已列为涉密 (now classified)",
    WITHDRAWN: "已撤销 (withdrawn)",
    "": "是否涉密未答，按涉密处理 (whether it is classified is no longer answered: treated as classified)",
    "--remove": "按 --remove 移除 (by --remove)",
}
_FATES = {
    KEPT: {KEPT, "仍在用", "还在", "仍存在"},
    CLASSIFIED: {CLASSIFIED, "涉密", "已转涉密", "转为涉密"},
    WITHDRAWN: {WITHDRAWN, "撤销", "已注销"},
}
_RENAMED = re.compile(r"(?:已?(?:改名|更名|改)为|现名为?)[:：“”\"]*(.+?)[“”\"]*")
_SHOWN = 8


@dataclass(frozen=True)
class Said:
    """What the operator says of stored systems by their ids. ``keep``: also departments. ``rename``: id → name or id in the form."""

    keep: Collection[str] = ()
    remove: Collection[str] = ()
    rename: Mapping[str, str] = field(default_factory=dict)


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
    def __init__(self, known: Inventory | None = None, reading: Reading | None = None) -> None:
        self.findings: list[Finding] = []
        self.asked = Asked()
        self._reading = reading
        departments = [*(known.departments if known else ()), *(reading.inventory.departments if reading else ())]
        self._departments = {department.id: department.name for department in departments}

    def gone(
        self, system: System, sheet: Sheet, rows: Sequence[Withheld], new: Sequence[System], unanswered: Withheld | None, alike: Sequence[str]
    ) -> None:
        """``rows``, ``new``: what the form has that it may have become; ``alike``: the names that it probably bears now."""
        news = [f"{len(rows)} 行涉密或未答"] if rows else []
        news += [f"{len(new)} 个新系统"] if new else []
        may = "其“是否涉密”未答" if unanswered else f"新表多出{'、'.join(news)}，可能就是它" if news else ""
        who = self._who(system)
        others = sorted({row.department for row in rows} - {system.department})
        self._tell(
            "system-unlisted", "error" if may else "warning", sheet, system.id,
            f"{who} 不在新表中，{may} (no longer in the form, which has something new that it may be)" if may
            else f"{who} 不在新表中，予以保留 (no longer in the form: kept)",
            f"仍在：--keep {system.id}；已涉密或已撤销：--remove {system.id}；改名或转隶：--rename {system.id}=新名称 "
            "(still there: --keep; classified or withdrawn: --remove; renamed or moved: --rename)"
            + "".join(f"；这些行不是在库系统：--keep {other} (none of the rows is a stored system)" for other in others),
        )  # fmt: skip
        self.asked.ask(
            Key("gone", about=system.id, scope=sheet.scope),
            f"{who} 不在新表中：仍在、已涉密、已撤销，还是改了名？(no longer in the form: what became of it?)",
            place=_place(sheet), proposed=f"{RENAMED}{alike[0]}" if alike else "", evidence=may,
            choices=(KEPT, CLASSIFIED, WITHDRAWN, f"{RENAMED}…"), needs_name=True,
        )  # fmt: skip

    def rename_unknown(self, system: System, sheet: Sheet) -> None:
        self._tell(
            "rename-unknown", "error", sheet, system.id,
            f"{self._who(system)} 改名：表中没有这个新系统，或不止一个 (renamed: the form has no new system of that name, or several)",
            "写新表中的系统名称或编码 (give the name or the id that it has in the form)",
        )  # fmt: skip

    def rows_of_no_sheet(self, sheet: Sheet, idents: Sequence[str], rows: Sequence[Withheld], *, sure: bool) -> None:
        """``sure``: it is a table of its own, which lists further systems of its departments."""
        ids = "、".join(idents[:_SHOWN]) + ("…" if len(idents) > _SHOWN else "")
        what = f"此表新有 {len(rows)} 行涉密或未答；另有 {len(idents)} 个在库系统不在此次表中：{ids}"
        departments = " --keep ".join(sorted({row.department for row in rows}))
        self._tell(
            "classified-table", "warning" if sure else "error", sheet, "",
            f"{what} (new classified or unanswered rows: they may be stored systems)",
            f"其中已涉密的：--remove ID；都不是：--keep {departments} (those that are classified: --remove; none of them: --keep)",
        )  # fmt: skip
        self.asked.ask(
            Key("rows_gone", scope=sheet.scope), f"{what}。这些行是其中的系统吗？(are any of them those systems?)",
            place=_place(sheet), choices=(NONE, "其系统编码"), needs_name=True,
        )  # fmt: skip

    def rows_kept(self, rows: Sequence[tuple[Withheld, Sheet]]) -> None:
        places = {(row.department, sheet.place): sheet for row, sheet in rows}
        for at, count in Counter((row.department, sheet.place) for row, sheet in rows).items():
            self._tell(
                "classified-rows-kept", "warning", places[at], "",
                f"{self._departments.get(at[0], at[0])} 上次所列涉密或未答的行有 {count} 行不在此表，仍予计数 "
                "(classified or unanswered rows that the form no longer lists still count)",
                "如已撤销，用原文件名重新导入，或从台账文件中删去该行 (withdrawn: import it under the former file name, or delete them from the folder)",
            )  # fmt: skip

    def alike(self, resent: Resent, unlisted: Sequence[System], removed: Collection[str]) -> None:
        """New systems that may be stored ones of which no sheet says that they are missing; and such of the name of one that goes."""
        names = Names(system.name for system in unlisted)
        by_name: dict[str, list[System]] = {}
        for system in unlisted:
            by_name.setdefault(key(system.name), []).append(system)
        sheets = {id(system): sheet for sheet in resent.sheets for system in sheet.systems}
        pairs = [(one, former) for one in resent.new for former in by_name.get(key(one.name), ())]
        shared = Counter((one.department, former.department) for one, former in pairs)
        total = Counter(one.department for one in resent.new)
        listed = {system.department for sheet in resent.sheets for system in sheet.systems}
        for one, former in pairs:
            owner = self._departments.get(former.department, former.department)
            both = (one.department, former.department)
            renamed = Names([owner]).near(self._departments.get(one.department, "")) or 1 < shared[both] >= total[one.department] / 2
            same = one.department not in resent.owners and former.department not in listed and renamed
            self._alike(one, former, sheets[id(one)], f"{one.name} 已在库，属{owner}，类别 {former.kind}", error=bool(same))
        for one in resent.new:
            for name in names.near(one.name, limit=1) if key(one.name) not in by_name else ():
                for former in by_name[key(name)]:
                    if former.department == one.department and former.kind == one.kind:
                        self._alike(one, former, sheets[id(one)], f"{one.name} 与在库的一个系统名称相近", error=False)
        gone = {key(resent.before[ident].name): ident for ident in removed if ident in resent.before}
        for former in unlisted:
            if key(former.name) in gone and resent.sheets:
                self._tell(
                    "namesake-kept", "warning", resent.sheets[0], former.id,
                    f"{former.id} 与移出的 {gone[key(former.name)]} 同名，予以保留 (kept, though it has the name of one that goes)",
                    f"是同一系统：--remove {former.id}；是另一系统：无需处理 (the same: --remove; another one: nothing to do)",
                )  # fmt: skip

    def _alike(self, system: System, former: System, sheet: Sheet, what: str, *, error: bool) -> None:
        places = self._reading.places.get(system.id, {}) if self._reading else {}
        self._tell(
            "system-near-miss", "error" if error else "warning", sheet, system.id,
            f"{what}（{former.id}），而后者不在此次表中 (it may be a stored one that the reading does not list)",
            f"是同一系统：--rename {former.id}={system.id}；单位改名：先在单位名录中改名称；是两个系统：--keep {former.id} 或 --keep {former.department} "
            "(the same: --rename; its department was renamed: rename it in the list first; two of them: --keep)",
            places.get("name", "").rpartition(" › ")[2],
        )  # fmt: skip

    @staticmethod
    def _who(system: System) -> str:
        return system.id if system.row_no is None else f"{system.id}（原序号 {system.row_no}）"

    def _tell(self, code: str, severity: str, sheet: Sheet, system: str, message: str, remedy: str, cell: str = "") -> None:
        self.findings.append(Finding(code, severity, message, remedy, file=sheet.place[0], sheet=sheet.place[1], cell=cell, system=system))


def _place(sheet: Sheet) -> str:
    return " › ".join(part for part in sheet.place if part)
