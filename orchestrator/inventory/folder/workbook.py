"""The two forms as an xlsx: empty with an example for departments to fill in, or filled from an inventory. No text ever becomes a formula."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.inventory.cells import SPLIT
from orchestrator.inventory.folder.new_workbook import NewWorkbook, new_workbook
from orchestrator.inventory.forms import Column, Form, forms
from orchestrator.inventory.names import key
from orchestrator.inventory.values import choices
from orchestrator.models import ExcludedRow, Inventory, Noun, System

if TYPE_CHECKING:
    from xlsxwriter.worksheet import Worksheet

_UNANSWERED = {"zh": "待定", "en": "tbd"}
"""Whether it is classified: not answered. An empty cell would leave too little on the row to be anyone's."""
_LAST_OFFERED = 1999
"""The last row whose cells offer choices."""
_PARTS = ("hosts", "databases", "file_trees", "services", "devices", "links", "windows", "data_resources")
_DAYS = {"daily": "每天", "workday": "工作日", "weekend": "周末", "holiday": "节假日"}
_WEEK = {"mon": "周一", "tue": "周二", "wed": "周三", "thu": "周四", "fri": "周五", "sat": "周六", "sun": "周日"}
Rows = list[dict[str, Any]]


def tables_of(inventory: Inventory, lang: str = "zh") -> tuple[dict[str, Rows], list[str]]:
    """Form id → rows by field, in the words of the form; and the headers of unknown columns."""
    writer = _Words(inventory, lang)
    tables: dict[str, Rows] = {form: [] for form in forms()}
    for name, nouns in (("departments", inventory.departments), ("rooms", inventory.rooms)):
        tables[name] = [writer.row(forms()[name], noun) for noun in nouns]
    systems: list[System | ExcludedRow] = [*inventory.systems, *(row.system or row for row in inventory.excluded)]
    unknown: dict[str, None] = {}
    for entry in sorted(systems, key=lambda entry: (entry.row_no is None, entry.row_no or 0, str(getattr(entry, "id", "")))):
        if isinstance(entry, ExcludedRow):
            tables["systems"].append(
                {
                    "row_no": entry.row_no,
                    "department": writer.department(entry.department),
                    "classified": writer.word("yes_no", True) if entry.answered else _UNANSWERED[lang],
                }
            )
            continue
        row = writer.row(forms()["systems"], entry)
        row["classified"] = writer.word("yes_no", False)
        if entry.grade_answered and entry.protection_grade is None:
            row["protection_grade"] = "未定级"
        row["depends_on"] = "、".join(writer.system(ident) for ident in entry.depends_on) or None
        row["database_owner"] = writer.system(entry.database_owner) if entry.database_owner else None
        department = next((d for d in inventory.departments if d.id == entry.department), None)
        row["department"] = writer.department(entry.department)
        if department:
            row["level"] = writer.word("level", department.level)
            row["organisation_type"] = writer.word("organisation", department.organisation_type)
        for words, value in entry.unknown.items():
            unknown[words] = None
            row[f"?{words}"] = value
        tables["systems"].append(row)
        for part in _PARTS:
            tables[part] += [{**writer.row(forms()[part], noun), "system": entry.id} for noun in getattr(entry, part)]
    return tables, list(unknown)


