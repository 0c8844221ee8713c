"""What a department's name lets suppose of its level: proposals, never answers."""

from __future__ import annotations

import pytest

from orchestrator.inventory.build.signs import sign_of


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
