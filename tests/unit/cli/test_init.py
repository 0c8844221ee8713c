"""``init``: a folder to begin with, and the commands of docs/first-migration.md that lead from a form to a plan."""

from __future__ import annotations

import datetime as dt
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from openpyxl import load_workbook

from orchestrator.cli.init import FORM, TEXTS
from orchestrator.cli.main import main
from orchestrator.planning.programme import load_programme
from orchestrator.settings import HOME, Settings

PAGE = HOME / "docs" / "first-migration.md"
ROWS = [
    {"单位名称": "市政府办公室", "系统名称": "政府门户网站", "数据库类型及版本": "PostgreSQL 15", "操作系统": "麒麟 V10", "服务器数量": "2台"},
    {"单位名称": "市档案局", "系统名称": "办公自动化系统", "操作系统": "Windows Server 2019", "备注": "登录用U盾"},
    {"单位名称": "市档案局", "系统名称": "网络学习平台", "现部署位置": "SaaS"},
]
COMMON = {"单位层级": "市直", "单位性质": "政府", "类别": "应用系统", "是否涉密": "否", "建设状态": "已建"}


def fill_in(form: Path) -> None:
    """As a department does: rows below the example, a cell under each header that it knows something for."""
    book = load_workbook(form)
    sheet = book["信息系统迁移统计表"]
    headers = {str(cell.value).split("(")[0].split("（")[0]: cell.column for cell in sheet[1] if cell.value}
    for number, row in enumerate(ROWS, start=3):
        for header, text in {**COMMON, **row}.items():
            sheet.cell(row=number, column=headers[header], value=text)
    book.save(form)


def commands_of_the_page() -> list[list[str]]:
    block = PAGE.read_text("utf-8").partition("in five minutes")[2].partition("```\n")[2].partition("```")[0]
    return [shlex.split(line) for line in block.splitlines()]


def test_the_commands_of_the_page_lead_from_a_form_to_a_plan(tmp_path: Path) -> None:
    where, printed = tmp_path, {}
    commands = commands_of_the_page()
    assert ["orchestrator", "plan"] in commands
    for command in commands:
        if command[0] == "cd":
            where = where / command[1]
            fill_in(where / FORM)
            continue
        argv = [sys.executable, "-m", "orchestrator.cli.main", *command[1:]]
        ran = subprocess.run(
            argv, cwd=where, capture_output=True, text=True, timeout=250, check=False, stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(HOME), "LC_ALL": "zh_CN.UTF-8"},
        )  # fmt: skip
        assert ran.returncode == 0, (command, ran.stdout, ran.stderr)
        printed[command[1]] = ran.stdout
    assert "统计范围 3 个" in printed["inventory"] or "+ 系统" in printed["inventory"]
    assert "已在别处运行，无需迁移 1 个" in printed["assess"]
    assert "政府门户网站" in printed["explain"]
    assert "办公自动化系统" in printed["plan"]
    assert "另计 1 个已在别处运行" in printed["plan"]


def test_what_it_writes_passes_its_own_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    city = tmp_path / "新城 – city"
    assert main(["init", str(city)]) == 0
    assert {str(path.relative_to(city)) for path in city.rglob("*") if path.is_file()} == {*TEXTS.values(), FORM}
    monkeypatch.chdir(city)
    assert Settings().inventory == Path("inventory")
    for command in (["inventory", "check"], ["inventory", "check", FORM], ["inventory", "check", "."], ["assess"]):
        assert main(command) == 0, capsys.readouterr().out
    assert main(["plan"]) == 3  # there is nothing to plan yet, and that is said
    programme = load_programme(city / "inventory" / "program.yaml")
    assert programme.starts.weekday() == 0
    assert programme.starts > dt.datetime.now().astimezone().date()


def test_the_programme_begins_when_one_says(tmp_path: Path) -> None:
    assert main(["init", str(tmp_path / "city"), "--starts", "2028-02-29"]) == 0
    programme = load_programme(tmp_path / "city" / "inventory" / "program.yaml")
    assert [programme.starts, *(phase.due for phase in programme.phases)] == [
        dt.date(2028, 2, 29), dt.date(2029, 12, 31), dt.date(2031, 12, 31)
    ]  # fmt: skip


def test_nothing_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "program.yaml").write_text("starts: 2018-01-01\n")
    assert main(["init", str(tmp_path)]) == 3
    assert "inventory/program.yaml" in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["program.yaml"]
    (tmp_path / "file").write_text("")
    assert main(["init", str(tmp_path / "file")]) == 2
