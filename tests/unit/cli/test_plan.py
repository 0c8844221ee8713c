"""``plan``, ``plan show``, ``plan approve``, and what ``migrate`` makes of an approved plan."""

from __future__ import annotations

import datetime as dt
import importlib
import json
import pwd
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from orchestrator.cli.main import main
from orchestrator.engine.session import Session
from orchestrator.errors import Refused
from orchestrator.journal.actors import Actor
from orchestrator.models import Plan
from orchestrator.planning.plan import plan_digest, read_plan

DEMO = Path(__file__).parents[3] / "inventories" / "demo"
LIN, ZHOU = Actor("os", "lin"), Actor("os", "zhou")
PORTAL, REGISTER, WEATHER = "citizen-portal", "property-register", "weather-bulletin"
plan_command = importlib.import_module("orchestrator.cli.plan")


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the demo's inventory that the commands are configured for; the account is lin's."""
    folder = tmp_path / "inventory"
    shutil.copytree(DEMO, folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ORCHESTRATOR_INVENTORY", str(folder))
    as_account(monkeypatch, LIN)
    return folder


def as_account(monkeypatch: pytest.MonkeyPatch, actor: Actor) -> None:
    """The commands run as another account of this machine."""
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: SimpleNamespace(pw_name=actor.name))  # noqa: ARG005 - the library's signature


def digest_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main(["plan", *arguments, "--json"]) == 0
    return str(json.loads(capsys.readouterr().out)["digest"])


def approved(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    digest = digest_of(capsys)
    as_account(monkeypatch, ZHOU)
    assert main(["plan", "approve", digest[:12], "--reason", "minutes of 3 November"]) == 0
    return digest


def rewrite(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")


@pytest.mark.usefixtures("inventory")
def test_a_plan_is_kept_and_another_account_approves_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    digest = digest_of(capsys)
    assert main(["plan", "approve", digest[:12]]) == 3
    assert "os:lin made plan" in capsys.readouterr().err
    assert main(["plan", "approve", "0123456789"]) == 3
    as_account(monkeypatch, ZHOU)
    assert main(["plan", "approve", digest[:12], "--reason", "minutes of 3 November"]) == 0
    capsys.readouterr()
    assert main(["plan", "show"]) == 0
    told = capsys.readouterr().out
    assert digest in told
    assert "os:lin" in told
    assert "os:zhou" in told
    assert "minutes of 3 November in force" in told
    assert digest_of(capsys) == digest


@pytest.mark.usefixtures("inventory")
def test_a_wave_or_phase_needs_an_approved_plan_and_a_single_system_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "--phase", "phase-1"]) == 3
    assert "plan approve" in capsys.readouterr().err
    session = Session.open()
    assert session.journal.migration(session.start(WEATHER)).plan_digest == session.plan.digest


def test_a_migration_runs_under_the_approved_plan(
    inventory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = approved(monkeypatch, capsys)
    session = Session.open()
    assert session.journal.migration(session.start(WEATHER)).plan_digest == digest
    rewrite(inventory / "meteorology.yaml", "contact: 冯工", "contact: 陈工")  # nothing that planning reads
    assert session.journal.migration(Session.open().start(PORTAL)).plan_digest == digest


@pytest.mark.parametrize(
    ("file", "old", "new", "told", "value"),
    [
        ("administrative-service.yaml", "data_gb:", "data_gb: 999 #", "data_gb", "→ 999"),
        ("program.yaml", "starts:", "trial_run_days: 77\nstarts:", "program.yaml: trial_run_days", "14.0 → 77"),
    ],
)
def test_what_has_changed_since_the_approval_is_refused_field_by_field(
    inventory: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    file: str,
    old: str,
    new: str,
    told: str,
    value: str,
) -> None:
    approved(monkeypatch, capsys)
    rewrite(inventory / file, old, new)
    with pytest.raises(Refused) as refused:
        Session.open().start(PORTAL)
    messages = [finding.message for finding in refused.value.findings]
    assert any(told in message and value in message for message in messages), messages
    assert all("--replan" in finding.remedy for finding in refused.value.findings)
    assert Session.open().journal.migrations() == []


def test_a_changed_verdict_or_a_system_that_is_not_in_the_plan_is_refused(
    inventory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    approved(monkeypatch, capsys)
    assert main(["override", PORTAL, "--strategy", "hosting", "--reason", "the supplier is gone"]) == 0
    with pytest.raises(Refused) as refused:
        Session.open().start(PORTAL)
    assert 'strategy "cloud_deployment" → "hosting"' in refused.value.findings[0].message
    rewrite(inventory / "meteorology.yaml", "weather-bulletin", "weather-bulletins")
    with pytest.raises(Refused) as unknown:
        Session.open().start("weather-bulletins")
    assert "not-planned" in {finding.code for finding in unknown.value.findings}


def test_a_plan_that_misses_its_target_is_shown_kept_and_approved_only_with_a_reason(
    inventory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rewrite(inventory / "program.yaml", "due: 2026-12-27", "due: 2026-01-05")
    assert main(["plan", "--out", str(tmp_path / "best.json")]) == 3
    printed = capsys.readouterr()
    assert "target-missed" in printed.err
    assert "digest: " in printed.out
    digest = json.loads((tmp_path / "best.json").read_text("utf-8"))["digest"]
    as_account(monkeypatch, ZHOU)
    assert main(["plan", "approve", digest[:12]]) == 2
    assert "misses its targets" in capsys.readouterr().err
    assert main(["plan", "approve", digest[:12], "--reason", "the best there is"]) == 0


def test_one_department_that_is_short_needs_a_reason_to_approve_and_shows_no_slack(
    inventory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    closed = "{name: 封网, starts: 2026-01-01, ends: 2030-01-01, departments: [meteorology]}"
    rewrite(inventory / "program.yaml", "counting: all_together", f"blackouts: [{closed}]\ncounting: per_department")
    assert main(["plan", "--json", "--out", str(tmp_path / "best.json")]) == 3
    told = json.loads(capsys.readouterr().out)
    assert [(one["slack"], one["short"]) for one in told["phases"]] == [(-1, 1), (-1, 1)]
    (tmp_path / "told.json").write_text(json.dumps(told), "utf-8")
    assert read_plan((tmp_path / "told.json").read_text("utf-8")).digest == told["digest"]
    as_account(monkeypatch, ZHOU)
    assert main(["plan", "approve", told["digest"][:12]]) == 2
    assert "phase-1 6/7, 1 short" in capsys.readouterr().err
    assert main(["plan", "what-if", "--wave", "1"]) == 0
    assert "6 / not met, 1 short" in capsys.readouterr().out


@pytest.mark.usefixtures("inventory")
def test_the_frozen_baseline_is_what_targets_are_of(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan"]) == 0
    assert "no baseline is frozen" in capsys.readouterr().out
    assert main(["baseline", "freeze", "--reason", "document 12"]) == 0
    assert main(["plan"]) == 0
    assert "the baseline frozen on" in capsys.readouterr().out


def test_json_is_one_document_with_slack_also_when_a_target_is_missed(
    inventory: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    capsys.readouterr()
    assert main(["plan", "--json"]) == 0
    met = json.loads(capsys.readouterr().out)
    assert [one["slack"] for one in met["phases"]] == [one["planned"] - one["needed"] for one in met["phases"]]
    rewrite(inventory / "program.yaml", "due: 2026-12-27", "due: 2026-01-05")
    assert main(["plan", "--json", "--out", str(tmp_path / "best.json")]) == 3
    printed = capsys.readouterr()
    missed = json.loads(printed.out)
    assert missed["error"] == "the targets are not reached"
    assert "target-missed" in {one["code"] for one in missed["findings"]}
    assert missed["phases"][0]["slack"] < 0
    assert missed["entries"]
    assert missed["waves"]
    assert "target-missed" in printed.err
    best = Plan.model_validate_json((tmp_path / "best.json").read_text("utf-8"))
    assert best.digest == missed["digest"] == plan_digest(best)


def test_a_former_plan_is_read_from_either_output_and_not_when_somebody_changed_it(
    inventory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, printed = tmp_path / "out.json", tmp_path / "printed.json"
    digest = digest_of(capsys, "--out", str(out))
    assert main(["plan", "--json"]) == 0
    printed.write_text(capsys.readouterr().out, "utf-8")
    assert main(["baseline", "freeze", "--reason", "office order 7"]) == 0
    rewrite(inventory / "program.yaml", "percent: 80", "percent: 100")  # phase 1 is missed or met: either way the output is a plan
    for file in (out, printed):
        capsys.readouterr()
        main(["plan", "--replan", "--as-of", "2026-01-12", "--former", str(file), "--json"])
        assert json.loads(capsys.readouterr().out)["replaces"] == digest
    rewrite(out, f'"{PORTAL}"', '"another-system"')
    assert main(["plan", "--replan", "--former", str(out)]) == 2
    assert "changed after it was made" in capsys.readouterr().err
    out.write_text("[]", "utf-8")
    assert main(["plan", "--replan", "--former", str(out)]) == 2
    assert "not a plan" in capsys.readouterr().err


def test_what_is_needed_does_not_stop_being_needed_by_leaving_the_count(
    inventory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    approved(monkeypatch, capsys)
    with pytest.raises(Refused, match="cannot move yet"):
        Session.open().start(REGISTER)
    rewrite(inventory / "administrative-service.yaml", "status: in_use", "status: retired")
    with pytest.raises(Refused) as refused:
        Session.open().start(REGISTER)
    assert any(PORTAL in finding.message for finding in refused.value.findings)
    assert Session.open().journal.migrations() == []


@pytest.mark.parametrize("option", [("--as-of", "2026-03-02"), ("--former", "plan.json")])
@pytest.mark.usefixtures("inventory")
def test_what_belongs_to_a_replan_is_refused_without_it(option: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--out", "plan.json"]) == 0
    assert main(["plan", *option]) == 2
    assert "--replan" in capsys.readouterr().err


def test_what_if_speaks_of_the_plan_in_force_and_of_today(
    inventory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = approved(monkeypatch, capsys)
    monkeypatch.setattr(plan_command, "_today", lambda _: dt.date(2026, 2, 2))
    capsys.readouterr()
    assert main(["plan", "what-if", "--wave", "+1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["plan_in_force"], told["as_of"]) == (digest, "2026-02-02")
    assert inventory.is_dir()
    assert all(one["reached_on"] > "2026-02-02" for one in told["before"]["phases"])


def test_what_if_under_way_forgets_no_preparation_that_has_begun(
    inventory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rewrite(inventory / "program.yaml", "starts: 2026-01-05", "work: {cloud_deployment: {weeks: 9}}\nstarts: 2026-01-05")
    approved(monkeypatch, capsys)
    plan = Session.open().approved
    assert plan is not None
    first = next(one for one in plan.entries if one.system == PORTAL)
    assert first.preparation_starts is not None
    halfway = first.preparation_starts + dt.timedelta(weeks=4)
    monkeypatch.setattr(plan_command, "_today", lambda _: halfway)
    capsys.readouterr()
    assert main(["plan", "what-if", "--wave", "+1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["planned"] for one in told["before"]["phases"]] == [one.planned for one in plan.phases]
    assert (told["before"]["findings"], told["moved"]) == ([], [])


@pytest.mark.usefixtures("inventory")
def test_a_window_is_over_for_those_only_that_have_not_begun() -> None:
    session = Session.open()
    late = max(entry.window_end for entry in session.plan.entries) + dt.timedelta(days=2)
    early = min(entry.window_start for entry in session.plan.entries) - dt.timedelta(days=2)
    zone = dt.timezone(dt.timedelta(hours=8))
    over = [plan_command._windows_over(session.plan, session, at.replace(tzinfo=zone)) for at in (early, late)]
    assert over == [0, len(session.plan.entries)]
    session.start(WEATHER)
    assert plan_command._windows_over(session.plan, session, late.replace(tzinfo=zone)) == over[1] - 1
