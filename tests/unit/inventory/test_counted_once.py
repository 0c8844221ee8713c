"""A classified system that a list and its machines name counts once, and a row of nobody's is on no list of departments."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from orchestrator.inventory.answerbook import Answer
from orchestrator.inventory.check import counts
from orchestrator.inventory.folder.keeping import keep_answers
from orchestrator.inventory.folder.merge import apply, prepare
from orchestrator.inventory.load import load
from orchestrator.inventory.reading import Reading
from tests.fixtures.workbooks import build

HEAD = ["系统名称", "单位名称", "类别", "建设状态", "是否涉密"]
MACHINES: list[list[Any]] = [
    ["VM", "Powerstate", "Template", "CPUs", "Memory", "Primary IP Address", "Folder"],
    ["rx-01", "poweredOn", False, 8, 32768, "10.5.2.1", "/DC1/vm/热线"],
    ["xs-01", "poweredOn", False, 8, 32768, "10.5.9.1", "/DC1/vm/玄霜平台"],
    ["xs-02", "poweredOn", False, 8, 32768, "10.5.9.2", "/DC1/vm/玄霜平台"],
]  # fmt: skip


def read_all(path: Path, folder: Path) -> Reading:
    """Until nothing is asked: by the proposals, and these answers."""
    folder.mkdir(exist_ok=True)
    said = {"sheet": "涉密行：3、4；其余非涉密", "owner": "市人社局、市直、政府", "grouping": "Folder", "blank": "已建"}
    for _ in range(5):
        reading = load([path], beside=[folder], today=dt.date(2017, 6, 30))
        if not reading.questions:
            return reading
        keep_answers(folder, [Answer(*question.key, answer=said.get(question.kind) or question.proposed, by="张三", on="2017-06-30") for question in reading.questions])
    raise AssertionError(reading.questions)


@pytest.mark.parametrize(("listed", "answer", "classified", "unanswered"), [
    ("玄霜平台", "是", 1, 0), ("玄霜", "机密", 1, 0), ("玄霜平台", "", 1, 0), ("玄霜平台", "否", 0, 1),
])
@pytest.mark.parametrize("first", ["list", "machines"])
def test_a_classified_system_of_a_list_and_of_machines_counts_once(listed: str, answer: str, classified: int, unanswered: int, first: str, tmp_path: Path) -> None:
    sheets: list[dict[str, Any]] = [
        {"name": "清单", "rows": [HEAD, ["热线", "市人社局", "应用系统", "在用", "否"], [listed, "市人社局", "应用系统", "在用", answer]]}, {"name": "vInfo", "rows": MACHINES},
    ]  # fmt: skip
    path, folder = build(tmp_path / "a.xlsx", sheets if first == "list" else sheets[::-1]), tmp_path / "inventory"
    reading = read_all(path, folder)
    count = counts(reading)
    assert (count["in_scope"], count["classified"], count["unanswered"]) == (1, classified, unanswered)
    assert [department.name for department in reading.inventory.departments] == ["市人社局"]
    assert "玄霜" not in repr(reading) and "10.5.9" not in repr(reading)


def test_whose_the_machines_of_a_classified_system_are_is_asked_and_nobody_is_no_department(tmp_path: Path) -> None:
    path, folder = build(tmp_path / "a.xlsx", [{"name": "vInfo", "rows": [MACHINES[0], *MACHINES[2:]]}]), tmp_path / "inventory"
    folder.mkdir()
    said = {"sheet": "涉密行：2、3；其余非涉密", "grouping": "Folder"}
    keep_answers(folder, [Answer(*question.key, answer=said[question.kind], by="张三", on="2017-06-30") for question in load([path], beside=[folder]).questions])
    reading = load([path], beside=[folder])
    assert [question.kind for question in reading.questions] == ["owner"]
    assert "withheld-of-nobody" in {finding.code for finding in reading.findings}
    apply(prepare([path], folder, partial=True), folder)
    assert not load([folder]).inventory.departments and counts(load([folder]))["classified"] == 1
    keep_answers(folder, [Answer(*question.key, answer="市人社局、市直、政府", by="张三", on="2017-06-30") for question in reading.questions])
    reading = load([path], beside=[folder])
    assert not reading.questions and [department.name for department in reading.inventory.departments] == ["市人社局"]
    assert counts(reading)["classified"] == 1 and "玄霜" not in repr(reading)