class _Words:
    """Values in the words of the form."""

    def __init__(self, inventory: Inventory, lang: str) -> None:
        self.lang = lang
        count = Counter(key(department.name) for department in inventory.departments)
        self.departments = {d.id: d.name for d in inventory.departments if count[key(d.name)] == 1}
        systems = [*inventory.systems, *(row.system for row in inventory.excluded if row.system)]
        seen = Counter(key(system.name) for system in systems) + Counter(key(system.id) for system in systems)
        self.systems = {
            s.id: s.name for s in systems if seen[key(s.name)] == 1 and not SPLIT.search(s.name) and key(s.name) not in ("无", "none", "")
        }

    def department(self, ident: str) -> str:
        return self.departments.get(ident, ident)

    def system(self, ident: str) -> str:
        return self.systems.get(ident, ident)

    def word(self, kind: str, value: Any) -> str:
        if kind == "yes_no":
            return ("是" if value else "否") if self.lang == "zh" else ("yes" if value else "no")
        words = choices()[kind].get(str(value), ())
        return words[0] if words and self.lang == "zh" else str(value)

    def row(self, form: Form, noun: Noun) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for column in form.columns:
            value: Any = noun
            for name in column.field.split("."):
                value = getattr(value, name, None)
            if value is not None and (column.type == "landing" or not isinstance(value, Noun)):
                found[column.field] = self.cell(column, value)
        return found

    def cell(self, column: Column, value: Any) -> Any:
        if column.yes_no or column.type in choices():
            return self.word("yes_no" if column.yes_no else column.type, value)
        if column.type == "argv":
            return _argv(value) if value else None
        if column.type == "environment":
            return _environment(value) if value else None
        if column.type == "files":
            return json.dumps([file.model_dump(mode="json") for file in value], ensure_ascii=False) if value else None
        if column.type == "landing":
            return json.dumps(value.model_dump(mode="json", exclude_none=True), ensure_ascii=False)
        if column.type == "days" and self.lang == "zh":
            return _DAYS.get(value) if isinstance(value, str) else "、".join(_WEEK[day] for day in value)
        if isinstance(value, tuple):
            return "、".join(value) or None
        return value


def _argv(value: tuple[str, ...]) -> str:
    text = shlex.join(value)
    plain = "\n" not in text and "\r" not in text and not text.startswith("[") and text == text.strip()
    return text if plain and tuple(shlex.split(text)) == value else json.dumps(value, ensure_ascii=False)


def _environment(value: dict[str, str]) -> str:
    plain = all(text == text.strip() and len(text.splitlines()) <= 1 for text in value.values())
    return "\n".join(f"{name}={text}" for name, text in value.items()) if plain else json.dumps(value, ensure_ascii=False)


# ---------------------------------------------------------------- the file


def write_workbook(path: Path, inventory: Inventory | None = None, lang: str = "zh", forms_to_write: Iterable[str] | None = None) -> None:
    """Write the forms to ``path``, filled from ``inventory`` or with one example row. Replaces ``path`` whole or not at all."""
    tables, unknown = tables_of(inventory, lang) if inventory is not None else ({form: [] for form in forms()}, [])
    with new_workbook(path) as book:
        _put_instructions(book, lang)
        for number, ident in enumerate(forms_to_write or forms()):
            form = forms()[ident]
            sheet = book.add_sheet(form.zh if lang == "zh" else form.en)
            if number == 0:
                sheet.activate()  # what is to be filled in, not how
            _put_headers(book, sheet, form, unknown if ident == "systems" else [], lang)
            if inventory is not None:
                _put_rows(book, sheet, form, tables[ident], unknown if ident == "systems" else [])
            elif ident == "systems":
                _put_rows(book, sheet, form, [EXAMPLE[lang]], [], italic=True, font_color="#7F7F7F")


_FILLS = {"count": "#F4B183", "plan": "#FFE699", "move": "#C6E0B4", "": "#D9D9D9"}
"""By what a column is needed for."""


def _put_headers(book: NewWorkbook, sheet: Worksheet, form: Form, unknown: list[str], lang: str) -> None:
    for number, column in enumerate(form.columns):
        words = column.zh if lang == "zh" else column.en
        named = column.unit or ("分钟" if lang == "zh" else "min") * (column.type == "minutes")
        unit = f"({named})" if named and "(" not in words else ""
        book.put(sheet, 0, number, words + unit, bold=True, text_wrap=True, valign="vcenter", bg_color=_FILLS[column.need])
        sheet.set_column(number, number, min(40, max(10, len(words) * 2 + 4)))
        _put_validation(sheet, number, column, lang)
    for number, words in enumerate(unknown, start=len(form.columns)):
        book.put(sheet, 0, number, words)
    sheet.freeze_panes(1, 5 if form.id == "systems" else 2)


