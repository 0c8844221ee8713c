"""Pydantic's complaints as findings with a cell, and models built from what is left when the bad parts are taken out."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from orchestrator.errors import Finding
from orchestrator.inventory.reading import Raw

M = TypeVar("M", bound=BaseModel)

LABELS = {
    "id": "系统编码", "name": "系统名称", "department": "单位名称", "kind": "类别", "status": "建设状态", "classified": "是否涉密",
    "level": "单位层级", "organisation_type": "单位性质",
}  # fmt: skip


def label(name: str) -> str:
    """The Chinese header of a field, with the quotation marks used in messages."""
    return f"“{LABELS.get(name, name)}”"


def validated(model: type[M], raw: Raw, findings: list[Finding]) -> M | None:
    """The model, without those parts that are wrong; each of them is a finding. None when a required part is wrong."""
    values = dict(raw.values)
    values.pop("unknown", None)
    if raw.unknown:
        values["unknown"] = raw.unknown
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
        system = values.get("id")
        where = raw.at(top)
        if len(path) > 1:
            where += f" {top}" + "".join(
                f"[{part}]" if isinstance(part, int) else f".{part}" for part in path[1:] if not str(part).startswith("function")
            )
        unknown = fault["type"] == "extra_forbidden"
        findings.append(
            Finding(
                "unknown-field" if unknown else "bad-value",
                "warning" if unknown else "error",
                f"不认识的字段 (unknown field): {top[:60]}" if unknown else f"{label(top)}的值无法使用 (not usable): {fault['msg'][:200]}",
                "检查字段名 (check the field's name)" if unknown else "按填表说明更正 (correct it; see docs/inventory.md)",
                file=raw.file,
                sheet=raw.sheet,
                cell=where,
                system=system if isinstance(system, str) else "",
            )
        )
        declared = model.model_fields.get(top)
        if top not in values or (declared is not None and declared.is_required()):
            hopeful = False
        elif len(path) > 1 and isinstance(path[1], int) and isinstance(values[top], list | tuple):
            known = drop.setdefault(top, set())
            if known is not None:
                known.add(path[1])
        else:
            drop[top] = None
    for name, items in drop.items():
        if items is None:
            value = values.pop(name, None)
            if model.model_fields.get(name) is None and isinstance(value, str | int | float | bool) and "unknown" in model.model_fields:
                values["unknown"] = {**values.get("unknown", {}), name[:200]: str(value)[:2000]}
        else:
            values[name] = [item for number, item in enumerate(values[name]) if number not in items]
    return hopeful
