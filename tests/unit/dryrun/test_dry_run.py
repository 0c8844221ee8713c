"""`orchestrator dry-run` on the demo city's inventory, with one deliberate mistake at a time: each is found at its place."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from orchestrator.cli.main import main

CHECKOUT = Path(__file__).resolve().parents[3]
MOVABLE = "citizen-portal"


class City:
    """A folder with the demo city's inventory and machines that stand already."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(CHECKOUT / "inventories/demo", folder / "inventory")
        (folder / "orchestrator.toml").write_text('inventory = "inventory"\nterraform_module = "existing"\n', "utf-8")
        names = ["portal-app", "portal-db", "register-app", "register-db", "weather-1", "desk-1", "web-1"]
        servers = [
            {"name": f"{name}-cloud", "address": f"192.0.2.{number}", "ssh_user": "ops", "become": "sudo"}
            for number, name in enumerate(names, 10)
        ]
        self.edit("sites.yaml", lambda text: _with_servers(text, servers))

    def edit(self, file: str, change) -> None:
        path = self.folder / "inventory" / file
        before = path.read_text("utf-8")
        after = change(before)
        assert after != before, f"nothing to change in {file}"
        path.write_text(after, "utf-8")

    def replace(self, file: str, old: str, new: str) -> None:
        self.edit(file, lambda text: re.sub(old, new, text, count=1))

    def run(self, *arguments: str) -> tuple[int, dict]:
        out = self.folder / "result.json"
        code = main(["dry-run", "--json", str(out), *arguments])
        return code, json.loads(out.read_text("utf-8"))


def _with_servers(text: str, servers: list[dict]) -> str:

    document = yaml.safe_load(text)
    cloud = next(site for site in document["sites"] if site["kind"] == "cloud")
    cloud["servers"] = servers
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False)


@pytest.fixture
def city(tmp_path, monkeypatch) -> City:
    monkeypatch.chdir(tmp_path)
    return City(tmp_path)


def codes(found: dict) -> dict[str, list[str]]:
    """Code → places of every finding, those of systems too."""
    every = [*found["findings"], *(f for system in found["systems"] for f in system["findings"])]
    places: dict[str, list[str]] = {}
    for finding in every:
        if finding["severity"] == "error":
            places.setdefault(finding["code"], []).append(f"{finding['file']} {finding['sheet']} {finding['cell']} {finding['system']}")
    return places


def test_a_city_in_order_passes_and_says_how_far_it_was_looked_at(city):
    code, found = city.run()
    assert codes(found) == {}
    assert code == 0
    steps = {step["id"]: step for system in found["systems"] if system["system"] == MOVABLE for step in system["steps"]}
    assert steps["provision"]["coverage"] == "planned"
    assert steps["deploy_services"]["coverage"] == "checked"
    assert steps["window"]["coverage"] == "executed"
    assert steps["cutover"]["coverage"] == "checked" and "no guard was started" in steps["cutover"]["how"]
    assert steps["end_way_back"]["coverage"] == "not_touched" and steps["end_way_back"]["how"]
    assert found["coverage"]["percent"] > 65
    warned = [f["code"] for system in found["systems"] for f in system["findings"]]
    assert "not-movable" in warned, "the county's system has no technical sheet yet"


def test_a_system_that_migrate_would_refuse_is_refused_when_it_is_named(city):
    code, found = city.run("--system", "county-service-hall")
    assert code == 3
    assert "not-movable" in codes(found)


@pytest.mark.parametrize(("old", "new"), [("        host: portal-app", "        host: portal-apq"), ("        host: portal-db", "        host: portal-dbx")])
def test_a_service_or_database_on_a_host_that_the_system_has_not_is_refused_by_name(city, old, new):
    city.replace("administrative-service.yaml", old, new)
    code, found = city.run("--system", "citizen-portal")
    assert code == 3
    told = [finding for finding in found["findings"] if finding["code"] == "host-unknown"]
    assert told
    for one in told:
        assert new.split()[-1] in one["message"] and one["file"] == "administrative-service.yaml" and one["cell"].endswith(".host")
    system = next(one for one in found["systems"] if one["system"] == "citizen-portal")
    assert {step["coverage"] for step in system["steps"]} == {"not_touched"}, "no step can be looked at"


