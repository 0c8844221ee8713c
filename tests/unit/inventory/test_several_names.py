"""A cell that names several systems is counted as one: said, at the cell."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.inventory.build.several_names import about_several_names
from orchestrator.inventory.reading import Raw
from tests.unit.inventory.test_questions import FULL, form, read


@pytest.mark.parametrize(
    "name", ["电商平台、外贸系统、口岸系统", "门户网站，微信公众号", "公文系统和档案系统", "甲系统\n乙系统", "人口库；法人库"]
)
def test_several_names_are_warned_of(name: str) -> None:
    (finding,) = about_several_names(Raw("a.csv", "", "A2", columns={"name": "E"}, values={"name": name}))
    assert (finding.code, finding.severity, finding.cell) == ("several-systems", "warning", "E2")


@pytest.mark.parametrize(
    "name",
    [
        "人事、工资系统",
        "库存与订单管理系统",
        "A/B系统",
        "OA/门户系统",
        "教育OA",
        "台账系统",
        "网上办事大厅（一张网、一个平台）",
        "统计和普查系统",
    ],
)
def test_one_name_with_a_sign_in_it_is_left_alone(name: str) -> None:
    assert list(about_several_names(Raw("a.csv", "", "A2", values={"name": name}))) == []


def test_it_is_told_of_no_classified_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = "1,市水务局,市直,政府,甲系统、乙系统,应用系统,是,已建\n2,市水务局,市直,政府,丙系统、丁系统,应用系统,否,已建\n"
    reading = read(form("a.csv", f"{FULL}\n{rows}"))
    assert [finding.cell for finding in reading.findings if finding.code == "several-systems"] == ["E3"]
    assert "甲系统" not in repr(reading)
