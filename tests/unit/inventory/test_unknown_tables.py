"""A table that nobody knows: its columns are proposed from headers and cells, confirmed once, and used by the next file of the same kind."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from orchestrator.inventory.answerbook import Answer
from orchestrator.inventory.cells import Unreadable
from orchestrator.inventory.folder.keeping import keep_answers
from orchestrator.inventory.load import load
from orchestrator.inventory.questions import Question
from orchestrator.inventory.reading import Reading
from orchestrator.inventory.sheets.columns_answer import read_columns_answer
from tests.fixtures.workbooks import build

HEAD = "业务平台,归口处室,面向哪些人,库软件,运行到什么程度,服务器几台,密否,等保几级了,备案号"
ROWS = (
    "公积金归集平台,市住房公积金中心,缴存职工,Oracle 11g,正在使用,3台,非密,三级,42",
    "一卡通平台,市民卡管理中心,市民,MySQL5.7,正在使用,2,非密,二级,43",
    "值班系统,市应急管理局,内部,达梦8,测试中,1,非密,未定级,44",
)
MACHINES = "资源编号,实例名称,IP,规格CPU(核),规格内存(MB),归属业务,归属委办局,密否"


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def answer(folder: Path, questions: tuple[Question, ...], **said: str) -> None:
    """By column or kind as said, else by the proposal, where there is one."""
    answers = {question: said.get(question.column, said.get(question.kind, question.proposed)) for question in questions}
    keep_answers(folder, [Answer(*question.key, answer=text, by="张三", on="2017-06-30") for question, text in answers.items() if text])


def read(path: Path, folder: Path) -> Reading:
    return load([path], beside=[folder], today=dt.date(2017, 6, 30))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    kept = tmp_path / "inventory"
    kept.mkdir()
    return kept


def test_its_columns_are_one_question_and_nothing_is_read_before_it_is_answered(tmp_path: Path, folder: Path) -> None:
    reading = read(written(tmp_path / "a.csv", HEAD, *ROWS), folder)
    (question,) = reading.questions
    assert question.kind == "columns"
    assert "业务平台 → 系统名称" in question.proposed and "密否 → 是否涉密" in question.proposed and "备案号 → 原样保留" in question.proposed
    assert reading.rows == 0 and not reading.all_systems()
    assert not any(cell in f"{question.proposed}{question.evidence}" for row in ROWS for cell in row.split(",")[:1])


@pytest.mark.parametrize(("head", "cells", "is_owner"), [
    ("负责处室", ("公路处", "办公室", "港航中心"), False), ("责任科室", ("信息科", "执法支队", "运管所"), False), ("内设机构", ("一处", "二处", "三处"), False),
    ("归口处室", ("市档案馆", "市公积金中心", "市国资委"), True), ("责任单位", ("公积金中心", "档案馆", "国资委"), True),
])
def test_who_is_responsible_inside_of_a_department_is_not_taken_for_one(tmp_path: Path, folder: Path, head: str, cells: tuple[str, ...], is_owner: bool) -> None:
    rows = [f"{name},{cell},非密,正在使用" for name, cell in zip(("公积金平台", "一卡通平台", "值班系统"), cells, strict=True)]
    (question,) = read(written(tmp_path / "a.csv", f"业务平台,{head},密否,运行到什么程度", *rows), folder).questions
    assert (f"{head} → 单位名称" in question.proposed) is is_owner


def test_once_confirmed_its_cells_are_read_and_a_later_file_asks_nothing_about_columns(tmp_path: Path, folder: Path) -> None:
    first = written(tmp_path / "a.csv", HEAD, *ROWS)
    answer(folder, read(first, folder).questions)
    answer(folder, read(first, folder).questions, department="市直、政府")
    reading = read(first, folder)
    answer(folder, reading.questions, blank="应用系统")
    systems = {system.name: system for system in read(first, folder).all_systems()}
    assert set(systems) == {"公积金归集平台", "一卡通平台", "值班系统"}
    bank = systems["公积金归集平台"]
    assert (bank.dbms, bank.servers, bank.protection_grade, str(bank.status)) == ("Oracle 11g", 3, 3, "in_use")
    other = written(tmp_path / "b.csv", ",".join(reversed(HEAD.split(","))), *(",".join(reversed(row.split(","))) for row in ROWS))
    assert [question.kind for question in read(other, folder).questions if question.kind == "columns"] == []
    assert {system.name for system in read(other, folder).all_systems()} == set(systems)


def test_a_classified_row_of_such_a_table_is_counted_and_nothing_else(tmp_path: Path, folder: Path) -> None:
    secret = "密网督办平台,市应急管理局,内部,神通,正在使用,9台,涉密,三级,45"
    form = written(tmp_path / "a.csv", HEAD, *ROWS, secret)
    answer(folder, read(form, folder).questions)
    reading = read(form, folder)
    assert [(row.reason, row.answered) for row in reading.inventory.excluded] == [("classified", True)]
    assert "密网督办" not in repr(reading)
    assert all("密网督办" not in file.read_text("utf-8") for file in folder.iterdir())


def test_a_row_of_data_is_never_taken_for_a_header(tmp_path: Path, folder: Path) -> None:
    reading = read(written(tmp_path / "a.csv", "市财政局,预算系统,好", "市财政局,支付系统,好", "市水务局,水费系统,好"), folder)
    assert reading.questions == () and reading.errors
    reading = read(written(tmp_path / "b.csv", "市财政局,市直,预算系统,应用系统,否,已建", "市水务局,市直,水费系统,应用系统,否,已建"), folder)
    assert not any("预算系统" in question.proposed for question in reading.questions)


def test_a_further_column_of_a_form_is_asked_about_beside_those_that_are_known(tmp_path: Path, folder: Path) -> None:
    form = written(
        tmp_path / "a.csv", "单位名称,单位层级,单位性质,系统名称,类别,是否涉密,建设状态,库软件,领导批示",
        "市水务局,市直,政府,水费系统,应用系统,否,已建,Oracle 11g,好", "市水务局,市直,政府,管网系统,应用系统,否,已建,MySQL,好",
    )  # fmt: skip
    reading = read(form, folder)
    (question,) = reading.questions
    assert question.kind == "columns" and "库软件 → 数据库类型及版本" in question.proposed
    assert len(reading.all_systems()) == 2
    answer(folder, reading.questions)
    reading = read(form, folder)
    assert sorted(str(system.dbms) for system in reading.all_systems()) == ["MySQL", "Oracle 11g"] and reading.questions == ()


def test_machines_of_an_unknown_tool_bring_what_their_rows_say_of_their_system(tmp_path: Path, folder: Path) -> None:
    rows = [f"r{n},ecs-{n},10.1.2.{n},4,8192,{'门户平台' if n % 2 else '督查系统'},市信息中心,{'否' if n % 2 else '是'}" for n in range(1, 9)]
    form = written(tmp_path / "m.csv", MACHINES, *rows)
    answer(folder, read(form, folder).questions)
    for _ in range(3):
        answer(folder, read(form, folder).questions, grouping="归属业务", department="市直、事业单位", kind="应用系统", status="已建")
    reading = read(form, folder)
    (system,) = reading.all_systems()
    assert (system.name, system.servers, system.memory_gb, len(system.hosts)) == ("门户平台", 4, 32.0, 4)
    assert [row.reason for row in reading.inventory.excluded] == ["classified"]
    assert "督查系统" not in repr(reading)


def test_what_a_list_of_machines_tells_besides_is_kept_with_its_system(tmp_path: Path, folder: Path) -> None:
    head = "资源编号,实例名称,IP,规格CPU(核),规格内存(MB),盘容量,责任人,归属业务,归属委办局,密否"
    rows = [
        f"r{n},ecs-{n},10.1.2.{n},4,8192,{n}00G,{'督办员' if n % 2 == 0 else f'张{n % 3}'},{'门户平台' if n % 2 else '督查系统'},市信息中心,{'否' if n % 2 else '是'}"
        for n in range(1, 9)
    ]
    form = written(tmp_path / "m.csv", head, *rows)
    (columns, *_) = read(form, folder).questions
    text = "\n".join(
        {"盘容量": "盘容量 → 存储", "责任人": "责任人 → 联系人"}.get(line.partition(" →")[0], line) for line in columns.proposed.splitlines()
    )
    answer(folder, (columns,), columns=text)
    for _ in range(3):
        answer(folder, read(form, folder).questions, grouping="归属业务", department="市直、事业单位", kind="应用系统", status="已建")
    reading = read(form, folder)
    (system,) = reading.all_systems()
    assert (system.name, system.storage_gb) == ("门户平台", 100 + 300 + 500 + 700), "a machine's 存储 is its disk"
    assert system.unknown["责任人"] == "张1；张0；张2"
    assert system.unknown["资源编号"] == "r1；r3；r5；r7"
    assert not any(word in repr(reading) for word in ("督查系统", "督办员", "r2"))


@pytest.mark.parametrize("said", ["此表 → 不是台账\n业务平台 → 原样保留\n归口处室 → 原样保留", "此表 → 不是台账", " 此表 -> 不是台账；"])
def test_a_table_that_is_no_inventory_is_passed_over_once_that_was_said(said: str, tmp_path: Path, folder: Path) -> None:
    form = written(tmp_path / "a.csv", HEAD, *ROWS)
    answer(folder, read(form, folder).questions, columns=said)
    reading = read(form, folder)
    assert reading.questions == () and reading.errors == [] and reading.rows == 0
    other = read(written(tmp_path / "b.csv", f"{HEAD},版次", *(f"{row},1" for row in ROWS)), folder)
    assert [question.kind for question in other.questions] == ["columns"], "another table that has its headers too is none of its kind"


@pytest.mark.parametrize(
    "text",
    ["此表 → 统计表，另有下列列", "此表 → 一系统一表，另有下列项目", "业务平台", "业务平台 → 什么都不是", "归口处室 → 单位名称",
     "甲 → 系统名称\n乙 → 系统名称", "此表 → 别的\n甲 → 系统名称", "甲 → 系统名称\n乙 → 内存（公斤）"],
)  # fmt: skip
def test_an_answer_that_cannot_be_used_names_what_is_wrong(text: str) -> None:
    with pytest.raises(Unreadable):
        read_columns_answer(text)


def test_a_header_with_an_arrow_of_its_own_can_be_answered() -> None:
    answer = read_columns_answer("此表 → 系统清单\nName → 系统名称\nOrganization->Name → 单位名称\nA => B -> 原样保留")
    assert answer.fields == {"Name": ("name", ""), "Organization->Name": ("department", ""), "A => B": ("", "")}


@pytest.mark.parametrize("above", [
    ["青石市市直单位信息系统摸底情况表(2026年11月)"],
    ["各单位信息系统摸底", "附件1"],
    ["说明：玄武保密管理系统的情况另行报送（联系人13800138000）"],
    ["信息系统摸底", "玄武保密管理系统另行报送，联系人13800138000，请各单位于本月底前报送"],
    ["填报单位：青石市大数据局", "填报日期：2026年11月"],
])  # fmt: skip
def test_a_title_or_note_that_is_merged_over_the_headers_is_in_no_headers_name(above: list[str], tmp_path: Path, folder: Path) -> None:
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    columns = HEAD.split(",")
    spread = len(columns) // len(above)
    sheet.append([text for one in above for text in (one, *[None] * (spread - 1))])
    for number in range(len(above)):
        sheet.merge_cells(start_row=1, end_row=1, start_column=number * spread + 1, end_column=(number + 1) * spread)
    for line in (HEAD, *ROWS):
        sheet.append(line.split(","))
    workbook.save(tmp_path / "form.xlsx")
    (question,) = read(tmp_path / "form.xlsx", folder).questions
    bare = read(written(tmp_path / "a.csv", HEAD, *ROWS), folder).questions[0]
    assert question.proposed == bare.proposed, "as without it"
    assert not any(word in str(question) for word in ("玄武", "138", *above))


def test_groups_over_unknown_headers_are_part_of_their_names(tmp_path: Path, folder: Path) -> None:
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.append(["基本情况", None, None, None, None, "部署情况", None, None, None])
    sheet.merge_cells("A1:E1")
    sheet.merge_cells("F1:I1")
    for line in (HEAD, *ROWS):
        sheet.append(line.split(","))
    workbook.save(tmp_path / "form.xlsx")
    (question,) = read(tmp_path / "form.xlsx", folder).questions
    assert "部署情况 备案号 → 原样保留" in question.proposed


def test_what_a_table_lacks_waits_while_its_columns_are_asked_about(tmp_path: Path, folder: Path) -> None:
    form = written(
        tmp_path / "a.csv", "序号,系统名称,是否涉密,业务归口,何种性质的,运行到什么程度了,库软件",
        "1,水费系统,否,市水务局,应用系统,正在使用,Oracle", "2,管网系统,否,市水务局,应用系统,正在使用,MySQL",
    )  # fmt: skip
    reading = read(form, folder)
    assert [question.kind for question in reading.questions] == ["columns"]
    assert [(finding.code, finding.cell) for finding in reading.findings] == [("columns-asked", "A1")], "and no row is told to fill in what stands there"
    assert len(reading.uncounted) == 2
    answer(folder, reading.questions)
    assert not {"columns-asked", "unknown-column"} & {finding.code for finding in read(form, folder).findings}


def test_a_column_that_is_to_be_kept_as_it_is_is_not_asked_about_again(tmp_path: Path, folder: Path) -> None:
    head = "单位名称,单位层级,单位性质,系统名称,类别,是否涉密,建设状态,库软件,领导批示"
    form = written(tmp_path / "a.csv", head, "市水务局,市直,政府,水费系统,应用系统,否,已建,Oracle 11g,好", "市水务局,市直,政府,管网系统,应用系统,否,已建,MySQL,好")
    (question,) = read(form, folder).questions
    answer(folder, (question,), columns=question.proposed.replace("数据库类型及版本", "原样保留"))
    reading = read(form, folder)
    assert (reading.questions, reading.findings) == ((), [])
    assert sorted(system.unknown["库软件"] for system in reading.all_systems()) == ["MySQL", "Oracle 11g"]


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("序号,业务平台,归口处室,密否,运行到什么程度", "{n},平台{n}系统,市档案馆,非密,正在使用"),
        ("编号,实例名称,IP,规格CPU(核),归属业务,归属委办局,密否", "{n},vm{n},10.1.1.{n},4,门户平台,市档案馆,非密"),
    ],
)  # fmt: skip
def test_numbers_that_are_missing_between_others_are_said_once_under_a_confirmed_mapping(head: str, row: str, tmp_path: Path, folder: Path) -> None:
    form = written(tmp_path / "a.csv", head, *(row.format(n=n) for n in (1, 2, 3, 6, 7, 8)))
    answer(folder, read(form, folder).questions)
    said = [finding for finding in read(form, folder).findings if finding.code == "numbers-missing"]
    assert [finding.cell for finding in said] == ["A7"]
    assert "4" in said[0].message and "5" in said[0].message


@pytest.mark.parametrize("asks", ["4、系统目前状态是", "系统目前状态是什么", "Q4.系统的运行状态如何？", "系统现状怎么样", "系统目前状态为"])
@pytest.mark.parametrize("other", ["6、使用何种数据库(版本)", "在用哪种操作系统", "使用中间件版本", "运行设备"])
def test_a_question_about_the_state_is_the_state_and_one_about_software_in_use_is_not(asks: str, other: str, tmp_path: Path, folder: Path) -> None:
    head = f"1、贵单位名称：,2、信息系统名称：,3、系统属于哪一类？,{asks},5、该系统是否涉密？,{other}"
    rows = ("市水务局,甲平台,应用系统,已上线运行,否,5.7", "市水务局,乙平台,应用系统,正在建设,否,12")
    proposed = next(question.proposed for question in read(written(tmp_path / "a.csv", head, *rows), folder).questions if question.kind == "columns")
    assert f"{asks} → 建设状态" in proposed and proposed.count("建设状态") == 1


@pytest.mark.parametrize(
    ("groups", "merged"),
    [
        (["序号", "基本信息", None, None, None, None, None, "安全", None, "其他"], ["B1:G1", "H1:I1"]),
        (["序号", "基本信息", None, None, None, None, "保密", "安全", "其他", None], ["B1:F1", "I1:J1"]),
        (["序号", "基本信息", None, None, None, None, "保密", "安全", "其他", "管理"], ["B1:F1"]),
        (["序号", "基本信息", None, None, None, None, None, None, "安全", "其他"], ["B1:H1"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("last", ["归口科室", "备注", "管理处室", 2024])
def test_the_question_about_columns_does_not_vanish_for_another_unknown_one_under_a_group_of_its_own(groups: list[Any], merged: list[str], last: Any, tmp_path: Path) -> None:
    heads = [None, "单位名称", "单位层级", "单位性质", "名称", "系统类型", "是否涉及国家秘密", "建设情况", "定级", last]
    rows = [[number, "云泽市水务局", "市直", "政府", name, "应用系统", "不涉密", "在用", grade, "甲"] for number, name, grade in ((1, "河湖平台", "二级"), (2, "节水平台", "三级"))]
    path = build(tmp_path / "表.xlsx", [{"name": "表", "rows": [groups, heads, *rows], "merged": merged}])
    reading = load([path])
    (question,) = [question for question in reading.questions if question.kind == "columns"]
    assert "定级 → 等保级别" in question.proposed and f"{last} → 等保级别" not in question.proposed
    answer(tmp_path, reading.questions)
    reading = read(path, tmp_path)
    assert sorted((system.name, system.protection_grade) for system in reading.all_systems()) == [("河湖平台", 2), ("节水平台", 3)]
    assert [question.kind for question in reading.questions] == [] and reading.errors == []


NAMELESS = ("单位名称", "类别", "建设状态", "是否涉密", "等保级别")


@pytest.mark.parametrize("called", ["项目名称", "项目全称", "项目（系统）全称", "信息化项目", "工程名称", "本年度项目", "建设内容", "标题", "载体", "Project name"])
@pytest.mark.parametrize("left_out", ["", "单位名称", "类别", "等保级别"])
def test_a_list_of_systems_is_asked_about_whatever_it_calls_them(called: str, left_out: str, tmp_path: Path, folder: Path) -> None:
    heads = [head for head in NAMELESS if head != left_out]
    cells = {"单位名称": "市公安局", "类别": "应用系统", "建设状态": "在用", "是否涉密": "否", "等保级别": "二级"}
    rows = [f"{name},{','.join(cells[head] for head in heads)}" for name in ("户政", "车驾管")]
    path = written(tmp_path / "a.csv", f"{called},{','.join(heads)}", *rows)
    (question,) = read(path, folder).questions
    assert question.kind == "columns" and question.proposed.startswith("此表 → 系统清单\n")
    assert all(f"{head} → {head}" in question.proposed for head in heads)
    is_named = "项目" in called or "工程" in called or "Project" in called
    assert (f"{called} → 系统名称" in question.proposed) is is_named and ("没有一列像“系统名称”" in str(question.evidence)) is not is_named
    said = question.proposed.replace(f"{called} → 原样保留", f"{called} → 系统名称")
    keep_answers(folder, [Answer(*question.key, answer=said, by="张三", on="2017-06-30")])
    assert {asked.kind for asked in read(path, folder).questions} <= {"department", "owner", "blank"} and read(path, folder).rows == 2


def test_a_list_with_a_name_beside_its_projects_is_not_asked_about(tmp_path: Path, folder: Path) -> None:
    reading = read(written(tmp_path / "a.csv", f"项目名称,系统名称,{','.join(NAMELESS)}", "雪亮工程,户政,市公安局,应用系统,在用,否,二级"), folder)
    assert [question.kind for question in reading.questions] == ["department"]


def test_projects_with_what_they_run_on_are_no_machines(tmp_path: Path, folder: Path) -> None:
    (question,) = read(written(tmp_path / "a.csv", "项目名称,操作系统,数据库,内存,CPU", "户政,CentOS 7,MySQL,16G,8", "车驾管,CentOS 7,MySQL,16G,8"), folder).questions
    assert "此表 → 系统清单" in question.proposed and "项目名称 → 系统名称" in question.proposed


@pytest.mark.parametrize(("head", "about", "lacks"), [("IP,操作系统,CPU,内存", "主机清单", "系统编码或名称"), ("设备名称,型号,序列号,IP地址", "专用设备清单", "系统编码或名称")])
def test_a_technical_sheet_that_does_not_say_whose_things_are_is_asked_about(head: str, about: str, lacks: str, tmp_path: Path, folder: Path) -> None:
    (question,) = read(written(tmp_path / "a.csv", head, "10.1.1.1,CentOS,8,16", "10.1.1.2,CentOS,8,16"), folder).questions
    assert question.proposed.startswith(f"此表 → {about}") and f"“{lacks}”" in str(question.evidence)
