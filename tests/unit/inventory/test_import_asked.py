"""What a form no longer lists is a question of `check` and `ask`; an answer that comes back decides the import, for that form and no other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from orchestrator.cli.main import main
from orchestrator.inventory.answersheet import SHEET
from orchestrator.inventory.folder.asking_again import read_fate
from orchestrator.inventory.load import load
from orchestrator.inventory.names import make_id

HEAD = "序号,单位名称,单位层级,单位性质,系统名称,类别,是否涉密,建设状态,操作系统\n"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("inventory").mkdir()
    imports(form("水费系统", "河长制系统", "档案系统"))


def form(*names: str, secret: int = 0) -> Path:
    """A department's form; then rows of which only the department and that they are classified is left."""
    rows = [f"{number},市水务局,市直,政府,{name},应用系统,否,已建,OS-{name}\n" for number, name in enumerate(names, start=1)]
    path = Path("form.csv")
    path.write_text(HEAD + "".join(rows) + "9,市水务局,,,,,是,,\n" * secret, encoding="utf-8")
    return path


def imports(path: Path, code: int = 0) -> None:
    assert main(["inventory", "import", str(path), "--into", "inventory", "--yes"]) == code


def names() -> set[str]:
    return {system.name for system in load([Path("inventory")]).all_systems()}


def classified() -> int:
    return sum(row.system is None for row in load([Path("inventory")]).inventory.excluded)