def test_a_second_run_repeats_nothing_and_finds_the_same(city):
    _, first = city.run()
    code, second = city.run()
    movable = [system for system in first["systems"] if not any(f["code"] == "not-movable" for f in system["findings"])]
    assert code == 0
    assert (first["cached"], second["cached"]) == (0, len(movable))
    for found in (first, second):
        found.pop("seconds"), found.pop("cached")
        for system in found["systems"]:
            system.pop("cached")
    assert second == first
    assert city.run("--again")[1]["cached"] == 0


def test_an_unknown_dependency_is_found_at_its_line(city):
    city.replace("natural-resources.yaml", r"depends_on: \[citizen-portal\]", "depends_on: [nobody]")
    code, found = city.run()
    assert code == 3
    lines = (city.folder / "inventory/natural-resources.yaml").read_text("utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "depends_on" in text)
    assert codes(found)["dependency-unknown"] == [f"natural-resources.yaml  L{line} property-register"]


def test_a_window_shorter_than_the_cutover_is_found_by_the_plan(city):
    city.edit(
        "human-resources.yaml",
        lambda text: re.sub(r"windows:.*?(?=\n    \w)", "windows: [{days: daily, start: '01:00', end: '01:10'}]", text, flags=re.S),
    )
    code, found = city.run()
    assert code == 3
    assert codes(found)["window-too-short"] == ["   social-insurance"]


def test_a_misspelt_input_of_the_terraform_module_is_found(city):
    with (city.folder / "orchestrator.toml").open("a", encoding="utf-8") as file:
        file.write("[cloud.inputs]\nmachnies = {}\n")
    code, found = city.run("--system", MOVABLE)
    assert code == 3
    assert codes(found)["cloud-input-unknown"] == ["orchestrator.toml  [cloud.inputs] "]


def test_a_reference_that_is_not_in_the_table_is_found_at_its_service(city):
    city.edit(
        "administrative-service.yaml",
        lambda text: (
            text.replace('"@database.name"', '"@database.nmae"')
            .replace("'@database.name'", "'@database.nmae'")
            .replace(": @database.name", ": '@database.nmae'")
        ),
    )
    code, found = city.run("--system", MOVABLE)
    assert code == 3
    assert any("@database.nmae" in problem for problem in found["problems"]), found["problems"]


def test_a_policy_with_a_strategy_that_is_never_chosen_is_found(city):
    shipped = (CHECKOUT / "orchestrator/policy/policy.yaml").read_text("utf-8")
    policy = re.sub(r"^(precedence: \[.*?)hosting, ", r"\1", shipped, flags=re.M)
    assert policy != shipped
    (city.folder / "inventory/policy.yaml").write_text(policy, "utf-8")
    code, found = city.run()
    assert code == 3
    assert codes(found)["not-in-precedence"] == ["policy.yaml  precedence "]


def test_sites_that_cannot_be_read_are_findings_beside_the_plan(city):
    city.replace("sites.yaml", "kind: room", "kind: cellar")
    code, found = city.run()
    assert code == 3
    assert any(place.startswith("sites.yaml") for places in codes(found).values() for place in places)
    assert found["plan"] and not found["systems"]


def test_less_coverage_than_required_refuses(city):
    code, found = city.run("--require-coverage", "95")
    assert code == 3
    assert "coverage" in codes(found)


def test_every_output_is_written(city):
    files = [city.folder / name for name in ("junit.xml", "findings.sarif", "comment.md")]
    code, _ = city.run("--junit", str(files[0]), "--sarif", str(files[1]), "--markdown", str(files[2]))
    assert code == 0
    assert all(file.stat().st_size > 200 for file in files)


def test_what_a_change_brought_is_told_beside_a_revision(city):
    def git(*arguments: str) -> None:
        options = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *options, *arguments], cwd=city.folder, check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    git("add", "inventory")
    git("commit", "-q", "-m", "as it was")
    city.replace("meteorology.yaml", "special_equipment: false", "special_equipment: true")
    code, found = city.run("--baseline", "main")
    assert code in (0, 3)
    assert any(line.startswith("weather-bulletin: strategy cloud_deployment → ") for line in found["changes"]["lines"]), found["changes"]
    assert main(["dry-run", "--baseline", "no-such-revision"]) == 2
    assert main(["dry-run", "--baseline", "--output=/tmp/x"]) == 2


