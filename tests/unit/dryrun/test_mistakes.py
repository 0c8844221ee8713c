"""Deliberate mistakes, one at a time: each is found by the dry run at its place, with what to do, and JUnit and SARIF hold it too.

Those about a city's forms that need no whole run are beside the code that finds them. A changed host key needs a host:
``tests/integration/test_dry_run_connected.py``.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from junitparser import JUnitXml
from sarif_pydantic import Sarif

from orchestrator.dryrun.junit import to_junit
from orchestrator.dryrun.result import Result
from orchestrator.dryrun.run import Asked, run
from orchestrator.dryrun.sarif import to_sarif
from orchestrator.engine.session import Session
from orchestrator.errors import Finding
from orchestrator.journal.actors import Actor
from orchestrator.settings import Settings
from tests.unit.dryrun.test_dry_run import CHECKOUT, MOVABLE, City

LI, WANG = Actor("os", "li"), Actor("os", "wang")


class Mistaken(Settings):
    """Settings whose playbooks are a copy that a mistake can be put into."""

    @property
    def playbooks(self) -> Path:
        return Path("playbooks").resolve()


def look(systems: tuple[str, ...]) -> Result:
    return run(Session(Mistaken(), LI), Asked(systems))


@pytest.fixture
def city(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> City:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(CHECKOUT / "playbooks", tmp_path / "playbooks")
    return City(tmp_path)


def on_a_classified_one(city: City) -> None:
    """Portal and register need each other, and the register turns out to be classified: it is not in the count any more."""
    city.replace("administrative-service.yaml", r"    row_no: 1\n", "    row_no: 1\n    depends_on: [property-register]\n")
    city.replace("natural-resources.yaml", "classified: false", "classified: true")


ON_EVERY_RUN = """
- name: Note the time
  ansible.builtin.shell: date >> /var/log/prepared
"""


def in_the_playbooks(city: City) -> None:
    """Three at once, since Ansible and ansible-lint take seconds for each look at them: none hides another one."""
    roles = city.folder / "playbooks/roles/prepare_host"
    spec = yaml.safe_load((roles / "meta/argument_specs.yml").read_text("utf-8"))
    spec["argument_specs"]["main"]["options"]["prepare_host_owner"] = {"type": "str", "required": True, "description": "Who owns them."}
    (roles / "meta/argument_specs.yml").write_text(yaml.safe_dump(spec, sort_keys=False), "utf-8")
    (roles / "templates").mkdir(exist_ok=True)
    (roles / "templates/motd.j2").write_text("managed for {{ prepare_host_departmnet }}\n", "utf-8")
    with (roles / "tasks/main.yml").open("a", encoding="utf-8") as tasks:
        tasks.write(ON_EVERY_RUN)


def outdated_digest(city: City) -> None:
    """A plan is approved; then the form changes."""
    session = Session(Settings(), LI)
    plan = session.plan
    session.journal.save_plan(plan.digest, plan.model_dump_json(), actor=str(LI))
    session.decisions.approve_plan(plan.digest, actor=WANG)
    city.replace("administrative-service.yaml", "data_gb: 0.1", "data_gb: 900")


def small_server(city: City) -> None:
    text = (city.folder / "inventory/sites.yaml").read_text("utf-8")
    (city.folder / "inventory/sites.yaml").write_text(text.replace("name: portal-db-cloud\n", "name: portal-db-cloud\n    disk_gb: 10\n"), "utf-8")


def capacity_short(city: City) -> None:
    with (city.folder / "inventory/program.yaml").open("a", encoding="utf-8") as file:
        file.write("\ncloud:\n  - {since: 2026-01-05, vcpus: 1}\n")


CASES: dict[str, tuple[Callable[[City], None], tuple[str, ...], dict[str, str]]] = {
    # mistake: what is done, which systems are looked at, each code with a part of its place and words
    "playbooks: a variable that is missing, one that is undefined, a task that changes something on every run": (in_the_playbooks, (MOVABLE,), {
        "role-argument": r"prepare_target\.yml › prepare_host.*prepare_host_owner",
        "template": r"motd\.j2.*prepare_host_departmnet",
        "playbook-lint": r"prepare_host/tasks/main\.yml.*no-changed-when",
    }),
    "a plan's digest is outdated": (outdated_digest, (MOVABLE,), {"changed-since": r"citizen-portal: .*900"}),
    "a standing server has too little disk": (small_server, (MOVABLE,), {"server-disk": r"portal-db-cloud has 10 GB"}),
    "a cycle holds a system that is excluded": (on_a_classified_one, (MOVABLE,), {"dependency-unknown": r"administrative-service\.yaml › L10"}),
    "the cloud's capacity is short": (capacity_short, (MOVABLE,), {"beyond-limit": r"cloud vCPUs"}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_is_found_at_its_place_with_what_to_do(city: City, name: str) -> None:
    mistake, systems, wanted = CASES[name]
    mistake(city)
    result = look(systems)
    for code, words in wanted.items():
        found = [finding for finding in result.errors if finding.code == code]
        assert found, [f"{f.code} {f.place()}: {f.message}" for f in result.all_findings()]
        told = [f"{finding.place()}: {finding.message}" for finding in found]
        assert any(re.search(words, line) for line in told), told
        assert all(finding.remedy for finding in found)
        is_valid(result, found)


def is_valid(result: Result, found: list[Finding]) -> None:
    """Both files are read by the field's own parsers, and hold the finding."""
    suites = JUnitXml.fromstring(to_junit(result).encode())
    assert suites.failures >= len(found)
    sarif = Sarif.model_validate_json(to_sarif(result, root="inventory"))
    rules = [entry.rule_id for entry in sarif.runs[0].results or []]
    assert all(finding.code in rules for finding in found)
