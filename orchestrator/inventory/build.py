"""Raw rows of all files together → one Inventory, with every finding. Pure: no file is touched here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from orchestrator.errors import Finding
from orchestrator.inventory import faults
from orchestrator.inventory.names import key, make_id
from orchestrator.inventory.reading import Interpretation, Raw, Reading, Uncounted, classified_row
from orchestrator.models import Department, Excluded, ExcludedRow, Inventory, OrganisationType, Room, Status, System

NEEDED_TO_COUNT = ("name", "department", "kind", "status")


class Builder:
    """Collects raw rows, then ``finish``es once. ``findings`` may be appended to by whoever reads."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.interpretations: list[Interpretation] = []
        self.unknown_columns: list[str] = []
        self.departments: dict[str, Department] = {}
        self.rooms: dict[str, Room] = {}
        self.systems: list[Raw] = []
        self.classified: list[tuple[str, int | None]] = []
        self.unanswered = 0

    # ------------------------------------------------------------ taking in

    def reference(self, kind: str, raw: Raw) -> None:
        """A department or a room."""
        model: Any = Department if kind == "departments" else Room
        known: dict[str, Any] = self.departments if kind == "departments" else self.rooms
        noun = faults.validated(model, raw, self.findings)
        if noun is None:
            return
        if noun.id in known and known[noun.id] != noun:
            self.findings.append(
                raw.finding(
                    "duplicate-id", "error", f"编码 {noun.id} 重复且内容不同 (id is used twice)", "只保留一个 (keep one of them)", at="id"
                )
            )
            return
        known[noun.id] = noun

    def yaml_system(self, raw: Raw) -> None:
        """A system from YAML. A classified one, or one whose classification is not answered, is reduced before anything else is looked at."""
        answer = raw.values.pop("classified", None)
        if answer is False:
            self.systems.append(raw)
            return
        department, row_no = raw.values.get("department"), raw.values.get("row_no")
        self.classified_row(raw, str(department or ""), row_no if isinstance(row_no, int) else None, answered=answer is True)

    def classified_row(self, raw: Raw, department: str, row_no: int | None, *, answered: bool) -> None:
        raw.values.clear()
        raw.unknown.clear()
        if not answered:
            self.unanswered += 1
            self.findings.append(
                raw.finding(
                    "classified-unanswered",
                    "error",
                    "“是否涉密”未填写,按涉密处理,未读取该行 (not stated whether it is classified; treated as classified, nothing else was read)",
                    "由该单位确认后填写“是”或“否” (have the department answer yes or no)",
                    at="classified",
                )
            )
        self.classified.append((department, row_no))

    # ------------------------------------------------------------ putting together

    def finish(self) -> Reading:
        rows = len(self.systems) + len(self.classified)
        index = self._department_index()
        systems: dict[str, System] = {}
        raws: dict[str, Raw] = {}
        uncounted: list[Uncounted] = []
        for raw in self.systems:
            system = self._system(raw, index, uncounted)
            if system is None:
                continue
            if system.id in systems:
                first = raws[system.id]
                self.findings.append(
                    raw.finding(
                        "duplicate-system",
                        "error",
                        f"系统重复: {system.name} ({system.id}),先见于 {first.place('id')} (the same system twice)",
                        "只保留一行,或改用不同的系统编码 (keep one row, or give another id)",
                        at="id",
                        system=system.id,
                    )
                )
                continue
            systems[system.id] = system
            raws[system.id] = raw
        excluded = [classified_row(self._department_id(name, index), row_no) for name, row_no in self.classified]
        counted: list[System] = []
        for system in systems.values():
            reason = self._outside(system)
            if reason is None:
                counted.append(system)
            else:
                excluded.append(ExcludedRow(department=system.department, reason=reason, row_no=system.row_no, system=system))
        excluded.sort(key=lambda row: (row.reason, row.department, row.row_no or 0, row.system.id if row.system else ""))
        inventory = Inventory(
            departments=tuple(sorted(self.departments.values(), key=lambda d: d.id)),
            rooms=tuple(sorted(self.rooms.values(), key=lambda r: r.id)),
            systems=tuple(sorted(counted, key=lambda s: s.id)),
            excluded=tuple(excluded),
        )
        places = {id_: {name: raw.place(name) for name in raw.values} for id_, raw in raws.items()}
        return Reading(
            inventory,
            self.findings,
            self.interpretations,
            places,
            uncounted,
            rows,
            self.unanswered,
            tuple(dict.fromkeys(self.unknown_columns)),
        )

    def _outside(self, system: System) -> Excluded | None:
        if system.status is Status.RETIRED:
            return Excluded.RETIRED
        department = self.departments.get(system.department)
        if department and department.organisation_type is OrganisationType.PARTY_MASS:
            return Excluded.PARTY_MASS
        return None

    def _department_index(self) -> dict[str, str]:
        index: dict[str, str] = {}
        for department in self.departments.values():
            for name in (department.id, department.name, department.name_en or ""):
                if name:
                    index.setdefault(key(name), department.id)
        return index

    def _department_id(self, name: str, index: dict[str, str]) -> str:
        """The id of a department by id or name; a name that is new becomes a department of its own."""
        found = index.get(key(name))
        if found:
            return found
        new = make_id("dept", name or "?")
        self.departments.setdefault(new, Department(id=new, name=name[:200] or "?"))
        index[key(name)] = new
        return new

    def _system(self, raw: Raw, index: dict[str, str], uncounted: list[Uncounted]) -> System | None:
        values = raw.values
        missing = [name for name in NEEDED_TO_COUNT if values.get(name) in (None, "")]
        for name in missing:
            self.findings.append(
                raw.finding("missing", "error", f"缺少{faults.label(name)} (missing: {name})", "补填 (fill it in)", at=name)
            )
        if not missing:
            values["department"] = self._department_id(str(values["department"]), index)
            if values.get("id") in (None, ""):
                values["id"] = make_id("sys", f"{values['department']}/{key(str(values['name']))}")
            system = faults.validated(System, raw, self.findings)
            if system is not None:
                return system
        uncounted.append(
            Uncounted(
                str(values.get("name") or "")[:200], str(values.get("department") or "")[:200], "", tuple(missing), raw.file, raw.cell
            )
        )
        return None


def merge(findings: Iterable[Finding]) -> list[Finding]:
    """The same finding once, in the order of places."""
    return sorted(dict.fromkeys(findings), key=lambda f: (f.file, f.sheet, f.cell, f.code))


__all__ = ["Builder", "ValidationError", "merge"]
