"""Habits of offices that cost a row, a count or a question: departments in headings, names of classified systems cut short, files under other names."""

from __future__ import annotations

from pathlib import Path

import pytest
from openpyxl import Workbook

from orchestrator.inventory.answerbook import Answer
from orchestrator.inventory.build.signs import office_headed
from orchestrator.inventory.check import counts
from orchestrator.inventory.folder.keeping import keep_answers
from orchestrator.inventory.load import load
from orchestrator.inventory.reading import Reading

HEAD = "单位名称,单位层级,单位性质,系统名称,类别,是否涉密,建设状态,备注,关联系统"


def write_csv(path: Path, *rows: str, head: str = HEAD) -> Path:
    path.write_text("\n".join((head, *rows)) + "\n", encoding="utf-8")
    return path


def answer_all(reading: Reading, folder: Path, **said: str) -> None:
    """Each question by its proposal, or by what is said of its kind."""
    keep_answers(
        folder,
        [Answer(*one.key, answer=said.get(one.kind, one.proposed), by="张三", on="2017-06-30") for one in reading.questions],
    )


def sections(path: Path) -> Path:
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    for row in (
        ["序号", "系统名称", "类型", "是否涉密", "状态"],
        ["一、市发展和改革委员会（2个）"], [1, "项目审批系统", "应用系统", "否", "在用"], [2, "银杏专报系统", "应用系统", "是", "在用"],
        ["二、市信息中心"], [1, "价格监测系统", "应用系统", "否", "在用"],
    ):  # fmt: skip
        sheet.append(row)
    workbook.save(path)
    return path


def test_departments_in_headings_are_asked_about_once_each_and_never_mixed(tmp_path: Path) -> None:
    path = sections(tmp_path / "表.xlsx")
    reading = load([path])
    assert [question.kind for question in reading.questions] == ["owner", "owner"]
    assert {question.proposed for question in reading.questions} == {"市发展和改革委员会、市直、政府", "市信息中心、市直、事业单位"}
    answer_all(reading, tmp_path)
    after = load([path])
    names = {department.id: department.name for department in after.inventory.departments}
    assert {system.name: names[system.department] for system in after.inventory.systems} == {
        "项目审批系统": "市发展和改革委员会", "价格监测系统": "市信息中心",
    }  # fmt: skip
    assert [names[row.department] for row in after.inventory.excluded] == ["市发展和改革委员会"]
    assert (after.questions, after.errors) == ((), [])


@pytest.mark.parametrize(
    ("heading", "office"),
    [
        ("一、市水务局（3个）", "市水务局"), ("（二）市教育局", "市教育局"), ("市信息中心", "市信息中心"), ("单位：市司法局", "市司法局"), ("市审计局 共4个系统", "市审计局"),
        ("一、市直单位", ""), ("二、县（市、区）", ""), ("在建系统", ""), ("市级平台", ""), ("小计", ""), ("（一）业务系统", ""),
    ],
)  # fmt: skip
def test_which_headings_are_departments(heading: str, office: str) -> None:
    assert office_headed(heading) == office


