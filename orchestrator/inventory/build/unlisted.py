"""A list of hosts none of whose systems is in any list of systems: the machines' systems are systems, once a named person has said that none of them
is classified. Until then it is one question for the sheet, and no error on each of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.inventory.names import key
from orchestrator.inventory.questions import Key, digest
from orchestrator.inventory.reading import Raw
from orchestrator.inventory.statements import read_statement, statement_choices
from orchestrator.texts import say

if TYPE_CHECKING:
    from orchestrator.inventory.build.builder import Builder


def take_unlisted(builder: Builder) -> None:
    """Make systems of them, or ask. Their hosts stay among the builder's parts only where their systems are counted."""
    sheets: dict[tuple[str, str], list[Raw]] = {}
    for kind, part in builder.parts:
        if kind == "hosts" and part.columns:
            sheets.setdefault((part.file, part.sheet), []).append(part)
    known, withheld = builder.names_of_systems(), builder.names_withheld
    for parts in sheets.values():
        others = [part for part in parts if _system(part) not in withheld]
        if others and not any(_system(part) in known or not _system(part) for part in others):
            _take(others, builder)


def _system(part: Raw) -> str:
    return key(str(part.values.get("system") or ""))


def _take(parts: Sequence[Raw], builder: Builder) -> None:
    first = parts[0]
    scope = digest("hosts", first.file, first.sheet, *sorted({_system(part) for part in parts}))
    answer = builder.answers.get("sheet", "classified", scope=scope)
    stated = read_statement(answer.answer) if answer is not None and answer.by else None
    doubted = sorted({int(part.cell[1:]) for part in parts if _speaks_of_secrets(part)})
    if stated is not None and not stated.settles(frozenset(doubted)):
        stated = None
    systems: dict[str, list[Raw]] = {}
    for part in parts:
        systems.setdefault(_system(part), []).append(part)
    if stated is None:
        _ask(parts, len(systems), scope, doubted, builder)
        _take_out(parts, builder)
        return
    for members in systems.values():
        name = str(members[0].values["system"])
        raw = Raw(first.file, first.sheet, members[0].cell, source=first.source, contexts=first.contexts)
        if any(int(part.cell[1:]) in stated.classified for part in members):
            builder.secrets.add(name, "")
            builder.classified_row(raw, "", None, answered=True, called=("", name))
            _take_out(members, builder)
            continue
        raw.values = {"name": name[:200], "servers": len(members), **_sums(members), **_department_said(members)}
        builder.systems.append(raw)


def _speaks_of_secrets(part: Raw) -> bool:
    from orchestrator.inventory.sheets.secrecy import speaks_of_secrets  # here: an inventory in YAML has no such list

    return any(map(speaks_of_secrets, [*part.values.values(), *part.unknown.values()]))


def _take_out(parts: Sequence[Raw], builder: Builder) -> None:
    gone = {id(part) for part in parts}
    builder.parts[:] = [(kind, part) for kind, part in builder.parts if id(part) not in gone]


def _sums(members: Sequence[Raw]) -> dict[str, Any]:
    """What all of its machines have together, where each says it."""
    said = {of: [part.values.get(field) for part in members] for of, field in (("vcpus", "vcpus"), ("memory_gb", "memory_gb"), ("storage_gb", "disk_gb"))}
    return {of: round(sum(map(float, amounts)), 3) for of, amounts in said.items() if all(isinstance(amount, int | float) for amount in amounts)}  # type: ignore[arg-type]


def _department_said(members: Sequence[Raw]) -> dict[str, str]:
    """Whose a system is, where its machines' rows have a column for it and agree."""
    said = {(words, text) for part in members for words, text in part.unknown.items() if _is_department(words)}
    return {"department": next(iter(said))[1][:200]} if len(said) == 1 else {}


def _is_department(words: str) -> bool:
    from orchestrator.inventory.forms import forms, match

    column = match(forms()["systems"], words)
    return column is not None and column.field == "department"


def _ask(parts: Sequence[Raw], count: int, scope: str, doubted: Sequence[int], builder: Builder) -> None:
    at = parts[0].place("").rpartition(" › ")[0]
    evidence = say("inventory.by_doubt", which=say("inventory.numbers", numbers=tuple(map(str, doubted)))) if doubted else ""
    for part in parts:
        builder.asked.ask(
            Key("sheet", "classified", scope=scope), say("inventory.asks_unlisted", sheet=at, count=count), place=part.place("system"),
            evidence=evidence, choices=statement_choices("行", doubted), needs_name=True,
        )  # fmt: skip
    builder.findings.append(
        Raw(parts[0].file, parts[0].sheet).finding(
            "systems-not-listed", "error", say("inventory.systems_not_listed", count=count), say("inventory.answer_or_list_systems")
        )
    )
