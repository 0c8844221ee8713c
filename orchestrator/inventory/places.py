"""所在机房 with more in it than a room: 省统建 says where a system runs; 省厅机房 is asked about, for it may be no room of the city's."""

from __future__ import annotations

import re
from typing import Any

from orchestrator.inventory.cells import folded, plain

ELSEWHERE = {"city_cloud", "other_cloud", "service"}
"""Nothing of a system that runs there stands in a room of the city."""
_MINISTRIES = (
    "公安|民政|司法|财政|教育|科技|科学技术|工信|工业和信息化|人社|人力资源和?社会保障|自然资源|生态环境|住建|住房和?城乡建设|交通|交通运输|水利|"
    "农业|农业农村|商务|文旅|文化和?旅游|应急|应急管理|退役军人|退役军人事务"
)
_ABOVE = re.compile(
    rf"[^市县区旗]*(?:国家|全国|中央|国务院|总局|上级|自治区|省(?!道|际)|(?:{_MINISTRIES})部|(?:^|[,、;(在于由为])部(?:级|里|委|属|机房|平台|中心|统))"
    r"(?!.*[市州县区旗盟](?!场))"
)
"""Who stands above the city, unless a place of the city is named before or behind (国家税务总局某市税务局, 某省某市中山路1号)."""


def is_above(raw: Any) -> bool:
    """Whether a place is named after somebody above the city."""
    return bool(_ABOVE.match(folded(plain(raw))))
