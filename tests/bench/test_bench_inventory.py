"""Figures for `make bench`: rows a second and memory of a check, seconds of a policy over a thousand systems. Prints, asserts little."""

from __future__ import annotations

import os
import random
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from openpyxl import Workbook

from orchestrator.inventory.folder.workbook import EXAMPLE
from orchestrator.inventory.forms import forms
from orchestrator.models import Department, Inventory, Kind, Network, Status, System
from orchestrator.policy.assess import assess
from orchestrator.policy.policy import load_policy
from orchestrator.settings import HOME

pytestmark = pytest.mark.bench
CHECK = """
import resource, sys, time
started = time.monotonic()
from pathlib import Path
from orchestrator.inventory.load import load
from orchestrator.inventory.check import as_json
reading = load([Path(sys.argv[1])])
found = as_json(reading)
print(len(found["systems"]), time.monotonic() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def big_form(path: Path, rows: int) -> None:
    columns = forms()["systems"].columns
    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet("统计表")
    sheet.append([column.zh for column in columns])
    example = EXAMPLE["zh"]
    for number in range(rows):
        row = {
            **example,
            "row_no": number,
            "department": f"单位{number % 150}",
            "name": f"系统{number}",
            "depends_on": f"系统{number // 2}" if number else "无",
        }
        sheet.append([row.get(column.field) for column in columns])
    workbook.save(path)


@pytest.mark.parametrize("rows", [1000, 10_000, 50_000])
def test_rows_checked_a_second(rows: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "form.xlsx"
    big_form(path, rows)
    done = subprocess.run([sys.executable, "-c", CHECK, str(path)], check=True, capture_output=True, text=True)
    systems, seconds, memory = done.stdout.split()
    with capsys.disabled():
        print(
            f"\ninventory check, {rows} rows: {float(seconds):.2f} s, {rows / float(seconds):.0f} rows/s, {float(memory):.0f} MB, {systems} systems"
        )
    assert int(systems) == rows


def seeded(number: int) -> System:
    dice = random.Random(number)  # noqa: S311 - seeded test data
    pick = dice.randrange(10**6)

    def of(*choices: object) -> object:
        return dice.choice(choices)

    return System.model_validate(
        {
            "id": f"s-{number}", "name": f"系统{number}", "department": "d-1", "kind": of(*Kind), "status": of(Status.IN_USE, Status.IN_USE, Status.UNDER_CONSTRUCTION),
            "protection_grade": of(1, 2, 3, 4, None), "grade_answered": of(True, False), "architecture": of("B/S", "C/S", None), "data_gb": of(None, pick % 30000),
            "os": of("CentOS 7", "AIX 7.1", "Windows 2003", "麒麟 V10", "厂商专用", None), "dbms": of("Oracle 11g", "MySQL 5.7", "达梦8", "PostgreSQL 12; Redis", "某某库", None),
            "servers": of(1, 2, 9, None), "vcpus": of(8, 64, pick % 700), "memory_gb": of(16, pick % 3000), "virtualised": of(True, False, None), "supported": of(True, False, None),
            "special_equipment": of(True, False, False, None), "installable": of(True, False, None), "processor": of("x86_64", "SPARC", "飞腾", None), "network": of(*Network),
            "shared_storage_cluster": of(True, False, None), "service_hours": of("7×24", "工作日", None), "max_interruption_minutes": of(0, 30, pick % 999, None),
        }
    )  # fmt: skip


def test_the_policy_over_a_thousand_systems(capsys: pytest.CaptureFixture[str]) -> None:
    inventory = Inventory(departments=(Department(id="d-1", name="市局"),), systems=tuple(seeded(number) for number in range(1000)))
    started = time.monotonic()
    verdicts = assess(inventory, load_policy(None))
    seconds = time.monotonic() - started
    kinds = {
        strategy: sum(v.strategy == strategy for v in verdicts.values()) for strategy in sorted({v.strategy for v in verdicts.values()})
    }
    with capsys.disabled():
        print(f"\npolicy over 1000 seeded systems: {seconds:.2f} s, {kinds}")
    assert len(verdicts) == 1000


COMMANDS = (
    "inventory check", "inventory show", "inventory ask questions.xlsx", "assess", "explain citizen-portal", "plan", "status", "audit verify", "baseline show",
    "task list", "clean", "report",
)  # fmt: skip
"""Commands that run no flow."""


def test_processor_seconds_of_each_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Best of seven, with what Python and the templates keep compiled: the first run makes it."""
    shutil.copytree(HOME / "inventories" / "demo", tmp_path / "inventory")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {"PYTHONPATH": str(HOME)}
    for words in ("baseline freeze --reason x", *COMMANDS):
        best = min(_processor_seconds(words.split(), tmp_path, environment) for _ in range(7))
        if words in COMMANDS:
            with capsys.disabled():
                print(f"\norchestrator {words}: {best:.2f} s of processor", end="")
        assert best < 30


def _processor_seconds(words: list[str], folder: Path, environment: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "orchestrator.cli.main", *words], cwd=folder, env=environment, check=False, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
