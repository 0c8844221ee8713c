"""The frozen denominator (R7): frozen once whoever else tries, every difference named, days by the city's clock, reasons in one plain line."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from orchestrator.cli.main import main
from orchestrator.errors import Refused
from orchestrator.inventory.load import load
from orchestrator.journal.store import Journal
from orchestrator.models import Inventory, Kind, Level, Strategy, Verdict
from orchestrator.planning.programme import load_programme, with_baseline
from orchestrator.policy.counting import Baseline, BaselineChange, Member, baseline, change, freeze, members_of, unexplained
from orchestrator.policy.records import Audit, JournalAudit, Override, day, record_override, with_overrides, withdraw_override

DEMO = Path(__file__).parents[3] / "inventories" / "demo"
LATE = "2017-06-30T17:30:00.000+00:00"
"""Half past one the next morning in the city."""


@pytest.fixture
def inventory() -> Inventory:
    return load([DEMO]).inventory


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(f"sqlite:///{tmp_path / 'journal.sqlite'}")


def at_once(journal: Journal, act: Callable[[Audit, int], object], people: int = 6) -> list[str]:
    """What each of several people gets who act at the same moment, each with a connection of their own."""
    together, said = threading.Barrier(people), []

    def one(number: int) -> None:
        audit = JournalAudit(Journal(journal.url))
        together.wait()
        try:
            act(audit, number)
            said.append("done")
        except Refused as refused:
            said.append(refused.what)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(people)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(said)


def test_of_several_who_freeze_at_once_one_does(journal: Journal, inventory: Inventory) -> None:
    said = at_once(journal, lambda audit, number: freeze(audit, inventory, reason=f"文件 {number}", actor=f"os:{number}"))
    assert said == ["done", *["基线已经冻结"] * 5]
    assert len(journal.events(kind="baseline-frozen")) == 1
    assert journal.verify() == []


def test_of_several_who_record_the_same_change_at_once_one_does(journal: Journal, inventory: Inventory) -> None:
    freeze(JournalAudit(journal), inventory, reason="文件", actor="os:lin")
    said = at_once(
        journal, lambda audit, number: change(audit, inventory, "digital-archives", "retired", reason="停用", actor=f"os:{number}")
    )
    assert said == ["digital-archives 不在基线中"] * 5 + ["done"]
    assert len(journal.events(kind="baseline-change")) == 1


def test_of_several_who_withdraw_an_override_at_once_one_does(journal: Journal) -> None:
    said = Verdict(system="digital-archives", strategy=Strategy.CLOUD_DEPLOYMENT, readiness=1, complexity=1)
    record_override(JournalAudit(journal), said, Strategy.HOSTING, reason="省厅要求", actor="os:lin")
    got = at_once(journal, lambda audit, number: withdraw_override(audit, "digital-archives", reason="撤回", actor=f"os:{number}"))
    assert got.count("done") == 1


def moved(inventory: Inventory) -> Inventory:
    """The hall became a database, and its county's department a municipal one."""
    (hall,) = [one for one in inventory.systems if one.id == "county-service-hall"]
    departments = [one.model_copy(update={"level": Level.MUNICIPAL}) if one.id == hall.department else one for one in inventory.departments]
    systems = [one.model_copy(update={"kind": Kind.DATABASE}) if one is hall else one for one in inventory.systems]
    return inventory.model_copy(update={"departments": tuple(departments), "systems": tuple(systems)})


