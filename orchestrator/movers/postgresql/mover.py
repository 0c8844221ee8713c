"""PostgreSQL by logical replication: the contract of ``movers/contract.py``, each act in the module that is named for it."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from orchestrator.errors import Finding
from orchestrator.movers.contract import Comparison, Direction, Facts, Hands, Moment, Part
from orchestrator.movers.postgresql import backup, check, comparison, drift, following, session_defaults, side
from orchestrator.movers.postgresql.reach import connect, dsn_of, names_of


class PostgresMover:
    """One database with its two sides, kept in step by a publication and a subscription each way."""

    kind = "postgresql"

    def __init__(self, hands: Hands) -> None:
        self.hands = hands

    def check(self, part: Part, moment: Moment) -> list[Finding]:
        return check.findings(part, moment)

    def back_up(self, part: Part) -> Facts:
        return backup.back_up(part, self.hands)

    def backed_up(self, part: Part) -> bool:
        return backup.backed_up(part)

    def drop_copy(self, part: Part) -> None:
        backup.drop_copy(part)

    def prepare(self, part: Part) -> Facts:
        with connect(part, "target", database="postgres") as server:
            given = [] if session_defaults.is_shared(server, part) else session_defaults.give_to_target(part)
        facts = following.prepare(part, self.hands) | {"session_defaults": given}
        with connect(part, "source") as source, connect(part, "target") as target:
            drift.remember(part, source, target)
        return facts

    def prepared(self, part: Part) -> bool | None:
        return following.prepared(part)

    def withdraw(self, part: Part, side: str) -> None:
        following.withdraw(part, self.hands, side)

    def freshen(self, part: Part, direction: Direction) -> None:
        following.freshen(part, self.hands, direction)

    def fence(self, part: Part, direction: Direction, *, snapshot_only: bool = False) -> Mapping[str, Any]:
        sides = {
            role: side.specify(
                dsn=dsn_of(part, place), system=part.system, database=part.name, place=place, role=part.role,
                # going back must stay possible, whatever the application made in the trial run: that is named elsewhere
                unchanged=direction is Direction.FORWARD and not snapshot_only,
            )
            for role, place in (("live", direction.live), ("other", direction.other))
        }  # fmt: skip
        # going back keeps nothing: it is the end of this migration, and the next one copies anew
        return {"name": part.name, "keeps": direction is Direction.FORWARD and not snapshot_only, **sides}

    def arm(self, part: Part, marker: str) -> Facts:
        return following.arm(part, self.hands, marker)

    def armed(self, part: Part) -> bool:
        return following.armed(part)

    def disarm(self, part: Part, side: str) -> None:
        following.disarm(part, side)

    def finish(self, part: Part) -> None:
        following.finish(part)

    def finished(self, part: Part) -> bool:
        return following.finished(part)

    def compare(self, part: Part, direction: Direction, snapshots: tuple[str, str]) -> Comparison:
        names = names_of(part)
        with connect(part, direction.live) as live, connect(part, direction.other) as other, ThreadPoolExecutor(2) as pool:
            here, there = pool.map(comparison.checksums, (live, other), (names, names), snapshots)
        rows = sum(table.rows for table in here.values())
        return Comparison(len(here), rows, tuple(comparison.differences(here, there)))
