"""Whatever a step or a mover keeps has a name in the table that ``clean`` reads, and belongs to the system that left it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import orchestrator
from orchestrator.engine.cleaning import Cleaning
from orchestrator.engine.left_places import BY_MIGRATION, HERE, OF_A_HOST, Kind, Stay, Whose, kind_here, kind_on_host
from orchestrator.engine.session import Session
from orchestrator.models import Host
from orchestrator.steps.world import World
from tests.unit.engine.test_cleaning import MUCH_LATER, SYSTEM, migrated

PACKAGE = Path(orchestrator.__file__).parent
SOURCES = {
    path.relative_to(PACKAGE): path.read_text(encoding="utf-8")
    for folder in ("steps", "movers", "hosts", "engine", "gateways", "cutover")
    for path in (PACKAGE / folder).rglob("*.py")
}
WHOSE = Whose("desk", ["desk-1", "desk-2"], ["portal-1", "desk-annexe-1"], ["web"])


def _named(pattern: str) -> dict[str, Path]:
    return {name: path for path, text in SOURCES.items() for name in re.findall(pattern, text, re.DOTALL)}


def test_every_folder_of_the_controller_that_the_sources_name_is_known() -> None:
    found = _named(r"""(?:world|hands)\.folder / f?"([A-Za-z0-9_.{}-]+)["/]""")
    assert {"backup", "copy", "passes", "manifests"} <= found.keys()
    names = {name: path for name, path in found.items() if kind_here(re.sub(r"\{[^}]*\}", "x", name)).stay is Stay.UNKNOWN}
    assert not names, "a row in engine/left_places.py says how long each is kept"


def test_every_place_on_a_host_that_the_sources_name_is_known() -> None:
    found = _named(r"""\.home\([^"()]*(?:\([^()]*\))?[^"()]*,\s*f?"([a-z-]+)""") | _named(r"""\{home\}/([a-z-]+)""")
    found |= _named(r"""/var/lib/orchestrator/([a-z-]+)""")
    assert {"quarantine", "former-files", "services", "prepared-source", "accounts-", "standby"} <= found.keys()
    assert not {name: path for name, path in found.items() if name.rstrip("-") not in (*BY_MIGRATION, *OF_A_HOST)}


@pytest.mark.parametrize(
    ("path", "side", "expected"),
    [
        ("quarantine/desk-2-servers", "target", BY_MIGRATION["quarantine"]),
        ("quarantine/desk-1", "source", BY_MIGRATION["quarantine"]),
        ("quarantine/portal-1-servers", "target", None),
        ("quarantine/desk-annexe-1-merge", "target", None),
        ("quarantine/mariadb-20261130T200000000000", "target", Kind("quarantined files", Stay.UNKNOWN)),
        ("quarantine/desk-10", "target", Kind("quarantined files", Stay.UNKNOWN)),
        ("quarantine", "target", None),
        ("former-files/desk-1", "target", BY_MIGRATION["former-files"]),
        ("accounts-desk-1.json", "target", OF_A_HOST["accounts"]),
        ("accounts-portal-1.json", "target", None),
        ("services/web/former", "target", OF_A_HOST["services"]),
        ("services/web/former.json", "target", OF_A_HOST["services"]),
        ("services/web.former", "target", OF_A_HOST["services"]),
        ("services/web/environment", "target", None),
        ("services/web/held", "source", None),
        ("services/web/former", "source", None),
        ("services/other/former", "target", None),
        ("prepared-source/desk-mariadb.json", "source", OF_A_HOST["prepared-source"]),
        ("prepared-source/desk.json", "source", OF_A_HOST["prepared-source"]),
        ("prepared-source/portal.json", "source", None),
        ("mariadb.tenants", "target", OF_A_HOST["mariadb"]),
        ("something", "target", Kind("not known", Stay.UNKNOWN)),
    ],
)
def test_what_lies_on_a_host_belongs_to_whoever_left_it(path: str, side: str, expected: Kind | None) -> None:
    assert kind_on_host(path, WHOSE, side) == expected


