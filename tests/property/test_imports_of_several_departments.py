"""Forms of several small departments, changed, renamed and sent again: what is classified goes, is asked about or is named; twice is once."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from orchestrator.errors import Finding, Refused
from orchestrator.inventory.folder.merge import Import, apply, prepare
from orchestrator.inventory.load import load
from orchestrator.models import System

HEAD = "序号,单位名称,单位层级,单位性质,系统名称,类别,是否涉密,建设状态,操作系统\n"
DEPARTMENTS = ["市水务局", "市教育局", "民政与社会事务中心"]
NEW_NAMES = {"市水务局": "市水利和湖泊管理处", "市教育局": "教育局", "民政与社会事务中心": "市级民政"}
NAMES = ["审批", "档案", "水费", "考勤", "地理", "税务", "人口", "法人"]
"""Nothing alike: no name passes for a corrected one."""
CHANGES = ["classify", "wipe", "unanswered", "clear", "drop", "add", "order", "rename"]


@dataclass(frozen=True)
class Row:
    """``department``: as the form has it; empty on a classified row where it was wiped."""

    system: str
    department: str
    said: str = "否"


@dataclass(frozen=True)
class Form:
    file: str
    rows: tuple[Row, ...]

    def write(self, folder: Path) -> Path:
        lines = [
            f"{number},{row.department},市直,政府,{row.system},应用系统,否,已建,OS-{row.system}\n"
            if row.said == "否"
            else f"{number},{row.department},市直,政府,,,{row.said},,\n"
            for number, row in enumerate(self.rows, start=1)
        ]
        path = folder / self.file
        path.write_text(HEAD + "".join(lines), encoding="utf-8")
        return path


@st.composite
def _years(draw: st.DrawFn) -> list[Form]:
    """One sheet through the years. Each system stays in its department, whose name on the form may change."""
    of = {name: draw(st.sampled_from(DEPARTMENTS)) for name in NAMES}
    rows = [Row(name, of[name]) for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True))]
    forms = [Form("form.csv", tuple(rows))]
    for year in range(draw(st.integers(1, 4))):
        changes = draw(st.lists(st.sampled_from(CHANGES), min_size=1, max_size=3))
        for change in changes:
            at = draw(st.integers(0, len(rows) - 1))
            if change in ("classify", "wipe", "unanswered"):
                said = "" if change == "unanswered" else "是"
                rows[at] = replace(rows[at], said=said, department="" if change == "wipe" else rows[at].department)
            elif change == "clear":
                rows[at] = Row(rows[at].system, of[rows[at].system])
            elif change == "drop" and len(rows) > 1:
                del rows[at]
            elif change == "add":
                rows += [Row(name, of[name]) for name in NAMES if name not in {row.system for row in rows}][:1]
            elif change == "order":
                rows = draw(st.permutations(rows))
            elif change == "rename":
                former = draw(st.sampled_from(DEPARTMENTS))
                rows = [replace(row, department=NEW_NAMES[former]) if row.department == former else row for row in rows]
                of = {name: NEW_NAMES[former] if department == former else department for name, department in of.items()}
        renamed = (
            [f"form-{year}.csv"] if "rename" not in changes else []
        )  # nothing shows that one department's form under both names is the same
        file = draw(st.sampled_from([forms[-1].file, forms[-1].file, *renamed]))
        forms.append(Form(file, tuple(rows)))
    return forms


def _import(path: Path, into: Path, form: Form) -> tuple[Import, dict[str, System], set[str]]:
    """As an operator who knows the truth and answers what is asked, no more. Returns what was stored, and the ids that were said to be there."""
    known = load([into]) if into.exists() else None
    stored = {system.id: system for system in known.all_systems()} if known else {}
    names = {department.id: department.name for department in known.inventory.departments} if known else {}
    here = {(row.system, row.department) for row in form.rows if row.said == "否"}
    keep: set[str] = set()
    remove: set[str] = set()
    rename: dict[str, str] = {}
    for _ in range(5):
        try:
            return prepare([path], into, partial=True, keep=sorted(keep), remove=sorted(remove), rename=rename), stored, keep
        except Refused as refused:
            if renamed := _renamed(refused, names):
                rename |= renamed
                names |= renamed
                continue
            for ident in [one for finding in refused.findings for one in _asked(finding, stored)]:
                (keep if (stored[ident].name, names[stored[ident].department]) in here else remove).add(ident)
    raise AssertionError("asked again what was answered")


def _renamed(refused: Refused, names: dict[str, str]) -> dict[str, str]:
    """Departments that are asked about: id → name in the form, as it is in truth."""
    asked = " ".join(finding.remedy for finding in refused.findings if finding.code == "department-renamed")
    return {ident: NEW_NAMES[name] for ident, name in names.items() if ident in asked and name in NEW_NAMES}


def _asked(finding: Finding, stored: dict[str, System]) -> list[str]:
    """The stored systems that a finding is about: those it names."""
    return [ident for ident in stored if ident in finding.message + finding.remedy or ident == finding.system]


@given(_years())
@settings(
    max_examples=200,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
def test_what_became_classified_is_never_kept_unsaid_and_a_second_import_changes_nothing(years: list[Form]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "inventory"
        more = False
        """Whether rows that no form lists any more may still count: that was said, or nothing shows that a file of another name is the former one."""
        files: set[str] = set()
        told: set[str] = set()
        """What an import named since it is classified."""
        for form in years:
            path = form.write(Path(folder))
            prepared, stored, kept = _import(path, into, form)
            apply(prepared, into)
            now = load([into])
            names = {system.name for system in now.all_systems()}
            told |= {stored[ident].name for finding in prepared.reading.findings for ident in _asked(finding, stored)}
            secret = {row.system for row in form.rows if row.said != "否"}
            assert {row.system for row in form.rows if row.said == "否"} <= names
            assert secret & names <= told | {stored[ident].name for ident in kept}, "kept without a word"
            told &= secret
            listed = {system.id for system in prepared.reading.all_systems()}
            more = more or any(finding.code == "classified-rows-kept" for finding in prepared.reading.findings)
            more = more or (form.file not in files and not listed & stored.keys())
            files.add(form.file)
            assert len(now.withheld) == len(secret) or (more and len(now.withheld) > len(secret)), "a count that nobody was told of"
            again = prepare([path], into, partial=True)
            assert (again.changes, again.files) == ([], {}), "the same form twice"
