"""Technical rows of a classified or unanswered system: counted and nothing else, wherever their sheets stand and whatever their cells would raise."""

from __future__ import annotations

import sys
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from orchestrator.inventory.folder.merge import apply, prepare
from orchestrator.inventory.load import load
from orchestrator.inventory.reading import Reading

TESTS = Path(__file__).parents[2]
sys.path[:0] = [str(TESTS / "fixtures")]
from workbooks import build  # type: ignore[import-not-found]  # noqa: E402 - a helper beside the fixtures

HEAD = ["序号", "系统编码", "单位名称", "单位层级", "单位性质", "系统名称", "类别", "是否涉密", "建设状态"]
SECRET = ("磐石", "ps-node", "10.99.1.1", "磐石库", "PSDB", "麒麟特供版", "乱码量", "密钥机甲", "ps-run")
"""Words that stand on technical rows of the withheld system only."""


def systems(answer: str) -> dict[str, Any]:
    rows = [
        HEAD, [1, "SF-1", "市水务局", "市直", "政府", "水费系统", "应用系统", "否", "已建"],
        [2, "PS-1", "市水务局", "市直", "政府", "磐石系统", "应用系统", answer, "已建"],
    ]  # fmt: skip
    return {"name": "统计表", "rows": rows}


def technical(secret: str) -> list[dict[str, Any]]:
    return [
        {"name": "主机", "rows": [
            ["系统名称", "主机名", "地址", "操作系统", "内存"], ["水费系统", "sf-01", "10.1.1.1", "CentOS 7", 16], [secret, "ps-node", "10.99.1.1", "麒麟特供版", "乱码量"],
        ]},
        {"name": "数据库", "rows": [
            ["系统名称", "库名", "数据库类型及版本", "数据库地址", "大小"], ["水费系统", "tax", "MySQL 5.7", "sf-01", "1T"], [secret, "PSDB", "达梦8", "10.99.1.1:5236", "乱码量"],
        ]},
        {"name": "专用设备", "rows": [["系统名称", "设备名称", "型号"], ["水费系统", "签章机", "QZ-1"], [secret, "密钥机甲", "MY-9"]]},
        {"name": "服务", "rows": [
            ["系统名称", "服务名", "主机名", "端口", "是否只能单实例运行"], ["水费系统", "sf-web", "sf-01", 8080, "否"], [secret, "ps-run", "ps-node", "乱码量", "乱码量"],
        ]},
    ]  # fmt: skip


def assert_nothing_told(reading: Reading) -> None:
    assert not [word for word in SECRET if word in repr(reading)]
    assert {row for question in reading.questions for row in question.rows if "统计表" not in row and row.endswith("3")} == set()


@pytest.mark.parametrize("answer", ["是", "秘密级", ""])
@pytest.mark.parametrize("named", ["磐石系统", "磐石 系统", "PS-1"])
@pytest.mark.parametrize("first", [True, False])
def test_they_are_counted_and_nothing_else(answer: str, named: str, first: bool, tmp_path: Path) -> None:
    sheets = [systems(answer), *technical(named)] if first else [*technical(named), systems(answer)]
    path = build(tmp_path / "form.xlsx", sheets)
    reading = load([path])
    assert [finding.code for finding in reading.errors] == ([] if answer else ["classified-unanswered"])
    assert reading.questions == () or {question.kind for question in reading.questions} == {"sheet"}
    told = [str(one.understood) for one in reading.interpretations if one.sheet in {"主机", "数据库", "专用设备", "服务"} and not one.cell]
    assert told == ["1 行属于涉密或未答的系统，未读取"] * 4
    assert_nothing_told(reading)
    (system,) = reading.all_systems()
    assert [len(rows) for rows in (system.hosts, system.databases, system.devices, system.services)] == [1, 1, 1, 1]
    apply(prepare([path], tmp_path / "inventory", partial=True), tmp_path / "inventory")
    assert not [word for word in SECRET for file in (tmp_path / "inventory").iterdir() if word in file.read_text("utf-8")]


@pytest.mark.parametrize("order", list(permutations(("a", "b", "c"))))
def test_whatever_order_their_files_come_in(order: tuple[str, ...], tmp_path: Path) -> None:
    parts = technical("磐石系统")
    contents = {"a": [systems("是")], "b": parts[:2], "c": parts[2:]}
    files = [build(tmp_path / f"{place}-{name}.xlsx", contents[name]) for place, name in enumerate(order)]
    reading = load(files)
    assert (reading.errors, reading.questions) == ([], ())
    assert_nothing_told(reading)


def test_a_row_that_says_itself_that_it_is_classified_is_counted(tmp_path: Path) -> None:
    hosts = [["系统名称", "主机名", "地址", "是否涉密"], ["水费系统", "sf-01", "10.1.1.1", "否"], ["水费系统", "ps-node", "10.99.1.1", "是"], ["水费系统", "sf-02", "10.1.1.2", ""]]
    reading = load([build(tmp_path / "form.xlsx", [systems("是"), {"name": "主机", "rows": hosts}])])
    assert [(finding.code, finding.cell) for finding in reading.errors] == [("technical-row-classified", "D4")]
    assert "ps-node" not in repr(reading)
    assert [str(one.understood) for one in reading.interpretations if one.sheet == "主机"] == ["1 行属于涉密或未答的系统，未读取"]


def test_a_name_that_a_withheld_row_shares_with_a_system_is_nobodys_and_its_code_is(tmp_path: Path) -> None:
    rows = systems("是")["rows"]
    rows.append([3, "PS-2", "市林业局", "市直", "政府", "磐石系统", "应用系统", "否", "已建"])
    for named, errors, hosts in (("磐石系统", ["system-ambiguous"], 0), ("ps-2", [], 1)):
        reading = load([build(tmp_path / "form.xlsx", [{"name": "统计表", "rows": rows}, technical(named)[0]])])
        assert ([finding.code for finding in reading.errors if finding.code != "unreadable"], len(next(s for s in reading.all_systems() if s.id == "ps-2").hosts)) == (errors, hosts)
