"""A snapshot that others can ask: MariaDB gives a session's view to no other session.

So the session that holds it answers for it. The process that keeps it (a guard) has a thread which looks, in our database
on the same side, whether somebody asked for its sums, makes them, and writes them there; whoever compares reads them.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable

from orchestrator.errors import StepFailed
from orchestrator.movers.mariadb import comparison
from orchestrator.movers.mariadb.comparison import Sum
from orchestrator.movers.mariadb.connections import Connection, fill, words_of
from orchestrator.movers.names import Names
from orchestrator.texts import kept, say

LOOK_SECONDS = 0.05
BEAT_SECONDS = 60.0
"""How long nothing may be heard of a keeper that was asked: its process has ended then. One table's sum may take longer: a thread of
its own says that it lives."""


class Keeper:
    """Holds one moment on ``view``, a connection of its own, until ``stop``. ``again`` opens further ones."""

    def __init__(self, view: Connection, again: Callable[[], Connection], names: Names) -> None:
        self._view = view
        self._again = again
        self._names = names
        self._stopped = threading.Event()
        self.name = f"{names.schema}-{secrets.token_hex(8)}"

    def start(self) -> str:
        """The moment is now; returns its name."""
        self._view.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        threading.Thread(target=self._answer, daemon=True).start()
        return self.name

    def stop(self) -> None:
        """Ends it, whatever it does."""
        self._stopped.set()
        self._view.drop()

    def _answer(self) -> None:
        table = [self._names.schema, "snapshot"]
        try:
            with self._again() as told:
                told.execute(fill("INSERT INTO {} (name) VALUES (%s)", table), self.name)
                asked = fill("SELECT asked FROM {} WHERE name = %s", table)
                while not told.scalar(asked, self.name):
                    if self._stopped.wait(LOOK_SECONDS):
                        return
                threading.Thread(target=self._beat, daemon=True).start()
                self._sum(told)
        except Exception as error:  # noqa: BLE001 - whoever asked reads why; with the process gone it is heard no more
            self._say(kept(words_of(error)))
        finally:
            self._stopped.set()

    def _sum(self, told: Connection) -> None:
        for table, columns in comparison.list_columns(self._view, self._names).items():
            rows, text = comparison.sum_table(self._view, self._names, table, columns)
            insert = fill("REPLACE INTO {} VALUES (%s, %s, %s, %s)", [self._names.schema, "snapshot_sum"])
            told.execute(insert, self.name, table, rows, text)
        told.execute(fill("UPDATE {} SET done = true WHERE name = %s", [self._names.schema, "snapshot"]), self.name)

    def _beat(self) -> None:
        try:
            with self._again() as told:
                while not self._stopped.wait(1.0):
                    update = fill("UPDATE {} SET beat = current_timestamp(6) WHERE name = %s", [self._names.schema, "snapshot"])
                    told.execute(update, self.name)
        except Exception:  # noqa: BLE001 - it is heard no more
            return

    def _say(self, problem: str) -> None:
        try:
            with self._again() as told:
                told.execute(fill("UPDATE {} SET problem = %s WHERE name = %s", [self._names.schema, "snapshot"]), problem[:1000], self.name)
        except Exception:  # noqa: BLE001 - it is heard no more
            return


def read_sums(connection: Connection, names: Names, name: str, tell: Callable[[int, int], None], where: str) -> dict[str, Sum]:
    """Asks a snapshot's keeper and waits for every table. Raises StepFailed when it does not answer any more."""
    table = [names.schema, "snapshot"]
    until = time.monotonic() + BEAT_SECONDS
    asked = False
    heard = None
    tables = len(comparison.list_columns(connection, names))
    while True:
        if not asked:
            connection.execute(fill("UPDATE {} SET asked = true WHERE name = %s", table), name)
        rows = connection.execute(fill("SELECT asked, beat, done, problem FROM {} WHERE name = %s", table), name)
        if rows:
            asked, beat, done, problem = rows[0]
            if problem:
                raise StepFailed(say("mariadb.snapshot_unread", where=where, problem=problem), where=where, remedy=say("mariadb.compare_anew"))
            if done:
                break
            if beat != heard:
                heard, until = beat, time.monotonic() + BEAT_SECONDS
        if time.monotonic() > until:
            raise StepFailed(
                say("mariadb.snapshot_gone", where=where), where=where, remedy=say("mariadb.guard_ended")
            )
        counted = connection.scalar(fill("SELECT COUNT(*) FROM {} WHERE name = %s", [names.schema, "snapshot_sum"]), name)
        tell(int(counted or 0), tables)
        time.sleep(LOOK_SECONDS)
    rows = connection.execute(fill("SELECT object, counted, summed FROM {} WHERE name = %s", [names.schema, "snapshot_sum"]), name)
    return {str(table): (int(counted), str(summed)) for table, counted, summed in rows}
