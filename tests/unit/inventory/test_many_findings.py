"""However much is wrong with an input: what is listed stays short, the number of the rest is true, and memory and time have a bound."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.inventory.build.listed import EACH
from orchestrator.inventory.check import UNCOUNTED, as_json
from orchestrator.inventory.load import load
from orchestrator.inventory.yaml_in import MAX_ITEMS

HEAD = "序号,单位名称,单位层级,单位性质,系统名称,类别,是否涉密,建设状态,系统编码\n"
ROWS = 3000
DEPARTMENTS = "departments: [{id: water, name: 水务局, level: municipal, organisation_type: government}]\n"


def test_findings_of_one_kind_in_one_column_are_counted_beyond_a_hundred(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEAD + "".join(f"{n},,,,系统{n},应用系统,{'' if n % 2 else '否'},,\n" for n in range(ROWS)), encoding="utf-8")
    reading = load([path])
    found = [finding for finding in reading.findings if finding.code == "missing"]
    columns = {finding.cell.rstrip("0123456789") for finding in found}
    assert len(columns) >= 2
    for column in columns:
        of_it = [finding for finding in found if finding.cell.rstrip("0123456789") == column]
        assert len(of_it) == EACH + 1
        assert sum(f"另有 {ROWS // 2 - EACH:,} 处" in finding.message for finding in of_it) == 1
    assert reading.unanswered == ROWS // 2, "what is not listed still counts"
    answer = as_json(reading)
    assert answer["uncounted"] == ROWS // 2
    assert sum(row["excluded"] is None for row in answer["systems"]) == UNCOUNTED


def test_keys_written_twice_are_counted_over_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(
        DEPARTMENTS + "systems:\n" + "".join(f"- {{id: ab-{n}, os: x, os: y, classified: true}}\n" for n in range(500)), encoding="utf-8"
    )
    assert len([f for f in load([path]).findings if f.code == "duplicate-key"]) == EACH + 1
    assert f"另有 {500 - EACH} 处" in "".join(finding.message for finding in load([path]).findings)


def test_a_yaml_list_beyond_its_limit_is_one_finding_at_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("systems:\n" + "- {id: ab, classified: false}\n" * (MAX_ITEMS + 1), encoding="utf-8")
    (finding,) = load([path]).findings
    assert (finding.code, finding.cell) == ("yaml-items", f"L{MAX_ITEMS + 2}")


MEASURED = """
import resource, sys
from pathlib import Path
from orchestrator.inventory.load import load
from orchestrator.inventory.check import as_json
as_json(load([Path(sys.argv[1])]))
# Not ru_maxrss: a process inherits the peak of the one that started it, here the whole test run's.
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(int(peak.split()[1]) // 1024, resource.getrusage(resource.RUSAGE_SELF).ru_utime)
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("incomplete.csv", HEAD + ",,,,,,否,,\n" * 100 + "".join(f"{n},,,,x,,否,,\n" for n in range(100_000))),
        ("items.yaml", "systems:\n" + "- {id: ab, classified: false}\n" * 200_000),
        ("maps.yaml", "x: [" + "{}," * 3_000_000 + "]\n"),
    ],
    ids=lambda value: value if "." in value[:20] else "",
)
def test_memory_and_time_have_a_bound(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", MEASURED, str(tmp_path / name)], capture_output=True, text=True, check=True, timeout=250)
    megabytes, seconds = map(float, done.stdout.split())
    assert megabytes < 700
    assert seconds < 100  # of CPU: what is not linear takes many minutes


@pytest.mark.parametrize(("given", "ident"), [("JM-001", "jm-001"), ("统编01", "")])
def test_a_code_that_is_no_id_is_told_and_its_system_counts(given: str, ident: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEAD + f"1,市水务局,市直,政府,甲系统,应用系统,否,已建,{given}\n", encoding="utf-8")
    reading = load([path])
    (system,) = reading.all_systems()
    assert reading.errors == []
    (said,) = [said for said in reading.interpretations if said.cell == "I2"]
    assert (said.read, str(said.understood)) == (given, ident or "不能用作编码，另行生成")
    assert system.id == ident or (not ident and system.id.startswith("sys-"))
