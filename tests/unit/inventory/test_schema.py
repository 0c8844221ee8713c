"""Every slip in a document of ours is told at its line and key, in the catalogue's words of either language, with what is allowed there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from orchestrator import texts
from orchestrator.errors import Finding, Refused
from orchestrator.inventory import schema
from orchestrator.inventory.load import load, load_sites
from orchestrator.inventory.yaml_in import documents_of
from orchestrator.models import Sites, System
from orchestrator.planning.programme import Programme, load_programme
from orchestrator.policy.policy import Policy, load_policy
from orchestrator.settings import Settings

CHECKOUT = Path(__file__).resolve().parents[3]
SITES = (CHECKOUT / "docs/examples/sites.yaml").read_text("utf-8")
SYSTEMS = (CHECKOUT / "docs/examples/systems.yaml").read_text("utf-8")
PROGRAM = (CHECKOUT / "inventories/demo/program.yaml").read_text("utf-8")
POLICY = (CHECKOUT / "orchestrator/policy/policy.yaml").read_text("utf-8")
DEPARTMENTS = "departments:\n- {id: permits-office, name: 市行政审批局, level: municipal, organisation_type: government}\n"
PYDANTICS = re.compile(r"Input should|Extra inputs|Field required|valid (string|integer|tuple|dictionary)|String should|Value error|permitted", re.IGNORECASE)


@pytest.fixture(autouse=True)
def _no_language_stays() -> Iterator[None]:
    yield
    texts.use(None)


def refused(load_it: Callable[[Path], Any], name: str, text: str, folder: Path) -> list[Finding]:
    (folder / name).write_text(text, "utf-8")
    with pytest.raises(Refused) as error:
        load_it(folder / name)
    return list(error.value.findings)


READERS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "sites.yaml": (load_sites, SITES), "program.yaml": (load_programme, PROGRAM), "policy.yaml": (load_policy, POLICY),
}  # fmt: skip
SLIPS = [
    # file, what stands there, what somebody writes instead, the key that is told, what is offered
    ("sites.yaml", "kind: cloud", "kind: clowd", "sites[1].kind", "`cloud`"),
    ("sites.yaml", "  address_range: 10.1.1.0/24\n", "  adress_range: 10.1.1.0/24\n", "sites[0].adress_range", "`address_range`"),
    ("sites.yaml", "name: gw-room, address: 10.1.1.5, ssh_user", "name: gw-room, address: 10.1.1.5, user", "sites[0].gateway.user", "`ssh_user`"),
    ("sites.yaml", "port: 6432", "port: 64320000", "sites[0].pgbouncer.port", "65535"),
    ("sites.yaml", "runtime_port: 9999", "runtime_port: soon", "entry.runtime_port", "whole number"),
    ("sites.yaml", "ports: {permits: 8080}", "ports: [8080]", "entry.ports", "mapping"),
    ("sites.yaml", "entry:", "entrance:", "entrance", "`entry`"),
    ("program.yaml", "percent: 80", "percent: 800", "phases[0].percent", "100"),
    ("program.yaml", "starts:", "begins:", "begins", "starts"),
    ("program.yaml", "phases:", "blackout: []\nphases:", "blackout", "`blackouts`"),
    ("program.yaml", "phases:", "work: {hostin: {weeks: 2}}\nphases:", "work.hostin", "`hosting`"),
    ("program.yaml", "phases:", "default_windows: [{days: [sun, satt], start: 08:30, end: 25:00}]\nphases:", "default_windows[0].days[1]", "`sat`"),
    ("policy.yaml", "version: 1", "version: 2", "version", "1"),
    ("policy.yaml", "strategy: hosting", "strategy: hostng", r"rules[", "`hosting`"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "stands", "instead", "key", "offered"), SLIPS, ids=[f"{slip[0]} {slip[2][:40]!r}" for slip in SLIPS])
def test_a_slip_is_told_at_its_line_and_key_with_what_is_allowed(
    file: str, stands: str, instead: str, key: str, offered: str, tmp_path: Path
) -> None:
    reader, right = READERS[file]
    assert stands in right
    wrong = right.replace(stands, instead, 1)
    line = right[: right.index(stands)].count("\n") + 1
    findings = refused(reader, file, wrong, tmp_path)
    texts.use("en")
    told = [finding for finding in findings if finding.cell.partition(" ")[2].startswith(key)]
    assert told, [finding.place() for finding in findings]
    assert told[0].file == file
    assert told[0].cell.startswith(f"L{line} ")
    assert offered in f"{told[0].message} {told[0].remedy}"


def test_every_slip_of_a_file_is_told_at_once_by_line(tmp_path: Path) -> None:
    wrong = SITES.replace("kind: cloud", "kind: clowd").replace("port: 6432", "port: 0").replace("  ssh: {", "  shh: {")
    findings = refused(load_sites, "sites.yaml", wrong, tmp_path)
    assert [finding.cell.split(" ")[1] for finding in findings] == ["sites[0].pgbouncer.port", "sites[1].kind", "sites[1].pgbouncer.port", "entry.shh"]


@pytest.mark.parametrize("text", ["", "- a\n", "5\n", "sites: []\n---\nsites: []\n", "sites: [\n", "sites: [], sites: []\n"])
@pytest.mark.parametrize("file", READERS)
def test_what_is_no_such_document_is_refused_with_a_finding(file: str, text: str, tmp_path: Path) -> None:
    assert refused(READERS[file][0], file, text, tmp_path)


def test_a_secret_that_stands_where_a_reference_may_is_not_repeated(tmp_path: Path) -> None:
    wrong = SITES.replace("secret: file:/home/engineer/city/secrets/pgbouncer_admin      #", "secret: hunter2  #")
    (finding,) = refused(load_sites, "sites.yaml", wrong, tmp_path)
    assert "hunter2" not in f"{finding.message} {finding.remedy} {finding.place()}" and "env:" in finding.message


@pytest.mark.parametrize(
    ("stands", "instead", "key", "offered"),
    [
        ("ssh_user: ops, os: Debian 12, target: app-cloud", "ssh_usr: ops", "hosts[0].ssh_usr", "`ssh_user`"),
        ('version: "15"', "version: 15", "databases[0].version", "quotation"),
        ("kind: http", "kind: htp", "services[0].health.kind", "`http`"),
        ("days: daily", "days: dayly", "windows[0].days", "`daily`"),
        ("gap_ms: 3000", "gap_s: 3", "interruption.gap_s", "`gap_ms`"),
    ],
)
def test_a_slip_deep_in_a_system_is_told_at_its_own_line(stands: str, instead: str, key: str, offered: str, tmp_path: Path) -> None:
    texts.use("en")
    (tmp_path / "systems.yaml").write_text(SYSTEMS.replace(stands, instead, 1), "utf-8")
    (tmp_path / "departments.yaml").write_text(DEPARTMENTS, "utf-8")
    found = [finding for finding in load([tmp_path]).findings if key in finding.cell]
    line = SYSTEMS[: SYSTEMS.index(stands)].count("\n") + 1
    assert [finding.cell for finding in found] == [f"L{line} {key}"]
    assert offered in f"{found[0].message} {found[0].remedy}"


def broken(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every place of a document with a value that cannot stand there, whatever does."""
    nonsense = {"no-such-key": {"nor": ["this"]}}
    if path:
        yield path, [nonsense]
        yield path, nonsense
        yield path, "\x00"
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for part, inner in items:
        yield from broken(inner, (*path, part))


