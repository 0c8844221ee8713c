"""Whether a system's machines are virtual: under whatever header asks it, and by what a list of machines calls them."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.inventory.load import load
from orchestrator.inventory.machines import says_virtual

HEAD = "单位名称,单位层级,单位性质,系统名称,类别,建设状态,是否涉密"


@pytest.mark.parametrize("header", ["物理/虚拟", "虚拟/物理", "物理机/虚拟机", "是否虚拟机", "是否虚拟化部署", "部署形态"])
@pytest.mark.parametrize(("cell", "virtual"), [("虚拟机", True), ("物理机", False), ("虚拟", True), ("物理", False), ("虚拟化部署", True), ("裸金属", False)])
def test_it_is_read_under_any_header_that_asks_it(header: str, cell: str, virtual: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{HEAD},{header}\n市水务局,市直,政府,甲平台,应用系统,已建,否,{cell}\n", encoding="utf-8")
    reading = load([path])
    assert not reading.questions and reading.inventory.systems[0].virtualised is virtual


@pytest.mark.parametrize(("header", "virtual"), [("虚拟机名称", True), ("云主机", True), ("物理机名称", False), ("主机名", None), ("物理机/虚拟机名称", None)])
def test_a_list_says_it_by_what_it_calls_its_machines(header: str, virtual: bool | None) -> None:
    assert says_virtual(header) is virtual
