"""Whether a row may be read: decided here, and nowhere else, for every shape of form (R2).

A header or a label that speaks of secrets and that nobody knows is open until somebody has said what it is: no row below it is read, whatever other
columns answer, and whatever was stated of the sheet. An answer that is neither yes nor no is nobody's no: only who names the row may state one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from orchestrator.inventory.answers import classified
from orchestrator.inventory.boxes import ticked_of_several
from orchestrator.inventory.cells import is_blank, not_known, plain
from orchestrator.inventory.forms import AS_IT_IS, forms, header_key, match

_SPEAKS = re.compile(r"密|(?<![a-z])(?:un|non-?)?(?:classified|confidential|secret)(?:ity)?(?![a-z])", re.IGNORECASE)
_OF_OTHER_THINGS = re.compile(
    r"[加解]密|密码|密钥|密匙|密评|密文|[国商]密|商用密|[精紧周严稠]密|密[切度集封闭接]|[保机]密性"
    r"|保密(?:协议|承诺|责任|制度|员|干部|委|办|局|科|处|培训|教育|技术|负责人|联系人|管理)"
    r"|(?:涉密|保密)[^,;]{0,6}(?:资质|资格)|secret (?:key|name)",
    re.IGNORECASE,
)
"""Words with 密 in them that are about cryptography, about care, or about who keeps secrets."""
_DENIES = re.compile(r"[非不未无]\w{0,4}?密|(?:un|non|not)(?:classified|confidential|secret)")
_ASKS_STRAIGHT = re.compile(r"(?:是否|有无)[^非不未无]{0,12}?密")
_DENIED = re.compile(
    r"(?:是否|确认|承诺)?(?:为|是|属|于)*(?:非|不|未|无)(?:属于|属|涉及|涉|是|含|为)*(?:国家)?(?:涉密|秘密|密)(?:的|类|级|信息|业务|应用|系统|项目|内容)*(?:是否|否)?"
    r"|(?:is)?(?:un|non|not)-?(?:classified|confidential|secret)(?:system)?"
)
_SECRET = re.compile(r"(?<![非不未无没禁])(?:涉密|机密|绝密|秘密级|国家秘密)(?!.{0,8}(?:资质|资格))")
_SAID_NOT = re.compile(r"(?:非|不|未|无|没有|禁|严禁|不得|不准|不含|不涉及).{0,6}(?:涉密|机密|绝密|秘密级|国家秘密)")
_ROWS = re.compile(r"(?:第\s*[\d一二三四五六七八九十][\d一二三四五六七八九十、,和至到-]*\s*[项行条个号]|序号\s*\d[\d、,和至到-]*)[^。;]{0,15}?密")
_SIGNS = re.compile(r"[\s?？_-]+")
_WHETHER = re.compile(r"(\w{1,2}?)[不没未]\1")
"""是不是, 涉不涉密, 有没有: whether, and no denial."""
_NO_CHOICE = {"是/否", "是否", "是或否", "是、否"}
"""The question's own choices, none of them taken."""


def speaks_of_classification(header: str) -> bool:
    """Whether a header or a label may ask whether something is classified, in whatever words."""
    return bool(_SPEAKS.search(_OF_OTHER_THINGS.sub("", re.sub(r"\s+", "", plain(header)) if not header.isascii() else header)))


def asks_the_other_way(header: str) -> bool:
    """Whether yes under this header says that something is not classified."""
    words = _WHETHER.sub(r"是否\1", _SIGNS.sub("", header_key(header)).casefold())
    return bool(_DENIED.fullmatch(words))


def denies(header: str) -> bool:
    """Whether yes under it may say that something is not classified: nobody can take it for 是否涉密."""
    words = _WHETHER.sub("是否", header_key(header))
    return asks_the_other_way(header) or bool(_DENIES.search(words) and not _ASKS_STRAIGHT.search(words))


def is_open(header: str, *, kept: bool = False) -> bool:
    """Whether it speaks of secrets, and no form knows it. ``kept``: somebody has said that it is no column of the form's."""
    words = header.removesuffix(AS_IT_IS)
    return speaks_of_classification(words) and match(forms()["systems"], words) is None and (not kept or denies(words))


def speaks_of_secrets(text: Any) -> bool:
    """Whether a text says that something is classified, not that it is not, and not of somebody's qualification."""
    if not isinstance(text, str) or "密" not in text:
        return False
    said = plain(text)
    return bool(_SECRET.search(_SAID_NOT.sub("", said)))


def names_secret_rows(text: Any) -> bool:
    """Whether a title or a note says of rows by their numbers that they are classified: 以上第2项为涉密系统."""
    return speaks_of_secrets(text) and bool(_ROWS.search(plain(text)))


def is_silent(cell: Any) -> bool:
    """Whether it says nothing: blank, boxes without a tick, 不详."""
    return is_blank(cell) or is_blank(ticked_of_several(cell)) or not_known(cell) or plain(cell) in _NO_CHOICE


class Verdict(NamedTuple):
    answer: bool | None
    is_doubted: bool
    """No statement about all other rows is one about it: who states something names it."""


def judge(answers: Collection[Any], *, is_open: bool, speaks: bool) -> Verdict:
    """``answers``: what stands under 是否涉密, in all its columns. ``is_open``: whether something else may ask it (see above). ``speaks``: whether the row, or
    what it stands below, speaks of secrets elsewhere."""
    said = {classified(cell) for cell in answers if not is_silent(cell)}
    if said == {True}:
        return Verdict(True, is_doubted=False)
    is_unclear = is_open or speaks or bool(said - {False})
    return Verdict(False if said == {False} and not is_unclear else None, is_unclear and not says_yes(answers))


def says_yes(answers: Iterable[Any]) -> bool:
    """Whether any of them says that it is, in whatever words (部分涉密): no statement about a sheet outweighs that, only the department at its cell."""
    return any(classified(cell) is True or speaks_of_secrets(cell) for cell in answers)
