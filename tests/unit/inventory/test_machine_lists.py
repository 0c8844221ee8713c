"""Lists of machines are no lists of systems: a person says how they are grouped, and that none is classified."""

from __future__ import annotations

from pathlib import Path

import pytest
from openpyxl import Workbook

from orchestrator.inventory.check import counts
from orchestrator.inventory.load import load
from orchestrator.inventory.sheets.machine_names import first_address, tail_of
from tests.unit.inventory.test_questions import answer, read

RVTOOLS = ["VM", "Powerstate", "Template", "CPUs", "Memory", "Primary IP Address", "Folder", "Provisioned MiB",
    "OS according to the configuration file", "OS according to the VMware Tools", "Cluster", "Host"]  # fmt: skip


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inventory").mkdir()


def rvtools(machines: int = 12, *, extra: int = 0) -> Path:
    """Folders of three machines; every sixth is off, and there are templates and further tabs."""
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.title = "vInfo"
    sheet.append(RVTOOLS)
    for number in range(machines):
        on = number % 6 != 5
        sheet.append([f"VM_{number:04}", "poweredOn" if on else "poweredOff", "False", 4, "8,192", f"10.1.{number // 250}.{number % 250 + 1}" if on else None,
            f"/DC/vm/业务系统{number // 3}", "102,400", "CentOS 7 (64-bit)", None, "C1", "esx1"])  # fmt: skip
    for number in range(extra):
        sheet.append([f"tpl-{number}", "poweredOff", "True", 4, 8192, None, "/DC/vm/模板", 1, "CentOS 7 (64-bit)", None, "C1", "esx1"])
    for tab in ("vCPU", "vDisk", "vHost"):
        other = workbook.create_sheet(tab)
        other.append(["VM", "Powerstate", "Template", "CPUs"])
        other.append(["VM_0000", "poweredOn", "False", 4])
    path = Path("RVTools_export.xlsx")
    workbook.save(path)
    return path


def test_machines_become_systems_only_after_both_answers() -> None:
    path = rvtools(extra=3)
    reading = read(path)
    assert [(question.kind, question.proposed) for question in reading.questions] == [("sheet", ""), ("grouping", "Folder")]
    assert (counts(reading)["rows"], [finding.code for finding in reading.errors]) == (0, ["machines-not-grouped"])
    assert "VM_0001" not in str(reading) and "业务系统" not in str(reading)
    answer(path, {"是否均非涉密": "均非涉密"})
    assert {question.kind for question in read(path).questions} == {"owner", "blank"}
    answer(path, {"哪个单位": "市大数据局", "“建设状态”": "已建", "“类别”": "应用系统"})
    answer(path, {"单位层级": "市直、政府"})
    reading = read(path)
    assert (reading.questions, reading.errors, counts(reading)["in_scope"]) == ((), [], 4)
    first = next(system for system in reading.inventory.systems if system.name == "业务系统0")
    assert (first.servers, first.vcpus, first.memory_gb, first.storage_gb, first.virtualised) == (3, 12.0, 24.0, 300.0, True)
    second = next(system for system in reading.inventory.systems if system.name == "业务系统1")
    assert (second.servers, [host.name for host in second.hosts]) == (2, ["vm-0003", "vm-0004"])


def test_a_list_of_machines_adds_to_systems_that_a_form_names() -> None:
    path = rvtools()
    form = Path("统计表.csv")
    form.write_text(
        "单位名称,单位层级,单位性质,系统名称,类别,是否涉密,建设状态,服务器数量\n市水务局,市直,政府,业务系统0,应用系统,否,已建,9\n", encoding="utf-8"
    )
    answer(path, {"是否均非涉密": ""})
    reading = load([path, form], beside=[Path("inventory")])
    (system,) = reading.inventory.systems
    assert (system.servers, system.vcpus, len(system.hosts)) == (9, 12.0, 3)
    assert reading.places[system.id]["hosts/vm-0000/address"].startswith("RVTools_export.xlsx › vInfo › A2")


