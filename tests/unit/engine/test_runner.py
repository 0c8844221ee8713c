"""The runner's promises: forward, back, and on again after anything; the journal alone says what is owed."""

import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from orchestrator.engine.records import WITNESS
from orchestrator.errors import Exit, Finding, NeedsPerson, Refused, StaleLease, StepFailed, Waiting
from orchestrator.journal.actors import Actor
from orchestrator.journal.decisions import Decisions
from orchestrator.journal.notes import Notes
from orchestrator.journal.states import Ending
from orchestrator.journal.store import Lease
from orchestrator.steps.base import Effect, Observed, Step
from orchestrator.tools import process

READ, ONE_WAY = Effect.READ_ONLY, Effect.ONE_WAY
CAUSE = StepFailed("no disk", where="host", remedy="add one")


@pytest.fixture
def notes(journal) -> Notes:
    return Notes(journal)


class Killed(BaseException):
    """The engine is gone in the middle of a step: nothing after it is run, not even its own error handling."""


def wait(what: str = "a gate") -> Waiting:
    return Waiting(what, remedy="decide")


def switching(play, **more):
    """one → switch to the cloud → after → end; the way back is arm → switch back."""
    return play.begin(
        play.step("one"), play.step("switch", switches="target"), play.step("after", READ), play.step("end", ONE_WAY), play.step("register", READ),
        back=(play.step("arm", READ), play.step("switch_back", switches="source")), **more,
    )  # fmt: skip


# ---------------------------------------------------------------- forward


def test_forward_runs_every_step_once_in_order_and_is_accepted(play):
    switching(play)
    assert play.run().ending is Ending.ACCEPTED
    assert play.log == ["one", "switch", "after", "end", "register"]
    assert set(play.states().values()) == {"done"}
    assert play.journal.migration(play.migration).live == "target"
    assert play.run().ending is Ending.ACCEPTED
    assert play.log[-1] == "register"


def test_the_intent_is_on_record_before_the_step_touches_anything(play, journal):
    seen = {}

    def look(step: str) -> None:
        name = step.removeprefix("undo ")
        event = journal.events(kind="step")[-1].payload
        seen[step] = (play.states()[name], event["step"], event["state"])

    play.on_run = look
    play.begin(play.step("one"), play.step("two"))
    play.faults["two"] = CAUSE
    play.run()
    assert seen == {
        "one": ("running", "one", "running"), "two": ("running", "two", "running"),
        "undo two": ("undoing", "two", "undoing"), "undo one": ("undoing", "one", "undoing"),
    }  # fmt: skip


def test_a_step_that_ran_is_done_only_when_the_world_shows_it(play):
    blind = Step(id="blind", effect=READ, run=lambda _: {}, observe=lambda _: Observed.UNCLEAR)
    play.begin(play.step("one"), blind)
    outcome = play.run()
    assert outcome.ending is Ending.ROLLED_BACK_BEFORE
    assert "the world shows it unclear" in outcome.why
    assert play.states() == {"one": "undone", "blind": "failed"}


# ---------------------------------------------------------------- back before the switch


def test_failure_before_the_switch_undoes_in_reverse_what_was_begun_and_nothing_else(play):
    play.begin(play.step("one"), play.step("look", READ), play.step("two"), play.step("three"), play.step("four"))
    play.faults["three"] = CAUSE
    outcome = play.run()
    assert outcome.ending is Ending.ROLLED_BACK_BEFORE
    assert "no disk" in outcome.why
    assert play.log == ["one", "look", "two", "three", "undo three", "undo two", "undo one"]
    assert play.states() == {"one": "undone", "look": "done", "two": "undone", "three": "undone", "four": "pending"}


def test_an_unexpected_exception_is_a_failure_like_any_other(play):
    play.begin(play.step("one"), play.step("two"))
    play.faults["two"] = ZeroDivisionError("division by zero")
    outcome = play.run()
    assert outcome.ending is Ending.ROLLED_BACK_BEFORE
    assert "ZeroDivisionError" in outcome.why


