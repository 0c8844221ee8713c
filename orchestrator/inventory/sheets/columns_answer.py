"""The proposal of what a table's columns are, as a text that a person can correct, and the mapping that comes of it (``columns.yaml``).

One line a column, ``its header → header of the form（unit）``; the first says what the table is about:

    此表 → 系统清单
    业务平台 → 系统名称
    库容 → 数据量（MB）
    其他要求 → 原样保留
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from orchestrator.inventory.cells import Unreadable, text_of
from orchestrator.inventory.forms import columns_of, form_of, forms, header_key, match, part_forms, whole_key
from orchestrator.inventory.sheets.proposing import OF_THE_SYSTEM, Proposed
from orchestrator.inventory.sheets.secrecy import denies
from orchestrator.inventory.units import known_units
from orchestrator.texts import say

THIS = "此表"
_ABOUT = {"systems": "系统清单", "form": "统计表，另有下列列", "pairs": "一系统一表，另有下列项目", "machines": "机器清单", "nothing": "不是台账"}
KEPT = "原样保留"
MACHINES = {"name": "主机名", "address": "IP地址", "vcpus": "CPU", "memory_gb": "内存", "disk_gb": "磁盘", "os": "操作系统", "power": "电源状态", "cores_each": "每颗CPU核数"}
OFF = ["poweredoff", "off", "stopped", "关机", "已关机", "停机", "已停机", "关闭", "已停止", "停止", "下线", "已下线", "报废", "suspended", "shutoff"]
_LINE = re.compile(r"\s*(?P<head>.*\S)\s*(?:→|->|=>|＝>)\s*(?P<field>.+?)\s*")
"""The last arrow of a line: a tool's own header may hold one (``Organization->Name``)."""
_UNIT = re.compile(r"(?P<field>[^(（]+?)\s*(?:[(（]\s*(?P<unit>[^)）]+?)\s*[)）])?")
_GROUPS = re.compile(r"系统|应用|业务|平台|项目|单位|部门|处室|科室|目录|文件夹|标签|租户|资源池|集群|分组|group|folder|tag|tenant|project|app|owner|department|cluster", re.IGNORECASE)


def several(about: str) -> set[str]:
    """What several columns of a table may be: 系统盘 and 数据盘 are added up, and all that ask whether a system is classified are heard."""
    return {"classified", "disk_gb"} if about == "machines" else {"classified"}


@dataclass(frozen=True)
class ColumnsAnswer:
    about: str
    fields: Mapping[str, tuple[str, str]]
    """Header → field, unit; an empty field: kept as it is."""


def abouts() -> dict[str, str]:
    """What a table may be about, in words; last the technical sheets."""
    return _ABOUT | {kind: f"{forms()[kind].zh}清单" for kind in part_forms()}


def columns_text(proposed: Proposed) -> str:
    """The proposal, for a person."""
    lines = [f"{THIS} → {abouts()[proposed.about]}"]
    for index, head in proposed.heads.items():
        guess = proposed.columns.get(index)
        unit = f"（{proposed.units[index].upper()}）" if proposed.units.get(index) else ""
        lines.append(f"{one_line(head)} → {field_words(proposed.about, guess.field) + unit if guess else KEPT}")
    return "\n".join(lines)


def naming_field(about: str) -> str:
    """The column without which a table about this says nothing: what its things are called, or whose they are. Empty: there is none."""
    return {"systems": "name", "machines": "name"}.get(about) or ("system" if about in part_forms() else "")


def one_line(head: str) -> str:
    return " ".join(head.split())[:300]


def field_words(about: str, field: str) -> str:
    return MACHINES[field] if about == "machines" and field in MACHINES else columns_of(about)[field].zh


def answers_about(about: str) -> tuple[str, ...]:
    """What may stand behind an arrow of a table about this: what tables are about, then every header of the form."""
    tables = (f"{THIS} → {words}" for kind, words in abouts().items() if kind not in {"form", "pairs"} or kind == about)
    machines = about == "machines"
    columns = [column.zh for field, column in columns_of(about).items() if not machines or field in OF_THE_SYSTEM]
    return (*tables, KEPT, *dict.fromkeys([*(MACHINES.values() if machines else ()), *columns]))


