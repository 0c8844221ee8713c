"""A form that comes again, or another of the same department: nothing is lost, nothing that may be classified stays, nobody guesses."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.main import main
from orchestrator.inventory.load import load
from orchestrator.models import Excluded, System

sys.path.insert(0, str(Path(__file__).parents[2] / "fixtures"))
from workbooks import build  # type: ignore[import-not-found]

HEADERS = ["序号", "单位名称", "单位层级", "单位性质", "系统名称", "类别", "是否涉密", "建设状态", "操作系统", "关联系统", "等保级别"]


def row(
    number: int,
    name: str,
    answer: str = "否",
    *,
    department: str = "市水务局",
    kind: str = "应用系统",
    os: str = "",
    depends: str = "",
    grade: str = "",
) -> list[object]:
    return [number, department, "市直", "政府", name, kind, answer, "已建", os, depends, grade]  # fmt: skip


class City:
    """Forms, the inventory folder that they are imported into, and what a command answered."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.into, self.capsys = folder, folder / "inventory", capsys

    def form(self, name: str, *rows: list[object], sheet: str = "统计表") -> Path:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        return build(self.folder / name, [{"name": sheet, "rows": [HEADERS, *rows]}])

    def imports(self, *paths: Path, code: int = 0, options: tuple[str, ...] = ()) -> dict[str, Any]:
        before = self.content()
        got = main(["inventory", "import", *map(str, paths), "--into", str(self.into), "--json", *options])
        shown = self.capsys.readouterr()
        assert got == code, shown.out + shown.err
        answer: dict[str, Any] = json.loads(shown.out)
        if "error" in answer:
            assert self.content() == before, "a refusal changes nothing"
        return answer

    def content(self) -> dict[str, bytes]:
        return {path.relative_to(self.into).as_posix(): path.read_bytes() for path in sorted(self.into.rglob("*")) if path.is_file()}

    def words(self) -> str:
        return "".join(data.decode() for data in self.content().values())

    def systems(self) -> dict[str, System]:
        return {system.name: system for system in load([self.into]).all_systems()}

    def classified(self) -> list[int | None]:
        return [row.row_no for row in load([self.into]).inventory.excluded if row.reason is Excluded.CLASSIFIED]


@pytest.fixture
def city(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> City:
    return City(tmp_path, capsys)


def codes(answer: dict[str, Any]) -> set[str]:
    return {finding["code"] for finding in answer["findings"]}


def told(answer: dict[str, Any]) -> set[str]:
    return {" ".join(filter(None, (change["what"], change["kind"], change["id"], change["field"]))) for change in answer["changes"]}


def test_a_classified_row_of_another_table_removes_no_system_that_has_its_number(city: City) -> None:
    city.imports(city.form("app.xlsx", row(1, "甲系统"), row(2, "乙系统"), row(3, "丙系统")))
    answer = city.imports(city.form("db.xlsx", row(1, "甲库", kind="数据库"), row(2, "密库", "是", kind="数据库")))
    assert set(city.systems()) == {"甲系统", "乙系统", "丙系统", "甲库"}
    assert city.classified() == [2]
    assert codes(answer) == {"classified-table"}, "a warning: whether one of the three is meant is for people"


def test_classified_rows_of_two_tables_add_up_however_often_and_in_whichever_order_they_come(city: City) -> None:
    app = city.form("app.xlsx", row(1, "甲系统", "是"), row(2, "乙系统"))
    db = city.form("db.xlsx", row(1, "甲库", "是", kind="数据库"), row(2, "乙库", kind="数据库"))
    other = city.form("other.xlsx", row(1, "丙库", kind="数据库"))
    for path in (app, db, other, db, app, other):
        city.imports(path)
    assert city.classified() == [1, 1]
    city.imports(app, db, other)
    assert city.classified() == [1, 1]


def test_the_sheets_of_one_file_are_tables_of_their_own(city: City) -> None:
    sheets = [
        {"name": "应用系统", "rows": [HEADERS, row(1, "甲系统"), row(2, "乙系统")]},
        {"name": "数据库", "rows": [HEADERS, row(1, "甲库", "是", kind="数据库")]},
    ]
    city.imports(build(city.folder / "a.xlsx", sheets))
    city.imports(build(city.folder / "b.xlsx", sheets[:1]))
    assert (set(city.systems()), city.classified()) == ({"甲系统", "乙系统"}, [1])


def test_two_files_of_one_name_in_two_folders_do_not_replace_each_other(city: City) -> None:
    city.imports(city.form("d1/统计表.xlsx", row(1, "甲系统"), row(2, "x", "是")))
    city.imports(
        city.form("d2/统计表.xlsx", row(1, "乙库", kind="数据库"), row(2, "y", "是")), options=("--keep", city.systems()["甲系统"].id)
    )
    assert (set(city.systems()), city.classified()) == ({"甲系统", "乙库"}, [2, 2])


def test_a_system_whose_row_says_that_it_is_classified_goes_wherever_the_row_stands(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "甲系统", os="玄武岩"), row(2, "乙系统")))
    answer = city.imports(city.form("b.xlsx", row(7, "甲系统", "是")))
    assert "玄武岩" not in city.words()
    assert [change["after"] for change in answer["changes"] if change["what"] == "removed"] == ["已列为涉密"]
    assert (set(city.systems()), city.classified()) == ({"乙系统"}, [7])


def test_a_row_that_keeps_its_number_and_nothing_else_is_asked_about(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "甲系统", os="玄武岩"), row(2, "乙系统")))
    later = city.form("a.xlsx", row(1, "", "是"), row(2, "乙系统"))
    (finding,) = city.imports(later, code=3)["findings"]
    assert finding["system"] == city.systems()["甲系统"].id, "its number proves nothing"


