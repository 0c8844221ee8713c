"""What a department's name, sheet, title or file lets suppose of it (``signs.yaml``). Evidence for a question, never an answer."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from orchestrator.inventory.yaml_in import documents_of
from orchestrator.texts import Name, Sentence, say

_OFFICE = re.compile(r"([^\s_\-—()（）]{2,20}?(?:局|委员会|委|办公室|办|中心|医院|学校|学院|院|馆|站|政府|联合会|协会|总工会|集团|公司|支队|大队|管委会))")
_HEADED = re.compile(
    _OFFICE.pattern
    + r"|[^\s_\-—()（）]{2,20}(?:机关|党校|大学|中学|小学|幼儿园|供销社|总队|中队|调查队|(?:组织|宣传|统战|武装|社会工作)部|(?:管理|事务|服务|办事)处|(?:研究|管理|事务|监测|检测|检验|派出)所)"
    r"|[^\s_\-—()（）]{1,20}(?:残联|妇联|文联|科协|侨联|工商联|社科联|人大|政协)"
)
"""What the heading of a section may end with, too: nothing stands behind it."""
_NO_OFFICE = re.compile(r"^各|系统|清单|台账|市直(?!机关)|县市区|单位|部门|汇总|(?:统计|登记|备案|调查|信息)(?:表|情况|结果|明细|[办委站馆院]?$)")
"""What no department's name has in it. 不动产登记中心, 统计局 and 信息中心 are called after what they do."""
_ITSELF = re.compile(r"(?:机关|本级|机关本级)$")
"""市水务局机关 is 市水务局, told from the offices below it."""


@dataclass(frozen=True)
class Sign:
    value: str
    evidence: Sentence


@cache
def _county_cities() -> re.Pattern[str]:
    """Cities at the level of a county: 京山市财政局 is no department of the city that the programme is of, unless that is its own name."""
    text = (resources.files("orchestrator.inventory") / "signs.yaml").read_text("utf-8")
    cities = "|".join(documents_of(text, "signs.yaml")[0]["county_cities"])
    return re.compile(rf"(?:(?<![\u4e00-\u9fff])|(?<=[省州]))(?:{cities})市(?!场)")  # 沿海城市 is not 海城市


@cache
def _data() -> Mapping[str, Mapping[str, tuple[tuple[re.Pattern[str], ...], tuple[str, ...]]]]:
    text = (resources.files("orchestrator.inventory") / "signs.yaml").read_text("utf-8")
    return {
        kind: {
            value: (tuple(map(re.compile, signs.get("names", ()))), tuple(signs.get("contexts", ()))) for value, signs in values.items()
        }
        for kind, values in documents_of(text, "signs.yaml")[0].items()
        if kind != "county_cities"
    }


_LONGEST = 30
"""Of what is shown of a name as evidence."""
SECTION = "小标题"
SWITCHED_OFF = "关机"
"""Of a system all of whose machines are switched off: the column that says so."""


def is_office(text: str) -> bool:
    """Whether a text is what a department is called, and nothing else."""
    return bool(_OFFICE.fullmatch(text.strip())) and not _NO_OFFICE.search(text)


_PLACES = {
    SECTION: Name(SECTION, "the heading above"),
    "名称": Name("名称", "the name"), "工作表名称": Name("工作表名称", "the sheet's name"), "标题": Name("标题", "the title"),
    "文件名": Name("文件名", "the file's name"),
}  # fmt: skip
"""Where a text comes from, as ``Raw.contexts`` calls it."""


def sign(place: str, word: str) -> Sentence:
    """That a word stands in a text, as evidence."""
    return say("inventory.sign", place=_PLACES.get(place, place), word=word)


_PROVINCE = re.compile(r"^(?:[\u4e00-\u9fff]{2,3}省|[\u4e00-\u9fff]{2,8}自治区)(?=.*[市县区州盟旗])")


def county_city_in(text: str, *, begins: bool = False) -> str:
    """The city at the level of a county that a text speaks of, or begins with; empty where none is."""
    found = _county_cities().match(text) if begins else _county_cities().search(text)
    return found[0] if found else ""


def _shown(words: str) -> str:
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"


def sign_of(kind: str, department: str, contexts: Mapping[str, str], level_of_city: Callable[[str], str] = lambda _: "county") -> Sign | None:
    """The one value that everything points to. ``contexts``: where a text comes from (工作表名称, 标题, 文件名) → the text. ``level_of_city``: of
    the departments of a city at the level of a county, here; empty where that cannot be told.

    The first sign decides: the name itself, else where it stands. Signs of two values in one text are none.
    """
    texts = {"名称": _PROVINCE.sub("", unicodedata.normalize("NFKC", department)), **contexts}
    for place, text in texts.items():
        values: dict[str, str] = {}
        for value, (patterns, words) in _data()[kind].items():
            found = next((match for pattern in patterns if place == "名称" and (match := pattern.search(text))), None)
            word = _shown(found.group(0)) if found else next((word for word in words if place != "名称" and word in text), "")
            if word and not re.search(rf"(?:不含|除|不包括)[^，。;；]*{re.escape(word)}", text):
                values[value] = word
        if kind == "level" and place == "名称" and "county" in values:
            values = {"county": values["county"]}  # a county's department, the city's name before it
        elif kind == "level" and (city := county_city_in(text, begins=place == "名称")) and (level := level_of_city(city)) != "municipal":
            values = {level: city} if level else {}
        if place == "名称" and "party_mass" in values:
            values = {"party_mass": values["party_mass"]}  # 市委老干部局 is one, though it ends like an office of the government
        if "" in values:
            return None
        if len(values) == 1:
            value, word = next(iter(values.items()))
            return Sign(value, sign(place, word))
        if values:
            return None
    return None


_NUMBERED = re.compile(r"^(?:[(（]?[\d一二三四五六七八九十]{1,4}[)）]?[.、．:：\s]*)(?=\D)")
_YEAR = re.compile(r"^(?:19|20)\d{2}年度?")
_TITLED = re.compile(r"(?:表|清单|台账|一览|情况|登记|明细|目录)$")


def office_headed(text: str) -> str:
    """The department that is the heading of a section (``一、市水务局（3个）``, ``市水务局信息系统统计表``); empty where it is none."""
    plain = _NUMBERED.sub("", _YEAR.sub("", unicodedata.normalize("NFKC", text).strip()))
    plain = re.sub(r"^(?:填报)?单位[::]\s*|\s*(?:\([^)]*\)|共?\d+个.*)$|[::]$", "", plain).strip()
    itself = _ITSELF.sub("", plain)
    plain = itself if _OFFICE.fullmatch(itself) else plain
    if _HEADED.fullmatch(plain) and not _NO_OFFICE.search(plain):
        return plain
    return office_named(plain) if _TITLED.search(plain) else ""


def office_named(text: str) -> str:
    """The department that a sheet or file is named after; empty where it is none."""
    plain = unicodedata.normalize("NFKC", text).rsplit("/", 1)[-1]
    plain = re.sub(r"\.(?:xlsx|xlsm|csv|xls)$", "", plain, flags=re.IGNORECASE)
    found = _OFFICE.match(re.sub(r"^(?:(?:19|20)\d{2}年度?|[\d.、\s]+)+", "", plain))
    return found.group(1) if found and not _NO_OFFICE.search(found.group(1)) else ""
