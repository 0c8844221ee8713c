"""Who stands by a migration that waits for people (`migrate --wait`): it goes on by itself once they have decided.

It holds no lease meanwhile: whoever decides may also resume, cancel or go back at once. Nothing of this is a fact about the
migration, so it is not on the chain.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from orchestrator.journal import schema as s
from orchestrator.journal.store import LEASE_SECONDS, Journal


class Standby:
    """This process beside one migration, as it is seen by others for one lifetime of a lease at a time."""

    def __init__(self, journal: Journal, migration: str) -> None:
        self._journal = journal
        self._mine = (s.standbys.c.migration == migration, s.standbys.c.host == socket.gethostname(), s.standbys.c.pid == os.getpid())
        self._renewed = time.monotonic()

    def renew(self) -> None:
        """It still stands by. As often as one likes: written three times in each lifetime."""
        if time.monotonic() - self._renewed < LEASE_SECONDS / 3:
            return
        expires = self._journal.clock() + LEASE_SECONDS
        with self._journal.writing() as tx:
            tx.execute(update(s.standbys).where(*self._mine).values(expires=expires))
        self._renewed = time.monotonic()

    def leave(self) -> None:
        """It stands by no more."""
        with self._journal.writing() as tx:
            tx.execute(delete(s.standbys).where(*self._mine))


@contextmanager
def standing_by(journal: Journal, migration: str, holder: str) -> Iterator[Standby]:
    """While inside, `status` says who waits there. What those left who died there is taken away."""
    from orchestrator.tools.process_records import boot_id, start_time

    clock = journal.clock()
    me = {"migration": migration, "host": socket.gethostname(), "pid": os.getpid(), "holder": holder}
    process = {"started": start_time(os.getpid()), "boot": boot_id()}
    with journal.writing() as tx:
        for row in tx.execute(select(s.standbys).where(s.standbys.c.migration == migration)).all():
            if not _lives(row, clock) or (row.host, row.pid) == (me["host"], me["pid"]):
                one = (s.standbys.c.migration == migration, s.standbys.c.host == row.host, s.standbys.c.pid == row.pid)
                tx.execute(delete(s.standbys).where(*one))
        tx.execute(insert(s.standbys).values(**me, **process, expires=clock + LEASE_SECONDS))
    standby = Standby(journal, migration)
    try:
        yield standby
    finally:
        standby.leave()


def who_stands_by(journal: Journal, migration: str) -> list[dict[str, Any]]:
    """Those who wait there now and live: on this machine by pid and start time, elsewhere as long as they say so."""
    clock = journal.clock()
    with journal.snapshot() as connection:
        rows = connection.execute(select(s.standbys).where(s.standbys.c.migration == migration)).all()
    return [{"holder": row.holder, "host": row.host, "pid": row.pid} for row in rows if _lives(row, clock)]


def _lives(row: Row[Any], clock: float) -> bool:
    from orchestrator.tools.process_records import boot_id, start_time

    if row.host != socket.gethostname():
        return bool(row.expires > clock)
    return bool(row.boot == boot_id() and start_time(row.pid) == row.started)
