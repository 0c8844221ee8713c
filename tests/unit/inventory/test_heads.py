"""Wordings that no list has, read by their head-word; and those that are left to be asked about."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from orchestrator.inventory.answers import classified
from orchestrator.inventory.cells import Unreadable
from orchestrator.inventory.load import load
from orchestrator.inventory.proposals import proposal
from orchestrator.inventory.values import choices, read_value

TODAY = dt.date(2017, 6, 30)


@pytest.mark.parametrize(
    ("kind", "words", "value"),
    [
        ("status", "正常 运行良好 已建在用 2015年建成 在用(2015年上线) 已上线运行 已验收 良好", "in_use"),
        ("status", "尚未上线 建设中 正在开发 测试中", "under_construction"),
        ("status", "2015年停用 已停止运行 不再使用", "retired"),
        ("status", "拟停用 即将下线 2026年底前停用 正在使用,拟2026年6月替代 2026年停用", "in_use"),
        ("network", "医保专网 林业专网 税务专线 公安信息网 水利专用网络", "dedicated"),
        ("network", "政务外网(电子政务外网) 市政务外网", "government_extranet"),
        ("kind", "管理系统 网站 小程序 微信公众号 业务平台 单机软件 移动应用", "application"),
        ("kind", "人口库 法人基础库 业务数据库", "database"),
        ("organisation", "公益一类事业单位 参公管理事业单位 政府直属事业单位 事业单位(公益二类)", "institution"),
        ("organisation", "政府组成部门 行政机关 市政府工作部门", "government"),
        ("organisation", "党委工作部门 人民团体", "party_mass"),
        ("level", "市直部门 市直机关 市级单位", "municipal"),
        ("level", "沙洋县 东宝区 县直单位", "county"),
        ("users", "机关工作人员 全市干部职工", "internal"),
        ("users", "社会公众及企业 参保人", "public"),
        ("users", "内部人员和社会公众 群众,工作人员", "both"),
        ("runs_at", "阿里云ECS 省政务云平台", "other_cloud"),
        ("runs_at", "部署在市政务云", "city_cloud"),
        ("runs_at", "本局机房 市局信息中心机房", "own_room"),
        ("runs_at", "电信机房 IDC托管", "carrier_room"),
        ("licence", "绑定MAC地址(2台)", "machine"),
    ],
)
def test_the_head_word_decides(kind: str, words: str, value: str) -> None:
    assert {word: read_value(kind, word, today=TODAY).value for word in words.split()} == dict.fromkeys(words.split(), value)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (
            "status",
            "拟建 正常停用 已建未用 已建未上线 未投入使用 闲置 部分停用 未建 规划中 升级改造中 2017年停用 计划建设 运行不正常 曾运行",
        ),
        ("network", "互联网/政务外网 局域网 业务内网 非专网 政务外网、互联网 VPN 4G 未接入互联网"),
        ("kind", "办公类 硬件 数据库管理系统 服务器 信息化 非系统"),
        ("organisation", "市委直属事业单位 差额拨款 非政府部门 机关事业"),
        ("level", "高新区 开发区 京山市 乡镇 非县级"),
        ("users", "其他 不对外 非公众"),
        ("runs_at", "三楼机房 政务云 未上云 拟迁市政务云 省政务云、自建机房"),
    ],
)
def test_what_has_no_meaning_or_more_than_one_is_not_guessed(kind: str, words: str) -> None:
    for word in words.split():
        with pytest.raises(Unreadable):
            read_value(kind, word, today=TODAY)


def test_no_head_word_contradicts_the_list_of_words() -> None:
    from orchestrator.inventory.cells import folded
    from orchestrator.inventory.heads import value_by_head

    for kind, values in choices().items():
        for value, words in values.items():
            for word in words:
                assert value_by_head(kind, folded(word)) in (None, value), (kind, word)


@pytest.mark.parametrize(
    ("kind", "cell", "value", "also"),
    [
        ("cores", "4C8G", 4.0, {"memory_gb": 8.0}),
        ("cores", "4核8G内存100G硬盘", 4.0, {"memory_gb": 8.0, "storage_gb": 100.0}),
        ("cores", "8C16G500G×3", 24.0, {"memory_gb": 48.0, "storage_gb": 1500.0, "servers": 3}),
        ("count", "3台虚拟机", 3.0, {"virtualised": True}),
        ("count", "物理机2台、虚拟机3台", 5.0, {}),
        ("count", "三台", 3.0, {}),
        ("status", "拟2026年停用", "in_use", {"retiring": True, "planned_end": "2026"}),
        ("status", "2015年6月上线", "in_use", {"in_service_since": "2015-06"}),
        ("size", "50G/年", None, {}),
        ("size", "每年增长约50G", None, {}),
        ("grade", "等保三级已测评", 3, {}),
        ("grade", "Ⅲ级", 3, {}), ("grade", "IV级", 4, {}), ("grade", "等保2.0三级", 3, {}),
        ("grade", "S2A2G2", 2, {}),
        ("grade", "尚未定级", 0, {}),
    ],
)
def test_one_cell_may_say_more_than_its_column_asks(kind: str, cell: str, value: Any, also: dict[str, Any]) -> None:
    read = read_value(kind, cell, today=TODAY)
    assert (read.value, dict(read.also)) == (value, also)
    assert read.understood


@pytest.mark.parametrize(
    "word", ["拟定三级", "三级/二级", "待定级", "未测评", "二级(未备案)", "S2A2G3二级", "13级", "六级", "已备案", "2019", "等保2.0", "2.5"]
)
def test_a_grade_is_not_guessed(word: str) -> None:
    with pytest.raises(Unreadable):
        read_value("grade", word)


def test_whole_sentences_about_secrets_are_answers_and_halves_are_not() -> None:
    no = "不涉及 不涉及国家秘密 非涉密信息系统 未涉及国家秘密 不含涉密信息 不属于涉密信息系统 否(不涉密) 无国家秘密"
    yes = "涉及国家秘密 秘密级 机密级信息系统 是,属于涉密系统"
    open_ones = (
        "不涉密,内部使用 不涉及工作秘密 不涉及个人信息 普通 内部 未定密 非非密 涉密资质 密码 无密级 不存储涉密信息 涉密程度低 部分涉密"
    )
    assert [classified(word) for word in no.split()] == [False] * 8
    assert [classified(word) for word in yes.split()] == [True] * 4
    assert {word: classified(word) for word in open_ones.split()} == dict.fromkeys(open_ones.split())


def test_what_a_cell_says_of_other_columns_is_taken_where_they_are_silent(tmp_path: Path) -> None:
    head = "序号,单位名称,单位层级,单位性质,系统名称,类别,是否涉密,建设状态,CPU,内存"
    (tmp_path / "form.csv").write_text(
        f"{head}\n1,市水务局,市直,政府,水费系统,应用系统,否,2015年建成,4C8G,\n2,市水务局,市直,政府,水库系统,应用系统,否,已建,4C8G,16G\n",
        encoding="utf-8",
    )
    reading = load([tmp_path])
    fees, dams = sorted(reading.inventory.systems, key=lambda system: system.row_no or 0)
    assert (fees.vcpus, fees.memory_gb, fees.in_service_since) == (4.0, 8.0, "2015")
    assert dams.memory_gb == 16.0
    assert reading.places[fees.id]["memory_gb"].endswith("I2") or reading.places[fees.id]["memory_gb"].endswith("J2")


@pytest.mark.parametrize(
    ("wording", "proposed"),
    [
        *dict.fromkeys(["升级改造中", "正在改版", "扩容中", "待升级", "信创适配中", "整改", "拟升级改造", "under maintenance"], "已建").items(),
        *dict.fromkeys(["停用,待升级"], "停用").items(),
        *dict.fromkeys(["拟建(升级版)"], "在建").items(),
        ("闲置", ""),
    ],
)
def test_what_is_worked_on_is_proposed_as_in_use_and_never_read_so(wording: str, proposed: str) -> None:
    said, evidence = proposal("status", wording)
    assert (said, bool(evidence)) == (proposed, bool(proposed))
    with pytest.raises(Unreadable):
        read_value("status", wording, today=TODAY)