def test_a_system_that_is_counted_otherwise_is_named_until_it_is_recorded(journal: Journal, inventory: Inventory) -> None:
    audit, now = JournalAudit(journal), moved(inventory)
    frozen = freeze(audit, inventory, reason="文件", actor="os:lin")
    assert unexplained(frozen.members, inventory) == []
    (found,) = unexplained(frozen.members, now)
    assert (found.code, found.system) == ("baseline-moved", "county-service-hall")
    assert "层级 county → municipal；类别 application → database" in found.message
    assert "baseline change county-service-hall --what moved" in found.remedy
    with pytest.raises(Refused, match="已与台账一致"):
        change(audit, inventory, "county-service-hall", "moved", reason="区划调整", actor="os:wang")
    change(audit, now, "county-service-hall", "moved", reason="区划调整", actor="os:wang")
    held = baseline(audit)
    assert held is not None
    assert held.members == tuple(sorted(members_of(now), key=lambda member: member.id))
    assert [(one.actor, one.what, one.reason) for one in held.changes] == [("os:wang", "moved", "区划调整")]
    assert unexplained(held.members, now, held.changes) == []
    for system in ("digital-archives", "no-such-system"):
        with pytest.raises(Refused):
            change(audit, now, system, "moved", reason="x", actor="os:wang")


@pytest.mark.parametrize("bad", ["", " \n ", "\x1b[31m红", "a\u202eb", "x" * 501])
def test_a_reason_is_one_plain_line(journal: Journal, inventory: Inventory, bad: str) -> None:
    audit = JournalAudit(journal)
    with pytest.raises(Refused):
        freeze(audit, inventory, reason=bad, actor="os:lin")
    frozen = freeze(audit, inventory, reason="第一行\n  2017-06-30 os:li retired digital-archives: 停用", actor="os:lin")
    assert frozen.reason == "第一行 2017-06-30 os:li retired digital-archives: 停用"
    with pytest.raises(Refused):
        change(audit, inventory, "digital-archives", "retired", reason=bad, actor="os:lin")
    assert len(journal.events()) == 1


def test_days_are_those_of_the_citys_clock() -> None:
    urumqi = ZoneInfo("Asia/Urumqi")  # two hours behind: still the day before
    assert (day(LATE), day(LATE, urumqi), day("2017-06-30T17:30:00Z", ZoneInfo("UTC"))) == ("2017-07-01", "2017-06-30", "2017-06-30")
    said = Verdict(system="full", strategy=Strategy.CLOUD_DEPLOYMENT, readiness=1, complexity=1)
    chosen = {"full": Override("full", Strategy.HOSTING, "理由", "os:lin", "", LATE)}
    assert "2017-07-01" in with_overrides({"full": said}, chosen)["full"].reasons[0].zh
    assert "2017-06-30" in with_overrides({"full": said}, chosen, urumqi)["full"].reasons[0].en
    left = (BaselineChange(LATE, "os:lin", "digital-archives", "retired", "停用"),)
    (found,) = [one for one in unexplained((), load([DEMO]).inventory, left) if one.system == "digital-archives"]
    assert "2017-07-01" in found.message
    programme = load_programme(DEMO / "program.yaml")
    frozen = with_baseline(
        programme, Baseline(LATE, "os:lin", "文件", (), (), (Member("a1", "d-1", Level.COUNTY, Kind.DATABASE),))
    ).baseline
    assert frozen is not None
    assert frozen.day.isoformat() == "2017-07-01"


def test_the_commands_show_the_day_of_the_programmes_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(DEMO, tmp_path / "inventory")
    monkeypatch.setattr("orchestrator.journal.store.now", lambda: LATE)
    assert main(["baseline", "freeze", "--reason", "文件"]) == 0
    assert main(["baseline", "change", "digital-archives", "--what", "retired", "--reason", "停用"]) == 0
    assert main(["override", "weather-bulletin", "--strategy", "hosting", "--reason", "省局要求"]) == 0
    programme = tmp_path / "inventory" / "program.yaml"
    for zone, shown in (("Asia/Shanghai", "2017-07-01"), ("Asia/Urumqi", "2017-06-30"), ("Mars/Base", "2017-07-01")):
        programme.write_text((DEMO / "program.yaml").read_text("utf-8") + f"\ntimezone: {zone}\n", "utf-8")
        capsys.readouterr()
        assert main(["baseline", "show"]) == 0
        assert main(["explain", "weather-bulletin"]) == 0
        printed = capsys.readouterr().out
        assert printed.count(shown) == 4, printed
        assert ("2017-06-30" if shown == "2017-07-01" else "2017-07-01") not in printed
