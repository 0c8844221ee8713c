"""What technical sheets tell of a workbook's systems does not depend on which sheet stands first."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[2]
sys.path[:0] = [str(TESTS / "fixtures"), str(TESTS / "bench")]
from bench_forms import answered  # type: ignore[import-not-found]  # noqa: E402 - a helper beside the benches
from workbooks import build  # type: ignore[import-not-found]  # noqa: E402

SECRET = "玄武岩指挥"
SHEETS: dict[str, list[list[Any]]] = {
    "系统": [
        ["单位名称", "单位层级", "单位性质", "系统名称", "类别", "建设状态", "是否涉密"], ["市住建局", "市直", "政府", "网签系统", "应用系统", "已建", "否"],
        ["市住建局", "市直", "政府", "鉴定系统", "应用系统", "已建", "否"], ["市住建局", "市直", "政府", SECRET, "应用系统", "已建", "是"],
    ],
    "机器": [
        ["机器名", "归哪个系统", "作用", "IP", "核数", "内存G", "OS"], ["wq-app", "网签系统", "应用", "10.5.1.1", 8, 32, "CentOS 7"], ["wq-db", "网签系统", "库", "10.5.1.2", 16, 64, "CentOS 7"],
        ["jd-app", "鉴定系统", "应用", "10.5.2.1", 4, 16, "CentOS 7"],
    ],
    "库": [
        ["业务", "数据库软件", "库名", "服务器地址", "端口"], ["网签系统", "PostgreSQL", "wq", "10.5.1.2", 5432], ["鉴定系统", "MySQL", "jd", "10.5.2.1", 3306],
    ],
}  # fmt: skip


@pytest.mark.parametrize("order", [*itertools.permutations(SHEETS)])
def test_any_order_is_read_alike(order: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "inventory").mkdir()
    path = build(tmp_path / "底数.xlsx", [{"name": name, "rows": SHEETS[name]} for name in order])
    readings, asked = answered(path, tmp_path / "inventory")
    last = readings[-1]
    found = {system.name: ([host.name for host in system.hosts], [database.name for database in system.databases]) for system in last.inventory.systems}
    assert found == {"网签系统": (["wq-app", "wq-db"], ["wq"]), "鉴定系统": (["jd-app"], ["jd"])}
    assert (sorted(question.kind for question in asked), last.questions) == (["columns", "columns"], ())
    assert not any(SECRET in repr(reading) for reading in readings)
