"""What the count needs and rows do not say: asked once for a department, a table or a sheet, filled in from answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from orchestrator.errors import Finding
from orchestrator.inventory.answerbook import Answer, Answers
from orchestrator.inventory.build.faults import label
from orchestrator.inventory.build.renamed import NEW, Perhaps
from orchestrator.inventory.build.signs import SECTION, SWITCHED_OFF, Sign, office_headed, office_named, sign, sign_of
from orchestrator.inventory.cells import Unreadable, Value, folded, plain
from orchestrator.inventory.names import key
from orchestrator.inventory.questions import Asked, Key, all_of, digest
from orchestrator.inventory.reading import Interpretation, Raw
from orchestrator.inventory.statuses import FURTHER
from orchestrator.texts import Name, Words, say

if TYPE_CHECKING:
    from orchestrator.inventory.build.departments import Departments
    from orchestrator.inventory.build.own_city import OwnCity

BY_NAME = "按名称判断"
_FACTS = (("level", "level"), ("organisation_type", "organisation"))
_BLANKS = ("kind", "status")
_SPLIT = re.compile(r"[、,;/\s]+")
_STATUS_SIGNS = {"in_use": ("已建", "在用", "在运行", "现有"), "under_construction": ("在建",), "retired": ("停用", "已下线")}


def department_facts(text: str) -> dict[str, str]:
    """``市直、事业单位`` → level and organisation type, as far as they are said."""
    facts: dict[str, str] = {}
    for part in _SPLIT.split(plain(text)):
        for field, kind in _FACTS:
            try:
                facts.setdefault(field, str(_read(kind, part).value)) if part else None
            except Unreadable:
                continue
    return facts


def owner_said(text: str) -> tuple[str, dict[str, str]]:
    """``市水务局、市直、政府`` → the department's name, and its level and organisation type as far as they are said."""
    parts = [part for part in re.split("[、,;]", plain(text)) if part.strip()]
    facts: dict[str, str] = {}
    while len(parts) > 1 and (said := department_facts(parts[-1])):
        facts = {**said, **facts}
        parts.pop()
    return "、".join(parts).strip(), facts


