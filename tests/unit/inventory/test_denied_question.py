"""是否非涉密 asks the other way round: read as 是否涉密 it would let a classified system in and leave the others out (R2)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from orchestrator.inventory.cells import Unreadable
from orchestrator.inventory.check import counts
from orchestrator.inventory.load import load
from orchestrator.inventory.reading import Reading
from orchestrator.inventory.sheets.columns_answer import read_columns_answer
from orchestrator.inventory.sheets.denied_question import asks_the_other_way

sys.path[:0] = [str(Path(__file__).parents[2] / "fixtures")]
from workbooks import build  # type: ignore[import-not-found]  # noqa: E402 - a helper beside the fixtures

SECRET = "磐石指挥系统"


@pytest.mark.parametrize(
    "header",
    [
        "非涉密", "是否非涉密", "是否非涉密（是/否）", "不涉密", "是否为非涉密信息系统", "是否属于非涉密系统", "是否不属于涉密系统", "非密", "承诺不涉密",
        "不涉及国家秘密", "Unclassified", "Non-classified (Y/N)", "Not classified?", "是不是非涉密", "是不是不涉密",
    ],
)  # fmt: skip
def test_a_header_that_denies_asks_the_other_way(header: str) -> None:
    assert asks_the_other_way(header)


@pytest.mark.parametrize(
    "header",
    [
        "涉密", "是否涉密", "是否涉密（非涉密填否）", "密级", "是否加密", "密评", "涉密否", "不涉密的理由", "非涉密系统名称", "是不是涉密系统", "是不是涉密",
        "涉不涉密", "属不属于涉密系统", "有没有涉密信息", "含不含国家秘密", "涉密不涉密",
    ],
)  # fmt: skip
def test_what_asks_straight_or_something_else_does_not(header: str) -> None:
    assert not asks_the_other_way(header)


def read(folder: Path, header: str, answers: list[str], *, two_rows: bool = False) -> Reading:
    rows = [["系统名称", "主管部门", "系统类型", header, "状态"]]
    if two_rows:
        rows = [["系统名称", "主管部门", "基本情况", "", ""], ["", "", "系统类型", header, "状态"]]
    names = ["甲系统", SECRET, "乙系统", "丙系统"]
    rows += [[name, "市水务局", "应用系统", answer, "在用"] for name, answer in zip(names, answers, strict=False)]
    merged = ["C1:E1", "A1:A2", "B1:B2"] if two_rows else []
    return load([build(folder / "a.xlsx", [{"name": "Sheet1", "rows": rows, "merged": merged}])])


@pytest.mark.parametrize(
    ("yes", "no"), [("是", "否"), ("√", "×"), ("Y", "N"), ("☑是 □否", "□是 ☑否"), ("是（√）否（ ）", "是（ ）否（√）")]
)
@pytest.mark.parametrize("two_rows", [False, True])
def test_yes_is_not_classified_and_no_is(tmp_path: Path, yes: str, no: str, two_rows: bool) -> None:
    reading = read(tmp_path, "是否非涉密", [yes, no, yes, ""], two_rows=two_rows)
    found = counts(reading)
    assert (found["classified"], found["unanswered"], found["rows"]) == (1, 1, 4)
    assert {system.name for system in reading.all_systems()} | {"甲系统", "乙系统"} == {"甲系统", "乙系统"}
    assert SECRET not in repr(reading)
    assert any("是否非涉密" in one.read for one in reading.interpretations), "it is shown"


@pytest.mark.parametrize("header", ["是不是涉密系统", "是不是涉密", "涉不涉密"])
def test_whether_or_not_is_no_denial(tmp_path: Path, header: str) -> None:
    reading = read(tmp_path, header, ["不是", "是（机密级）", "不是", "否"])
    names = {system.name for system in reading.all_systems()}
    assert SECRET not in names
    assert not any("相反" in str(one) for one in reading.interpretations)


def test_a_lone_tick_under_not_classified_is_no_and_a_blank_is_unanswered(tmp_path: Path) -> None:
    found = counts(read(tmp_path, "非涉密", ["√", "", "√", "√"]))
    assert (found["classified"], found["unanswered"]) == (0, 1)


def test_words_that_say_it_themselves_stay_as_they_are(tmp_path: Path) -> None:
    found = counts(read(tmp_path, "是否非涉密", ["非涉密", "机密", "是", "不涉密"]))
    assert (found["classified"], found["unanswered"]) == (1, 0)


def test_names_under_such_a_header_are_no_answers(tmp_path: Path) -> None:
    reading = read(tmp_path, "非涉密系统", ["有线电视系统", SECRET, "无线广播系统", "是非研判系统"])
    assert counts(reading)["unanswered"] == 4
    assert not reading.all_systems()


def test_a_table_without_another_column_on_it_never_proposes_one_that_denies_or_speaks_of_keys(tmp_path: Path) -> None:
    for header in ("是否加密", "是否通过密评", "是否使用国密算法", "非涉密承诺书编号"):
        reading = read(tmp_path, header, ["是", "否", "是", "否"])
        assert not any("是否涉密" in question.proposed for question in reading.questions), header
        assert counts(reading)["classified"] == 0


def test_nobody_can_say_that_it_means_whether_it_is_classified(tmp_path: Path) -> None:
    """Neither as the answer to what the columns of an unknown table are, nor in ``columns.yaml``."""
    with pytest.raises(Unreadable):
        read_columns_answer("此表 → 系统清单\n业务平台 → 系统名称\n是否非涉密 → 是否涉密")
    mapping = "name: x\nabout: systems\nknown_by: [[业务平台]]\ncolumns:\n  - {headers: [业务平台], field: name}\n  - {headers: [是否非涉密], field: classified}\n"
    (tmp_path / "columns.yaml").write_text(mapping, "utf-8")
    (tmp_path / "a.csv").write_text("业务平台,归口,是否非涉密\n甲平台,市水务局,是\n" + SECRET + ",市水务局,否\n", "utf-8")
    reading = load([tmp_path])
    assert "mapping-unusable" in {finding.code for finding in reading.findings}
    assert SECRET not in {system.name for system in reading.all_systems()}


@pytest.mark.parametrize("header", ["系统性质（涉密/非涉密）", "类型", "属性", "分级"])
def test_a_column_that_says_so_in_these_words_is_the_one_on_classification_whatever_its_header(tmp_path: Path, header: str) -> None:
    """Else the sheet would seem to say nothing, and somebody's statement about it would let the row in."""
    reading = read(tmp_path, header, ["非涉密", "涉密", "不涉密", "非涉密"])
    found = counts(reading)
    assert (found["classified"], found["unanswered"]) == (1, 0)
    assert "sheet" not in {question.kind for question in reading.questions}
    assert SECRET not in repr(reading)


