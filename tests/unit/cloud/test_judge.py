"""May this plan run? A case is a file of tests/cases/terraform/judge."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from orchestrator.cloud.changes import read_changes
from orchestrator.cloud.judge import judge
from orchestrator.cloud.kinds import Kind, Kinds, read_kinds
from orchestrator.cloud.stand import Position, Stand, find_stand
from orchestrator.errors import Finding, Refused
from orchestrator.settings import HOME

CASES = HOME / "tests" / "cases" / "terraform" / "judge"
MODULES = HOME / "terraform" / "modules"


def read_case(file: Path) -> tuple[dict[str, Any], tuple[Finding, ...], tuple[Finding, ...]]:
    told = yaml.safe_load(file.read_text(encoding="utf-8"))
    plan = json.loads((CASES / told["plan_of"]).read_text(encoding="utf-8")) if "plan_of" in told else told["plan"]
    kinds = read_kinds(MODULES / told["module"]) if told["module"] else Kinds()
    position = Position("citizen-portal", Stand(told["stand"]), frozenset(told.get("unfinished", ())))
    judgement = judge(read_changes(plan, kinds), position, kinds)
    return told, judgement.refusals, judgement.notes


def assert_each_is_said(parts: list[str], findings: tuple[Finding, ...]) -> None:
    left = list(findings)
    for part in parts:
        match = next((finding for finding in left if part in finding.message), None)
        assert match is not None, (part, [finding.message for finding in left])
        left.remove(match)
    assert left == []


@pytest.mark.parametrize("file", sorted(CASES.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_table_of_plans(file: Path) -> None:
    told, refusals, notes = read_case(file)
    assert_each_is_said(told["refused"], refusals)
    assert_each_is_said(told["notes"], notes)
    for finding in (*refusals, *notes):
        assert finding.system == "citizen-portal"
        assert finding.remedy
        assert not any(secret in finding.message + finding.remedy for secret in told.get("never", ()))
    assert all(finding.severity == "error" for finding in refusals)


@pytest.mark.parametrize("stand", [stand for stand in Stand if stand is not Stand.NOTHING])
@pytest.mark.parametrize("kind", [Kind.SERVER, Kind.PORT, Kind.VOLUME, Kind.UNKNOWN])
@pytest.mark.parametrize("actions", [["create"], ["delete"], ["delete", "create"], ["create", "delete"], ["forget"], ["create", "forget"]])
def test_after_hand_over_nothing_that_may_hold_data_is_made_or_taken_away(stand: Stand, kind: Kind, actions: list[str]) -> None:
    kinds = Kinds(resources={"some_thing": kind}) if kind is not Kind.UNKNOWN else Kinds()
    change = {"actions": actions, "before": {"metadata": {"run": "r1"}}, "after": {}}
    plan = {"resource_changes": [{"address": "some_thing.x", "type": "some_thing", "name": "x", "change": change}]}
    assert len(judge(read_changes(plan, kinds), Position("s", stand, frozenset({"r1"})), kinds).refusals) == 1


@pytest.mark.parametrize("module", sorted(path.name for path in MODULES.iterdir()))
def test_every_module_says_what_its_resources_are(module: str) -> None:
    kinds = read_kinds(MODULES / module)
    assert kinds.listing
    main = "\n".join(file.read_text(encoding="utf-8") for file in (MODULES / module).glob("*.tf"))
    for line in main.splitlines():
        if line.startswith("resource "):
            _, resource_type, name = line.replace('"', "").removesuffix(" {").split(" ")[:3]
            assert kinds.kind_of(resource_type, name) is not Kind.UNKNOWN, line


@pytest.mark.parametrize("text", ["[resources]\na = 'moon'", "[resources", "resources = 3", "[harmless]\na = 3"])
def test_a_file_that_does_not_say_it_is_refused_with_its_place(tmp_path: Path, text: str) -> None:
    (tmp_path / "module.toml").write_text(text)
    with pytest.raises(Refused) as refused:
        read_kinds(tmp_path)
    assert str(tmp_path) in refused.value.where


def migration(name: str, *, live: str = "source", ending: str | None = None) -> Any:
    return SimpleNamespace(id=name, live=live, ending=ending)


def made(name: str, state: str, *, facts: object = None) -> Any:
    return SimpleNamespace(migration=name, step="provision", state=state, facts=facts)


FACTS = {"servers": {"portal-db": {}}}


@pytest.mark.parametrize(
    ("migrations", "steps", "stand"),
    [
        ([], [], Stand.NOTHING),
        ([migration("a-1")], [made("a-1", "pending")], Stand.NOTHING),
        ([migration("a-1")], [made("a-1", "running")], Stand.NOTHING),
        ([migration("a-1")], [made("a-1", "failed")], Stand.NOTHING),
        ([migration("a-1")], [made("a-1", "done", facts=FACTS)], Stand.HANDED_OVER),
        ([migration("a-1")], [made("a-1", "undoing", facts=FACTS)], Stand.HANDED_OVER),
        ([migration("a-1")], [made("a-1", "undo_failed", facts=FACTS)], Stand.HANDED_OVER),
        ([migration("a-1", ending="cancelled")], [made("a-1", "undone", facts=FACTS)], Stand.NOTHING),
        ([migration("a-1", ending="cancelled"), migration("a-2")], [made("a-1", "undone", facts=FACTS)], Stand.NOTHING),
        ([migration("a-1", live="target")], [made("a-1", "done", facts=FACTS)], Stand.LIVE),
        ([migration("a-1", live="target", ending="needs_a_person")], [made("a-1", "done", facts=FACTS)], Stand.LIVE),
        ([migration("a-1", live="target", ending="accepted")], [made("a-1", "done", facts=FACTS)], Stand.ACCEPTED),
        ([migration("a-1", live="target"), migration("a-2")], [made("a-2", "done", facts=FACTS)], Stand.LIVE),
    ],
)
def test_where_a_system_stands_is_read_from_the_journal(migrations: list[Any], steps: list[Any], stand: Stand) -> None:
    assert find_stand(migrations, steps) is stand
