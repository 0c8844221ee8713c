"""Boxes as forms print them: what is ticked is the answer, and what cannot be told is none."""

from __future__ import annotations

import pytest

from orchestrator.inventory.answers import classified
from orchestrator.inventory.boxes import ticked
from orchestrator.inventory.values import read_value


@pytest.mark.parametrize(
    ("cell", "chosen"),
    [
        ("□是 ☑否", "否"), ("☑是 □否", "是"), ("是□ 否√", "否"), ("是（√）否（ ）", "是"), ("[ ]是 [√]否", "否"), ("○是 ●否", "否"),
        ("☐是 ☒否", "否"), ("☑是 ☒否", "是"), ("■在用 □停用", "在用"), ("口是 √否", "否"), ("√是", "是"), ("否√", "否"), ("1.是□ 2.否√", "否"),
        ("是否涉密：□是 ☑否", "否"), ("□第二级 ☑第三级", "第三级"), ("☑政务外网 ☑互联网 □其他", "政务外网、互联网"),
        ("□是 □否", None), ("是□ 否□", None), ("□是 否√", None), ("☑ □", None),
        ("√", "√"), ("×", "×"), ("否", "否"), ("●门户网站", "●门户网站"), ("☒", "☒"), ("出口 带宽", "出口 带宽"), ("甲（）", "甲（）"), (3, 3), (None, None),
    ],
)  # fmt: skip
def test_what_is_ticked(cell: object, chosen: object) -> None:
    assert ticked(cell) == chosen


@pytest.mark.parametrize(
    ("cell", "answer"),
    [
        ("□是 ☑否", False), ("☑是 □否", True), ("是□ 否√", False), ("☑涉密 □非涉密", True), ("□是 □否", None), ("☑是 ☑否", None),
        ("机密★10年", True), ("涉密（秘密级）", True), ("涉密，机密级", True), ("秘密★", True), ("绝密级★长期", True), ("机密（10年）", True), ("部分涉密", None), ("内部", None), ("公开", False),
    ],
)  # fmt: skip
def test_boxes_and_marks_of_secrecy(cell: str, answer: bool | None) -> None:
    assert classified(cell) is answer


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [("status", "■已建 □在建", "in_use"), ("yes_no", "有☑ 无□", True), ("network", "□互联网 ☑政务外网", "government_extranet"), ("grade", "□二级 ☑三级", 3)],
)
def test_an_answer_that_is_ticked_is_read_and_listed(kind: str, cell: str, value: object) -> None:
    read = read_value(kind, cell)
    assert read.value == value
    assert read.understood


def test_where_nothing_is_ticked_nothing_is_answered() -> None:
    assert read_value("status", "□已建 □在建").value is None


def test_in_names_and_remarks_boxes_are_words() -> None:
    assert read_value("text", "■重点 □一般").value == "■重点 □一般"
