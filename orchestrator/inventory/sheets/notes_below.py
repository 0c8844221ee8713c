"""What stands below a form and is nobody's row: how to fill it in, lists of codes, who signs and whom to call. In doubt a row is a system's."""

from __future__ import annotations

import re

from orchestrator.inventory.answers import classified
from orchestrator.inventory.build.signs import is_office
from orchestrator.inventory.cells import plain, text_of
from orchestrator.inventory.forms import header_key
from orchestrator.inventory.sheets.header import Line, Table
from orchestrator.inventory.values import listed_choice

_NOTES = re.compile(r"(?:填[表报写]|指标|选项|字段|名词)[^,。;]{0,4}(?:说明|要求|解释|须知)|说明[::]?$|代码表|编码表|字典|对照表?$|取值|通讯录|联系方式$|联系人(?:名单|信息)$")
_PEOPLE = {"姓名", "联系人", "填报人", "填表人", "审核人", "复核人", "经办人", "负责人", "单位负责人", "分管领导", "主管领导", "联络员", "签字", "盖章"}
_BESIDE = {"电话", "联系电话", "办公电话", "手机", "手机号", "手机号码", "邮箱", "电子邮箱", "传真", "微信", "qq", "职务", "职称", "日期", "填报日期", "填表日期", "签字日期", "地址", "办公地址"}
_SYSTEM = re.compile(r"(?:系统|平台|网|网站|库|app|小程序)$", re.IGNORECASE)
_ANY = {"序号", "部门", "单位", "科室", "处室", "所在单位", "所在部门", "备注", "性别", "联系方式"}
_WORDS = _PEOPLE | _BESIDE | _ANY


def says_notes(text: str) -> bool:
    """填表说明, 附：代码表, 联系方式."""
    return bool(_NOTES.search(plain(text)))


def heads_people(line: Line) -> bool:
    """姓名, 部门, 电话; 填报人, 审核人, 日期: nothing else, and more than one of them."""
    people = beside = 0
    for index in line.own():
        word = header_key(text_of(line.cells[index]))
        if word not in _WORDS:
            return False  # at once: most rows are somebody's
        people += word in _PEOPLE
        beside += word in _BESIDE
    return people >= 1 and people + beside >= 2


def is_a_systems(table: Table, line: Line) -> bool:
    """Whether a row below these may be somebody's all the same: it is numbered, names a department or a system, or answers what the form asks."""

    def cell(field: str) -> str:
        index = table.by_field.get(field)
        return plain(line.cells[index]) if index is not None and index < len(line.cells) else ""

    if cell("row_no").isdigit() or is_office(cell("department")) or _SYSTEM.search(cell("name")):
        return True
    if any(index < len(line.cells) and classified(line.cells[index]) is not None for index in table.classified):
        return True
    kinds = (("kind", "kind"), ("status", "status"), ("level", "level"), ("organisation_type", "organisation"))
    return any(listed_choice(kind, cell(field)) is not None for field, kind in kinds if cell(field))