def test_another_machine_in_the_list_and_the_statement_is_asked_for_again() -> None:
    path = rvtools()
    answer(path, {"是否均非涉密": "均非涉密"})
    assert "sheet" not in {question.kind for question in read(path).questions}
    assert [question.kind for question in read(rvtools(13)).questions] == ["sheet"]


OTHERS = {
    "netbox.csv": "name,status,site,cluster,role,tenant,platform,vcpus,memory,disk,primary_ip4,comments\n"
    "oa-1,active,A,C,web,办公系统,debian,2,4096,50,10.1.1.1/24,\noa-2,offline,A,C,db,办公系统,debian,2,4096,50,10.1.1.2/24,\n"
    "gh-1,active,A,C,web,工会系统,debian,2,4096,50,10.1.1.3/24,\ngh-2,active,A,C,web,工会系统,debian,2,4096,50,10.1.1.4/24,\n",
    "servicenow.csv": "name,sys_class_name,ip_address,os,cpu_count,ram,disk_space,u_application\n"
    "oa-1,cmdb_ci_linux_server,10.1.1.1,Linux,2,4096,50,办公系统\noa-2,cmdb_ci_linux_server,10.1.1.2,Linux,2,4096,50,办公系统\n"
    "gh-1,cmdb_ci_linux_server,10.1.1.3,Linux,2,4096,50,工会系统\ngh-2,cmdb_ci_linux_server,10.1.1.4,Linux,2,4096,50,工会系统\n",
    "glpi.csv": "Name;Entity;Status;Operating System;Number of cores;Memory (MB);IP;Group\n"
    "oa-1;市;生产;Linux;2;4096;10.1.1.1;办公系统\noa-2;市;生产;Linux;2;4096;10.1.1.2;办公系统\n"
    "gh-1;市;生产;Linux;2;4096;10.1.1.3;工会系统\ngh-2;市;生产;Linux;2;4096;10.1.1.4;工会系统\n",
    "azure.csv": "*Server name,IP addresses,*Cores,*Memory (In MB),*OS name,OS version,Number of disks,Disk 1 size (In GB)\n"
    "oa-1,10.1.1.1,2,4096,Linux,,1,50\noa-2,10.1.1.2,2,4096,Linux,,1,50\ngh-1,10.1.1.3,2,4096,Linux,,1,50\ngh-2,10.1.1.4,2,4096,Linux,,1,50\n",
    "aws.csv": "ExternalId,IPAddress,HostName,CPU.NumberOfCores,OS.Name,RAM.TotalSizeInMB,Applications\n"
    "1,10.1.1.1,oa-1,2,Linux,4096,办公系统\n2,10.1.1.2,oa-2,2,Linux,4096,办公系统\n3,10.1.1.3,gh-1,2,Linux,4096,工会系统\n4,10.1.1.4,gh-2,2,Linux,4096,工会系统\n",
}  # fmt: skip


@pytest.mark.parametrize("name", list(OTHERS))
def test_shipped_mappings_read_what_the_tools_export(name: str) -> None:
    path = Path(name)
    path.write_text(OTHERS[name], encoding="utf-8")
    reading = read(path)
    assert [question.kind for question in reading.questions] == ["sheet", "grouping"]
    assert reading.questions[1].proposed
    answer(path, {"是否均非涉密": "均非涉密"})
    answer(path, {"哪个单位": "市大数据局", "“建设状态”": "已建", "“类别”": "应用系统"})
    answer(path, {"单位层级": "市直、政府"})
    reading = read(path)
    assert (reading.questions, reading.errors, counts(reading)["in_scope"]) == ((), [], 2)
    assert {system.memory_gb for system in reading.inventory.systems} <= {8.0, 4.0}
    assert sum(len(system.hosts) for system in reading.inventory.systems) >= 3


