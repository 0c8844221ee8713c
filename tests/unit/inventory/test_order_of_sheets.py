"""What technical sheets tell of a workbook's systems does not depend on which sheet stands first."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.inventory.check import counts

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


MACHINES: dict[str, list[list[Any]]] = {
    "一号": [
        ["VM", "Powerstate", "Template", "CPUs", "Memory", "Total disk capacity MiB", "Primary IP Address", "OS according to the VMware Tools", "业务系统"],
        ["wq-1", "poweredOn", "False", 8, 16384, 204800, "10.5.1.1", "CentOS 7", "网签系统"], ["wq-2", "poweredOn", "False", 8, 16384, 204800, "10.5.1.2", "CentOS 7", "网签系统"],
        ["xy-1", "poweredOn", "False", 4, 8192, 102400, "10.5.9.1", "CentOS 7", SECRET], ["zx-1", "poweredOn", "False", 2, 4096, 102400, "10.5.3.1", "CentOS 7", "征信网"],
    ],
    "二号": [
        ["VM", "Powerstate", "Template", "CPUs", "Memory", "Total disk capacity MiB", "Primary IP Address", "OS according to the VMware Tools", "业务系统"],
        ["wq-3", "poweredOn", "False", 16, 65536, 1048576, "10.5.1.3", "Red Hat 7", "网签系统"], ["zx-2", "poweredOn", "False", 2, 4096, 102400, "10.5.3.2", "CentOS 7", "征信网"],
        ["zx-3", "poweredOff", "False", 2, 4096, 102400, "10.5.3.3", "CentOS 7", "征信网"],
    ],
}  # fmt: skip
FILES = {"list": "系统", "one": "一号", "two": "二号"}


@pytest.mark.parametrize("order", [*itertools.permutations(FILES)])
def test_any_order_of_files_is_read_alike(order: tuple[str, ...], tmp_path: Path) -> None:
    """Exports of two machine halls and the list of systems, named so that each is read first, second and last."""
    (tmp_path / "inventory").mkdir()
    (tmp_path / "forms").mkdir()
    for number, of in enumerate(order):
        sheet = FILES[of]
        build(tmp_path / "forms" / f"{number}.xlsx", [{"name": "vInfo" if sheet in MACHINES else sheet, "rows": MACHINES.get(sheet) or SHEETS[sheet]}])
    readings, asked = answered(tmp_path / "forms", tmp_path / "inventory")
    last = readings[-1]
    assert sorted((question.kind, question.proposed) for question in asked if question.kind == "grouping") == [("grouping", "业务系统")]
    assert {name: counts(last)[name] for name in ("rows", "in_scope", "classified")} == {"rows": 4, "in_scope": 3, "classified": 1}
    found = {system.name: (system.servers, system.vcpus, system.memory_gb, system.storage_gb, sorted(host.name for host in system.hosts)) for system in last.all_systems()}
    assert found["网签系统"] == (3, 32, 96, 1424, ["wq-1", "wq-2", "wq-3"])
    assert found["征信网"] == (2, 4, 8, 200, ["zx-1", "zx-2"])
    assert (found["鉴定系统"][-1], last.questions) == ([], ())
    assert not any(SECRET in repr(reading) for reading in readings)
