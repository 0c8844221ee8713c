"""From the journal: the last plan, and where every system stands. For ``plan --replan``."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import Refused, UsageError

if TYPE_CHECKING:
    from orchestrator.models import Plan
    from orchestrator.planning.programme import Standing


def last_plan(file: Path | None) -> Plan:
    """The plan of this file, else the one the last migration ran under, else the last one kept. Raises ``Refused`` without any."""
    from pydantic import ValidationError

    from orchestrator.cli.settings import load_settings
    from orchestrator.engine.journal import Journal
    from orchestrator.models import Plan

    if file is not None:
        try:
            return Plan.model_validate_json(file.read_text(encoding="utf-8"))
        except ValidationError as error:
            raise UsageError("this is not a plan", where=str(file), remedy="name a file that `orchestrator plan --out` wrote") from error
    journal = Journal(load_settings().journal_url)
    digests = [row.plan_digest for row in journal.migrations()] or [
        event.payload["digest"] for event in journal.events(kind="plan_saved") if event.payload
    ]
    kept = journal.plan(digests[-1]) if digests else None
    if kept is None:
        raise Refused("there is no former plan", remedy="name one with --former, or run `orchestrator plan` without --replan")
    return Plan.model_validate_json(kept)


def standing(former: Plan) -> list[Standing]:
    """Done: accepted. Under way: begun and not ended, or live on the cloud. Rolled back: its last migration went back."""
    from orchestrator.cli.settings import load_settings
    from orchestrator.engine.journal import Journal
    from orchestrator.engine.states import Ending, MigrationState
    from orchestrator.planning.programme import Standing

    promised = {entry.system: entry.window_start.date() for entry in former.entries}
    last = {row.system: row for row in Journal(load_settings().journal_url).migrations()}
    found = []
    for system, row in sorted(last.items()):
        if row.ending == Ending.ACCEPTED:
            found.append(Standing(system=system, state="done", cutover=dt.datetime.fromisoformat(row.ended or row.created).date()))
        elif row.state != MigrationState.ENDED:
            found.append(Standing(system=system, state="under_way", cutover=promised.get(system) if row.live == "source" else None))
        elif row.ending in {Ending.ROLLED_BACK_BEFORE, Ending.ROLLED_BACK_AFTER}:
            found.append(Standing(system=system, state="rolled_back"))
    return found
