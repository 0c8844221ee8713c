"""Servers of one system made, killed, lost and taken back, with real Terraform and the embedded module; the cloud is a script
that keeps a book. tests/openstack holds a real OpenStack to the same promises."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cloud.book import Book
from orchestrator.cloud.kinds import Kind
from orchestrator.cloud.listing import CloudListing, ProgramListing, Thing, open_listing
from orchestrator.cloud.servers import CloudServers
from orchestrator.cloud.stand import Stand
from orchestrator.errors import NeedsPerson, Refused, ToolError
from orchestrator.settings import HOME
from orchestrator.tools.terraform import SystemTerraform
from tests.support.cloud_chain import ChainInMemory

pytestmark = pytest.mark.servers
MODULES = HOME / "terraform" / "modules"
CLOUD = """
import json, pathlib, sys, time
words = dict(zip(sys.argv[2::2], sys.argv[3::2]))
book = pathlib.Path(words["--city"])
book.mkdir(exist_ok=True)
if sys.argv[1] == "list":
    print(json.dumps([json.loads(file.read_text()) for file in sorted(book.glob("*.json"))]))
elif sys.argv[1] == "create":
    row = {"kind": "server", "id": words["--name"], "name": words["--name"], "system": words["--system"], "run": words["--run"]}
    made = book / (words["--name"] + ".making")
    made.write_text(json.dumps(row))
    made.rename(made.with_suffix(".json"))  # a cloud has a server or has it not, whoever is killed meanwhile
    while (book / "hang").exists():
        time.sleep(0.05)
    if (book / "fail").exists():
        sys.exit("no capacity left in the zone")
else:
    if (book / "fail").exists():
        sys.exit("it is still in use")
    (book / (words["--name"] + ".json")).unlink(missing_ok=True)
