"""Databases whose sheet has no 库名: their systems are counted once and know what they run on and how much they hold; nothing passes for a database
that could be moved."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.inventory.check import counts, reached

TESTS = Path(__file__).parents[2]
sys.path[:0] = [str(TESTS / "fixtures"), str(TESTS / "bench")]
from bench_forms import answered  # type: ignore[import-not-found]  # noqa: E402 - a helper beside the benches
from technical import SECRET, SYSTEMS, A, B  # type: ignore[import-not-found]  # noqa: E402 - a helper beside the fixtures
from workbooks import build  # type: ignore[import-not-found]  # noqa: E402 - a helper beside the fixtures

HOSTS: list[list[Any]] = [["系统名称", "主机名", "地址"], [A, "sf-1", "10.1.1.1"], [B, "gw-1", "10.1.1.2"]]
C = SECRET + "系统"
SHEETS: dict[str, list[list[Any]]] = {
    "our headers": [["系统名称", "数据库类型", "版本", "主机名", "数据量"], [A, "Oracle", "11g", "sf-1", "500G"], [B, "MySQL", "5.7", "gw-1", "200G"], [C, "达梦", "8", "gw-1", "77G"]],
    "their headers": [
        ["所属业务", "数据库软件", "服务器地址", "端口", "容量"], [A, "Oracle 11g", "10.1.1.1", 1521, "500G"], [B, "MySQL 5.7", "10.1.1.9", 3306, "200G"], [C, "达梦8", "10.1.1.2", 5236, "77G"],
    ],
    "no host": [["系统名称", "数据库类型", "数据库版本", "数据量(GB)"], [A, "Oracle", "11g", 500], [B, "MySQL", "5.7", 200], [C, "达梦", "8", 77]],
    "name left empty": [
        ["系统名称", "库名", "数据库类型", "版本", "主机名", "数据量"], [A, None, "Oracle", "11g", "sf-1", "500G"], [B, "-", "MySQL", "5.7", "gw-1", "200G"], [C, None, "达梦", "8", "gw-1", "77G"],
    ],
    "two of one system": [["系统名称", "数据库类型", "版本", "主机名", "数据量"], [A, "Oracle", "11g", "sf-1", "300G"], [A, "Oracle", "11g", "sf-1", "200G"], [B, "MySQL", "5.7", "gw-1", "200G"]],
}  # fmt: skip


@pytest.mark.parametrize("sheet", SHEETS)
@pytest.mark.parametrize("first", [True, False])
def test_systems_are_counted_once_and_know_their_databases(sheet: str, first: bool, tmp_path: Path) -> None:
    (tmp_path / "inventory").mkdir()
    sheets = [{"name": "数据库", "rows": SHEETS[sheet]}, {"name": "主机", "rows": HOSTS}, {"name": "统计表", "rows": SYSTEMS}]
    readings, asked = answered(build(tmp_path / "a.xlsx", sheets if first else sheets[::-1]), tmp_path / "inventory")
    last = readings[-1]
    assert [question.kind for question in asked] in ([], ["columns"])
    assert {name: counts(last)[name] for name in ("rows", "in_scope", "classified")} == {"rows": 3, "in_scope": 2, "classified": 1}
    assert {system.name: (system.dbms, system.data_gb, len(system.databases)) for system in last.all_systems()} == {A: ("oracle 11g", 500, 0), B: ("mysql 5.7", 200, 0)}
    assert [(finding.severity, finding.code) for finding in last.findings] == [("warning", "databases-incomplete")]
    assert not any(SECRET in repr(reading) or "达梦" in repr(reading) for reading in readings)


def test_half_of_a_systems_databases_do_not_pass_for_all(tmp_path: Path) -> None:
    rows = [["系统名称", "库名", "数据库类型", "版本", "主机名", "数据量"], [A, "sf", "PostgreSQL", "13", "sf-1", "500G"], [A, None, "MySQL", "5.7", "sf-1", "20G"]]
    (tmp_path / "inventory").mkdir()
    sheets = [{"name": "统计表", "rows": SYSTEMS}, {"name": "主机", "rows": HOSTS}, {"name": "数据库", "rows": rows}]
    readings, _ = answered(build(tmp_path / "a.xlsx", sheets), tmp_path / "inventory")
    assert [(finding.code, finding.sheet, finding.cell) for finding in readings[-1].errors] == [("bad-value", "数据库", "B3")]


@pytest.mark.parametrize("said", ["无", "", "MySQL 5.7"])
def test_the_move_still_lacks_the_databases(said: str, tmp_path: Path) -> None:
    """Also where the statistics row denies that there is one; what it says of another one is not overwritten."""
    systems = [[*SYSTEMS[0], "数据库类型及版本"], *([*row, said] for row in SYSTEMS[1:])]
    (tmp_path / "inventory").mkdir()
    sheets = [{"name": "统计表", "rows": systems}, {"name": "数据库", "rows": SHEETS["no host"]}]
    readings, _ = answered(build(tmp_path / "a.xlsx", sheets), tmp_path / "inventory")
    system = next(system for system in readings[-1].all_systems() if system.name == A)
    assert system.dbms == (said if said.startswith("MySQL") else "oracle 11g")
    assert system.unknown["数据库软件"] == "oracle"
    whole = {"protection_grade": 2, "grade_answered": True, "data_gb": 1.0} | dict.fromkeys(("architecture", "os", "room", "service_hours", "vendor"), "x")
    whole |= dict.fromkeys(("servers", "vcpus", "memory_gb", "storage_gb", "max_interruption_minutes"), 1)
    whole |= {"virtualised": True, "special_equipment": False, "network": "internet", "users": "public", "installable": True, "supported": True}
    assert "databases" in reached(system.model_copy(update=whole))[1]