def test_the_first_undo_that_fails_stops_the_way_back_needs_a_person_and_resume_goes_on_from_there(play):
    play.begin(play.step("one"), play.step("two"), play.step("three"))
    play.faults |= {"three": CAUSE, "undo two": StepFailed("host away", remedy="bring it back")}
    outcome = play.run()
    assert outcome.ending is Ending.NEEDS_A_PERSON
    assert "host away" in outcome.why
    assert play.states() == {"one": "done", "two": "undo_failed", "three": "undone"}
    play.log.clear()
    outcome = play.run()
    assert outcome.ending is Ending.ROLLED_BACK_BEFORE
    assert play.log == ["undo two", "undo one"]
    assert "no disk" in outcome.why  # the first cause, not what went wrong on the way back


def test_an_undo_that_left_the_world_as_it_was_has_failed(play):
    stays = Step(
        id="stays",
        effect=Effect.REVERSIBLE,
        run=lambda _: {},
        observe=lambda _: Observed.DONE,
        undo_source=lambda _: None,
    )
    play.begin(stays, play.step("two"))
    play.faults["two"] = CAUSE
    assert play.run().ending is Ending.NEEDS_A_PERSON
    assert play.states() == {"stays": "undo_failed", "two": "undone"}


def test_read_only_steps_are_never_undone(play):
    play.begin(play.step("look", READ), play.step("gate", READ), play.step("two"))
    play.faults["two"] = CAUSE
    play.run()
    assert "undo look" not in play.log
    assert play.states() == {"look": "done", "gate": "done", "two": "undone"}


# ---------------------------------------------------------------- back after the switch


def test_failure_after_the_switch_runs_the_way_back_and_then_undoes_what_was_prepared(play):
    switching(play)
    play.faults["after"] = CAUSE
    outcome = play.run()
    assert outcome.ending is Ending.ROLLED_BACK_AFTER
    assert play.log == ["one", "switch", "after", "arm", "switch_back", "undo one"]
    assert play.journal.migration(play.migration).live == "source"


def test_when_going_back_fails_a_person_is_asked_the_live_side_stays_and_resume_goes_on(play):
    switching(play)
    play.faults |= {"after": CAUSE, "switch_back": StepFailed("no fence", remedy="end the transaction")}
    assert play.run().ending is Ending.NEEDS_A_PERSON
    assert play.journal.migration(play.migration).live == "target"
    assert "undo one" not in play.log
    play.log.clear()
    outcome = play.run()
    assert outcome.ending is Ending.ROLLED_BACK_AFTER
    assert play.log == ["settle switch_back", "switch_back", "undo one"]
    assert "no disk" in outcome.why


def test_failure_past_the_point_of_no_return_asks_a_person_and_undoes_nothing(play):
    switching(play)
    play.faults["register"] = CAUSE
    assert play.run().ending is Ending.NEEDS_A_PERSON
    assert play.log[-1] == "register"
    assert play.run().ending is Ending.ACCEPTED


# ---------------------------------------------------------------- waiting, interruption


def test_a_step_that_waits_leaves_waiting_and_is_asked_again(play):
    play.begin(play.step("one"), play.step("gate", READ), play.step("two"))
    play.faults["gate"] = wait("approval of plan dddd")
    outcome = play.run()
    assert (outcome.ending, outcome.waiting) == (None, "approval of plan dddd")
    assert play.states() == {"one": "done", "gate": "waiting", "two": "pending"}
    assert play.run().ending is Ending.ACCEPTED
    assert play.log == ["one", "gate", "gate", "two"]


def test_an_undo_that_waits_goes_on_when_it_is_done(play):
    play.begin(play.step("carry"), play.step("two"))
    play.faults |= {"two": CAUSE, "undo carry": wait("the lorry")}
    outcome = play.run()
    assert (outcome.ending, outcome.waiting) == (None, "the lorry")
    assert play.states()["carry"] == "undoing"
    assert play.run().ending is Ending.ROLLED_BACK_BEFORE


@pytest.mark.parametrize("killed_at", ["one", "two"])
def test_a_step_found_running_is_run_again(play, killed_at):
    play.begin(play.step("one"), play.step("two"))
    play.faults[killed_at] = Killed()
    with pytest.raises(Killed):
        play.run()
    assert play.states()[killed_at] == "running"
    assert play.run().ending is Ending.ACCEPTED
    assert play.log.count(killed_at) == 2


