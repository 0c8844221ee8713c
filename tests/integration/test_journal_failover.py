"""The journal's PostgreSQL and Prefect's server are lost while systems move: the standby takes over, and both migrations are accepted."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.embedded.city import City
from orchestrator.embedded.people import People
from tests.contracts.mover.servers import Servers
from tests.support.cluster import LI, WANG, Cluster, database, is_over
from tests.support.standby import Standby

pytestmark = [
    pytest.mark.servers,
    pytest.mark.office,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="host names of their own need root and unshare"),
]
SYSTEMS = ("citizen-portal", "social-insurance")


@pytest.fixture
def failing(
    city: City, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, find_port: Callable[[str], int]
) -> Iterator[tuple[Cluster, Standby]]:
    """The journal on a server with a standby that confirms; Prefect's own data elsewhere."""
    with Servers(tmp_path_factory.mktemp("shared")) as servers:
        database(servers, "source", "journal", "psycopg")
        prefect = database(servers, "target", "prefect", "asyncpg")
        with Standby(servers) as standby:
            cluster = Cluster(tmp_path, city, standby.url("journal"), prefect, find_port("127.0.0.1"))
            try:
                yield cluster, standby
            finally:
                cluster.end()


def test_migrations_are_accepted_though_their_journal_fails_over_in_the_middle(failing: tuple[Cluster, Standby]) -> None:
    cluster, standby = failing
    session = cluster.session
    plan = session.plan
    session.journal.save_plan(plan.digest, plan.model_dump_json(), actor=str(LI))
    session.decisions.approve_plan(plan.digest, actor=WANG)
    with People(session, cluster.city, lambda _system: True, lambda: None) as people:
        for system in SYSTEMS:
            triggered = cluster.trigger("migrate-system/city", f"system={system}")
            assert triggered.returncode == 0, triggered.stderr
        cluster.until("both are in hand", lambda: cluster.at_work(*cluster.controllers))
        events = len(session.journal.events())
        standby.fail_over()
        began = time.monotonic()
        cluster.until("the journal grows again", lambda: len(session.journal.events()) > events + 3)
        print(f"\nthe journal grows again {time.monotonic() - began:.1f} s after the promotion")
        cluster.restart_server()
        cluster.until("both have ended", lambda: all([is_over(cluster, system) for system in SYSTEMS]), seconds=900)  # noqa: C419 - each is asked
    assert [problem for problem in people.problems if "cannot decide on it" not in problem] == []
    for system in SYSTEMS:
        assert [(row.ending, row.why) for row in session.journal.migrations(system=system)] == [("accepted", None)], system
    assert session.journal.verify() == []