def _put_rows(book: NewWorkbook, sheet: Worksheet, form: Form, rows: Rows, unknown: list[str], **look: Any) -> None:
    fields = [column.field for column in form.columns] + [f"?{words}" for words in unknown]
    for index, row in enumerate(rows, start=1):
        for number, field in enumerate(fields):
            book.put(sheet, index, number, row.get(field), **look)


def _put_validation(sheet: Worksheet, number: int, column: Column, lang: str) -> None:
    if column.yes_no:
        offered = ["是", "否"] if lang == "zh" else ["yes", "no"]
    elif column.type == "grade":
        offered = ["1", "2", "3", "4", "5", "未定级"]
    elif column.type in choices():
        offered = [words[0] if lang == "zh" else value for value, words in choices()[column.type].items()]
    else:
        offered = []
    hint = _HINTS.get(column.type, ("", ""))[0 if lang == "zh" else 1]
    if column.field == "classified":
        hint = (
            "必填。留空的行按涉密处理,不读取。涉密系统只填单位、序号和“是”。"
            if lang == "zh"
            else "Required. A row left empty is treated as classified and not read."
        )
    if not offered and not hint:
        return
    validation: dict[str, Any] = {"validate": "list", "source": offered} if offered else {"validate": "any"}
    if offered:
        title, message = ("不在选项中", "请从下拉列表中选择") if lang == "zh" else ("Not among the choices", "Choose from the list")
        validation |= {"error_title": title, "error_message": message}
    if hint:
        validation |= {"input_title": (column.zh if lang == "zh" else column.en)[:32], "input_message": hint[:255]}
    sheet.data_validation(1, number, _LAST_OFFERED, number, validation)


_HINTS = {
    "size": ("数字和单位,如 500G、1.2T;不写单位按 GB", "A number with its unit, e.g. 500G, 1.2T; GB if there is none"),
    "minutes": ("时长和单位,如 30分钟、4小时、不可中断", "A duration with its unit, e.g. 30 min, 4 h"),
    "names": ("写本表中的系统名称或编码,多个用顿号隔开;没有写“无”", "Names or ids of systems in this form, separated by ;"),
    "grade": ("1–5 级,没有定级写“未定级”", "1–5, or 未定级 when not graded"),
    "when": ("年、年月或日期,如 2015年6月", "A year, a month or a day, e.g. 2015-06"),
    "domains": ("域名或访问地址,多个用顿号隔开", "Domain names or addresses, separated by ;"),
    "ports": ("端口号,如 80、443、8080-8090", "Ports, e.g. 80; 443; 8080-8090"),
    "id": ("可留空,自动生成并保持不变", "May be left empty: generated and kept"),
}
EXAMPLE: dict[str, dict[str, Any]] = {
    "zh": {
        "row_no": 1, "department": "市某某局", "level": "市直", "organisation_type": "政府", "name": "(示例)业务审批系统", "kind": "应用系统",
        "classified": "否", "status": "已建", "protection_grade": "3", "architecture": "B/S", "os": "CentOS 7.6", "dbms": "MySQL 5.7", "data_gb": "500G",
        "servers": 3, "vcpus": "24核", "memory_gb": "96GB", "storage_gb": "2T", "virtualised": "是", "special_equipment": "否", "room": "市府大楼机房",
        "network": "政务外网", "depends_on": "统一身份认证系统", "users": "内部和公众", "service_hours": "工作日 08:30-17:30",
        "max_interruption_minutes": "30分钟", "middleware": "TongWeb 7.0", "domains": "sp.example.gov.cn", "user_count": 5000,
        "in_service_since": "2015年6月", "runs_at": "自建机房", "file_gb": "200G", "backup": "每日全备", "operator": "某某公司",
        "open_ports": "80、443", "vendor": "某某公司", "installable": "是", "supported": "是",
        "security_owner": "市某某局", "data_owner": "市某某局", "contact": "张三", "remark": "本行为示例,填报时可删除或保留,不会统计",
    },
    "en": {
        "row_no": 1, "department": "Bureau of Examples", "level": "municipal", "organisation_type": "government", "name": "(Example) Permits", "kind": "application",
        "classified": "no", "status": "in_use", "protection_grade": "3", "architecture": "B/S", "os": "CentOS 7.6", "dbms": "MySQL 5.7", "data_gb": "500G",
        "servers": 3, "vcpus": "24 cores", "memory_gb": "96GB", "storage_gb": "2T", "virtualised": "yes", "special_equipment": "no", "room": "City hall",
        "network": "government_extranet", "depends_on": "Single sign-on", "users": "both", "service_hours": "workdays 08:30-17:30",
        "max_interruption_minutes": "30 min", "middleware": "TongWeb 7.0", "domains": "permits.example.gov.cn", "user_count": 5000,
        "in_service_since": "2015-06", "runs_at": "own_room", "file_gb": "200G", "backup": "full, daily", "operator": "Example Ltd",
        "open_ports": "80; 443", "vendor": "Example Ltd", "installable": "yes", "supported": "yes",
        "security_owner": "Bureau of Examples", "data_owner": "Bureau of Examples", "contact": "N. N.", "remark": "An example: remove it or leave it, it is not counted",
    },
}  # fmt: skip