def test_whatever_became_classified_while_rows_moved_is_asked_about_and_goes_only_when_named(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "甲系统"), row(2, "乙系统", os="玄武岩"), row(3, "丙系统")))
    ident = city.systems()["乙系统"].id
    later = city.form("a.xlsx", row(1, "新系统"), row(2, "甲系统"), row(3, "", "是"), row(4, "丙系统"))
    answer = city.imports(later, code=3)
    (finding,) = answer["findings"]
    assert (finding["code"], finding["system"], finding["file"]) == ("system-unlisted", ident, "a.xlsx")
    assert f"--remove {ident}" in finding["remedy"] and f"--keep {ident}" in finding["remedy"]
    assert "乙系统" not in json.dumps(answer, ensure_ascii=False), "it may be classified: its words are not shown"
    answer = city.imports(later, options=("--remove", ident))
    assert f"removed system {ident}" in told(answer)
    assert "玄武岩" not in city.words() and ident not in city.words()
    assert (set(city.systems()), city.classified()) == ({"甲系统", "新系统", "丙系统"}, [3])


def test_what_is_said_to_be_still_there_stays_and_is_not_asked_about_again(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "甲系统"), row(2, "乙系统"), row(3, "丙系统")))
    ident = city.systems()["乙系统"].id
    later = city.form("a.xlsx", row(1, "甲系统"), row(2, "丙系统"), row(3, "", "是"))
    city.imports(later, code=3)
    city.imports(later, options=("--keep", ident))
    assert (set(city.systems()), city.classified()) == ({"甲系统", "乙系统", "丙系统"}, [3])
    assert codes(city.imports(later)) == {"system-unlisted"}


def test_a_system_that_was_left_out_before_is_asked_about_when_a_classified_row_comes(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "甲系统"), row(2, "乙系统")))
    city.imports(city.form("b.xlsx", row(1, "甲系统")))
    assert codes(city.imports(city.form("b.xlsx", row(1, "甲系统"), row(5, "", "是")), code=3)) == {"system-unlisted"}


def test_a_system_that_disappears_without_a_classified_row_stays_and_is_listed(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "甲系统"), row(2, "乙系统")))
    answer = city.imports(city.form("a.xlsx", row(1, "甲系统")))
    (finding,) = answer["findings"]
    assert (finding["code"], finding["severity"]) == ("system-unlisted", "warning")
    ident = city.systems()["乙系统"].id
    assert told(city.imports(city.form("a.xlsx", row(1, "甲系统")), options=("--remove", ident))) == {f"removed system {ident}"}
    assert set(city.systems()) == {"甲系统"}


def test_a_cleared_system_and_one_that_became_classified_are_not_taken_for_each_other(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "", "是"), row(2, "乙系统"), row(3, "丙系统")))
    later = city.form("a.xlsx", row(1, "新系统"), row(2, "解密系统"), row(3, "", "是"), row(4, "丙系统"))
    assert codes(city.imports(later, code=3)) == {"system-unlisted"}


def test_a_table_of_classified_rows_only_asks_whether_they_are_systems_that_are_stored(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "甲系统", os="玄武岩"), row(2, "乙系统")))
    alone = city.form("涉密.xlsx", row(1, "", "是"))
    (finding,) = city.imports(alone, code=3)["findings"]
    assert finding["code"] == "classified-table"
    department = city.systems()["甲系统"].department
    assert f"--keep {department}" in finding["remedy"]
    city.imports(alone, options=("--keep", department))
    assert (set(city.systems()), city.classified()) == ({"甲系统", "乙系统"}, [1])
    assert city.imports(alone)["changes"] == []


@pytest.mark.parametrize("moved", [False, True])
def test_a_classified_row_from_which_even_the_department_was_wiped_is_the_departments_of_its_sheet(city: City, moved: bool) -> None:
    city.imports(city.form("a.xlsx", row(1, "甲系统"), row(2, "乙系统", os="玄武岩"), row(3, "丙系统")))
    wiped = [3 if moved else 2, *[""] * 5, "是"]
    later = city.form("a.xlsx", row(1, "甲系统"), wiped, row(2 if moved else 3, "丙系统"))
    assert codes(city.imports(later, code=3)) == {"system-unlisted"}
    city.imports(later, options=("--remove", city.systems()["乙系统"].id))
    assert "玄武岩" not in city.words() and len(city.classified()) == 1
    assert city.imports(later)["changes"] == [] and codes(city.imports(later)) == set()


def test_a_wiped_row_of_a_sheet_of_several_departments_is_asked_about(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "甲系统"), row(2, "乙系统"), row(3, "丙系统", department="市教育局"), row(4, "丁系统", department="市教育局")))  # fmt: skip
    later = city.form("a.xlsx", row(1, "甲系统"), [2, *[""] * 5, "是"], row(3, "丙系统", department="市教育局"))
    assert len(city.imports(later, code=3)["findings"]) == 2


def test_a_form_whose_systems_all_became_classified_is_known_by_its_name(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "甲系统", os="玄武岩"), row(2, "乙系统")))
    later = city.form("a.xlsx", row(1, "", "是"), row(2, "", "是"))
    asked = city.imports(later, code=3)["findings"]
    assert {finding["system"] for finding in asked} == {system.id for system in city.systems().values()}
    city.imports(later, options=tuple(part for finding in asked for part in ("--remove", finding["system"])))
    assert city.systems() == {} and "玄武岩" not in city.words() and city.classified() == [1, 2]


def test_a_classified_row_that_another_form_does_not_list_still_counts(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "甲系统"), row(2, "", "是")))
    for _ in range(3):
        city.imports(city.form("技术.xlsx", row(1, "甲系统", os="AIX")))
        assert city.classified() == [2]
    city.imports(city.form("a.xlsx", row(1, "甲系统"), row(2, "", "是")))
    assert city.classified() == [2]
    city.imports(city.form("a.xlsx", row(1, "甲系统"), row(2, "解密系统")))
    assert (set(city.systems()), city.classified()) == ({"甲系统", "解密系统"}, [])


