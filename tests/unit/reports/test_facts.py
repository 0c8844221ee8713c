"""What the report's facts promise: right figures, a source for each, nothing about what must not be printed."""

from __future__ import annotations

import datetime as dt
import sqlite3
from pathlib import Path

import pytest
from pydantic import BaseModel

from orchestrator.engine.purge import purge
from orchestrator.journal.decisions import Decisions
from orchestrator.journal.notes import Notes
from orchestrator.journal.store import Journal
from orchestrator.models import DataResource, Inventory, Plan, Verdict
from orchestrator.reports.collect import collect, sources_in
from orchestrator.reports.facts import ReportFacts
from orchestrator.reports.system_facts import SystemFacts
from orchestrator.reports.values import Sourced
from tests.support.example_city import PHONE, example_inventory, example_programme
from tests.support.example_report import NOW, STEP_NAMES, example_facts, example_story
from tests.support.story import OFFICE, Story


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> ReportFacts:
    return example_facts(tmp_path_factory.mktemp("journal"))


def system(facts: ReportFacts, ident: str) -> SystemFacts:
    return next(s for s in facts.systems if s.id == ident)


# ---------------------------------------------------------------- targets


def test_needed_is_the_ceiling_and_only_final_acceptance_counts(facts: ReportFacts) -> None:
    first, second = facts.phases
    assert (first.in_scope.value, first.needed.value, first.accepted.value, first.met) == (18, 15, 10, False)
    assert (second.in_scope.value, second.needed.value, second.accepted.value, second.met) == (20, 20, 10, False)


def test_all_three_readings_of_the_percentage_stand_side_by_side_and_one_decides(facts: ReportFacts) -> None:
    readings = {r.code: r for r in facts.phases[0].readings}
    assert list(readings) == ["all_together", "per_kind", "per_department"]
    assert [r.code for r in facts.phases[0].readings if r.decides] == ["all_together"]
    kinds = {c.group: (c.in_scope.value, c.needed.value, c.accepted.value) for c in readings["per_kind"].counts}
    assert kinds == {"application": (11, 9, 5), "database": (7, 6, 5)}
    departments = {c.group: c.met for c in readings["per_department"].counts}
    assert departments["meteorology"]
    assert not departments["archives"]
    assert "north-county" not in departments


def test_the_denominator_is_the_frozen_baseline_and_every_change_names_who_and_why(facts: ReportFacts) -> None:
    assert facts.baseline.frozen_at.value == "2017-09-04 17:00:21"
    assert facts.baseline.who == "os:lin"
    assert [(c.system, c.what.code, c.who, c.reason) for c in facts.baseline.changes] == [
        ("county-land", "retired", "os:lin", "停用并入省级台账"),
        ("county-land", "added", "os:lin", "省级台账推迟,恢复统计"),
    ]
    kinds = {e.seq: e.kind.code for e in facts.events}
    assert {kinds[n] for n in facts.phases[0].in_scope.source.events} == {"baseline-frozen", "baseline-change"}


# ---------------------------------------------------------------- sources


def test_every_number_is_a_sourced_one_and_no_source_is_empty(facts: ReportFacts) -> None:
    """Walks the whole value: a bare number may only be an event's own sequence number or a migration's number."""

    def bare(value: object, path: str) -> list[str]:
        if isinstance(value, Sourced):
            assert value.source.events or value.source.rows, f"{path} has no source"
            return []
        if isinstance(value, BaseModel):
            return [found for name in type(value).model_fields for found in bare(getattr(value, name), f"{path}.{name}")]
        if isinstance(value, tuple):
            return [found for one in value for found in bare(one, path)]
        return [path] if isinstance(value, int | float) and not isinstance(value, bool) else []

    allowed = {"facts.events.seq", "facts.systems.earlier.number"}
    sources = {"facts.baseline.changes.source.events"}
    assert set(bare(facts, "facts")) <= allowed | sources


def test_every_cited_event_is_in_the_appendix_with_its_hash(facts: ReportFacts) -> None:
    kept = {e.seq: e for e in facts.events}
    cited = {seq for source in sources_in(facts) for seq in source.events}
    assert cited == set(kept)
    assert all(len(e.hash) == 64 for e in facts.events)


