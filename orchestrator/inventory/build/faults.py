"""Pydantic's complaints as findings with a cell, and models built from what is left when the bad parts are taken out."""

from __future__ import annotations

import re
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from orchestrator import models
from orchestrator.errors import Finding
from orchestrator.inventory.names import is_id
from orchestrator.inventory.reading import Interpretation, Raw

M = TypeVar("M", bound=BaseModel)


def label(name: str) -> str:
    """The Chinese header of a field of the statistics form, with the quotation marks used in messages."""
    from orchestrator.inventory.forms import forms

    return "“" + next((column.zh for column in forms()["systems"].columns if column.field == name), name) + "”"


def answer(raw: Any) -> bool | None:
    """The answer to 是否涉密 in YAML: true, false or the words of the form; None when it is no plain answer."""
    if isinstance(raw, bool) or raw is None:
        return raw
    from orchestrator.inventory.answers import classified

    return classified(raw) if isinstance(raw, str | int) else None


def shaped(raw: Raw, findings: list[Finding]) -> None:
    """Take out of a YAML item what is no list where only a list can stand, or no mapping; each is a finding. Nothing at all says nothing."""
    for name, wanted, how in _SHAPES:
        value = raw.values.get(name)
        if value is None:
            raw.values.pop(name, None)
        elif not isinstance(value, wanted):
            del raw.values[name]
            findings.append(
                raw.finding(
                    "bad-shape", "error", f"{label(name)}应为{how[0]} (must be a {how[1]})", f"写成{how[0]} (write {how[2]})", at=name
                )
            )


_LIST, _MAPPING = ("列表", "list", "each item on a line that begins with “- ”"), ("键值对", "mapping", "“key: value”")
_SHAPES: tuple[tuple[str, type | tuple[type, ...], tuple[str, str, str]], ...] = (
    *((name, list, _LIST) for name in ("hosts", "databases", "file_trees", "services", "devices", "links", "windows", "data_resources")),
    *((name, (list, str), _LIST) for name in ("depends_on", "domains", "open_ports")),
    ("unknown", dict, _MAPPING),
    ("interruption", dict, _MAPPING),
)


def read_words(raw: Raw, findings: list[Finding], interpretations: list[Interpretation]) -> None:
    """Words of the form in YAML values (``data_gb: 1.2T``, ``kind: 应用系统``) → what the model holds. Plain values stay as they are."""
    grade = raw.values.get("protection_grade")
    if isinstance(grade, int) and "grade_answered" not in raw.values:
        raw.values["grade_answered"] = True
    _drop_not_known(raw, interpretations)
    if all(not isinstance(raw.values.get(name), str) or raw.values[name] in _PLAIN for name in _TYPED):
        return
    from orchestrator.inventory.cells import Unreadable
    from orchestrator.inventory.forms import forms
    from orchestrator.inventory.values import read_value

    types = {column.field: column for column in forms()["systems"].columns}
    for name in _TYPED:
        value = raw.values.get(name)
        if not isinstance(value, str):
            continue
        try:
            read = read_value(types[name].type, value, types[name].unit)
        except Unreadable as why:
            del raw.values[name]
            findings.append(raw.finding("unreadable", "error", f"{label(name)}无法识别 (cannot be read)", str(why), at=name))
            continue
        if read.understood:
            interpretations.append(Interpretation(raw.file, raw.sheet, raw.at(name), value[:200], read.understood))
        if name == "protection_grade" and read.value is not None:
            raw.values["grade_answered"] = True
            raw.values[name] = read.value or None
        else:
            raw.values[name] = read.value
            for field, more in read.also.items():
                raw.values.setdefault(field, more)


def _drop_not_known(raw: Raw, interpretations: list[Interpretation]) -> None:
    """``os: 不详`` is no operating system: the field is not answered, as in a cell of the form."""
    from orchestrator.inventory.cells import not_known

    for name in ANSWERS:
        if not_known(raw.values.get(name)):
            interpretations.append(Interpretation(raw.file, raw.sheet, raw.at(name), raw.values[name][:200], "未填写 (not answered)"))
            raw.values[name] = None


ANSWERS = ("os", "dbms", "processor", "architecture", "service_hours", "room", "vendor", "middleware", "backup", "operator", "domestic")
"""Texts that answer a question of the form: the ``answer`` columns of ``headers.yaml``, a test keeps the two together."""
_TYPED = (
    "kind", "status", "protection_grade", "data_gb", "servers", "vcpus", "memory_gb", "storage_gb", "virtualised", "special_equipment",
    "network", "users", "max_interruption_minutes", "installable", "supported", "shared_storage_cluster", "depends_on",
    "domains", "user_count", "concurrent_users", "in_service_since", "runs_at", "retiring", "planned_end", "file_gb", "open_ports",
    "licence_binding", "end_of_support", "annual_cost_wan",
)  # fmt: skip
_PLAIN = {
    "database", "application", "in_use", "under_construction", "retired", "government_extranet", "government_intranet", "internet", "dedicated",
    "internal", "public", "both", "own_room", "city_cloud", "other_cloud", "carrier_room", "service", "none", "dongle", "machine", "online",
}  # fmt: skip