"""


class Stage:
    """One system, its cloud and its journal."""

    def __init__(self, folder: Path, module: str = "embedded") -> None:
        self.folder, self.module = folder, MODULES / module
        self.city = folder / "city"
        self.city.mkdir(exist_ok=True)
        (folder / "cloud.py").write_text(CLOUD)
        self.chain = ChainInMemory()
        self.said: list[str] = []
        self.names = ["app", "db"]
        self.not_ours: frozenset[str] = frozenset()

    @property
    def program(self) -> list[str]:
        return [sys.executable, str(self.folder / "cloud.py")]

    def inputs(self) -> dict[str, Any]:
        servers: dict[str, Any] = {"servers": {name: {"zone": "internet", "disk_gb": 50} for name in self.names}}
        if self.module.name == "existing":
            return servers | {"machines": {name: {"address": f"10.0.0.{number}"} for number, name in enumerate(self.names, 1)}}
        return servers | {"city": str(self.city), "program": self.program, "python": sys.executable}

    def open(self, listing: CloudListing | None = None) -> CloudServers:
        if listing is None:
            listing = ProgramListing(self.program, self.city) if self.module.name == "embedded" else open_listing("none", {})
        terraform = SystemTerraform(self.module, self.folder / "work", "portal", stop_seconds=20)
        servers = CloudServers(
            "portal", self.module, self.inputs(), terraform, listing, Book(self.chain, "portal"), self.said.append, self.not_ours
        )
        terraform.check = servers.check
        return servers

    def there(self) -> list[str]:
        return sorted(file.stem for file in self.city.glob("*.json"))

    def put(self, name: str, **marks: str) -> None:
        (self.city / f"{name}.json").write_text(json.dumps({"kind": "server", "id": name, "name": name, **marks}))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.mark.parametrize("module", ["embedded", "existing"])
def test_made_once_and_the_second_time_nothing_is_done(tmp_path: Path, module: str) -> None:
    stage = Stage(tmp_path, module)
    assert sorted(stage.open().make()) == ["app", "db"]
    again = stage.open()
    again.make()
    assert again.applies == 0
    assert again.book.position().unfinished == frozenset()
    stage.chain.stands = Stand.HANDED_OVER
    again.take_back(expected=["app", "db"], keep_volumes=True)
    assert (stage.there(), again.terraform.resources()) == ([], ())


@pytest.mark.parametrize("module", ["embedded", "existing"])
@pytest.mark.parametrize("stand", [Stand.HANDED_OVER, Stand.LIVE, Stand.ACCEPTED])
def test_a_host_removed_or_added_or_renamed_after_hand_over_is_refused_by_name(tmp_path: Path, module: str, stand: Stand) -> None:
    stage = Stage(tmp_path, module)
    stage.open().make()
    stage.chain.stands = stand
    for names, said in ((["app"], ["server db would be destroyed"]), (["app", "db", "web"], ["server web would be made anew"]),
                        (["app", "base"], ["server base would be made anew", "server db would be destroyed"])):  # fmt: skip
        stage.names = names
        with pytest.raises(Refused) as refused:
            stage.open().make()
        told = [finding.message for finding in refused.value.findings]
        assert [any(part in message for message in told) for part in said] == [True] * len(said), told
        assert len(told) == len(said)
    assert stage.there() == ([] if module == "existing" else ["app", "db"])


def test_the_run_is_in_the_journal_before_anything_is_made_and_on_what_is_made(stage: Stage) -> None:
    (stage.city / "fail").touch()
    with pytest.raises(ToolError, match="no capacity left"):
        stage.open().make()
    (begun,) = stage.chain.history("cloud_run_begun")
    assert {json.loads(file.read_text())["run"] for file in stage.city.glob("*.json")} == {begun["run"]}
    assert stage.open().book.position().unfinished == {begun["run"]}
    (stage.city / "fail").unlink()
    assert sorted(stage.open().make()) == ["app", "db"]
    assert stage.open().book.position().unfinished == frozenset()


def kill_in_the_middle(stage: Stage) -> None:
    """A process of its own makes the servers and is killed with all its children while the cloud is at it; its state is then
    taken away, as when the state of what was being made was never written."""
    (stage.city / "hang").touch()
    chain = stage.folder / "chain.json"
    code = (
        "import sys, json, pathlib; sys.path.insert(0, sys.argv[1])\n"
        "from tests.integration.cloud.test_servers import Stage\n"
        "stage = Stage(pathlib.Path(sys.argv[2]))\n"
        "put = stage.chain.event\n"
        "def event(kind, payload):\n"
        "    put(kind, payload); pathlib.Path(sys.argv[3]).write_text(json.dumps(stage.chain.facts))\n"
        "stage.chain.event = event\n"
        "stage.open().make()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(HOME), str(stage.folder), str(chain)], start_new_session=True)
    deadline = time.monotonic() + 60
    while not stage.there() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for _ in range(600):
        if not subprocess.run(["pgrep", "-f", str(stage.folder / "cloud.py")], capture_output=True, check=False).stdout:
            break
        (stage.city / "hang").unlink(missing_ok=True)
        time.sleep(0.05)
    (stage.city / "hang").unlink(missing_ok=True)
    stage.chain.facts = [(kind, payload) for kind, payload in json.loads(chain.read_text())]


@pytest.mark.parametrize("state", ["as it is", "lost", "lost with its copies"])
def test_a_killed_apply_converges(stage: Stage, state: str) -> None:
    kill_in_the_middle(stage)
    assert stage.there()
    if state != "as it is":
        for file in stage.folder.glob("work/portal/terraform.tfstate*"):
            file.unlink()
    if state == "lost with its copies":
        for file in stage.folder.glob("work-copies/portal/*"):
            file.unlink()
    assert sorted(stage.open().make()) == ["app", "db"]
    assert stage.there() == ["app", "db"]
    assert stage.open().compare(stage.open().book.position()).leftovers == ()


class BusyCloud(ProgramListing):
    """Carries out what a killed run asked for only after it was asked what it has: until then applies fail."""

    def __init__(self, stage: Stage, *marks: str) -> None:
        super().__init__(stage.program, stage.city)
        self.stage, self.marks, self.asked = stage, marks, 0

    def list_things(self, system: str, names: frozenset[str]) -> list[Thing]:
        self.asked += 1
        if self.asked == 2:
            for number, run in enumerate(self.marks):
                self.stage.put(f"belated-{number}", system="portal", run=run)
            (self.city / "fail").unlink()
        return super().list_things(system, names)


def test_what_a_killed_run_had_asked_for_and_came_after_we_looked_is_taken_away_and_the_apply_goes_on(stage: Stage) -> None:
    stage.chain.event("cloud_run_begun", {"run": "killed", "module": "embedded"})
    (stage.city / "fail").touch()
    assert sorted(stage.open(BusyCloud(stage, "killed")).make()) == ["app", "db"]
    assert stage.there() == ["app", "db"]
    assert stage.open().book.position().unfinished == frozenset()


def test_what_came_after_we_looked_is_taken_away_and_the_destroy_goes_on(stage: Stage) -> None:
    stage.open().make()
    stage.chain.event("cloud_run_begun", {"run": "killed", "module": "embedded"})
    (stage.city / "fail").touch()
    stage.open(BusyCloud(stage, "killed")).take_back(expected=["app", "db"], keep_volumes=False)
    assert stage.there() == []


def test_a_destroy_that_failed_for_another_reason_is_not_tried_again(stage: Stage) -> None:
    stage.open().make()
    (stage.city / "fail").touch()
    with pytest.raises(ToolError, match="still in use"):
        stage.open().take_back(expected=["app", "db"], keep_volumes=False)
    assert stage.there() == ["app", "db"]


def test_an_apply_that_failed_for_another_reason_is_not_tried_again(stage: Stage) -> None:
    stage.chain.event("cloud_run_begun", {"run": "killed", "module": "embedded"})
    (stage.city / "fail").touch()
    with pytest.raises(ToolError, match="no capacity left"):
        stage.open(BusyCloud(stage, "of-somebody")).make()
    assert "belated-0" in stage.there(), "what is not proved ours is left"


@pytest.mark.parametrize(("marks", "said"), [
    ({}, "bears a name of this system and no mark of ours"),
    ({"system": "portal", "run": "of-somebody"}, "bears the mark of run of-somebody of portal, and the state does not know it"),
])  # fmt: skip
def test_a_server_of_our_name_that_is_not_proved_ours_is_named_and_left(stage: Stage, marks: dict[str, str], said: str) -> None:
    stage.put("db", **marks)
    with pytest.raises(Refused) as refused:
        stage.open().make()
    (finding,) = refused.value.findings
    assert said in finding.message
    assert "(db)" in finding.message
    assert stage.there() == ["db"], "nothing was made, and nothing taken away"
    assert stage.chain.history("cloud_run_begun") == []


def test_what_a_person_said_is_not_ours_is_left(stage: Stage) -> None:
    stage.names = ["app"]
    stage.put("stray", system="portal", run="x")
    stage.not_ours = frozenset({"stray"})
    stage.open().make()
    stage.open().take_back(expected=["app"], keep_volumes=True)
    assert stage.there() == ["stray"]


def test_another_systems_server_is_said_and_left(stage: Stage) -> None:
    stage.names = ["app"]
    stage.put("app-of-another", system="register", run="x")
    stage.open().make()
    assert stage.there() == ["app", "app-of-another"]


def test_after_hand_over_nothing_is_ever_called_a_leftover(stage: Stage) -> None:
    (stage.city / "fail").touch()
    with pytest.raises(ToolError):
        stage.open().make()
    stage.chain.stands = Stand.LIVE
    for file in stage.folder.glob("work*/portal/*tfstate*"):
        file.unlink()
    with pytest.raises(NeedsPerson, match="state is lost"):
        stage.open().make()
    assert stage.there() == ["app", "db"]


@pytest.mark.parametrize("broken", ["", "{", '{"serial": 3}'])
def test_a_lost_state_is_put_back_from_its_copy_and_said(stage: Stage, broken: str) -> None:
    stage.open().make()
    stage.chain.stands = Stand.LIVE
    state = stage.folder / "work" / "portal" / "terraform.tfstate"
    state.write_text(broken) if broken else state.unlink()
    servers = stage.open()
    servers.make()
    assert servers.applies == 0
    assert any("state was lost" in said for said in stage.said)


def test_a_destroy_that_finds_nothing_where_servers_were_is_an_error(stage: Stage) -> None:
    with pytest.raises(ToolError, match="neither state nor cloud knows them: app, db"):
        stage.open().take_back(expected=["app", "db"], keep_volumes=True)


@pytest.mark.parametrize("state", ["kept", "lost"])
def test_whoever_is_killed_after_the_destroy_and_before_it_is_on_record_comes_to_its_end(stage: Stage, state: str) -> None:
    stage.open().make()
    if state == "lost":
        for file in stage.folder.glob("work*/portal/*tfstate*"):
            file.unlink()
    stage.chain.stands = Stand.HANDED_OVER
    for _ in range(2):  # the second time as the engine that found its undo begun and not ended
        stage.open().take_back(expected=["app", "db"], keep_volumes=True)
        assert stage.there() == []
    stage.chain.stands = Stand.NOTHING
    stage.open().make()
    for file in [*stage.folder.glob("work*/portal/*tfstate*"), *stage.city.glob("*.json")]:
        file.unlink()
    with pytest.raises(ToolError, match="neither state nor cloud knows them: app, db"):  # made since: that was not us
        stage.open().take_back(expected=["app", "db"], keep_volumes=False)


def test_a_destroy_without_a_state_goes_by_the_marks_of_our_runs(stage: Stage) -> None:
    stage.open().make()
    stage.put("other", system="register", run="x")
    for file in stage.folder.glob("work*/portal/*tfstate*"):
        file.unlink()
    stage.open().take_back(expected=["app", "db"], keep_volumes=True)
    assert stage.there() == ["other"]


def test_a_destroy_that_leaves_something_of_our_mark_needs_a_person(stage: Stage) -> None:
    stage.open().make()
    stage.put("second", system="portal", run=str(stage.chain.history("cloud_run_begun")[0]["run"]))
    with pytest.raises(NeedsPerson, match="the cloud still has: server second"):
        stage.open().take_back(expected=["app", "db"], keep_volumes=True)
    assert stage.there() == ["second"]


def test_a_server_deleted_outside_is_not_made_anew_once_it_was_handed_over(stage: Stage) -> None:
    stage.open().make()
    stage.chain.stands = Stand.HANDED_OVER
    state = json.loads((stage.folder / "work" / "portal" / "terraform.tfstate").read_text())
    state["resources"][0]["instances"] = [item for item in state["resources"][0]["instances"] if item["index_key"] != "db"]
    state["serial"] += 1
    (stage.folder / "work" / "portal" / "terraform.tfstate").write_text(json.dumps(state))
    (stage.city / "db.json").unlink()
    with pytest.raises(Refused) as refused:
        stage.open().make()
    assert [finding.code for finding in refused.value.findings] == ["plan-would-lose"]
    assert stage.there() == ["app"]


def test_a_migration_does_not_begin_on_servers_that_an_earlier_one_left(stage: Stage) -> None:
    stage.chain.owes = ["portal-1"]
    with pytest.raises(Refused, match="servers of portal-1 are still there"):
        stage.open().make()


def test_a_program_lists_what_the_embedded_cloud_has(stage: Stage) -> None:
    stage.put("db", system="portal", run="r1")
    stage.put("other", system="register", run="r2")
    (thing,) = ProgramListing(stage.program, stage.city).list_things("portal", frozenset())
    assert (thing.kind, thing.name, thing.system, thing.run) == (Kind.SERVER, "db", "portal", "r1")
    assert {t.name for t in ProgramListing(stage.program, stage.city).list_things("portal", frozenset({"other"}))} == {"db", "other"}


class InProject(ProgramListing):
    """A cloud of several projects, logged in to one of them."""

    def __init__(self, stage: Stage, project: str) -> None:
        super().__init__(stage.program, stage.city)
        self.project = project

    def place(self) -> str:
        return self.project


@pytest.mark.parametrize("stand", [Stand.NOTHING, Stand.LIVE])
def test_from_another_project_nothing_is_made_taken_back_or_called_lost(stage: Stage, stand: Stand) -> None:
    stage.open(InProject(stage, "one")).make()
    stage.chain.stands = stand
    other = stage.open(InProject(stage, "two"))
    deeds = (other.make, lambda: other.take_back(expected=["app", "db"], keep_volumes=False), lambda: other.look(["app", "db"]))
    for deed in deeds:
        with pytest.raises(Refused, match=r"servers of portal are in one, and the account that is logged in works in two"):
            deed()
    assert stage.there() == ["app", "db"]
    assert stage.open(InProject(stage, "one")).make().keys() == {"app", "db"}


def test_what_was_taken_back_whole_may_be_made_in_another_project(stage: Stage) -> None:
    stage.open(InProject(stage, "one")).make()
    stage.open(InProject(stage, "one")).take_back(expected=["app", "db"], keep_volumes=False)
    assert stage.open(InProject(stage, "two")).make().keys() == {"app", "db"}


class BusyFor(ProgramListing):
    """Says so many times that it has too much to do."""

    def __init__(self, stage: Stage, times: int) -> None:
        super().__init__(stage.program, stage.city)
        self.times = times

    def list_things(self, system: str, names: frozenset[str]) -> list[Thing]:
        if self.times:
            self.times -= 1
            raise ToolError("Expected HTTP response code [200], but got 503 instead: try later", where="the cloud", remedy="wait")
        return super().list_things(system, names)


def test_a_busy_cloud_is_asked_again_and_that_is_said(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.cloud.patience.PAUSES", (0.01, 0.01))
    assert stage.open(BusyFor(stage, 2)).make().keys() == {"app", "db"}
    assert sum("too much to do" in line for line in stage.said) == 2
    stage.open(BusyFor(stage, 2)).take_back(expected=["app", "db"], keep_volumes=False)
    assert stage.there() == []
    with pytest.raises(ToolError, match="503"):
        stage.open(BusyFor(stage, 3)).make()


def test_of_two_engines_at_once_in_one_folder_one_makes_the_servers_and_the_other_finds_them(stage: Stage) -> None:
    engines = [stage.open() for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda engine: sorted(engine.make()), engines))
    assert made == [["app", "db"], ["app", "db"]]
    assert sorted(engine.applies for engine in engines) == [0, 1]
    assert stage.there() == ["app", "db"]
    assert [said for said in stage.said if "taken away" in said] == [], "what one makes is no leftover to the other"


def test_who_looks_while_a_run_is_at_work_is_told_so(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.cloud.servers.LOOK_SECONDS", 0.1)
    stage.open().make()
    with stage.open().terraform.alone(), pytest.raises(Refused, match="another process works on the servers of portal"):
        stage.open().look(["app", "db"])
    assert stage.open().look(["app", "db"]) == []


class BesideAnother(ProgramListing):
    """A cloud on which somebody else makes a server while we do: we had looked before."""

    def __init__(self, stage: Stage, **marks: str) -> None:
        super().__init__(stage.program, stage.city)
        self.stage, self.marks, self.asked = stage, marks, 0

    def list_things(self, system: str, names: frozenset[str]) -> list[Thing]:
        self.asked += 1
        if self.asked == 2:
            self.stage.put("db-twin", **self.marks or {"system": system, "run": str(self.stage.chain.history("cloud_run_begun")[-1]["run"])})
        return super().list_things(system, names)


def test_what_another_engine_made_meanwhile_is_named_and_nothing_is_handed_over(stage: Stage) -> None:
    for deed in (stage.open(BesideAnother(stage, system="portal", run="anothers")).make, stage.open().make):
        with pytest.raises(Refused) as refused:
            deed()
        (finding,) = refused.value.findings
        assert "server db-twin (db-twin) bears the mark of run anothers of portal" in finding.message
    assert stage.there() == ["app", "db", "db-twin"], "and nothing was taken away"
    stage.not_ours = frozenset({"db-twin"})
    assert sorted(stage.open().make()) == ["app", "db"]


def test_what_this_run_itself_made_twice_is_taken_away(stage: Stage) -> None:
    assert sorted(stage.open(BesideAnother(stage)).make()) == ["app", "db"]
    assert stage.there() == ["app", "db"]


class RuleOpened(ProgramListing):
    """A cloud on which somebody has opened a rule for one of our servers."""

    def list_things(self, system: str, names: frozenset[str]) -> list[Thing]:
        return [*super().list_things(system, names), Thing(Kind.RULE, "rule-1", "in tcp 22 from his desk", group="db")]


def test_a_rule_that_somebody_opened_while_servers_were_made_is_left(stage: Stage) -> None:
    assert sorted(stage.open(RuleOpened(stage.program, stage.city)).make()) == ["app", "db"]
    assert [said for said in stage.said if "taken away" in said] == []


@pytest.mark.parametrize("stand", [Stand.NOTHING, Stand.LIVE])
def test_an_old_state_put_in_the_place_of_the_last_is_known_and_set_right(stage: Stage, stand: Stand) -> None:
    state = stage.folder / "work" / "portal" / "terraform.tfstate"
    stage.names = ["app"]
    stage.open().make()
    old = state.read_text()
    stage.names = ["app", "db"]
    stage.open().make()
    stage.chain.stands = stand
    state.write_text(old)
    servers = stage.open()
    assert sorted(servers.make()) == ["app", "db"]
    assert servers.applies == 0
    assert any("or an old one" in said for said in stage.said)
    state.write_text(old)
    stage.open().take_back(expected=["app", "db"], keep_volumes=True)
    assert stage.there() == []


@pytest.mark.parametrize("stand", [Stand.NOTHING, Stand.LIVE])
def test_another_systems_state_in_the_folder_takes_nothing_of_it_away(stage: Stage, stand: Stand) -> None:
    stage.open().make()
    state = stage.folder / "work" / "portal" / "terraform.tfstate"
    own = state.read_text()
    state.write_text(own.replace('"system_id": "portal"', '"system_id": "register"').replace(json.loads(own)["lineage"], "of-another"))
    stage.chain.stands = stand
    deeds = (
        stage.open().make, lambda: stage.open().take_back(expected=["app", "db"], keep_volumes=False), lambda: stage.open().look(["app", "db"]),
    )  # fmt: skip
    for deed in deeds:
        with pytest.raises(Refused, match=r"another system's .*register.*nothing was planned, and nothing destroyed"):
            deed()
    assert stage.there() == ["app", "db"]
    state.unlink()
    assert sorted(stage.open().make()) == ["app", "db"]
