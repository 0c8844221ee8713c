"""From the journal: the last plan, and where every system stands. For ``plan --replan``."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.cli.inputs import trail
from orchestrator.cli.settings import open_session
from orchestrator.errors import Refused, UsageError
from orchestrator.texts import say

if TYPE_CHECKING:
    from orchestrator.models import Plan
    from orchestrator.planning.programme import Programme, Standing


def last_plan(file: Path | None) -> Plan:
    """What is promised: this file's plan, else the approved one, else that of the last migration, else the last kept. Raises ``Refused``."""
    if file is not None:
        from orchestrator.planning.plan import read_plan

        try:
            return read_plan(file.read_text(encoding="utf-8"))
        except ValueError as error:
            what = say("cli.plan_was_changed") if str(error) == "digest" else say("cli.no_plan_file")
            raise UsageError(what, where=str(file), remedy=say("cli.name_plan_file")) from error
    if approvals := approvals_of():
        return kept_plan(approvals[-1].digest)
    ran = [row.plan_digest for row in open_session().journal.migrations()]
    return kept_plan(ran[-1] if ran else "")


class Approval(NamedTuple):
    """One approval of a plan for the programme."""

    digest: str
    actor: str
    at: str
    reason: str


def approvals_of() -> list[Approval]:
    """Oldest first: the last one is in force."""
    records = trail(write=False).read("plan_approved")
    return [Approval(str(one.payload["digest"]), one.actor, one.at, str(one.payload["reason"])) for one in records if one.payload]


def kept_plan(digest: str) -> Plan:
    """The kept plan whose digest begins so (8 characters or more); without one: the approved, else the last. Raises ``Refused``."""
    from orchestrator.models import Plan

    audit = trail(write=False)
    saved = [str(one.payload["digest"]) for one in audit.read("plan_saved") if one.payload]
    if not digest and (approvals := approvals_of()):
        digest = approvals[-1].digest
    found = {one for one in saved if one.startswith(digest)} if len(digest) >= 8 else set(saved[-1:]) if not digest else set()
    kept = audit.plan(found.pop()) if len(found) == 1 else None
    if kept is None:
        what = say("cli.plan_not_kept", digest=digest[:12]) if digest else say("cli.no_former_plan")
        raise Refused(what, remedy=say("cli.run_plan"))
    return Plan.model_validate_json(kept)


def approved_plan() -> Plan | None:
    """The plan in force, which a new one is never worse than while it still fits."""
    return kept_plan("") if approvals_of() else None


def keep(made: Plan) -> None:
    """The journal holds this plan when this returns; the whole journal is opened only when it did not."""
    if not any(record.payload and record.payload["digest"] == made.digest for record in trail(write=False).read("plan_saved")):
        session = open_session()
        session.journal.save_plan(made.digest, made.model_dump_json(), actor=str(session.actor))


def standing(former: Plan, programme: Programme) -> list[Standing]:
    """Done: accepted. Under way: begun and not ended, or live on the cloud. Rolled back: its last migration went back.

    What is on the cloud stands at the day of its switch; what has only begun at the day that was promised, or today if that is over.
    """
    from orchestrator.cli.settings import load_settings
    from orchestrator.journal.states import Ending, MigrationState
    from orchestrator.journal.store import Journal
    from orchestrator.models import Strategy
    from orchestrator.planning.calendar import local
    from orchestrator.planning.programme import Standing

    journal = Journal(load_settings().journal_url)
    planned = {entry.system for entry in former.entries}
    switched = {
        event.migration: local(dt.datetime.fromisoformat(event.at), programme).date()
        for event in journal.events(kind="migration")
        if event.payload and event.payload.get("live") == "target"
    }
    found = []
    for system, row in sorted({row.system: row for row in journal.migrations()}.items()):
        if row.strategy == Strategy.RETIRE:  # it is in no plan
            continue
        if row.ending == Ending.ACCEPTED:
            day = switched.get(row.id) or local(dt.datetime.fromisoformat(row.ended or row.created), programme).date()
            found.append(Standing(system=system, state="done", cutover=day))
        elif row.state != MigrationState.ENDED:
            today = None if system in planned else local(dt.datetime.now(dt.UTC), programme).date()
            found.append(Standing(system=system, state="under_way", cutover=switched.get(row.id, today) if row.live == "target" else today))
        elif row.ending in {Ending.ROLLED_BACK_BEFORE, Ending.ROLLED_BACK_AFTER, Ending.ROLLED_BACK_LOSING}:
            found.append(Standing(system=system, state="rolled_back"))
    return found
