"""A department that bears another name in its new form: one question, one answer, one round; its systems stay what they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from orchestrator.cli.main import main
from orchestrator.inventory.answersheet import SHEET
from orchestrator.inventory.build.renamed import NEW, former_named
from orchestrator.inventory.load import load

HEAD = "序号,单位名称,单位层级,单位性质,系统名称,类别,是否涉密,建设状态,操作系统\n"
NAMES = ("水费系统", "河长制系统", "档案系统")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("inventory").mkdir()
    assert imports(form("市水务局", *NAMES)) == 0


def form(department: str, *names: str, facts: str = "市直,政府", file: str = "form.csv") -> Path:
    rows = [f"{number},{department},{facts},{name},应用系统,否,已建,CentOS 7\n" for number, name in enumerate(names, start=1)]
    path = Path(file)
    path.write_text(HEAD + "".join(rows), encoding="utf-8")
    return path


def imports(path: Path, *options: str) -> int:
    return main(["inventory", "import", str(path), "--into", "inventory", "--yes", *options])


def stored() -> dict[str, tuple[str, str]]:
    """Name of a system → its id and its department's name."""
    inventory = load([Path("inventory")]).inventory
    departments = {department.id: department.name for department in inventory.departments}
    return {system.name: (system.id, departments[system.department]) for system in inventory.systems}


def asked(path: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    capsys.readouterr()
    main(["inventory", "check", str(path), "--json"])
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["questions"]
    return found


def answer(path: Path, *said: str) -> int:
    """Each question in order; an empty answer leaves what is proposed."""
    assert main(["inventory", "ask", "ask.xlsx", str(path)]) == 0
    workbook = load_workbook("ask.xlsx")
    sheet = workbook[SHEET]
    for row, words in enumerate(said, start=3):
        sheet.cell(row, 7).value = words or sheet.cell(row, 7).value
        sheet.cell(row, 8).value = "张三"
    workbook.save("ask.xlsx")
    return main(["inventory", "answer", "ask.xlsx"])


@pytest.mark.parametrize("facts", ["市直,政府", ","], ids=["facts on its rows", "nothing but its name"])
@pytest.mark.parametrize("file", ["form.csv", "another.csv"])
def test_one_answer_renames_it(facts: str, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = stored()
    later = form("市水利和湖泊局", *NAMES, facts=facts, file=file)
    assert imports(later) == 3
    (question,) = asked(later, capsys)
    assert (question["kind"], question["proposed"]) == ("department", "原市水务局")
    assert answer(later, "") == 0
    assert asked(later, capsys) == []
    assert imports(later) == 0
    assert stored() == {name: (ident, "市水利和湖泊局") for name, (ident, _) in before.items()}
    assert (asked(later, capsys), imports(later)) == ([], 0)


@pytest.mark.parametrize(("facts", "said"), [("市直,政府", NEW), (",", "市直、政府")])
def test_one_answer_says_that_it_is_another_department(facts: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = set(stored().values())
    later = form("市水利和湖泊局", *NAMES, facts=facts, file="another.csv")
    assert answer(later, said) == 0
    assert asked(later, capsys) == []
    assert imports(later) == 0
    inventory = load([Path("inventory")]).inventory
    departments = {department.id: department.name for department in inventory.departments}
    after = {(system.id, departments[system.department]) for system in inventory.systems}
    assert before < after and len(after) == 6


def test_a_former_name_that_is_not_stored_is_asked_again(capsys: pytest.CaptureFixture[str]) -> None:
    later = form("市水利和湖泊局", *NAMES)
    assert answer(later, "原市财政局") == 0
    assert [question["proposed"] for question in asked(later, capsys)] == ["原市水务局"]
    assert imports(later) == 3
    assert {department for _, department in stored().values()} == {"市水务局"}


def test_what_a_renamed_department_no_longer_lists_is_asked_after_it(capsys: pytest.CaptureFixture[str]) -> None:
    later = form("市水利和湖泊局", *NAMES[:2])
    assert [question["kind"] for question in asked(later, capsys)] == ["department"]
    assert answer(later, "原市水务局") == 0
    assert [question["kind"] for question in asked(later, capsys)] == ["gone"]
    assert imports(later) == 0
    assert set(stored()) == set(NAMES)


def test_a_department_that_is_listed_beside_the_new_one_was_not_renamed(capsys: pytest.CaptureFixture[str]) -> None:
    later = form("市水利和湖泊局", *NAMES)
    later.write_text(later.read_text("utf-8") + "4,市水务局,市直,政府,水费系统,应用系统,否,已建,AIX\n", encoding="utf-8")
    assert [question for question in asked(later, capsys) if question["kind"] == "department"] == []


def test_two_departments_cannot_both_be_the_same_one_renamed() -> None:
    later = form("市水利局", *NAMES)
    later.write_text(later.read_text("utf-8") + "4,市湖泊局,市直,政府,湖泊系统,应用系统,否,已建,AIX\n", encoding="utf-8")
    Path("inventory/answers.yaml").write_text(
        "answers:\n"
        + "".join(f"  - {{kind: department, about: {name}, answer: 原市水务局, by: 张三}}\n" for name in ("市水利局", "市湖泊局")),
        encoding="utf-8",
    )
    assert imports(later) == 0
    assert {name: department for name, (_, department) in stored().items()} == {
        **dict.fromkeys(NAMES, "市水利局"), "湖泊系统": "市湖泊局",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("原市水务局", "市水务局"), ("原名市水务局", "市水务局"), ("原为“市水务局”", "市水务局"), ("市直、政府、原 市水务局", "市水务局"),
        ("市直、政府", ""), ("中原区教育局", ""), ("新单位", ""),
    ],
)  # fmt: skip
def test_how_a_former_name_is_said(said: str, name: str) -> None:
    assert former_named(said) == name


def test_whose_sheet_it_is_and_what_it_is_are_one_question(capsys: pytest.CaptureFixture[str]) -> None:
    path = Path("市审计局.csv")
    path.write_text("系统名称,类别,是否涉密,建设状态\n联网审计,应用系统,否,已建\n公文交换,应用系统,是,已建\n", encoding="utf-8")
    (question,) = asked(path, capsys)
    assert (question["kind"], question["proposed"]) == ("owner", "市审计局、市直、政府")
    assert answer(path, "") == 0
    assert asked(path, capsys) == []
    assert imports(path) == 0
    assert stored()["联网审计"][1] == "市审计局"
    (row,) = load([Path("inventory")]).inventory.excluded
    assert row.department == next(one.id for one in load([Path("inventory")]).inventory.departments if one.name == "市审计局")


def test_of_a_stored_department_only_the_name_is_proposed(capsys: pytest.CaptureFixture[str]) -> None:
    path = Path("市水务局.csv")
    path.write_text("系统名称,类别,是否涉密,建设状态\n闸门控制,应用系统,否,已建\n", encoding="utf-8")
    assert [question["proposed"] for question in asked(path, capsys)] == ["市水务局"]
