"""What the schema says of a row as findings with a cell, and models built from what is left when the bad parts are taken out."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from orchestrator import models
from orchestrator.errors import Finding
from orchestrator.inventory import schema
from orchestrator.inventory.names import is_id
from orchestrator.inventory.reading import Interpretation, Raw
from orchestrator.texts import Name, say

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

M = TypeVar("M", bound=BaseModel)


def label(name: str, form: str = "systems") -> Name | str:
    """The header of a field of a form, the statistics form's unless said; the field itself where it has none."""
    from orchestrator.inventory.forms import forms

    columns = forms()[form].columns if form in forms() else ()
    return next((column.name for column in columns if column.field == name), name)


def _column_of(path: tuple[Any, ...]) -> Name | str:
    """The header under which a wrong part stands: on the form of its kind (``databases``, 0, ``host``), else on the statistics form."""
    top = str(path[0]) if path else ""
    return label(str(path[2]), top) if len(path) > 2 and isinstance(path[1], int) else label(top)


@cache
def required_fields(kind: str) -> frozenset[str]:
    """What a row of a technical sheet must say."""
    part = get_args(models.System.model_fields[kind].annotation)[0]
    return frozenset(name for name, field in part.model_fields.items() if field.is_required())


def answer(raw: Any) -> bool | None:
    """The answer to 是否涉密 in YAML: true, false or the words of the form; None when it is no plain answer."""
    if isinstance(raw, bool) or raw is None:
        return raw
    from orchestrator.inventory.answers import classified

    return classified(raw) if isinstance(raw, str | int) else None


def shaped(raw: Raw, findings: list[Finding]) -> None:
    """Take out of a YAML item what is no list where only a list can stand, or no mapping; each is a finding. Nothing at all says nothing."""
    for name, wanted in _SHAPES:
        value = raw.values.get(name)
        if value is None:
            raw.values.pop(name, None)
        elif not isinstance(value, wanted):
            del raw.values[name]
            if wanted is dict:
                says, mend = say("inventory.must_be_mapping", column=label(name)), say("inventory.write_as_mapping")
            else:
                says, mend = say("inventory.must_be_list", column=label(name)), say("inventory.write_as_list")
            findings.append(raw.finding("bad-shape", "error", says, mend, at=name))


_SHAPES: tuple[tuple[str, type | tuple[type, ...]], ...] = (
    *((name, list) for name in ("hosts", "databases", "file_trees", "services", "devices", "links", "windows", "data_resources")),
    *((name, (list, str)) for name in ("depends_on", "domains", "open_ports")),
    ("unknown", dict),
    ("interruption", dict),
)


def read_words(raw: Raw, findings: list[Finding], interpretations: list[Interpretation]) -> None:
    """Words of the form in YAML values (``data_gb: 1.2T``, ``kind: 应用系统``) → what the model holds. Plain values stay as they are."""
    grade = raw.values.get("protection_grade")
    if isinstance(grade, int) and "grade_answered" not in raw.values:
        raw.values["grade_answered"] = True
    _drop_not_known(raw, interpretations)
    if all(not isinstance(said := raw.values.get(name), str) or said in _PLAIN or _PLAIN_DATE.fullmatch(said) for name in _TYPED):
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
            findings.append(raw.finding("unreadable", "error", say("inventory.unreadable", column=label(name)), why.form, at=name))
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
            interpretations.append(Interpretation(raw.file, raw.sheet, raw.at(name), raw.values[name][:200], say("inventory.not_answered")))
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


_PLAIN_DATE = re.compile(r"\d{4}-\d{2}(?:-\d{2})?")


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
    faults = error.errors(include_url=False)
    for fault, place in schema.placed(faults, values):
        _report(model, fault, place, raw, values, findings)
    for path in (fault["loc"] for fault in faults):
        top = str(path[0]) if path else ""
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


def _report(
    model: type[BaseModel], fault: ErrorDetails, place: schema.Place, raw: Raw, values: dict[str, Any], findings: list[Finding]
) -> None:
    path = fault["loc"]
    top = str(path[0]) if path else ""
    source, where = raw, raw.at(top)
    nested = place.key != top
    for kind, number, part in raw.parts:
        if len(path) > 1 and kind == top and number == path[1]:
            source, where, nested = part, part.at(str(path[2]) if len(path) > 2 else ""), False
            if fault["type"] == "missing" and part.columns and path[2] not in part.columns:  # no row of the sheet has it: said once
                says = say("inventory.no_such_column", column=_column_of(path))
                findings.append(Finding("column-missing", "error", says, say("inventory.add_the_column"), file=part.file, sheet=part.sheet))
                return
    if nested:
        where = str(place) if place.line else f"{where} {place.key}"
    system = values.get("id") if "unknown" in model.model_fields else ""
    if fault["type"] == "extra_forbidden":
        code, severity, message = (
            "unknown-field",
            "warning" if len(path) == 1 else "error",  # inside a host or database the whole thing would be left out
            say("inventory.unknown_field", field=place.key[:80]),
        )
        remedy = schema.advised(fault, model, place.key)
    else:
        code, severity, message = "bad-value", "error", say("inventory.bad_value", column=_column_of(path), why=schema.worded(fault, model))
        remedy = schema.advised(fault, model, place.key)
        if fault["type"] == "missing":
            message, remedy = say("inventory.missing", column=_column_of(path)), say("inventory.fill_in")
        elif source.sheet:
            remedy = say("inventory.correct_by_form")
        if path == ("id",) and isinstance(values.get("id"), str) and is_id(values["id"].lower()):
            remedy = say("inventory.write_lower", id=values["id"].lower())
    findings.append(
        Finding(code, severity, message, remedy, file=source.file, sheet=source.sheet, cell=where, system=str(system) if system else "")
    )
