"""Databases of which a sheet does not say enough to be moved (库名, the host, the software): what they are and how large they are is still their
system's. It is taken where the system's own row is silent, and the sheet stays missing for the move."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from orchestrator.errors import Finding
from orchestrator.inventory.build.faults import label, required_fields
from orchestrator.inventory.build.several_rows import join_unknown
from orchestrator.inventory.cells import folded
from orchestrator.inventory.reading import Interpretation, Raw
from orchestrator.models import System
from orchestrator.texts import say

_NONE = {"", "无", "没有", "none"}
_NEEDED = ("name", "engine", "host")
_KEPT = {"name": "数据库库名", "engine": "数据库软件", "version": "数据库版本", "size_gb": "数据库数据量(GB)", "host": "数据库主机", "port": "数据库端口"}
"""What such a row says, kept with its system under these words."""


def take_unnamed(raws: Iterable[Raw], findings: list[Finding], interpretations: list[Interpretation], stored: Iterable[System]) -> None:
    """Of each system none of whose databases is complete. Where some are and some are not, each that is not is an error at its row, as for any
    technical row: half of a system's databases must not look like all of them. ``stored``: systems of an earlier import."""
    by_id = {system.id: system for system in stored}
    sheets: Counter[tuple[str, str]] = Counter()
    lacking: dict[tuple[str, str], set[str]] = {}
    for raw in raws:
        parts = [part for kind, _, part in raw.parts if kind == "databases" and part.columns]
        if not parts or len(parts) != len(raw.values["databases"]) or any(_lacks(part) == set() for part in parts):
            continue
        del raw.values["databases"]
        raw.parts = [one for one in raw.parts if one[0] != "databases"]
        _tell_system(raw, parts, by_id.get(str(raw.values["id"])), interpretations)
        for part in parts:
            sheets[part.file, part.sheet] += 1
            lacking.setdefault((part.file, part.sheet), set()).update(_lacks(part))
    for (file, sheet), count in sheets.items():
        columns = tuple(label(field, "databases") for field in _NEEDED if field in lacking[file, sheet])
        says = say("inventory.databases_incomplete", count=count, columns=columns)
        findings.append(Finding("databases-incomplete", "warning", says, say("inventory.complete_databases"), file=file, sheet=sheet))


def _lacks(part: Raw) -> set[str]:
    return {field for field in required_fields("databases") if part.values.get(field) in (None, "")}


def _tell_system(raw: Raw, parts: Sequence[Raw], stored: System | None, interpretations: list[Interpretation]) -> None:
    called = (" ".join(str(part.values[of]) for of in ("engine", "version") if part.values.get(of)) for part in parts if part.values.get("engine"))
    software = list(dict.fromkeys(called))
    sizes = [part.values.get("size_gb") for part in parts]
    known: dict[str, Any] = {"dbms": "、".join(software)[:200] or None}
    if all(isinstance(size, int | float) for size in sizes):
        known["data_gb"] = round(sum(float(size) for size in sizes if size is not None), 3)
    for field, value in known.items():
        own = raw.values.get(field) if not raw.stored else getattr(stored, field, None)
        silent = own is None or (field == "dbms" and folded(str(own)) in _NONE)
        if value is not None and silent and field not in raw.unread:
            raw.values[field] = value
            told = say("inventory.databases_told", column=label(field), value=str(value))
            interpretations.append(Interpretation(parts[0].file, parts[0].sheet, parts[0].cell, str(raw.values.get("name", "")), told))
    if not raw.stored:
        for part in parts:
            raw.unknown = join_unknown(raw.unknown, {head: str(part.values[field]) for field, head in _KEPT.items() if part.values.get(field)})
