"""Names under 关联系统 that no list has: one question for each, which does not repeat it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from orchestrator.inventory.answerbook import Answer
from orchestrator.inventory.answersheet import read_answersheet, write_questions
from orchestrator.inventory.folder.keeping import keep_answers
from orchestrator.inventory.load import load
from orchestrator.inventory.reading import Reading

HEAD = "单位名称,单位层级,单位性质,系统名称,系统编码,类别,建设状态,是否涉密,关联系统"


def form(tmp_path: Path, **depends_on: str) -> Path:
    path = tmp_path / "a.csv"
    secret = depends_on.pop("secret", "否")
    rows = [f"市水务局,市直,政府,{name}系统,{name},应用系统,已建,{secret if name == 'C' else '否'},{on}" for name, on in depends_on.items()]
    path.write_text("\n".join([HEAD, *rows]), encoding="utf-8")
    return path


def read(path: Path, folder: Path) -> Reading:
    return load([path], beside=[folder])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "inventory").mkdir()
    return tmp_path / "inventory"


def answered(folder: Path, reading: Reading, said: str) -> None:
    keep_answers(folder, [Answer(*question.key, answer=said, by="张三", on="2026-11-30") for question in reading.questions if question.kind == "other_system"])


@pytest.mark.parametrize("outside", ["人行征信", "国家医保信息平台", "省一体化平台"])
def test_a_system_elsewhere_is_one_question_and_its_answer_holds_for_every_row_and_file(outside: str, tmp_path: Path, folder: Path) -> None:
    path = form(tmp_path, A=f"B系统、{outside}", B=outside, C="无")
    reading = read(path, folder)
    (question,) = reading.questions
    assert (question.kind, question.count, question.proposed, "不是本市系统" in question.choices) == ("other_system", 2, "", True)
    assert "第 2 个" in str(question.asks) and outside not in repr(question), "the cell says which name it is: it may be a classified system's"
    assert {finding.code for finding in reading.errors} == {"dependency-unknown"}
    answered(folder, reading, "不是本市系统")
    reading = read(path, folder)
    assert reading.questions == () and reading.errors == []
    systems = {system.name: system for system in reading.inventory.systems}
    assert systems["A系统"].depends_on == (systems["B系统"].id,) and systems["B系统"].depends_on == ()
    assert systems["A系统"].unknown == systems["B系统"].unknown == {"本市以外的关联系统": outside}
    assert outside not in (folder / "answers.yaml").read_text("utf-8")


def test_another_name_of_a_system_is_answered_with_the_system(tmp_path: Path, folder: Path) -> None:
    path = form(tmp_path, A="老门户", B="无")
    answered(folder, read(path, folder), "B系统")
    reading = read(path, folder)
    systems = {system.name: system for system in reading.inventory.systems}
    assert (reading.questions, reading.errors) == ((), []) and systems["A系统"].depends_on == (systems["B系统"].id,)
    answered(folder, read(form(tmp_path, A="新门户"), folder), "没有的系统")
    assert len(read(form(tmp_path, A="新门户"), folder).questions) == 1, "an answer that is no system either leaves it open"


@pytest.mark.parametrize("secret", ["是", ""])
def test_what_a_withheld_row_is_called_is_not_asked_about(secret: str, tmp_path: Path, folder: Path) -> None:
    reading = read(form(tmp_path, A="C系统", C="无", secret=secret), folder)
    assert not any(question.kind == "other_system" for question in reading.questions)
    assert [finding.code for finding in reading.errors if finding.code == "dependency-unknown"] == ["dependency-unknown"]


def test_the_question_goes_through_the_answer_sheet(tmp_path: Path, folder: Path) -> None:
    reading = read(form(tmp_path, A="人行征信"), folder)
    write_questions(tmp_path / "q.xlsx", reading.questions)
    from openpyxl import load_workbook

    book = load_workbook(tmp_path / "q.xlsx")
    book.active["G3"], book.active["H3"] = "不是本市系统", "张三"
    book.save(tmp_path / "q.xlsx")
    answers, findings, still_open = read_answersheet(tmp_path / "q.xlsx", dt.date(2026, 11, 30))
    assert ([answer.answer for answer in answers], findings, still_open) == (["不是本市系统"], [], 0)
