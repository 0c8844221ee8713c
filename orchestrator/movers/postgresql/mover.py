"""PostgreSQL by logical replication: the contract of ``movers/contract.py``, each act in the module that is named for it."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg

from orchestrator.errors import Finding, TurnedBack
from orchestrator.movers.contract import Comparison, Direction, Facts, Hands, Moment, Part, Place, Progress
from orchestrator.movers.postgresql import (
    alone,
    backup,
    check,
    citizen,
    comparison,
    drift,
    dumps,
    fingerprint,
    following,
    retention,
    session_defaults,
    side,
    verifiers,
    watching,
)
from orchestrator.movers.postgresql.connections import scalar
from orchestrator.movers.postgresql.reach import connect, dsn_of, names_of
from orchestrator.texts import Words


class PostgresMover:
    """One database with its two sides, kept in step by a publication and a subscription each way."""

    kind = "postgresql"
    ends_connections = False

    def __init__(self, hands: Hands) -> None:
        self.hands = hands

    def check(self, part: Part, moment: Moment) -> list[Finding]:
        return check.findings(part, moment, self.hands)

    def answers(self, part: Part, side: str) -> bool:
        try:
            with connect(part, side, database="postgres") as server:
                return bool(scalar(server, "SELECT 1"))
        except TurnedBack:
            raise
        except Exception:  # noqa: BLE001 - any refusal: it is not there
            return False

    def credential(self, part: Part, account: str = "", side: str = "source") -> str:
        with connect(part, side, database="postgres") as server:
            query = "SELECT rolpassword FROM pg_authid WHERE rolname = %s AND rolcanlogin"
            return str(scalar(server, query, account or part.role) or "")

    def accepts(self, part: Part, password: str, side: str = "source") -> bool | None:
        try:
            return verifiers.matches(self.credential(part, side=side), part.role, password)
        except psycopg.Error:
            return None

    def log_in(self, part: Part, way_in: Place, password: str) -> None:
        with citizen.connect(self._way_dsn(part, way_in, password), seconds=citizen.TRY_SECONDS) as connection:
            connection.execute("SELECT 1")

    def back_up(self, part: Part) -> Facts:
        return backup.back_up(part, self.hands)

    def backed_up(self, part: Part) -> bool:
        return backup.backed_up(part)

    def copy_name(self, part: Part) -> str:
        return names_of(part).rehearsal

    def open_copy(self, part: Part, password: str) -> None:
        with connect(part, "target", database="postgres") as server:
            dumps.create_throwaway_role(server, self.copy_name(part), password)

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
        is_following = following.prepared(part)
        if not is_following:
            return is_following
        with connect(part, "target") as target:  # the last of ``prepare``: what was lifted while it filled is there again
            return True if fingerprint.is_kept(target, names_of(part)) else None

    def withdraw(self, part: Part, side: str) -> None:
        following.withdraw(part, self.hands, side)

    def protect(self, part: Part, side: str) -> Words | None:
        return retention.protect(part, side, self.hands.free_bytes)

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

    def find_alarms(self, part: Part, marker: str) -> dict[str, Words]:
        return watching.find_alarms(part, marker)

    def open_alone(self, part: Part, attempt: str, token: int) -> Facts:
        return alone.open_alone(part, self.hands, attempt, token)

    def disarm(self, part: Part, side: str) -> None:
        following.disarm(part, side)

    def finish(self, part: Part) -> None:
        following.finish(part)

    def finished(self, part: Part) -> bool:
        return following.finished(part)

    def compare(self, part: Part, direction: Direction, snapshots: tuple[str, str]) -> Comparison:
        names = names_of(part)
        with connect(part, direction.live) as live, connect(part, direction.other) as other, ThreadPoolExecutor(2) as pool:
            sums = pool.map(
                comparison.checksums, (live, other), (names, names), (part.role, part.role), snapshots, (self._tell, _nobody)
            )
            here, there = sums
        rows = sum(table.rows for table in here.values())
        return Comparison(len(here), rows, tuple(comparison.differences(here, there)))

    def _tell(self, done: int, of: int) -> None:
        self.hands.progress(Progress(done, of, 0, 0, 0, 0.0, doing="comparison"))

    def citizen(self, part: Part, way_in: Place, password: str) -> Mapping[str, Any]:
        return citizen.specify(dsn=self._way_dsn(part, way_in, password), schema=names_of(part).schema)

    @staticmethod
    def _way_dsn(part: Part, way_in: Place, password: str) -> str:
        return dumps.dsn(host=way_in.address, port=way_in.port, database=part.name, user=part.role, password=password)


def _nobody(_done: int, _of: int) -> None:
    """Both sides are compared at once; one of them tells how far it is."""
