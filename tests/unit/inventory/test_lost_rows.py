"""No record disappears: whatever would leave rows unread is an error; numbers and totals are held against what was read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.inventory.check import counts
from orchestrator.inventory.load import load
from orchestrator.inventory.reading import Reading

HEAD = "序号,单位名称,单位层级,单位性质,系统名称,类别,是否涉密,建设状态,备注\n"
ROWS = [f"{number},市水务局,市直,政府,系统{number},应用系统,否,已建,\n" for number in range(1, 21)]


ONE_CELL = [
    "合计：共20个系统,,,,,,,,", "共计 20 个,,,,,,,,", "系统数量：20,,,,,,,,", "信息系统总数：20个,,,,,,,,", "以上共20项,,,,,,,,", "本表共20个信息系统。,,,,,,,,", "合计（20个系统）,,,,,,,,",
    "合计：服务器30台、系统20个,,,,,,,,", "共20个系统，其中涉密1个,,,,,,,,".replace("，", "、"), ",,,,合计：20个系统,,,,", ",共有系统20个,,,,,,,", "总共：20套系统,,,,,,,,", "累计为20个,,,,,,,,",
]  # fmt: skip
NO_TOTALS = [
    "合计：服务器30台,,,,,,,,", "一、县市区（共3个系统）,,,,,,,,", "市教育局（共2个）,,,,,,,,", "注：另有涉密系统2个未列入,,,,,,,,", "说明：涉密系统共2个另报,,,,,,,,", "合计：单位3家,,,,,,,,",
    "填表人：张三 共3人,,,,,,,,", "服务器数量：30,,,,,,,,", "合计：12.5万元,,,,,,,,", "总投资：300万元,,,,,,,,",
]  # fmt: skip
"""Of other things, or of rows that follow."""


def read(folder: Path, rows: list[str], more: str = "") -> Reading:
    path = folder / "form.csv"
    path.write_text(HEAD + "".join(rows) + more, encoding="utf-8")
    return load([path])


def changed(number: int, change: Callable[[str], str]) -> list[str]:
    return [change(row) if index == number else row for index, row in enumerate(ROWS)]


def codes(reading: Reading, severity: str = "error") -> list[str]:
    return [finding.code for finding in reading.findings if finding.severity == severity]


def test_a_file_that_ends_inside_a_quotation_mark_is_an_error(tmp_path: Path) -> None:
    reading = read(tmp_path, changed(9, lambda row: row.replace("系统10", '"系统10')))
    assert codes(reading) == ["bad-csv"]
    assert "第 11 行" in reading.errors[0].message


def test_lines_that_a_field_swallowed_are_an_error(tmp_path: Path) -> None:
    rows = changed(9, lambda row: row.replace("系统10", '"系统10'))
    rows[12] = rows[12].replace("系统13", '系统13"')
    reading = read(tmp_path, rows)
    assert codes(reading) == ["rows-in-a-cell"]
    assert codes(reading, "warning") == ["numbers-missing"]
    assert "11、12、13" in next(finding.message for finding in reading.findings if finding.code == "numbers-missing")


def test_a_line_break_within_a_remark_swallows_nothing(tmp_path: Path) -> None:
    reading = read(tmp_path, changed(9, lambda row: row.replace("已建,", '已建,"一、运行正常；\n二、已备案，待测评；三、无"')))
    assert (reading.findings, counts(reading)["in_scope"]) == ([], 20)


@pytest.mark.parametrize("separator", [";", "\t", "，", "|", " ", "；", "、"])
def test_a_row_with_another_separator_is_an_error(separator: str, tmp_path: Path) -> None:
    reading = read(tmp_path, changed(9, lambda row: row.strip(",\n").replace(",", separator) + "\n"))
    assert codes(reading) == ["row-in-one-cell"]
    assert "系统10" not in str(reading.findings)


def test_a_row_that_is_quoted_as_a_whole_is_an_error(tmp_path: Path) -> None:
    assert codes(read(tmp_path, changed(9, lambda row: f'"{row.strip()}"\n'))) == ["row-in-one-cell"]


def test_notes_with_commas_are_no_rows(tmp_path: Path) -> None:
    more = '"注：1、本表由各单位填写，2、涉密系统不填报；3、数据截至2018年5月，4、单位盖章，5、一式两份，6、电子版报送，7、无，8、否",,,,,,,,\n'
    reading = read(tmp_path, ROWS, more)
    assert (codes(reading), counts(reading)["in_scope"]) == ([], 20)


@pytest.mark.parametrize("total", ["合计,,,,20,,,,", "合计：20个系统,,,,,,,,", "总计,,,,20个,,,,", "合计,共20个,,,,,,,", "小计,,,,20项,,,,", *ONE_CELL])
def test_a_total_that_agrees_is_silent(total: str, tmp_path: Path) -> None:
    assert read(tmp_path, ROWS, total + "\n").findings == []


@pytest.mark.parametrize("total", ["合计,,,,21,,,,", "合计：19个系统,,,,,,,,", "总计,,,,22个,,,,", *(total.replace("20", "24") for total in ONE_CELL)])
def test_a_total_that_differs_is_an_error(total: str, tmp_path: Path) -> None:
    assert codes(read(tmp_path, ROWS, total + "\n")) == ["total-differs"]


@pytest.mark.parametrize("row", NO_TOTALS)
def test_what_counts_other_things_is_no_total_of_rows(row: str, tmp_path: Path) -> None:
    reading = read(tmp_path, ROWS, row + "\n")
    assert (codes(reading), counts(reading)["rows"]) == ([], 20)


def test_a_total_below_several_tables_is_of_all_of_them(tmp_path: Path) -> None:
    other = ["\n", HEAD.replace("备注", "操作系统"), *(row.replace("系统", "业务", 1) for row in ROWS[:5])]
    assert codes(read(tmp_path, ROWS, "".join([*other, "合计：共25个系统,,,,,,,,\n"]))) == []
    assert codes(read(tmp_path, ROWS, "".join([*other, "合计：共26个系统,,,,,,,,\n"]))) == ["total-differs"]


def test_subtotals_count_from_the_last_one(tmp_path: Path) -> None:
    rows = [*ROWS[:8], "小计,,,,8,,,,\n", *ROWS[8:], "小计,,,,12,,,,\n", "合计,,,,20,,,,\n"]
    assert read(tmp_path, rows).findings == []
    rows[8] = "小计,,,,9,,,,\n"
    assert codes(read(tmp_path, rows)) == ["total-differs"]


def test_numbers_that_begin_anew_for_each_department_are_no_gap(tmp_path: Path) -> None:
    again = [row.replace("市水务局", "市财政局").replace("系统", "业务", 1) for row in ROWS]
    assert read(tmp_path, [*ROWS, *again]).findings == []
    reading = read(tmp_path, [*ROWS[:4], *ROWS[5:], *again])
    assert (codes(reading), codes(reading, "warning")) == ([], ["numbers-missing"])


@pytest.mark.parametrize("remark", ["本系统涉密，另行报送", "机密级", "存有国家秘密"])
def test_a_row_that_answers_no_and_speaks_of_secrets_is_not_answered(remark: str, tmp_path: Path) -> None:
    reading = read(tmp_path, changed(9, lambda row: row.replace("已建,", f"已建,{remark}")))
    assert codes(reading) == ["classified-doubt"]
    assert (counts(reading)["unanswered"], counts(reading)["in_scope"]) == (1, 19)
    assert remark not in str(reading)


@pytest.mark.parametrize("remark", ["不涉及国家秘密", "非涉密", "严禁上传涉密信息", "未存储涉密数据", "承建单位有涉密信息系统集成资质", "密码定期更换"])
def test_a_row_that_says_it_has_none_is_read(remark: str, tmp_path: Path) -> None:
    assert counts(read(tmp_path, changed(9, lambda row: row.replace("已建,", f"已建,{remark}"))))["in_scope"] == 20


def test_rows_under_a_heading_of_classified_systems_are_not_answered_by_a_no(tmp_path: Path) -> None:
    rows = [*ROWS[:10], "二、涉密信息系统,,,,,,,,\n", *ROWS[10:15], "三、非涉密信息系统,,,,,,,,\n", *ROWS[15:]]
    reading = read(tmp_path, rows)
    assert (counts(reading)["unanswered"], counts(reading)["in_scope"]) == (5, 15)
    assert not {f"系统{number}" for number in range(11, 16)} & {system.name for system in reading.all_systems()}