def _put_instructions(book: NewWorkbook, lang: str) -> None:
    sheet = book.add_sheet("填表说明" if lang == "zh" else "Instructions")
    sheet.set_column(0, 0, 110)
    for number, line in enumerate(INSTRUCTIONS_ZH if lang == "zh" else INSTRUCTIONS_EN):
        title = {"bold": True, "font_size": 14} if number == 0 else {}
        book.put(sheet, number, 0, line, text_wrap=True, **title)


INSTRUCTIONS_ZH = (
    "信息系统迁移统计表 填表说明",
    "一、每个信息系统(或数据库)填一行。橙色列是统计必需的,黄色列是制定迁移计划必需的,绿色列是实施迁移必需的,灰色列按需填写。",
    "二、涉密系统:只填“单位名称”“序号”,并在“是否涉密”填“是”,不要填写任何其他内容。“是否涉密”留空的行按涉密处理,不会被读取。",
    "三、数字可以带单位,如 500G、1.2T、16核、30分钟。等保级别填 1–5 或“未定级”。确实不清楚的填“不详”,系统会列为待补充。",
    "四、“关联系统”填本表中的系统名称或编码,多个用顿号隔开。本市以外的系统填到“互联”表。",
    "五、“主机”“数据库”“文件”“服务”等技术表在实施迁移前填写,每行第一列写系统编码或名称。口令一律不填,只填引用(如 env:NAME、file:/路径)。",
    "六、列的顺序可以调整,可以增加自己的列(原样保留,不作统计)。请不要设置打开密码。",
    "七、填完后可用 orchestrator inventory check 文件名 检查,会逐条列出问题所在的工作表和单元格。",
)
INSTRUCTIONS_EN = (
    "Statistics form of information systems: instructions",
    "1. One row a system (or database). Orange columns are needed to count, yellow ones to plan, green ones to move; grey ones as needed.",
    "2. Classified systems: give department and number, answer yes under Classified, and nothing else. A row left empty there is treated as classified and not read.",
    "3. Numbers may carry units: 500G, 1.2T, 30 min. Protection grade: 1–5 or 未定级 (not graded).",
    "4. Depends on: names or ids of systems in this form. Systems outside the city belong on the sheet Links.",
    "5. Technical sheets are filled in before the move; their first column names the system. Never write passwords, only references (env:NAME, file:/path).",
    "6. Columns may be reordered and added (kept as they are). Do not set a password on the file.",
    "7. Check it with: orchestrator inventory check FILE",
)
