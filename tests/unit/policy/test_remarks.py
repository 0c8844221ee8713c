"""Free texts raise doubts at their cell and never decide."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.models import Verdict
from orchestrator.policy.policy import load_policy
from orchestrator.policy.remarks import quote_of
from tests.support.one_system import verdict

WORDS = [word.replace("*", "原") for remark in load_policy(None).doubts for word in remark.words]


def facts_in_doubt(said: Verdict) -> set[str]:
    return {doubt.rule.removeprefix("doubt:") for doubt in said.doubts}


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("服务器上插有加密狗", {"special_equipment"}),
        ("登录用 U 盾", {"special_equipment"}),
        ("需连接ＤＶＲ 16台", {"special_equipment"}),
        ("使用语音卡外呼、传真群发", {"special_equipment"}),
        ("oracle rac 双节点", {"shared_storage_cluster"}),
        ("该系统将停用", {"ends_soon"}),
        ("明年由省平台替代", {"ends_soon"}),
        ("数据并入大数据平台", {"ends_soon"}),
        ("租用厂商平台", {"elsewhere"}),
        ("SaaS 模式", {"elsewhere"}),
        ("系统为省统建，本市使用", {"elsewhere"}),
        ("已上云（楚天云）", {"elsewhere"}),
        ("部署在阿里云上", {"elsewhere"}),
        ("与学籍系统共用一套数据库", {"shared_database"}),
        ("与人口库共用数据库，服务器上有加密狗", {"shared_database", "special_equipment"}),
        ("开发厂家已倒闭", {"supported"}),
        ("原开发公司已注销，联系不上", {"supported"}),
        ("系统无人维护", {"supported"}),
        ("维保 2023 年到期，未续签", {"supported"}),
        ("没有源代码", {"installable"}),
        ("源码已丢失", {"installable"}),
        ("无 安装包", {"installable"}),
        ("厂家找不到安装介质，无法重装", {"installable"}),
        ("计划 2027 年停用", {"ends_soon"}),
        ("预计明年底停用", {"ends_soon"}),
        ("拟于二〇二七年六月停用", {"ends_soon"}),
        ("软件绑定MAC", {"licence_binding"}),
        ("授权与服务器网卡 mac 地址绑定", {"licence_binding"}),
        ("License 按机器码注册", {"licence_binding"}),
        ("厂家已倒闭 没有源代码", {"supported", "installable"}),
        ("加密狗 无备件", {"special_equipment"}),
    ],
)
def test_words_of_a_remark_put_an_answer_in_doubt(text: str, facts: set[str]) -> None:
    said = verdict(remark=text)
    assert facts_in_doubt(said) == facts
    assert said.confidence < verdict().confidence
    for doubt in said.doubts:
        assert doubt.zh.startswith("备注写有“")
        assert doubt.en.startswith("Remark says “")


@pytest.mark.parametrize(
    "text",
    [
        "", "无", "正常运行", "无加密狗", "未使用短信猫", "不涉及U盾", "没有传真", "非RAC", "加密狗：无", "U盾已取消", "不再使用加密狗",
        "Oracle 19c", "tracking 系统", "由某公司运维", "全市共用", "云平台管理员张三", "备用电源",
        "U盾 无", "有源代码", "源代码、安装包齐全", "源代码未丢失", "没有源代码，有安装包", "不绑定MAC", "授权不绑定机器", "手机号绑定账号", "计划近期不停用",
        "暂无停用计划", "用于公司注销登记、破产清算", "厂家未倒闭，正常维保", "维保已到期，已续签", "参保、脱保人员统计", "采集设备机器码",
    ],
)  # fmt: skip
def test_a_text_that_denies_a_word_or_only_holds_its_letters_raises_nothing(text: str) -> None:
    assert facts_in_doubt(verdict(remark=text)) == set()


def test_columns_that_nobody_knows_are_free_texts_too() -> None:
    (doubt,) = verdict(unknown={"其他情况": "服务器插有加密狗"}).doubts
    assert doubt.zh == "其他情况写有“服务器插有加密狗”：可能使用专用设备"


def test_where_the_form_says_the_same_there_is_no_doubt() -> None:
    assert verdict(special_equipment=True, remark="服务器上插有加密狗").doubts == ()
    assert verdict(shared_storage_cluster=True, dbms="Oracle 11g RAC").doubts == ()
    assert verdict(runs_at="service", remark="SaaS").doubts == ()


def test_a_note_that_the_equipment_is_virtual_is_told_beside_the_answer_which_stands() -> None:
    said = verdict(special_equipment=True, special_equipment_note="虚拟化版签名验签")
    assert said.strategy == "device_relocation"
    assert facts_in_doubt(said) == {"special_equipment"}
    assert any("部署上云" in change.zh for change in said.would_change)


def test_a_doubt_opens_what_other_answers_imply() -> None:
    plain, doubted = (verdict(servers=1, shared_storage_cluster=None, remark=remark) for remark in (None, "数据库为RAC"))
    assert "shared_storage_cluster" not in plain.missing
    assert [change.rule for change in plain.would_change] == []
    assert "shared-storage-cluster" in {change.rule for change in doubted.would_change}


@settings(max_examples=200, deadline=None)
@given(
    words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=6),
    between=st.text(max_size=12),
    where=st.sampled_from(["remark", "special_equipment_note", "unknown"]),
    changes=st.sampled_from(
        [
            {}, {"os": "AIX"}, {"special_equipment": True}, {"special_equipment": None}, {"runs_at": "service"}, {"retiring": True},
            {"shared_storage_cluster": None, "servers": 1}, {"dbms": "无"}, {"processor": None, "os": "Windows Server 2019"},
        ]
    ),
)  # fmt: skip
def test_no_free_text_moves_the_strategy_or_a_score(words: list[str], between: str, where: str, changes: dict[str, Any]) -> None:
    text = between.join(words)
    said = verdict(**changes, **({"unknown": {"说明": text}} if where == "unknown" else {where: text}))
    silent = verdict(**changes)
    assert (said.strategy, said.readiness, said.complexity) == (silent.strategy, silent.readiness, silent.complexity)
    assert said.confidence <= silent.confidence
    assert {reason.rule for reason in said.reasons} == {reason.rule for reason in silent.reasons}


def test_a_quote_is_short_whatever_the_text() -> None:
    assert len(quote_of(("加密狗",), "很" * 5000 + "加密狗" + "长" * 5000)) < 60
