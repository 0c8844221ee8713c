"""Whether 临江市教育局 is a department of the city that moves or of a county-level city below it. The list of such cities (``signs.yaml``) does not know
whose programme this is; what is known of other departments does."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from orchestrator.inventory.build.signs import county_city_in, office_named, sign_of

if TYPE_CHECKING:
    from orchestrator.inventory.build.builder import Builder

_SEVERAL = 3
"""Departments of one city, most of all there are, that make it the city that moves."""


class OwnCity:
    """``told``: departments whose level is known (listed, stored, answered, in a form) with it; ``names``: all departments of the reading."""

    def __init__(self, told: Iterable[tuple[str, str]], names: Iterable[str]) -> None:
        self._levels: dict[str, set[str]] = {}
        self._is_another = False
        """Whether departments are known of a city that no list calls a county's: 市财政局, 荆门市财政局."""
        for name, level in told:
            if city := _city(name):
                self._levels.setdefault(city, set()).add(level)
            self._is_another |= level == "municipal" and not city
        names = set(names)
        self._is_another |= any(not _city(name) and (found := sign_of("level", name, {})) and found.value == "municipal" for name in names)
        self._counts = Counter(filter(None, map(_city, names)))
        self._all = len(names)

    def level(self, city: str) -> str:
        """Of the departments that bear the name of this city; empty where nothing tells it."""
        told = self._levels.get(city, set())
        if len(told) == 1:
            return next(iter(told))
        if self._is_another:
            return "county"
        return "municipal" if self._counts[city] >= _SEVERAL and self._counts[city] * 2 > self._all else ""


def own_city(builder: Builder) -> OwnCity:
    """As far as the reading, the folder and the answers tell."""
    rows = [raw.values.get("department") for raw in builder.systems] + [row.department for row in builder.withheld]
    contexts = {id(raw.contexts): raw.contexts for raw in builder.systems}.values()
    offices = (office_named(text) for texts in contexts for text in texts.values())
    told = [(str(raw.values["department"]), str(raw.values["level"])) for raw in builder.systems if raw.values.get("department") and raw.values.get("level")]
    return OwnCity([*builder.departments.levels(), *told], filter(None, (*map(str, filter(None, rows)), *offices)))


def _city(name: str) -> str:
    """The county-level city that a department is called after; empty for one of a county below it."""
    plain = unicodedata.normalize("NFKC", name)
    city = county_city_in(plain, begins=True)
    if not city:
        return ""
    below = sign_of("level", plain, {}, lambda _: "municipal")
    return "" if below is not None and below.value == "county" else city
