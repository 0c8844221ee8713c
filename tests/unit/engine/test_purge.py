"""A system found classified later leaves nothing technical: journal, free pages, write-ahead log, inventory, working folder (R2)."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from pytest import CaptureFixture, MonkeyPatch

from orchestrator.cli.main import main
from orchestrator.cli.settings import open_workspace
from orchestrator.engine.session import Session
from orchestrator.inventory.load import load_strict
from orchestrator.inventory.traces import words_of
from orchestrator.journal.states import Ending, MigrationState
from orchestrator.journal.store import Journal
from orchestrator.models import Plan
from orchestrator.settings import Settings
from tests.support.story import Story

DEMO = Path(__file__).resolve().parents[3] / "inventories" / "demo"
SYSTEM, OTHER = "social-insurance", "weather-bulletin"
SECRETS = ("社会保险核心系统", "Social insurance", "insurance-1", "127.20.1.31", "insurance_app", "/srv/insurance", "厂商专用系统", "郑工")
"""Some of its words, by hand: not what the code under test thinks they are."""


class City:
    """A state folder in which a system was planned, migrated, overridden, counted and reported."""

    def __init__(self, folder: Path) -> None:
        self.inventory, self.state = folder / "inventory", folder / "state"
        shutil.copytree(DEMO, self.inventory)
        sites = self.inventory / "sites.yaml"  # the gateways are for people to clean up; here somebody did
        sites.write_text(sites.read_text("utf-8").replace(", insurance: 8083", ""), "utf-8")
        settings = Settings(inventory=self.inventory, state=self.state)
        self.plan = Session.open(settings).plan
        self.story = Story(self.state, self.plan)
        self.journal: Journal = self.story.journal

    def migrate(self, system: str, secret: str) -> Any:
        lease = self.story.begin(system, "hosting")
        self.story.run(lease, "provision", facts={"provision": {"servers": {secret: {"address": secret}}}})
        decisions = self.story.decisions
        decisions.open_task(lease, "provision", "carry", zh=f"搬运 {secret}", en=secret, detail={"host": secret})
        decisions.record_copy(lease, what=f"{secret}:/srv", source_state=secret * 20, size=1, items=1)
        self.story.measure(lease, 100.0)
        self.journal.set_flag(f"turn_back:{lease.migration}", secret, actor="os:li")
        return lease

    def everything(self) -> bytes:
        """Every byte and name below the state folder."""
        paths = sorted(path for path in self.state.rglob("*"))
        return b"\n".join(str(path.relative_to(self.state)).encode() + (path.read_bytes() if path.is_file() else b"") for path in paths)


@pytest.fixture
def city(tmp_path: Path, monkeypatch: MonkeyPatch, capsys: CaptureFixture[str]) -> City:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "state").mkdir()
    city = City(tmp_path)
    monkeypatch.setenv("ORCHESTRATOR_INVENTORY", str(city.inventory))
    monkeypatch.setenv("ORCHESTRATOR_STATE", str(city.state))
    assert main(["baseline", "freeze", "--reason", "文件"]) == 0
    assert main(["override", SYSTEM, "--strategy", "cloud_deployment", "--reason", "insurance-1 可迁移"]) == 0
    mine, theirs = city.migrate(SYSTEM, "insurance-1 127.20.1.31"), city.migrate(OTHER, "weather-1")
    city.story.event(theirs, "step", {"note": "asks 127.20.1.31 for 社会保险核心系统"})
    city.story.event(theirs, "step", {"note": "127.20.1.3 and insurance-10 are others"})
    for lease in (mine, theirs):
        city.story.end(lease, Ending.ROLLED_BACK_BEFORE, why="insurance-1" if lease is mine else "weather-1")
    folder = city.state / "systems" / SYSTEM
    folder.mkdir(parents=True)
    (folder / "dump.sql").write_text("insurance_app /srv/insurance")
    capsys.readouterr()
    return city


def search(city: City) -> list[str]:
    content = city.everything()
    return [
        word for word in SECRETS if re.search(rb"(?<!social-)" + re.escape(word.encode()) + rb"(?![0-9])", content)
    ]  # the id itself is hashed into the chain


def purge(capsys: CaptureFixture[str], code: int, *, system: str = SYSTEM, reason: str = "上级认定为涉密") -> dict[str, Any]:
    capsys.readouterr()
    assert main(["purge", system, "--reason", reason, "--yes", "--json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_nothing_of_it_is_left_in_any_byte_of_the_state_folder(city: City, capsys: CaptureFixture[str]) -> None:
    assert {"社会保险核心系统", "insurance-1", "127.20.1.31", "insurance_app"} <= set(search(city)), "it was there"
    words = words_of(next(s for s in load_strict([DEMO]).inventory.systems if s.id == SYSTEM), load_strict([DEMO]).inventory)
    assert set(SECRETS) - {"厂商专用系统"} <= set(words)
    found = purge(capsys, 0)
    assert search(city) == []
    assert found["left"] == []
    assert found["journal"]["plans"] == 1
    assert found["beyond"]
    yaml = (city.inventory / "human-resources.yaml").read_text()
    assert not [word for word in SECRETS if word in yaml]
    assert "classified: true" in yaml
    assert main(["audit", "verify"]) == 0
    with sqlite3.connect(city.state / "journal.sqlite") as raw:
        for table in ("migrations", "steps", "tasks", "copies", "measurements", "leases", "gates"):
            where = "id" if table == "migrations" else "migration"
            assert raw.execute(f"SELECT count(*) FROM {table} WHERE {where} LIKE '{SYSTEM}%'").fetchone() == (0,), table  # noqa: S608


def test_who_and_why_stay_on_the_chain_and_the_count_shows_it(city: City, capsys: CaptureFixture[str]) -> None:
    purge(capsys, 0)
    (event,) = city.journal.events(kind="purged")
    assert event.system == SYSTEM
    assert event.actor.startswith("os:")
    assert event.payload is not None
    assert event.payload["reason"] == "上级认定为涉密"
    assert main(["baseline", "show", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert SYSTEM not in {member["id"] for member in shown["members"]}
    (change,) = shown["changes"]
    assert (change["system"], change["what"], change["reason"]) == (SYSTEM, "classified", "上级认定为涉密")
    assert shown["unexplained"] == []


def test_who_had_left_the_count_before_leaves_it_for_the_reason_of_the_purge(city: City, capsys: CaptureFixture[str]) -> None:
    assert main(["baseline", "change", SYSTEM, "--what", "retired", "--reason", "insurance-1 停用"]) == 0
    capsys.readouterr()
    purge(capsys, 0)
    assert main(["baseline", "show", "--json"]) == 0
    (change,) = json.loads(capsys.readouterr().out)["changes"]
    (event,) = city.journal.events(kind="purged")
    assert change == {"at": event.at, "actor": event.actor, "system": SYSTEM, "what": "classified", "reason": "上级认定为涉密"}


def test_other_systems_lose_only_what_named_it(city: City, capsys: CaptureFixture[str]) -> None:
    before = {event.seq: event.payload for event in city.journal.events(system=OTHER)}
    purge(capsys, 0)
    after = {event.seq: event.payload for event in city.journal.events(system=OTHER)}
    gone = [seq for seq in before if after[seq] is None]
    assert [before[seq] for seq in gone] == [{"note": "asks 127.20.1.31 for 社会保险核心系统"}]
    assert {seq: payload for seq, payload in before.items() if seq not in gone} == {s: p for s, p in after.items() if s not in gone}
    plan = Plan.model_validate_json(city.journal.plan(city.plan.digest) or "")
    assert {e.system for e in plan.entries} == {e.system for e in city.plan.entries} - {SYSTEM}
    kept = {entry.system: entry for entry in city.plan.entries}
    assert all(entry.window_start == kept[entry.system].window_start and entry.facts == kept[entry.system].facts for entry in plan.entries)
    assert city.journal.migrations(system=OTHER)
    assert main(["report", "--out", str(city.state / "r.html")]) == 0
    assert "127.20.1.31" not in (city.state / "r.html").read_text()


def test_who_went_from_the_inventory_and_only_a_kept_plan_names_is_known(city: City, capsys: CaptureFixture[str]) -> None:
    city.journal.save_plan("f" * 64, '{"entries": [{"system": "sys-00c0ffee"}, {"system": "weather-bulletin"}]}', actor="os:li")
    assert purge(capsys, 0, system="sys-00c0ffee")["journal"]["plans"] == 1
    assert "sys-00c0ffee" not in str(city.journal.plan("f" * 64))
    assert main(["purge", "sys-00c0ffe", "--reason", "涉密", "--yes"]) == 2, "a part of an id is nobody's"


def test_a_second_purge_changes_nothing(city: City, capsys: CaptureFixture[str]) -> None:
    purge(capsys, 0)
    events = city.journal.events()
    assert purge(capsys, 0)["journal"] == {"events": 0, "rows": 0, "plans": 0}
    assert city.journal.events() == events
    assert main(["audit", "verify"]) == 0


def test_it_is_refused_while_a_migration_is_under_way(city: City, capsys: CaptureFixture[str]) -> None:
    city.migrate(SYSTEM, "insurance-1")
    events, inventory = city.journal.events(), (city.inventory / "human-resources.yaml").read_bytes()
    assert "under way" in purge(capsys, 3)["error"]
    assert (city.journal.events(), (city.inventory / "human-resources.yaml").read_bytes()) == (events, inventory)
    assert city.journal.migrations(system=SYSTEM)[-1].state == MigrationState.FORWARD


@pytest.mark.parametrize(("reason", "code"), [("127.20.1.31 涉密", 3), ("社会保险核心系统涉密", 3), (" ", 3), ("x\x1b[1m", 3)])
def test_a_reason_that_names_it_is_refused(city: City, capsys: CaptureFixture[str], reason: str, code: int) -> None:
    events = city.journal.events()
    purge(capsys, code, reason=reason)
    assert city.journal.events() == events


def test_it_needs_a_word_and_a_known_system(city: City) -> None:
    assert main(["purge", SYSTEM, "--reason", "涉密", "--json"]) == 2, "nobody said yes"
    assert main(["purge", "no-such-system", "--reason", "涉密", "--yes"]) == 2
    assert len(city.journal.events(kind="purged")) == 0


def test_what_it_cannot_remove_is_named(city: City, capsys: CaptureFixture[str]) -> None:
    terraform = city.state / "terraform" / SYSTEM
    terraform.mkdir(parents=True)
    (terraform / "terraform.tfstate").write_text('{"resources": [{"name": "server"}]}')
    prefect = city.state / "prefect" / "server.log"
    prefect.parent.mkdir()
    prefect.write_bytes(b"\xff" * (1 << 20) + "迁移 127.20.1.31".encode())
    found = purge(capsys, 5)
    assert found["left"] == [str(prefect), str(terraform / "terraform.tfstate")]
    (terraform / "terraform.tfstate").write_text('{"resources": []}')
    prefect.unlink()
    assert purge(capsys, 0)["left"] == []
    assert not terraform.exists()


def _with_a_dependant(city: City) -> tuple[Path, str]:
    file = city.inventory / "natural-resources.yaml"
    file.write_text(file.read_text("utf-8").replace("depends_on: [citizen-portal]", f"depends_on: [citizen-portal, {SYSTEM}]"), "utf-8")
    (dependant,) = [one.id for one in load_strict([city.inventory]).inventory.systems if SYSTEM in one.depends_on]
    return file, dependant


def test_nobody_in_the_inventory_depends_on_it_any_longer(city: City, capsys: CaptureFixture[str]) -> None:
    _, dependant = _with_a_dependant(city)
    assert purge(capsys, 0)["left"] == []
    left = next(one for one in load_strict([city.inventory]).inventory.systems if one.id == dependant)
    assert left.depends_on == ("citizen-portal",)


def test_in_an_inventory_with_errors_who_depends_on_it_is_named_with_file_line_and_what_to_do(
    city: City, capsys: CaptureFixture[str]
) -> None:
    file, dependant = _with_a_dependant(city)
    wrong = city.inventory / "wrong.yaml"
    wrong.write_text("systems: 5\n", "utf-8")
    line = next(number for number, text in enumerate(file.read_text("utf-8").splitlines(), start=1) if SYSTEM in text)
    (left,) = [place for place in purge(capsys, 5)["left"] if place.startswith(str(file))]
    assert left.startswith(f"{file}:{line}: ")
    assert f"remove {SYSTEM} from depends_on of {dependant}" in left
    wrong.unlink()
    assert purge(capsys, 0)["left"] == []


def test_an_open_reader_is_said_to_be_in_the_way(city: City, capsys: CaptureFixture[str]) -> None:
    with sqlite3.connect(city.state / "journal.sqlite", isolation_level=None) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM events").fetchone()
        assert "run the same purge again" in purge(capsys, 5)["remedy"]
        reader.execute("COMMIT")
    purge(capsys, 0)
    assert search(city) == []


def test_its_name_goes_although_another_systems_link_names_it(city: City, capsys: CaptureFixture[str]) -> None:
    """``natural-resources.yaml``: ``links: peer: 市民办事门户``."""
    assert main(["override", SYSTEM, "--strategy", "device_relocation", "--reason", "待市民办事门户迁移之后"]) == 0
    capsys.readouterr()
    assert "names what is to be purged" in purge(capsys, 3, system="citizen-portal", reason="市民办事门户认定涉密")["error"]
    left = purge(capsys, 5, system="citizen-portal")["left"]
    assert str(city.inventory / "natural-resources.yaml") in left
    assert "市民办事门户".encode() not in city.everything()


WEATHER = ("气象公告数据库", "weather-1", "127.20.1.41", "weather_app")


def with_sites_cleaned(city: City) -> None:
    sites = city.inventory / "sites.yaml"
    sites.write_text(sites.read_text("utf-8").replace(", weather: 8082", ""), "utf-8")


def without_journal(city: City) -> None:
    for file in city.state.glob("journal.sqlite*"):
        file.unlink()


def test_words_go_from_the_baseline_and_its_members_stay_countable(city: City, capsys: CaptureFixture[str]) -> None:
    with_sites_cleaned(city)
    without_journal(city)
    assert main(["baseline", "freeze", "--reason", "含气象公告数据库（weather-1，127.20.1.41）"]) == 0
    assert main(["baseline", "change", OTHER, "--what", "classified", "--reason", "气象公告数据库\n（主机 weather-1）认定为涉密"]) == 0
    capsys.readouterr()
    assert main(["baseline", "show", "--json"]) == 0
    before = json.loads(capsys.readouterr().out)
    found = purge(capsys, 0, system=OTHER)
    assert not [word for word in WEATHER if word.encode() in city.everything()]
    assert main(["baseline", "show", "--json"]) == 0
    after = json.loads(capsys.readouterr().out)
    assert all(after[name] == before[name] for name in ("frozen", "members", "at", "actor"))
    assert after["reason"] == "〔已清除〕"
    assert [(one["system"], one["what"], one["at"], one["reason"]) for one in after["changes"]] == [
        (OTHER, "classified", before["changes"][0]["at"], "〔已清除〕")
    ]
    assert [(one["system"], one["kind"], one["stands"]) for one in found["others"]] == [("", "baseline-frozen", True)]
    assert main(["audit", "verify"]) == 0
    assert main(["report", "--out", str(city.state / "r.html")]) == 0


def test_what_others_decided_stands_without_the_words_and_is_named(city: City, capsys: CaptureFixture[str]) -> None:
    portal, county = "citizen-portal", "county-service-hall"
    assert main(["override", portal, "--strategy", "hosting", "--reason", "与社会保险核心系统同机房", "--on-behalf-of", "李局长"]) == 0
    assert main(["baseline", "change", county, "--what", "retired", "--reason", "并入社会保险核心系统"]) == 0
    assert main(["baseline", "change", county, "--what", "added", "--reason", "与 insurance-1 分开"]) == 0
    digest = city.plan.digest
    city.story.decisions.approve_plan(digest, actor="os:wang", reason="社会保险核心系统先行")
    capsys.readouterr()
    others = purge(capsys, 0)["others"]
    assert {(one["system"], one["kind"]) for one in others if one["stands"]} == {
        (portal, "policy-override"),
        (county, "baseline-change"),
        ("", "plan_approved"),
    }
    assert {(one["system"], one["kind"]) for one in others if not one["stands"]} == {(OTHER, "step")}
    assert main(["assess", portal, "--json"]) == 0
    (verdict,) = json.loads(capsys.readouterr().out)["systems"]
    assert (verdict["strategy"], verdict["overridden_by"].partition("（")[2]) == ("hosting", "代 李局长）")
    assert "〔已清除〕" in verdict["reasons"][0]["zh"]
    assert main(["baseline", "show", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [(one["system"], one["what"], one["reason"]) for one in shown["changes"][:2]] == [
        (county, "retired", "〔已清除〕"),
        (county, "added", "〔已清除〕"),
    ]
    assert county in {member["id"] for member in shown["members"]}
    assert [approval.digest for approval in open_workspace().approvals] == [digest]
    assert search(city) == []
    assert main(["audit", "verify"]) == 0
    assert purge(capsys, 0)["others"] == [], "a second time finds nothing more"


def test_who_is_purged_later_takes_what_stood_of_it_along(city: City, capsys: CaptureFixture[str]) -> None:
    with_sites_cleaned(city)
    assert (
        main(["override", OTHER, "--strategy", "hosting", "--reason", "与社会保险核心系统同机房", "--on-behalf-of", "气象公告数据库管理员"])
        == 0
    )
    capsys.readouterr()
    purge(capsys, 0)
    purge(capsys, 0, system=OTHER, reason="与前者同案")
    assert not [word for word in WEATHER if word.encode() in city.everything()]
    assert city.journal.verify() == []
    assert [event.payload for event in city.journal.events(kind="policy-override", system=OTHER)] == [None]


def test_the_reason_of_a_former_purge_loses_the_words_too(city: City, capsys: CaptureFixture[str]) -> None:
    with_sites_cleaned(city)
    purge(capsys, 0, reason="与气象公告数据库同批认定")
    purge(capsys, 0, system=OTHER)
    assert [(event.system, (event.payload or {})["reason"]) for event in city.journal.events(kind="purged")] == [
        (SYSTEM, "〔已清除〕"),
        (OTHER, "上级认定为涉密"),
    ]
    assert not [word for word in WEATHER if word.encode() in city.everything()]
    assert city.journal.verify() == []


def test_that_it_was_purged_is_on_the_trail_although_the_journal_held_nothing(city: City, capsys: CaptureFixture[str]) -> None:
    without_journal(city)
    with_sites_cleaned(city)
    assert purge(capsys, 0, system=OTHER)["journal"] == {"events": 0, "rows": 0, "plans": 0}
    journal = Journal(f"sqlite:///{city.state / 'journal.sqlite'}")
    purge(capsys, 0, system=OTHER, reason="再次")
    (event,) = journal.events()
    assert (event.kind, event.system, (event.payload or {})["reason"]) == ("purged", OTHER, "上级认定为涉密")
    assert event.actor.startswith("os:")
    assert main(["audit", "verify"]) == 0


def test_files_that_commands_wrote_elsewhere_are_found_unpacked(city: City, tmp_path: Path, capsys: CaptureFixture[str]) -> None:
    out = tmp_path / "gone out"
    out.mkdir()
    form, plan, document, page = (out / name for name in ("form.xlsx", "plan.json", "plan.docx", "report.html"))
    copied = tmp_path / "copied.txt"
    copied.write_text("社会保险核心系统")
    assert main(["inventory", "template", str(form), "--filled-from", str(city.inventory)]) == 0
    assert main(["plan", "--out", str(plan)]) == 0
    assert main(["workplan", "--department", "市人力资源和社会保障局", "--format", "docx", "--out", str(document)]) == 0
    assert main(["report", "--out", str(page)]) == 0
    found = purge(capsys, 5)["left"]
    assert set(found) == {str(form), str(plan), str(document), str(page)}
    assert search(city) == []
    for file in (form, plan, document):
        file.unlink()
    assert purge(capsys, 5)["left"] == [str(page)], "what it held is not known any more"
    page.unlink()
    assert purge(capsys, 0)["left"] == []
    assert "gone out" not in (city.state / "written.txt").read_text("utf-8")


def test_a_file_that_was_left_is_listed_again_until_a_person_says_it_is_clean(city: City, capsys: CaptureFixture[str]) -> None:
    sites, log = city.inventory / "sites.yaml", city.state / "weather-1.log"
    log.write_text("x")
    assert purge(capsys, 5, system=OTHER)["left"] == [str(sites), str(log)]
    assert purge(capsys, 5, system=OTHER)["left"] == [str(sites), str(log)], "nobody touched them"
    assert not [word for word in WEATHER if word.encode() in (city.state / "journal.sqlite").read_bytes()]
    with_sites_cleaned(city)
    log.unlink()
    assert purge(capsys, 5, system=OTHER)["left"] == [str(sites)], "what it held is not known any more"
    events = len(city.journal.events())
    assert main(["purge", OTHER, "--reason", "涉密", "--yes", "--cleaned", str(city.inventory / "program.yaml")]) == 2
    assert len(city.journal.events()) == events
    assert main(["purge", OTHER, "--reason", "涉密", "--yes", "--cleaned", str(sites)]) == 0
    capsys.readouterr()
    assert purge(capsys, 0, system=OTHER)["left"] == []
    last = city.journal.events(kind="purge-left")[-1]
    assert (last.payload, last.actor.startswith("os:")) == ({"inventory": [], "state": []}, True)
    assert main(["audit", "verify"]) == 0


@pytest.mark.parametrize("ended", [True, False])
def test_rows_of_others_lose_its_words_but_what_a_way_back_under_way_needs(city: City, capsys: CaptureFixture[str], ended: bool) -> None:
    lease = city.story.begin(OTHER, "hosting")
    told = {
        "preflight": {"reached": ["out 127.20.1.31:5432 社会保险核心系统"]},
        "provision": {"servers": {"weather-1": "beside insurance-1"}},
    }
    city.story.run(lease, "provision", facts=told)
    city.story.decisions.open_task(lease, "provision", "call", zh="通知社会保险核心系统", en="call them", detail={"who": "insurance-1"})
    if ended:
        city.story.end(lease, Ending.ROLLED_BACK_BEFORE, why="127.20.1.31 不通")
    found = purge(capsys, 0 if ended else 5)
    facts = {row.step: row.facts for row in city.journal.steps(lease.migration) if row.facts}
    assert facts["preflight"] == {"reached": ["out 〔已清除〕:5432 〔已清除〕"]}
    assert facts["provision"] == {"servers": {"weather-1": "beside 〔已清除〕" if ended else "beside insurance-1"}}
    assert found["kept"] == ([] if ended else [f"{lease.migration}/provision"])
    (task,) = city.story.decisions.tasks(lease.migration)
    assert (task.title_zh, task.detail) == ("通知〔已清除〕", {"who": "〔已清除〕"})
    assert search(city) == ([] if ended else ["insurance-1"])
    assert city.journal.verify() == []


def test_a_word_is_its_word_in_whatever_case(city: City, capsys: CaptureFixture[str]) -> None:
    assert main(["override", OTHER, "--strategy", "hosting", "--reason", "beside INSURANCE-1 and SOCIAL INSURANCE core"]) == 0
    found = purge(capsys, 0)
    assert [one["kind"] for one in found["others"] if one["system"] == OTHER] == ["step", "policy-override"]
    assert b"INSURANCE" not in city.everything()


LANDING = """, landing: {name: rescue-7, address: 10.77.0.1, root: /srv/new/insurance, boot: [lxc-start, -n, veiled-box],
       off: [/opt/veiled/off], readdress: [/etc/veiled.conf]}"""
LANDED = ("rescue-7", "10.77.0.1", "/srv/new/insurance", "veiled-box", "/opt/veiled/off", "/etc/veiled.conf")


def test_where_a_whole_server_was_to_land_goes_as_well(city: City, capsys: CaptureFixture[str]) -> None:
    file = city.inventory / "human-resources.yaml"
    host = "name: insurance-1, address: 127.20.1.31"
    text = file.read_text("utf-8")
    assert host in text
    file.write_text(text.replace(host, host + LANDING), "utf-8")
    lease = city.story.begin(OTHER, "hosting")
    city.story.event(lease, "step", {"note": "beside veiled-box on rescue-7 (10.77.0.1), /srv/new/insurance, /opt/veiled/off"})
    city.story.run(lease, "provision", facts={"provision": {"seen": ["/etc/veiled.conf"], "boot": {"10.77.0.1": "veiled-box"}}})
    city.story.end(lease, Ending.ROLLED_BACK_BEFORE, why="rescue-7 不通")
    log = city.state / "server.log"
    log.write_text("lxc-start -n veiled-box")
    assert all(word.encode() in city.everything() for word in LANDED), "it was there"
    assert purge(capsys, 5)["left"] == [str(log)]
    log.unlink()
    assert not [word for word in LANDED if word.encode() in city.everything() + file.read_bytes()]
    assert b"weather-1" in city.everything(), "others stay"
