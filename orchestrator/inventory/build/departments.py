"""Who is who: the departments of a reading, listed ones and those that only rows name."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from orchestrator.errors import Finding
from orchestrator.inventory.answerbook import Answers
from orchestrator.inventory.build.faults import label
from orchestrator.inventory.build.gaps import department_facts, owner_said
from orchestrator.inventory.build.renamed import Formerly
from orchestrator.inventory.names import NOBODY, Names, is_id, key, make_id
from orchestrator.inventory.reading import Interpretation, Raw
from orchestrator.models import Department, Inventory, Level, OrganisationType
from orchestrator.texts import Name, say

WORDS = {"municipal": "市直", "county": "县市区", "government": "政府", "party_mass": "党群", "institution": "事业单位", "other": "其他"}


def _words(value: str) -> Name | str:
    """A level or a kind of organisation, for people."""
    return Name(WORDS[value], value) if value in WORDS else value


class Departments:
    """``listed``: from a list of departments; the others are made of what the rows say of them."""

    def __init__(
        self, findings: list[Finding], interpretations: list[Interpretation], known: Inventory | None, answers: Answers | None = None,
        renamed: Mapping[str, str] | None = None,
    ) -> None:
        self.findings, self.interpretations, self._answers = findings, interpretations, answers or Answers()
        self.listed: dict[str, Department] = {}
        self._known = {key(d.name): d for d in known.departments} if known else {}
        """Those of the folder that is imported into."""
        self.formerly = Formerly(known, self._answers, renamed)
        self._rows: dict[str, Raw] = {}
        self._heard: dict[str, dict[str, tuple[str, Raw]]] = {}
        """key of a name → attribute → (value, first row that said it)"""
        self._silent: dict[tuple[str, str], Raw] = {}
        self._index: dict[str, str] = {}
        self._made: dict[str, Department] = {}
        self._lacks: dict[str, list[str]] = {}
        self._told: set[tuple[str, str]] = set()

    def is_known(self, name: str) -> bool:
        """Whether its level and nature are on a list, in the folder or in an answer."""
        listed = {key(department.name) for department in self.listed.values()}
        return key(name) in listed or self.formerly.of(name) is not None or self._answers.get("department", about=name) is not None

    # ------------------------------------------------------------ hearing

    def levels(self) -> list[tuple[str, str]]:
        """Name and level of each that is listed, stored or answered."""
        known = [(department.name, str(department.level.value)) for department in (*self.listed.values(), *self._known.values())]
        for answer in self._answers.all():
            name, facts = (answer.about, department_facts(answer.answer)) if answer.kind == "department" else owner_said(answer.answer) if answer.kind == "owner" else ("", {})
            known += [(name, facts["level"])] if "level" in facts else []
        return known

    def hear(self, raw: Raw) -> None:
        """What one row says of its department."""
        name = raw.values.get("department")
        if not isinstance(name, str) or not name:
            return
        at = key(name)
        self._rows.setdefault(at, raw)
        heard = self._heard.setdefault(at, {"name": (name, raw)})
        for field in ("level", "organisation_type"):
            value = raw.values.get(field)
            if not isinstance(value, str):
                self._silent.setdefault((at, field), raw)
            elif field not in heard:
                heard[field] = (value, raw)
            elif heard[field][0] != value:
                first = heard[field][1]
                self.findings.append(
                    raw.finding(
                        "department-conflict",
                        "error",
                        say("inventory.department_conflict", name=name, column=label(field), place=first.place(field)),
                        say("inventory.make_agree"),
                        at=field,
                    )
                )

    def settle(self) -> None:
        """Resolve every name that was heard, once all rows are in."""
        for department in self.listed.values():
            for name in (department.id, department.name, department.name_en or ""):
                if name:
                    self._index.setdefault(key(name), department.id)
        for at, heard in self._heard.items():
            if at in self._index:
                self._agree(self.listed[self._index[at]], heard)
            else:
                self._make(at, heard)
        self._near_misses()

    def _agree(self, listed: Department, heard: dict[str, tuple[str, Raw]]) -> None:
        for field in ("level", "organisation_type"):
            if field in heard and heard[field][0] != getattr(listed, field):
                value, raw = heard[field]
                self.findings.append(
                    raw.finding(
                        "department-conflict",
                        "error",
                        say("inventory.department_listed_otherwise", name=listed.name, listed=_words(getattr(listed, field)), here=_words(value)),
                        say("inventory.correct_either_list"),
                        at=field,
                    )
                )

    def _make(self, at: str, heard: dict[str, tuple[str, Raw]]) -> None:
        name = heard["name"][0]
        known = self._stored(name)
        ident = known.id if known else name if is_id(name) else make_id("dept", name)
        values: dict[str, str] = {}
        answer = self._answers.get("department", about=name)
        answered = department_facts(answer.answer) if answer else {}
        for field in ("level", "organisation_type"):
            if field in heard:
                values[field] = heard[field][0]
            elif known:
                values[field] = getattr(known, field)
            elif field in answered:
                values[field] = answered[field]
            else:
                self._lacks.setdefault(ident, []).append(field)
                continue
            silent = self._silent.get((at, field))
            if silent is not None:
                value = _words(values[field])
                told = say("inventory.by_other_rows", value=value)
                if field not in heard:
                    told = say("inventory.as_stored", value=value) if known or answer is None else answer.understood(value)
                self.interpretations.append(Interpretation(silent.file, silent.sheet, silent.at(field), "", told))
        self._index[at] = ident
        self._made[ident] = Department(
            id=ident,
            name=name[:200],
            name_en=known.name_en if known and key(known.name) == at else None,
            level=Level(values.get("level", "municipal")),
            organisation_type=OrganisationType(values.get("organisation_type", "government")),
        )

    def _stored(self, name: str) -> Department | None:
        """The folder's department of this name, or of a former name of it, where that is not in use here for another one."""
        known = self.formerly.of(name)
        if known is None or key(known.name) == key(name):
            return known
        in_use = {*self._heard, *(key(department.name) for department in self.listed.values())}
        return None if key(known.name) in in_use or known.id in self._made else known

    def _near_misses(self) -> None:
        made = [(heard["name"][0], self._rows[at]) for at, heard in self._heard.items() if self._index[at] in self._made]
        names = [department.name for department in self.listed.values()]
        official = bool(names)
        compared = Names(names)
        stored = Names(known.name for at, known in self._known.items() if at not in self._heard)
        for name, raw in made:
            alike = compared.near(name)
            if not official:
                compared.add(name)
                alike += stored.near(name) if key(name) not in self._known else []
            if alike:
                self.findings.append(
                    raw.finding(
                        "department-near-miss",
                        "error" if official else "warning",
                        say("inventory.department_unlisted_like", name=name[:60], alike=tuple(alike))
                        if official
                        else say("inventory.department_like", name=name[:60], alike=tuple(alike)),
                        say("inventory.use_listed_department"),
                        at="department",
                    )
                )
            elif official:
                self.findings.append(
                    raw.finding(
                        "department-not-listed",
                        "warning",
                        say("inventory.department_not_listed", name=name[:60]),
                        say("inventory.list_department"),
                        at="department",
                    )
                )

    # ------------------------------------------------------------ asking

    def id_of(self, name: str) -> str:
        """The id of a department by id or name. A name that nobody told anything about becomes a department of its own; no name, nobody's."""
        if not name.strip() or name == NOBODY:
            return NOBODY
        found = self._index.get(key(name))
        if found:
            return found
        known = self._stored(name)
        ident = known.id if known else name if is_id(name) else make_id("dept", name)
        self._index[key(name)] = ident
        self._made[ident] = known or Department(id=ident, name=name[:200].strip())
        return ident

    def find(self, name: str) -> str | None:
        """The id, if the name or id is a department of this reading."""
        return self._index.get(key(name))

    def get(self, ident: str) -> Department | None:
        return self.listed.get(ident) or self._made.get(ident)

    def lacks(self, ident: str) -> list[str]:
        """What the count needs to know of a department and nobody said."""
        return self._lacks.get(ident, [])

    def told(self, ident: str, field: str) -> bool:
        """Whether this gap was reported before: once a department is enough."""
        before = (ident, field) in self._told
        self._told.add((ident, field))
        return before

    def all(self, needed: Collection[str]) -> tuple[Department, ...]:
        """Those that are known well enough, and those that are ``needed`` however little is known: nobody's level is made up for the rest."""
        made = {ident: made for ident, made in self._made.items() if ident in needed or not self.lacks(ident)}
        listed = {ident: department for ident, department in self.listed.items() if ident != NOBODY}
        return tuple(sorted({**made, **listed}.values(), key=lambda department: department.id))