def test_classified_rows_that_moved_down_in_a_file_of_another_name_are_counted_once(city: City) -> None:
    city.imports(city.form("2018.xlsx", row(1, "甲系统"), row(2, "", "是"), row(3, "", "是"), row(4, "乙系统")))
    later = city.form("2019.xlsx", row(1, "丙系统"), row(2, "甲系统"), row(3, "", "是"), row(4, "", "是"), row(5, "乙系统"))
    assert "classified-rows-kept" not in codes(city.imports(later))
    assert city.classified() == [3, 4]
    assert city.imports(later)["changes"] == []


def test_a_folder_written_by_hand_is_one_table_for_each_department(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "甲系统"), row(2, "乙系统", os="玄武岩"), row(3, "", "是")))
    (city.into / "origins.tsv").unlink()
    later = city.form("b.xlsx", row(1, "甲系统"), row(2, "", "是"), row(3, "", "是"))
    (finding,) = city.imports(later, code=3)["findings"]
    city.imports(later, options=("--remove", finding["system"]))
    assert "玄武岩" not in city.words() and city.classified() == [2, 3]


def test_rows_of_a_folder_written_by_hand_are_neither_lost_nor_doubled(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "甲系统"), row(3, "", "是")))
    (city.into / "origins.tsv").unlink()
    for _ in range(2):
        city.imports(city.form("b.xlsx", row(1, "甲系统")))
        assert city.classified() == [3]
    sheets = [{"name": "统计表", "rows": [HEADERS, row(1, "甲系统")]}, {"name": "涉密", "rows": [HEADERS, row(3, "", "是")]}]
    (city.into / "origins.tsv").unlink()
    for _ in range(2):
        city.imports(build(city.folder / "c.xlsx", sheets))
        assert city.classified() == [3]


def test_what_the_folder_keeps_of_tables_holds_no_name_of_a_classified_rows_file(city: City) -> None:
    city.imports(city.form("玄武岩涉密表.xlsx", row(1, "", "是")))
    assert "玄武岩" not in city.words()


def test_an_unknown_id_is_a_slip_of_the_operator(city: City) -> None:
    path = city.form("a.xlsx", row(1, "甲系统"))
    city.imports(path)
    assert "nonsense" in city.imports(path, code=2, options=("--remove", "nonsense"))["error"]


# ---------------------------------------------------------------- not answered


def test_a_row_that_is_not_answered_stays_so_and_is_asked_about_at_every_check(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "甲系统"), row(2, "玄武岩", "")), code=3, options=("--partial",))
    reading = load([city.into])
    assert "玄武岩" not in city.words()
    assert (reading.unanswered, [row.answered for row in reading.inventory.excluded]) == (1, [False])
    assert [(finding.code, finding.severity) for finding in reading.findings] == [("classified-unanswered", "warning")]
    answer = city.imports(city.form("a.xlsx", row(1, "甲系统"), row(2, "", "是")))
    assert len(told(answer)) == 2
    assert load([city.into]).unanswered == 0
    assert city.classified() == [2]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_row_that_is_not_answered_is_not_answered_in_a_form_that_is_filled_from_it_either(city: City, lang: str) -> None:
    city.imports(city.form("a.xlsx", row(1, "甲系统"), row(2, "x", ""), row(3, "y", "是")), code=3, options=("--partial",))
    again = city.folder / "again.xlsx"
    assert main(["inventory", "template", str(again), "--lang", lang, "--filled-from", str(city.into)]) == 0
    assert [(row.row_no, row.answered) for row in load([again]).withheld] == [(2, False), (3, True)]


@pytest.mark.parametrize(("said", "systems", "rows"), [("--remove", {"甲系统"}, [2]), ("--keep", {"甲系统", "乙系统"}, [])])
def test_a_stored_system_whose_answer_is_gone_is_asked_about_and_counted_once(
    city: City, said: str, systems: set[str], rows: list[int]
) -> None:
    city.imports(city.form("a.xlsx", row(1, "甲系统"), row(2, "乙系统", os="玄武岩")))
    ident = city.systems()["乙系统"].id
    later = city.form("a.xlsx", row(1, "甲系统"), row(2, "乙系统", ""))
    (finding,) = city.imports(later, code=3, options=("--partial",))["findings"]
    assert (finding["code"], finding["system"]) == ("system-unlisted", ident) and "未答" in finding["message"]
    city.imports(later, code=3, options=("--partial", said, ident))
    assert (set(city.systems()), city.classified()) == (systems, rows)
    assert ("玄武岩" in city.words()) == (said == "--keep")


def test_classified_said_twice_in_yaml_is_no_answer(city: City) -> None:
    file = city.folder / "a.yaml"
    file.write_text(
        "departments:\n- {id: water, name: 水务局, level: municipal, organisation_type: government}\nsystems:\n"
        "- id: abc\n  name: 玄武岩\n  department: water\n  row_no: 4\n  kind: application\n  status: in_use\n  classified: true\n  classified: false\n",
        encoding="utf-8",
    )
    reading = load([file])
    assert (reading.inventory.systems, reading.unanswered) == ((), 1)
    city.imports(file, code=3, options=("--partial",))
    assert "玄武岩" not in city.words() and city.classified() == [4]


# ---------------------------------------------------------------- what depended on it


def test_nobody_depends_any_longer_on_what_became_classified(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "甲平台"), row(2, "乙系统", depends="甲平台"), row(3, "丙系统", depends="乙系统")))
    gone = city.systems()["甲平台"].id
    answer = city.imports(city.form("a.xlsx", row(1, "甲平台", "是"), row(2, "乙系统"), row(3, "丙系统", depends="乙系统")))
    assert f"changed system {city.systems()['乙系统'].id} depends_on" in told(answer)
    assert gone not in city.words()
    assert load([city.into]).findings == []
    city.imports(city.form("b.xlsx", row(1, "教育系统", department="市教育局")))