def test_nothing_is_written_but_the_state_folder_and_the_outputs(city):
    before = {path: path.stat().st_mtime_ns for path in (city.folder / "inventory").rglob("*")}
    city.run()
    after = {path: path.stat().st_mtime_ns for path in (city.folder / "inventory").rglob("*")}
    assert after == before
    assert {path.name for path in city.folder.iterdir()} == {"inventory", "orchestrator.toml", ".orchestrator", "result.json"}
    kept = {path.name for path in (city.folder / ".orchestrator").iterdir()}
    assert kept == {"dry-runs", "written.txt"}, "no journal is made, and what was written is known to a purge"


def test_offline_it_needs_no_network_at_all(city):
    """In a namespace with no interface that is up, not even loopback: whatever it asked would fail."""
    apart = ["unshare", "--map-root-user", "--net"]
    tried = subprocess.run([*apart, "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"this machine gives no network namespace: {tried.stderr.strip()}")
    argv = [*apart, sys.executable, "-m", "orchestrator.cli.main", "dry-run", "--system", MOVABLE, "--json", "apart.json"]
    done = subprocess.run(argv, cwd=city.folder, env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((city.folder / "apart.json").read_text("utf-8"))
    assert found["coverage"]["percent"] > 80
    assert found["problems"] == []


def test_the_script_that_every_ci_calls_writes_its_files_and_hands_the_exit_code_on(city):
    city.run()  # what is found in the playbooks is kept, and asked once for this whole module
    program = city.folder / "orchestrator"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m orchestrator.cli.main "$@"\n', "utf-8")
    program.chmod(0o755)
    given = {"ORCHESTRATOR": str(program), "INVENTORY": "inventory", "OUT": "made", "PYTHONPATH": str(CHECKOUT)}
    script = ["sh", str(CHECKOUT / "scripts/ci-dry-run.sh")]
    done = subprocess.run(script, cwd=city.folder, env={**os.environ, **given}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {file.name for file in (city.folder / "made").iterdir()} == {"dry-run.xml", "dry-run.sarif", "dry-run.md"}
    short = {**given, "REQUIRE_COVERAGE": "99"}
    done = subprocess.run(script, cwd=city.folder, env={**os.environ, **short}, capture_output=True, text=True, check=False)
    assert done.returncode == 3


@pytest.mark.parametrize("example", ["github.yml", "gitlab.yml", "pre-commit.yaml"])
def test_an_example_is_yaml_and_calls_the_script(example):
    text = (CHECKOUT / "docs/ci" / example).read_text("utf-8")
    assert yaml.safe_load(text)
    assert "scripts/ci-dry-run.sh" in text


@pytest.mark.parametrize("systems", ["systems: []\n", "systems:\n- {department: permits-office, classified: true, row_no: 1}\n"])
def test_an_inventory_without_a_system_to_migrate_is_said_to_be_so(tmp_path, monkeypatch, capsys, systems):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(CHECKOUT / "inventories/demo", tmp_path / "inventory", ignore=lambda _, names: [n for n in names if n not in {"sites.yaml", "program.yaml"}])
    departments = "departments:\n- {id: permits-office, name: 市行政审批局, level: municipal, organisation_type: government}\n"
    (tmp_path / "inventory/all.yaml").write_text(departments + systems, "utf-8")
    (tmp_path / "orchestrator.toml").write_text('inventory = "inventory"\n', "utf-8")
    code = main(["dry-run", "--lang", "zh", "--markdown", "m.md"])
    told = capsys.readouterr().out
    assert code == 3
    assert "没有检查任何系统的任何步骤" in told and "没有检查任何系统的任何步骤" in Path("m.md").read_text("utf-8")
    assert "%" not in told
    assert "none-listed" in told or "none-classified" in told


@pytest.mark.usefixtures("city")
@pytest.mark.parametrize(("scope", "near"), [("--wave=99", "1"), ("--phase=phase-7", "phase-1")])
def test_a_wave_or_phase_that_the_plan_has_not_is_told_with_those_that_it_has(capsys, scope, near):
    assert main(["dry-run", scope]) == 2
    assert near in capsys.readouterr().err