class ThisDisk:
    """A host whose programs run here."""

    def output(self, argv: list[str], _timeout: float) -> bytes:
        return subprocess.run(argv, check=True, capture_output=True).stdout

    def run(self, argv: list[str], **_options: object) -> None:
        subprocess.run(argv, check=True)


def _lay(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x" * 5000)


def test_everything_that_lies_on_a_new_server_is_listed_with_its_size_and_goes_but_what_lives(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrated(session)
    [row] = session.journal.migrations()
    server = Host(name="weather-1-cloud", address="192.0.2.9")
    home = tmp_path / "home"
    goes = [f"quarantine/{row.id}-servers", f"former-files/{row.id}", f"accounts-{row.id}.json", "services/weather/former", "services/weather/former.json"]
    stays = ["mariadb/ibdata1", "mariadb.cnf", "secrets/weather/x", "services/weather/environment", "quarantine/other-1/x", "odd"]
    _lay(home, f"{goes[0]}/a/b", f"{goes[1]}/a", goes[2], f"{goes[3]}/0", goes[4], *stays)
    monkeypatch.setattr(World, "ssh", lambda _self, _host: ThisDisk())
    monkeypatch.setattr(World, "home", lambda _self, host, *parts: "/".join([str(home if host == server else tmp_path / "none"), *parts]))
    monkeypatch.setattr(Cleaning, "_targets", lambda _self: {"weather-1": server})

    def seen() -> dict[str, Any]:
        with Cleaning(session, SYSTEM, MUCH_LATER) as cleaning:
            cleaning._system = cleaning._system.model_copy(update={"services": (SimpleNamespace(name="weather"),)})
            return {each.path.removeprefix(f"{home}/"): each for each in cleaning._on_hosts()}

    found = seen()
    assert {path for path, each in found.items() if not each.kept} == set(goes)
    assert {path for path, each in found.items() if each.kept} == {"quarantine/other-1", "odd"}
    assert all(each.bytes >= 5000 and each.place == "weather-1-cloud" for each in found.values())
    with Cleaning(session, SYSTEM, MUCH_LATER) as cleaning:
        for each in found.values():
            if not each.kept:
                cleaning._remove(each)
    assert set(seen()) == {"quarantine/other-1", "odd"}
    assert all((home / name).exists() for name in stays)


def test_a_server_that_was_given_is_looked_at_when_its_migration_was_undone(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    migrated(session)
    given, made = {"name": "given", "address": "192.0.2.9"}, {"name": "made", "address": "192.0.2.10"}
    step = SimpleNamespace(step="provision", state="undone", facts={"servers": {"a": given, "b": made}})
    monkeypatch.setattr(type(session.journal), "steps", lambda _self, _migration: [step])
    sites = SimpleNamespace(sites=[SimpleNamespace(servers=[Host(**given)])])
    monkeypatch.setattr(type(session), "sites", sites)
    with Cleaning(session, SYSTEM) as cleaning:
        assert [(host.name, side) for host, side in cleaning._sides().items()] == [("weather-1", "source"), ("given", "target")]


def test_a_folder_that_nobody_knows_is_listed_and_stays_and_an_empty_one_is_nothing(session: Session) -> None:
    folder = migrated(session)
    _lay(folder, "surprise/x", "copy/orchestrator_0123456789.sql", f"orchestrator_{'0' * 10}.schema", "guard.jsonl")
    (folder / "dumps").mkdir()
    with Cleaning(session, SYSTEM, MUCH_LATER) as cleaning:
        found = {Path(each.path).name: each for each in cleaning.find() if each.place == "here"}
    assert found.keys() == {"relay", "cold", "surprise", "copy", f"orchestrator_{'0' * 10}.schema"}
    assert {name for name, each in found.items() if each.kept} == {"surprise"}
    assert HERE["copy"].stay is Stay.SHORT
