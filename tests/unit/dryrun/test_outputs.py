"""A dry run's outputs are read by the field's own parsers, and nothing of an inventory is markup in them."""

import json

import junitparser
import sarif_pydantic

from orchestrator.dryrun.junit import to_junit
from orchestrator.dryrun.markdown import to_markdown
from orchestrator.dryrun.result import Changes, Result, StepReport, SystemReport, as_json, compare_findings
from orchestrator.dryrun.sarif import to_sarif
from orchestrator.errors import Finding
from orchestrator.steps.base import Coverage

HOSTILE = "<img src=x onerror=alert(1)> [link](http://x) @all | `rm` \x00\x1b[31m\ud800 & \"'"
CELL = Finding("unreadable", "error", "“建设状态”无法识别", "可填：已建、在建、停用", file="统计表.xlsx", sheet="市直单位", cell="E12")
LINE = Finding("dependency-unknown", "error", HOSTILE, "name it", file="meteorology.yaml", cell="L25", system="weather")
WARNING = Finding("not-movable", "warning", "no hosts", "fill in the sheet", system="weather")
STEPS = (
    StepReport("preflight", "检查", "check", "read_only", Coverage.CHECKED, "what the inventory says"),
    StepReport("cutover", "切换", "cutover", "reversible", Coverage.NOT_TOUCHED, "it changes hosts"),
)
SYSTEM = SystemReport(
    "weather", HOSTILE, "meteorology", "cloud_deployment", "cloud_deployment", 1, ("2026-01-01", "2026-01-02", "daily"),
    STEPS, findings=(LINE, WARNING),
)  # fmt: skip
RESULT = Result("offline", "i" * 64, "p" * 64, "d" * 64, (SYSTEM,), {"a.yml": "ok", "b.yml": "no such role"}, (CELL,))


def test_junit_has_a_case_for_each_step_and_a_failure_for_each_error():
    xml = junitparser.JUnitXml.fromstring(to_junit(RESULT).encode("utf-8", "replace"))
    assert (xml.tests, xml.failures) == (7, 3)
    suites = {suite.name: suite for suite in xml}
    assert set(suites) == {"city", "weather"}
    cases = {case.name: case for case in suites["weather"]}
    assert isinstance(cases["step cutover"].result[0], junitparser.Skipped)
    assert cases["step preflight"].result == []
    failed = [case for case in suites["weather"] if any(isinstance(r, junitparser.Failure) for r in case.result)]
    assert [case.name for case in failed] == ["dependency-unknown meteorology.yaml › L25 (1)"]
    assert "alert(1)" in failed[0].result[0].message


def test_sarif_names_lines_and_cells():
    document = to_sarif(RESULT, root="inventory")
    log = sarif_pydantic.Sarif.model_validate(json.loads(document))
    results = {result.rule_id: result for result in log.runs[0].results}
    assert set(results) == {"unreadable", "dependency-unknown", "not-movable"}
    line = results["dependency-unknown"].locations[0].physical_location
    assert line.artifact_location.uri == "inventory/meteorology.yaml"
    assert line.region.start_line == 25
    raw = json.loads(document)["runs"][0]["results"][0]["locations"][0]
    assert raw["logicalLocations"][0]["fullyQualifiedName"] == "统计表.xlsx#市直单位!E12"
    assert "region" not in raw["physicalLocation"], "a column L of row 25 is no line"
    assert raw["physicalLocation"]["artifactLocation"]["uri"].isascii()


def test_a_cell_of_column_l_is_no_line():
    finding = Finding("unreadable", "error", "x", "y", file="f.xlsx", sheet="s", cell="L25")
    location = json.loads(to_sarif(Result("offline", findings=(finding,))))["runs"][0]["results"][0]["locations"][0]
    assert "region" not in location["physicalLocation"]


def test_markdown_tells_changes_first_and_escapes_every_text():
    changes = Changes("main", ("weather: wave 2 → 1",), new=(LINE,), gone=(CELL,))
    result = Result("offline", systems=(SYSTEM,), changes=changes)
    text = to_markdown(result)
    assert text.index("What changed since main") < text.index("## Findings") < text.index("## Coverage")
    assert "\\<img" in text and "\\[link\\]" in text
    assert not set(text) & {"\x00", "\x1b", "\ud800"}
    assert " @all" not in text, "nobody is called by a comment"
    table = [line for line in text.splitlines() if line.startswith("| error")]
    assert table and all(line.replace("\\|", "").count("|") == 6 for line in table)
    assert "50 % of 2 steps" in text


def test_json_holds_everything_and_problems_are_the_errors():
    found = as_json(RESULT)
    assert found["coverage"] == {"checked": 1, "not_touched": 1, "percent": 50.0}
    assert len(found["problems"]) == 2
    assert "统计表.xlsx › 市直单位 › E12" in found["problems"][0]
    assert any("no host" in line for line in found["not_covered"])
    assert not any("no host" in line for line in as_json(Result("connect"))["not_covered"])


def test_a_finding_that_only_moved_is_neither_new_nor_gone():
    moved = Finding(CELL.code, CELL.severity, CELL.message, CELL.remedy, file=CELL.file, sheet=CELL.sheet, cell="E13")
    assert compare_findings([CELL], [moved]) == ((), ())
    assert compare_findings([CELL], [LINE]) == ((LINE,), (CELL,))


def test_a_run_without_systems_covers_nothing():
    assert Result("offline").percent() == 0.0