def test_an_undo_found_interrupted_is_done_again(play):
    play.begin(play.step("one"), play.step("two"))
    play.faults |= {"two": CAUSE, "undo one": Killed()}
    with pytest.raises(Killed):
        play.run()
    assert play.states() == {"one": "undoing", "two": "undone"}
    assert play.run().ending is Ending.ROLLED_BACK_BEFORE
    assert play.states()["one"] == "undone"


def test_an_interrupted_switch_is_settled_before_anything_else_and_not_run_again_when_it_had_switched(play):
    switching(play)
    play.faults["switch"] = Killed()
    with pytest.raises(Killed):
        play.run()
    play.settles_as = {"settled": True}
    play.world["switch"] = True
    play.log.clear()
    assert play.run().ending is Ending.ACCEPTED
    assert play.log == ["settle switch", "after", "end", "register"]


def test_an_interrupted_switch_that_came_to_nothing_is_tried_again(play):
    switching(play)
    play.faults["switch"] = Killed()
    with pytest.raises(Killed):
        play.run()
    play.log.clear()
    assert play.run().ending is Ending.ACCEPTED
    assert play.log[:2] == ["settle switch", "switch"]


def test_a_switch_whose_guard_was_lost_is_settled_too(play):
    switching(play)
    play.faults["switch"] = NeedsPerson("the guard stopped", remedy="resume")
    assert play.run().ending is Ending.NEEDS_A_PERSON
    assert play.states()["switch"] == "failed"
    play.settles_as = {"settled": True}
    play.log.clear()
    assert play.run().ending is Ending.ACCEPTED
    assert play.log[0] == "settle switch"
    assert play.log.count("switch") == 0


def test_what_cannot_be_settled_needs_a_person_and_changes_nothing(play):
    switching(play)
    play.faults["switch"] = Killed()
    with pytest.raises(Killed):
        play.run()

    def unreachable(_name: str) -> None:
        raise ConnectionError("no route")

    play.settled = unreachable
    outcome = play.run()
    assert outcome.ending is Ending.NEEDS_A_PERSON
    assert "no route" in outcome.why
    assert play.states()["switch"] == "running"


def test_a_newer_engine_stops_the_older_one_at_its_next_write(play):
    switching(play)
    lease = play.journal.acquire(play.migration, holder="old")
    runner = play.runner(lease)
    play.on_run = lambda step: play.journal.acquire(play.migration, holder="new") and None if step == "one" else None
    with pytest.raises(StaleLease):
        runner.run()
    assert play.log == ["one"]
    assert play.states()["one"] == "running"


# ---------------------------------------------------------------- people turn it back


def ask(play, text: str = "the department asks (os:chen)") -> None:
    play.journal.set_flag(f"turn_back:{play.migration}", text, actor=str(Actor("os", "chen")))


def test_a_turn_back_is_honoured_before_the_next_step(play):
    play.begin(play.step("one"), play.step("two"), play.step("three"))
    play.on_run = lambda step: ask(play) if step == "two" else None
    outcome = play.run()
    assert (outcome.ending, outcome.why) == (Ending.ROLLED_BACK_BEFORE, "the department asks (os:chen)")
    assert play.log == ["one", "two", "undo two", "undo one"]


def test_a_cancelled_migration_ends_cancelled_even_when_its_undoing_needed_a_person(play):
    play.begin(play.step("one"), play.step("gate", READ))
    play.faults |= {"gate": wait(), "undo one": StepFailed("host away", remedy="bring it back")}
    play.run()
    ask(play, "cancelled: not this year (os:chen)")
    assert play.run().ending is Ending.NEEDS_A_PERSON
    assert play.run().ending is Ending.CANCELLED


def test_a_turn_back_after_the_switch_goes_the_way_back(play):
    switching(play)
    play.faults["after"] = wait("trial run")
    play.run()
    ask(play)
    assert play.run().ending is Ending.ROLLED_BACK_AFTER
    assert play.log[-3:] == ["arm", "switch_back", "undo one"]