def test_a_citys_own_mapping_is_data() -> None:
    (Path("inventory") / "columns.yaml").write_text(
        "sources:\n  - {name: cmdb, about: systems, known_by: [[业务], [阶段]], columns: [{headers: [业务], field: name},"
        " {headers: [阶段], field: status, words: {已建: [生产], 停用: [下架]}}, {headers: [密], field: classified}, {headers: [内存容量M], field: memory_gb, unit: MB}]}\n"
        "  - {name: broken, about: systems, known_by: [[甲]], columns: [{headers: [甲], field: nonsense}]}\n",
        encoding="utf-8",
    )
    path = Path("cmdb.csv")
    path.write_text("业务,阶段,密,内存容量M\n水费系统,生产,否,2048\n旧系统,下架,否,1024\n", encoding="utf-8")
    reading = read(path)
    assert [finding.code for finding in reading.errors if finding.file == "columns.yaml"] == ["mapping-unusable"]
    assert {question.kind for question in reading.questions} == {"owner", "blank"}


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("net0=10.0.0.5, 192.168.1.2", "10.0.0.5"), ("10.3.1.1:10050", "10.3.1.1"), ("10.1.1.1/24", "10.1.1.1"), ("oa.example.cn", "oa.example.cn"),
        ("{'net0': ['10.0.0.7']}", "10.0.0.7"), ("内网10.1.1.9", "10.1.1.9"), ("", ""), ("1.2.3.4.5", "1.2.3.4.5"),
    ],
)  # fmt: skip
def test_the_first_address_of_a_cell_is_where_a_machine_is_reached(typed: str, address: str) -> None:
    assert first_address(typed) == address


@pytest.mark.parametrize(
    ("tags", "system"),
    [
        ("system:OA;owner:市局", "OA"), ("env=prod, app=办件系统", "办件系统"), ('{"application": "门户", "env": "prod"}', "门户"), ("系统名称：排污许可", "排污许可"),
        ("/DC1/vm/prod", "prod"), ("owner:市局", "owner:市局"), ("subsystem:x", "subsystem:x"),
    ],
)  # fmt: skip
def test_of_tags_the_one_that_names_a_system_is_its_name(tags: str, system: str) -> None:
    assert tail_of(tags) == system


MACHINES = "实例名称,IP,规格CPU(核),归属业务,归属委办局,状态,密否"


def machines(*rows: str) -> Path:
    Path("vm.csv").write_text("\n".join((MACHINES, *rows)) + "\n", encoding="utf-8")
    return Path("vm.csv")


def test_one_cell_is_asked_about_once_and_the_machines_of_a_system_wait_with_it() -> None:
    """已关机 under a column that somebody said is 建设状态: what the word means, and not also what is missing; and nobody is told of classified systems."""
    path = machines(*(f"ecs-{n},10.1.2.{n},4,门户平台,市信息中心,{'已关机' if n == 3 else '运行'},否" for n in range(1, 5)))
    proposed = read(path).questions[0].proposed
    answer(path, {"各列是什么": proposed.replace("状态 → 电源状态", "状态 → 建设状态")})
    answer(path, {"归并成系统": "归属业务"})
    reading = read(path)
    assert [question.about for question in reading.questions if question.column == "status"] == ["已关机"]
    assert not {finding.code for finding in reading.findings} & {"system-not-found", "machines-differ"}
    answer(path, {"已关机": "停用", "单位层级": "市直、事业单位"})
    answer(path, {"类别": "应用系统"})
    (system,) = read(path).all_systems()
    assert (str(system.status), len(system.hosts)) == ("in_use", 4), "one machine of it is in use"


def test_a_machine_of_no_group_is_one_question_and_the_rest_goes_on() -> None:
    path = machines(*(f"{'mh' if n % 2 else 'dc'}-{n},10.1.2.{n},4,{'' if n in (3, 4) else '门户平台' if n % 2 else '督查系统'},市信息中心,运行,否" for n in range(1, 9)))
    answer(path, {"各列是什么": read(path).questions[0].proposed})
    answer(path, {"归并成系统": "归属业务"})
    answer(path, {"单位层级": "市直、事业单位", "类别": "应用系统", "建设状态": "已建"})
    reading = read(path)
    assert (counts(reading)["in_scope"], reading.errors) == (2, [])
    assert [(question.kind, question.count, question.proposed) for question in reading.questions] == [("ungrouped", 2, "")], "one is called as either's"
    answer(path, {"属于哪个系统": "门户平台"})
    after = read(path)
    assert {system.name: system.servers for system in after.all_systems()} == {"门户平台": 5, "督查系统": 3}
    assert (after.questions, after.findings) == ((), [])


