"""Exports of other versions and filing forms of other provinces: other units, other shapes, machines that are off, tenants that are departments."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from orchestrator.inventory.answerbook import Answer
from orchestrator.inventory.check import counts
from orchestrator.inventory.folder.keeping import keep_answers
from orchestrator.inventory.load import load
from orchestrator.inventory.questions import Question
from orchestrator.inventory.reading import Reading
from orchestrator.inventory.sheets.foreign import without_unit
from orchestrator.inventory.values import read_value
from orchestrator.models import System

sys.path.insert(0, str(Path(__file__).parents[2] / "fixtures"))
from workbooks import build  # type: ignore[import-not-found]

PLAIN = {"sheet": "均非涉密", "owner": "市大数据局、市直、政府", "department": "市直、政府", "kind": "应用系统", "status": "已建"}


def answered(path: Path, folder: Path) -> tuple[Reading, list[Question]]:
    """What is read once every question has its proposal, or a plain answer; and all that was asked."""
    asked: list[Question] = []
    for _ in range(4):
        reading = load([path], beside=[folder])
        asked += reading.questions
        replies = [question.proposed or PLAIN.get(question.kind) or PLAIN.get(question.column, "不详") for question in reading.questions]
        keep_answers(folder, [Answer(*question.key, answer=reply, by="张三", on="2017-06-30") for question, reply in zip(reading.questions, replies, strict=True)])
        if not reading.questions:
            break
    return reading, asked


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def by_name(reading: Reading) -> dict[str, System]:
    return {system.name: system for system in reading.all_systems()}


NETBOX = [
    "ID,Name,Status,Site,Cluster,Tenant,Role,Platform,Primary IPv4,vCPUs,Memory (GB),Disk (MB)",
    "1,web01,Active,A,c1,市人社局,社保系统,CentOS 7,10.2.1.1/24,4.00,8,102400",
    "2,db01,Active,A,c1,市人社局,社保系统,CentOS 7,10.2.1.2/24,8.00,32,512000",
    "3,gis01,Offline,A,c1,市规划局,地理平台,Windows Server 2012,10.2.1.3/24,8.00,32,512000",
]


def test_another_version_measures_in_other_units_and_its_tenants_are_departments(tmp_path: Path) -> None:
    reading, asked = answered(write(tmp_path / "netbox.csv", *NETBOX), tmp_path / "inventory")
    assert [question.proposed for question in asked if question.kind == "grouping"] == ["Role"], "a tenant is no system"
    insurance = by_name(reading)["社保系统"]
    assert (insurance.memory_gb, insurance.storage_gb, insurance.vcpus) == (40, 600, 12)
    departments = {department.id: department.name for department in reading.inventory.departments}
    assert {name: departments[system.department] for name, system in by_name(reading).items()} == {"社保系统": "市人社局", "地理平台": "市规划局"}


def test_a_system_all_of_whose_machines_are_off_is_asked_about_by_itself(tmp_path: Path) -> None:
    reading, asked = answered(write(tmp_path / "netbox.csv", *NETBOX), tmp_path / "inventory")
    assert [question.proposed for question in asked if question.column == "status"] == ["", "停用"]
    assert (counts(reading)["in_scope"], counts(reading)["retired"]) == (1, 1)


def test_retired_machines_make_a_retired_system_and_cores_are_those_of_all_processors(tmp_path: Path) -> None:
    reading, _ = answered(
        write(
            tmp_path / "cmdb.csv",
            "Name,Class,IP Address,Operating System,CPU count,CPU core count,RAM (MB),Disk space (GB),Install Status,Business service",
            "srv-a,Linux Server,10.3.0.1,Linux Red Hat,2,8,16384,500,Installed,Permits",
            "srv-b,Windows Server,10.3.0.2,Windows 2016,1,4,8192,200,Installed,Permits",
            "srv-c,Linux Server,10.3.0.3,Linux CentOS,1,4,8192,200,Retired,Mail",
        ),
        tmp_path / "inventory",
    )
    systems = by_name(reading)
    assert systems["Permits"].vcpus == 20
    assert systems["Mail"].status == "retired"


@pytest.mark.parametrize(
    ("header", "stem", "unit"),
    [("Disk (MB)", "disk", "MB"), ("Memory (In MB)", "memory", "MB"), ("memory_gb", "memory", "GB"), ("Provisioned MiB", "provisioned", "MB"), ("Memory", "memory", ""), ("GB", "gb", "")],
)
def test_a_headers_unit_is_told_from_its_words(header: str, stem: str, unit: str) -> None:
    assert without_unit(header) == (stem, unit)


def test_a_filing_form_with_numbered_boxes_and_labels_under_labels_is_read(tmp_path: Path) -> None:
    rows = [
        ["信息系统安全等级保护备案表"], ["01系统名称", "智慧停车管理系统", None, "02系统编号", "42080001"],
        ["03系统承载业务情况", "业务类型", "□1生产作业 ☑2指挥调度"], ["04系统服务情况", "服务范围", "□10全国 ☑20全省"],
        [None, "服务对象", "□1单位内部人员 □2社会公众人员 ☑3两者均包括"], ["05系统网络平台", "网络性质", "☑1业务专网 □2互联网"],
        ["09系统何时投入运行使用", "2016年5月"], ["01确定业务信息安全保护等级", "□第一级 ☑第二级 □第三级"],
        ["02确定系统服务安全保护等级", "□第一级 □第二级 ☑第三级"], ["单位名称", "市城市管理局"], ["是否涉密", "否"],
    ]  # fmt: skip
    reading, asked = answered(build(tmp_path / "备案表.xlsx", [{"name": "表二", "rows": rows}]), tmp_path / "inventory")
    system = by_name(reading)["智慧停车管理系统"]
    assert (system.users, system.network, system.in_service_since, system.protection_grade) == ("both", "dedicated", "2016-05", 3)
    assert system.unknown["业务类型"] == "□1生产作业 ☑2指挥调度"
    assert system.unknown["服务范围"] == "□10全国 ☑20全省"
    assert not [question for question in asked if question.kind in {"columns", "wording"}]


def test_a_header_of_three_rows_is_read(tmp_path: Path) -> None:
    rows = [
        ["市直部门信息系统调查表"], ["序号", "基本情况", None, None, None, "技术情况", None, "安全情况", None],
        [None, "单位", "系统", "状态", None, "服务器", None, "等保", "涉密"], [None, None, None, "建设状态", "上线时间", "数量（台）", "CPU（核）", "级别", "是否"],
        [1, "市民政局", "婚姻登记系统", "已建", "2014年", 3, 24, "二级", "否"], [2, "市民政局", "低保核对系统", "在用", "2016年", 2, 16, "三级", "是"],
    ]  # fmt: skip
    merged = ["A1:I1", "A2:A4", "B2:E2", "F2:G2", "H2:I2", "B3:B4", "C3:C4", "D3:E3", "F3:G3"]
    reading, _ = answered(build(tmp_path / "调查表.xlsx", [{"name": "Sheet1", "rows": rows, "merged": merged}]), tmp_path / "inventory")
    assert (counts(reading)["in_scope"], counts(reading)["classified"]) == (1, 1)
    system = by_name(reading)["婚姻登记系统"]
    assert (system.in_service_since, system.servers, system.vcpus, system.protection_grade) == ("2014", 3, 24, 2)


def test_what_programs_write_for_nothing_is_nothing_and_a_cloud_as_a_room_says_where_it_runs(tmp_path: Path) -> None:
    reading, asked = answered(
        write(
            tmp_path / "导出.csv",
            "单位名称,系统名称,类别,建设状态,是否涉密,等保级别,数据量(GB),内存(GB),所在机房,服务对象",
            "市体育局,场馆预订系统,网站,在用,否,2.0,50.0,8.0,省政务云,1200人",
            "市体育局,赛事报名系统,网站,在用,否,NaN,NaN,nan,本局三楼机房,#N/A",
        ),
        tmp_path / "inventory",
    )
    systems = by_name(reading)
    assert [question.kind for question in asked] == ["department"]
    assert (systems["场馆预订系统"].runs_at, systems["场馆预订系统"].room, systems["场馆预订系统"].user_count) == ("other_cloud", "省政务云", 1200)
    assert (systems["场馆预订系统"].users, systems["场馆预订系统"].protection_grade) == (None, 2)
    assert (systems["赛事报名系统"].runs_at, systems["赛事报名系统"].data_gb, systems["赛事报名系统"].memory_gb) == (None, None, None)


@pytest.mark.parametrize(("word", "also"), [("1200", 1200), ("约5000人", 5000), ("1.2万", 12000)])
def test_how_many_is_no_answer_to_who(word: str, also: int) -> None:
    read = read_value("users", word)
    assert (read.value, read.also) == (None, {"user_count": also})


def test_whose_a_sheet_is_its_title_says_for_every_table_on_it(tmp_path: Path) -> None:
    rows = [
        ["市档案局系统登记（盖章）"], ["系统名称", "状态", "涉密", None, "系统名称", "状态", "涉密"],
        ["馆藏目录系统", "在用", "否", None, "查档预约系统", "在建", "否"], ["声像档案系统", "停用", "否"],
    ]  # fmt: skip
    reading, asked = answered(build(tmp_path / "登记表.xlsx", [{"name": "登记", "rows": rows}]), tmp_path / "inventory")
    assert [question.proposed for question in asked if question.kind == "owner"] == ["市档案局、市直、政府"]
    assert (counts(reading)["in_scope"], counts(reading)["retired"]) == (2, 1)


def test_databases_are_told_by_the_last_letter_of_their_names(tmp_path: Path) -> None:
    reading, _ = answered(
        write(tmp_path / "a.csv", "单位名称,系统名称,建设状态,是否涉密", "市卫健委,健康档案库,在用,否", "市卫健委,预约挂号平台,在用,否"), tmp_path / "inventory"
    )
    assert {name: str(system.kind) for name, system in by_name(reading).items()} == {"健康档案库": "database", "预约挂号平台": "application"}


def test_one_question_in_several_columns_is_answered_by_the_tick(tmp_path: Path) -> None:
    head = "单位名称,系统名称,类别,已建,在建,停用,涉密,非涉密"
    rows = ["市科技局,甲系统,应用系统,√,,,,√", "市科技局,乙系统,应用系统,,√,,,√", "市科技局,丙系统,应用系统,,,√,,√", "市科技局,玄武岩,应用系统,√,,,√,", "市科技局,青石板,应用系统,√,,,,"]
    reading, asked = answered(write(tmp_path / "a.csv", head, *rows), tmp_path / "empty")
    count = counts(load([tmp_path / "a.csv"]))
    assert (count["classified"], count["unanswered"], count["retired"]) == (1, 1, 0), "no level yet: nothing is in scope"
    assert {name: str(system.status) for name, system in by_name(reading).items()} == {
        "甲系统": "in_use", "乙系统": "under_construction", "丙系统": "retired", "青石板": "in_use",
    }  # fmt: skip
    assert {question.kind for question in asked} == {"department", "sheet"}
    assert "玄武岩" not in repr(reading)


@pytest.mark.parametrize("head", ["数据库,网站", "已建,投资额"])
def test_columns_of_yes_and_no_are_no_one_question(head: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", f"单位名称,系统名称,类别,建设状态,是否涉密,{head}", "市科技局,甲系统,应用系统,在用,否,是,是", "市科技局,乙系统,应用系统,停用,否,,是")
    assert {name: str(system.status) for name, system in by_name(answered(path, tmp_path / "inventory")[0]).items()} == {"甲系统": "in_use", "乙系统": "retired"}


def test_threads_are_no_cores() -> None:
    assert read_value("cores", "16核32线程").value == 16
    assert read_value("cores", "8核16线程/32G").value == 8
