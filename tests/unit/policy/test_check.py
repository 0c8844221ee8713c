"""`policy check`: what never speaks, contradicts, or would cripple `assess` is found; what is reachable is never called unreachable."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import Refused
from orchestrator.models import Department, Inventory, System
from orchestrator.policy.assess import assess
from orchestrator.policy.lint import check_policy
from orchestrator.policy.policy import load_policy
from tests.support.one_system import FULL
from tests.support.policies import changed_policy, rule


def found(tmp_path: Path, change: Any) -> list[tuple[str, str, str]]:
    return [(finding.code, finding.severity, finding.cell) for finding in check_policy(load_policy(changed_policy(tmp_path, change)))]


def test_every_rule_of_the_shipped_policy_can_speak_and_none_contradicts_another() -> None:
    assert check_policy(load_policy(None)) == []


@pytest.mark.parametrize(
    ("new", "code"),
    [
        (rule(when="data_gb > 10 && data_gb < 5"), "unreachable"),
        (rule(when='status == "retired"'), "unreachable"),
        (rule(when="special_equipment == true && os_family == \"aix\" && cloud_os == true", effect={"complexity": 1}), None),
        (rule(when="data_gb"), "bad-condition"),
        (rule(zh=""), "no-reason"),
        (rule(source=""), "no-reason"),
        (rule(effect={}), "no-effect"),
        (rule(when="shared_storage_cluster == true", effect={"strategy": "device_relocation"}), "shadowed"),
        (rule(when="!(shared_storage_cluster == false)", effect={"strategy": "device_relocation"}), "contradiction"),
        (rule(when="special_equipment == true", effect={"strategy": "hosting"}, mend={"installable": True}, mend_zh="x", mend_en="x"), "bad-mend"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_policy_is_found(new: dict[str, Any], code: str | None, tmp_path: Path) -> None:
    findings = check_policy(load_policy(changed_policy(tmp_path, lambda d: d["rules"].append(new))))
    assert (code in {finding.code for finding in findings}) if code else not findings


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["rules"].append(rule(when="nosuch == 1")),
        lambda d: d["rules"].append(rule(when="supported ==")),
        lambda d: d["rules"].append(rule(id="os-without-image")),
        lambda d: d["rules"].append(rule(effect={"strategy": "burn"})),
        lambda d: d.update(surprise=1),
        lambda d: d.pop("rules"),
    ],
)
def test_a_policy_that_does_not_fit_is_refused_with_its_place(change: Any, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        load_policy(changed_policy(tmp_path, change))
    assert all(finding.file == "policy.yaml" and finding.cell for finding in refused.value.findings)


def test_a_condition_that_cannot_be_evaluated_is_refused_and_found_by_the_check(tmp_path: Path) -> None:
    policy = load_policy(changed_policy(tmp_path, lambda d: d["rules"].append(rule(when="data_gb == 1.5"))))
    system = System.model_validate(FULL)
    with pytest.raises(Refused, match="data_gb"):
        assess(Inventory(departments=(Department(id="d-1", name="市局"),), systems=(system,)), policy)
    assert [(f.code, f.severity, f.cell) for f in check_policy(policy)] == [("bad-condition", "error", "rules.new")]


@pytest.mark.parametrize(
    "when",
    [
        "size(engines) > 1",
        "size(engines) > 7",
        '"oracle" in engines && "mysql" in engines',
        '"oracle" in engines && "mysql" in engines && "tidb" in engines',
        "data_gb > 0 && data_gb < 1",
        "servers > 2 && servers < 4",
        "servers == 0x10",
        "server_vcpus > 2 && server_vcpus < 3",
        'architecture.contains("小型机")',
        'architecture.contains("小型机") && architecture.contains("双机")',
        'architecture.startsWith("小型机") && architecture.endsWith("双机")',
        'service_hours.contains("夜间")',
        'room == ""',
        'string(servers) == "3"',
        "!(supported == true) && protection_grade in [4, 5]",
        'engines.exists(x, x.startsWith("ora"))',
        "data_gb > limit_database_gb && data_gb < limit_database_gb + 100000",
        "virtualised ? supported : installable",
        "servers > 1 || data_gb > 1 || server_vcpus > 1 || max_interruption_minutes < 1 || server_memory_gb > 1 || dependencies > 1",
    ],
)
def test_a_condition_that_can_hold_is_never_called_unreachable(when: str, tmp_path: Path) -> None:
    assert found(tmp_path, lambda d: d["rules"].append(rule(when=when))) == []


@pytest.mark.parametrize(
    "when",
    [
        "data_gb > 10 && data_gb < 5",
        "servers > 2 && servers < 3",
        'status == "retired"',
        'wal_level == "minimal" && wal_level == "logical"',
        "data_gb < 0",
        "protection_grade > 5",
        "supported == true && !supported",
        'architecture.contains("x") && !architecture.contains("x")',
        'network.contains("nowhere")',
        'os_family == "other"',
    ],
)
def test_a_condition_that_is_proved_never_to_hold_is_an_error(when: str, tmp_path: Path) -> None:
    assert found(tmp_path, lambda d: d["rules"].append(rule(when=when))) == [("unreachable", "error", "rules.new")]


@pytest.mark.parametrize(
    "when",
    [
        "size(architecture) > 40",
        'architecture.contains("ab") && architecture.endsWith("ba") && size(architecture) == 3',
    ],
)
def test_what_was_neither_found_nor_excluded_is_said_to_be_not_proved(when: str, tmp_path: Path) -> None:
    assert found(tmp_path, lambda d: d["rules"].append(rule(when=when))) == [("not-proved", "warning", "rules.new")]


def test_a_rule_whose_facts_are_free_is_not_said_to_be_outweighed_on_a_guess(tmp_path: Path) -> None:
    weaker = rule(when='room.contains("旧")', effect={"strategy": "device_relocation"})
    stronger = rule(id="other", when='room.contains("机")', effect={"strategy": "hosting"})
    assert found(tmp_path, lambda d: d["rules"].extend([weaker, stronger])) == []
    same = rule(id="other", when='room.contains("旧")', effect={"strategy": "hosting"})
    assert {code for code, _, _ in found(tmp_path, lambda d: d["rules"].extend([weaker, same]))} == {"shadowed", "contradiction"}


def many(count: int) -> list[dict[str, Any]]:
    strategies = ("hosting", "device_relocation", "cloud_deployment")
    return [
        rule(
            id=f"many-{at}",
            when=f"servers > {at} && data_gb > {7 * at} && server_vcpus > {at + 3} && max_interruption_minutes < {90 - at}",
            effect={"strategy": strategies[at % 3]},
        )
        for at in range(count)
    ]


@pytest.mark.parametrize("count", [12, 80])
def test_a_check_takes_seconds_however_many_rules_there_are(count: int, tmp_path: Path) -> None:
    policy = load_policy(changed_policy(tmp_path, lambda d: d["rules"].extend(many(count))))
    started = time.monotonic()
    codes = {finding.code for finding in check_policy(policy)}
    assert time.monotonic() - started < 15  # seconds; two or three by itself
    assert codes - {"shadowed"} <= ({"not-looked-at"} if count > 12 else set())


def test_what_was_left_for_want_of_budget_is_named(tmp_path: Path) -> None:
    wide = [
        rule(
            id=f"wide-{at}", when=" && ".join(f'architecture.contains("{word}x{at}")' for word in range(20)), effect={"strategy": "hosting"}
        )
        for at in range(40)
    ]
    findings = check_policy(load_policy(changed_policy(tmp_path, lambda d: d["rules"].extend(wide))))
    (left,) = (finding for finding in findings if "未验证" in finding.message)
    assert (left.code, left.severity) == ("not-looked-at", "warning")
    assert "wide-39" in left.message


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda d: d["facts"]["room"].update(asked_if="servers"), ("bad-condition", "error", "facts.room")),
        (lambda d: d["facts"]["room"].update(asked_if='status == "retired"'), ("unreachable", "error", "facts.room")),
        (lambda d: d["rules"].append(rule(facts_only_if="servers")), ("bad-condition", "error", "rules.new")),
        (lambda d: d["rules"].append(rule(mend={"servers": "few"}, mend_zh="x", mend_en="x")), ("bad-mend", "error", "rules.new")),
        (lambda d: d["rules"].append(rule(mend={"virtualised": "yes"}, mend_zh="x", mend_en="x")), ("bad-mend", "error", "rules.new")),
        (lambda d: d["rules"].append(rule(mend={"servers": True}, mend_zh="x", mend_en="x")), ("bad-mend", "error", "rules.new")),
        (lambda d: d["rules"].append(rule(mend={"engines": "mysql"}, mend_zh="x", mend_en="x")), ("bad-mend", "error", "rules.new")),
        (lambda d: d["rules"].append(rule(mend={"os_family": "linus"}, mend_zh="x", mend_en="x")), ("bad-mend", "error", "rules.new")),
        (lambda d: d["rules"].append(rule(mend={"nosuch": True}, mend_zh="x", mend_en="x")), ("bad-mend", "error", "rules.new")),
        (lambda d: d.update(precedence=["cloud_deployment"]), ("not-in-precedence", "error", "precedence")),
        (lambda d: d.update(precedence=[]), ("not-in-precedence", "error", "precedence")),
        (lambda d: d["cloud_os"].append("linus"), ("unknown-word", "error", "cloud_os")),
        (lambda d: d["movers"].append("postgres"), ("unknown-word", "error", "movers")),
        (lambda d: d["facts"].update(moon={"type": "bool", "zh": "月", "en": "moon"}), ("unknown-fact", "error", "facts.moon")),
        (
            lambda d: d["facts"].update(limit_moon={"type": "number", "zh": "月", "en": "moon"}),
            ("unknown-fact", "error", "facts.limit_moon"),
        ),
        (lambda d: d["facts"]["room"].update(type="number"), ("fact-type", "error", "facts.room")),
        (lambda d: d["facts"]["os_family"].update(of="operating_system"), ("unknown-field", "error", "facts.os_family")),
        *((lambda d, name=name: d["default"].update({name: ""}), ("no-reason", "error", "default")) for name in ("zh", "en", "source")),
    ],
)
def test_what_would_make_assess_refuse_or_fall_silent_is_found(change: Any, expected: tuple[str, str, str], tmp_path: Path) -> None:
    assert set(found(tmp_path, change)) == {expected}
