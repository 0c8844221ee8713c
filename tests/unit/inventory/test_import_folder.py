"""What import leaves in the folder: the cells that values came from, and never half of an import."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.cli.main import main
from orchestrator.inventory.folder.merge import apply, complete, prepare
from orchestrator.inventory.folder.origins import FILE
from orchestrator.inventory.load import load

sys.path.insert(0, str(Path(__file__).parents[2] / "fixtures"))
from workbooks import build  # type: ignore[import-not-found]

HEADERS = [
    "序号",
    "单位名称",
    "单位层级",
    "单位性质",
    "系统名称",
    "类别",
    "是否涉密",
    "建设状态",
    "操作系统",
    "联系电话",
    "备注",
    "关联系统",
]
FORM = Path(__file__).parents[3] / "inventories" / "demo-form"


def row(number: int, name: str, os: str = "", answer: str = "否", depends: str = "") -> list[object]:
    return [number, "市水务局", "市直", "政府", name, "应用系统", answer, "已建", os, "13812345678", "玄武岩", depends]


def form(path: Path, *rows: list[object]) -> Path:
    hosts = [["系统名称", "主机名", "地址"], ["水费系统", "water-1", "10.1.1.1"]]
    return build(path, [{"name": "统计表", "rows": [HEADERS, *rows]}, {"name": "主机", "rows": hosts}])


def imported(path: Path, into: Path) -> list[str]:
    return apply(prepare([path], into), into)


def places(into: Path, name: str) -> dict[str, str]:
    reading = load([into])
    (system,) = [system for system in reading.all_systems() if system.name == name]
    return dict(reading.places[system.id])


def test_after_an_import_a_value_comes_from_the_departments_cell_until_somebody_edits_it(tmp_path: Path) -> None:
    into = tmp_path / "inventory"
    imported(form(tmp_path / "水务.xlsx", row(1, "水费系统", "CentOS 7"), row(2, "水库系统", "AIX", depends="水费系统")), into)
    found = places(into, "水费系统")
    assert found["os"] == "水务.xlsx › 统计表 › I2"
    assert found["hosts"] == "水务.xlsx › 主机 › A2"
    assert found["dbms" if "dbms" in found else "depends_on"] == "水务.xlsx › 统计表 › L2", (
        "a cell that is empty, too: there it would be filled in"
    )
    assert places(into, "水库系统")["depends_on"] == "水务.xlsx › 统计表 › L3"
    (file,) = [file for file in into.glob("*.yaml") if "水费系统" in file.read_text("utf-8")]
    file.write_text(file.read_text("utf-8").replace("os: CentOS 7", "os: CentOS 8"), encoding="utf-8")
    found = places(into, "水费系统")
    assert found["os"].startswith(f"{file.name} › L")
    assert found["name"] == "水务.xlsx › 统计表 › E2"


def test_assess_and_explain_name_the_departments_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    into = tmp_path / "inventory"
    imported(form(tmp_path / "水务.xlsx", row(1, "水费系统", "AIX 7.1")), into)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ORCHESTRATOR_INVENTORY", str(into))
    (system,) = load([into]).inventory.systems
    main(["assess", "--json"])
    assert "水务.xlsx › 统计表 › I2" in json.dumps(json.loads(capsys.readouterr().out), ensure_ascii=False)
    main(["explain", system.id])
    assert "水务.xlsx › 统计表 › I2" in capsys.readouterr().out


def test_a_second_import_changes_nothing_and_another_form_only_its_own_lines(tmp_path: Path) -> None:
    into = tmp_path / "inventory"
    first = form(tmp_path / "a.xlsx", row(1, "水费系统", "CentOS 7"), row(2, "水库系统", "AIX"))
    imported(first, into)
    before = (into / FILE).read_text("utf-8")
    assert imported(first, into) == []
    imported(form(tmp_path / "b.xlsx", row(1, "水费系统", "")), into)
    after = (into / FILE).read_text("utf-8")
    (other,) = [system.id for system in load([into]).inventory.systems if system.name == "水库系统"]
    assert [line for line in before.splitlines() if line.startswith(other)] == [
        line for line in after.splitlines() if line.startswith(other)
    ]
    found = places(into, "水费系统")
    assert found["os"] == "a.xlsx › 统计表 › I2", "b says nothing of it: the value still is the one of a"
    assert found["name"] == "b.xlsx › 统计表 › E2"


def test_the_list_of_cells_holds_nothing_personal_and_nothing_classified(tmp_path: Path) -> None:
    into = tmp_path / "inventory"
    imported(form(tmp_path / "a.xlsx", row(1, "水费系统"), row(2, "BASALT-9 平台"), row(3, "x", answer="是")), into)
    lines = (into / FILE).read_text("utf-8")
    assert "basalt" not in lines.casefold(), "an id that is made tells nothing of a name"
    assert "phone" not in lines and "138" not in lines
    imported(form(tmp_path / "a.xlsx", row(1, "水费系统"), row(2, "BASALT-9 平台", answer="是"), row(3, "x", answer="是")), into)
    lines = (into / FILE).read_text("utf-8")
    assert "basalt" not in lines
    assert "\t3\t" not in lines and "\t4\t" not in lines


@pytest.mark.parametrize("content", [b"\xff\x00\n\t\t\t\n", b"a\tb\n", b"%s\tx\t2\tos=I:zzzzzzzz name=:1 =\n", b""])
def test_a_broken_list_of_cells_only_loses_the_cells(tmp_path: Path, content: bytes) -> None:
    into = tmp_path / "inventory"
    path = form(tmp_path / "a.xlsx", row(1, "水费系统", "AIX"))
    imported(path, into)
    good = (into / FILE).read_bytes()
    (system,) = load([into]).inventory.systems
    (into / FILE).write_bytes(content.replace(b"%s", system.id.encode()))
    assert load([into]).findings == []
    assert places(into, "水费系统")["os"].startswith(f"{system.department}.yaml › L")
    assert imported(path, into) == [FILE]
    assert (into / FILE).read_bytes() == good


KILLED = """
import os, signal, sys
from pathlib import Path
from orchestrator.inventory.folder import merge
if sys.argv[3] == "staging":
    whole = merge._stage
    def dying(file, text):
        left["n"] -= 1
        if left["n"] < 0: os.kill(os.getpid(), signal.SIGKILL)
        whole(file, text)
    merge._stage = dying
