"""The example city half way through its first phase, as a journal and as the facts of its report."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

from orchestrator.errors import Finding
from orchestrator.inventory.load import inventory_digest
from orchestrator.journal.notes import Notes
from orchestrator.journal.states import Ending, StepState
from orchestrator.journal.store import Lease
from orchestrator.models import Inventory, Plan, Strategy, Verdict
from orchestrator.planning.plan import make_plan
from orchestrator.policy.assess import assess
from orchestrator.policy.counting import change, freeze
from orchestrator.policy.policy import load_policy
from orchestrator.policy.records import JournalAudit, overrides, record_override, with_overrides
from orchestrator.reports.collect import collect
from orchestrator.reports.facts import ReportFacts
from tests.support.example_city import PHONE, example_inventory, example_programme
from tests.support.story import COURIER, ENGINEER, OFFICE, Story

ZONE = ZoneInfo("Asia/Shanghai")
START = dt.datetime(2017, 9, 16, 21, tzinfo=ZONE)
NOW = dt.datetime(2018, 3, 1, 9, 30, tzinfo=ZONE)
STEP_NAMES = {
    "initial_acceptance": ("初验", "initial acceptance"),
    "trial_run": ("试运行", "trial run"),
    "window": ("等待切换窗口", "wait for the cutover window"),
    "provision": ("准备云上资源", "provision"),
}
GAPS = {
    "hotline": 88.4,
    "licence-db": 141.0,
    "spatial-db": 236.5,
    "plan-approval": 97.2,
    "job-market": 76.9,
    "population-db": 180.3,
    "warning-db": 61.7,
    "legal-entities": 122.6,
}


def moment(day: str, hour: int = 21) -> dt.datetime:
    return dt.datetime.combine(dt.date.fromisoformat(day), dt.time(hour), ZONE)


def example_verdicts(inventory: Inventory) -> dict[str, Verdict]:
    return assess(inventory, load_policy(None))


def example_story(folder: Path) -> tuple[Story, Inventory, dict[str, Verdict], Plan]:
    """A journal with every kind of thing that a report prints, told in the order of time."""
    inventory = example_inventory()
    verdicts = example_verdicts(inventory)
    plan = make_plan(inventory, verdicts, example_programme(), inventory_digest=inventory_digest(inventory), policy_digest="1" * 64)
    story = Story(folder, plan)
    audit = JournalAudit(story.journal)
    teller = Teller(story, inventory)
    with story.clock():
        freeze(audit, inventory, reason="按领导小组会议纪要冻结", actor=str(OFFICE))
        why = "调度主机与车载网关同机,整体搬迁"
        record_override(audit, verdicts["bus-dispatch"], Strategy.HOSTING, reason=why, actor=str(OFFICE), on_behalf_of="周工")
        teller.tell()
        change(audit, inventory, "county-land", "retired", reason="停用并入省级台账", actor=str(OFFICE))
        change(audit, inventory, "county-land", "added", reason="省级台账推迟,恢复统计", actor=str(OFFICE))
        story.journal.set_flag("hold", "两会期间暂停切换", actor=str(OFFICE))
    return story, inventory, with_overrides(verdicts, overrides(audit)), plan


class Teller:
    """Brings what happens to each system into one order of time."""

    def __init__(self, story: Story, inventory: Inventory) -> None:
        self.story = story
        self._inventory = inventory
        self._acts: list[tuple[dt.datetime, Callable[[], object]]] = []

    def tell(self) -> None:
        for number, (system, gap) in enumerate(GAPS.items()):
            self._accepted(system, START + dt.timedelta(days=14 * number), gap, rows=40_000 * (number + 2), requests=3800 + 217 * number)
        self._accepted("citizen-portal", moment("2017-10-14"), 94.8, rows=812_440, requests=12_840)
        self._weather()
        self._at("2018-02-10", self._property)
        self._at("2018-02-24", self._insurance)
        self._at("2018-01-20", self._no_capacity)
        self._at("2018-02-26", lambda: self.story.run(self.story.begin("credit-db"), "initial_acceptance", waits=True))
        self._at("2018-02-27", lambda: self.story.run(self.story.begin("permits"), "window", waits=True))
        self._at("2018-02-28", self._person)
        for at, act in sorted(self._acts, key=lambda one: one[0]):
            self.story.go_to(at)
            act()

    def _at(self, day: str, act: Callable[[], object]) -> None:
        self._acts.append((moment(day), act))

    def _accepted(self, system: str, at: dt.datetime, gap: float, *, rows: int, requests: int) -> None:
        leases: list[Lease] = []
        self._acts.append((at, lambda: leases.append(self.story.switch(system, gap, rows=rows, requests=requests))))

        def finish() -> None:
            self.story.finish(leases[0], rows + 321)
            self._catalogue(system)

        self._acts.append((at + dt.timedelta(days=14), finish))

    def _catalogue(self, ident: str) -> None:
        system = next(s for s in self._inventory.systems if s.id == ident)
        if ident == "warning-db":
            return  # what should be registered and is not, is shown too
        for resource in system.data_resources:
            payload = {"department": system.department, **resource.model_dump(mode="json"), "place": "cloud"}
            self.story.journal.append_event(
                "catalogue_registered", actor=str(ENGINEER), system=ident, migration=f"{ident}-1", payload=payload
            )

    def _weather(self) -> None:
        """There, back by itself, mended, there again."""

        def there_and_back() -> None:
            lease = self.story.begin("weather-bulletin")
            self.story.run(lease, "cutover")
            self.story.measure(lease, 92.3, requests=5120)
            self.story.run(lease, "trial_run", waits=True)
            self.story.measure(lease, 103.9, requests=4876, direction="back")
            self.story.end(lease, Ending.ROLLED_BACK_AFTER, "trial run: the trial run fails: bulletin-web: HTTP 500")

        self._at("2017-11-11", there_and_back)
        self._accepted("weather-bulletin", moment("2017-11-25"), 83.1, rows=58_212, requests=5233)

    def _property(self) -> None:
        """Its device travels; it is in its trial run, and one gap was over the budget."""
        story = self.story
        lease = story.begin("property-register", "device_relocation")
        story.run(lease, "cutover")
        story.measure(lease, 1310.0, requests=9001, failed=3)
        story.run(lease, "compare", facts={"compare": {"tables": 41, "rows": 1_204_551, "equal": True}})
        story.event(lease, "device_outage_announced", {"minutes": {"signer-1": 240}})
        story.measure(lease, 163 * 60_000.0, requests=None, failed=None, kind="device_outage", budget=240 * 60_000.0)
        story.run(lease, "trial_run", waits=True)
        with story.clock():
            Notes(story.journal).watch(lease, {"registry lag": "registry: the source is more than 5 s behind"})

    def _insurance(self) -> None:
        """Shut down, on the lorry: an outage that was announced and goes on."""
        story = self.story
        lease = story.begin("social-insurance", "hosting")
        story.run(lease, "window")
        story.event(lease, "outage_announced", {"minutes": 720})
        titles = ("power_off", "服务器关机断电", "power the machines off"), ("transport", "运输至云中心", "transport to the cloud centre")
        for name, zh, en in titles:
            row = story.decisions.open_task(lease, "carry_machines", name, zh=zh, en=en, detail={})
            if name == "power_off":
                story.decisions.finish_task(row.id, actor=COURIER, evidence=f"机柜断电照片 2 张,联系 {PHONE}")

    def _no_capacity(self) -> None:
        story = self.story
        lease = story.begin("traffic-db")
        story.run(lease, "record_baseline")
        story.journal.set_step(lease, "cloud_deployment", "provision", StepState.RUNNING)
        story.journal.set_step(lease, "cloud_deployment", "provision", StepState.FAILED, error={"what": "no capacity left in zone C"})
        with story.clock():
            Notes(story.journal).owe(lease, "provision", "create the servers: the cloud does not answer", "`orchestrator resume`")
        story.end(lease, Ending.ROLLED_BACK_BEFORE, "provision: no capacity left in zone C")

    def _person(self) -> None:
        lease = self.story.begin("food-safety")
        self.story.run(lease, "record_baseline")
        found = [
            Finding("host-key", "error", f"{host} answers with another key than the one on record", "look at the host", system="food-safety")
            for host in ("food-app", "food-db")
        ]
        with self.story.clock():
            runbook = "cloud_deployment"
            self.story.journal.set_step(lease, runbook, "provision", StepState.RUNNING)
            self.story.journal.set_step(lease, runbook, "provision", StepState.FAILED, error={"what": "2 findings"}, findings=found)
        why = "two hosts answer with another key than the one on record → look at both hosts"
        self.story.journal.set_migration(lease, ending=Ending.NEEDS_A_PERSON, why=why)


def example_facts(folder: Path) -> ReportFacts:
    """The example report's facts."""
    story, inventory, verdicts, plan = example_story(folder)
    return collect(
        journal=story.journal,
        decisions=story.decisions,
        notes=Notes(story.journal),
        inventory=inventory,
        verdicts=verdicts,
        programme=example_programme(),
        now=NOW,
        plan=plan,
        policy_digest="1" * 64,
        step_names=STEP_NAMES,
        example=True,
    )