class Gaps:
    """One reading's gaps."""

    def __init__(self, answers: Answers, asked: Asked, own_city: Callable[[], OwnCity]) -> None:
        self._answers, self._asked, self._find_own_city = answers, asked, own_city
        self._in_file: dict[str, dict[str, str]] = {}
        """File → key of a department's name → that name."""

    def hear(self, raws: Iterable[Raw]) -> None:
        """Whose the sheets of each file are, as their rows, titles and answers say: a sheet that says nothing is probably theirs."""
        heard = {(raw.file, str(raw.values.get("department") or "") or raw.sheet): raw for raw in raws}  # one of many rows
        for raw in heard.values():
            said = [str(raw.values.get("department") or ""), *map(office_named, raw.contexts.values()), self.answered_owner(raw.file, raw.sheet, "")]
            if office := next(filter(None, said), ""):
                self._in_file.setdefault(raw.file, {}).setdefault(key(office), office)

    @cached_property
    def _own_city(self) -> OwnCity:
        """Looked for with the first department that nobody knows."""
        return self._find_own_city()

    def _sign(self, kind: str, name: str, raw: Raw) -> Sign | None:
        return sign_of(kind, name, raw.contexts, self._own_city.level)

    def owner(self, raw: Raw, departments: Departments) -> None:
        """A row of a sheet that names no department anywhere: whose sheet it is, by an answer, else as a question. Level and nature of a
        department that nobody knows are asked with it."""
        if raw.values.get("department") or not raw.source or "department" in raw.columns:
            return
        headed = office_headed(raw.contexts.get(SECTION, ""))
        at, scope = _sheet(raw.file, raw.sheet), _scope(raw.file, raw.sheet, headed)
        owner, facts = owner_said(self._owner(scope))
        if owner:
            raw.values["department"] = owner
            for field, value in facts.items():
                raw.values[field] = raw.values.get(field) or value
            return
        named = {SECTION: headed} if headed else {}
        named |= {place: office for place, text in raw.contexts.items() if place != SECTION and (office := office_named(text))}
        place, office = next(iter(named.items()), ("", ""))
        evidence = [sign(place, office)] if office else []
        if not office and len(beside := self._in_file.get(raw.file, {})) == 1:
            office, evidence = next(iter(beside.values())), [say("inventory.by_other_sheets")]
        proposed = [office]
        if office and not departments.is_known(office):
            signs = [self._sign(kind, office, raw) for _, kind in _FACTS]
            evidence += [found.evidence for found in signs if found]
            proposed += [_words(kind)[found.value][0] for (_, kind), found in zip(_FACTS, signs, strict=True) if found]
        self._asked.ask(
            Key("owner", "department", scope=scope),
            say("inventory.asks_owner_of_section", sheet=at, section=headed) if headed else say("inventory.asks_owner", sheet=at), place=raw.place(""), proposed="、".join(proposed),
            evidence=all_of(evidence),
        )  # fmt: skip

    def owner_of_withheld(self, raw: Raw, departments: Departments) -> Finding | None:
        """The same of a row that was counted and not read; what is to be said while nobody has told whose it is."""
        self.owner(raw, departments)
        if raw.values.pop("department", None):
            return None
        return raw.finding("withheld-of-nobody", "warning", say("inventory.withheld_of_nobody"), say("inventory.name_its_department"), at="department")

    def answered_owner(self, file: str, sheet: str, section: str) -> str:
        """Whose sheet or section it is, as somebody answered: its classified rows are that department's too. Empty where nobody did."""
        return owner_said(self._owner(_scope(file, sheet, office_headed(section))))[0]

    def _owner(self, scope: str) -> str:
        answer = self._answers.get("owner", "department", scope=scope)
        return answer.answer if answer is not None else ""

    def department(self, name: str, raw: Raw, perhaps: Perhaps | None = None, *, lacks: bool = True) -> None:
        """Level and nature of a department that nobody told, and whether it is a stored one under another name; ``lacks``: the former."""
        signs = {kind: self._sign(kind, name, raw) for _, kind in _FACTS} if lacks else {}
        proposed = [_words(kind)[found.value][0] for kind, found in signs.items() if found]
        evidence = [found.evidence for found in signs.values() if found]
        facts = "、".join(proposed) if signs and len(proposed) == len(signs) else ""
        options = [words[0] for kind in signs for words in _words(kind).values()]
        if perhaps:
            facts = f"原{perhaps.former.name}" if perhaps.sure else facts
            evidence.append(say("inventory.by_stored_systems", department=perhaps.former.name, count=perhaps.shared))
            options += [f"原{perhaps.former.name}", *([] if lacks else [NEW])]
        self._asked.ask(
            Key("department", about=name[:200]),
            say("inventory.asks_department", name=name[:60]) if lacks else say("inventory.asks_renamed", name=name[:60]),
            place=raw.place("department"), proposed=facts, evidence=all_of(evidence), choices=options,
        )  # fmt: skip

    def fill(self, raws: Iterable[Raw], interpretations: list[Interpretation]) -> None:
        """类别 and 建设状态 where cells or whole columns are empty: one question a table (or its empty cells) and column."""
        blank: dict[tuple[str, str, str, str], list[Raw]] = {}
        for raw in raws:
            for field in _BLANKS:
                if raw.source and raw.values.get(field) in (None, "") and field not in raw.unread:
                    off = raw.contexts.get(SWITCHED_OFF, "") if field == "status" else ""
                    blank.setdefault((raw.file, raw.sheet, field, off), []).append(raw)
        for (file, sheet, field, off), rows in blank.items():
            absent = field not in rows[0].columns
            scope = digest(rows[0].source, off) if off else rows[0].source if absent else digest(*sorted(f"{raw.values.get('department')}/{key(str(raw.values.get('name')))}" for raw in rows))
            answer = self._answers.get("blank", field, scope=scope)
            if answer is not None:
                self._take(answer, field, rows, interpretations)
                continue
            for raw in rows:
                proposed, evidence = _proposed(field, raw)
                at = " › ".join(part for part in (file, sheet) if part)
                self._asked.ask(
                    Key("blank", field, scope=scope),
                    say("inventory.asks_switched_off", sheet=at, column=label(field), count=len(rows))
                    if off
                    else say("inventory.asks_column", sheet=at, column=label(field))
                    if absent
                    else say("inventory.asks_blanks", sheet=at, column=label(field)),
                    place=raw.place(field), proposed=proposed, evidence=evidence,
                    choices=(*(words[0] for words in _words(field).values()), *((BY_NAME,) if field == "kind" else (more.zh for more in FURTHER))),
                )  # fmt: skip

    @staticmethod
    def _take(answer: Answer, field: str, rows: Iterable[Raw], interpretations: list[Interpretation]) -> None:
        for raw in rows:
            said, also = (_kind_by_name(raw), {}) if answer.answer == BY_NAME else _value(field, answer.answer)
            if said is not None:
                raw.values |= {field: said, **{more: value for more, value in also.items() if raw.values.get(more) is None}}
                shown = answer.understood(Name(_words(field)[said][0], said))
                interpretations.append(Interpretation(raw.file, raw.sheet, raw.at(field), "", shown))


def _sheet(*names: str) -> str:
    """What a sheet is called: of the names of its file and itself those that it has."""
    return " › ".join(name for name in names if name)


def _scope(file: str, sheet: str, section: str) -> str:
    """A digest that stands for a sheet, or a section of it: its name may be a classified system's."""
    return digest(_sheet(file, sheet, section))


def _proposed(field: str, raw: Raw) -> tuple[str, Words]:
    if field == "kind":
        return (BY_NAME, say("inventory.by_last_word")) if _kind_by_name(raw) else ("", "")
    if off := raw.contexts.get(SWITCHED_OFF):
        return _words("status")["retired"][0], say("inventory.by_power", column=off)
    if raw.values.get("in_service_since"):
        return _words("status")["in_use"][0], say("inventory.by_start")
    for place, text in raw.contexts.items():
        found = {value: word for value, words in _STATUS_SIGNS.items() for word in words if word in text}
        if len(found) == 1:
            value, word = next(iter(found.items()))
            return _words("status")[value][0], sign(place, word)
    return "", ""


def _kind_by_name(raw: Raw) -> str | None:
    from orchestrator.inventory.heads import value_by_head

    return value_by_head("kind", folded(plain(raw.values.get("name"))))


def _value(field: str, text: str) -> tuple[str | None, Mapping[str, object]]:
    """What is answered, and what that says of other columns."""
    try:
        read = _read(field, text)
    except Unreadable:
        return None, {}
    return str(read.value), read.also


def _words(kind: str) -> Mapping[str, Sequence[str]]:
    """What may be answered in a column of this kind."""
    from orchestrator.inventory.values import choices  # here: an inventory in YAML asks nothing

    return choices()[kind]


def _read(kind: str, text: str) -> Value:
    from orchestrator.inventory.values import read_value

    return read_value(kind, text)