def put(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = put(document[path[0]], path[1:], value)
    return copy


@pytest.mark.parametrize(
    ("model", "text"),
    [(Sites, SITES), (Programme, PROGRAM), (Policy, POLICY), (System, None), (Settings, None)],
    ids=["sites", "program", "policy", "system", "settings"],
)
def test_whatever_is_wrong_wherever_no_word_is_the_librarys(model: type[BaseModel], text: str | None) -> None:
    """Each value of a whole document broken in three ways: told in words of ours, in both languages, below the key that is wrong."""
    if model is Settings:
        document: Any = {"state": "x", "report_hour": 3, "zones": {"a": ["internet"]}, "limits": {"room": 1}, "cloud": {"inputs": {"a": 1}, "not_ours": ["a"]}}
    elif text is None:
        document = {key: value for key, value in documents_of(SYSTEMS, "s")[0]["systems"][0].items() if key != "classified"}
    else:
        document = documents_of(text, "d")[0]
    wrong = 0
    for path, nonsense in broken(document):
        if len(path) > 3 and model is Policy:
            continue
        changed = put(document, path, nonsense)
        try:
            model.model_validate(changed) if model is not Settings else model(**changed)
        except ValidationError as error:
            wrong += 1
            for finding in schema.find_faults(error, model, changed, "d.yaml"):
                for language in texts.LANGUAGES:
                    said = f"{texts.spoken(finding.says, language)} {texts.spoken(finding.mend, language)}"
                    assert not PYDANTICS.search(said), said
                    assert finding.says != texts.say("inventory.does_not_fit"), (path, nonsense, error)
                top = schema.place_of(changed, path[:1]).key
                assert finding.cell.startswith(top), (finding.cell, path)
    assert wrong > 10