def test_words_of_a_remark_are_no_such_column(tmp_path: Path) -> None:
    found = counts(read(tmp_path, "备注", ["非涉密", "每周维护", "涉密", ""]))
    assert (found["classified"], found["unanswered"]) == (0, 4)


def test_a_header_may_be_a_word_that_answers_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "Agency,Application,Type,Status,Is Classified?\nBureau A,App A,Application,Live,No\nBureau A,App B,Application,Live,Yes\n", "utf-8"
    )
    (question,) = [question for question in load([tmp_path / "a.csv"]).questions if question.kind == "columns"]
    assert {"Application → 系统名称", "Is Classified? → 是否涉密"} <= set(question.proposed.splitlines())


def test_one_answer_under_a_question_makes_the_others_unanswered_and_no_more(tmp_path: Path) -> None:
    rows = "".join(f"市水务局,市直,政府,系统{number},应用系统,已建,{answer}\n" for number, answer in enumerate(["内部", "是", "", "待定"]))
    (tmp_path / "a.csv").write_text("单位名称,单位层级,单位性质,系统名称,类别,建设状态,是否非涉密\n" + rows, encoding="utf-8")
    count = counts(load([tmp_path / "a.csv"]))
    assert (count["in_scope"], count["unanswered"], count["classified"]) == (1, 3, 0)


@pytest.mark.parametrize("numbers", ["ABCDEFG", "1234567", "①②③④⑤⑥⑦"])
def test_a_row_that_numbers_the_columns_answers_nothing(tmp_path: Path, numbers: str) -> None:
    """F among A, B, C is no "false", and 1 no yes."""
    heads = ["单位名称", "单位层级", "单位性质", "系统名称", "类别", "是否非涉密", "建设状态"]
    rows = [heads, list(numbers), ["市水务局", "市直", "政府", "水费系统", "应用系统", "是", "已建"], ["市水务局", "市直", "政府", SECRET, "应用系统", "否", "已建"]]
    reading = load([build(tmp_path / "a.xlsx", [{"name": "统计表", "rows": rows}])])
    assert {name: counts(reading)[name] for name in ("rows", "in_scope", "classified")} == {"rows": 2, "in_scope": 1, "classified": 1}