# ---------------------------------------------------------------- what the new form says


def test_an_answer_of_none_replaces_what_was_stored_and_silence_does_not(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "甲系统", depends="乙系统", grade="三级"), row(2, "乙系统", depends="甲系统", grade="二级")))
    city.imports(city.form("a.xlsx", row(1, "甲系统", depends="无", grade="未定级"), row(2, "乙系统")))
    one, two = city.systems()["甲系统"], city.systems()["乙系统"]
    assert (one.protection_grade, one.grade_answered, one.depends_on) == (None, True, ())
    assert (two.protection_grade, two.grade_answered, two.depends_on) == (2, True, (one.id,))
    city.imports(city.form("a.xlsx", row(1, "甲系统", grade="一级"), row(2, "乙系统")))
    assert city.systems()["甲系统"].protection_grade == 1


# ---------------------------------------------------------------- ids


def test_a_code_that_comes_later_is_a_name_of_the_stored_system(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "甲系统"), row(2, "乙系统")))
    before = {system.name: system.id for system in city.systems().values()}
    rows = [[*row(1, "甲系统"), "SW-01"], [*row(2, "乙系统", depends="SW-01"), ""]]
    for extra in ([], [[*row(3, "丙系统"), "SW-03"]]):
        sheets = [{"name": "统计表", "rows": [[*HEADERS, "系统编码"], *rows, *extra]}, {"name": "主机", "rows": [HOSTS, ["SW-01", "h", "10.1.1.1", 8]]}]
        city.imports(build(city.folder / "a.xlsx", sheets))
        assert before.items() <= {system.name: system.id for system in city.systems().values()}.items()
    assert (len(city.systems()), city.systems()["丙系统"].id) == (3, "sw-03")
    assert city.systems()["乙系统"].depends_on == (before["甲系统"],)
    assert [host.name for host in city.systems()["甲系统"].hosts] == ["h"]


def test_a_new_system_does_not_take_the_id_of_one_that_only_moved_down(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "行政审批系统"), row(2, "乙系统")))
    before = {name: system.id for name, system in city.systems().items()}
    city.imports(city.form("a.xlsx", row(1, "行政审批系统二期"), row(2, "行政审批系统"), row(3, "乙系统")))
    after = {name: system.id for name, system in city.systems().items()}
    assert before.items() <= after.items() and len(set(after.values())) == 3


@pytest.mark.parametrize("by", ["name", "id"])
def test_a_corrected_name_keeps_its_id_once_somebody_says_so(city: City, by: str) -> None:
    city.imports(city.form("a.xlsx", row(1, "水费征收管理系统"), row(2, "乙系统", depends="水费征收管理系统")))
    ident = city.systems()["水费征收管理系统"].id
    later = city.form("a.xlsx", row(1, "水费征收管理信息系统"), row(2, "乙系统", depends="水费征收管理信息系统"))
    assert codes(city.imports(later, code=3)) == {"system-unlisted"}
    assert codes(city.imports(later, code=3, options=("--rename", f"{ident}=没有的系统"))) == {"rename-unknown"}
    new = next(system for system in load([later], known=load([city.into]).inventory).all_systems() if "信息" in system.name)
    answer = city.imports(later, options=("--rename", f"{ident}={getattr(new, by)}"))
    assert told(answer) == {f"changed system {ident} name"}
    assert city.systems()["乙系统"].depends_on == (ident,)
    assert (city.imports(later)["changes"], len(city.systems())) == ([], 2)


def test_a_similar_name_on_the_same_number_of_another_table_is_another_system(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "行政审批系统")))
    city.imports(city.form("b.xlsx", row(1, "行政审批系统二期")))
    assert len(city.systems()) == 2


def test_a_corrected_name_beside_a_new_classified_row_is_asked_about(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "行政审批系统", os="玄武岩"), row(2, "乙系统")))
    ident = city.systems()["行政审批系统"].id
    later = city.form("a.xlsx", row(1, "行政审批系统二期", os="AIX"), row(2, "乙系统"), row(3, "", "是"))
    assert codes(city.imports(later, code=3)) == {"system-unlisted"}
    city.imports(later, options=("--remove", ident))
    assert "玄武岩" not in city.words() and set(city.systems()) == {"行政审批系统二期", "乙系统"}


# ---------------------------------------------------------------- departments and kinds said differently


def test_a_department_under_another_name_does_not_double_its_systems(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "甲系统"), row(2, "乙系统"), row(3, "丙系统")))
    renamed = city.form("b.xlsx", row(1, "甲系统", department="市水利和湖泊局"), row(2, "乙系统", department="市水利和湖泊局"))
    answer = city.imports(renamed, code=3)
    assert codes(answer) == {"department-renamed"}
    old = city.systems()["甲系统"].department
    city.imports(renamed, options=("--keep", old))
    assert len(load([city.into]).all_systems()) == 5


def test_a_misspelt_department_of_the_folder_is_told(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "甲系统", department="市人力资源和社会保障局")))
    answer = city.imports(city.form("b.xlsx", row(1, "乙系统", department="市人力资源社会保障局")))
    assert codes(answer) == {"department-near-miss"}
    misspelt = city.form("c.xlsx", row(1, "甲系统", department="市人力资源与社会保障局"))
    assert codes(city.imports(misspelt, code=3)) == {"department-renamed"}


def test_a_renamed_department_keeps_its_systems_once_the_folder_knows_its_new_name(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "甲系统"), row(2, "乙系统")))
    departments = city.into / "departments.yaml"
    departments.write_text(departments.read_text("utf-8").replace("市水务局", "市水利和湖泊局"), encoding="utf-8")
    city.imports(city.form("b.xlsx", row(1, "甲系统", department="市水利和湖泊局"), row(2, "乙系统", department="市水利和湖泊局")))
    assert len(load([city.into]).all_systems()) == 2


