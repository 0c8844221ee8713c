"""The demo city and a real office's form as spreadsheets; the template; import into a folder."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from openpyxl import load_workbook

from orchestrator.cli.main import main
from orchestrator.inventory.build.faults import ANSWERS
from orchestrator.inventory.check import PLAN_FIELDS, counts, standings
from orchestrator.inventory.folder.merge import apply, prepare
from orchestrator.inventory.folder.origins import FILE
from orchestrator.inventory.folder.workbook import write_workbook
from orchestrator.inventory.forms import forms
from orchestrator.inventory.load import inventory_digest, load
from orchestrator.inventory.values import read_value

ROOT = Path(__file__).parents[3]
DEMO, FORM, OFFICE = ROOT / "inventories" / "demo", ROOT / "inventories" / "demo-form", ROOT / "tests" / "fixtures" / "office-60.xlsx"


def test_the_demo_citys_form_gives_the_same_inventory_as_its_yaml() -> None:
    yaml, form = load([DEMO]), load([FORM])
    assert form.findings == []
    assert form.interpretations == []
    assert form.inventory == yaml.inventory, "run scripts/make_demo_form.py"
    assert inventory_digest(form.inventory) == inventory_digest(yaml.inventory)


def test_the_answers_of_the_form_are_those_that_yaml_may_leave_open_too() -> None:
    assert {column.field for column in forms()["systems"].columns if column.type in {"answer", "place", "product"}} == set(ANSWERS)


def test_the_offices_form_of_sixty_systems_is_read_with_every_slip_found() -> None:
    reading = load([OFFICE], today=dt.date(2017, 6, 30))
    count = counts(reading)
    assert count == {
        "rows": 60, "municipal": 35, "county": 17, "in_scope": 52, "classified": 1, "unanswered": 2, "party_mass": 2, "retired": 1, "uncounted": 1,
    }  # fmt: skip
    outside = sum(count[why] for why in ("classified", "unanswered", "party_mass", "retired", "uncounted"))
    assert count["in_scope"] + outside + 1 == 60  # one said twice
    hours = {(f.sheet, f.cell) for f in reading.findings if f.code == "hours-unread"}  # 工作日, of which hours nothing is said
    assert hours == {("县市区", f"X{row}") for row in (14, 19)} | {("市直单位", f"X{row}") for row in (6, 11, 16, 21, 31, 36, 41, 46)}
    found = [(f.code, f.sheet, f.cell) for f in reading.findings if f.code != "hours-unread"]
    assert found == [
        ("classified-unanswered", "县市区", "G9"),
        ("department-near-miss", "县市区", "B12"),
        ("unreadable", "县市区", "M15"),
        ("classified-unanswered", "市直单位", "G7"),
        ("duplicate-system", "市直单位", "E12"),
        ("comment-in-cell", "市直单位", "M15"),
        ("unreadable", "市直单位", "M15"),
        ("dependency-ambiguous", "市直单位", "V18"),
        ("dependency-unknown", "市直单位", "V19"),
        ("dependency-unknown", "市直单位", "V19"),
        ("unreadable", "市直单位", "I22"),
        ("unreadable", "市直单位", "U24"),
        ("missing", "市直单位", "F26"),
        ("unreadable", "市直单位", "Y29"),
        ("formula-without-value", "市直单位", "M40"),
        ("unreadable", "市直单位", "I42"),
    ]
    assert all(finding.remedy and finding.message for finding in reading.findings)
    named = {finding.cell: finding.system for finding in reading.findings if finding.sheet == "市直单位"}
    assert all(named[cell] in {system.id for system in reading.inventory.systems} for cell in ("M15", "I22", "U24"))
    assert "不应出现的系统" not in json.dumps([s.name for s in reading.inventory.systems], ensure_ascii=False)
    assert Counter(s.reached for s in standings(reading) if s.excluded is None) == {"plannable": 45, "countable": 7, None: 1}


@pytest.mark.parametrize(
    ("kind", "cell", "understood"),
    [
        ("size", "9999999G", "9999999 GB"),
        ("size", "1234567.8G", "1234567.8 GB"),
        ("size", "1.2T", "1228.8 GB"),
        ("size", "2x1000000G", "2000000 GB"),
        ("count", "1234567台", "1234567"),
        ("minutes", "9999天", "14398560 分钟"),
        ("minutes", "0小时", "0 分钟"),
    ],
)
def test_interpretations_say_the_number_in_full(kind: str, cell: str, understood: str) -> None:
    read = read_value(kind, cell)
    assert str(read.understood) == understood
    assert float(understood.split(maxsplit=1)[0]) == read.value


def test_the_template_offers_every_column_and_counts_nothing(tmp_path: Path) -> None:
    for lang in ("zh", "en"):
        path = tmp_path / f"{lang}.xlsx"
        assert main(["inventory", "template", str(path), "--lang", lang]) == 0
        reading = load([path])
        assert (reading.findings, reading.rows) == ([], 0)
        sheet = load_workbook(path).worksheets[1]
        assert [cell.value for cell in sheet[1] if cell.value] and any(
            "示例" in str(c.value) or "Example" in str(c.value) for c in sheet[2]
        )
        offered = {str(check.sqref)[0]: check.formula1 for check in sheet.data_validations.dataValidation if check.type == "list"}
        classified = next(cell.column_letter for cell in sheet[1] if cell.value in {"是否涉密", "Classified"})
        assert offered[classified] in {'"是,否"', '"yes,no"'}


def test_the_stages_ask_for_the_columns_that_the_form_marks() -> None:
    assert {column.field for column in forms()["systems"].columns if column.need == "plan"} == set(PLAN_FIELDS)


@pytest.mark.parametrize("form", list(forms()))
def test_every_field_of_the_models_has_a_column(form: str) -> None:
    """A field that is added to a noun needs a column in headers.yaml, or a form could not say it."""
    from orchestrator import models

    nouns = {
        "systems": models.System, "departments": models.Department, "rooms": models.Room, "hosts": models.Host, "databases": models.Database,
        "file_trees": models.FileTree, "services": models.Service, "devices": models.Device, "links": models.Link, "windows": models.Window,
        "data_resources": models.DataResource,
    }  # fmt: skip
    columns = {column.field.split(".")[0] for column in forms()[form].columns}
    elsewhere = {*forms(), "grade_answered", "unknown"} if form == "systems" else set()
    assert set(nouns[form].model_fields) - columns == elsewhere & set(nouns[form].model_fields)
    for column in forms()[form].columns:
        if "." in column.field:
            outer, inner = column.field.split(".")
            assert inner in {"health": models.HealthCheck, "interruption": models.InterruptionBudget}[outer].model_fields


def test_a_second_import_changes_nothing_and_a_changed_form_shows_what_changes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    into = tmp_path / "inventory"
    assert main(["inventory", "import", str(FORM), "--into", str(into), "--yes"]) == 0
    before = {file.name: file.read_bytes() for file in into.iterdir()}
    assert main(["inventory", "import", str(FORM), "--into", str(into), "--yes"]) == 0
    assert {file.name: file.read_bytes() for file in into.iterdir()} == before
    assert "没有变化" in capsys.readouterr().out
    changed = load([DEMO]).inventory
    systems = tuple(s.model_copy(update={"data_gb": 9.5, "phone": "123"}) if s.id == "weather-bulletin" else s for s in changed.systems)
    write_workbook(tmp_path / "changed.xlsx", changed.model_copy(update={"systems": systems}))
    assert main(["inventory", "import", str(tmp_path / "changed.xlsx"), "--into", str(into), "--dry-run"]) == 0
    assert {file.name: file.read_bytes() for file in into.iterdir()} == before, "a dry run writes nothing"
    shown = capsys.readouterr().out
    assert "weather-bulletin 数据量：“0.05” → “9.5”" in shown
    assert "123" not in shown, "a telephone number is personal"
    assert main(["inventory", "import", str(tmp_path / "changed.xlsx"), "--into", str(into), "--yes"]) == 0
    assert {name for name, text in before.items() if (into / name).read_bytes() != text} == {"meteorology.yaml", FILE}


def test_importing_over_a_folder_written_by_hand_leaves_its_files_and_their_comments(tmp_path: Path) -> None:
    into = tmp_path / "demo"
    shutil.copytree(DEMO, into)
    assert set(prepare([FORM], into).files) == {FILE}


def test_ids_stay_when_somebody_says_that_a_name_was_corrected(tmp_path: Path) -> None:
    head = "序号,单位名称,单位层级,单位性质,系统名称,类别,是否涉密,建设状态\n"
    form, into = tmp_path / "form.csv", tmp_path / "inventory"
    form.write_text(head + "1,市水务局,市直,政府,水费征收管理系统,应用系统,否,已建\n", encoding="utf-8")
    apply(prepare([form], into), into)
    (first,) = load([into]).inventory.systems
    form.write_text(
        head + "1,市水务局,市直,政府,水费征收管理信息系统,应用系统,否,已建\n2,市水务局,市直,政府,水库系统,应用系统,否,已建\n",
        encoding="utf-8",
    )
    apply(prepare([form], into, rename={first.id: "水费征收管理信息系统"}), into)
    assert first.id in {system.id for system in load([into]).inventory.systems}
    assert len(load([into]).inventory.systems) == 2


def test_an_import_with_errors_writes_nothing(tmp_path: Path) -> None:
    into = tmp_path / "inventory"
    assert main(["inventory", "import", str(OFFICE), "--into", str(into), "--yes"]) == 3
    assert not into.exists()


def test_a_failed_write_leaves_the_folder_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    into = tmp_path / "inventory"
    into.mkdir()
    prepared = prepare([FORM], into)

    def full(*_: object, **__: object) -> int:
        raise OSError(28, "no space left")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        apply(prepared, into)
    assert list(into.iterdir()) == []


def test_check_prints_the_agreed_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inventory", "check", str(OFFICE), "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert {"rows", "municipal", "county", "in_scope", "classified", "unanswered", "party_mass", "retired", "uncounted"} <= set(found["counts"])
    assert {"to_migrate", "to_retire", "already_elsewhere"} <= set(found["counts"])
    assert {"id", "name", "department", "level", "reached", "missing", "excluded"} <= set(found["systems"][0])
    assert {"code", "severity", "file", "sheet", "cell", "system", "message", "remedy", "parameters"} == set(found["findings"][0])
    assert {"file", "sheet", "cell", "read", "understood"} == set(found["interpretations"][0])
    assert main(["inventory", "check", str(DEMO), "--json"]) == 0