def read_columns_answer(text: str) -> ColumnsAnswer:
    """Raises ``Unreadable``, which names the line that cannot be used."""
    about, fields = "systems", dict[str, tuple[str, str]]()
    for line in filter(None, (line.strip() for line in re.split(r"[\n;；]", text_of(text)))):
        found = _LINE.fullmatch(line)
        if found is None:
            raise Unreadable(say("inventory.form_columns_line", line=line[:40]))
        head, said = found["head"], found["field"]
        if head == THIS:
            about = next((kind for kind, words in abouts().items() if words == said), "")
            if not about:
                raise Unreadable(say("inventory.form_table_about", said=said[:20], choices=tuple(abouts().values())))
            continue
        fields[head] = _field(about, said)
        if fields[head][0] == "classified" and denies(head):
            raise Unreadable(say("inventory.cannot_mean_classified", head=head[:20]))
    named = [field for field, _ in fields.values() if field]
    twice = next((field for field in named if named.count(field) > 1 and field not in several(about)), "")
    if twice:
        raise Unreadable(say("inventory.column_twice", column=field_words(about, twice)))
    naming = naming_field(about)
    if naming and naming not in named:
        raise Unreadable(say("inventory.no_name_column", column=field_words(about, naming)))
    if not fields and about != "nothing":
        raise Unreadable(say("inventory.form_columns_line", line=text_of(text)[:40]))
    return ColumnsAnswer(about, fields)


def _field(about: str, said: str) -> tuple[str, str]:
    if said in {KEPT, "不读", "-", "无"} or about == "nothing":
        return "", ""
    found = _UNIT.fullmatch(said)
    words, unit = (found["field"], (found["unit"] or "").casefold()) if found else (said, "")
    form, answers = form_of(about), columns_of(about)["classified"]
    field = next((field for field, ours in MACHINES.items() if about == "machines" and header_key(ours) == header_key(words)), "")
    if field:
        column = match(form, "存储" if field == "disk_gb" else words)
    else:
        whole = match(form, said) if unit else None  # 存储(核): the brackets may belong to the header
        column = match(form, words) or whole
        if column is None and match(forms()["systems"], words) is answers:
            column = answers
        field = column.field if column else ""
        if about == "machines" and field == "storage_gb":
            field = "disk_gb"  # the sum of its machines' disks is the system's
    if not field:
        raise Unreadable(say("inventory.no_header_of_form", words=words[:20]))
    if unit and column is not None and whole_key(said) == whole_key(column.zh):
        unit = ""  # 配置文件(JSON): its own brackets
    if unit and (column is None or unit not in known_units(column)):
        raise Unreadable(say("inventory.no_unit_of_column", unit=unit[:10], column=words[:20]))
    return field, unit


def source_entry(name: str, table: str, answer: ColumnsAnswer, by: str, on: str) -> dict[str, Any]:
    """The mapping, as ``columns.yaml`` keeps it. ``table``: what stands for all the headers of the table that was asked about."""
    if answer.about == "nothing":  # known by all its headers, whichever of them the answer repeats: another table may have some of them
        return {"name": name, "about": "nothing", "confirmed": f"{by} {on}".strip(), "table": table, "columns": []}
    mapped = {head: said for head, said in answer.fields.items() if said[0]}
    columns: list[dict[str, Any]] = []
    for head, (field, unit) in mapped.items():
        column: dict[str, Any] = {"headers": [head], "field": field}
        if unit:
            column["unit"] = unit
        if field == "power":
            column["words"] = {"off": OFF}
        columns.append(column)
    entry: dict[str, Any] = {
        "name": name, "about": "systems" if answer.about == "form" else answer.about, "confirmed": f"{by} {on}".strip(),
        "known_by": [[head] for head in mapped or answer.fields], "columns": columns,
    }  # fmt: skip
    if answer.about == "pairs":
        del entry["known_by"]
    kept = [head for head, (field, _) in answer.fields.items() if not field]
    if kept:
        entry["kept"] = kept
    if answer.about == "machines":
        entry["keys"] = [head for head in kept if _GROUPS.search(head)] or kept
    return entry


def entry_text(entry: Mapping[str, Any]) -> str:
    """The entry as a YAML document of its own: what people wrote into the file before it stays as it is."""
    return "---\n" + yaml.safe_dump(dict(entry), allow_unicode=True, sort_keys=False, width=140)