def test_the_same_name_in_another_department_is_a_warning(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "办公系统"), row(2, "乙系统")))
    answer = city.imports(city.form("b.xlsx", row(1, "办公系统", department="市教育局"), row(2, "丙系统", department="市教育局")))
    assert [(finding["code"], finding["severity"]) for finding in answer["findings"]] == [("system-near-miss", "warning")]


def test_a_changed_kind_does_not_double_the_system(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "甲系统"), row(2, "乙系统")))
    changed = city.form("a.xlsx", row(1, "甲系统", kind="数据库"), row(2, "乙系统"))
    assert codes(city.imports(changed, code=3)) == {"system-unlisted"}
    city.imports(changed, options=("--keep", city.systems()["甲系统"].id))
    assert len(load([city.into]).all_systems()) == 3


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("suffix", [".xlsx", ".csv"])
def test_a_form_in_the_folder_is_never_written_to(city: City, suffix: str) -> None:
    city.into.mkdir()
    name = f"水务{suffix}"
    if suffix == ".xlsx":
        city.form(f"inventory/{name}", row(1, "甲系统"))
    else:
        text = "\n".join(",".join(map(str, line)) for line in (HEADERS, row(1, "甲系统")))
        (city.into / name).write_text(text, encoding="utf-8")
    (finding,) = city.imports(city.form("new.xlsx", row(1, "甲系统", os="AIX")), code=3)["findings"]
    assert (finding["code"], finding["file"]) == ("form-in-folder", name)
    city.imports(city.into, code=3)


def test_a_technical_form_in_the_folder_is_one_too(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "甲系统")))
    build(city.into / "主机.xlsx", [{"name": "主机", "rows": [["系统名称", "主机名", "地址"], ["甲系统", "h1", "10.0.0.1"]]}])
    assert codes(city.imports(city.form("a.xlsx", row(1, "甲系统", os="AIX")), code=3)) == {"form-in-folder"}


@pytest.mark.parametrize("name", ["sites", "program", "headers", "policy", "departments"])
def test_a_department_called_like_another_document_gets_another_file(city: City, name: str) -> None:
    city.into.mkdir()
    (city.into / "sites.yaml").write_text("sites: [keep]\n", encoding="utf-8")
    path = city.form("a.xlsx", row(1, "甲系统", department=name), row(2, "", "是", department=name))
    city.imports(path)
    assert (city.into / "sites.yaml").read_text("utf-8") == "sites: [keep]\n"
    assert f"{name}-systems.yaml" in city.content()
    assert (set(city.systems()), city.classified()) == ({"甲系统"}, [2])
    assert city.imports(path)["changes"] == []


def test_a_file_that_is_no_inventory_is_not_written_over(city: City) -> None:
    city.into.mkdir()
    for name in ("water.yaml", "departments.yaml"):
        (city.into / name).write_text("notes: keep\n", encoding="utf-8")
    city.imports(city.form("a.xlsx", row(1, "甲系统", department="water")))
    assert {(city.into / name).read_text("utf-8") for name in ("water.yaml", "departments.yaml")} == {"notes: keep\n"}
    assert set(city.systems()) == {"甲系统"}


# ---------------------------------------------------------------- what is shown, and how it is written


def test_the_list_of_changes_shows_nothing_that_leads_to_a_person(city: City) -> None:
    headers = [*HEADERS, "负责人手机", "值班", "备注", "联系人", "联系电话"]
    for number in (8, 9):
        city.imports(
            build(
                city.folder / "a.xlsx",
                [{"name": "统计表", "rows": [headers, [*row(1, "甲系统"), f"找张三1{number}", f"13{number}12345678", f"请打１3{number}12345678", f"张三{number}", f"0724-1{number}"]]}],
            )
        )  # fmt: skip
    answer = city.imports(city.form("b.xlsx", row(1, "甲系统")))
    assert answer["changes"] == []
    changed = build(
        city.folder / "a.xlsx",
        [{"name": "统计表", "rows": [headers, [*row(1, "甲系统"), "找李四", "13712345678", "13712345678", "李四", "0724-2"]]}],
    )
    main(["inventory", "import", str(changed), "--into", str(city.into), "--dry-run"])
    shown = city.capsys.readouterr().out + json.dumps(city.imports(changed)["changes"], ensure_ascii=False)
    assert all(part in shown for part in ("remark", "unknown 值班", "unknown 负责人手机"))
    assert not [word for word in ("12345678", "张三", "李四", "0724") if word in shown]


def test_a_reading_that_is_listed_shows_no_telephone(city: City) -> None:
    headers = [*HEADERS, "维保状态"]
    path = build(city.folder / "a.xlsx", [{"name": "统计表", "rows": [headers, [*row(1, "甲系统"), "有，联系张三13812345678"]]}])
    for options in ((), ("--json",)):
        main(["inventory", "check", str(path), *options])
        shown = city.capsys.readouterr().out
        assert "有，联系张三…" in shown.replace(",", "，") and "13812345678" not in shown


@pytest.mark.parametrize("text", ["a\u0085b", "a\u2028b\ttab", "a\u2029b", "l1\n\nl2 \n x: [y"])
def test_a_text_with_line_breaks_of_any_kind_comes_back_the_same(city: City, text: str) -> None:
    path = city.folder / "a.csv"
    lines = [HEADERS, row(1, "甲系统", os=f'"{text}"')]
    path.write_text("\n".join(",".join(map(str, line)) for line in lines), encoding="utf-8", newline="")
    city.imports(path)
    assert city.systems()["甲系统"].os == load([path]).inventory.systems[0].os
    before = city.content()
    assert city.imports(path)["changes"] == []
    assert city.content() == before