def test_a_turn_back_asked_while_the_switch_is_unsettled_learns_first_which_side_is_live(play):
    """The engine died after the guard had switched and before the journal knew: undoing from there would lose writes."""
    switching(play)
    play.faults["switch"] = Killed()
    with pytest.raises(Killed):
        play.run()
    ask(play)
    play.settles_as = {"settled": True}
    play.log.clear()
    assert play.run().ending is Ending.ROLLED_BACK_AFTER
    assert play.log == ["settle switch", "arm", "switch_back", "undo one"]


def test_past_the_point_of_no_return_nobody_turns_it_back(play):
    switching(play)
    play.faults["register"] = CAUSE
    play.run()
    ask(play)
    assert play.run().ending is Ending.ACCEPTED
    assert "arm" not in play.log


def test_a_refusal_at_a_gate_undoes(play):
    play.begin(play.step("one"), play.step("gate", READ))
    play.faults["gate"] = Refused("initial acceptance was refused by os:chen: no report", remedy="hand it in")
    outcome = play.run()
    assert outcome.ending is Ending.ROLLED_BACK_BEFORE
    assert "no report" in outcome.why


# ---------------------------------------------------------------- exit codes


@pytest.mark.parametrize(
    ("codes", "worst"),
    [((0, 6, 4, 5), 5), ((0, 6, 4), 4), ((0, 6), 6), ((0, 0), 0), ((), 0), ((6, 3), 3), ((5, 1), 1), ((0, 2), 2), ((2, 4), 4)],
)
def test_the_code_over_several_systems_is_the_highest_of_5_4_6_0(codes, worst):
    assert Exit.worst([Exit(c) for c in codes]) == worst


def test_every_code_but_done_shows(codes=tuple(Exit)):
    for code in codes:
        assert Exit.worst([Exit.DONE, code]) is code


# ---------------------------------------------------------------- an undo has two halves


def test_a_target_that_cannot_be_cleaned_holds_up_nothing_and_is_owed(play, notes):
    play.begin(play.step("servers", target=True), play.step("copy", target=True), play.step("source"), play.step("two"))
    play.faults |= {"two": CAUSE, "undo copy": StepFailed("disk full", remedy="free it")}
    outcome = play.run()
    assert outcome.ending is Ending.ROLLED_BACK_BEFORE
    assert play.log[-4:] == ["undo two", "undo source", "undo copy", "undo servers"]
    assert play.states()["copy"] == "undone"
    assert [(row.step, row.what) for row in notes.owed(play.migration)] == [("copy", "copy: disk full")]


def test_what_the_world_still_shows_on_the_target_is_owed_too(play, notes):
    stays = Step(
        id="stays",
        effect=Effect.REVERSIBLE,
        run=lambda _: {},
        observe=lambda _: Observed.DONE,
        undo_target=lambda _: None,
    )
    play.begin(stays, play.step("two"))
    play.faults["two"] = CAUSE
    assert play.run().ending is Ending.ROLLED_BACK_BEFORE
    assert [row.step for row in notes.owed(play.migration)] == ["stays"]


def test_what_was_owed_on_a_target_that_is_taken_away_is_owed_no_more(play, notes):
    servers = replace(play.step("servers", target=True), takes_target_away=True)
    play.begin(servers, play.step("copy", target=True), play.step("two"))
    play.faults |= {"two": CAUSE, "undo copy": StepFailed("disk full", remedy="free it")}
    assert play.run().ending is Ending.ROLLED_BACK_BEFORE
    assert notes.owed(play.migration) == []


def test_owed_clean_up_is_tried_again_after_the_end(play):
    play.begin(play.step("servers", target=True), play.step("copy", target=True), play.step("two"))
    play.faults |= {"two": CAUSE, "undo copy": ConnectionError("away"), "undo servers": ConnectionError("away")}
    play.run()
    play.faults["undo servers"] = ConnectionError("still away")
    lease = play.journal.acquire(play.migration, holder="later")
    assert [row.step for row in play.runner(lease).clean_up()] == ["servers"]
    assert play.runner(lease).clean_up() == []
    assert play.log[-3:] == ["undo copy", "undo servers", "undo servers"]


