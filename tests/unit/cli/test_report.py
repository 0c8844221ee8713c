"""The command ``report``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.cli.main import main

ROOT = Path(__file__).parents[3]


@pytest.fixture
def _demo_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ORCHESTRATOR_INVENTORY", str(ROOT / "inventories" / "demo"))


@pytest.mark.usefixtures("_demo_folder")
def test_report_writes_one_file_and_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report"]) == 0
    file = Path(capsys.readouterr().out.strip())
    assert file == tmp_path / ".orchestrator" / "reports" / "report-zh.html"
    assert '<html lang="zh">' in file.read_text("utf-8")
    assert main(["report", "--lang", "en", "--out", "deep/er/report.html"]) == 0
    assert '<html lang="en">' in (tmp_path / "deep" / "er" / "report.html").read_text("utf-8")
    assert [f.name for f in (tmp_path / "deep" / "er").iterdir()] == ["report.html"]


@pytest.mark.usefixtures("_demo_folder")
def test_json_gives_the_facts_with_their_sources(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert [(p["id"], p["in_scope"]["value"], p["needed"]["value"]) for p in facts["phases"]] == [("phase-1", 7, 6), ("phase-2", 8, 8)]
    assert facts["phases"][0]["in_scope"]["source"]["rows"] == ["inventory:*"]
    assert [x["count"]["value"] for x in facts["excluded"]] == [1]


@pytest.mark.usefixtures("_demo_folder")
def test_report_never_imports_prefect(tmp_path: Path) -> None:
    code = (
        "import sys; from orchestrator.cli.main import main; main(['report']); "
        "print([m for m in ('prefect', 'ansible_runner', 'openpyxl') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
