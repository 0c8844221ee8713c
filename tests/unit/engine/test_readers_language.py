"""What a journal keeps is English, whoever wrote it; what it shows is in the language of whoever reads."""

import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from orchestrator import texts
from orchestrator.errors import Finding, StepFailed, Unfit
from orchestrator.journal import database
from orchestrator.journal.notes import Notes
from orchestrator.journal.standing import describe
from orchestrator.journal.states import StepState
from orchestrator.journal.store import Journal
from orchestrator.texts import say

CHINESE = re.compile("[一-鿿]")
FULL = say("planning.over_cloud", capacity=texts.Name("云平台存储", "cloud storage"), taken="9", week="2026-03-02", limit="8")
FINDING = Finding("full", "error", FULL, say("planning.add_capacity_step"), system="portal")


@pytest.fixture(autouse=True)
def chinese() -> Iterator[None]:
    """Whoever works here reads Chinese."""
    texts.use("zh")
    yield
    texts.use(None)


def everything_kept(file: Path) -> str:
    """Every text of the chain, and of the rows beside it without what their words were made from."""
    with sqlite3.connect(file) as connection:
        kept = []
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({name})") if row[1] != "said"]
            kept += connection.execute(f"SELECT {', '.join(columns)} FROM {name}").fetchall()  # noqa: S608 - names of the schema
    return json.dumps(kept, ensure_ascii=False, default=str)



def fail(journal, lease) -> None:
    journal.set_step(lease, "fake", "one", StepState.RUNNING)
    journal.set_step(lease, "fake", "one", StepState.FAILED, error={"what": "full"}, findings=[FINDING])


def test_findings_alarms_and_owed_clean_up_are_kept_in_english_and_shown_in_the_readers_language(journal, lease, tmp_path):
    fail(journal, lease)
    notes = Notes(journal)
    notes.watch(lease, {"full": FULL, "lag": "as the server says it"})
    notes.owe(lease, "one", FULL, say("engine.clean_up"))
    assert not CHINESE.search(everything_kept(tmp_path / "journal.sqlite"))
    for language, capacity in (("zh", "云平台存储"), ("en", "cloud storage")):
        texts.use(language)
        row = describe(journal, journal.migration(lease.migration))
        told = [row["findings"][0]["message"], row["alarms"][0]["message"], row["owed"][0]["what"]]
        assert told == [FULL.spoken(language)] * 3
        assert capacity in told[0]
        assert row["findings"][0]["remedy"] == FINDING.remedy
        assert row["findings"][0]["parameters"]["taken"] == "9"
        assert row["alarms"][1]["message"] == "as the server says it"
    json.dumps(row)


def test_a_step_that_fails_and_why_it_went_back_are_kept_in_english_and_shown_in_the_readers_language(play, journal):
    play.begin(play.step("one"), play.step("two"))
    play.faults["two"] = StepFailed(FULL, where="db-1", remedy=say("planning.add_capacity_step"))
    outcome = play.run()
    assert FULL.spoken("zh") in outcome.why
    row = describe(journal, journal.migration(play.migration))
    assert FULL.spoken("zh") in row["why"]
    texts.use("en")
    row = describe(journal, journal.migration(play.migration))
    assert row["why"] == journal.migration(play.migration).why == f"two: {FULL.spoken('en')} [db-1] → {FINDING.remedy}"
    assert [e.payload["error"] for e in journal.events(kind="step") if "error" in e.payload] == [
        {"what": FULL.spoken("en"), "where": "db-1", "remedy": FINDING.remedy, "retryable": False}
    ]
    assert all(not CHINESE.search(json.dumps(e.payload, ensure_ascii=False)) for e in journal.events())


def test_what_a_library_raised_with_a_sentence_of_ours_is_kept_in_english_too(play, journal):
    play.begin(play.step("one"), play.step("two"))
    play.faults["two"] = Unfit(FULL)
    assert FULL.spoken("zh") in play.run().why
    kept = json.dumps([e.payload for e in journal.events()], ensure_ascii=False)
    assert f"Unfit: {FULL.spoken('en')}" in kept
    assert not CHINESE.search(kept)


def test_a_switch_of_which_nobody_can_say_what_became_is_kept_in_english(play, journal):
    play.begin(play.step("one"), play.step("switch", switches="target"))
    play.faults["switch"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        play.run()
    play.faults["settle switch"] = Unfit(FULL)
    assert CHINESE.search(play.run().why)
    assert FULL.spoken("en") in journal.migration(play.migration).why
    assert not CHINESE.search(json.dumps([e.payload for e in journal.events()], ensure_ascii=False))


def test_what_needs_a_person_says_so_in_the_readers_language(play, journal):
    play.begin(play.step("one"), play.step("two"))
    play.faults |= {"two": StepFailed(FULL, remedy="add"), "undo one": StepFailed(FULL, remedy="add")}
    assert CHINESE.search(play.run().why)
    migration = journal.migration(play.migration)
    assert not CHINESE.search(migration.why)
    assert describe(journal, migration)["why"].startswith("撤销“one”失败")
    step = journal.step(play.migration, "fake", "one")
    assert step.error["what"] == FULL.spoken("en")
    assert describe(journal, migration)["error"]["what"] == FULL.spoken("zh")


def test_a_journal_of_the_former_revision_shows_what_it_kept_and_takes_what_is_new(tmp_path):
    url = f"sqlite:///{tmp_path / 'journal.sqlite'}"
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    with create_engine(url).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
    with sqlite3.connect(tmp_path / "journal.sqlite") as connection:
        connection.execute(
            "INSERT INTO migrations (id, system, number, strategy, runbook, plan_digest, state, live, requested_by, created, engine_version, why) "
            "VALUES ('portal-1', 'portal', 1, 'cloud_deployment', 'fake', 'd', 'forward', 'source', 'os:li', '2026-01-01T00:00:00', '1', 'no disk')"
        )
        connection.execute(
            "INSERT INTO steps (migration, runbook, step, ordinal, effect, state, attempt, error) "
            "VALUES ('portal-1', 'fake', 'one', 1, 'reversible', 'failed', 1, '{\"what\": \"no disk\"}')"
        )
        connection.execute(
            "INSERT INTO findings (migration, step, attempt, code, severity, message, place, remedy, at) "
            "VALUES ('portal-1', 'one', 1, 'disk', 'error', 'the disk is full', 'db-1', 'free some', '2026-01-01T00:00:00')"
        )
        connection.execute("INSERT INTO leases (migration, token, expires) VALUES ('portal-1', 1, 0)")
    journal = Journal(url)
    row = describe(journal, journal.migration("portal-1"))
    assert (row["why"], row["error"]) == ("no disk", {"what": "no disk"})
    assert [(f["message"], f["remedy"], f["parameters"]) for f in row["findings"]] == [("the disk is full", "free some", {})]
    fail(journal, journal.acquire("portal-1", holder="engine"))
    assert describe(journal, journal.migration("portal-1"))["findings"][0]["message"] == FULL.spoken("zh")


def test_a_sentence_that_this_release_does_not_know_is_shown_as_it_was_kept(journal, lease, tmp_path):
    fail(journal, lease)
    with sqlite3.connect(tmp_path / "journal.sqlite") as connection:
        connection.execute("UPDATE findings SET said = replace(said, 'over_cloud', 'of_a_later_release')")
    assert describe(journal, journal.migration(lease.migration))["findings"][0]["message"] == FULL.spoken("en")