def test_files_of_one_name_are_told_apart_by_their_folder(city: City) -> None:
    one = city.form("水务/统计表.xlsx", row(1, "甲系统"), row(2, "x", ""))
    two = city.form("教育/统计表.xlsx", row(1, "乙系统", department="市教育局"), row(2, "y", "", department="市教育局"), row(3, "丙系统", department="市教育局", grade="九级"))  # fmt: skip
    for paths in ([one, two], [one.parent, two.parent]):
        reading = load(paths)
        ids = {system.name: system.id for system in reading.all_systems()}
        assert [(f.code, f.file, f.cell, f.system) for f in reading.findings] == [
            ("classified-unanswered", "教育/统计表.xlsx", "G3", ""),
            ("unreadable", "教育/统计表.xlsx", "K4", ids["丙系统"]),
            ("classified-unanswered", "水务/统计表.xlsx", "G3", ""),
        ]
        assert reading.places[ids["甲系统"]]["name"] == "水务/统计表.xlsx › 统计表 › E2"
    assert load([city.folder]).places[ids["甲系统"]]["name"] == "水务/统计表.xlsx › 统计表 › E2"
    assert load([one]).places[ids["甲系统"]]["name"] == "统计表.xlsx › 统计表 › E2"


HOSTS = ["系统编码或名称", "主机名", "地址", "CPU核数"]


def test_what_another_department_brought_before_can_be_depended_on(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "水费系统")))
    city.imports(city.form("b.xlsx", row(1, "学籍系统", department="市教育局", depends="水费系统")))
    systems = city.systems()
    assert systems["学籍系统"].depends_on == (systems["水费系统"].id,)
    unknown = city.imports(city.form("c.xlsx", row(1, "资助系统", department="市教育局", depends="谁的系统")), code=3)
    assert codes(unknown) == {"dependency-unknown"}
    assert "谁的系统" not in json.dumps(unknown, ensure_ascii=False)


def test_technical_sheets_may_come_later_and_alone(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "水费系统"), row(2, "河长制系统"), row(3, "密级", "是")))
    sheet = build(city.folder / "technical.xlsx", [{"name": "主机", "rows": [HOSTS, ["水费系统", "app-1", "10.1.1.1", 8]]}])
    answer = city.imports(sheet)
    assert told(answer) == {f"changed system {city.systems()['水费系统'].id} hosts"}
    assert [host.name for host in city.systems()["水费系统"].hosts] == ["app-1"]
    assert (set(city.systems()), city.classified()) == ({"水费系统", "河长制系统"}, [3])
    assert city.imports(sheet)["changes"] == []
    again = city.imports(city.form("a.xlsx", row(1, "水费系统"), row(2, "河长制系统"), row(3, "密级", "是")))
    assert (again["changes"], codes(again)) == ([], set()), "nothing is missing from a form because technical sheets came alone"


@pytest.mark.parametrize("name", ["密级", "同名系统"])
def test_a_technical_row_alone_joins_one_system_and_never_a_classified_one(city: City, name: str) -> None:
    city.imports(
        city.form("a.xlsx", row(1, "密级", "是"), row(2, "同名系统"), row(3, "同名系统", department="市教育局"), row(4, "水费系统"))
    )
    sheet = build(
        city.folder / "technical.xlsx",
        [{"name": "主机", "rows": [HOSTS, [name, "app-1", "10.7.7.7", 8], ["水费系统", "w", "10.1.1.1", 8]]}],
    )
    answer = city.imports(sheet, code=3)
    assert codes(answer) == {"system-not-found" if name == "密级" else "system-ambiguous"}
    assert "10.7.7.7" not in city.words()
    assert "密级" not in json.dumps(answer, ensure_ascii=False)


def test_with_a_form_beside_them_technical_rows_join_only_what_the_forms_list(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "水费系统"), row(2, "河长制系统")))
    both = build(
        city.folder / "both.xlsx",
        [
            {"name": "统计表", "rows": [HEADERS, row(1, "水费系统"), row(2, "河长制系统", "是")]},
            {"name": "主机", "rows": [HOSTS, ["河长制系统", "app-1", "10.7.7.7", 8]]},
        ],
    )
    assert codes(city.imports(both)) == {"system-classified"}
    assert "10.7.7.7" not in city.words()


# ---------------------------------------------------------------- a department's only system, several departments on a sheet

EDUCATION = "市教育局"
WIPED = [3, *[""] * 5, "是"]


def three(city: City, name: str = "a.xlsx") -> System:
    """A form of two departments; the second has one system, which is returned."""
    city.imports(city.form(name, row(1, "甲系统"), row(2, "乙系统"), row(3, "丙系统", department=EDUCATION, os="玄武岩")))
    return city.systems()["丙系统"]


@pytest.mark.parametrize("name", ["a.xlsx", "b.xlsx"])
@pytest.mark.parametrize(
    ("last", "options"),
    [
        (WIPED, ()),
        ([3, *[""] * 3, "丙系统", "应用系统", ""], ("--partial",)),
        (row(3, "", "是", department="市教育据"), ()),
        (row(3, "", "是", department="教育局"), ()),
        (row(3, "", "是", department="市文化和旅游局"), ()),
    ],
)
def test_a_departments_only_system_is_asked_about_when_a_row_that_names_another_or_none_is_classified(
    city: City, name: str, last: list[object], options: tuple[str, ...]
) -> None:
    only = three(city)
    later = city.form(name, row(1, "甲系统"), row(2, "乙系统"), last)
    (finding,) = city.imports(later, code=3, options=options)["findings"]
    assert (finding["code"], finding["system"], finding["file"]) == ("system-unlisted", only.id, name)
    after = 3 if options else 0
    city.imports(later, code=after, options=("--remove", only.id, *options))
    assert "玄武岩" not in city.words() and len(city.classified()) == 1
    assert city.imports(later, code=after, options=options)["changes"] == []
    assert len(city.classified()) == 1


