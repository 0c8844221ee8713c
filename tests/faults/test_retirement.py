"""A system that is switched off, by the commands that people type: taken back in its quiet time, then ended for good."""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.embedded.city import City
from orchestrator.embedded.people import OPERATOR, People
from orchestrator.engine.session import Session
from orchestrator.hosts.handed_in import look_here
from orchestrator.journal.actors import simulated
from orchestrator.journal.standing import describe
from orchestrator.movers.vendor import outputs
from orchestrator.movers.vendor.dialects import KINGBASE
from orchestrator.movers.vendor.statements import count_statement, list_statement
from orchestrator.settings import Settings
from orchestrator.tools import programs
from tests.faults.conftest import CHECKOUT, WEATHER, Story, wait_until

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]
CLERK = simulated("archivist")


def _inventory(folder: Path) -> Path:
    """The demo's sites with the weather bulletin on them, which ended yesterday."""
    demo = CHECKOUT / "inventories/demo"
    folder.mkdir()
    for name in ("departments.yaml", "program.yaml", "sites.yaml"):
        shutil.copy(demo / name, folder / name)
    weather = yaml.safe_load((demo / "meteorology.yaml").read_text("utf-8"))["systems"][0]
    yesterday = (dt.datetime.now(dt.UTC) - dt.timedelta(days=2)).date().isoformat()
    weather |= {"retiring": True, "planned_end": yesterday, "trial_run_seconds": 10}
    weather["databases"][0]["data_directory"] = "/var/lib/postgresql/data"
    (folder / "meteorology.yaml").write_text(yaml.safe_dump({"systems": [weather]}, allow_unicode=True), "utf-8")
    return folder


class Archivists(People):
    """Who erases hands in a certificate, at first an empty one."""

    certificate: Path

    def _work(self, migration: Any) -> None:
        for task in self._session.decisions.tasks(migration.id, state="open"):
            files = []
            if task.name == "erase_disks":
                self.certificate.write_text("erased: 3 disks" if (task.detail or {}).get("refused") else "", "utf-8")
                files = [look_here(str(self.certificate)).as_json()]
            self._session.decisions.finish_task(task.id, actor=CLERK, evidence="ticket 4711", files=files)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    own = City(tmp_path_factory.mktemp("city"), _inventory(tmp_path_factory.mktemp("inventory") / "own"))
    own.up()
    try:
        yield own
    finally:
        own.down()


@pytest.fixture
def story(city: City, tmp_path: Path) -> Iterator[Story]:
    session = Session(Settings(state=city.folder / "state", **city.settings()), OPERATOR)
    one = Story(city, session, WEATHER, tmp_path)
    people = Archivists(session, city, lambda _system: one.accepting, lambda: None)
    people.certificate = tmp_path / "certificate.txt"
    with people:
        yield one
        for engine in one.engines:
            if engine.poll() is None:
                engine.kill()
                engine.wait()


def _answer(city: City) -> int:
    try:
        with urllib.request.urlopen(f"{city.entry_url('weather')}/health", timeout=5) as answer:  # noqa: S310 - our own address
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_the_statements_for_postgresqls_kin_run_in_psql_and_count_every_row(story: Story, tmp_path: Path) -> None:
    """On PostgreSQL itself: 人大金仓 and openGauss were not to be had."""

    def run(statement: str) -> str:
        file, out = tmp_path / "statement.sql", tmp_path / "out.txt"
        file.write_text(statement, "utf-8")
        argv = [str(programs.find("psql")), "-X", "-A", "-t", "-d", story.dsn("source"), "-f", str(file), "-o", str(out)]
        assert subprocess.run(argv, capture_output=True, check=False).stderr == b""
        return outputs.read_text(str(out))

    tables = outputs.read_list(run(list_statement(KINGBASE, "3f9a")), KINGBASE, "3f9a")
    [bulletins] = [table for table in tables if table.name == "bulletins"]
    before = story.ask("source", "SELECT count(*) FROM bulletins")[0]
    values = outputs.read_counts(run(count_statement(KINGBASE, tables, "77aa")), KINGBASE, tables, "77aa")
    counted = values.rows[(tables.index(bulletins) + 1, 1)][0]
    assert before <= counted <= story.ask("source", "SELECT count(*) FROM bulletins")[0]
    assert values.server