@pytest.mark.parametrize("said", ["部分涉密", "机密（待定密）", "拟定为秘密级"])
def test_a_statement_outweighs_no_cell_that_speaks_of_secrets(said: str, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", "市司法局,市直,政府,甲系统,应用系统,,已建,,", f"市司法局,市直,政府,乙系统,应用系统,{said},已建,,")
    answer_all(load([path]), tmp_path, sheet="均非涉密")
    after = counts(load([path]))
    assert (after["in_scope"], after["unanswered"]) == (1, 1)


def test_why_a_row_that_says_no_is_asked_about(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", "市司法局,市直,政府,甲系统（涉密）,应用系统,否,已建,,")
    (question,) = load([path]).questions
    assert (question.kind, question.proposed) == ("sheet", "")
    assert "2" in str(question.evidence)
    assert "甲系统" not in str(question.evidence)


def test_what_a_classified_system_is_called_for_short_is_struck_out_too(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "雪豹稽查.csv",
        "市税务局,市直,政府,综合治税平台,应用系统,否,已建,数据送雪豹稽查和财政票据,", "市税务局,市直,政府,雪豹稽查系统,应用系统,是,已建,,",
        "市税务局,市直,政府,票据核销子系统,应用系统,是,已建,,", "市税务局,市直,政府,票据核销网站,应用系统,否,已建,票据核销科在用,",
    )  # fmt: skip
    reading = load([path])
    assert "雪豹" not in repr(reading)
    remarks = {system.name: system.remark for system in reading.inventory.systems}
    assert remarks["票据核销网站"] == "票据核销科在用", "what is part of another system's name is no secret"


SHORT = [
    # what the classified row is called, what another row remarks, what is left of it
    ("OA系统", "每日向OA推送待办，BOARD会议用", "每日向〔涉密〕推送待办，BOARD会议用"),
    ("ＯＡ", "与 oa 对接", "与 〔涉密〕 对接"),
    ("天网", "天网工程三期摄像头接入", "〔涉密〕工程三期摄像头接入"),
    ("雪豹系统", "数据送雪 豹核对", "数据送〔涉密〕核对"),
    ("人事系统", "与人事、财务对接", "与〔涉密〕、财务对接"),
    ("人事", "依赖人事平台", "依赖〔涉密〕平台"),
    ("人事系统", "人事科负责，存人事档案", "人事科负责，存人事档案"),
    ("财务软件", "由财务人员录入", "由财务人员录入"),
    ("档案管理系统", "数据来自档案－管理", "数据来自〔涉密〕"),
    ("涉密系统", "本系统不涉密", "本系统不涉密"),
    ("**", "端口**不开放", "端口**不开放"),
]


@pytest.mark.parametrize(("name", "remark", "left"), SHORT, ids=[f"{name} in {remark}" for name, remark, _ in SHORT])
def test_a_short_name_is_struck_out_where_it_stands_as_a_name(name: str, remark: str, left: str, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", f"市税务局,市直,政府,综合治税平台,应用系统,否,已建,{remark},", f"市税务局,市直,政府,{name},应用系统,是,已建,,")
    (system,) = load([path]).inventory.systems
    assert system.remark == left


def test_what_other_systems_are_called_is_no_secret_however_short(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "a.csv",
        "市税务局,市直,政府,OA系统,应用系统,是,已建,,", "市教育局,市直,政府,教育OA系统,应用系统,否,已建,OA在用,",
        "市税务局,市直,政府,天网,应用系统,是,已建,,", "市公安局,市直,政府,天网前端平台,应用系统,否,已建,天网前端平台二期,",
    )  # fmt: skip
    assert {system.remark for system in load([path]).inventory.systems} == {"OA在用", "天网前端平台二期"}


def test_a_department_means_its_own_system_by_a_name_that_several_have(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "a.csv",
        "市教育局,市直,政府,门户网站,应用系统,否,已建,,", "市教育局,市直,政府,学籍系统,应用系统,否,已建,,门户网站",
        "市公安局,市直,政府,门户网站,应用系统,否,已建,,人事系统", "市公安局,市直,政府,人事系统,应用系统,是,已建,,",
        "市教育局,市直,政府,人事系统,应用系统,否,已建,,", "市司法局,市直,政府,普法系统,应用系统,否,已建,,门户网站",
    )  # fmt: skip
    reading = load([path])
    systems = {(system.department, system.name): system for system in reading.inventory.systems}
    (pupils,) = [system for (_, name), system in systems.items() if name == "学籍系统"]
    assert pupils.depends_on == (systems[pupils.department, "门户网站"].id,)
    assert sorted((finding.code, finding.cell) for finding in reading.errors) == [("dependency-ambiguous", "I7"), ("dependency-unknown", "I4")]


@pytest.mark.parametrize("name", ["导出.xls", "导出.et", "导出.csv", "导出.txt"])
def test_a_workbook_under_the_name_of_another_kind_is_read(name: str, tmp_path: Path) -> None:
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    for row in (HEAD.split(","), ["市城管局", "市直", "政府", "停车诱导系统", "应用系统", "否", "已建", None, None]):
        sheet.append(row)
    workbook.save(tmp_path / "a.xlsx")
    path = (tmp_path / "a.xlsx").rename(tmp_path / name)
    reading = load([path])
    assert ([system.name for system in reading.inventory.systems], reading.errors) == (["停车诱导系统"], [])


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
def test_a_text_that_a_tool_calls_xls_is_read(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "导出.xls"
    path.write_bytes(f"{HEAD}\n市城管局,市直,政府,停车诱导系统,应用系统,否,已建,,\n".replace(",", "\t").encode(encoding))
    assert [system.name for system in load([path]).inventory.systems] == ["停车诱导系统"]


def test_a_page_of_a_browser_that_a_tool_calls_xls_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "导出.xls"
    path.write_text("<html><table><tr><td>系统名称</td></tr></table></html>", encoding="utf-8")
    (finding,) = load([path]).errors
    assert finding.code == "not-xlsx"
    assert ".xlsx" in finding.remedy


def test_what_was_answered_is_told_as_answered(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", "市司法局,,,甲系统,应用系统,否,已建,,")
    answer_all(load([path]), tmp_path)
    told = [str(one.understood) for one in load([path]).interpretations]
    assert told and all("张三" in words for words in told)


def blocks(path: Path, head: list[str], rows: list[list[str | None]], merged: str) -> Path:
    """A table in which systems stand on several rows, one a server: the columns ``merged`` of rows 2 to 4 are merged cells."""
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    for row in (head, *rows):
        sheet.append(row)
    for letter in merged:
        sheet.merge_cells(f"{letter}2:{letter}4")
    workbook.save(path)
    return path


BLOCK_HEAD = ["单位名称", "单位层级", "单位性质", "系统名称", "类别", "建设状态", "服务器IP", "CPU", "内存"]
BLOCK = [
    ["市人社局", "市直", "政府", "天狼系统", "应用系统", "已建", "10.66.1.1", "8核", "16G"],
    [*[None] * 6, "10.66.1.2", "8核", "16G"], [*[None] * 6, "10.66.1.3", "8核", "16G"],
    ["市人社局", "市直", "政府", "工伤认定系统", "应用系统", "已建", "10.1.1.9", "4核", "8G"],
]  # fmt: skip


def test_a_classified_system_of_several_rows_is_counted_once(tmp_path: Path) -> None:
    rows = [[*row[:5], said, *row[5:]] for row, said in zip(BLOCK, ("是", None, None, "否"), strict=True)]
    head = [*BLOCK_HEAD[:5], "是否涉密", *BLOCK_HEAD[5:]]
    reading = load([blocks(tmp_path / "a.xlsx", head, rows, "ABCDEFG")])
    assert ([system.name for system in reading.inventory.systems], counts(reading)["classified"]) == (["工伤认定系统"], 1)
    assert "天狼" not in repr(reading) and "10.66" not in repr(reading)


@pytest.mark.parametrize(("said", "names", "classified"), [("均非涉密", {"天狼系统", "工伤认定系统"}, 0), ("涉密行：2；其余非涉密", {"工伤认定系统"}, 1)])
def test_a_statement_holds_for_all_rows_of_a_system(said: str, names: set[str], classified: int, tmp_path: Path) -> None:
    path = blocks(tmp_path / "a.xlsx", BLOCK_HEAD, BLOCK, "ABCDEF")
    assert counts(load([path]))["unanswered"] == 2
    answer_all(load([path]), tmp_path, sheet=said)
    answer_all(load([path]), tmp_path)
    after = load([path])
    assert ({system.name for system in after.inventory.systems}, counts(after)["classified"], after.errors) == (names, classified, [])
    servers = {system.name: len(system.hosts) or system.servers for system in after.inventory.systems}
    assert servers.get("天狼系统", 3) == 3


def test_a_sheet_of_machines_of_known_systems_adds_to_them_also_without_names(tmp_path: Path) -> None:
    workbook = Workbook()
    sheet, machines = workbook.active, workbook.create_sheet("服务器")
    assert sheet is not None
    for row in (HEAD.split(","), ["市水利局", "市直", "政府", "一张图", "应用系统", "否", "已建", None, None]):
        sheet.append(row)
    for row in (["所属系统", "IP地址", "CPU", "内存", "用途"], ["一张图", "10.2.0.1", "8核", "16G", "应用"], ["一张图", "10.2.0.2", "8核", "16G", "库"]):
        machines.append(row)
    workbook.save(tmp_path / "a.xlsx")
    reading = load([tmp_path / "a.xlsx"])
    (system,) = reading.inventory.systems
    assert ([str(host.address) for host in system.hosts], reading.questions, reading.errors) == (["10.2.0.1", "10.2.0.2"], (), [])


def test_a_list_that_says_whose_each_machine_is_is_proposed_as_one_of_machines(tmp_path: Path) -> None:
    head = "所属系统,IP地址,CPU核数,内存,用途"
    path = write_csv(tmp_path / "清单.csv", *(f"一张图,10.2.0.{n},8,16,应用" for n in range(1, 5)), "公文,10.2.0.9,8,16,库", head=head)
    (question,) = load([path]).questions
    assert (question.kind, question.proposed.split("\n")[0]) == ("columns", "此表 → 机器清单")


def test_while_a_column_may_say_what_is_classified_nobody_is_asked_to_state_it(tmp_path: Path) -> None:
    head = "编号,1、请问贵单位的全称是？,2、系统名称,3、该系统是否涉密？,4、系统当前的建设状态是？,5、系统类别"
    path = write_csv(tmp_path / "问卷.csv", "1,市统计局,平台甲,否,A.已建,应用系统", "2,市统计局,墨麒麟系统,是,A.已建,应用系统", head=head)
    assert [question.kind for question in load([path]).questions] == ["columns"]
    answer_all(load([path]), tmp_path)
    after = counts(load([path]))
    assert (after["classified"], after["unanswered"], after["uncounted"]) == (1, 0, 1)


def test_a_row_that_letters_the_columns_is_no_system(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", "A,B,C,D,E,F,G,H,I", "市司法局,市直,政府,甲系统,应用系统,否,已建,,")
    reading = load([path])
    assert ([system.name for system in reading.inventory.systems], reading.rows, reading.questions) == (["甲系统"], 1, ())


def test_what_is_no_machines_counts_under_any_known_group(tmp_path: Path) -> None:
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    for row in (
        ["基本情况", None, None, None, None, "安全情况", None, "运行"],
        ["单位名称", "单位层级", "单位性质", "系统名称", "类别", "是否涉密", "等保级别", "建设状态"],
        ["市城管局", "市直", "政府", "一网统管", "应用系统", "否", "三级", "已建"], ["市城管局", "市直", "政府", "蓝鲸系统", "应用系统", "是", "", "已建"],
    ):  # fmt: skip
        sheet.append(row)
    for span in ("A1:E1", "F1:G1"):
        sheet.merge_cells(span)
    workbook.save(tmp_path / "a.xlsx")
    reading = load([tmp_path / "a.xlsx"])
    assert ([system.name for system in reading.inventory.systems], counts(reading)["classified"], reading.errors) == (["一网统管"], 1, [])


def test_what_contradicts_itself_is_not_asked_again_and_again(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", "市一医院,市直,事业单位,云豹系统,应用系统,否,已建,,,秘密", head=f"{HEAD},密级")
    reading = load([path])
    assert (reading.questions, [finding.code for finding in reading.errors]) == ((), ["classified-contradiction"])


def test_signs_that_nobody_sees_make_no_other_name(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", "市水利局,市直,政府,\u200b水资源\ufeff,应用系统,\u200b否,已建,,")
    assert [system.name for system in load([path]).inventory.systems] == ["水资源"]


def test_a_machine_without_any_name_is_told(tmp_path: Path) -> None:
    head = "VM,Powerstate,Template,CPUs,Memory,Primary IP Address,Folder,Provisioned MiB,OS according to the VMware Tools,Cluster,Host"
    rows = ("a-1,poweredOn,False,4,8192,10.1.1.1,/a,1024,CentOS,c,h", ",poweredOn,False,4,8192,,/a,1024,CentOS,c,h", ",poweredOn,False,4,8192,10.1.1.3,/a,1024,CentOS,c,h")
    reading = load([write_csv(tmp_path / "vInfo.csv", *rows, head=head)])
    assert [(finding.code, finding.cell) for finding in reading.findings if finding.code == "row-skipped"] == [("row-skipped", "A3")]
    (question,) = [one for one in reading.questions if one.kind == "grouping"]
    assert "2" in str(question.asks)
