"""D9: the target's disk runs full in the copy, on a real file system that is too small. The source is given back whatever the target
can do; the target's half is done when there is room again, and the next attempt succeeds."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from orchestrator.errors import OrchestratorError
from orchestrator.movers import registry
from orchestrator.movers.contract import Hands
from tests.contracts.guard.servers import APPLICATION, Servers

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

SIZE_MB, ROWS = 110, 60_000
"""Room for an empty cluster and its journal; the rows are more than the rest."""
_OURS = "SELECT count(*) FROM pg_namespace WHERE nspname ~ '^orchestrator'"
_BIG = "CREATE TABLE big (n int PRIMARY KEY, body text); INSERT INTO big SELECT i, repeat(md5(i::text), 40) FROM generate_series(1, {}) AS i"


@pytest.fixture
def servers() -> Iterator[Servers]:
    with tempfile.TemporaryDirectory(prefix="full-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        small = folder / "hosts/target/var/lib/postgresql"
        small.mkdir(parents=True)
        if not _mount(small, "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs"):
            pytest.skip("this account may not mount a file system: nothing can run full for real")
        try:
            with Servers(folder) as running:
                yield running
        finally:
            subprocess.run(["umount", "-l", str(small)], check=True, timeout=30)


def _mount(where: Path, *options: str) -> bool:
    if os.geteuid() != 0:
        return False
    return subprocess.run(["mount", *options, str(where)], capture_output=True, timeout=30, check=False).returncode == 0


def test_a_full_target_costs_the_source_nothing(servers: Servers) -> None:
    part = servers.part("records", "target")
    mover = registry.make_mover("postgresql", Hands(folder=servers.folder))
    with servers.connect("source", "postgres") as admin:
        admin.execute(sql.SQL("CREATE DATABASE records OWNER {}").format(sql.Identifier(APPLICATION)))
    with servers.connect("source", "records", user=APPLICATION) as owner:
        owner.execute(_BIG.format(ROWS).encode())
        began = time.monotonic()
        with pytest.raises((OrchestratorError, psycopg.Error)):
            mover.prepare(part)
        assert time.monotonic() - began < 240, "it was not seen that the copy cannot come to its end"
        owner.execute("INSERT INTO big VALUES (0, 'written while the target is full')")
        with contextlib.suppress(OrchestratorError, psycopg.Error):
            mover.withdraw(part, "target")  # best effort: what it owes is kept by the runner
        mover.withdraw(part, "source")
        owner.execute("UPDATE big SET body = 'x' WHERE n = 0")
        owner.execute("DELETE FROM big WHERE n = 1")
    with servers.connect("source", "records") as admin:
        assert admin.execute(_OURS).fetchone() == (0,)
        assert admin.execute("SELECT count(*) FROM pg_replication_slots").fetchone() == (0,)
        assert admin.execute("SELECT count(*) FROM pg_publication").fetchone() == (0,)
        assert admin.execute("SELECT count(*) FROM big").fetchone() == (ROWS,)

    room = servers.folder / "hosts/target/var/lib/postgresql"
    assert _mount(room, "-o", f"remount,size={SIZE_MB * 6}m")
    with servers.mended():
        pass  # a server that the full disk took down is started again
    mover.withdraw(part, "target")  # what remains is a closed copy that nothing flows into; the next attempt drops it
    with servers.connect("target", "postgres") as admin:
        assert admin.execute("SELECT count(*) FROM pg_subscription").fetchone() == (0,)
        assert admin.execute("SELECT count(*) FROM pg_replication_slots").fetchone() == (0,)
        assert admin.execute("SELECT datconnlimit FROM pg_database WHERE datname = 'records'").fetchone() in (None, (0,))
    mover.prepare(part)
    with servers.connect("target", "records") as admin:
        assert admin.execute("SELECT count(*) FROM big").fetchone() == (ROWS,)
