"""Dates as far as they are known, domains and ports, numbers of people and of 万元, where a system runs."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from orchestrator.inventory.cells import Unreadable
from orchestrator.inventory.load import load
from orchestrator.inventory.values import read_value


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ("when", "2015年6月", "2015-06"),
        ("when", 2015, "2015"),
        ("when", "2015年建成", "2015"),
        ("when", "2015.6.1正式上线", "2015-06-01"),
        ("when", "预计2026年底前", "2026"),
        ("when", dt.date(2015, 6, 1), "2015-06-01"),
        ("when", 42000, "2014-12-27"),
        ("domains", "http://oa.example.gov.cn:8080/login", ["oa.example.gov.cn"]),
        ("domains", "OA.example.gov.cn；10.1.2.3", ["oa.example.gov.cn", "10.1.2.3"]),
        ("domains", "荆门.政务", ["xn--sl1ap59a.xn--zfr164b"]),
        ("domains", "无", []),
        ("ports", "80、443；8080-8090", ["80", "443", "8080-8090"]),
        ("ports", "TCP 22，80/tcp, http(8080)", ["22", "80", "8080"]),
        ("ports", 443.0, ["443"]),
        ("people", "约5000人", 5000),
        ("people", "1.2万", 12000),
        ("people", "2000余人", 2000),
        ("people", "3万户", 30000),
        ("money", "12.5万元", 12.5),
        ("money", "30000元", 3.0),
        ("money", 30, 30.0),
        ("runs_at", "市政务云", "city_cloud"),
        ("licence", "加密狗", "dongle"),
    ],
)
def test_it_is_read(kind: str, cell: Any, value: Any) -> None:
    assert read_value(kind, cell).value == value


@pytest.mark.parametrize(
    ("kind", "cell"),
    [
        ("when", "2015年至2016年"),
        ("when", "十三五期间"),
        ("when", "2015年13月"),
        ("when", "2015年6月31日"),
        ("when", "2015年未上线"),
        ("domains", "内部访问"),
        ("domains", "a b"),
        ("ports", "全部"),
        ("ports", "80-22"),
        ("ports", "70000"),
        ("ports", "0"),
        ("people", "500-1000人"),
        ("people", "全体干部"),
        ("people", "1.5"),
        ("money", "约定"),
        ("runs_at", "政务云"),
        ("runs_at", "信息中心三楼"),
    ],
)
def test_it_is_not_guessed(kind: str, cell: Any) -> None:
    with pytest.raises(Unreadable):
        read_value(kind, cell)


HEAD = "序号,单位名称,单位层级,单位性质,系统名称,类别,是否涉密,建设状态"


def test_units_in_a_header_hold_for_people_and_money(tmp_path: Path) -> None:
    (tmp_path / "form.csv").write_text(
        f"{HEAD},用户数（万人）,年运维费（元）\n1,市水务局,市直,政府,水费系统,应用系统,否,已建,1.2,30000\n", encoding="utf-8"
    )
    (system,) = load([tmp_path]).inventory.systems
    assert (system.user_count, system.annual_cost_wan) == (12000, 3.0)


def test_the_owner_of_a_database_is_another_system_by_name_and_an_unknown_name_is_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "form.csv").write_text(
        f"{HEAD},数据库归属系统\n"
        "1,市水务局,市直,政府,水费系统,应用系统,否,已建,本系统\n"
        "2,市水务局,市直,政府,报表系统,应用系统,否,已建,水费系统\n"
        "3,市水务局,市直,政府,巡检系统,应用系统,否,已建,机要系统\n",
        encoding="utf-8",
    )
    reading = load([tmp_path])
    by_name = {system.name: system for system in reading.inventory.systems}
    assert by_name["水费系统"].database_owner is None
    assert by_name["报表系统"].database_owner == by_name["水费系统"].id
    (finding,) = [finding for finding in reading.findings if finding.code == "database-owner-unknown"]
    assert finding.cell == "I4"
    assert "机要" not in str(finding) + reading.inventory.model_dump_json()


def test_the_same_words_are_read_in_yaml(tmp_path: Path) -> None:
    (tmp_path / "city.yaml").write_text(
        "departments: [{id: water, name: 市水务局}]\n"
        "systems:\n"
        "  - {id: fees, name: 水费系统, department: water, kind: application, status: in_use, classified: false, in_service_since: 2015,\n"
        "     planned_end: 2026-12, domains: oa.example.gov.cn, open_ports: [80, 443], runs_at: 市政务云, user_count: 1.2万, annual_cost_wan: 3}\n",
        encoding="utf-8",
    )
    reading = load([tmp_path])
    assert reading.errors == []
    (system,) = reading.inventory.systems
    assert (system.in_service_since, system.planned_end, system.domains) == ("2015", "2026-12", ("oa.example.gov.cn",))
    assert (system.open_ports, system.runs_at, system.user_count, system.annual_cost_wan) == (("80", "443"), "city_cloud", 12000, 3.0)


def test_nobody_keeps_the_id_of_a_system_that_an_import_removes(tmp_path: Path) -> None:
    from orchestrator.inventory.folder.merge import apply, prepare

    form, into = tmp_path / "form.csv", tmp_path / "inventory"
    rows = "1,市水务局,市直,政府,水费系统,应用系统,否,已建,\n2,市水务局,市直,政府,报表系统,应用系统,否,已建,水费系统\n"
    form.write_text(f"{HEAD},数据库归属系统\n{rows}", encoding="utf-8")
    apply(prepare([form], into), into)
    fees = next(system.id for system in load([into]).inventory.systems if system.name == "水费系统")
    rows = "1,市水务局,市直,政府,水费系统,,是,,\n2,市水务局,市直,政府,报表系统,应用系统,否,已建,\n"
    form.write_text(f"{HEAD},数据库归属系统\n{rows}", encoding="utf-8")
    apply(prepare([form], into), into)
    reading = load([into])
    assert reading.errors == []
    assert [(system.name, system.database_owner) for system in reading.inventory.systems] == [("报表系统", None)]
    assert fees not in "".join(file.read_text("utf-8") for file in into.iterdir())