def test_migrate_refuses_it_and_names_the_command_and_the_dry_run_shows_its_runbook(story: Story) -> None:
    assert story.run("migrate", "--system", WEATHER, "--direct") == 3
    assert f"orchestrator retire {WEATHER}" in story.said()
    assert story.run("dry-run", "--system", WEATHER) == 0, story.said()
    assert "free_room" in story.said(60)
    assert story.run("status", WEATHER) == 0
    assert "retire: switched off" in story.said(2)


def test_before_acceptance_everything_stands_again(story: Story, city: City) -> None:
    assert _answer(city) == 200
    before = story.ask("source", "SELECT count(*) FROM bulletins")
    engine = story.start("retire", WEATHER, "--direct", "--wait")
    story.until_step("stay_silent")
    assert _answer(city) == 503
    assert story.run("rollback", WEATHER, "--reason", "the department needs it after all", "--direct") == 0, story.said()
    assert engine.wait(100) == 4, story.said()
    assert (story.row.ending, story.row.live) == ("rolled_back_before_cutover", "source")
    assert _answer(city) == 200
    assert story.ask("source", "SELECT count(*) FROM bulletins") >= before


def test_accepted_it_is_kept_gone_out_of_the_count_and_its_room_is_free(story: Story, city: City) -> None:
    engine = story.start("retire", WEATHER, "--direct", "--wait")
    story.until_step("final_acceptance", "waiting")
    wait_until("it stands by", lambda: describe(story.session.journal, story.row)["standing_by"], 30)
    assert story.run("status", WEATHER, "--lang", "en") == 0
    assert re.search(rf"an engine stands by: \S+ \S+:{engine.pid} waits", story.said()), story.said()
    assert "waits for final acceptance of plan" in story.said()
    assert "resume" not in story.said(8)
    story.accepting = True
    assert engine.wait(400) == 0, story.said()
    assert (story.row.ending, story.row.live) == ("accepted", "nowhere")
    assert _answer(city) == 503
    reopened = story.session.journal.events(kind="task_reopened", migration=story.row.id)
    assert [re.sub(r"/\S+/", "", str((event.payload or {})["refused"])) for event in reopened] == ["['certificate.txt is empty']"]
    kept = story.folder / "cold" / "weather-1"
    assert [path for path in kept.rglob("PG_VERSION") if "var_lib_postgresql_data-" in path.parent.name]
    certificate = story.step("free_room").facts["erase_disks"]["files"][0]
    assert (certificate["bytes"], len(certificate["sha256"])) == (15, 64)
    assert story.run("report", "--json", "--out", str(story.out / "report.json")) == 0, story.said()
    report = json.loads((story.out / "report.json").read_text("utf-8"))
    system = next(each for each in report["systems"] if each["id"] == WEATHER)
    assert (system["state"]["value"]["code"], system["outages"]) == ("retired", [])
    room = next(each for each in report["rooms"] if each["id"] == "old-room")
    assert room["holding"]["value"] == 0
    assert report["totals"]["accepted"]["value"] == 0
    assert story.run("clean", WEATHER) == 0
    assert "the only copy of a system that was switched off" in story.said(5)
    assert story.run("clean", WEATHER, "--remove", "--digest", "0" * 12) == 3
    assert (kept / "var").parent.is_dir()
    assert story.run("rollback", WEATHER, "--reason", "too late", "--direct") == 3
    assert story.run("retire", WEATHER, "--direct") == 3
    assert story.session.journal.verify() == []