def test_a_measured_gap_leads_to_its_own_event(facts: ReportFacts) -> None:
    by_seq = {e.seq: e for e in facts.events}
    for one in facts.systems:
        for cutover in one.cutovers:
            (seq,) = cutover.longest_gap_ms.source.events
            assert by_seq[seq].system == one.id
            assert dict(by_seq[seq].excerpt)["longest_gap_ms"] == str(cutover.longest_gap_ms.value)
            assert dict(by_seq[seq].excerpt)["direction"] == cutover.direction.code


def test_acceptance_leads_to_the_event_that_ended_the_migration(facts: ReportFacts) -> None:
    by_seq = {e.seq: e for e in facts.events}
    events = [by_seq[n] for n in facts.phases[0].accepted.source.events]
    assert len(events) == facts.phases[0].accepted.value
    assert all(dict(e.excerpt)["ending"] == "accepted" for e in events)


def test_a_zero_says_which_events_were_searched(facts: ReportFacts) -> None:
    assert facts.totals.differences.value == 0
    assert facts.totals.differences.source.rows == (f"journal:1-{facts.audit.events.value}",)


# ---------------------------------------------------------------- systems


def test_states_and_endings_are_told_apart(facts: ReportFacts) -> None:
    states = {s.id: s.state.value.code for s in facts.systems}
    assert states["citizen-portal"] == "accepted"
    assert states["property-register"] == "trial_run"
    assert states["social-insurance"] == "forward"
    assert states["traffic-db"] == "rolled_back_before_cutover"
    assert states["food-safety"] == "needs_a_person"
    assert states["bus-dispatch"] == "planned"
    step = system(facts, "credit-db").step
    assert step is not None
    assert step.words.zh == STEP_NAMES["initial_acceptance"][0]


def test_a_system_that_went_back_shows_every_cutover_and_its_former_ending(facts: ReportFacts) -> None:
    weather = system(facts, "weather-bulletin")
    assert [(c.direction.code, c.longest_gap_ms.value) for c in weather.cutovers] == [("forward", 92.3), ("back", 103.9), ("forward", 83.1)]
    assert [(e.number, e.ending.value.code) for e in weather.earlier] == [(1, "rolled_back_after_cutover")]
    assert weather.comparison is not None
    assert (weather.comparison.rows.value, weather.comparison.equal.value) == (58_533, True)
    assert weather.unchanged.value is True


def test_what_is_open_is_shown_with_its_object_and_what_to_do(facts: ReportFacts) -> None:
    shown = {s.id: [(x.kind.code, x.message) for x in s.open] for s in facts.systems if s.open}
    assert shown == {
        "food-safety": [("error", f"{host} answers with another key than the one on record") for host in ("food-app", "food-db")],
        "property-register": [("alarm", "registry: the source is more than 5 s behind")],
        "traffic-db": [("owed", "create the servers: the cloud does not answer")],
    }
    assert {x.remedy for x in system(facts, "food-safety").open} == {"look at the host"}
    cited = {event.seq: event.kind.code for event in facts.events}
    kinds = [cited[x.at.source.events[0]] for s in facts.systems for x in s.open]
    assert sorted(kinds) == ["clean_up_owed", "step", "step", "way_back_alarm"]


def test_a_breach_is_counted_and_an_announced_outage_is_not_a_cutover(facts: ReportFacts) -> None:
    register = system(facts, "property-register")
    assert [(c.breach, c.failed.value) for c in register.cutovers] == [(True, 3)]
    assert [(o.kind.code, o.announced_minutes.value, o.measured_ms.value, o.breach) for o in register.outages] == [
        ("device_outage", 240.0, 163 * 60_000.0, False)
    ]
    assert [(o.announced_minutes.value, o.measured_ms.value) for o in system(facts, "social-insurance").outages] == [(720.0, None)]
    assert (facts.totals.breaches.value, facts.totals.failed.value, facts.totals.longest_gap_ms.value) == (1, 3, 1310.0)


def test_an_override_stands_beside_what_policy_said(facts: ReportFacts) -> None:
    bus = system(facts, "bus-dispatch")
    assert bus.strategy.value.code == "hosting"
    assert bus.policy_strategy is not None
    assert bus.policy_strategy.code == "cloud_deployment"
    assert bus.overridden is not None
    assert bus.overridden.value == "os:lin（代 周工）"
    assert bus.overridden.source.events


