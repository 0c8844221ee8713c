"""A runbook is a literal list whose shape can be checked; a step that cannot be right does not come into being."""

import pytest

from orchestrator import texts
from orchestrator.runbooks import GOING_BACK, RUNBOOKS
from orchestrator.steps.base import Effect, Observed, Step

ALL = {**RUNBOOKS, **{f"back of {name}": steps for name, steps in GOING_BACK.items()}}


def shape(**more) -> Step:
    return Step(**({"id": "x", "run": lambda _: {}, "observe": lambda _: Observed.DONE} | more))


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"effect": Effect.REVERSIBLE}, "has no undo"),
        ({"effect": Effect.READ_ONLY, "undo_source": lambda _: None}, "has an undo"),
        ({"effect": Effect.ONE_WAY, "undo_source": lambda _: None}, "has an undo"),
        ({"effect": Effect.READ_ONLY, "switches": "target"}, "a switch has a way back"),
        ({"effect": Effect.ONE_WAY, "switches": "target"}, "a switch has a way back"),
        ({"effect": Effect.REVERSIBLE, "switches": "cloud"}, "only source and target exist"),
        ({"effect": Effect.REVERSIBLE, "undo_source": lambda _: None, "settle": lambda _: None}, "it switches nothing"),
    ],
)
def test_an_illegal_shape_fails_at_construction(more, why):
    with pytest.raises(TypeError, match=why):
        shape(**more)


@pytest.mark.parametrize("name", ALL)
def test_step_ids_are_unique_and_every_step_has_its_words(name):
    ids = [s.id for s in ALL[name]]
    assert len(ids) == len(set(ids))
    assert all(texts.knows(f"step.{s.id}") and s.id.isidentifier() for s in ALL[name])


@pytest.mark.parametrize("name", RUNBOOKS)
def test_nothing_is_one_way_before_final_acceptance_and_acceptance_comes_once(name):
    steps = RUNBOOKS[name]
    final = [i for i, s in enumerate(steps) if s.id == "final_acceptance"]
    assert len(final) == 1
    assert all(i > final[0] for i, s in enumerate(steps) if s.effect is Effect.ONE_WAY)


@pytest.mark.parametrize("name", ALL)
def test_every_reversible_step_has_an_undo_or_switches_and_only_one_switches(name):
    for step in ALL[name]:
        assert step.effect is not Effect.REVERSIBLE or step.has_undo or step.switches is not None
    assert len([s for s in ALL[name] if s.switches]) <= 1


@pytest.mark.parametrize("name", [n for n, steps in RUNBOOKS.items() if any(s.switches and not s.has_undo for s in steps)])
def test_a_switch_without_an_undo_has_a_way_back_that_switches_to_the_source_and_can_be_settled(name):
    assert name in GOING_BACK
    assert [s.switches for s in GOING_BACK[name] if s.switches] == ["source"]
    for step in (*RUNBOOKS[name], *GOING_BACK[name]):
        assert (step.settle is not None) == (step.switches is not None)


@pytest.mark.parametrize("name", [n for n, steps in RUNBOOKS.items() if any(s.switches for s in steps)])
def test_live_traffic_switches_after_backup_initial_acceptance_approval_and_window_and_before_the_trial_run(name):
    order = {s.id: i for i, s in enumerate(RUNBOOKS[name])}
    switch = next(i for i, s in enumerate(RUNBOOKS[name]) if s.switches)
    # a whole server's old place, stopped and compared, is what it is started from again: nobody writes there
    backup = next((order[id] for id in ("verify_backup", "cold_backup", "vendor_backup", "last_pass") if id in order), None)
    assert backup is not None
    assert (
        max(backup, order["initial_acceptance"], order["approve_cutover"], order["window"])
        < switch
        < order["trial_run"]
        < order["final_acceptance"]
    )


def test_where_databases_switch_the_way_back_is_armed_at_once_and_the_rehearsal_came_before():
    for name in GOING_BACK.keys() - {"whole_server"}:  # nothing flows by itself there: going back is passes
        ids = [s.id for s in RUNBOOKS[name]]
        assert ids[ids.index("cutover") + 1] == "arm_way_back"
        assert ids.index("rehearse") < ids.index("initial_acceptance")
