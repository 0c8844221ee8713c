"""What a named person states of the rows of a sheet that do not answer 是否涉密: none of them is classified, or these are and the others are not."""

from __future__ import annotations

import re

from orchestrator.inventory import cells

NOT_CLASSIFIED = "均非涉密"
_STATEMENT = re.compile(r"^(?:全部|均|都|以上|本表)?(?:均|都|全部)?(?:为)?(?:非涉密|不涉密|否|非涉密系统)$")
_SOME = re.compile(r"^涉密(?:行|的行|列)?[::]?(?:第)?([\d、,;和至到\s行列-]+)(?:[,、;]?其余(?:均|都)?(?:非涉密|不涉密|否))?$")


def read_statement(text: str) -> frozenset[int] | None:
    """Row numbers that are classified, all others being not; None where the text says no such thing."""
    plain = cells.folded(cells.plain(text)).rstrip("。.")
    if _STATEMENT.match(plain):
        return frozenset()
    found = _SOME.match(plain)
    if found is None or "其余" not in plain:
        return None
    numbers: set[int] = set()
    for first, last in re.findall(r"(\d+)(?:[-至到](\d+))?", found.group(1)):
        numbers.update(range(int(first), min(int(last or first), int(first) + 100_000) + 1))
    return frozenset(numbers)
