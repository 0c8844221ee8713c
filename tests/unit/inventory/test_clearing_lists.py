"""Lists in which an office clears up: what is to be switched off, what went elsewhere, what somebody above the city runs. Read or asked, never passed over."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from orchestrator.inventory.cells import Unreadable
from orchestrator.inventory.check import counts
from orchestrator.inventory.load import load
from orchestrator.inventory.proposals import proposal
from orchestrator.inventory.values import read_value
from tests.unit.inventory.test_questions import answer

TODAY = dt.date(2026, 11, 30)
ABOVE = "租用服务或上级统建"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inventory").mkdir()


def read(kind: str, cell: Any) -> tuple[Any, dict[str, Any]]:
    found = read_value(kind, cell, today=TODAY)
    return found.value, dict(found.also)


@pytest.mark.parametrize(
    "cell", ["国家总局统建", "省级统建，无本地部署", "上级主管部门统一部署", "由省厅统建，本地无服务器", "部级平台", "省平台", "部里统一建设", "全省统一部署"]
)
def test_what_is_built_once_for_all_cities_runs_elsewhere_and_the_room_stays_as_it_is_written(cell: str) -> None:
    assert read("place", cell) == (cell, {"runs_at": "service"})
    assert read("runs_at", cell) == ("service", {})


@pytest.mark.parametrize("cell", ["省市场监管局", "省厅机房", "总局机房", "省局机房", "公安部", "水利部信息中心", "湖北省农业农村厅", "上级部门", "国家林草局"])
def test_a_place_named_after_somebody_above_the_city_is_asked_about(cell: str) -> None:
    for kind in ("place", "runs_at"):
        with pytest.raises(Unreadable):
            read(kind, cell)
        assert proposal(kind, cell)[0] == ABOVE


@pytest.mark.parametrize(
    "cell", ["湖北省荆门市象山大道1号", "国家税务总局荆门市税务局机房", "信息部机房", "市信息中心机房", "省道管理所", "荆门市国家粮食储备库", "省统建，市级部署", "市级统建", "三楼机房"]
)
def test_a_place_of_the_city_is_a_room_whatever_else_it_names(cell: str) -> None:
    assert read("place", cell) == (cell, {})


def test_a_plan_to_go_somewhere_is_not_proposed_as_being_there() -> None:
    with pytest.raises(Unreadable):
        read("place", "拟迁至省政务云")
    assert proposal("place", "拟迁至省政务云")[0] == ""


@pytest.mark.parametrize(
    ("cell", "value", "also"),
    [
        ("关停", True, {}), ("拟关停", True, {}), ("注销", True, {}), ("建议下线", True, {}), ("限期停用", True, {}), ("关停类", True, {}),
        ("已关停", True, {"status": "retired"}), ("已注销", True, {"status": "retired"}), ("已停用", True, {"status": "retired"}),
        ("保留", False, {}), ("建议保留", False, {}), ("继续使用", False, {}), ("上云", False, {}), ("升级改造", False, {}), ("暂不停用", False, {}),
        ("是，2027年6月", True, {"planned_end": "2027-06"}), ("是（2027年停用）", True, {"planned_end": "2027"}),
        ("2027年底前关停", True, {"planned_end": "2027"}), ("2027-06-30", True, {"planned_end": "2027-06-30"}),
        (dt.date(2027, 6, 30), True, {"planned_end": "2027-06-30"}), ("是", True, {}), ("否", False, {}),
    ],
)  # fmt: skip
def test_a_clearing_list_decides_whether_a_system_ends(cell: Any, value: bool, also: dict[str, str]) -> None:
    assert read("ending", cell) == (value, also)


@pytest.mark.parametrize("cell", ["整合", "归并", "部分停用", "否，2030年前不停用", "并入一体化平台", "研究后定"])
def test_what_does_not_say_whether_it_ends_is_asked(cell: str) -> None:
    with pytest.raises(Unreadable):
        read("ending", cell)
    assert proposal("ending", cell)[0] == ""


@pytest.mark.parametrize(
    ("cell", "place"),
    [("已迁省平台", "service"), ("已集约化至省平台", "service"), ("已迁移至市政务云", "city_cloud"), ("2023年已迁至省政务云", "other_cloud"), ("已上阿里云", "other_cloud")],
)  # fmt: skip
def test_what_has_moved_is_in_use_where_it_went(cell: str, place: str) -> None:
    assert read("status", cell) == ("in_use", {"runs_at": place})


@pytest.mark.parametrize(
    ("cell", "proposed"),
    [
        ("迁移至省平台", "已迁至上级平台"), ("并入省平台", "已迁至上级平台"), ("已整合至省厅系统", "已迁至上级平台"), ("已迁移上云", ""), ("已并入一网通办", ""),
        ("拟迁至省平台", ""), ("并行运行，待停", "拟停用"), ("双轨运行，计划年底停用", "拟停用"), ("运行，待关停", "拟停用"), ("升级改造中", "已建"), ("系统迁移中", "已建"),
    ],
)  # fmt: skip
def test_what_may_have_moved_or_will_end_is_never_proposed_as_simply_in_use(cell: str, proposed: str) -> None:
    with pytest.raises(Unreadable):
        read("status", cell)
    assert proposal("status", cell)[0] == proposed


HEAD = "单位名称,单位层级,单位性质,系统名称,类别,是否涉密"


def test_a_clearing_list_gives_each_system_its_end_and_asks_each_word_once(tmp_path: Path) -> None:
    office = "市场监管局,市直,政府"
    rows = {
        "登记平台": "保留,省市场监管局", "追溯平台": "整合,市局机房", "短信平台": "关停,市局机房", "举报系统": "已关停,市局机房", "零售监管": "上云,阿里云",
        "投诉平台": "保留,国家总局统建", "商标平台": "整合,省市场监管局",
    }  # fmt: skip
    text = "\n".join([f"{HEAD},建设状态,清理意见,部署地点", *(f"{office},{name},应用系统,否,{'' if name == '举报系统' else '在用'},{said}" for name, said in rows.items())])
    (tmp_path / "list.csv").write_text(text, encoding="utf-8")
    before = load([tmp_path / "list.csv"])
    assert {(question.column, question.about, question.count) for question in before.questions} == {("retiring", "整合", 2), ("room", "省市场监管局", 2)}
    assert {question.choices[:2] for question in before.questions} == {("保留", "拟停用"), ("自建机房", "市政务云")}
    answer(Path("list.csv"), {"整合": "拟停用"})
    after = load([tmp_path / "list.csv"], beside=[Path("inventory")])
    assert (list(after.questions), counts(after)["retired"]) == ([], 1)
    found = {system.name: (system.retiring, system.runs_at and system.runs_at.value, system.room) for system in after.inventory.systems}
    assert found == {
        "登记平台": (False, "service", "省市场监管局"), "追溯平台": (True, None, "市局机房"), "短信平台": (True, None, "市局机房"),
        "零售监管": (False, "other_cloud", "阿里云"), "投诉平台": (False, "service", "国家总局统建"), "商标平台": (True, "service", "省市场监管局"),
    }  # fmt: skip


@pytest.mark.parametrize(("said", "retiring", "place"), [("拟停用", True, None), ("已迁至上级平台", None, "service")])
def test_an_empty_status_may_be_answered_with_more_than_a_status(tmp_path: Path, said: str, retiring: bool | None, place: str | None) -> None:
    (tmp_path / "list.csv").write_text(f"{HEAD},备注\n市水务局,市直,政府,水费系统,应用系统,否,\n", encoding="utf-8")
    (question,) = load([tmp_path / "list.csv"]).questions
    assert said in question.choices
    answer(Path("list.csv"), {"建设状态": said})
    (system,) = load([tmp_path / "list.csv"], beside=[Path("inventory")]).inventory.systems
    assert (system.status.value, system.retiring, system.runs_at and system.runs_at.value) == ("in_use", retiring, place)


@pytest.mark.parametrize(("said", "code"), [("原样保留", 3), ("看情况", 3), ("不详", 0), ("自建机房", 0)])
def test_whose_a_place_is_can_be_answered_with_nothing_else(said: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "list.csv").write_text(f"{HEAD},建设状态,部署地点\n市水务局,市直,政府,水费系统,应用系统,否,在用,省厅机房\n", encoding="utf-8")
    answer(Path("list.csv"), {"部署地点": said}, expected=code)
    if code:
        assert "租用服务或上级统建" in capsys.readouterr().out
        return
    (system,) = load([tmp_path / "list.csv"], beside=[Path("inventory")]).inventory.systems
    assert (system.room, system.runs_at and system.runs_at.value) == ("省厅机房", "own_room" if said == "自建机房" else None)
