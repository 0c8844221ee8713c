"""A physical standby beside a test's PostgreSQL cluster: it confirms every commit, and can be promoted when its primary is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import Any

import psycopg

from orchestrator.embedded import databases
from orchestrator.tools import programs, unprivileged
from tests.contracts.mover.servers import ADMIN, PORT, Servers

NAME = "standby"


class Standby:
    """Of the source cluster of ``servers``, on an address of its own. Use as a context."""

    def __init__(self, servers: Servers, *, synchronous: bool = True) -> None:
        self.servers = servers
        self.address = servers.addresses["source"].rsplit(".", 1)[0] + ".250"
        secret = servers.folder / "secrets" / ADMIN
        self._cluster = databases.Source(
            system=NAME, host=NAME, address=self.address, port=PORT, name="postgres", role=ADMIN,
            secret=secret, admin_role=ADMIN, admin_secret=secret,
        )  # fmt: skip
        self._copy()
        databases.start(servers.folder, self._cluster)
        with servers.connect("source", "postgres") as primary:
            if synchronous:
                primary.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{NAME}'")
                primary.execute("SELECT pg_reload_conf()")
            wait_until(lambda: _state(primary) == ("sync" if synchronous else "async"), "the standby follows")

    def url(self, database: str, *, driver: str = "psycopg") -> str:
        """For SQLAlchemy: whichever of the two servers takes writes."""
        hosts = "&".join(f"host={address}:{PORT}" for address in (self.servers.addresses["source"], self.address))
        return f"postgresql+{driver}://{ADMIN}:secret-of-the-engine@/{database}?{hosts}&target_session_attrs=read-write"

    def fail_over(self) -> None:
        """The primary's machine is lost without a word; the standby is told to take over."""
        book = self.servers.book
        lost = [record for record in book.records() if record.host == "source"]
        for record in lost:
            os.killpg(os.getpgid(record.pid), signal.SIGKILL)
        wait_until(lambda: not any(book.alive(record) for record in lost), "the primary is gone")
        with psycopg.connect(self._cluster.dsn(), autocommit=True) as standby:
            standby.execute("SELECT pg_promote(true, 60)")

    def __enter__(self) -> Standby:
        return self

    def __exit__(self, *_: object) -> None:
        for record in self.servers.book.records():
            if record.host == NAME and self.servers.book.alive(record):
                os.kill(record.pid, signal.SIGQUIT)  # whoever is still connected is not waited for

    def _copy(self) -> None:
        folder = self.servers.folder / "hosts" / NAME
        data = folder / databases.DATA
        for made in (data.parent, folder / "var/log"):
            made.mkdir(parents=True)
            unprivileged.give(made)
        program = str(programs.find("pg_basebackup"))
        base = [*unprivileged.prefix(), program, "-D", str(data), "-R", "-c", "fast", "-X", "stream"]
        environment = self.servers.environment("source", "postgres") | {"PGAPPNAME": NAME}
        del environment["PGDATABASE"]
        subprocess.run(base, check=True, env=environment, stdin=subprocess.DEVNULL, timeout=120)
        conf = data / "postgresql.conf"
        conf.write_text(conf.read_text("utf-8").replace(self.servers.addresses["source"], self.address), "utf-8")


def _state(primary: psycopg.Connection[Any]) -> str:
    row = primary.execute("SELECT sync_state FROM pg_stat_replication WHERE application_name = %s", (NAME,)).fetchone()
    return str(row[0]) if row else ""


def wait_until(seen: Any, what: str, seconds: float = 60) -> None:
    """Raises AssertionError when it is not so in time."""
    until = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < until, f"after {seconds:g} s still not: {what}"
        time.sleep(0.05)
