"""What a department's name lets suppose of its level: proposals, never answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.inventory.answerbook import FILE, Answer, answers_text
from orchestrator.inventory.build.own_city import OwnCity
from orchestrator.inventory.build.signs import sign_of
from orchestrator.inventory.load import load


@pytest.mark.parametrize(
    ("name", "contexts", "level"),
    [
        ("市财政局", {}, "municipal"), ("荆州市财政局", {}, "municipal"), ("京山市财政局", {}, "county"), ("钟祥市市场监督管理局", {}, "county"),
        ("京山市委组织部", {}, "county"), ("沙洋县教育局", {}, "county"), ("宋河镇人民政府", {"文件名": "京山市汇总.xlsx"}, "county"), ("供销社", {}, None),
        ("供销社", {"标题": "沿海城市信息系统统计表"}, None), ("供销社", {"标题": "合作市场主体统计表"}, None), ("水利局", {"标题": "湖北省京山市信息系统统计表"}, "county"),
    ],
)  # fmt: skip
def test_a_city_at_the_level_of_a_county_is_not_the_city_that_moves(name: str, contexts: dict[str, str], level: str | None) -> None:
    sign = sign_of("level", name, contexts)
    assert (sign.value if sign else None) == level


LEVELS = {
    "municipal": "市财政局 荆门市财政局 石家庄市财政局 呼和浩特市教育局 湖北省荆门市财政局 市政务服务局 市政府办公室 市政协办公室 市民政局 市民族宗教局 市直机关工委"
    " 荆门市城区河道管理处 恩施州教育局 恩施土家族苗族自治州财政局 州财政局 州市场监管局 楚雄州教育局 郑州市教育局 杭州市财政局 兴安盟教育局 盟财政局 大兴安岭地区财政局 和田地区教育局",
    "county": "东宝区教育局 荆门市东宝区教育局 徐州市铜山区教育局 沙洋县教育局 荆门市沙洋县教育局 湖北省荆门市沙洋县教育局 长阳土家族自治县民政局 恩施州巴东县财政局 准格尔旗教育局"
    " 鄂温克族自治旗财政局 县教育局 自治县教育局 区卫健局 东城区民政局 县委组织部 东宝区委宣传部 区直机关工委",
    "": "市场监督管理局 市政工程管理处 市容环卫局 市民服务中心 城乡市政管理处 农贸市场管理处 市区河道管理处 省财政厅 湖北省教育厅 省市场监管局 自治区财政厅 广西壮族自治区财政厅 高新区管委会"
    " 市高新区管委会 荆门高新区管委会 荆门市高新区管委会 经开区管委会 市经济开发区管委会 漳河灌区管理局 景区管委会 漳河风景区管委会 荆门军分区 老区建设促进会 行政区划办 区域协调办 区块链中心 "
    " 县域经济办 县乡公路管理处 社区服务中心 校区管理办公室 各县区",
}  # fmt: skip


@pytest.mark.parametrize("level", LEVELS)
def test_a_name_tells_its_level_or_nothing(level: str) -> None:
    signs = {name: sign_of("level", name, {}) for name in LEVELS[level].split()}
    assert {name: sign.value if sign else "" for name, sign in signs.items()} == dict.fromkeys(signs, level)


@pytest.mark.parametrize(
    ("told", "names", "level"),
    [
        ([], ["临江市教育局"], ""), ([], ["临江市教育局", "临江市水务局", "临江市民政局"], "municipal"), ([("临江市水务局", "municipal")], ["临江市教育局"], "municipal"),
        ([("临江市水务局", "county")], ["临江市教育局", "临江市民政局", "临江市卫健委"], "county"), ([], ["临江市教育局", "市财政局"], "county"), ([], ["临江市教育局", "荆门市财政局"], "county"),
        ([("市财政局", "municipal")], ["临江市教育局", "临江市民政局", "临江市卫健委"], "county"), ([], ["临江市教育局", "临江市水务局", "临江市民政局", "沙洋县教育局"], "municipal"),
    ],
)  # fmt: skip
def test_whether_a_city_of_the_list_is_the_one_that_moves(told: list[tuple[str, str]], names: list[str], level: str) -> None:
    city = OwnCity(told, names)
    sign = sign_of("level", "临江市教育局", {}, city.level)
    assert (sign.value if sign else "") == level
    for below in ("临江市建国街道县域办", "临江市沙洋县教育局"):
        assert (found := sign_of("level", below, {}, city.level)) is None or found.value in {"county", level}


def test_a_city_whose_name_the_list_has_is_asked_about_without_a_guess_and_then_known(tmp_path: Path) -> None:
    head = "单位名称,系统名称,类别,建设状态,是否涉密\n"
    (tmp_path / "a.csv").write_text(head + "临江市教育局,学籍系统,应用系统,已建,否\n", encoding="utf-8")
    (first,) = load([tmp_path]).questions
    assert (first.kind, first.proposed) == ("department", "")
    (tmp_path / FILE).write_text(answers_text([Answer(*first.key, answer="市直、政府", by="张三", on="2026-11-30")]), encoding="utf-8")
    (tmp_path / "b.csv").write_text(head + "临江市民政局,低保系统,应用系统,已建,否\n", encoding="utf-8")
    (second,) = load([tmp_path]).questions
    assert (second.about, second.proposed) == ("临江市民政局", "市直、政府")


@pytest.mark.parametrize("name", ["云泽市人大常委会办公室", "市政协办公室", "市人民代表大会常务委员会", "云泽市中级人民法院", "市检察院办公室", "政协云泽市委员会", "市人大财经委"])
def test_congress_conference_courts_and_procurators_are_no_offices_of_the_government(name: str) -> None:
    assert sign_of("organisation", name, {"标题": "市直党群单位"}) is None


def test_a_name_is_not_cut_off_within_the_evidence() -> None:
    (sign, long) = sign_of("level", "云泽市自然资源和规划局执法支队", {}), sign_of("level", "云泽市" + "规划" * 40 + "局", {})
    assert sign and "云泽市自然资源和规划局执法支队" in str(sign.evidence)
    assert long and str(long.evidence).count("规划") < 20 and "…" in str(long.evidence)
