"""An inventory as YAML that is pleasant to read and to diff: one file a department, one line a small thing, no defaults."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from orchestrator.inventory.yaml_in import plain_scalar
from orchestrator.models import Department, ExcludedRow, Inventory, Noun, Room, System

REFERENCE_FILE = "departments.yaml"
RESERVED = {REFERENCE_FILE, "headers.yaml", "answers.yaml", "columns.yaml", "sites.yaml", "program.yaml", "policy.yaml"}
"""File names that mean something else in an inventory folder: no department's systems go there."""
_FIRST = ("id", "name", "name_en", "department", "kind", "status", "classified", "row_no")
_INLINE = {"hosts", "databases", "file_trees", "devices", "links", "windows", "data_resources"}
_INLINE_LENGTH = 240
_ALWAYS = {"days", "level", "organisation_type", "gap_ms", "failed_requests", "self_built"}
"""Written even where they are the default: a reader would ask."""


class _Inline(dict[str, Any]):
    """A mapping written on one line."""


class _InlineList(list[Any]):
    """A sequence written on one line."""


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - list items are indented
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the same value twice is written twice
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> Any:
    """Quoted where our reader would not take it as text, or would take a character of it as the end of a line."""
    quoted = not isinstance(plain_scalar(text), str) or any(char in text for char in "\x85\u2028\u2029\ufeff")
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if quoted else None)


def _number(dumper: yaml.SafeDumper, number: float) -> Any:
    whole = number.is_integer() and abs(number) < 1e15
    return dumper.represent_scalar(
        "tag:yaml.org,2002:int" if whole else "tag:yaml.org,2002:float", str(int(number)) if whole else repr(number)
    )


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _number)
_Dumper.add_representer(_Inline, lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=True))
_Dumper.add_representer(_InlineList, lambda dumper, data: dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True))


def files_of(inventory: Inventory) -> dict[str, str]:
    """File name → text, for a whole inventory."""
    by_file: dict[str, tuple[list[System], list[ExcludedRow]]] = {}
    for system in inventory.systems:
        by_file.setdefault(_file_of(system.department), ([], []))[0].append(system)
    for row in inventory.excluded:
        systems, rows = by_file.setdefault(_file_of(row.department), ([], []))
        systems.append(row.system) if row.system else rows.append(row)
    return {
        REFERENCE_FILE: references_text(inventory.departments, inventory.rooms),
        **{name: systems_text(*content) for name, content in sorted(by_file.items())},
    }


def _file_of(department: str) -> str:
    name = f"{department}.yaml"
    return name if name not in RESERVED else f"{department}-systems.yaml"


def references_text(departments: Iterable[Department], rooms: Iterable[Room]) -> str:
    """``departments:`` and ``rooms:``."""
    content = {
        "departments": [_Inline(_plain(department)) for department in departments],
        "rooms": [_Inline(_plain(room)) for room in rooms],
    }
    return _dump({key: value for key, value in content.items() if value} or {"departments": []})


def systems_text(systems: Iterable[System], classified: Iterable[ExcludedRow] = ()) -> str:
    """``systems:`` of one file. A classified row is its department, its number and the fact, which is null where it is not answered."""
    items: list[Any] = [
        _Inline(
            {
                "department": row.department,
                **({"row_no": row.row_no} if row.row_no is not None else {}),
                "classified": True if row.answered else None,
            }
        )
        for row in sorted(classified, key=lambda row: (row.department, row.row_no or 0, row.answered))
    ]
    items += [_system(system) for system in sorted(systems, key=lambda system: system.id)]
    return _dump({"systems": items})


def _system(system: System) -> dict[str, Any]:
    values = {**_plain(system), "classified": False}
    ordered = {name: values.pop(name) for name in _FIRST if name in values}
    ordered.update(values)
    for name, value in ordered.items():
        if isinstance(value, list) and name in _INLINE:
            ordered[name] = [_Inline(item) if len(str(item)) < _INLINE_LENGTH else item for item in value]
        elif isinstance(value, list) and all(isinstance(item, str) for item in value):
            ordered[name] = _InlineList(value)
        elif name == "interruption":
            ordered[name] = _Inline(value)
        elif name == "services":
            ordered[name] = [_service(item) for item in value]
    return ordered


def _service(service: dict[str, Any]) -> dict[str, Any]:
    for name in ("command", "health"):
        if name in service:
            service[name] = _InlineList(service[name]) if name == "command" else _Inline(service[name])
    return service


def _plain(noun: Noun) -> dict[str, Any]:
    """Required fields, and whatever differs from its default."""
    return _pruned(noun, noun.model_dump(mode="json"))


def _pruned(noun: Noun, dumped: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, field in type(noun).model_fields.items():
        value = getattr(noun, name)
        if name not in _ALWAYS and not field.is_required() and value == field.get_default(call_default_factory=True):
            continue
        if isinstance(value, Noun):
            kept[name] = _pruned(value, dumped[name])
        elif isinstance(value, tuple) and value and isinstance(value[0], Noun):
            kept[name] = [_pruned(item, inner) for item, inner in zip(value, dumped[name], strict=True)]
        else:
            kept[name] = dumped[name]
    return kept


def _dump(content: dict[str, Any]) -> str:
    return yaml.dump(content, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=4096)


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all. It keeps its mode; a new one nobody else may change, whatever the umask."""
    staged = path.with_name(f".{path.name}.part")
    try:
        with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), "w", encoding="utf-8") as out:
            out.write(text)
            if path.exists():
                os.fchmod(out.fileno(), stat.S_IMODE(path.stat().st_mode))
            out.flush()
            os.fsync(out.fileno())
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)