def test_of_a_target_that_two_people_declared_lost_nothing_is_touched(play, notes):
    servers = replace(play.step("servers", target=True), takes_target_away=True)
    play.begin(servers, play.step("copy", target=True), play.step("source"), play.step("gate", READ))
    play.faults["gate"] = wait()
    play.run()
    decisions = Decisions(play.journal)
    assert decisions.declare_lost(play.migration, actor=Actor("os", "chen"), reason="the hall burnt") is False
    with pytest.raises(Refused, match="second person"):
        decisions.declare_lost(play.migration, actor=Actor("os", "chen"), reason="it did")
    assert decisions.target_lost(play.migration) is None
    assert decisions.declare_lost(play.migration, actor=Actor("os", "zhou"), reason="seen")
    ask(play)
    assert play.run().ending is Ending.ROLLED_BACK_BEFORE
    assert play.log[2:] == ["source", "gate", "undo source"]
    assert [(row.step, "os:chen, os:zhou" in row.what) for row in notes.owed(play.migration)] == [("servers", True)]


def declare_lost(play) -> None:
    for name in ("chen", "zhou"):
        Decisions(play.journal).declare_lost(play.migration, actor=Actor("os", name), reason="the hall burnt")


def test_a_live_target_that_is_lost_is_left_for_the_source_and_the_ending_never_says_that_nothing_is_lost(play):
    switching(play, alone=(play.step("open_alone", switches="source"), play.step("entry_back", READ)))
    play.faults["after"] = wait()
    play.run()
    declare_lost(play)
    ask(play)
    outcome = play.run()
    assert outcome.ending is Ending.ROLLED_BACK_LOSING
    assert play.log == ["one", "switch", "after", "open_alone", "entry_back", "undo one"]
    assert play.journal.migration(play.migration).live == "source"


def test_a_target_that_is_lost_while_it_is_left_is_left_without_it(play):
    switching(play, alone=(play.step("open_alone", switches="source"),))
    play.faults |= {"after": CAUSE, "arm": StepFailed("the target does not answer", remedy="bring it back")}
    assert play.run().ending is Ending.NEEDS_A_PERSON
    declare_lost(play)
    assert play.run().ending is Ending.ROLLED_BACK_LOSING
    assert play.log[-2:] == ["open_alone", "undo one"]


def test_a_target_that_is_lost_in_the_switch_counts_as_opened(play):
    switching(play, alone=(play.step("open_alone", switches="source"),))
    play.faults |= {"switch": Killed(), "settle switch": NeedsPerson("a side cannot be seen", remedy="bring it back")}
    with pytest.raises(Killed):
        play.run()
    play.faults["settle switch"] = NeedsPerson("a side cannot be seen", remedy="bring it back")
    assert play.run().ending is Ending.NEEDS_A_PERSON
    declare_lost(play)
    ask(play)
    play.faults["settle switch"] = NeedsPerson("a side cannot be seen", remedy="bring it back")
    assert play.run().ending is Ending.ROLLED_BACK_LOSING
    assert play.log[-2:] == ["open_alone", "undo one"]


# ---------------------------------------------------------------- refusals


def test_a_refusal_before_anything_was_touched_is_no_roll_back_and_keeps_every_finding(play, notes):
    play.begin(play.step("preflight", READ), play.step("one"))
    found = [Finding("unlogged", "error", f"table {name} is unlogged", "make it logged", system="portal") for name in "ab"]
    play.faults["preflight"] = Refused("2 findings", findings=found)
    outcome = play.run()
    assert (outcome.ending, outcome.untouched) == (Ending.ROLLED_BACK_BEFORE, True)
    assert [f.message for f in notes.findings(play.migration)] == ["table a is unlogged", "table b is unlogged"]
    assert play.journal.open_migration("portal") is None


def test_a_refusal_after_something_was_touched_is_a_roll_back(play, notes):
    play.begin(play.step("one"), play.step("gate", READ))
    play.faults["gate"] = Refused("1 finding", findings=[Finding("ddl", "error", "x changed", "take it over")])
    outcome = play.run()
    assert (outcome.ending, outcome.untouched) == (Ending.ROLLED_BACK_BEFORE, False)
    assert [f.code for f in notes.findings(play.migration)] == ["ddl"]


def test_a_step_that_refuses_and_is_undone_still_says_what_it_found(play, notes):
    play.begin(play.step("one"), play.step("two"))
    play.faults["two"] = Refused("1 finding", findings=[Finding("package", "error", "nginx is not there", "install it")])
    outcome = play.run()
    assert (outcome.ending, outcome.untouched) == (Ending.ROLLED_BACK_BEFORE, False)
    assert "undo two" in play.log
    assert [f.code for f in notes.findings(play.migration)] == ["package"]


