"""A department's form comes again and again, changed in every way a form changes: what is classified does not stay unsaid, what is not does not go."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from orchestrator.errors import Refused
from orchestrator.inventory.folder.merge import apply, prepare
from orchestrator.inventory.load import load

HEAD = "序号,单位名称,单位层级,单位性质,系统名称,类别,是否涉密,建设状态,操作系统\n"
NAMES = ["审批", "档案", "水费", "考勤", "地理", "税务", "人口", "法人"]
"""Nothing alike: no name passes for a corrected one."""
Rows = list[tuple[str, bool]]
"""A form: the true name of each row's system, and whether it is classified now."""
FORMS = st.lists(st.tuples(st.sampled_from(NAMES), st.booleans()), max_size=5, unique_by=lambda row: row[0]).flatmap(
    lambda rows: st.permutations([*rows, ("门户", False)])
)
"""One system is always there: with none in common, two forms of one name are two tables."""


def _form(path: Path, rows: Rows) -> Path:
    lines = [
        f"{number},市水务局,市直,政府,,,是,,\n" if classified else f"{number},市水务局,市直,政府,{name},应用系统,否,已建,OS-{name}\n"
        for number, (name, classified) in enumerate(rows, start=1)
    ]
    path.write_text(HEAD + "".join(lines), encoding="utf-8")
    return path


def _import(form: Path, into: Path, rows: Rows) -> set[str]:
    """As an operator who knows the truth and is asked. Returns the systems that the import named as no longer listed."""
    stored = {system.id: system.name for system in load([into]).all_systems()} if into.exists() else {}
    try:
        prepared = prepare([form], into)
    except Refused as refused:
        listed = {name for name, classified in rows if not classified}
        secret = {name for name, classified in rows if classified}
        asked = {finding.system for finding in refused.findings}
        gone = {ident for ident, name in stored.items() if name in secret or (ident in asked and name not in listed)}
        prepared = prepare([form], into, remove=sorted(gone), keep=sorted(stored.keys() - gone))
    apply(prepared, into)
    return {stored[finding.system] for finding in prepared.reading.findings if finding.code == "system-unlisted"}


@given(st.lists(FORMS, min_size=2, max_size=5))
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.explicit, Phase.reuse, Phase.generate))
def test_what_is_classified_goes_or_is_named_and_what_is_on_the_form_is_there(years: list[Rows]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "inventory"
        for rows in years:
            named = _import(_form(Path(folder) / "form.csv", rows), into, rows)
            reading = load([into])
            stored = {system.name for system in reading.all_systems()}
            assert {name for name, classified in rows if not classified} <= stored
            assert {name for name, classified in rows if classified} & stored <= named
            assert sum(row.system is None for row in reading.inventory.excluded) == sum(classified for _, classified in rows)
