"""Raw records of all files together → one Inventory, with every finding. Pure: no file is touched here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from orchestrator.errors import Finding
from orchestrator.inventory.answerbook import Answers
from orchestrator.inventory.build import faults, link
from orchestrator.inventory.build.departments import Departments
from orchestrator.inventory.build.further_rows import take_further
from orchestrator.inventory.build.gaps import Gaps
from orchestrator.inventory.build.hosts_named import HostsNamed, hosts_of
from orchestrator.inventory.build.listed import Findings
from orchestrator.inventory.build.machine_groups import MachineGroup, take_groups
from orchestrator.inventory.build.other_systems import OtherSystems
from orchestrator.inventory.build.own_city import own_city
from orchestrator.inventory.build.renamed import Perhaps
from orchestrator.inventory.build.secrets import Secrets, Striker, same_thing, strike_places
from orchestrator.inventory.build.several_names import about_several_names
from orchestrator.inventory.build.several_rows import put_together
from orchestrator.inventory.build.signs import SECTION
from orchestrator.inventory.build.unlisted import take_unlisted
from orchestrator.inventory.build.unnamed_databases import take_unnamed
from orchestrator.inventory.build.withheld_parts import WithheldParts
from orchestrator.inventory.hours import hours_unread
from orchestrator.inventory.names import key
from orchestrator.inventory.questions import NO_SYSTEM, Asked, Question
from orchestrator.inventory.reading import Interpretation, Places, Raw, Reading, Uncounted, Withheld
from orchestrator.models import Department, Excluded, ExcludedRow, Inventory, OrganisationType, Room, Status, System
from orchestrator.texts import say

if TYPE_CHECKING:  # an inventory in YAML is read without them
    from orchestrator.inventory.sheets.foreign import Source

NEEDED_TO_COUNT = ("name", "department", "kind", "status")
PARTS = ("hosts", "databases", "file_trees", "services", "devices", "links", "windows", "data_resources")
NAMED_PARTS = ("hosts", "databases", "devices")
"""Technical rows that policy takes facts from, each by its name."""
_MARK = {"department", "row_no", "classified"}
"""What import writes of a row that is not answered: nothing to read in it."""


class Builder:
    """Collects raw records, then ``finish``es once. ``findings`` and ``interpretations`` may be appended to by whoever reads."""

    def __init__(self, known: Inventory | None = None, answers: Answers | None = None, renamed: Mapping[str, str] | None = None) -> None:
        self.answers = answers or Answers()
        self.ignored: dict[str, str] = {}
        """Files of a tool whose other sheets say nothing of systems → the tool."""
        self.asked = Asked()
        self.secrets = Secrets()
        self.findings = Findings()
        self.interpretations: list[Interpretation] = []
        self.unknown_columns: list[str] = []
        self.departments = Departments(self.findings, self.interpretations, known, self.answers, renamed)
        self.rooms: dict[str, Room] = {}
        self._room_rows: dict[str, Raw] = {}
        self.systems: list[Raw] = []
        self.parts: list[tuple[str, Raw]] = []
        self.further: list[Raw] = []
        """Rows of tables that add to the systems of their file."""
        self.groups: list[MachineGroup] = []
        """Machines of lists that somebody said how to group."""
        self.withheld: list[Withheld] = []
        """Their department as it was written, until ``finish``."""
        self.withheld_parts = WithheldParts(self.findings, self.asked)
        self.names_withheld: set[str] = set()
        """Keys of the names and codes of rows that are classified, or not answered: in memory only."""
        self._called: list[tuple[str, str, str]] = []
        """Code and name that each of them bears, and the heading that it stands under: in memory only, to know a stored system by, and its department."""
        self._of_nobody: list[Raw] = []
        """Those that say yes and name no department, emptied."""
        self.files: dict[str, str] = {}
        self.sources: set[str] = set()
        self.forms: set[tuple[str, str]] = set()
        """(file, sheet) of every statistics form whose header was understood, also of one without a row."""
        self._ids = link.KnownIds(known)
        self._waiting: set[tuple[str, str, str]] = set()
        """Headers of tables of which rows wait for the answer on their columns."""

    # ------------------------------------------------------------ taking in

    @cached_property
    def foreign(self) -> tuple[Source, ...]:
        """How the tables of others are read; loaded with the first table."""
        from orchestrator.inventory.sheets.foreign import shipped

        return shipped()

    def reference(self, kind: str, raw: Raw) -> None:
        """A department or a room, from YAML or from a sheet."""
        self.sources.add(raw.file)
        self._tell(raw)
        if raw.values.get("id") in (None, "") and isinstance(raw.values.get("name"), str):
            former = self.departments.formerly.of(raw.values["name"]) if kind == "departments" else None
            raw.values["id"] = former.id if former else self._ids.reference(kind, raw.values["name"])
        model: Any = Department if kind == "departments" else Room
        known: dict[str, Any] = self.departments.listed if kind == "departments" else self.rooms
        noun = faults.validated(model, raw, self.findings)
        if noun is None:
            return
        if noun.id in known and known[noun.id] != noun:
            self.findings.append(
                raw.finding(
                    "duplicate-id", "error", say("inventory.duplicate_id", id=noun.id), say("inventory.keep_one"), at="id"
                )
            )
            return
        known[noun.id] = noun
        if kind == "rooms":
            self._room_rows[noun.id] = raw
        self.files[f"{kind}:{noun.id}"] = raw.file

    def part(self, kind: str, raw: Raw) -> None:
        """A row of a technical sheet; it joins its system in ``finish``."""
        if kind in ("departments", "rooms"):
            self.reference(kind, raw)
        else:
            self.sources.add(raw.file)
            self.parts.append((kind, raw))

    def sheet_system(self, raw: Raw) -> None:
        """A row of the statistics form, its cells already read."""
        self.sources.add(raw.file)
        if raw.values.get("kind") == NO_SYSTEM:
            self.interpretations.append(Interpretation(raw.file, raw.sheet, raw.at("kind"), "", say("inventory.no_system_as_answered")))
            return
        raw.findings.extend(about_several_names(raw))
        self._tell(raw)
        self.systems.append(raw)

    def _tell(self, raw: Raw) -> None:
        """What its cells took interpreting, and who commented on them: it is no classified system's row."""
        self.interpretations += raw.interpretations
        self.findings += raw.findings

    def is_stored(self, name: str) -> bool:
        """Whether a system of an earlier import is called so."""
        return bool(self._ids.stored.get(key(name)))

    def names_of_systems(self) -> set[str]:
        """Keys of the names and codes of the systems that are known by now: read, or of an earlier import."""
        return self._names_read() | set(self._ids.stored)

    def names_in(self, file: str) -> set[str]:
        """Keys of the names of what a file has listed by now, withheld rows among them."""
        return {key(str(raw.values["name"])) for raw in self.systems if raw.file == file and raw.values.get("name")} | self.names_withheld_in(file)

    def names_withheld_in(self, file: str) -> set[str]:
        return {key(name) for row, (_, name, _) in zip(self.withheld, self._called, strict=True) if row.file == file and name}

    def is_withheld(self, name: str) -> bool:
        """Whether a row that is classified, or not answered, is called so, with or without 系统 at the end of either."""
        return any(same_thing(name, called) for _, called, _ in self._called)

    def _names_read(self) -> set[str]:
        return {key(str(raw.values[of])) for raw in self.systems for of in ("id", "name") if raw.values.get(of)}

    def yaml_system(self, raw: Raw) -> None:
        """A system from YAML. A classified one, or one whose classification is not answered, is reduced before anything else is looked at."""
        mark = raw.values.keys() <= _MARK and raw.values.get("classified", "") is None
        answer = faults.answer(raw.values.pop("classified", None))
        if answer is False:
            faults.shaped(raw, self.findings)
            faults.read_words(raw, self.findings, self.interpretations)
            self.sources.add(raw.file)
            self.systems.append(raw)
            return
        department, row_no = raw.values.get("department"), raw.values.get("row_no")
        self.classified_row(
            raw, department if isinstance(department, str) else "", row_no if isinstance(row_no, int) else None, answered=answer is True,
            known=mark, called=(str(raw.values.get("id") or ""), str(raw.values.get("name") or "")),
        )  # fmt: skip

    def classified_row(
        self, raw: Raw, department: str, row_no: int | None, *, answered: bool, quiet: bool = False, known: bool = False,
        called: tuple[str, str] = ("", ""),
    ) -> None:  # fmt: skip
        """Count the row and forget it. ``quiet``: why it is not answered was said of the whole sheet. ``known``: it is an import's own mark
        of a row that was reported then: a reminder, no error. ``called``: the code and the name that it bears, to know a stored system by."""
        raw.values.clear()
        raw.unknown.clear()
        self.sources.add(raw.file)
        if not answered and not quiet:
            self.findings.append(
                raw.finding(
                    "classified-unanswered",
                    "warning" if known else "error",
                    say("inventory.classified_unanswered"),
                    say("inventory.department_answers"),
                    at="classified",
                )
            )
        self.secrets.add_sheet(raw.sheet, called[1])
        self.secrets.add_place(raw.file, raw.sheet, called[1])
        if answered and not department.strip():
            self._of_nobody.append(raw)
        self.withheld.append(Withheld(department, row_no, answered, raw.file, raw.sheet))
        self._called.append((*called, raw.contexts.get(SECTION, "")))
        self.names_withheld |= {key(word) for word in called} - {""}

    # ------------------------------------------------------------ putting together

    def _take_out_contradictions(self, gaps: Gaps) -> None:
        """A row that says no of a system of which another row says yes: nothing of it is kept until they agree. Where it is not known whose one of them
        is, they are of one system."""
        for raw in [raw for raw in self.systems if self.secrets.said_otherwise(raw) or self._said_otherwise(raw, gaps)]:
            self.systems.remove(raw)
            self.secrets.add(raw.values["name"])
            department, row_no = str(raw.values.get("department") or ""), raw.values.get("row_no")
            called = (str(raw.values.get("id") or ""), str(raw.values["name"]))
            self.findings.append(
                raw.finding(
                    "classified-contradiction", "error", say("inventory.classified_contradiction"),
                    say("inventory.department_agrees"), at="classified",
                )
            )  # fmt: skip
            self.classified_row(raw, department, row_no if isinstance(row_no, int) else None, answered=False, quiet=True, called=called)

    def _said_otherwise(self, raw: Raw, gaps: Gaps) -> bool:
        """Whether a classified row of this name is the same department's, or may be."""
        offices = self._classified_at.get(key(str(raw.values.get("name") or "")), set())
        office = str(raw.values.get("department") or "") or gaps.answered_owner(raw.file, raw.sheet, raw.contexts.get(SECTION, ""))
        return bool(offices) and (not office or "" in offices or key(office) in offices)

    @cached_property
    def _classified_at(self) -> dict[str, set[str]]:
        """Key of the name of each row that says yes → keys of the departments, empty where nobody has said whose it is."""
        found: dict[str, set[str]] = {}
        for row, (_, name, _) in zip(self.withheld, self._called, strict=True):
            if row.answered and key(name):
                found.setdefault(key(name), set()).add(key(row.department))
        return found

    def _strike_secrets(self) -> Striker | None:
        """What classified rows are called stands in no text of others, nor in the name of a file or a sheet."""
        raws = [*self.systems, *(part for _, part in self.parts)]
        departments = {str(raw.values.get("department")) for raw in self.systems} | {row.department for row in self.withheld} - {""}
        strike = self.secrets.strike(raws, [str(raw.values.get("name")) for raw in self.systems], departments)
        if strike is not None:
            self.interpretations[:] = [one.reworded(strike) for one in self.interpretations]
            self.findings[:] = [one.reworded(strike) for one in self.findings]
            for raw in raws:
                raw.interpretations = [one.reworded(strike) for one in raw.interpretations]
                raw.findings = [one.reworded(strike) for one in raw.findings]
            strike_places(strike, [*raws, *self._of_nobody])
            self.withheld[:] = [replace(row, file=strike(row.file), sheet=strike(row.sheet)) for row in self.withheld]
            self.files = {of: strike(file) for of, file in self.files.items()}
            self.sources = {strike(file) for file in self.sources}
            self.forms = {(strike(file), strike(sheet)) for file, sheet in self.forms}
            self.unknown_columns[:] = [strike(words) for words in self.unknown_columns]
        return strike

    def wait_for_columns(self, raw: Raw) -> None:
        """The row lacks what a column may hold that is being asked about: said once for its table."""
        at = (raw.file, raw.sheet, raw.waits)
        if at not in self._waiting:
            self._waiting.add(at)
            self.findings.append(
                Raw(*at).finding("columns-asked", "error", say("inventory.waits_for_columns"), say("inventory.answer_columns_question"))
            )

    def finish(self) -> Reading:
        take_further(self)
        take_groups(self)
        take_unlisted(self)
        gaps = Gaps(self.answers, self.asked, lambda: own_city(self))
        self._give_withheld(gaps)
        self._take_out_contradictions(gaps)
        strike = self._strike_secrets()
        rows = len(self.systems) + len(self.withheld)
        gaps.hear(self.systems)
        for raw in self.systems:
            gaps.owner(raw, self.departments)
            self.departments.hear(raw)
        self._ask_whose(gaps)
        self.departments.settle()
        uncounted: list[Uncounted] = []
        gaps.fill(self.systems, self.interpretations)
        perhaps = self.departments.formerly.perhaps(self.systems, {row.department for row in self.withheld})
        identified = [raw for raw in self.systems if self._identify(raw, uncounted, gaps, perhaps)]
        identified = put_together(identified, self.answers, self.asked, self.interpretations)
        self._ids.give(identified)
        self._distinct(identified)
        alone = (
            not self.systems and not self.withheld
        )  # technical sheets without a statistics form: nothing in it turns out to be classified
        listed = [*(host for raw in identified for host in hosts_of(raw)), *(part.values for kind, part in self.parts if kind == "hosts")]
        hosts = HostsNamed([*listed, *self._ids.hosts()], self.answers, self.asked, self.interpretations)
        link.join_parts(
            identified, self.parts, self.findings, self._ids.stored if alone else {}, hosts.settle, self._names_read(), self.names_withheld,
            self.withheld_parts,
        )  # fmt: skip
        self.interpretations += [one.reworded(strike) if strike else one for one in self.withheld_parts.settle()]
        for _, _, part in [joined for raw in identified for joined in raw.parts]:
            self._tell(part)
        take_unnamed(identified, self.findings, self.interpretations, (system for alike in self._ids.stored.values() for system in alike))
        others = OtherSystems(self.answers, self.asked, self.interpretations, self.names_withheld)
        link.depend(identified, self.findings, self._ids.stored, self._secret_names(), others)
        link.owners_of_rooms(self.rooms, self._room_rows, self.departments, self.findings)
        link.places_of_work(identified, self.rooms, self.departments, self.findings)
        hours_unread(identified, self.findings)
        systems: dict[str, System] = {}
        raws: dict[str, Raw] = {}
        for raw in identified:
            raw.name_rows(NAMED_PARTS)
            system = faults.validated(System, raw, self.findings)
            if system is None:
                uncounted.append(_uncounted(raw, ()))
            else:
                systems[system.id], raws[system.id] = system, raw
                raw.values = {kind: raw.values[kind] for kind in PARTS if hasattr(raw.values.get(kind), "lines")}  # the system holds the rest now
        link.one_source_per_datum(systems, raws, self.findings)
        withheld = self._name_withheld()
        outside = {ident: reason for ident, system in systems.items() if (reason := self._outside(system))}
        left_out = [
            ExcludedRow(department=systems[ident].department, reason=reason, row_no=systems[ident].row_no, system=systems[ident])
            for ident, reason in outside.items()
        ]
        excluded = [*(row.row for row in withheld), *left_out]
        excluded.sort(key=lambda row: (row.reason, row.department, row.row_no or 0, row.system.id if row.system else ""))
        inventory = Inventory(
            departments=self.departments.all({row.department for row in withheld}),
            rooms=tuple(sorted(self.rooms.values(), key=lambda r: r.id)),
            systems=tuple(sorted((system for ident, system in systems.items() if ident not in outside), key=lambda s: s.id)),
            excluded=tuple(excluded),
        )
        rows_of = {(raw.file, raw.sheet, raw.cell[1:]): ident for ident, raw in raws.items() if raw.cell.startswith("A")}
        return Reading(
            inventory=inventory,
            findings=sorted(dict.fromkeys(_named(finding, rows_of) for finding in [*self.findings, *self.findings.rest()]), key=_order),
            interpretations=sorted(self.interpretations, key=_order),
            places={ident: Places(raw) for ident, raw in raws.items()},
            files={**self.files, **{ident: raw.file for ident, raw in raws.items()}},
            uncounted=uncounted,
            tables={ident: (raw.file, raw.sheet) for ident, raw in raws.items() if not raw.stored},
            withheld=tuple(withheld),
            sources=frozenset(self.sources),
            forms=frozenset(self.forms),
            rows=rows,
            unanswered=sum(not row.answered for row in withheld),
            unknown_columns=tuple(dict.fromkeys(self.unknown_columns)),
            questions=tuple(self._questions(strike)),
        )

    def _give_withheld(self, gaps: Gaps) -> None:
        """Classified rows are whose somebody answered that their sheet or section is. Before words are struck: by the names that files have."""
        self.withheld[:] = [
            replace(row, department=row.department or gaps.answered_owner(row.file, row.sheet, section))
            for row, (_, _, section) in zip(self.withheld, self._called, strict=True)
        ]

    def _name_withheld(self) -> list[Withheld]:
        """By the ids of department and system."""
        named = []
        for row, (code, name, _) in zip(self.withheld, self._called, strict=True):
            department = self.departments.id_of(row.department)
            named.append(replace(row, department=department, system=self._ids.named(code, department, name)))
        return named

    def _ask_whose(self, gaps: Gaps) -> None:
        """Classified rows of sheets on which no department stands. Elsewhere one that names none is settled with its sheet (``folder.gone``)."""
        named = {(raw.file, raw.sheet) for raw in self.systems if raw.values.get("department")} | {(row.file, row.sheet) for row in self.withheld if row.department}
        for raw in self._of_nobody:
            if (raw.file, raw.sheet) not in named and (finding := gaps.owner_of_withheld(raw, self.departments)) is not None:
                self.findings.append(finding)

    def _questions(self, strike: Striker | None) -> Iterator[Question]:
        """Without those whose own words would tell what a classified row is called: an answer sheet goes out of the house."""
        for question in self.asked.questions():
            if strike is None:
                yield question
            elif strike(question.about) == question.about:
                yield question.reworded(strike)

    def _secret_names(self) -> set[tuple[str, str]]:
        """Department and key of the name of each row that is classified or not answered."""
        found = set()
        for row, (_, name, _) in zip(self.withheld, self._called, strict=True):
            owner = self.departments.find(row.department)
            if owner and name:
                found.add((owner, key(name)))
        return found

    def _identify(self, raw: Raw, uncounted: list[Uncounted], gaps: Gaps, perhaps: Mapping[str, Perhaps]) -> bool:
        """Its department by id. False when what the count needs is missing."""
        values = raw.values
        missing = [name for name in NEEDED_TO_COUNT if values.get(name) in (None, "")]
        values.pop("level", None)
        values.pop("organisation_type", None)
        name = values.get("department")
        if isinstance(name, str) and name:
            values["department"] = self.departments.id_of(name)
            lacks = self.departments.lacks(values["department"])
            missing += lacks
            renamed = perhaps.get(key(name)) if not self.departments.formerly.is_settled(name) else None
            if lacks or renamed:
                gaps.department(name, raw, renamed, lacks=bool(lacks))
        for field in missing:
            says = say("inventory.missing", column=faults.label(field))
            if raw.waits and field not in raw.columns:
                self.wait_for_columns(raw)
            elif field in NEEDED_TO_COUNT:
                self.findings.append(raw.finding("missing", "error", says, say("inventory.fill_in"), at=field))
            elif not self.departments.told(str(values.get("department")), field):
                self.findings.append(raw.finding("missing", "error", says, say("inventory.answer_of_department"), at="department"))
        if missing:
            uncounted.append(_uncounted(raw, tuple(missing)))
            return False
        return True

    def _distinct(self, raws: list[Raw]) -> None:
        """Take out rows that say the same system again, within and across files."""
        seen: dict[str, Raw] = {}
        for raw in list(raws):
            values = raw.values
            who = f"{values['department']}/{key(str(values['name']))}/{values['kind']}"
            ident = str(values["id"])
            first = seen.get(ident) or seen.get(who)
            if first is None:
                seen[ident] = seen[who] = raw
                continue
            raws.remove(raw)
            self.findings.append(
                raw.finding(
                    "duplicate-system",
                    "error",
                    say("inventory.duplicate_system", name=str(values["name"]), place=first.place("name")),
                    say("inventory.keep_one_row"),
                    at="name",
                    system=ident,
                )
            )

    def _outside(self, system: System) -> Excluded | None:
        if system.status is Status.RETIRED:
            return Excluded.RETIRED
        department = self.departments.get(system.department)
        if department and department.organisation_type is OrganisationType.PARTY_MASS:
            return Excluded.PARTY_MASS
        return None


def _uncounted(raw: Raw, missing: tuple[str, ...]) -> Uncounted:
    name, department = raw.values.get("name"), raw.values.get("department")
    return Uncounted(str(name or "")[:200], str(department or "")[:200], "", missing, raw.file, raw.cell)


def _named(finding: Finding, rows: dict[tuple[str, str, str], str]) -> Finding:
    """A finding on a system's row with the system's id: it was not known yet when the cell was read."""
    row = finding.cell.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    ident = rows.get((finding.file, finding.sheet, row)) if not finding.system else None
    return replace(finding, system=ident) if ident else finding


def _order(finding: Finding | Interpretation) -> tuple[Any, ...]:
    """Files in order, sheets in order of name, cells row by row."""
    cell = finding.cell.split(" ")[0]
    letters = cell.rstrip("0123456789")
    digits = cell[len(letters) :][:9]
    return (finding.file, finding.sheet, int(digits or 0), len(letters), letters, finding.cell, getattr(finding, "code", ""))