def test_such_a_row_may_be_said_to_be_no_stored_system(city: City) -> None:
    only = three(city)
    later = city.form("a.xlsx", row(1, "甲系统"), row(2, "乙系统"), WIPED)
    nobody = city.imports(later, code=3)["findings"][0]["remedy"].rpartition("--keep ")[2].split()[0]
    for options in (("--keep", nobody), ("--keep", only.department), ("--keep", only.id), ()):
        if options:
            city.imports(later, options=options)
        assert codes(city.imports(later)) == {"system-unlisted"}
        assert (set(city.systems()), city.classified()) == ({"甲系统", "乙系统", "丙系统"}, [3])


@pytest.mark.parametrize("name", ["a.xlsx", "b.xlsx"])
def test_a_sheet_of_classified_rows_that_name_no_department_asks_about_all_that_may_be_meant(city: City, name: str) -> None:
    three(city)
    later = city.form(name, *([number, *[""] * 5, "是"] for number in (1, 2, 3)))
    asked = city.imports(later, code=3)["findings"]
    assert {finding["code"] for finding in asked} == ({"system-unlisted"} if name == "a.xlsx" else {"classified-table"})
    gone = [part for system in city.systems().values() for part in ("--remove", system.id)]
    city.imports(later, options=tuple(gone))
    assert (city.systems(), city.classified()) == ({}, [1, 2, 3])
    assert city.imports(later)["changes"] == []


def test_a_department_that_is_gone_from_its_sheet_is_listed(city: City) -> None:
    only = three(city)
    for name in ("a.xlsx", "b.xlsx", "b.xlsx"):
        answer = city.imports(city.form(name, row(1, "甲系统"), row(2, "乙系统")))
        assert [(finding["code"], finding["system"]) for finding in answer["findings"]] == [("system-unlisted", only.id)]
    later = city.form("b.xlsx", row(1, "甲系统"), row(2, "乙系统"), WIPED)
    assert codes(city.imports(later, code=3)) == {"system-unlisted"}, "the sheet of another name is the same sheet"


def test_departments_whose_files_have_one_name_are_not_missed_on_each_others_sheets(city: City) -> None:
    water = city.form("水务/统计表.xlsx", row(1, "甲系统"), row(2, "", "是"))
    education = city.form("教育/统计表.xlsx", row(1, "乙系统", department=EDUCATION))
    for path in (water, education, water, education):
        assert codes(city.imports(path)) == set()
    assert (set(city.systems()), city.classified()) == ({"甲系统", "乙系统"}, [2])


@pytest.mark.parametrize("others", [0, 1, 2])
def test_a_department_renamed_on_its_form_keeps_nothing_that_became_classified(city: City, others: int) -> None:
    former, new = EDUCATION, "市教育体育和旅游局"
    names = ["丁系统", "戊系统"][:others]

    def rest(department: str) -> list[list[object]]:
        return [row(number, name, department=department) for number, name in enumerate(names, start=2)]

    city.imports(city.form("a.xlsx", row(1, "丙系统", department=former, os="玄武岩"), *rest(former)))
    later = city.form("a.xlsx", row(1, "", "是", department=new), *rest(new))
    answer = city.imports(later, code=3)
    assert codes(answer) == {"system-unlisted" if others < 2 else "department-renamed"}
    departments = city.into / "departments.yaml"
    departments.write_text(departments.read_text("utf-8").replace(former, new), encoding="utf-8")
    (asked,) = city.imports(later, code=3)["findings"]
    city.imports(later, options=("--remove", asked["system"]))
    assert (set(city.systems()), city.classified()) == (set(names), [1])
    assert "玄武岩" not in city.words()


def test_a_row_without_a_department_is_not_counted_again_under_another_file_name(city: City) -> None:
    rows = [row(1, "甲系统"), row(2, "乙系统", department=EDUCATION), WIPED]
    for name in ("a.xlsx", "b.xlsx", "b.xlsx"):
        city.imports(city.form(name, *rows))
        assert city.classified() == [3]
    city.imports(city.form("b.xlsx", *rows[:2], row(3, "", "是", department=EDUCATION)))
    assert city.classified() == [3], "now it names its department"


# ---------------------------------------------------------------- a table that has nothing in common with the stored one


def test_a_table_whose_systems_all_have_other_names_is_the_stored_one_and_they_are_listed(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "人事系统"), row(2, "考勤平台")))
    before = {system.id for system in city.systems().values()}
    later = city.form("a.xlsx", row(1, "公文流转平台"), row(2, "信访登记库"))
    answer = city.imports(later, code=3)
    assert {(finding["code"], finding["system"]) for finding in answer["findings"]} == {("system-unlisted", ident) for ident in before}
    city.imports(later, options=tuple(part for ident in sorted(before) for part in ("--remove", ident)))
    assert set(city.systems()) == {"公文流转平台", "信访登记库"}


def test_the_only_system_under_another_kind_is_the_same(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "甲系统")))
    assert codes(city.imports(city.form("a.xlsx", row(1, "甲系统", kind="数据库")), code=3)) == {"system-unlisted"}


def test_beside_classified_rows_such_a_table_is_asked_about(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "人事系统"), row(2, "", "是")))
    ident = city.systems()["人事系统"].id
    later = city.form("a.xlsx", row(1, "公文流转平台"), row(2, "", "是"))
    assert codes(city.imports(later, code=3)) == {"system-unlisted"}
    city.imports(later, options=("--remove", ident))
    assert (set(city.systems()), city.classified()) == ({"公文流转平台"}, [2])
    assert city.imports(later)["changes"] == []


