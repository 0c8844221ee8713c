"""The journal's promises: a chain that shows tampering, one writer at a time, tables of transitions, decisions by persons."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from orchestrator.engine.purge import purge
from orchestrator.engine.records import BoundRecords
from orchestrator.errors import IllegalTransition, LeaseHeld, Refused, StaleLease
from orchestrator.journal import database, schema
from orchestrator.journal.actors import Actor
from orchestrator.journal.decisions import Decisions
from orchestrator.journal.standbys import standing_by, who_stands_by
from orchestrator.journal.states import (
    MIGRATION_TRANSITIONS,
    STEP_TRANSITIONS,
    Ending,
    MigrationState,
    StepState,
    check_migration,
    check_step,
)
from orchestrator.journal.store import LEASE_SECONDS, Journal, Lease

CHEN, LI = Actor("os", "chen"), Actor("os", "li")
DIGEST = "d" * 64


def tamper(journal: Journal, *statements: str) -> None:
    """Somebody with a database client."""
    with create_engine(journal.url).begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


# ---------------------------------------------------------------- the chain


@pytest.fixture
def chained(journal: Journal) -> Journal:
    for number in range(1, 6):
        journal.append_event("note", actor="os:li", system="portal" if number < 4 else "tax", payload={"n": number})
    assert journal.verify() == []
    return journal


def test_a_changed_payload_is_named(chained):
    tamper(chained, "UPDATE payloads SET payload = '{\"n\":7}' WHERE seq = 3")
    assert chained.verify() == ["the payload of event 3 was changed"]


@pytest.mark.parametrize("column", ["at", "actor", "kind", "system", "migration"])
def test_a_changed_event_is_named(chained, column):
    tamper(chained, f"UPDATE events SET {column} = 'other' WHERE seq = 3")  # noqa: S608 - column names of this test
    assert chained.verify() == ["event 3 was changed"]


def test_an_event_changed_together_with_its_own_hash_breaks_the_next_one(chained):
    from orchestrator.journal.store import canonical, sha256

    event = chained.events()[2]
    with create_engine(chained.url).connect() as connection:
        row = connection.execute(text("SELECT payload_hash, previous FROM events WHERE seq = 3")).one()
    forged = sha256(canonical([3, event.at, "os:other", event.kind, event.system, None, row.payload_hash, row.previous]))
    tamper(chained, f"UPDATE events SET actor = 'os:other', hash = '{forged}' WHERE seq = 3")  # noqa: S608 - a digest of ours
    assert chained.verify() == ["event 4 does not follow the one before it"]


def test_a_removed_last_event_is_named(chained):
    tamper(chained, "DELETE FROM payloads WHERE seq = 5", "DELETE FROM events WHERE seq = 5")
    assert chained.verify() == ["the chain ends at event 4, its head says 5: events were cut off"]


def test_a_removed_middle_event_is_named(chained):
    tamper(chained, "DELETE FROM payloads WHERE seq = 3", "DELETE FROM events WHERE seq = 3")
    assert chained.verify() == ["event 3 is missing", "event 4 does not follow the one before it"]


def test_a_removed_head_is_named(chained):
    tamper(chained, "DELETE FROM chain")
    assert chained.verify() == ["the chain's head is missing"]


def test_a_payload_that_vanished_without_a_purge_is_named(chained):
    tamper(chained, "DELETE FROM payloads WHERE seq IN (2, 5)")
    assert chained.verify() == [
        "the payload of event 2 is missing, and nobody purged it",
        "the payload of event 5 is missing, and nobody purged it",
    ]


def test_a_purge_takes_every_payload_of_the_system_and_the_chain_stays_verifiable(chained):
    assert purge(chained, "portal", words=(), actor="os:chen", reason="found classified").events == 3
    assert chained.verify() == []
    assert [e.payload for e in chained.events(system="portal") if e.kind != "purged"] == [None, None, None]
    assert [e.payload for e in chained.events(system="tax")] == [{"n": 4}, {"n": 5}]
    chained.append_event("note", actor="os:li", system="portal", payload={"n": 6})
    assert purge(chained, "portal", words=(), actor="os:chen", reason="again").events == 1
    assert chained.verify() == []


# ---------------------------------------------------------------- the lease

HOLDER = """
import sys
from orchestrator.journal.store import Journal
journal = Journal(sys.argv[1])
lease = journal.acquire(sys.argv[2], holder="the other")
print(lease.token, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other(journal, started):
    """Another process that holds the lease until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, journal.url, started], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "1\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_holder_is_refused_while_the_first_lives_and_takes_over_when_it_is_dead(journal, started, other):
    with pytest.raises(LeaseHeld, match="the other"):
        journal.acquire(started, holder="me")
    other.kill()
    other.wait()
    assert journal.acquire(started, holder="me").token == 2


def test_a_released_lease_is_free_and_its_token_stays_used(journal, started, lease):
    journal.release(lease)
    assert journal.lease_holder(started).pid is None
    assert journal.acquire(started, holder="me").token == lease.token + 1


def test_every_write_with_an_old_token_is_refused_and_leaves_no_trace(journal, started, lease):
    newer = journal.acquire(started, holder="a newer engine")
    records, decisions = BoundRecords(journal, lease, "portal"), Decisions(journal)
    before = (len(journal.events()), journal.steps(started), journal.migration(started))
    figures = {"kind": "cutover", "direction": "forward", "started": 0.0, "ended": 1.0, "in_window": True, "breach": False}
    from orchestrator.tools.process import record_of

    mine = record_of(os.getpid(), "test")
    for write in (
        lambda: journal.set_step(lease, "fake", "one", StepState.RUNNING),
        lambda: journal.set_migration(lease, live="target"),
        lambda: journal.add_runbook(lease, "back", [("three", "read_only")]),
        lambda: journal.clear_needs_person(lease, actor="os:li"),
        lambda: journal.register_process(lease, "one", mine),
        lambda: decisions.open_gate(lease, "approve_cutover", DIGEST),
        lambda: decisions.open_task(lease, "one", "carry", zh="运", en="carry", detail={}),
        lambda: decisions.measure(lease, **figures),
        lambda: records.copied(what="x", source_state="y", size=1, items=1),
        lambda: records.event("way_back_alarm", {"problems": []}),
        lambda: records.set_live("target"),
    ):
        with pytest.raises(StaleLease):
            write()
    assert (len(journal.events()), journal.steps(started), journal.migration(started)) == before
    assert (decisions.gates(), decisions.tasks(), decisions.measurements(), decisions.copies(started)) == ([], [], [], [])
    journal.set_step(newer, "fake", "one", StepState.RUNNING)


def test_a_stale_release_does_not_free_the_newer_lease(journal, started, lease):
    newer = journal.acquire(started, holder="newer")
    journal.release(lease)
    assert journal.lease_holder(started).pid is not None
    journal.set_step(newer, "fake", "one", StepState.RUNNING)


# ---------------------------------------------------------------- who stands by

DIES_STANDING_BY = """
import os, sys
from orchestrator.journal.standbys import standing_by
from orchestrator.journal.store import Journal
with standing_by(Journal(sys.argv[1]), sys.argv[2], "os:wang"):
    os._exit(9)
"""


def standbys(journal: Journal) -> list[Any]:
    with journal.snapshot() as connection:
        return list(connection.execute(schema.standbys.select()))


def test_one_that_was_killed_at_a_gate_is_not_there_and_is_cleared_away(journal, started):
    died = subprocess.run([sys.executable, "-c", DIES_STANDING_BY, journal.url, started], check=False)
    assert died.returncode == 9
    assert len(standbys(journal)) == 1
    assert who_stands_by(journal, started) == []
    with standing_by(journal, started, "os:li"):
        assert [row.holder for row in standbys(journal)] == ["os:li"]
        assert [standby["holder"] for standby in who_stands_by(journal, started)] == ["os:li"]
    assert standbys(journal) == []


def test_one_on_another_machine_is_there_as_long_as_it_says_so(journal, started):
    def elsewhere(expires: float) -> None:
        with journal.writing() as tx:
            tx.execute(schema.standbys.update().values(host="another-controller", expires=expires))

    with standing_by(journal, started, "os:li"):
        elsewhere(journal.clock() + 60)
        assert [standby["host"] for standby in who_stands_by(journal, started)] == ["another-controller"]
        elsewhere(journal.clock() - 5)
        assert who_stands_by(journal, started) == []


def test_it_says_so_three_times_in_a_lifetime_and_not_at_every_look(journal, started):
    with standing_by(journal, started, "os:li") as standby:
        assert standbys(journal)[0].expires == pytest.approx(journal.clock() + LEASE_SECONDS, abs=30)
        with journal.writing() as tx:
            tx.execute(schema.standbys.update().values(expires=1.0))
        standby.renew()
        assert standbys(journal)[0].expires == 1.0
        standby._renewed -= LEASE_SECONDS / 3
        standby.renew()
        assert standbys(journal)[0].expires == pytest.approx(journal.clock() + LEASE_SECONDS, abs=30)


def test_whoever_stands_by_holds_nothing(journal, started, other):
    del other  # another process has the lease
    with standing_by(journal, started, "os:li"), pytest.raises(LeaseHeld):
        journal.acquire(started, holder="os:li")


# ---------------------------------------------------------------- tables of transitions


@pytest.mark.parametrize("current", list(StepState))
def test_a_step_goes_only_where_the_table_lets_it(current):
    for wanted in StepState:
        if wanted in STEP_TRANSITIONS[current]:
            check_step(current, wanted, "one")
        else:
            with pytest.raises(IllegalTransition):
                check_step(current, wanted, "one")


def test_the_tables_say_what_the_architecture_says():
    assert STEP_TRANSITIONS[StepState.UNDO_FAILED] == {StepState.UNDOING}
    assert STEP_TRANSITIONS[StepState.UNDONE] == frozenset()
    assert MIGRATION_TRANSITIONS[MigrationState.ENDED] == frozenset()
    assert len(Ending) == 6
    with pytest.raises(IllegalTransition):
        check_migration(MigrationState.UNDOING, MigrationState.FORWARD, "portal-1")


def test_the_journal_enforces_the_table_and_keeps_the_old_state(journal, started, lease):
    for state in (StepState.DONE, StepState.UNDOING, StepState.FAILED):
        with pytest.raises(IllegalTransition):
            journal.set_step(lease, "fake", "one", state)
    assert journal.step(started, "fake", "one").state == "pending"
    assert [e for e in journal.events() if e.kind == "step"] == []


def test_an_ended_migration_never_moves_again(journal, lease):
    journal.set_migration(lease, state=MigrationState.ENDED, ending=Ending.ACCEPTED)
    with pytest.raises(IllegalTransition):
        journal.set_migration(lease, state=MigrationState.UNDOING)


def test_one_open_migration_a_system_and_numbers_go_on(journal, started, lease):
    with pytest.raises(Refused, match="still open"):
        journal.start_migration(system="portal", strategy="s", runbook="fake", plan_digest=DIGEST, requested_by="os:li", steps=[])
    journal.set_migration(lease, state=MigrationState.ENDED, ending=Ending.ACCEPTED)
    again = journal.start_migration(system="portal", strategy="s", runbook="fake", plan_digest=DIGEST, requested_by="os:li", steps=[])
    assert (started, again) == ("portal-1", "portal-2")


def test_what_is_committed_is_there_for_another_process(journal, lease):
    journal.set_step(lease, "fake", "one", StepState.RUNNING)
    seen = subprocess.run(
        [sys.executable, "-c", "import sys; from orchestrator.journal.store import Journal; print(Journal(sys.argv[1]).step('portal-1', 'fake', 'one').state)", journal.url],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert seen.stdout == "running\n"


# ---------------------------------------------------------------- gates and tasks


@pytest.fixture
def gate(journal, lease: Lease) -> Decisions:
    decisions = Decisions(journal)
    assert decisions.open_gate(lease, "approve_cutover", DIGEST).state == "open"
    return decisions


def test_who_asked_for_the_migration_cannot_decide_on_it(gate, started):
    for approve in (True, False):
        with pytest.raises(Refused, match="asked for this migration"):
            gate.decide_gate(started, "approve_cutover", approve=approve, actor=LI, digest=DIGEST)
    assert gate.gates(started)[0].state == "open"


@pytest.mark.parametrize("digest", ["", "dddd", "e" * 64, "ddddddde", "d" * 65])
def test_a_gate_is_not_decided_under_another_digest(gate, started, digest):
    with pytest.raises(Refused, match="the gate waits for plan"):
        gate.decide_gate(started, "approve_cutover", approve=True, actor=CHEN, digest=digest)
    assert gate.gates(started)[0].state == "open"


def test_a_decision_is_on_record_with_who_and_why_and_is_made_once(gate, journal, started):
    gate.decide_gate(started, "approve_cutover", approve=True, actor=CHEN, digest="d" * 8, reason="read it")
    row = gate.gates(started)[0]
    assert (row.state, row.actor, row.reason) == ("approved", "os:chen", "read it")
    event = journal.events(kind="gate_decided")[0]
    assert (event.actor, event.system, event.payload["digest"]) == ("os:chen", "portal", DIGEST)
    with pytest.raises(Refused, match="is not waiting"):
        gate.decide_gate(started, "approve_cutover", approve=False, actor=CHEN, digest=DIGEST)


def test_an_approval_does_not_hold_for_another_plan(gate, lease, started):
    gate.decide_gate(started, "approve_cutover", approve=True, actor=CHEN, digest=DIGEST)
    assert gate.open_gate(lease, "approve_cutover", DIGEST).state == "approved"
    row = gate.open_gate(lease, "approve_cutover", "e" * 64)
    assert (row.state, row.actor, row.decided) == ("open", None, None)


def test_a_task_is_finished_once_and_only_with_evidence(journal, lease, started):
    decisions = Decisions(journal)
    task = decisions.open_task(lease, "one", "carry", zh="搬运", en="carry it", detail={"machines": ["m"]})
    assert decisions.open_task(lease, "one", "carry", zh="搬运", en="carry it", detail={}).id == task.id
    for empty in ("", "  \n"):
        with pytest.raises(Refused, match="evidence"):
            decisions.finish_task(task.id, actor=CHEN, evidence=empty)
    decisions.finish_task(task.id, actor=CHEN, evidence="photo 17")
    assert [(t.state, t.actor, t.evidence) for t in decisions.tasks(started)] == [("done", "os:chen", "photo 17")]
    with pytest.raises(Refused, match="not open"):
        decisions.finish_task(task.id, actor=CHEN, evidence="again")


def test_a_breach_is_on_the_chain_as_a_breach(journal, lease):
    figures = {"kind": "cutover", "direction": "forward", "started": 0.0, "ended": 1.0, "in_window": True}
    Decisions(journal).measure(lease, longest_gap_ms=900.0, budget_ms=500.0, breach=True, **figures)
    Decisions(journal).measure(lease, longest_gap_ms=90.0, budget_ms=500.0, breach=False, **figures)
    assert [e.kind for e in journal.events() if e.kind in ("breach", "measured")] == ["breach", "measured"]


# ---------------------------------------------------------------- the schema


def test_a_fresh_journal_is_at_the_newest_revision_and_like_the_tables_in_code(journal):
    newest = sorted(p.name.partition("_")[0] for p in (Path(database.__file__).parent / "migrations" / "versions").glob("[0-9]*.py"))[-1]
    assert newest == database.HEAD
    with create_engine(journal.url).connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == newest
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []


def test_without_create_a_missing_journal_is_refused_and_not_made(tmp_path):
    with pytest.raises(Refused, match="no journal"):
        Journal(f"sqlite:///{tmp_path / 'none.sqlite'}", create=False)
    assert list(tmp_path.iterdir()) == []
