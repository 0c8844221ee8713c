"""A cell that names several systems: 门户网站、微信公众号、预约系统. One row is one system, so they would be counted as one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from orchestrator.errors import Finding
from orchestrator.inventory.reading import Raw
from orchestrator.texts import say

_BETWEEN = re.compile(r"[、;；,，\n]|(?<=[统台库站])[和及与]")
_A_SYSTEM = re.compile(r"(?:系统|平台|库|网站|门户|网|app|小程序|公众号|服务号|软件|oa)(?:[(（][^()（）]*[)）])?$", re.IGNORECASE)


def about_several_names(raw: Raw) -> Iterator[Finding]:
    """A warning where each part of the name is called as a system is. One name with a sign in it (人事、工资系统, OA/门户系统) is left alone."""
    parts = [part.strip() for part in _BETWEEN.split(str(raw.values.get("name") or "")) if part.strip()]
    if len(parts) >= 2 and all(_A_SYSTEM.search(part) and len(part) >= 2 for part in parts):
        count = len(parts)
        yield raw.finding(
            "several-systems", "warning", say("inventory.names_several", count=count), say("inventory.one_row_each"), at="name"
        )
