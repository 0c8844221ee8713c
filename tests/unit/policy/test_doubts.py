"""A department is told, at its cell, what a policy does not understand and where two of its sheets disagree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.cli.main import main
from orchestrator.inventory.load import load
from orchestrator.inventory.reading import Reading
from orchestrator.models import Database, Department, Device, Host, Inventory
from orchestrator.policy.assess import assess
from orchestrator.policy.doubts import with_doubts
from orchestrator.policy.policy import load_policy
from tests.support.one_system import full

ROOT = Path(__file__).parents[3]
HOSTS = (Host(name="h-1", address="10.0.0.1", vcpus=8), Host(name="h-2", address="10.0.0.2", vcpus=128))
SIGNER = (Device(name="dev-1", model="X", address="10.0.0.9"),)


def doubts(**changes: Any) -> list[tuple[str, str]]:
    inventory = Inventory(departments=(Department(id="d-1", name="市局"),), systems=(full(**changes),))
    places = {"full": {field: f"form.xlsx › 表 › {field}" for field in (*full().model_fields_set, "hosts/h-1/os")}}
    reading = with_doubts(Reading(inventory=inventory, places=places), load_policy(None))
    assert all((finding.file, finding.sheet, finding.system) == ("form.xlsx", "表", "full") for finding in reading.findings)
    return [(finding.code, finding.cell) for finding in reading.findings]


def base(engine: str = "mysql", **fields: Any) -> tuple[Database, ...]:
    return (Database(name="a", engine=engine, host="h-1", **fields),)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, []),
        ({"os": "不详", "processor": "未知"}, []),
        ({"os": "CetnOS 7"}, [("os-unread", "os")]),
        ({"os": "CetnOS 7、AIX"}, [("os-unread", "os")]),
        ({"processor": "64位"}, [("processor-unread", "processor")]),
        ({"servers": 1, "hosts": (Host(name="h-1", address="10.0.0.1", os="某系统"),)}, [("os-unread", "hosts/h-1/os")]),
        ({"devices": SIGNER}, [("facts-disagree", "special_equipment")]),
        ({"devices": SIGNER, "special_equipment": True}, []),
        ({"devices": SIGNER, "special_equipment": None}, []),
        ({"dbms": "PostgreSQL", "databases": base("oracle")}, [("facts-disagree", "dbms")]),
        ({"dbms": "无", "databases": base("oracle")}, [("facts-disagree", "dbms")]),
        ({"dbms": "PostgreSQL/Oracle", "databases": base("oracle")}, []),
        ({"dbms": "人大金仓 V8", "databases": base("kingbase")}, []),
        ({"databases": base(shared_storage_cluster=True)}, [("facts-disagree", "shared_storage_cluster")]),
        ({"shared_storage_cluster": True, "databases": base(shared_storage_cluster=False)}, [("facts-disagree", "shared_storage_cluster")]),
        ({"dbms": "Oracle 11g RAC"}, [("facts-disagree", "shared_storage_cluster")]),
        ({"dbms": "Ｏｒａｃｌｅ　ＲＡＣ"}, [("facts-disagree", "shared_storage_cluster")]),
        ({"dbms": "Oracle 11g RAC", "shared_storage_cluster": True}, []),
        ({"vcpus": 8, "hosts": HOSTS}, [("facts-disagree", "vcpus")]),
        ({"vcpus": 500, "hosts": HOSTS}, [("facts-disagree", "vcpus")]),
        ({"vcpus": 136, "hosts": HOSTS}, []),
        ({"vcpus": 500, "servers": 3, "hosts": HOSTS}, []),
        ({"vcpus": 136, "servers": 1, "hosts": HOSTS}, [("facts-disagree", "servers")]),
        ({"databases": base(size_gb=90_000)}, [("facts-disagree", "data_gb")]),
        ({"databases": base(size_gb=10.5)}, []),
    ],
)
def test_each_doubt_stands_at_its_cell(changes: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert doubts(**changes) == found


def test_the_demo_city_leaves_no_doubt() -> None:
    reading = load([ROOT / "inventories" / "demo"])
    assert with_doubts(reading, load_policy(None)).findings == []


SYSTEM = {
    "id": "fees", "name": "水费系统", "department": "water", "kind": "application", "status": "in_use", "classified": False, "os": "CetnOS 7",
    "vcpus": 8, "servers": 2, "dbms": "PostgreSQL",
    "hosts": [{"name": "h-1", "address": "10.0.0.1", "vcpus": 8}, {"name": "h-2", "address": "10.0.0.2", "vcpus": 128}],
}  # fmt: skip


def test_the_place_of_a_technical_row_in_yaml_is_its_own_line(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(
        yaml.safe_dump({"departments": [{"id": "water", "name": "市水务局"}], "systems": [SYSTEM]}, allow_unicode=True), "utf-8"
    )
    line = next(number for number, text in enumerate(file.read_text("utf-8").splitlines(), 1) if "vcpus: 128" in text)
    reading = load([file])
    verdict = assess(reading.inventory, load_policy(None), reading.places)["fees"]
    (reason,) = (one for one in verdict.reasons if one.rule == "server-too-large")
    assert (reason.place, "主机 h-2: 128" in reason.fact) == (f"a.yaml › L{line}", True)


def test_the_place_of_a_technical_row_of_a_sheet_is_its_cell(tmp_path: Path) -> None:
    import sys

    sys.path.insert(0, str(ROOT / "tests" / "fixtures"))
    from workbooks import build  # type: ignore[import-not-found]

    form = ["序号", "单位名称", "单位层级", "单位性质", "系统名称", "系统编码", "类别", "是否涉密", "建设状态"]
    build(tmp_path / "form.xlsx", [
        {"name": "统计表", "rows": [form, [1, "市水务局", "市直", "政府", "水费系统", "fees", "应用系统", "否", "已建"]]},
        {"name": "主机", "rows": [["系统编码", "主机名", "地址", "CPU核数"], ["fees", "h-1", "10.0.0.1", 8], ["fees", "h-2", "10.0.0.2", 128]]},
    ])  # fmt: skip
    reading = load([tmp_path / "form.xlsx"])
    verdict = assess(reading.inventory, load_policy(None), reading.places)["fees"]
    assert [one.place for one in verdict.reasons if one.rule == "server-too-large"] == ["form.xlsx › 主机 › D3"]


def test_inventory_check_prints_the_doubts_and_a_refused_policy_hides_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.yaml").write_text(
        yaml.safe_dump({"departments": [{"id": "water", "name": "市水务局"}], "systems": [SYSTEM]}, allow_unicode=True), "utf-8"
    )
    assert main(["inventory", "check", str(tmp_path), "--json"]) == 0
    assert {finding["code"] for finding in json.loads(capsys.readouterr().out)["findings"]} == {"os-unread", "facts-disagree"}
    (tmp_path / "policy.yaml").write_text("version: 1\n", "utf-8")
    assert main(["inventory", "check", str(tmp_path), "--json"]) == 3
    told = [finding for finding in json.loads(capsys.readouterr().out)["findings"] if finding["code"] == "bad-policy"]
    assert {finding["cell"] for finding in told} == {"L1 default", "L1 facts", "L1 rules"}
