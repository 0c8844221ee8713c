"""What commands answer from: inventory, policy, verdicts, programme, audit trail. Each is loaded when it is asked for."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from orchestrator.cli.settings import load_settings
from orchestrator.errors import Refused, UsageError
from orchestrator.texts import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.inventory.reading import Reading
    from orchestrator.models import Inventory, System, Verdict
    from orchestrator.planning.programme import Programme
    from orchestrator.policy.facts import Facts
    from orchestrator.policy.policy import Policy
    from orchestrator.policy.records import Audit


def read_inventory(paths: Sequence[Path], *, strict: bool = False) -> Reading:
    """What these files and folders say; none: the configured inventory. ``strict``: raises ``Refused`` with every finding on errors."""
    from orchestrator.inventory.load import load, load_strict

    given = list(paths) or [load_settings().inventory]
    if not given[0].exists():
        raise UsageError(say("cli.no_inventory_at", path=str(given[0])), remedy=say("cli.name_inventory"))
    return (load_strict if strict else load)(given)


def configured_policy() -> Path | None:
    """The policy beside the configured inventory; None: the one that ships."""
    file = load_settings().inventory / "policy.yaml"
    return file if file.exists() else None


def policy_for(paths: Sequence[Path], policy_file: Path | None = None) -> Policy:
    """The policy that is named, else the one beside what is read, else the configured one, else the one that ships."""
    from orchestrator.policy.policy import load_policy

    beside = next((path / "policy.yaml" for path in paths if (path / "policy.yaml").is_file()), None)
    return load_policy(policy_file or beside or (None if paths else configured_policy()))


def doubted(reading: Reading, paths: Sequence[Path]) -> Reading:
    """The reading with what its policy does not understand, or finds contradicted, as warnings; a policy that is refused is one itself."""
    from dataclasses import replace

    from orchestrator.errors import Finding
    from orchestrator.policy.doubts import with_doubts

    try:
        return with_doubts(reading, policy_for(paths))
    except Refused:
        unread = Finding("policy-unread", "warning", say("policy.unread"), say("policy.check_policy"), file="policy.yaml")
        return replace(reading, findings=[*reading.findings, unread])


def assessed(paths: Sequence[Path], policy_file: Path | None = None) -> tuple[Reading, Policy, dict[str, Verdict]]:
    """The inventory, the policy, and verdicts with people's overrides laid over them."""
    from orchestrator.policy.assess import assess_reading
    from orchestrator.policy.records import overrides, with_overrides

    reading = read_inventory(paths)
    rules = policy_for(paths, policy_file)
    verdicts = assess_reading(reading, rules, policy_day(paths))
    decided = overrides(trail(write=False))
    return reading, rules, with_overrides(verdicts, decided, city_zone(paths)) if decided else verdicts


def facts_behind(reading: Reading, policy: Policy, paths: Sequence[Path], system: System) -> Facts:
    """What a verdict of ``assessed`` was made from: the system's facts, with what somebody typed and what the systems around it say."""
    from orchestrator.policy.assess import typed_in
    from orchestrator.policy.reader import FactReader

    return FactReader(policy, reading.inventory, policy_day(paths), typed_in(reading)).facts_of(system, reading.places.get(system.id, {}))


def to_migrate(paths: Sequence[Path], *, strict: bool = False) -> tuple[Reading, Inventory, dict[str, Verdict]]:
    """What was read, the systems of it that there is something to migrate of, and the verdicts on all. ``strict``: see ``read_inventory``."""
    from orchestrator.policy.assess import moving

    reading, _, verdicts = assessed(paths)
    if strict and reading.errors:
        raise Refused(say("inventory.has_errors"), findings=reading.errors, where=", ".join(map(str, paths)), remedy=say("cli.check_lists"))
    return reading, moving(reading.inventory, verdicts), verdicts


def counted_apart(reading: Reading, paths: Sequence[Path]) -> dict[str, int]:
    """How many of the systems in scope are to be retired, run elsewhere already, and are to be migrated: as policy or a person says."""
    from orchestrator.models import Strategy
    from orchestrator.policy.assess import apart_in
    from orchestrator.policy.records import overrides

    try:
        said = {system: strategy for strategy, ids in apart_in(reading, policy_for(paths), policy_day(paths)).items() for system in ids}
    except Refused:  # the policy cannot be read: ``doubted`` says so
        said = {}
    known = {system.id for system in reading.inventory.systems}
    said |= {system: override.strategy for system, override in overrides(trail(write=False)).items() if system in known}
    counts = {"to_retire": Strategy.RETIRE, "already_elsewhere": Strategy.ALREADY_ELSEWHERE}
    found = {name: sum(strategy is one for strategy in said.values()) for name, one in counts.items()}
    return {"to_migrate": len(known) - sum(found.values()), **found}


def policy_day(paths: Sequence[Path] = ()) -> dt.date:
    """The day that planned ends and ends of support are compared with: today, or the first day of the programme beside this inventory."""
    from orchestrator.planning.programme import assessed_on

    now = dt.datetime.now(dt.UTC)
    programme = _programme(paths)
    return assessed_on(programme, now) if programme else now.astimezone(city_zone(paths)).date()


def city_zone(paths: Sequence[Path] = ()) -> ZoneInfo:
    """The clock that days are told by: that of the programme beside this inventory; where there is none that can be read, of the configured
    one's; else the default."""
    from orchestrator.policy.records import CITY

    programme = _programme(paths)
    return ZoneInfo(programme.timezone) if programme else CITY


def _programme(paths: Sequence[Path]) -> Programme | None:
    """The programme beside what is read, else the configured one; None where there is none that can be read: `plan` says what is wrong with it."""
    from orchestrator.planning.programme import load_programme

    for folder in (*paths, load_settings().inventory):
        if (folder / "program.yaml").is_file():
            try:
                return load_programme(folder / "program.yaml")
            except (Refused, ValueError):
                continue
    return None


def to_plan(folder: Path | None) -> tuple[Inventory, dict[str, Verdict], Programme, tuple[str, str]]:
    """Inventory, verdicts with overrides, programme, and the digests of inventory and policy. Raises ``Refused`` on errors in any."""
    from orchestrator.inventory.load import inventory_digest
    from orchestrator.planning.programme import load_programme, with_baseline, with_target
    from orchestrator.policy.counting import baseline
    from orchestrator.policy.policy import policy_digest

    where = folder or load_settings().inventory
    reading, policy, verdicts = assessed((where,) if folder else ())
    if reading.errors:
        raise Refused(say("inventory.has_errors"), findings=reading.errors, where=str(where), remedy=say("cli.check_lists"))
    programme = with_target(load_programme(where / "program.yaml"), load_settings().target)
    programme = with_baseline(programme, baseline(trail(write=False)))
    return reading.inventory, verdicts, programme, (inventory_digest(reading.inventory), policy_digest(policy))


def trail(*, write: bool = True) -> Audit:
    """The audit trail. Without ``write``, a journal that does not exist is an empty trail and is not made."""
    from orchestrator.policy.records import JournalAudit, NoAudit

    url = load_settings().journal_url
    if not write and url.startswith("sqlite:///"):
        file = Path(url.removeprefix("sqlite:///"))
        if not file.exists():
            return NoAudit()
        from orchestrator.cli.quick_trail import QuickTrail

        return QuickTrail(file)
    from orchestrator.journal.store import Journal

    return JournalAudit(Journal(url))