def test_decisions_and_deeds_name_their_person_and_a_simulated_one_as_such(facts: ReportFacts) -> None:
    courier = next(a for a in system(facts, "social-insurance").acts if a.simulated)
    assert (courier.who, courier.outcome.code, courier.what.en) == ("simulated:courier", "done", "power the machines off")
    assert {(a.what.zh, a.who) for a in system(facts, "hotline").acts} == {("初验", "os:lin"), ("批准切换", "os:lin"), ("终验", "os:lin")}
    assert facts.simulated == ("simulated:courier",)


def test_a_promise_that_passed_is_late_and_one_that_was_kept_is_not(facts: ReportFacts) -> None:
    late = {s.id for s in facts.systems if s.promise and s.promise.late}
    assert "bus-dispatch" in late
    assert "citizen-portal" not in late
    assert "county-hall" not in late
    assert facts.totals.late.value == len(late)


def test_what_a_judge_found_of_the_writes_is_shown_with_the_judge(tmp_path: Path) -> None:
    story, inventory, verdicts, plan = example_story(tmp_path)
    payload = {"system": "hotline", "acknowledged": 4821, "lost": 0, "duplicated": 0, "details": ["x"]}
    story.journal.append_event("judged", actor="simulated:judge", system="hotline", payload=payload)
    facts = again(story, plan, inventory, verdicts)
    writes = system(facts, "hotline").writes
    assert writes is not None
    assert (writes.who, writes.simulated, writes.acknowledged.value, writes.lost.value) == ("simulated:judge", True, 4821, 0)
    assert system(facts, "permits").writes is None


# ---------------------------------------------------------------- what waits, rooms, catalogue


def test_what_waits_names_for_whom_since_when_and_the_command(facts: ReportFacts) -> None:
    found = {(w.kind, w.system): w for w in facts.waits}
    assert set(found) == {
        ("task", "social-insurance"), ("gate", "credit-db"), ("window", "permits"), ("person", "food-safety"), ("hold", ""),
    }  # fmt: skip
    gate = found["gate", "credit-db"]
    assert "os:zhou" in gate.whom.zh
    assert gate.command.startswith("orchestrator accept credit-db --digest ")
    assert gate.since.source.events


def test_a_room_names_who_holds_it_open_and_when_it_can_close(facts: ReportFacts) -> None:
    hall = next(r for r in facts.rooms if r.id == "hall-room")
    assert (hall.holding.value, hall.holders, hall.moved.value) == (1, ("permits",), 3)
    assert hall.can_close.value is not None
    assert next(r for r in facts.rooms if r.id == "county-room").exception.startswith("县级")


def test_databases_that_moved_without_an_entry_are_named(facts: ReportFacts) -> None:
    assert facts.catalogue.missing.value == ("warning-db",)
    assert {e.system for e in facts.catalogue.entries} == {"licence-db", "spatial-db", "population-db", "legal-entities"}


def test_classified_rows_are_counted_by_department_and_nothing_else(facts: ReportFacts) -> None:
    classified = [x for x in facts.excluded if x.reason.code == "classified"]
    assert [(x.department.zh, x.count.value) for x in classified] == [("市档案馆", 1), ("市自然资源和规划局", 1)]


# ---------------------------------------------------------------- what must not be printed


def test_telephone_numbers_never_get_in(facts: ReportFacts) -> None:
    text = facts.model_dump_json()
    assert PHONE not in text
    assert "机柜断电照片 2 张" in text  # the evidence they stood in


def again(story: Story, plan: Plan | None, inventory: Inventory, verdicts: dict[str, Verdict]) -> ReportFacts:
    return collect(
        journal=story.journal,
        decisions=story.decisions,
        notes=Notes(story.journal),
        inventory=inventory,
        verdicts=verdicts,
        programme=example_programme(),
        now=NOW,
        plan=plan,
    )


def test_nothing_is_printed_about_a_system_found_classified_later(tmp_path: Path) -> None:
    story, inventory, verdicts, plan = example_story(tmp_path)
    purge(story.journal, "population-db", words=(), actor=str(OFFICE), reason="认定为涉密")
    left = inventory.model_copy(
        update={"systems": tuple(s for s in inventory.systems if s.id not in ("population-db", "weather-bulletin"))}
    )
    facts = again(story, plan, left, verdicts)
    text = facts.model_dump_json()
    assert "population-db" not in text
    assert "weather-bulletin" not in text
    assert "人口基础库" not in text
    assert facts.audit.hidden.value == 2
    assert facts.audit.purged.value == 1
    assert facts.audit.intact