def test_if_what_it_held_is_still_there_it_is_another_table(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "人事系统"), row(2, "", "是")))
    later = city.form("a.xlsx", row(1, "公文流转平台"))
    assert codes(city.imports(later, code=3)) == {"system-unlisted"}, "nobody knows whether the row is gone"
    assert codes(city.imports(later, options=("--keep", city.systems()["人事系统"].id))) == {"classified-rows-kept"}
    assert city.imports(later)["changes"] == []
    assert (set(city.systems()), city.classified()) == ({"人事系统", "公文流转平台"}, [2])


@pytest.mark.parametrize("later", [[row(1, "", "是")], [row(1, "甲系统")], [row(1, "", "是"), row(2, "乙系统")]])
def test_classified_rows_of_a_table_that_nothing_continues_are_told_when_another_comes(city: City, later: list[list[object]]) -> None:
    city.imports(city.form("a.xlsx", row(1, "", "是")))
    answer = city.imports(city.form("b.xlsx", *later))
    assert codes(answer) == {"classified-rows-kept"}


# ---------------------------------------------------------------- what depends on a system that goes


@pytest.mark.parametrize("said", [(), ("--remove",)])
def test_a_form_that_still_names_what_goes_is_answered_the_same_each_time(city: City, said: tuple[str, ...]) -> None:
    city.imports(city.form("a.xlsx", row(1, "密甲平台"), row(2, "乙系统", depends="密甲平台")))
    options = (*said, city.systems()["密甲平台"].id) if said else ()
    later = city.form("a.xlsx", *([] if said else [row(1, "密甲平台", "是")]), row(2, "乙系统", depends="密甲平台"))
    answer = city.imports(later, code=3, options=options)
    (finding,) = answer["findings"]
    assert (finding["code"], finding["cell"]) == ("dependency-unknown", "J2" if said else "J3")
    assert "密甲" not in json.dumps(answer, ensure_ascii=False)
    city.imports(later, code=3, options=(*options, "--partial"))
    assert city.systems()["乙系统"].depends_on == ()
    again = city.imports(later, code=3, options=("--partial",))
    assert (again["changes"], again["findings"]) == ([], [finding])
    assert city.imports(later, code=3)["findings"] == [finding]


def test_a_classified_row_and_one_that_is_not_answered_of_one_number_stay_in_their_tables(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "x", ""), row(2, "甲系统")), code=3, options=("--partial",))
    b = city.form("b.xlsx", row(1, "y", "是"), row(2, "乙系统"))
    for form in (b, b):
        city.imports(form)
    assert city.imports(b)["changes"] == []
    city.imports(city.form("b.xlsx", row(1, "丙系统"), row(2, "乙系统")))
    assert [row.answered for row in load([city.into]).withheld] == [False]


def test_a_sheet_that_is_no_longer_in_its_file_is_told_and_asked_about(city: City) -> None:
    def form(*sheets: list[list[object]]) -> Path:
        named = zip(("应用系统", "数据库", "其他"), sheets, strict=False)
        return build(city.folder / "a.xlsx", [{"name": name, "rows": [HEADERS, *rows]} for name, rows in named if rows])

    city.imports(form([row(1, "甲系统")], [row(1, "乙库", kind="数据库", os="玄武岩")], [row(1, "", "是")]))
    ident = city.systems()["乙库"].id
    assert codes(city.imports(form([row(1, "甲系统")]))) == {"system-unlisted", "classified-rows-kept"}
    later = form([row(1, "甲系统"), row(2, "", "是")])
    (finding,) = city.imports(later, code=3)["findings"]
    assert (finding["code"], finding["system"]) == ("system-unlisted", ident)
    city.imports(later, options=("--remove", ident))
    assert "玄武岩" not in city.words()
    assert city.imports(later)["changes"] == []
    assert city.classified() == [1, 2]


def test_a_corrected_name_in_a_file_of_another_name_is_told(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "水费征收管理系统")))
    answer = city.imports(city.form("b.xlsx", row(1, "水费征收管理信息系统")))
    (finding,) = answer["findings"]
    assert (finding["code"], finding["severity"], finding["cell"]) == ("system-near-miss", "warning", "E2")
    assert city.systems()["水费征收管理系统"].id in finding["remedy"]


def test_a_system_with_the_name_of_one_that_became_classified_is_named(city: City) -> None:
    former, new = EDUCATION, "市教育体育和旅游局"
    city.imports(city.form("a.xlsx", row(1, "丙系统", department=former), row(2, "丁系统", department=former)))
    city.imports(city.form("b.xlsx", row(1, "丙系统", department=new)))
    later = city.form("b.xlsx", row(1, "", "是", department=new))
    (asked,) = city.imports(later, code=3)["findings"]
    answer = city.imports(later, options=("--remove", asked["system"]))
    (finding,) = [finding for finding in answer["findings"] if finding["code"] == "namesake-kept"]
    assert finding["system"] == city.systems()["丙系统"].id
    assert "丙系统" not in json.dumps(answer, ensure_ascii=False)


def test_a_department_with_one_system_that_is_renamed_on_its_form_does_not_double_it(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "丙系统", department=EDUCATION)))
    later = city.form("a.xlsx", row(1, "丙系统", department="市教育体育和旅游局"))
    assert codes(city.imports(later, code=3)) == {"system-unlisted"}
    ident = city.systems()["丙系统"].id
    city.imports(later, options=("--rename", f"{ident}=丙系统"))
    assert [(one.id, one.department) for one in load([city.into]).all_systems()] == [(ident, city.systems()["丙系统"].department)]


def test_a_form_that_comes_again_without_a_row_has_lost_its_systems_and_they_are_listed(city: City) -> None:
    city.imports(city.form("a.xlsx", row(1, "水费系统"), row(2, "河长制系统")))
    answer = city.imports(city.form("a.xlsx"))
    assert codes(answer) == {"system-unlisted"}
    assert set(city.systems()) == {"水费系统", "河长制系统"}, "listed, and kept until somebody says what became of them"
    assert codes(city.imports(city.form("b.xlsx"))) == set(), "another empty form says nothing of them"
