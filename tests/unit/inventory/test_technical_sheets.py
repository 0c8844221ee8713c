"""Technical sheets in the words of offices (``fixtures/technical.py``): what their columns are is one question, and then all of it is with its system."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

import pytest

from orchestrator.inventory.answerbook import FILE, Answer, answers_text
from orchestrator.inventory.check import counts
from orchestrator.inventory.load import load

TESTS = Path(__file__).parents[2]
sys.path[:0] = [str(TESTS / "fixtures"), str(TESTS / "bench")]
from bench_forms import answered  # type: ignore[import-not-found]  # noqa: E402 - a helper beside the benches
from technical import SECRET, SYSTEMS, TECHNICAL, Technical  # type: ignore[import-not-found]  # noqa: E402 - a helper beside the fixtures
from workbooks import build  # type: ignore[import-not-found]  # noqa: E402 - a helper beside the fixtures


@pytest.mark.parametrize("technical", TECHNICAL, ids=lambda technical: technical.name)
def test_one_question_and_everything_is_with_its_system(technical: Technical, tmp_path: Path) -> None:
    folder = tmp_path / "inventory"
    folder.mkdir()
    readings, asked = answered(technical.make(tmp_path), folder)
    assert [question.kind for question in asked] in (["columns"], ["hosts"], ["columns", "hosts"], ["columns", "columns"])
    assert (readings[-1].errors, readings[-1].questions) == ([], ())
    assert [(counts(reading)["rows"], counts(reading)["in_scope"], counts(reading)["classified"]) for reading in readings] == [(3, 2, 1)] * len(readings)
    systems = {system.name: system.model_dump(mode="json") for system in readings[-1].all_systems()}
    for name, kinds in technical.holds.items():
        for kind, rows in kinds.items():
            said = [{field: row[field] for field in expected} for row, expected in zip(systems[name][kind], rows, strict=True)]
            assert said == rows, (name, kind)
    assert not any(SECRET in repr(reading) for reading in readings)
    assert not any(SECRET in file.read_text("utf-8") for file in folder.iterdir())


def test_a_row_of_the_table_above_is_no_header_of_another_table(tmp_path: Path) -> None:
    """Even after a blank row, without a number, in words that could be headers: it would be shown in a question."""
    rows = [*SYSTEMS, [], ["", SECRET + "办公室", "", "", "业务平台", "服务器", "", ""], [5, "市水务局", "市直", "政府", "水情平台", "应用系统", "否", "已建"]]
    reading = load([build(tmp_path / "a.xlsx", [{"name": "统计表", "rows": rows}])], today=dt.date(2026, 11, 30))
    assert not any(question.kind == "columns" for question in reading.questions)
    assert (counts(reading)["rows"], counts(reading)["unanswered"]) == (5, 1)
    assert SECRET not in repr(reading.questions)


def test_a_formula_tells_nothing_of_another_table_on_its_sheet(tmp_path: Path) -> None:
    head = ["归属业务", "机器名", "IP", "CPU", "内存"]
    rows = [*SYSTEMS, [], head, ["水费征收系统", "sf-01", "10.1.1.1", 4, 8], ["水费征收系统", "=E4", "10.1.1.2", 4, 8]]
    path = build(tmp_path / "a.xlsx", [{"name": "统计表", "rows": rows}])
    folder = tmp_path / "inventory"
    folder.mkdir()
    from workbooks import save_values  # type: ignore[import-not-found]

    save_values(path, {"B8": SECRET + "系统"})
    readings, _ = answered(path, folder)
    (system,) = [system for system in readings[-1].all_systems() if system.hosts]
    assert [host.address for host in system.hosts] == ["10.1.1.1", "10.1.1.2"]
    assert not any(SECRET in repr(reading) for reading in readings)
    assert "pan-shi" not in repr(readings[-1])


def test_a_host_is_found_by_its_address_wherever_it_is_listed(tmp_path: Path) -> None:
    hosts = [["系统名称", "主机名", "地址"], ["水费征收系统", "sf-db", "10.1.1.9"], ["管网监测平台", "gw-db", "10.1.1.8"]]
    databases = [
        ["系统名称", "库名", "数据库类型", "主机"], ["水费征收系统", "sf", "Oracle", "10.1.1.9:1521"], ["水费征收系统", "sf2", "Oracle", "jdbc:oracle:thin:@10.1.1.8:1522:x"],
        ["管网监测平台", "gw", "MySQL", "gw-db"],
    ]  # fmt: skip
    sheets = [{"name": "统计表", "rows": SYSTEMS}, {"name": "数据库", "rows": databases}, {"name": "主机", "rows": hosts}]
    reading = load([build(tmp_path / "a.xlsx", sheets)])
    assert (reading.errors, reading.questions) == ([], ())
    found = {database.name: (database.host, database.port) for system in reading.all_systems() for database in system.databases}
    assert found == {"sf": ("sf-db", 1521), "sf2": ("gw-db", 1522), "gw": ("gw-db", 5432)}


def test_addresses_that_no_host_has_are_one_question_and_no_error(tmp_path: Path) -> None:
    databases = [["系统名称", "库名", "数据库类型", "主机"], *(["水费征收系统", f"db{n}", "Oracle", f"10.1.2.{n}"] for n in range(1, 9))]
    reading = load([build(tmp_path / "a.xlsx", [{"name": "统计表", "rows": SYSTEMS}, {"name": "数据库", "rows": databases}])])
    assert reading.errors == []
    assert [(question.kind, question.count) for question in reading.questions] == [("hosts", 8)]
    assert [finding.code for finding in reading.findings] == ["host-not-known"]


@pytest.mark.parametrize("title", ["附件2 数据库清单", "二、各系统数据库"])
def test_another_table_below_is_read_by_its_own_headers_and_not_by_what_the_sheet_is_called(title: str, tmp_path: Path) -> None:
    below = [["序号", "系统名称", "数据库名", "数据库类型", "主机"], [1, "水费征收系统", "sf", "Oracle", "db-01"], [3, "管网监测平台", "gw", "MySQL", "db-02"]]
    reading = load([build(tmp_path / "a.xlsx", [{"name": "统计表", "rows": [*SYSTEMS, [], [title], *below]}])])
    assert (reading.errors, reading.questions, counts(reading)["rows"]) == ([], (), 3)
    assert {system.name: [database.host for database in system.databases] for system in reading.all_systems()} == {"水费征收系统": ["db-01"], "管网监测平台": ["db-02"]}
    assert not any(system.unknown for system in reading.all_systems()), "序号 tells nothing of a database"


def test_machines_called_devices_are_hosts_where_the_sheet_is_one_of_servers(tmp_path: Path) -> None:
    rows = [["序号", "设备名称", "IP地址", "用途", "所属系统"], [1, "sf-01", "10.1.1.1", "应用", "水费征收系统"]]
    reading = load([build(tmp_path / "a.xlsx", [{"name": "统计表", "rows": SYSTEMS}, {"name": "服务器", "rows": rows}])])
    assert reading.errors == []
    assert [(host.name, host.address) for system in reading.all_systems() for host in system.hosts] == [("sf-01", "10.1.1.1")]


def test_machines_of_unlisted_systems_that_speak_of_secrets_are_named_and_no_word_about_all_covers_them(tmp_path: Path) -> None:
    rows = [["系统名称", "主机名", "地址", "备注"], ["甲平台", "a1", "10.1.1.1", ""], ["乙平台", "b1", "10.1.1.2", "涉密系统，勿外传"]]
    reading = load([build(tmp_path / "a.xlsx", [{"name": "主机", "rows": rows}])])
    (question,) = [one for one in reading.questions if one.kind == "sheet"]
    assert question.choices == ("涉密行：3；其余非涉密", "非涉密行：3；其余非涉密")
    assert "3" in str(question.evidence)
    for said, left in (("均非涉密", 1), ("非涉密行：3；其余非涉密", 0)):
        folder = tmp_path / said
        folder.mkdir()
        (folder / FILE).write_text(answers_text([Answer(*question.key, answer=said, by="张三", on="2026-11-30")]), "utf-8")
        again = load([tmp_path / "a.xlsx"], beside=[folder])
        assert len([one for one in again.questions if one.kind == "sheet"]) == left, said


def test_a_url_alone_says_what_a_database_is_called_and_what_it_runs_on_and_no_password_is_told(tmp_path: Path) -> None:
    urls = ["jdbc:oracle:thin:@sf-db:1521:orcl", "jdbc:sqlserver://gw-db:1433;databaseName=gw", "jdbc:mysql://app:Pa55w0rd@gw-db:3306/log?useSSL=false"]
    rows = [["系统名称", "库名", "数据库类型", "JDBC URL"], ["水费征收系统", "", "", urls[0]], ["管网监测平台", "", "", urls[1]], ["管网监测平台", "", "", urls[2]]]
    reading = load([build(tmp_path / "a.xlsx", [{"name": "统计表", "rows": SYSTEMS}, {"name": "数据库", "rows": rows}])])
    assert (reading.errors, reading.questions) == ([], ())
    found = {(base.name, base.engine, base.host, base.port) for system in reading.all_systems() for base in system.databases}
    assert found == {("orcl", "oracle", "sf-db", 1521), ("gw", "sqlserver", "gw-db", 1433), ("log", "mysql", "gw-db", 3306)}
    assert "Pa55w0rd" not in repr(reading)
    assert "sf-db、oracle、orcl" in [str(one.understood) for one in reading.interpretations]


def test_what_a_cell_says_of_a_machine_is_put_where_a_host_has_it(tmp_path: Path) -> None:
    """8核/16G/500G under CPU核数; a host has disks, and no number of servers."""
    systems = [["单位名称", "单位层级", "单位性质", "系统名称", "类别", "建设状态", "是否涉密"], ["市交通局", "市直", "政府", "治理系统", "应用系统", "已建", "否"]]
    hosts = [["系统编码或名称", "主机名", "地址", "CPU核数"], ["治理系统", "zl-1", "10.1.1.1", "8核/16G/500G"]]
    reading = load([build(tmp_path / "a.xlsx", [{"name": "统计表", "rows": systems}, {"name": "主机", "rows": hosts}])])
    (system,) = reading.inventory.systems
    assert reading.errors == []
    assert [(host.vcpus, host.memory_gb, host.disk_gb) for host in system.hosts] == [(8, 16.0, 500.0)]
