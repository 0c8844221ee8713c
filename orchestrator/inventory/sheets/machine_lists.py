"""Lists of machines (RVTools, NetBox, …) → systems with hosts, grouped by the column that a person chose. Machines are not systems.

Until somebody has said by what they are grouped, and that none of them is classified, nothing is counted and nothing kept of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.inventory import cells
from orchestrator.inventory.build.machine_groups import MachineGroup
from orchestrator.inventory.build.signs import SWITCHED_OFF, is_office
from orchestrator.inventory.forms import forms, match, whole_key
from orchestrator.inventory.machines import says_virtual
from orchestrator.inventory.names import host_name, key
from orchestrator.inventory.questions import Key, digest
from orchestrator.inventory.reading import Interpretation, Raw
from orchestrator.inventory.sheets.asking import Unanswered, answered_wording, ask_wording, settled
from orchestrator.inventory.sheets.columns_answer import MACHINES, several
from orchestrator.inventory.sheets.foreign import Foreign, Recognised, names_systems, said
from orchestrator.inventory.sheets.grids import Grid, Row, address
from orchestrator.inventory.sheets.header import Line
from orchestrator.inventory.sheets.lost import Numbers, number_column
from orchestrator.inventory.sheets.machine_names import first_address, prefix_of, tail_of
from orchestrator.inventory.sheets.machine_rows import BY_PREFIX, Machine, group_of_prefix, kept_of
from orchestrator.inventory.sheets.proposing import OF_THE_SYSTEM
from orchestrator.inventory.sheets.secrecy import is_open, judge, speaks_of_secrets
from orchestrator.inventory.sheets.table import Merges
from orchestrator.inventory.values import read_value
from orchestrator.texts import Words, say

if TYPE_CHECKING:
    from orchestrator.inventory.build.builder import Builder

OF_NO_SYSTEM = "不属于任何系统"
IN_USE, RETIRED = "in_use", "retired"
_ADDRESS = re.compile(r"[0-9A-Za-z]([0-9A-Za-z.:-]{0,252}[0-9A-Za-z])?")
_TYPES = {"vcpus": "cores", "cores_each": "cores", "memory_gb": "size", "disk_gb": "size"}
_BESIDE = {"memory_gb": "memory_gb", "storage_gb": "disk_gb"}
_JOINED = {"room", "dbms", "middleware", "operator", "vendor"}
_COLUMN = {"grade_answered": "protection_grade"}
_YES = {"true", "yes", "1", "是"}
_LOOKED_AT = 20
"""Machines after which a column of another kind is looked at no more."""


def read_machines(grid: Grid, found: Recognised, file: str, builder: Builder) -> None:
    """All machines of a sheet. What is asked about them goes to the builder, and their groups once both answers are there."""
    reader = _Reader(grid, found, file, builder)
    merges = Merges(grid.merged)
    for number, row in enumerate(grid.rows):
        line = merges.line(number, row)
        if number > found.header:
            reader.take(number, row, line)
    reader.finish()


class _Reader:
    def __init__(self, grid: Grid, found: Recognised, file: str, builder: Builder) -> None:
        self.grid, self.found, self.file, self.builder = grid, found, file, builder
        self.at = " › ".join(part for part in (file, grid.name) if part)
        self.scope = digest("machines", found.source.name, *sorted(found.keys.values()))
        self.unanswered = Unanswered(file, grid.name, builder.answers, builder.asked)
        self.numbers = Numbers(number_column(found.heads.words))
        self.machines: list[Machine] = []
        self.templates = 0
        kept = {whole_key(words) for words in found.source.kept}
        used = {*found.columns, *found.keys}
        self.kept = {index: words for index, words in found.heads.words.items() if index not in used and whole_key(words) in kept}
        self.kept |= {index: found.heads.words[index] for index, column in found.columns.items() if not _is_used(column.field)}
        self._asking = {index for index, column in found.columns.items() if column.field == "classified"}
        self._asking |= {index for index, words in found.heads.words.items() if index not in used and getattr(match(forms()["systems"], words), "field", "") == "classified"}
        """Columns that ask whether a machine's system is classified, an attribute of somebody's own among them."""
        self._is_open = any(is_open(words, kept=whole_key(words) in kept) for index, words in found.heads.words.items() if index not in {*used, *self._asking})
        self._whose = self._asking | set(found.keys) | {index for index, column in found.columns.items() if column.field in {"department", "classified"}}
        self.offices: set[str] = set()
        """Columns that hold departments."""
        known = {*used, *self.kept}
        self._systems = builder.names_of_systems()
        self._perhaps = {index: words for index, words in found.heads.words.items() if index not in known} if self._systems else {}
        """Columns of an office's own whose values may be names of its systems."""
        answer = builder.answers.get("grouping", about=found.source.name, scope=self.scope)
        self._chosen = {index: words for index, words in found.heads.words.items() if answer is not None and words == answer.answer}
        """The column that somebody chose: also where a list like this one names no known system in it."""
        self._filled: Counter[str] = Counter()
        self._named: Counter[str] = Counter()

    def take(self, number: int, row: Row, line: Line) -> None:
        """``line``: with what merged cells put into it, which holds for whose a machine is and whether it is classified, and for nothing else: it
        may be a classified one's."""
        self.unanswered.saw(line)
        for index in line.filled & self._whose if any(not cells.is_blank(cell) for cell in row) else ():
            row = [*row, *[None] * (index + 1 - len(row))]
            row[index] = line.cells[index]
        self.numbers.row(number, row)
        values: dict[str, Any] = {}
        of_system: dict[str, Any] = {}
        beside: dict[str, Any] = {}
        """What a cell says of other columns: 4C8G."""
        unread: set[str] = set()
        for index, column in self.found.columns.items():
            cell = row[index] if index < len(row) else None
            if cells.is_blank(cell) or index in self.kept:
                continue
            if column.field == "classified":
                continue
            if column.field in OF_THE_SYSTEM:
                told = self._of_system(column, cell, number, index)
                of_system |= told or {}
                unread |= {column.field} if told is None else set()
            else:
                value, further = self._value(column, cell, number, index)
                values[column.field] = value + values[column.field] if column.field in several("machines") and value and values.get(column.field) else value
                beside |= further
        for of in beside.keys() - values.keys():
            values[of] = beside[of]
        if values.get("vcpus") and values.get("cores_each"):
            values["vcpus"] *= values["cores_each"]
        speaks = any(isinstance(cell, str) and speaks_of_secrets(cell) for index, cell in enumerate(row) if index not in self._asking)
        verdict = judge([row[index] for index in self._asking if index < len(row)], is_open=self._is_open, speaks=speaks)
        if verdict.is_doubted:  # what it says of itself elsewhere outweighs a “no” until somebody has confirmed it
            self.unanswered.doubt(number)
        name = cells.text_of(values.get("name")) or cells.text_of(values.get("address"))
        if not name:
            if not all(map(cells.is_blank, row)):
                at = Raw(self.file, self.grid.name, address(number, 0))
                self.builder.findings.append(
                    at.finding("row-skipped", "warning", say("inventory.row_skipped"), say("inventory.complete_or_remove"))
                )
            return
        if cells.text_of(values.get("template")).casefold() in _YES:
            self.templates += 1
            return
        keys = {head: cells.text_of(row[index]) if index < len(row) else "" for index, head in self.found.keys.items()}
        keys[BY_PREFIX] = prefix_of(name)
        keys |= self._own_keys(row) | {head: cells.text_of(row[index]) if index < len(row) else "" for index, head in self._chosen.items()}
        self.machines.append(
            Machine(
                number, name, keys, values, off=values.get("power") in {"off", RETIRED}, system=of_system, classified=verdict.answer, unread=unread,
                kept={words: text for index, words in self.kept.items() if index < len(row) and (text := cells.text_of(row[index]))},
            )
        )  # fmt: skip

    def _own_keys(self, row: Row) -> dict[str, str]:
        """What stands in columns that no mapping knows, as long as most of it are names of systems."""
        said = {head: text for index, head in self._perhaps.items() if index < len(row) and (text := cells.text_of(row[index]))}
        self._filled.update(said.keys())
        self._named.update(head for head, text in said.items() if key(tail_of(text)) in self._systems)
        if len(self.machines) % _LOOKED_AT == _LOOKED_AT - 1:
            self._perhaps = {index: head for index, head in self._perhaps.items() if self._named[head] * 2 > self._filled[head]}
        return said

    def _of_system(self, column: Foreign, cell: Any, number: int, index: int) -> dict[str, Any] | None:
        """A cell that tells of the machine's system, in the form's words; None where what it means is asked."""
        ours = forms()["systems"].column(column.field)
        try:
            read = read_value(ours.type, said(column, cell), column.unit)
        except cells.Unreadable:
            answered = answered_wording(self.builder.answers, ours, "systems", cell)
            if answered is None:
                ask_wording(self.builder.asked, ours, "systems", cell, f"{self.at} › {address(number, index)}")
                return None
            read = answered
        if ours.type == "grade":
            return {"grade_answered": True, "protection_grade": read.value or None}
        return {} if read.value is None else {column.field: read.value}

    def _value(self, column: Foreign, cell: Any, number: int, index: int) -> tuple[Any, dict[str, Any]]:
        if column.field not in _TYPES:
            return said(column, cell), {}
        try:
            read = read_value(_TYPES[column.field], cell, column.unit)
        except cells.Unreadable as why:
            place = f"{self.at} › {address(number, index)}"
            answered = settled(why, self.builder.answers, self.builder.asked, self.scope, column.headers[0], self.at, place)
            if answered is None:
                self.builder.findings.append(
                    Raw(self.file, self.grid.name, address(number, index)).finding(
                        "unreadable", "warning", say("inventory.left_out_of_sum", column=column.headers[0]), say("inventory.mend_value")
                    )
                )
                return None, {}
            read = answered
        return read.value, {_BESIDE[of]: value for of, value in read.also.items() if of in _BESIDE}

    def finish(self) -> None:
        self.builder.sources.add(self.file)
        running = sum(not machine.off for machine in self.machines)
        about = say(
            "inventory.machines_read", source=self.found.source.name, count=len(self.machines), off=len(self.machines) - running, templates=self.templates
        )  # fmt: skip
        self.builder.findings.extend(
            Raw(self.file, self.grid.name, address(lost.row, lost.column)).finding(lost.code, lost.severity, lost.says, lost.mend) for lost in self.numbers.gaps()
        )
        first = address(self.found.header, 0)
        self.builder.interpretations.append(Interpretation(self.file, self.grid.name, first, "", about))
        if not self.machines:
            return
        self._take_offices()
        self._follow_classified([machine for machine in self.machines if machine.classified is None])
        heads = self._heads()
        answer = self.builder.answers.get("grouping", about=self.found.source.name, scope=self.scope)
        if answer is not None and answer.answer not in {*heads, *self._chosen.values()}:  # no column of this list: all its machines would be of no system
            answer = None
        unsaid = [machine for machine in self.machines if machine.classified is None]
        statement = self.unanswered.statement() if unsaid else None
        if answer is None:
            self._ask_grouping(heads)
        if unsaid and statement is None:
            for machine in unsaid:
                self.unanswered.lacks(machine.row, f"{self.at} › {address(machine.row, 0)}")
            self.unanswered.ask(self._contexts())
        if answer is None or (unsaid and statement is None):
            self.builder.findings.append(
                Raw(self.file, self.grid.name, first).finding(
                    "machines-not-grouped", "error",
                    say("inventory.machines_not_grouped", count=len(self.machines)),
                    say("inventory.answer_grouping"),
                )
            )  # fmt: skip
        if statement is not None:
            for machine in unsaid:
                machine.classified = machine.row + 1 in statement.classified
            self._follow_classified(unsaid)
        if answer is not None:
            self._group(answer.answer, self.machines)

    def _contexts(self) -> dict[str, str]:
        return {"工作表名称": self.grid.name, "文件名": self.file.rsplit("/", 1)[-1]}

    def _take_offices(self) -> None:
        """A column they may be grouped by that holds departments (a tenant, mostly) says whose they are, and is no system's name."""
        for head in self.found.keys.values():
            values = [tail_of(machine.keys[head]) for machine in self.machines if machine.keys[head]]
            if values and all(map(is_office, values)):
                self.offices.add(head)
                for machine in self.machines:
                    if machine.keys[head]:
                        machine.system.setdefault("department", tail_of(machine.keys[head]))

    def _follow_classified(self, silent: Sequence[Machine]) -> None:
        """Of these, a machine that names no system below one of a classified system is of that: its name stands on the first of its machines."""
        may_follow, above = {machine.row for machine in silent}, None
        for machine in self.machines:
            names = [head for head in machine.keys if head != BY_PREFIX and head not in self.offices]
            if above is not None and above.classified and machine.row in may_follow and not any(machine.keys[head] for head in names):
                machine.keys, machine.classified = {**machine.keys, **{head: above.keys.get(head, "") for head in names}}, True
            above = machine

    def _heads(self) -> list[str]:
        """What the machines may be grouped by, the likeliest first."""
        own = [head for head in self._perhaps.values() if self._named[head] * 2 > self._filled[head]]
        return [*own, *(head for head in self.found.keys.values() if head not in self.offices), BY_PREFIX, *sorted(self.offices)]

    def _ask_grouping(self, heads: Sequence[str]) -> None:
        proposed: str = ""
        evidence: Words = ""
        for head in heads:
            counted = Counter(machine.keys.get(head, "") for machine in self.machines)
            blank = counted.pop("", 0)
            known = sum(key(tail_of(name)) in self.builder.names_of_systems() for name in counted)
            if known * 2 > len(counted):
                proposed, evidence = head, say("inventory.by_known_systems", count=known, of=len(counted))
                break
            groups = len(counted) >= 2 and len(counted) * 3 <= len(self.machines) * 2
            if (groups or (counted and names_systems(head))) and blank * 2 < len(self.machines):
                proposed, evidence = head, say("inventory.by_groups", groups=len(counted), blank=blank, largest=max(counted.values()))
                break
        self.builder.asked.ask(
            Key("grouping", about=self.found.source.name, scope=self.scope),
            say("inventory.asks_grouping", sheet=self.at, count=len(self.machines)),
            place=f"{self.at} › {address(self.found.header, 0)}", proposed=proposed, evidence=evidence, choices=tuple(heads),
        )  # fmt: skip

    def _group(self, head: str, machines: Iterable[Machine]) -> None:
        groups: dict[str, list[Machine]] = {}
        for machine in machines:
            groups.setdefault(tail_of(machine.keys.get(head, "")).strip(), []).append(machine)
        self._take_alone(head, groups)
        for name, members in groups.items():
            if any(machine.classified for machine in members):
                self._withhold(name, members)
            else:
                stated = all(machine.classified is False for machine in members)
                self.builder.groups.append(MachineGroup(name, self._system(name, members), self._hosts(name, members), stated))

    def _take_alone(self, head: str, groups: dict[str, list[Machine]]) -> None:
        """Machines that say of no system: one question for all of them, the others go on."""
        alone = groups.pop("", [])
        if not alone:
            return
        scope = digest(self.scope, *sorted(machine.name for machine in alone))
        answer = self.builder.answers.get("ungrouped", about=self.found.source.name, scope=scope)
        if answer is not None:
            if answer.answer != OF_NO_SYSTEM:
                groups.setdefault(tail_of(answer.answer).strip(), []).extend(alone)
            return
        proposed = group_of_prefix(alone, groups)
        for machine in alone:
            self.builder.asked.ask(
                Key("ungrouped", about=self.found.source.name, scope=scope), say("inventory.asks_ungrouped", sheet=self.at, count=len(alone), column=head),
                place=f"{self.at} › {address(machine.row, 0)}", proposed=proposed, evidence=say("inventory.by_prefix") if proposed else "",
                choices=(OF_NO_SYSTEM,),
            )  # fmt: skip
        self.builder.findings.append(
            Raw(self.file, self.grid.name, address(alone[0].row, 0)).finding(
                "machines-without-group", "warning", say("inventory.machines_without_group", count=len(alone), column=head),
                say("inventory.answer_or_fill_group"),
            )
        )  # fmt: skip

    def _withhold(self, name: str, members: list[Machine]) -> None:
        """A system of which one machine is classified is classified: counted once, by the list that has it, else here, and nothing of it kept. A list that
        says otherwise of it contradicts."""
        listed = [str(raw.values.get("department") or "") for raw in self.builder.systems if key(str(raw.values.get("name") or "")) == key(name)]
        for office in listed:
            self.builder.secrets.add(name, office)
        if listed or self.builder.is_withheld(name):
            self.builder.secrets.add(name)
            for _ in members:
                self.builder.withheld_parts.count(self.file, self.grid.name)
            return
        department = next((str(machine.system["department"]) for machine in members if "department" in machine.system), "")
        self.builder.secrets.add(name, department)
        raw = Raw(self.file, self.grid.name, f"A{members[0].row + 1}", source=self.scope, contexts=self._contexts())
        self.builder.classified_row(raw, department, None, answered=True, called=("", name))

    def _told_of_system(self, members: list[Machine]) -> dict[str, Any]:
        """What the rows of one system say of it. Texts are joined; of what they say differently otherwise nothing is taken."""
        told: dict[str, Any] = {}
        for name in dict.fromkeys(name for machine in members for name in machine.system):
            values = list(dict.fromkeys(machine.system[name] for machine in members if name in machine.system))
            if len(values) == 1:
                told[name] = values[0]
            elif name == "status" and IN_USE in values:
                told[name] = IN_USE  # a system of which one machine is in use
            elif name in _JOINED:
                told[name] = "、".join(map(str, values))[:200]
            else:
                self.builder.findings.append(
                    Raw(self.file, self.grid.name, f"A{members[0].row + 1}").finding(
                        "machines-differ", "error", say("inventory.machines_differ", column=forms()["systems"].column(_COLUMN.get(name, name)).name),
                        say("inventory.agree_or_regroup"),
                    )
                )  # fmt: skip
        return told

    def _system(self, name: str, members: list[Machine]) -> Raw:
        running = [machine for machine in members if not machine.off] or members
        values: dict[str, Any] = {**self._told_of_system(members), "name": name[:200], "servers": len(running)}
        for field_name, of in (("vcpus", "vcpus"), ("memory_gb", "memory_gb"), ("storage_gb", "disk_gb")):
            amounts = [machine.values.get(of) for machine in running]
            if all(isinstance(amount, int | float) for amount in amounts):
                values[field_name] = round(sum(float(amount) for amount in amounts if amount is not None), 3)
        systems = list(dict.fromkeys(cells.text_of(machine.values.get("os")) for machine in running))
        if all(systems):
            values["os"] = "、".join(systems)[:200]
        virtual = self.found.source.virtual
        if virtual is None:
            virtual = says_virtual(head_of(self.found, "name"))
        if virtual is not None:
            values["virtualised"] = virtual
        contexts = self._contexts()
        if all(machine.values.get("power") == RETIRED for machine in members):
            values.setdefault("status", RETIRED)
        elif all(machine.off for machine in members):
            contexts[SWITCHED_OFF] = head_of(self.found, "power")
        at = f"A{members[0].row + 1}"
        unread = set.union(*(machine.unread for machine in members)) - set(values)
        return Raw(self.file, self.grid.name, at, values, unknown=kept_of(members), source=self.scope, contexts=contexts, unread=unread)

    def _hosts(self, name: str, members: list[Machine]) -> list[Raw]:
        """Machines with an address; one that has none is counted with its system, and cannot be reached."""
        hosts = []
        for machine in members:
            reached = first_address(cells.text_of(machine.values.get("address")))
            if machine.off or not _ADDRESS.fullmatch(reached):
                continue
            values = {
                "system": name, "name": host_name(machine.name), "address": reached, "os": cells.text_of(machine.values.get("os")) or None,
                "memory_gb": machine.values.get("memory_gb") or None, "disk_gb": machine.values.get("disk_gb") or None,
                "vcpus": int(machine.values["vcpus"]) if machine.values.get("vcpus") else None,
            }  # fmt: skip
            hosts.append(
                Raw(self.file, self.grid.name, f"A{machine.row + 1}", {of: value for of, value in values.items() if value is not None})
            )
        return hosts


def _is_used(of: str) -> bool:
    """Whether a machine, or its system, has such a field; what somebody typed under another is kept under its own header."""
    return of in MACHINES or of in OF_THE_SYSTEM or of == "template"


def head_of(found: Recognised, field_name: str) -> str:
    """What a column is called in the table."""
    return next((found.heads.words[index] for index, column in found.columns.items() if column.field == field_name), "")
