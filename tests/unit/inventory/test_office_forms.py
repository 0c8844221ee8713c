"""Ten forms in the manner of real offices and one export of each tool: few questions, and after the answers every system counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.inventory.check import counts
from tests.bench.bench_forms import answered, samples

SYSTEMS = {
    "aws-import": (6, 0), "azure-migrate": (6, 0), "dengbao": (1, 0), "glpi": (6, 0), "netbox": (6, 0), "rvtools": (10, 0),
    "servicenow-application": (5, 1), "servicenow-server": (6, 0), "分号": (2, 1), "县市区系统台账": (3, 1), "基本情况调查表": (2, 0),
    "市大数据局登记表": (3, 0), "市直单位信息系统统计": (4, 1), "带合计": (4, 0), "没有涉密列": (3, 0), "清查": (2, 1), "资源表": (3, 0), "配置合并": (2, 0),
}  # fmt: skip
"""What is in each: systems in scope, and rows outside of it."""


@pytest.mark.parametrize("path", samples(), ids=lambda path: path.stem)
def test_everything_counts_after_few_answers(path: Path, tmp_path: Path) -> None:
    readings, asked = answered(path, tmp_path)
    last = readings[-1]
    count = counts(last)
    outside = count["classified"] + count["unanswered"] + count["party_mass"] + count["retired"]
    assert (count["in_scope"], outside, count["uncounted"], last.errors, last.questions) == (*SYSTEMS[path.stem], 0, [], ())
    assert len({question.id for question in asked}) == len(asked), "nothing is asked twice"
    departments = {system.department for system in last.all_systems()}
    assert sum(question.kind == "department" for question in asked) <= len(departments)
    assert len([question for question in asked if question.kind not in {"department", "wording"}]) <= 5