def asked(path: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    capsys.readouterr()
    main(["inventory", "check", str(path), "--json"])
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["questions"]
    return found


def answer(path: Path, *said: str, code: int = 0) -> None:
    """Each question in order; None leaves what is proposed."""
    assert main(["inventory", "ask", "ask.xlsx", str(path)]) == 0
    workbook = load_workbook("ask.xlsx")
    sheet = workbook[SHEET]
    for row, words in enumerate(said, start=3):
        sheet.cell(row, 7).value = words or sheet.cell(row, 7).value
        sheet.cell(row, 8).value = "张三"
    workbook.save("ask.xlsx")
    assert main(["inventory", "answer", "ask.xlsx"]) == code


@pytest.mark.parametrize(
    ("said", "after", "rows"),
    [
        ("仍在", {"水费系统", "河长制系统", "档案系统"}, 1),
        ("已涉密", {"水费系统", "河长制系统"}, 1),
        ("已撤销", {"水费系统", "河长制系统"}, 1),
    ],
)
def test_what_may_have_become_classified_waits_for_its_answer(
    said: str, after: set[str], rows: int, capsys: pytest.CaptureFixture[str]
) -> None:
    later = form("水费系统", "河长制系统", secret=1)
    imports(later, code=3)
    (question,) = asked(later, capsys)
    assert (question["kind"], question["needs_name"], "档案" in json.dumps(question, ensure_ascii=False)) == ("gone", True, False)
    answer(later, said)
    assert asked(later, capsys) == []
    for _ in range(2):
        imports(later)
        assert (names(), classified(), asked(later, capsys)) == (after, rows, [])


def test_what_is_classified_and_has_no_row_counts_all_the_same() -> None:
    later = form("水费系统", "河长制系统")
    answer(later, "已涉密")
    for _ in range(2):
        imports(later)
        assert (names(), classified()) == ({"水费系统", "河长制系统"}, 1)


def test_a_new_name_is_proposed_and_keeps_the_id(capsys: pytest.CaptureFixture[str]) -> None:
    before = {system.name: system.id for system in load([Path("inventory")]).all_systems()}
    later = form("水费系统", "河长制系统", "档案管理系统")
    imports(later, code=3)
    (question,) = asked(later, capsys)
    assert question["proposed"] == "改名为档案管理系统"
    answer(later, "")
    imports(later)
    after = {system.name: system.id for system in load([Path("inventory")]).all_systems()}
    assert after == {"水费系统": before["水费系统"], "河长制系统": before["河长制系统"], "档案管理系统": before["档案系统"]}


def test_an_answer_holds_for_the_form_as_it_stood(capsys: pytest.CaptureFixture[str]) -> None:
    answer(form("水费系统", "河长制系统"), "仍在")
    later = form("水费系统", "河长制系统", secret=1)
    assert [question["kind"] for question in asked(later, capsys)] == ["gone"]
    imports(later, code=3)
    assert (names(), classified()) == ({"水费系统", "河长制系统", "档案系统"}, 0)


def test_an_answer_that_says_nothing_is_refused() -> None:
    answer(form("水费系统", "河长制系统"), "也许", code=3)
    assert not Path("inventory/answers.yaml").exists()


@pytest.mark.parametrize("said", ["均不是", "ids"])
def test_rows_of_a_sheet_that_continues_nothing_are_one_question(said: str, capsys: pytest.CaptureFixture[str]) -> None:
    ident = next(system.id for system in load([Path("inventory")]).all_systems() if system.name == "档案系统")
    later = Path("涉密.csv")
    later.write_text(HEAD + "1,市水务局,,,,,是,,\n", encoding="utf-8")
    imports(later, code=3)
    (question,) = asked(later, capsys)
    assert question["kind"] == "rows_gone"
    answer(later, said if said != "ids" else ident)
    for _ in range(2):
        imports(later)
        assert names() == {"水费系统", "河长制系统", *(["档案系统"] if said != "ids" else [])}
        assert (classified(), asked(later, capsys)) == (1, [])


def test_what_a_form_lists_is_asked_first_and_what_it_no_longer_lists_then(capsys: pytest.CaptureFixture[str]) -> None:
    later = form("水费系统", "河长制系统")
    later.write_text(later.read_text("utf-8").replace("河长制系统,应用系统,否", "河长制系统,应用系统,"), encoding="utf-8")
    assert [question["kind"] for question in asked(later, capsys)] == ["sheet"]
    answer(later, "均非涉密")
    assert [question["kind"] for question in asked(later, capsys)] == ["gone"]
    answer(later, "已撤销")
    imports(later)
    assert (names(), asked(later, capsys)) == ({"水费系统", "河长制系统"}, [])


def test_a_classified_row_of_a_sheet_whose_owner_was_answered_is_its_owners() -> None:
    path = Path("审计.csv")
    head, row = "系统名称,类别,是否涉密,建设状态\n", "联网审计,应用系统,{},已建\n"
    path.write_text(head + row.format("否"), encoding="utf-8")
    answer(path, "市审计局")
    answer(path, "市直、政府")
    imports(path)
    path.write_text(head + row.format("是"), encoding="utf-8")
    imports(path)
    assert names() == {"水费系统", "河长制系统", "档案系统"}
    (left,) = [row for row in load([Path("inventory")]).inventory.excluded if row.system is None]
    assert left.department != make_id("dept", "?")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("仍在", ("仍在", "")),
        ("仍 在。", ("仍在", "")),
        ("涉密", ("已涉密", "")),
        ("已撤销", ("已撤销", "")),
        ("改名为：“新系统”", ("改名为", "新系统")),
        ("已更名为新系统", ("改名为", "新系统")),
        ("现名 新系统", ("改名为", "新系统")),
        *((words, ("", "")) for words in ("改名", "改名为", "停用", "不涉密", "是", "仍在（部分）", "")),
    ],
)
def test_what_an_answer_says(text: str, said: tuple[str, str]) -> None:
    assert read_fate(text) == said


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("row", ["{number},市水务局,市直,政府,{name},应用系统,是,已建,OS-secret\n", "{number},市水务局,,,{name},,秘密级,,\n"])
@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2)])
def test_a_stored_system_that_comes_back_classified_names_purge_before_anything_is_written(
    language: str, row: str, order: tuple[int, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    stored = {system.name: system.id for system in load([Path("inventory")]).all_systems()}
    texts = {1: "1,市水务局,市直,政府,水费系统,应用系统,否,已建,OS-水费系统\n", 2: row.format(number=2, name="河长制系统"), 3: "3,市水务局,市直,政府,档案系统,应用系统,否,已建,OS-档案系统\n"}
    path = Path("form.csv")
    path.write_text(HEAD + "".join(texts[number] for number in order), encoding="utf-8")
    before = {file: file.read_bytes() for file in Path("inventory").rglob("*") if file.is_file()}
    capsys.readouterr()
    for command in (["check", str(path)], ["import", str(path), "--into", "inventory", "--dry-run"]):
        assert main(["--lang", language, "inventory", *command]) == 0
        said = capsys.readouterr().out
        assert f"orchestrator purge {stored['河长制系统']} --reason" in said
        assert "河长制" not in said and "OS-河长制" not in said and "OS-secret" not in said
    assert {file: file.read_bytes() for file in Path("inventory").rglob("*") if file.is_file()} == before
    assert main(["purge", stored["河长制系统"], "--reason", "转为涉密", "--yes"]) == 0
    capsys.readouterr()
    imports(path)
    assert "purge" not in capsys.readouterr().out
    assert (names(), classified()) == ({"水费系统", "档案系统"}, 1)


def test_purge_is_named_whatever_else_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    path = Path("form.csv")
    path.write_text(HEAD + "1,市水务局,市直,政府,水费系统,应用系统,否,研究中,\n2,市水务局,,,河长制系统,,是,,\n3,某局,,,档案库,数据库,否,已建,\n", encoding="utf-8")
    assert asked(path, capsys)
    main(["inventory", "check", str(path)])
    assert "orchestrator purge " in capsys.readouterr().out
