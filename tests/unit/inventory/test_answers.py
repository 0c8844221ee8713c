"""Questions of yes and no: what is an answer, and what is left for the department to say."""

from __future__ import annotations

import datetime as dt

import pytest

from orchestrator.inventory.answers import classified
from orchestrator.inventory.cells import Unreadable
from orchestrator.inventory.values import read_value

TODAY = dt.date(2017, 6, 30)


@pytest.mark.parametrize("word", ["否", "无", "×", "N", "no", "0", "非涉密", "不涉密", "非密", "公开", "否。", "否（非涉密）", "□是 ☑否", False, 0])
def test_what_clearly_says_so_is_not_classified(word: object) -> None:
    assert classified(word) is False


@pytest.mark.parametrize("word", ["是", "涉密", "√", "☑", "Y", "1", "秘密", "机密", "绝密级", "有", True])
def test_what_says_so_is_classified(word: object) -> None:
    assert classified(word) is True


@pytest.mark.parametrize(
    "word",
    [
        "☐", "□", "■", "☒", "o", "○", "过保", "脱保", "在保", "未", "非", "f", "t", "内部", "一般", "普通", "无密级", "☑否", "否√", "□是 □否", "☑是 ☑否", "否/是", "是否", "未定",
        "不确定", "脱密", "待定", "不详", "不", "", "/", None, 2, "否?", "过期", "假", "不是涉密就是内部",
    ],
)  # fmt: skip
def test_anything_else_is_no_answer_to_whether_it_is_classified(word: object) -> None:
    assert classified(word) is None


YES, NO, UNREAD = True, False, None


@pytest.mark.parametrize(
    ("kind", "cell", "answer"),
    [
        ("support", "未过保", YES), ("support", "未到期", YES), ("support", "未脱保", YES), ("support", "在保", YES), ("support", "有", YES),
        ("support", "过保", NO), ("support", "已过维保期", NO), ("support", "过保未续", NO), ("support", "无", NO), ("support", "无维保", NO),
        ("support", "在保至2018年12月", YES), ("support", "在保至2016年12月", NO), ("support", "在维保期(2016年12月31日到期)", NO),
        ("support", "有维保，2016年到期", NO), ("support", "有维保，2018年到期", YES), ("support", "有维保，2017年到期", UNREAD),
        ("support", "维保至2019年12月", YES), ("support", "2016年6月", NO), ("support", "2016年6月已过保", NO), ("support", "2019年6月已过保", UNREAD),
        ("support", "2016.12", NO), ("support", dt.date(2018, 12, 31), YES), ("support", 42000, NO), ("support", "2019年13月", UNREAD),
        ("support", "2016年1月至2018年12月", UNREAD), ("support", "有,已过期", UNREAD), ("support", "维保中(未签)", UNREAD), ("support", "是否", UNREAD),
        ("support", "2018年续签中", UNREAD), ("support", "厂商维保", UNREAD),
        ("package", "无源码,有安装包", YES), ("package", "有源码，无安装包", YES), ("package", "有源码", YES), ("package", "安装包", YES),
        ("package", "无源码和安装包", NO), ("package", "没有", NO), ("package", "无源码、无安装包", NO), ("package", "无,厂商有", UNREAD),
        ("package", "部分", UNREAD), ("package", "过保", UNREAD),
        ("machine", "虚拟机", YES), ("machine", "VMware 6.5", YES), ("machine", "物理机2台", NO), ("machine", "物理机和虚拟机", UNREAD),
        ("machine", "部分虚拟化", UNREAD), ("machine", "否(2019年虚拟化)", UNREAD), ("machine", "2018.12", UNREAD), ("machine", "无虚拟化需求", NO),
        ("machine", "过保", UNREAD), ("machine", "不清", UNREAD),
        ("yes_no", "有(加密机2台)", YES), ("yes_no", "没有专用设备", NO), ("yes_no", "无(有加密卡)", UNREAD), ("yes_no", "有限", UNREAD),
        ("yes_no", "不详细", UNREAD), ("yes_no", "未过保", UNREAD), ("yes_no", "是的", YES), ("yes_no", "涉密", UNREAD),
    ],
)  # fmt: skip
def test_a_question_is_answered_by_its_own_words_or_not_at_all(kind: str, cell: object, answer: bool | None) -> None:
    if answer is None:
        with pytest.raises(Unreadable):
            read_value(kind, cell, "", TODAY)
    else:
        assert read_value(kind, cell, "", TODAY).value is answer


def test_a_date_is_judged_only_where_today_is_known() -> None:
    with pytest.raises(Unreadable):
        read_value("support", "维保至2019年12月")