def test_a_purged_system_is_left_out_even_while_the_inventory_still_has_it(tmp_path: Path) -> None:
    story, inventory, verdicts, plan = example_story(tmp_path)
    purge(story.journal, "weather-bulletin", words=(), actor=str(OFFICE), reason="认定为涉密")
    facts = again(story, plan, inventory, verdicts)
    assert all(s.id != "weather-bulletin" for s in facts.systems)
    assert "bulletin-web" not in facts.model_dump_json()


# ---------------------------------------------------------------- edges


def test_a_gap_that_nobody_could_see_is_not_measured_rather_than_zero(tmp_path: Path) -> None:
    story, inventory, verdicts, plan = example_story(tmp_path)
    story.go_to(dt.datetime(2018, 3, 10, tzinfo=dt.UTC))
    lease = story.begin("bus-dispatch")
    story.run(lease, "cutover")
    story.measure(lease, 0.0, requests=0)
    bus = system(again(story, plan, inventory, verdicts), "bus-dispatch")
    assert [c.longest_gap_ms.value for c in bus.cutovers] == [None]
    assert [c.failed.value for c in bus.cutovers] == [None]


def test_two_systems_that_claim_the_same_datum_are_reported(tmp_path: Path) -> None:
    story, inventory, verdicts, plan = example_story(tmp_path)
    entry = {"department": "market", "name": "企业登记信息", "source_of_truth": True, "sharing": "conditional", "form": "api"}
    story.journal.append_event("catalogue_registered", actor="os:zhou", system="credit-db", migration="credit-db-1", payload=entry)
    (conflict,) = again(story, plan, inventory, verdicts).catalogue.conflicts
    assert (conflict.name, conflict.systems.value) == ("企业登记信息", ("credit-db", "legal-entities"))
    assert len(conflict.systems.source.events) == 2


def test_two_systems_that_claim_the_same_datum_are_reported_before_either_has_moved(tmp_path: Path) -> None:
    story, inventory, verdicts, plan = example_story(tmp_path)
    claim = DataResource(name="公交 站点", source_of_truth=True)
    both = {"bus-dispatch": "公交站点", "credit-db": "公交 站点"}
    systems = tuple(
        s.model_copy(update={"data_resources": (*s.data_resources, claim.model_copy(update={"name": both[s.id]}))}) if s.id in both else s
        for s in inventory.systems
    )
    conflicts = again(story, plan, inventory.model_copy(update={"systems": systems}), verdicts).catalogue.conflicts
    (conflict,) = [one for one in conflicts if set(one.systems.value) == set(both)]
    assert set(conflict.systems.source.rows) == {"inventory:bus-dispatch", "inventory:credit-db"}


def test_a_changed_journal_is_shown_as_changed(tmp_path: Path) -> None:
    story, inventory, verdicts, plan = example_story(tmp_path)
    with sqlite3.connect(tmp_path / "journal.sqlite") as connection:
        connection.execute("UPDATE payloads SET payload = replace(payload, '92.3', '12.3') WHERE payload LIKE '%92.3%'")
    facts = again(story, plan, inventory, verdicts)
    assert not facts.audit.intact
    assert any("was changed" in b for b in facts.audit.breaks)


def test_without_plan_and_without_events_there_is_still_a_report(tmp_path: Path) -> None:
    journal = Journal(f"sqlite:///{tmp_path / 'journal.sqlite'}")
    facts = collect(
        journal=journal, decisions=Decisions(journal), notes=Notes(journal), inventory=example_inventory(), verdicts={}, programme=example_programme(), now=NOW,
        plan_problem="the targets are not reached",
    )  # fmt: skip
    assert facts.audit.events.value == 0
    assert facts.plan_problem == "the targets are not reached"
    assert {s.state.value.code for s in facts.systems} == {"not_planned"}
    assert facts.baseline.frozen_at.value is None


def test_the_facts_survive_json(facts: ReportFacts) -> None:
    assert ReportFacts.model_validate_json(facts.model_dump_json()) == facts