def validated(model: type[M], raw: Raw, findings: list[Finding]) -> M | None:
    """The model, without those parts that are wrong; each of them is a finding. None when a required part is wrong."""
    values = dict(raw.values)
    unknown = dict(raw.unknown)
    given = values.pop("unknown", None)
    if isinstance(given, dict):
        unknown = {str(name)[:200]: str(value)[:2000] for name, value in given.items()} | unknown
    if unknown and "unknown" in model.model_fields:
        values["unknown"] = unknown
    for _ in range(20):
        try:
            return model.model_validate(values)
        except ValidationError as error:
            if not _without(model, values, error, raw, findings):
                return None
    return None


def _without(model: type[BaseModel], values: dict[str, Any], error: ValidationError, raw: Raw, findings: list[Finding]) -> bool:
    """Take the wrong parts out of ``values``. False when what is left cannot become a ``model``."""
    hopeful = True
    drop: dict[str, set[int] | None] = {}
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        path = fault["loc"]
        top = str(path[0]) if path else ""
        _report(model, path, fault, raw, values, findings)
        declared = model.model_fields.get(top)
        if top not in values or (declared is not None and declared.is_required()):
            hopeful = False
        elif len(path) > 1 and isinstance(path[1], int) and isinstance(values[top], list | tuple):
            numbers = drop.setdefault(top, set())
            if numbers is not None:
                numbers.add(path[1])
        else:
            drop[top] = None
    for name, items in drop.items():
        if items is None:
            value = values.pop(name, None)
            if name not in model.model_fields and "unknown" in model.model_fields and isinstance(value, str | int | float | bool):
                values["unknown"] = {**values.get("unknown", {}), name[:200]: str(value)[:2000]}
        else:
            values[name] = [item for number, item in enumerate(values[name]) if number not in items]
    return hopeful


def _in_words(fault: Any) -> str:
    """Pydantic's message; what a pattern asks for is said in words."""
    found = re.fullmatch(r"String should match pattern '(.*)'", fault["msg"])
    return _LOOKS.get(found.group(1) if found else "", str(fault["msg"])[:160])


_LOOKS = {
    get_args(kind)[1].pattern: words
    for kind, words in (
        (models.SystemId, "只用小写字母、数字和连字符，2 至 63 个，以字母或数字开头 (2 to 63 lower-case letters, digits and hyphens, not a hyphen first)"),
        (models.HostName, "只用小写字母、数字和连字符，至多 63 个，首尾不用连字符 (up to 63 lower-case letters, digits and hyphens, none at either end)"),
        (models.Address, "应为 IP 地址或主机域名 (an IP address or a host's name)"),
        (models.SqlName, "只用字母、数字、_ 和 $，至多 63 个，不以数字开头 (up to 63 letters, digits, _ and $, no digit first)"),
        (models.UserName, "只用小写字母、数字、_ 和连字符，至多 32 个 (up to 32 lower-case letters, digits, _ and hyphens)"),
        (models.AbsolutePath, "应为以 / 开头的路径 (a path that begins with /)"),
        (models.SecretRef, "只写引用，不写口令：env:名称、file:/路径、vault:/路径#键 (a reference, never the secret itself: env:, file: or vault:)"),
        (models.EnvName, "只用大写字母、数字和 _，至多 64 个 (up to 64 upper-case letters, digits and _)"),
        (models.Clock, "应为时刻，如 08:30 (a time such as 08:30)"),
    )
}  # fmt: skip


def _report(model: type[BaseModel], path: tuple[Any, ...], fault: Any, raw: Raw, values: dict[str, Any], findings: list[Finding]) -> None:
    top = str(path[0]) if path else ""
    source, where = raw, raw.at(top)
    inner = [part for part in path[1:] if not str(part).startswith(("function", "literal", "tuple", "constrained"))]
    for kind, number, part in raw.parts:
        if len(path) > 1 and kind == top and number == path[1]:
            source, where = part, part.at(str(path[2]) if len(path) > 2 else "")
            inner = []
    if inner:
        where += f" {top}" + "".join(f"[{part}]" if isinstance(part, int) else f".{str(part)[:60]}" for part in inner)
    system = values.get("id") if "unknown" in model.model_fields else ""
    if fault["type"] == "extra_forbidden":
        code, severity, message = (
            "unknown-field",
            "warning" if len(path) == 1 else "error",  # inside a host or database the whole thing would be left out
            f"不认识的字段，原样保留或略去 (unknown field): {'.'.join(map(str, path))[:80]}",
        )
        remedy = "检查字段名 (check the field's name)"
    else:
        code, severity, message = "bad-value", "error", f"{label(top)}的值无法使用 (not usable): {_in_words(fault)}"
        remedy = "按填表说明更正 (correct it; see docs/inventory.md)"
        if path == ("id",) and isinstance(values.get("id"), str) and is_id(values["id"].lower()):
            remedy = f"改为 {values['id'].lower()} (write it in lower case)"
    findings.append(
        Finding(code, severity, message, remedy, file=source.file, sheet=source.sheet, cell=where, system=str(system) if system else "")
    )
