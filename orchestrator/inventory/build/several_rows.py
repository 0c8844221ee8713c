"""One system over several rows of a table, a row a server: asked once for the table, then put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.inventory.answerbook import Answers
from orchestrator.inventory.names import key
from orchestrator.inventory.questions import Asked, Key
from orchestrator.inventory.reading import Interpretation, Raw
from orchestrator.texts import say

TOGETHER = "合并：同一系统的多台服务器"
APART = "不合并"
_SUMS = ("servers", "vcpus", "memory_gb", "storage_gb", "data_gb", "file_gb")
_JOINED = ("os", "dbms", "middleware", "processor", "room", "remark", "special_equipment_note")
_UNITED = ("domains", "open_ports", "depends_on")
_OWN = {"row_no", "virtualised", "contact", "phone", *_SUMS, *_JOINED, *_UNITED}
"""What the rows of one system may say differently."""


def put_together(raws: Iterable[Raw], answers: Answers, asked: Asked, interpretations: list[Interpretation]) -> list[Raw]:
    """The rows, those of one system as one where somebody said so. Rows that say the very same twice, or of which more than servers differ, are
    left: they are no servers."""
    groups: dict[tuple[str, ...], list[Raw]] = {}
    for raw in raws:
        values = raw.values
        who = (raw.file, raw.sheet, raw.source, str(values.get("department")), key(str(values.get("name"))), str(values.get("kind")))
        groups.setdefault(who if raw.source else (str(id(raw)),), []).append(raw)
    together: list[Raw] = []
    for rows in groups.values():
        if len(rows) > 1 and _are_servers(rows):
            answer = answers.get("rows", scope=rows[0].source)
            if answer is not None and answer.answer == TOGETHER:
                together.append(_one(rows, interpretations, answer.who))
                continue
            if answer is None:
                _ask(rows, asked)
        together += rows
    return together


def _are_servers(rows: list[Raw]) -> bool:
    different = _different(rows)
    return bool(different - {"row_no"}) and different <= _OWN


def _different(rows: list[Raw]) -> set[str]:
    """Fields (and unknown columns, as ``remark``) that two rows say differently; one that is silent says nothing different."""
    found: set[str] = set()
    for name in {name for raw in rows for name in raw.values}:
        said = {str(raw.values[name]) for raw in rows if raw.values.get(name) not in (None, "", [])}
        if len(said) > 1:
            found.add(name)
    if len({str(sorted(raw.unknown.items())) for raw in rows}) > 1:
        found.add("remark")
    return found


def _ask(rows: list[Raw], asked: Asked) -> None:
    at = " › ".join(part for part in (rows[0].file, rows[0].sheet) if part)
    for raw in rows[1:]:
        asked.ask(
            Key("rows", scope=raw.source), say("inventory.asks_rows", sheet=at),
            place=raw.place("name"), proposed=TOGETHER, evidence=say("inventory.only_servers_differ"), choices=(TOGETHER, APART),
        )  # fmt: skip


def _one(rows: list[Raw], interpretations: list[Interpretation], who: str) -> Raw:
    """The first row with what all of them say. A sum of which one part is missing is none."""
    first = rows[0]
    for raw in rows:
        raw.values.setdefault("servers", 1)
    values: dict[str, Any] = {}
    for name in _SUMS:
        parts = [raw.values.get(name) for raw in rows]
        if all(isinstance(part, int | float) for part in parts):
            values[name] = sum(part for part in parts if part is not None)
        else:
            first.values.pop(name, None)
    for name in _JOINED:
        values[name] = "、".join(_distinct(raw.values.get(name) for raw in rows))[:200] or None
    for name in _UNITED:
        values[name] = _distinct(part for raw in rows for part in raw.values.get(name) or ())
    if len({raw.values.get("virtualised") for raw in rows}) > 1:
        first.values.pop("virtualised", None)
    for raw in rows[1:]:
        first.values |= {name: value for name, value in raw.values.items() if name not in first.values and name not in _OWN}
        first.unread |= raw.unread
        first.unknown = join_unknown(first.unknown, raw.unknown)
    first.values |= {name: value for name, value in values.items() if value not in (None, [])}
    said = say("inventory.rows_as_one", count=len(rows), who=who)
    interpretations.append(Interpretation(first.file, first.sheet, first.at("name"), "", said))
    return first


def _distinct(values: Iterable[Any]) -> list[str]:
    return list(dict.fromkeys(str(value) for value in values if value not in (None, "")))


def join_unknown(one: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str]:
    heads = dict.fromkeys([*one, *other])
    return {head: "；".join(_distinct([one.get(head), other.get(head)]))[:2000] for head in heads}
