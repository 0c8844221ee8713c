"""Policy as data: three-valued conditions, missing facts, marks, lint, diff, overrides, counting."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.main import main
from orchestrator.engine.purge import purge
from orchestrator.errors import Refused
from orchestrator.inventory.load import load
from orchestrator.journal.quick_trail import QuickTrail
from orchestrator.journal.store import Journal
from orchestrator.models import Database, Department, Inventory, Kind, Level, Service, Status, Strategy, System
from orchestrator.policy.assess import assess
from orchestrator.policy.counting import baseline, change, freeze, members_of, needed, progress, unexplained
from orchestrator.policy.explain import explain
from orchestrator.policy.expressions import BadCondition, compile_conditions
from orchestrator.policy.policy import load_policy
from orchestrator.policy.records import JournalAudit, Record, overrides, record_override, with_overrides, withdraw_override
from tests.support.one_system import FULL, verdict

ROOT = Path(__file__).parents[3]


@dataclass
class Trail:
    """An audit in memory."""

    records: list[tuple[str, Record]] = field(default_factory=list)

    def append(self, kind: str, system: str | None, payload: Any, actor: str) -> None:
        self.records.append((kind, Record("2017-06-30T00:00:00Z", actor, system, payload)))

    def read(self, kind: str) -> list[Record]:
        return [record for name, record in self.records if name == kind]

    def alone(self) -> AbstractContextManager[Trail]:
        return nullcontext(self)


# ---------------------------------------------------------------- conditions


@pytest.mark.parametrize(
    ("text", "facts", "holds"),
    [
        ("a == true || b > 1", {"b": 2.0}, True),
        ("a == true || b > 1", {"b": 0.0}, None),
        ("a == true && b > 1", {"b": 0.0}, False),
        ("a == true && b > 1", {}, None),
        ("size(c) > 0", {"c": []}, False),
        ("c.exists(x, x in ['oracle'])", {"c": ["oracle"]}, True),
        ('d.contains("集群")', {"d": "双机集群"}, True),
        ("b == 0", {"b": 0.0}, True),
        ("b < 1", {"b": 0.5}, True),
    ],
)
def test_a_missing_fact_leaves_a_condition_open_unless_it_does_not_matter(text: str, facts: dict[str, Any], holds: bool | None) -> None:
    assert compile_conditions([text], ["a", "b", "c", "d"])[text].holds(facts) is holds


@pytest.mark.parametrize(
    "text",
    [
        "['a'].all(x, ['b'].all(y, x != y))",
        "[1, 2].map(x, [3].filter(y, y > x)).exists(z, size(z) > 0)",
        'd.matches("(a+)+$")',
        'matches(d, "(a+)+$")',
        "c.exists(x, x in c.map(y, y))",
    ],
)
def test_a_condition_cannot_be_made_expensive(text: str) -> None:
    with pytest.raises(BadCondition):
        compile_conditions([text], ["a", "b", "c", "d"])


@pytest.mark.parametrize(
    "text", ["a ==", "nosuch == 1", "(" * 200 + "a" + ")" * 200, "a" * 2000, "__import__('os')", "a.__class__ == 1 &&"]
)
def test_a_condition_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadCondition):
        compile_conditions([text], ["a"])


def test_a_condition_whose_types_do_not_fit_is_refused_when_it_is_asked() -> None:
    with pytest.raises(BadCondition):
        compile_conditions(["a > 1"], ["a"])["a > 1"].holds({"a": "text"})


# ---------------------------------------------------------------- verdicts


def test_a_system_with_everything_in_order_goes_to_the_cloud_with_full_confidence() -> None:
    database = Database(name="x", engine="postgresql", host="h", wal_level="logical")
    found = verdict(dbms="PostgreSQL 15", databases=(database,), services=(Service(name="web", host="h", singleton=False),))
    assert (found.strategy, found.confidence, found.missing, found.would_change) == (Strategy.CLOUD_DEPLOYMENT, 100, (), ())
    assert [reason.rule for reason in found.reasons] == ["default"]


@pytest.mark.parametrize(
    ("changes", "strategy", "rule"),
    [
        ({"special_equipment": True}, Strategy.DEVICE_RELOCATION, "special-equipment"),
        ({"os": "AIX 7.1"}, Strategy.HOSTING, "os-without-image"),
        ({"os": "Windows Server 2003"}, Strategy.HOSTING, "os-without-image"),
        ({"processor": "SPARC T5"}, Strategy.HOSTING, "processor-not-on-cloud"),
        ({"installable": False, "supported": False}, Strategy.HOSTING, "no-package-no-support"),
        ({"shared_storage_cluster": True}, Strategy.HOSTING, "shared-storage-cluster"),
        ({"servers": 1, "vcpus": 128}, Strategy.HOSTING, "server-too-large"),
        ({"data_gb": 50_000, "kind": Kind.DATABASE}, Strategy.HOSTING, "database-too-large"),
        ({"data_gb": 50_000, "file_gb": 100}, Strategy.HOSTING, "database-too-large"),
        ({"protection_grade": 4}, Strategy.HOSTING, "grade-above-the-cloud"),
        ({"runs_at": "service", "os": "AIX"}, Strategy.ALREADY_ELSEWHERE, "runs-elsewhere"),
        ({"runs_at": "other_cloud", "special_equipment": True}, Strategy.ALREADY_ELSEWHERE, "runs-elsewhere"),
        ({"retiring": True, "os": "AIX"}, Strategy.RETIRE, "retires"),
        ({"special_equipment": True, "os": "AIX"}, Strategy.HOSTING, "os-without-image"),
    ],
)
def test_each_reason_against_the_cloud_is_named(changes: dict[str, Any], strategy: Strategy, rule: str) -> None:
    found = verdict(**changes)
    assert found.strategy is strategy
    assert rule in {reason.rule for reason in found.reasons}


@pytest.mark.parametrize("dbms", ["Oracle 11g", "SQL Server 2012", "达梦 DM8", "人大金仓 V8", "某自研数据库"])
def test_a_database_without_a_mover_keeps_its_strategy_and_is_marked(dbms: str) -> None:
    found = verdict(dbms=dbms)
    assert (found.strategy, found.vendor_run) == (Strategy.CLOUD_DEPLOYMENT, True)


@pytest.mark.parametrize("dbms", ["PostgreSQL 12", "postgresql/redis", "PostgreSQL 15、SQLite", "无"])
def test_a_database_with_a_mover_is_not_marked(dbms: str) -> None:
    assert not verdict(dbms=dbms).vendor_run


def test_marks_for_restart_and_for_no_source() -> None:
    database = Database(name="x", engine="postgresql", host="h", wal_level="replica")
    assert verdict(databases=(database,)).needs_restart
    assert not verdict(databases=(database.model_copy(update={"wal_level": "logical"}),)).needs_restart
    assert verdict(status=Status.UNDER_CONSTRUCTION).no_source
    assert "wal_level" in verdict(dbms="PostgreSQL 15").missing


def test_singleton_jobs_are_asked_for() -> None:
    assert "singletons-not-asked" in {r.rule for r in verdict(services=(Service(name="web", host="h"),)).reasons}
    assert "services" in verdict(services=()).missing


def test_a_system_being_built_is_not_asked_for_what_only_a_live_one_has() -> None:
    found = verdict(status=Status.UNDER_CONSTRUCTION, virtualised=None, room=None, services=())
    assert (found.missing, found.confidence) == ((), 100)
    assert {"virtualised", "room", "services"} <= set(verdict(virtualised=None, room=None, services=()).missing)


def test_what_would_change_the_verdict_was_tried() -> None:
    (one,) = verdict(os="AIX 7.1").would_change
    assert one.rule == "os-without-image"
    assert "部署上云" in one.zh
    assert "A supported operating system would make this cloud deployment" in one.en
    (both,) = verdict(os="AIX 7.1", processor="POWER8").would_change
    assert both.rule == "processor-not-on-cloud+os-without-image"
    assert {r.rule for r in verdict(os="AIX", special_equipment=True).would_change} == {"os-without-image"}


@pytest.mark.parametrize(
    "name",
    [
        "os",
        "processor",
        "installable",
        "supported",
        "dbms",
        "data_gb",
        "special_equipment",
        "shared_storage_cluster",
        "protection_grade",
        "network",
    ],
)
def test_a_missing_fact_is_named_lowers_confidence_and_never_helps(name: str) -> None:
    whole, part = verdict(), verdict(**{name: None}, **({"grade_answered": False} if name == "protection_grade" else {}))
    assert name in part.missing
    assert part.confidence < whole.confidence
    assert part.readiness < whole.readiness
    assert part.complexity_range is not None
    assert part.complexity_range[0] <= whole.complexity <= part.complexity_range[1]


# ---------------------------------------------------------------- words


def test_the_explanation_is_in_both_languages_and_rests_on_reasons() -> None:
    reading = load([ROOT / "inventories" / "demo"])
    verdicts = assess(reading.inventory, load_policy(None), reading.places)
    for system in reading.inventory.systems:
        department = next(d for d in reading.inventory.departments if d.id == system.department)
        zh, en = explain(system, department, verdicts[system.id], load_policy(None))
        for reason in verdicts[system.id].reasons:
            assert reason.zh in zh
            assert reason.en in en
            assert reason.place in zh
            rules = {rule.id: rule.effect for rule in load_policy(None).rules}
            points = rules[reason.rule].readiness if reason.rule in rules else 0
            assert not points or f"成熟度 {points:+d}".replace("-", "−") in zh
        assert not any(word in zh for word in ("under_construction", "installable=", "government_extranet"))
        assert "填报为" not in en
        for reason in verdicts[system.id].would_change:
            assert reason.zh in zh
            assert reason.en in en
        assert not system.phone or system.phone not in zh + en


# ---------------------------------------------------------------- overrides, baseline


def test_an_override_stands_beside_what_policy_said_until_it_is_withdrawn() -> None:
    trail, said = Trail(), verdict()
    record_override(trail, said, Strategy.HOSTING, reason="省厅统一要求", actor="os:zhang", on_behalf_of="李局长")
    over = with_overrides({"full": said}, overrides(trail))["full"]
    assert (over.strategy, over.policy_strategy, over.overridden_by) == (
        Strategy.HOSTING,
        Strategy.CLOUD_DEPLOYMENT,
        "os:zhang（代 李局长）",
    )
    assert "省厅统一要求" in over.reasons[0].zh
    withdraw_override(trail, "full", reason="撤回", actor="os:zhang")
    assert overrides(trail) == {}
    with pytest.raises(Refused):
        withdraw_override(trail, "full", reason="again", actor="os:zhang")
    with pytest.raises(Refused):
        record_override(trail, said, Strategy.CLOUD_DEPLOYMENT, reason="same", actor="os:zhang")
    for bad in ("", "  ", "\x1b[31m", "x" * 600):
        with pytest.raises(Refused):
            record_override(trail, said, Strategy.HOSTING, reason=bad, actor="os:zhang")


def test_an_override_that_policy_came_to_agree_with_is_no_difference() -> None:
    trail, said = Trail(), verdict()
    record_override(trail, said, Strategy.HOSTING, reason="省厅统一要求", actor="os:zhang")
    now = with_overrides({"full": verdict(os="AIX")}, overrides(trail))["full"]
    assert (now.strategy, now.policy_strategy, now.overridden_by) == (Strategy.HOSTING, None, None)
    assert "省厅统一要求（策略现结论与之一致）" in now.reasons[0].zh
    assert all("省厅统一要求" in text for text in explain(System.model_validate(FULL), None, now, load_policy(None)))


def test_the_quick_trail_reads_what_the_journal_wrote(tmp_path: Path) -> None:
    journal = Journal(f"sqlite:///{tmp_path / 'journal.sqlite'}")
    audit = JournalAudit(journal)
    record_override(audit, verdict(), Strategy.HOSTING, reason="理由", actor="os:zhang")
    quick = QuickTrail(tmp_path / "journal.sqlite")
    assert quick.read("policy-override") == audit.read("policy-override")
    assert overrides(quick)["full"].strategy is Strategy.HOSTING
    journal.save_plan("d" * 64, "{}", actor="os:zhang")
    assert quick.plan("d" * 64) == audit.plan("d" * 64) == "{}"
    assert quick.plan("e" * 64) is audit.plan("e" * 64) is None
    purge(journal, "full", words=(), actor="os:zhang", reason="涉密")
    assert overrides(quick) == overrides(audit) == {}


def test_the_command_records_the_account_and_shows_the_override(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ORCHESTRATOR_INVENTORY", str(ROOT / "inventories" / "demo"))
    for name in ("USER", "LOGNAME", "USERNAME"):
        monkeypatch.setenv(name, "mallory")
    assert main(["override", "weather-bulletin", "--strategy", "hosting", "--reason", "省局要求"]) == 0
    assert main(["assess"]) == 0
    printed = capsys.readouterr().out
    assert "mallory" not in printed
    assert "改定，原为部署上云" in printed
    assert main(["plan", "--effort", "0"]) == 0
    assert "改定，策略原为部署上云" in capsys.readouterr().out
    assert main(["override", "no-such", "--strategy", "hosting", "--reason", "x"]) == 2


@pytest.mark.parametrize(
    ("systems", "percent", "count"),
    [(7, 80, 6), (5, 80, 4), (10, 80, 8), (0, 80, 0), (1, 0.1, 1), (3, 33.3, 1), (1000, 28.7, 287), (7, 100, 7)],
)
def test_a_percentage_never_means_fewer_than_it_says(systems: int, percent: float, count: int) -> None:
    assert needed(systems, percent) == count


def counted(*entries: tuple[str, str, Kind]) -> Inventory:
    departments = (
        Department(id="d-1", name="甲局"),
        Department(id="d-2", name="乙局"),
        Department(id="d-3", name="丙县局", level=Level.COUNTY),
    )
    systems = [System(id=ident, name=ident, department=department, kind=kind, status=Status.IN_USE) for ident, department, kind in entries]
    return Inventory(departments=departments, systems=tuple(systems))


def test_all_three_readings_of_the_percentage_are_given() -> None:
    inventory = counted(
        *((f"a{n}", "d-1", Kind.APPLICATION) for n in range(5)),
        ("b1", "d-2", Kind.DATABASE),
        ("b2", "d-2", Kind.DATABASE),
        ("c1", "d-3", Kind.DATABASE),
    )
    together, by_kind, by_department = progress(members_of(inventory), {"a0", "a1", "a2", "a3", "a4", "b1"}, 80, levels=[Level.MUNICIPAL])
    assert [(c.group, c.in_scope, c.needed, c.accepted) for c in together.counts] == [("all", 7, 6, 6)]
    assert together.met
    assert [(c.group, c.needed, c.accepted) for c in by_kind.counts] == [("application", 4, 5), ("database", 2, 1)]
    assert not by_kind.met
    assert [(c.group, c.needed, c.accepted) for c in by_department.counts] == [("d-1", 4, 5), ("d-2", 2, 1)]


def test_the_baseline_is_frozen_once_and_every_change_has_who_and_why() -> None:
    trail = Trail()
    first = counted(("a1", "d-1", Kind.APPLICATION), ("a2", "d-1", Kind.APPLICATION))
    freeze(trail, first, reason="文件", actor="os:zhang")
    with pytest.raises(Refused):
        freeze(trail, first, reason="again", actor="os:zhang")
    later = counted(("a1", "d-1", Kind.APPLICATION), ("a3", "d-2", Kind.DATABASE))
    frozen = baseline(trail)
    assert frozen is not None
    assert [(f.code, f.system) for f in unexplained(frozen.members, later)] == [("baseline-added", "a3"), ("baseline-gone", "a2")]
    change(trail, later, "a3", "added", reason="新建", actor="os:li")
    change(trail, later, "a2", "retired", reason="停用", actor="os:li")
    for wrong in (("a3", "added"), ("a2", "retired"), ("zz", "added")):
        with pytest.raises(Refused):
            change(trail, later, wrong[0], wrong[1], reason="x", actor="os:li")  # type: ignore[arg-type]
    now = baseline(trail)
    assert now is not None
    assert [member.id for member in now.members] == ["a1", "a3"]
    assert [(c.actor, c.system, c.what, c.reason) for c in now.changes] == [
        ("os:li", "a3", "added", "新建"),
        ("os:li", "a2", "retired", "停用"),
    ]
    assert unexplained(now.members, later, now.changes) == []
    assert [(f.code, f.system) for f in unexplained(now.members, first, now.changes)] == [("baseline-left", "a2"), ("baseline-gone", "a3")]
