"""The journal's PostgreSQL is lost without a word, and its standby takes over, while several processes write."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import sql

from orchestrator.engine.session import Session
from orchestrator.flows.cluster import journal_problems
from orchestrator.journal.actors import Actor
from orchestrator.journal.store import Journal
from orchestrator.settings import Settings
from tests.contracts.mover.servers import Servers
from tests.support.standby import Standby, wait_until

pytestmark = pytest.mark.servers
WRITER = """
import sys, time
from orchestrator.errors import JournalAway
from orchestrator.journal.store import Journal
journal, told = Journal(sys.argv[1]), open(sys.argv[3], "a", buffering=1)
for number in range(100_000):
    try:
        journal.append_event("noted", actor=sys.argv[2], payload={"n": number})
        told.write(f"done {number} {time.time()}\\n")
    except JournalAway as unknown:
        told.write(f"unknown {number} {unknown}\\n")
    time.sleep(0.02)
"""


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    """Of its own: one of its clusters is killed."""
    with Servers(tmp_path / "pair") as servers:
        yield servers


class Writer:
    """A process that writes to the journal, and says in a file what was acknowledged to it."""

    def __init__(self, url: str, name: str, file: Path) -> None:
        self.actor, self.file = f"os:{name}", file
        file.touch()
        self.process = subprocess.Popen([sys.executable, "-c", WRITER, url, self.actor, str(file)])

    def told(self, word: str) -> list[int]:
        lines = [line.split(" ", 2) for line in self.file.read_text("utf-8").splitlines()]
        return [int(line[1]) for line in lines if line[0] == word]

    def end(self) -> None:
        self.process.kill()
        self.process.wait(30)


def test_nothing_acknowledged_is_lost_and_writers_go_on(servers: Servers, tmp_path: Path) -> None:
    with servers.connect("source", "postgres") as admin:
        admin.execute(sql.SQL("CREATE DATABASE journal"))
    with Standby(servers) as standby:
        url = standby.url("journal")
        Journal(url)
        writers = [Writer(url, f"writer-{number}", tmp_path / f"{number}.told") for number in range(3)]
        try:
            wait_until(lambda: all(len(writer.told("done")) > 20 for writer in writers), "all write")
            standby.fail_over()
            began = time.monotonic()
            before = {writer.actor: len(writer.told("done")) for writer in writers}
            wait_until(lambda: all(len(writer.told("done")) > before[writer.actor] + 20 for writer in writers), "all write again")
            print(f"\nall have written again {time.monotonic() - began:.1f} s after the promotion")
        finally:
            for writer in writers:
                writer.end()

        journal = Journal(url)
        assert journal.verify() == []
        for writer in writers:
            noted = [event for event in journal.events(kind="noted") if event.actor == writer.actor]
            kept = [event.payload["n"] for event in noted if event.payload]
            assert len(kept) == len(set(kept)), "nothing twice"
            assert set(writer.told("done")) <= set(kept)
            assert len(writer.told("unknown")) <= 1, "only what was on its way when the server was lost"


def test_the_doctor_says_when_a_standby_would_lose_what_was_acknowledged(servers: Servers, tmp_path: Path) -> None:
    with servers.connect("source", "postgres") as admin:
        admin.execute(sql.SQL("CREATE DATABASE journal"))

    def said(url: str) -> list[str]:
        session = Session(Settings(journal=url, state=tmp_path), Actor("os", "li"))
        return [str(one.says) for one in journal_problems(session) if one.code == "cluster-standby"]

    with Standby(servers) as standby:
        url = standby.url("journal")
        assert said(url) == []
        assert "the one that takes writes" in "".join(said(url.partition("&target_session_attrs")[0]))
        with servers.connect("source", "postgres") as admin:
            admin.execute("ALTER SYSTEM RESET synchronous_standby_names")
            admin.execute("SELECT pg_reload_conf()")
        wait_until(lambda: said(url), "the reload")
        assert "no standby confirms" in said(url)[0]