else:
    rename = Path.replace
    def dying(self, target):
        left["n"] -= 1
        if left["n"] < 0: os.kill(os.getpid(), signal.SIGKILL)
        return rename(self, target)
    Path.replace = dying
left = {"n": int(sys.argv[4])}
merge.apply(merge.prepare([Path(sys.argv[1])], Path(sys.argv[2])), Path(sys.argv[2]))
"""


@pytest.mark.parametrize(("when", "after"), [("staging", 0), ("staging", 2), ("renaming", 0), ("renaming", 2)])
def test_an_import_that_is_killed_leaves_the_old_folder_or_is_carried_through_by_the_next(tmp_path: Path, when: str, after: int) -> None:
    whole, into, small = tmp_path / "whole", tmp_path / "inventory", tmp_path / "small.xlsx"
    for folder in (whole, into):
        imported(form(small, row(1, "水费系统", "AIX")), folder)
    before = {file.name: file.read_bytes() for file in into.iterdir()}
    imported(FORM, whole)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(FORM), str(into), when, str(after)], check=False, timeout=120)
    assert killed.returncode == -9
    if when == "staging":
        assert {file.name: file.read_bytes() for file in into.iterdir() if not file.name.startswith(".")} == before
        assert load([into]).errors == []
    else:
        assert "import-interrupted" in {finding.code for finding in load([into]).errors}, "nobody works with half of it"
    complete(into)
    assert not [file for file in into.iterdir() if file.name.startswith(".")]
    if when == "renaming":
        assert {file.name: file.read_bytes() for file in into.iterdir()} == {file.name: file.read_bytes() for file in whole.iterdir()}
        assert main(["inventory", "import", str(FORM), "--into", str(into), "--yes"]) == 0
    imported(FORM, into)
    assert {file.name: file.read_bytes() for file in into.iterdir()} == {file.name: file.read_bytes() for file in whole.iterdir()}


ONE_FILE = """\
departments:
  - {id: water, name: 市水务局, level: municipal, organisation_type: government}
  - {id: school, name: 市教育局, level: municipal, organisation_type: government}
rooms:
  - {id: r-1, name: 水务机房, owner: water}
systems:
  - {id: water-fees, name: 水费系统, department: water, kind: application, status: in_use, classified: false}
  - {id: pupils, name: 学籍系统, department: school, kind: application, status: in_use, classified: false}
"""


def test_departments_and_rooms_in_a_file_of_systems_are_written_with_it(tmp_path: Path) -> None:
    into = tmp_path / "inventory"
    into.mkdir()
    (into / "all.yaml").write_text(ONE_FILE, "utf-8")
    before = load([into]).inventory
    change = tmp_path / "change.yaml"
    change.write_text(ONE_FILE.replace("name: 水费系统", "name: 水费系统, data_gb: 7"), "utf-8")
    assert "all.yaml" in imported(change, into)
    after = load([into])
    assert after.errors == []
    assert (after.inventory.departments, after.inventory.rooms) == (before.departments, before.rooms)
    assert [one.data_gb for one in after.inventory.systems] == [None, 7.0]
    more = tmp_path / "more.yaml"
    more.write_text("departments:\n  - {id: forest, name: 市林业局, level: municipal, organisation_type: government}\n", "utf-8")
    assert imported(more, into) == ["all.yaml"]
    assert [one.id for one in load([into]).inventory.departments] == ["forest", "school", "water"]
    assert len(load([into]).inventory.systems) == 2


def test_departments_in_several_files_stay_each_in_its_own(tmp_path: Path) -> None:
    into = tmp_path / "inventory"
    into.mkdir()
    (into / "a.yaml").write_text(
        "departments:\n  - {id: water, name: 市水务局, level: municipal, organisation_type: government}\n", "utf-8"
    )
    (into / "b.yaml").write_text(
        "departments:\n  - {id: school, name: 市教育局, level: municipal, organisation_type: government}\n", "utf-8"
    )
    change = tmp_path / "change.yaml"
    change.write_text("departments:\n  - {id: school, name: 市教育和体育局, level: municipal, organisation_type: government}\n", "utf-8")
    assert imported(change, into) == ["b.yaml"]
    assert [one.name for one in load([into]).inventory.departments] == ["市教育和体育局", "市水务局"]


def test_a_purge_leaves_the_departments_of_the_file_that_it_rewrites(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    into = tmp_path / "inventory"
    into.mkdir()
    (into / "all.yaml").write_text(ONE_FILE, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ORCHESTRATOR_INVENTORY", str(into))
    monkeypatch.setenv("ORCHESTRATOR_STATE", str(tmp_path / "state"))
    assert main(["purge", "water-fees", "--reason", "上级认定", "--yes"]) == 0, capsys.readouterr().err
    found = load([into])
    assert found.errors == []
    assert [one.id for one in found.inventory.departments] == ["school", "water"]
    assert [one.id for one in found.inventory.systems] == ["pupils"]
    assert [(row.department, str(row.reason)) for row in found.inventory.excluded] == [("water", "classified")]
