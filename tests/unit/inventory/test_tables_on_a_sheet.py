"""Where a header is, and which rows below it are systems."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.inventory.load import load
from orchestrator.inventory.reading import Reading
from orchestrator.texts import spoken

sys.path.insert(0, str(Path(__file__).parents[2] / "fixtures"))
from workbooks import build  # type: ignore[import-not-found]

HEAD = ["序号", "单位名称", "单位层级", "单位性质", "系统名称", "类别", "是否涉密", "建设状态"]
SECRET = "玄武岩"


def system(number: object, name: str, classified: object = "否", *more: object, department: str = "市水务局") -> list[object]:
    return [number, department, "市直", "政府", name, "应用系统", classified, "已建", *more]


def read(folder: Path, *sheets: list[list[object]], names: tuple[str, ...] = ("统计表", "主机"), merged: tuple[str, ...] = ()) -> Reading:
    build(folder / "form.xlsx", [{"name": name, "rows": rows, "merged": merged} for name, rows in zip(names, sheets, strict=False)])
    return load([folder / "form.xlsx"], today=dt.date(2017, 6, 30))


def codes(reading: Reading) -> list[tuple[str, str]]:
    return [(finding.code, finding.cell) for finding in reading.findings]


@pytest.mark.parametrize("rows_above", [0, 39, 41, 500])
def test_a_header_is_found_however_deep_it_stands(rows_above: int, tmp_path: Path) -> None:
    reading = read(tmp_path, [*([[f"说明{number}"] for number in range(rows_above)]), HEAD, system(1, "水费系统")])
    assert [s.name for s in reading.inventory.systems] == ["水费系统"]
    assert reading.findings == []


def test_the_first_header_counts_and_not_the_one_that_knows_most(tmp_path: Path) -> None:
    reading = read(
        tmp_path,
        [HEAD, system(1, "水费系统"), [*HEAD, "操作系统", "内存(GB)"], system(1, "农水系统", "否", "CentOS", 64)],
    )
    assert {s.name: s.memory_gb for s in reading.inventory.systems} == {"水费系统": None, "农水系统": 64.0}


@pytest.mark.parametrize(
    "row", [system(1, SECRET, "是"), system("", SECRET, "是"), ["", "市水务局", "", "", "", "", "是", ""], [1, "", "", "", SECRET]]
)
def test_a_row_above_a_second_header_is_no_part_of_it(row: list[object], tmp_path: Path) -> None:
    reading = read(tmp_path, [HEAD, system(1, "水费系统"), row, [*HEAD, "内存(GB)"], system(2, "农水系统", "否", 64)])
    assert {s.name: s.memory_gb for s in reading.inventory.systems} == {"水费系统": None, "农水系统": 64.0}
    assert reading.rows == 3
    assert SECRET not in repr((reading.findings, reading.interpretations, reading.inventory))


@pytest.mark.parametrize("at", ["备注", ""])
def test_a_row_that_only_mentions_headers_is_a_row(at: str, tmp_path: Path) -> None:
    row = [1, "市水务局", "市直", "其他", "数据库系统", "数据库系统", "否", "已建", "其他", "安装包"]
    reading = read(tmp_path, [[*HEAD, at or "说明", "是否有源码或安装包"], row])
    assert [s.name for s in reading.inventory.systems] == ["数据库系统"]


def test_a_second_header_that_cannot_be_understood_ends_the_reading_with_an_error(tmp_path: Path) -> None:
    reading = read(tmp_path, [HEAD, system(1, "水费系统"), ["序号", "单位名称", "是否涉密", "建设状态"], [2, SECRET, "否", "已建"]])
    assert codes(reading) == [("header-unclear", "A3")]
    assert (reading.rows, len(reading.errors)) == (1, 1)


def test_a_two_row_header_printed_again_is_passed_over(tmp_path: Path) -> None:
    head = [[*HEAD, "服务器", ""], ["", "", "", "", "", "", "", "", "数量", "内存(GB)"]]
    reading = read(tmp_path, [*head, system(1, "水费系统", "否", 3, 64), *head, system(2, "水库系统", "否", 2, 32)])
    assert {s.name: (s.servers, s.memory_gb) for s in reading.inventory.systems} == {"水费系统": (3, 64.0), "水库系统": (2, 32.0)}
    assert reading.findings == []


def test_groups_without_merged_cells_hold_until_the_next_one(tmp_path: Path) -> None:
    head = [[*HEAD, "客户端要求", "", "服务器", ""], ["", "", "", "", "", "", "", "", "操作系统", "内存(GB)", "操作系统", "内存(GB)"]]
    reading = read(tmp_path, [*head, system(1, "水费系统", "否", "Win7", 4, "CentOS", 64)])
    (found,) = reading.inventory.systems
    assert (found.os, found.memory_gb) == ("CentOS", 64.0)
    assert found.unknown == {"客户端要求 操作系统": "Win7", "客户端要求 内存(GB)": "4"}


@pytest.mark.parametrize(
    ("title", "memory", "found"),
    [
        ("计量单位：TB", 2, 2048.0), ("（单位：台、TB）", 2, 2048.0), ("单位：万元", 2, 2.0), ("单位：GB、TB", 2, None), ("单位：GB、TB", "2T", 2048.0),
        ("填报单位：市水务局", 2, 2.0),
    ],
)  # fmt: skip
def test_a_unit_in_a_title_holds_for_headers_without_one(title: str, memory: object, found: float | None, tmp_path: Path) -> None:
    head = [*HEAD, "内存", "存储(GB)"]
    reading = read(tmp_path, [[title], head, system(1, "水费系统", "否", memory, 5), head, system(2, "水库系统", "否", memory, 5)])
    assert [(s.memory_gb, s.storage_gb) for s in reading.inventory.systems] == [(found, 5.0), (found, 5.0)]
    assert bool(reading.errors) is (found is None)


def test_a_citys_own_group_is_known(tmp_path: Path) -> None:
    (tmp_path / "headers.yaml").write_text("headers: {systems: {group.technical: [上云资源]}}\n", encoding="utf-8")
    head = [[*HEAD, "上云资源", ""], ["", "", "", "", "", "", "", "", "操作系统", "内存(GB)"]]
    (found,) = read(tmp_path, [*head, system(1, "水费系统", "否", "CentOS", 64)]).inventory.systems
    assert (found.os, found.memory_gb) == ("CentOS", 64.0)


def test_the_owner_is_never_taken_from_a_row_of_the_table_before(tmp_path: Path) -> None:
    head = [name for name in HEAD if name != "单位名称"]
    row = [1, "市直", "政府", f"{SECRET}系统", "应用系统", "是", "已建"]
    bare = ["", "", "", f"单位：{SECRET}", "", "是", ""]
    reading = read(
        tmp_path, [["填报单位：市水务局"], head, row, bare, [*head, "备注"], [2, "市直", "政府", "水费系统", "应用系统", "否", "已建"]]
    )
    assert [d.name for d in reading.inventory.departments] == ["市水务局"]
    assert not any(SECRET in f"{i.read}{i.understood}" for i in reading.interpretations)


@pytest.mark.parametrize("name", ["合计系统", "合计", "工资合计", "填报说明", "例行检查系统"])
def test_a_system_is_a_system_whatever_its_name_begins_with(name: str, tmp_path: Path) -> None:
    reading = read(
        tmp_path, [HEAD, system(1, name), ["", *system("", f"{name}二期")[1:]]], [["系统名称", "主机名", "地址"], [name, "h-1", "10.1.1.1"]]
    )
    assert {s.name: len(s.hosts) for s in reading.inventory.systems} == {name: 1, f"{name}二期": 0}
    assert reading.findings == []


def test_a_cell_under_no_header_is_told_and_nothing_of_it_is_printed(tmp_path: Path) -> None:
    reading = read(tmp_path, [HEAD, system(1, "水费系统", "否", SECRET), system(2, "密系统", "是", SECRET)])
    assert codes(reading) == [("cell-without-header", "I2")]
    assert SECRET not in repr(reading.findings)


def test_telephones_are_not_printed_among_the_interpretations(tmp_path: Path) -> None:
    reading = read(tmp_path, [[*HEAD, "是否使用专用设备"], system(1, "水费系统", "否", "有,联系张三13812345678")])
    assert [(i.read, str(i.understood)) for i in reading.interpretations] == [("有,联系张三…", "是")]


def test_nothing_of_a_classified_systems_technical_row_is_printed(tmp_path: Path) -> None:
    reading = read(
        tmp_path,
        [HEAD, system(1, "水费系统"), system(2, "密系统", "是")],
        [
            ["系统名称", "主机名", "上线时间", "内存", "备注"],
            ["密系统", SECRET, 43210, "64G", SECRET],
            ["水费系统", "h-1", 43211, "64G", ""],
        ],
    )
    assert [(i.cell, i.read) for i in reading.interpretations] == [("", ""), ("C3", "43211"), ("D3", "64G")]
    assert str(reading.interpretations[0].understood) == "1 行属于涉密或未答的系统，未读取"
    assert SECRET not in repr((reading.findings, reading.interpretations))


@pytest.mark.parametrize("remark", ["例：汇算清缴期间访问量大", "（示例）", "注：停用中", "合计", "说明：见附件"])
def test_a_remark_says_nothing_of_what_its_row_is_even_in_the_first_column(remark: str, tmp_path: Path) -> None:
    rows = [["备注", *HEAD], [remark, *system(1, "水费系统")], [remark, "", "市水务局", "", "", SECRET, "", "", ""]]
    reading = read(tmp_path, rows)
    assert [(s.name, s.remark) for s in reading.inventory.systems] == [("水费系统", remark)]
    assert codes(reading) == [("classified-unanswered", "H3")]


def test_a_total_is_one_whatever_the_first_column_is(tmp_path: Path) -> None:
    reading = read(tmp_path, [["操作系统", *HEAD], ["CentOS", *system(1, "水费系统")], ["合计", "", "", "", "", 1, "", 0, 1]])
    assert (reading.rows, reading.findings) == (1, [])
    assert [(i.cell, i.read) for i in reading.interpretations] == [("A3", "合计")]


def test_a_title_under_the_column_of_answers_is_no_row(tmp_path: Path) -> None:
    reading = read(tmp_path, [["是否涉密", *(name for name in HEAD if name != "是否涉密")], ["县市区"], ["待定"], ["是"]])
    assert (reading.rows, codes(reading)) == (2, [("row-skipped", "A2"), ("classified-unanswered", "A3"), ("withheld-of-nobody", "C4")])


WITHOUT_DEPARTMENT = ["序号", "单位层级", "单位性质", "系统名称", "类别", "是否涉密", "建设状态"]


def mine(number: int, name: str, classified: str = "否") -> list[object]:
    return [number, "市直", "政府", name, "应用系统", classified, "已建"]


@pytest.mark.parametrize(
    "owner", [lambda name: [f"填报单位：{name}"], lambda name: ["填报单位：", name], lambda name: ["", "填报单位(盖章)：", "", name]]
)
def test_the_same_header_under_another_owner_begins_that_ones_table(owner: Callable[[str], list[object]], tmp_path: Path) -> None:
    reading = read(
        tmp_path,
        [owner("市水务局"), WITHOUT_DEPARTMENT, mine(1, "门户网站"), owner("市教育局"), WITHOUT_DEPARTMENT, mine(1, "门户网站"), mine(2, SECRET, "是")],
    )  # fmt: skip
    names = {one.id: one.name for one in reading.inventory.departments}
    assert sorted(names[one.department] for one in reading.inventory.systems) == ["市教育局", "市水务局"]
    assert [names[row.department] for row in reading.inventory.excluded] == ["市教育局"]
    assert reading.findings == []


@pytest.mark.parametrize(
    "guide",
    [
        [1, 2, 3, 4, 5, 6, 7, 8],
        ["(1)", "(2)", "(3)", "(4)", "(5)", "(6)", "(7)", "(8)"],
        ["栏次", 1, 2, 3, 4, 5, 6, 7],
        ["甲", "乙", 1, 2, 3, 4, 5, 6],
        ["填写说明", "填全称", "市直/县市区", "政府/党群", "填全称", "数据库/应用系统", "是/否？", "已建/在建"],
    ],
)
def test_a_row_that_numbers_the_columns_or_says_how_to_fill_them_in_is_no_row(guide: list[object], tmp_path: Path) -> None:
    reading = read(tmp_path, [HEAD, guide, system(1, "水费系统"), system(2, SECRET, "是")])
    assert (reading.rows, [one.name for one in reading.inventory.systems], reading.findings) == (2, ["水费系统"], [])


def test_two_columns_for_one_field_agree_by_what_they_mean(tmp_path: Path) -> None:
    head = [*HEAD, "运行状态", "是否虚拟化", "物理机/虚拟机", "维保状态", "维保到期时间", "数据库类型", "数据库版本", "使用单位"]
    reading = read(
        tmp_path,
        [
            head,
            system(1, "水费系统", "否", "在用", "√", "虚拟机", "在保", "2019-12-31", "Oracle", "11g", "市教育局"),
            system(2, "农水系统", "否", "", "", "物理机", "", "2016-12-31", "", "PostgreSQL 12", ""),
            system(3, "防汛系统", "否", "停用", "是", "物理机", "在保", "2016-12-31", "MySQL 5.7", "5.7", ""),
        ],
    )
    found = {one.name: one for one in reading.all_systems()}
    assert [(found["水费系统"].virtualised, found["水费系统"].supported, found["水费系统"].dbms)] == [(True, True, "Oracle 11g")]
    assert [(found["农水系统"].virtualised, found["农水系统"].supported, found["农水系统"].dbms)] == [(False, False, "PostgreSQL 12")]
    assert "防汛系统" not in found, "在用 and 停用 in one row: nobody guesses"
    assert {finding.cell for finding in reading.findings if finding.code == "unreadable"} == {"I4", "K4", "M4"}
    assert found["水费系统"].unknown == {"使用单位": "市教育局"}


@pytest.mark.parametrize("swapped", [False, True])
def test_the_better_header_is_the_columns_whichever_comes_first(swapped: bool, tmp_path: Path) -> None:
    pairs = [("数据库类型", "Oracle"), ("数据库版本", "11g")]
    pairs = pairs[::-1] if swapped else pairs
    reading = read(tmp_path, [[*HEAD, *(head for head, _ in pairs)], system(1, "水费系统", "否", *(cell for _, cell in pairs))])
    assert (reading.inventory.systems[0].dbms, reading.findings) == ("Oracle 11g", [])


def test_a_csv_whose_cells_hold_more_of_another_mark_is_read(tmp_path: Path) -> None:
    many = ";".join(f"系统{number}" for number in range(2, 40))
    rows = [[*HEAD, "备注"], system(1, "水费系统", "否", many)]
    (tmp_path / "form.csv").write_text("\n".join(",".join(map(str, row)) for row in rows), "utf-8")
    reading = load([tmp_path / "form.csv"])
    assert [(one.name, one.remark) for one in reading.inventory.systems] == [("水费系统", many)]


def test_a_form_for_resources_says_whose_it_is_and_how_many(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["政务云资源申请表"],
        ["申请单位", "市水务局", "系统名称", "水费系统"],
        ["系统类别", "应用系统", "是否涉密", "否"],
    ]
    rows += [["建设状态", "已建", "所需云主机", "2台"], ["CPU", "4核", "内存", "16GB"]]
    reading = read(tmp_path, rows)
    assert [question.about for question in reading.questions] == ["市水务局"]
    assert [name for name in ("owner", "columns") if name in {question.kind for question in reading.questions}] == []


@pytest.mark.parametrize(
    ("sheet", "head", "row", "message"),
    [
        ("services", ["所属系统", "服务名称", "端口"], ["水费系统", "web", 80], "没有“主机名”列"),
        ("services", ["所属系统", "服务名称", "端口", "主机"], ["水费系统", "web", 80, ""], "缺少“主机名”"),
        ("databases", ["所属系统", "数据库名称", "类型", "主机", "端口"], ["水费系统", "fees", "MySQL 5.7", "甲", 70000], "“端口”的值无法使用"),
    ],
)
def test_what_is_wrong_below_a_system_is_said_by_its_own_sheets_header(sheet: str, head: list[object], row: list[object], message: str, tmp_path: Path) -> None:
    reading = read(tmp_path, [HEAD, system(1, "水费系统")], [head, row], names=("统计表", sheet))
    (said,) = [spoken(finding.says, "zh") for finding in reading.errors]
    assert message in said
