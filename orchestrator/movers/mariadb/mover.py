"""MariaDB by GTID replication: the contract of ``movers/contract.py``, each act in the module that is named for it."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pymysql

from orchestrator.errors import Finding, TurnedBack
from orchestrator.movers.contract import Comparison, Direction, Facts, Hands, Moment, Part, Place, Progress
from orchestrator.movers.mariadb import accounts, alone, backup, check, citizen, comparison, definitions, following, side, snapshots
from orchestrator.movers.mariadb.connections import connect, names_of
from orchestrator.movers.side import Lost
from orchestrator.texts import Words


class MariadbMover:
    """One database, alone on its server, with its two sides kept in step by a replication channel each way."""

    kind = "mariadb"
    ends_connections = True

    def __init__(self, hands: Hands) -> None:
        self.hands = hands

    def check(self, part: Part, moment: Moment) -> list[Finding]:
        return check.findings(part, moment, self.hands)

    def answers(self, part: Part, side: str) -> bool:
        try:
            with connect(part, side) as server:
                return bool(server.scalar("SELECT 1"))
        except TurnedBack:
            raise
        except Exception:  # noqa: BLE001 - any refusal: it is not there
            return False

    def credential(self, part: Part, account: str = "", side: str = "source") -> str:
        with connect(part, side) as server:
            query = "SELECT JSON_VALUE(priv, '$.authentication_string') FROM mysql.global_priv WHERE user = %s ORDER BY host LIMIT 1"
            return str(server.scalar(query, account or part.role) or "")

    def accepts(self, part: Part, password: str, side: str = "source") -> bool | None:
        try:
            with connect(part, side) as server:
                return accounts.matches(server, part.role, password)
        except (Lost, pymysql.err.Error):
            return None

    def log_in(self, part: Part, way_in: Place, password: str) -> None:
        with citizen.connect(way_in.address, way_in.port, part.role, password, seconds=citizen.TRY_SECONDS, database=part.name) as connection:
            connection.ping(reconnect=False)

    def back_up(self, part: Part) -> Facts:
        return backup.back_up(part, self.hands)

    def backed_up(self, part: Part) -> bool:
        return backup.backed_up(part)

    def copy_name(self, part: Part) -> str:
        return names_of(part).rehearsal

    def open_copy(self, part: Part, password: str) -> None:
        backup.open_copy(part, password)

    def drop_copy(self, part: Part) -> None:
        backup.drop_copy(part)

    def prepare(self, part: Part) -> Facts:
        return following.prepare(part, self.hands)

    def prepared(self, part: Part) -> bool | None:
        return following.prepared(part)

    def withdraw(self, part: Part, side: str) -> None:
        following.withdraw(part, side)

    def protect(self, part: Part, side: str) -> Words | None:  # noqa: ARG002 - the contract's
        """Nothing is kept for a follower that the server would not keep anyhow: its own binary log, for as long as it says."""
        return None

    def freshen(self, part: Part, direction: Direction) -> None:
        following.freshen(part, direction.other)

    def fence(self, part: Part, direction: Direction, *, snapshot_only: bool = False) -> Mapping[str, Any]:
        forward = direction is Direction.FORWARD and not snapshot_only
        sides = {
            role: side.specify(
                host=part.place(place).address, port=part.place(place).port, user=part.admin, password=part.password,
                system=part.system, database=part.name, place=place, unchanged=forward,
            )
            for role, place in (("live", direction.live), ("other", direction.other))
        }  # fmt: skip
        return {"name": part.name, "keeps": forward, "ends_connections": True, **sides}

    def arm(self, part: Part, marker: str) -> Facts:
        return following.arm(part, marker)

    def armed(self, part: Part) -> bool:
        return following.armed(part)

    def find_alarms(self, part: Part, marker: str) -> dict[str, Words]:
        return following.find_alarms(part, marker)

    def open_alone(self, part: Part, attempt: str, token: int) -> Facts:
        return alone.open_alone(part, attempt, token)

    def disarm(self, part: Part, side: str) -> None:
        following.disarm(part, side)

    def finish(self, part: Part) -> None:
        following.finish(part)

    def finished(self, part: Part) -> bool:
        return following.finished(part)

    def compare(self, part: Part, direction: Direction, snapshots: tuple[str, str]) -> Comparison:
        with ThreadPoolExecutor(2) as pool:
            places = ((direction.live, snapshots[0], self._tell), (direction.other, snapshots[1], _nobody))
            here, there = pool.map(lambda place: self._read(part, *place), places)
        names = names_of(part)
        with connect(part, direction.live) as live, connect(part, direction.other) as other:
            defined = definitions.changes(definitions.take(live, names, part.admin), definitions.take(other, names, part.admin))
        rows = sum(counted for counted, _ in here.values())
        return Comparison(len(here), rows, (*comparison.differences(here, there), *defined))

    def _read(self, part: Part, place: str, name: str, tell: Any) -> dict[str, comparison.Sum]:
        with connect(part, place) as connection:
            return snapshots.read_sums(connection, names_of(part), name, tell, f"{part.name} at the {place}")

    def _tell(self, done: int, of: int) -> None:
        self.hands.progress(Progress(done, of, 0, 0, 0, 0.0, doing="comparison"))

    def citizen(self, part: Part, way_in: Place, password: str) -> Mapping[str, Any]:
        return citizen.specify(
            host=way_in.address, port=way_in.port, user=part.role, password=password, schema=names_of(part).schema
        )


def _nobody(_done: int, _of: int) -> None:
    """Both sides are compared at once; one of them tells how far it is."""
