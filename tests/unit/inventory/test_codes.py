"""Codes of closed questions: the header says what they mean, whatever letters the words are of; a code that nobody explained is asked about."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.inventory.load import load
from orchestrator.inventory.reading import Reading
from orchestrator.inventory.sheets.coded_answers import codes_of

HEAD = "单位名称,单位层级,单位性质,系统名称,类别,建设状态,是否涉密"


def read(tmp_path: Path, header: str, cell: str) -> Reading:
    path = tmp_path / "a.csv"
    path.write_text(f'{HEAD},"{header}"\n市水务局,市直,政府,甲平台,应用系统,已建,否,{cell}\n', encoding="utf-8")
    return load([path])


@pytest.mark.parametrize(("header", "cell", "field", "value"), [
    ("数据库（1Oracle 2MySQL 3PostgreSQL 4达梦）", "4", "dbms", "达梦"), ("数据库（1Oracle 2MySQL 3PostgreSQL 4达梦）", "2", "dbms", "MySQL"),
    ("数据库(01 SQL Server;02 MySQL 5.7;03 达梦8)", "2", "dbms", "MySQL 5.7"), ("操作系统（1.CentOS 2.Windows 3.麒麟）", "1", "os", "CentOS"),
    ("操作系统：①Windows Server 2008②CentOS 7③银河麒麟V10", "1", "os", "Windows Server 2008"), ("中间件：A、Tomcat B、WebLogic C、东方通", "b", "middleware", "WebLogic"),
    ("架构[1=B/S 2=C/S 9=其他]", "2", "architecture", "C/S"), ("数据库（1Oracle 2MySQL）", "2MySQL", "dbms", "MySQL"), ("数据库（1Oracle 2MySQL）", "2008", "dbms", "2008"),
])
def test_codes_of_names_are_read_as_what_the_header_says(header: str, cell: str, field: str, value: str, tmp_path: Path) -> None:
    reading = read(tmp_path, header, cell)
    assert not reading.questions and getattr(reading.inventory.systems[0], field) == value


@pytest.mark.parametrize(("header", "cell"), [("数据库", "4"), ("操作系统", "B"), ("中间件（见代码表）", "02"), ("数据库（1Oracle 2MySQL）", "7")])
def test_a_code_that_nobody_explained_is_asked_about_and_is_no_answer(header: str, cell: str, tmp_path: Path) -> None:
    reading = read(tmp_path, header, cell)
    (question,) = reading.questions
    assert question.kind == "wording" and question.about == cell
    assert not any(cell == getattr(system, field) for system in reading.all_systems() for field in ("dbms", "os", "middleware"))


@pytest.mark.parametrize("header", ["数据库（如 MySQL 5.7、Oracle 11g）", "内存（1G 2T）", "部署（1:1）", "上线时间(2015.1 2016.2)"])
def test_what_is_no_list_of_codes_is_none(header: str) -> None:
    assert codes_of(header) == {}
