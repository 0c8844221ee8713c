"""From the journal: the last plan, and where every system stands. For ``plan --replan``."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli.inputs import trail
from orchestrator.cli.settings import open_session
from orchestrator.errors import Refused, UsageError

if TYPE_CHECKING:
    from orchestrator.engine.session import Session
    from orchestrator.models import Plan
    from orchestrator.planning.programme import Programme, Standing


def last_plan(file: Path | None) -> Plan:
    """What is promised: this file's plan, else the approved one, else that of the last migration, else the last kept. Raises ``Refused``."""
    if file is not None:
        from orchestrator.planning.plan import read_plan

        try:
            return read_plan(file.read_text(encoding="utf-8"))
        except ValueError as error:
            what = "this plan was changed after it was made" if str(error) == "digest" else "this is not a plan"
            raise UsageError(what, where=str(file), remedy="name a file that `orchestrator plan --out` or `--json` wrote") from error
    session = open_session()
    ran = [row.plan_digest for row in session.journal.migrations()]
    return kept_plan(session, ran[-1] if ran and session.approved is None else "")


def kept_plan(session: Session, digest: str) -> Plan:
    """The kept plan whose digest begins so (8 characters or more); without one: the approved, else the last. Raises ``Refused``."""
    from orchestrator.models import Plan

    saved = [str(event.payload["digest"]) for event in session.journal.events(kind="plan_saved") if event.payload]
    if not digest and session.approved is not None:
        return session.approved
    found = {one for one in saved if one.startswith(digest)} if len(digest) >= 8 else set(saved[-1:]) if not digest else set()
    kept = session.journal.plan(found.pop()) if len(found) == 1 else None
    if kept is None:
        what = f"no plan {digest[:12]} is kept" if digest else "there is no former plan"
        raise Refused(what, remedy="run `orchestrator plan`: it keeps what it makes; a digest is named with 8 characters or more")
    return Plan.model_validate_json(kept)


def approved_plan() -> Plan | None:
    """The plan in force, which a new one is never worse than while it still fits. The whole journal is opened only when there is one."""
    return open_session().approved if trail(write=False).read("plan_approved") else None


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
    from orchestrator.engine.journal import Journal
    from orchestrator.engine.states import Ending, MigrationState
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
        if row.ending == Ending.ACCEPTED:
            day = switched.get(row.id) or local(dt.datetime.fromisoformat(row.ended or row.created), programme).date()
            found.append(Standing(system=system, state="done", cutover=day))
        elif row.state != MigrationState.ENDED:
            today = None if system in planned else local(dt.datetime.now(dt.UTC), programme).date()
            found.append(Standing(system=system, state="under_way", cutover=switched.get(row.id, today) if row.live == "target" else today))
        elif row.ending in {Ending.ROLLED_BACK_BEFORE, Ending.ROLLED_BACK_AFTER}:
            found.append(Standing(system=system, state="rolled_back"))
    return found