def test_which_system_a_machine_is_of_is_not_proposed_where_one_may_be_classified() -> None:
    rows = [f"mh-{n},10.1.2.{n},4,{'' if n == 1 else '磐石指挥系统'},市信息中心,运行,{'是' if n == 2 else '否'}" for n in range(1, 4)]
    path = machines(*rows, *(f"dc-{n},10.1.3.{n},4,督查系统,市信息中心,运行,否" for n in range(1, 4)))
    answer(path, {"各列是什么": read(path).questions[0].proposed})
    answer(path, {"归并成系统": "归属业务"})
    reading = read(path)
    assert [question.proposed for question in reading.questions if question.kind == "ungrouped"] == [""]
    assert "磐石" not in repr(reading)


def beside_a_form(header: str) -> Path:
    """A form of three systems, and vInfo with a column of the office's own that names them."""
    workbook = Workbook()
    form = workbook.active
    assert form is not None
    form.title = "统计表"
    form.append(["序号", "单位名称", "单位层级", "单位性质", "系统名称", "类别", "是否涉密", "建设状态"])
    names = ["水费系统", "管网监测平台", "热线系统"]
    for number, name in enumerate(names, start=1):
        form.append([number, "市水务局", "市直", "政府", name, "应用系统", "否", "已建"])
    sheet = workbook.create_sheet("vInfo")
    sheet.append([*RVTOOLS, header])
    for number in range(45):
        sheet.append([f"vm{number}", "poweredOn", "False", 4, 8192, f"10.1.0.{number + 1}", "/DC/vm/一", 1000, "CentOS 7 (64-bit)", None, "C1", "esx1", names[number % 3]])
    path = Path("水务.xlsx")
    workbook.save(path)
    return path


def test_a_column_of_the_offices_own_that_names_its_systems_groups_them() -> None:
    path = beside_a_form("甲乙丙")
    (question,) = [one for one in read(path).questions if one.kind == "grouping"]
    assert (question.proposed, question.choices[0]) == ("甲乙丙", "甲乙丙")
    answer(path, {"是否均非涉密": "均非涉密"})
    reading = read(path)
    assert (reading.errors, {len(system.hosts) for system in reading.inventory.systems}) == ([], {15})


def test_a_grouping_by_what_is_no_column_is_asked_again_and_loses_no_machine() -> None:
    path = beside_a_form("甲乙丙")
    answer(path, {"是否均非涉密": "均非涉密", "归并": "不存在的列"})
    reading = read(path)
    assert [one.kind for one in reading.questions if one.kind == "grouping"] == ["grouping"]
    assert "machines-not-grouped" in {finding.code for finding in reading.errors}


def test_merged_cells_say_whose_a_machine_is_and_nothing_else() -> None:
    """One of a merged system's machines is classified: so is the system, and its other merged cells are nobody's."""
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.append(["云主机名称", "私网IP", "vCPU", "内存(GB)", "业务系统", "使用单位", "是否涉密", "运维单位"])
    for number, (system, secret, operator) in enumerate([("市民卡", "否", "甲公司"), ("", "否", ""), ("玄武岩系统", "否", "玄武岩队"), ("", "是", ""), ("预约挂号", "否", "")], start=1):
        sheet.append([f"vm{number}", f"10.1.1.{number}", 4, 8, system or None, "市卫健委" if number == 1 else None, secret, operator or None])
    for span in ("E2:E3", "E4:E5", "F2:F6", "H2:H3", "H4:H6"):
        sheet.merge_cells(span)
    workbook.save("云主机.xlsx")
    path = Path("云主机.xlsx")
    for _ in range(3):
        answer(path, {"按哪一列": "业务系统", "层级": "市直、政府", "“建设状态”": "已建", "“类别”": "应用系统"})
    reading = read(path)
    assert {system.name: (system.servers, system.memory_gb, system.operator) for system in reading.inventory.systems} == {
        "市民卡": (2, 16.0, "甲公司"), "预约挂号": (1, 8.0, None),
    }  # fmt: skip
    assert (counts(reading)["classified"], reading.errors, reading.questions) == (1, [], ())
    assert "玄武岩" not in str(reading)