# ---------------------------------------------------------------- a step that runs is reached


def test_a_running_step_is_left_within_seconds_when_a_person_turns_back(play):
    """It hangs in something that only its connections' end can stop."""
    released = threading.Event()
    play.begin(play.step("one"), play.step("hangs"))

    def hang(what: str) -> None:
        if what == "hangs":
            play.hands.then = released.set
            ask(play)
            if released.wait(60):
                raise ConnectionError("the server closed the connection")

    play.on_run = hang
    outcome = play.run()
    assert released.is_set()
    assert (outcome.ending, outcome.why) == (Ending.ROLLED_BACK_BEFORE, "the department asks (os:chen)")
    assert play.log == ["one", "hangs", "undo hangs", "undo one"]


def test_who_lost_the_lease_ends_what_runs_and_writes_nothing_more(play):
    """Another controller may begin at any moment: the step is left as it is found after a crash."""
    released, lost = threading.Event(), threading.Event()
    play.begin(play.step("one"), play.step("hangs"))

    def hang(what: str) -> None:
        if what == "hangs":
            play.hands.then = released.set
            lost.set()
            if released.wait(60):
                raise ConnectionError("the server closed the connection")

    play.on_run = hang
    lease = play.journal.acquire(play.migration, holder="engine")
    runner = play.runner(lease, lost=lost.is_set)
    with pytest.raises(StaleLease):
        runner.run()
    assert released.is_set()
    assert play.states() == {"one": "done", "hangs": "running"}
    assert play.journal.migration(play.migration).state == "forward", "a journal that was away turns nothing back"


def test_a_step_that_only_sleeps_asks_whether_it_should_stop(play):
    play.begin(play.step("one"), play.step("sleeps"))

    def sleep(what: str) -> None:
        if what == "sleeps":
            ask(play)
            play.context.pause(60)

    play.on_run = sleep
    assert play.run().ending is Ending.ROLLED_BACK_BEFORE
    [failed] = [e.payload for e in play.journal.events(kind="step") if e.payload["state"] == "failed"]
    assert failed["error"]["what"] == "left, because a person asked to turn back"


def test_a_switch_is_never_interrupted_and_the_way_back_is_not_either(play):
    switching(play)

    def act(what: str) -> None:
        if what == "switch":
            ask(play)
            until = time.monotonic() + 60
            while not play.context.should_stop() and time.monotonic() < until:  # told, so that it tries no second time
                time.sleep(0.05)
        if what == "switch_back":
            time.sleep(1.2)  # longer than the watcher looks away

    play.on_run = act
    assert play.run().ending is Ending.ROLLED_BACK_AFTER
    assert play.hands.interrupted == 0
    assert play.log == ["one", "switch", "arm", "switch_back", "undo one"]


# ---------------------------------------------------------------- what a killed engine left alive


@pytest.mark.parametrize("asked", [False, True], ids=["resume", "cancel"])
def test_a_probe_that_outlived_its_engine_ends_once_the_switch_is_settled(play, asked):
    """It measured the interruption to its end; afterwards it must not go on knocking at production's door."""
    probe = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        switching(play)
        alive_at_settling = []

        def start(what: str) -> None:
            if what == "switch":
                lease = play.journal.lease_holder(play.migration)
                play.journal.register_process(
                    Lease(play.migration, lease.token, lease.holder), WITNESS, process.record_of(probe.pid, "portal-1-forward.samples")
                )

        play.on_run = start
        play.faults["switch"] = Killed()
        with pytest.raises(Killed):
            play.run()
        play.settled = lambda _name: alive_at_settling.append(probe.poll() is None)
        play.on_run = lambda what: alive_at_settling.append(probe.poll() is None) if what == "switch" else None
        if asked:
            ask(play)
        assert play.run().ending is (Ending.ROLLED_BACK_BEFORE if asked else Ending.ACCEPTED)
        assert alive_at_settling == [True] if asked else [True, False]
        assert probe.wait(30) is not None
    finally:
        probe.kill()
        probe.wait()
