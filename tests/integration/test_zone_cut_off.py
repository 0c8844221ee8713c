"""Two zones, a controller in each, and the line of one to journal and Prefect is cut while it moves a system: what it had in hand waits
as it is, nobody else touches it, the other zone's systems are accepted meanwhile, and when the line is mended it goes on to the end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from orchestrator.embedded import citizens, judge
from orchestrator.embedded.city import City
from orchestrator.embedded.people import People
from tests.contracts.mover.servers import Servers
from tests.integration.test_two_controllers import case_of, mend_weather_when_it_stands
from tests.support.cluster import LI, WANG, Cluster, Post, database, is_over
from tests.support.line import Line

pytestmark = [
    pytest.mark.servers,
    pytest.mark.office,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="host names of their own need root and unshare"),
]
WEATHER, HERE = "weather-bulletin", ("citizen-portal", "social-insurance")
ZONES = {"street": ["internet"]}


@pytest.fixture
def divided(
    city: City, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, find_port: Callable[[str], int]
) -> Iterator[tuple[Cluster, list[Line]]]:
    """The zone ``street`` reaches journal and Prefect by lines of its own."""
    with Servers(tmp_path_factory.mktemp("shared")) as servers:
        journal, prefect = (database(servers, "source", name, driver) for name, driver in (("journal", "psycopg"), ("prefect", "asyncpg")))
        port = find_port("127.0.0.1")
        to_journal, to_prefect = find_port("127.0.0.2"), find_port("127.0.0.3")
        url = make_url(journal)
        lines = [
            Line(("127.0.0.2", to_journal), (str(url.host), int(url.port or 5432))),
            Line(("127.0.0.3", to_prefect), ("127.0.0.1", port)),
        ]
        reach = {
            "ORCHESTRATOR_JOURNAL": url.set(host="127.0.0.2", port=to_journal).render_as_string(hide_password=False),
            "PREFECT_API_URL": f"http://127.0.0.3:{to_prefect}/api",
            "NO_PROXY": "127.0.0.1,127.0.0.3",
        }
        posts = {"controller-a": Post(), "controller-b": Post("street", reach)}
        cluster = Cluster(tmp_path, city, journal, prefect, port, posts=posts, zones=ZONES)
        try:
            yield cluster, lines
        finally:
            cluster.end()
            for line in lines:
                line.close()


def test_the_systems_of_a_zone_that_is_cut_off_wait_and_the_others_go_on(divided: tuple[Cluster, list[Line]]) -> None:
    cluster, lines = divided
    session, city = cluster.session, cluster.city
    session.journal.save_plan(session.plan.digest, session.plan.model_dump_json(), actor=str(LI))
    session.decisions.approve_plan(session.plan.digest, actor=WANG)
    baselines = citizens.baselines(city)
    ledgers = cluster.folder / "ledgers"
    citizens.start(city, ledgers, only=[WEATHER, *HERE], max_seconds=1300)
    mend_weather_when_it_stands(city)

    with People(session, city, lambda _system: True, lambda: None) as people:
        assert cluster.trigger("migrate-system/street", f"system={WEATHER}").returncode == 0
        cluster.until("the street's controller has it in hand", lambda: cluster.holds("controller-b"))
        for line in lines:
            line.cut()
        for system in HERE:
            assert cluster.trigger("migrate-system/city", f"system={system}").returncode == 0
        heard = max(event.seq for event in session.journal.events())
        cluster.until("the city's own have ended", lambda: all([is_over(cluster, system) for system in HERE]), seconds=900)  # noqa: C419 - each is asked
        row = cluster.row(WEATHER)
        assert row.state != "ended"
        ours = [event for event in session.journal.events() if event.migration == row.id and event.seq > heard]
        assert {event.actor for event in ours} <= {str(person) for person in (WANG, LI)}, "somebody else went on with it"
        assert session.journal.lease_holder(row.id).host in ("controller-b", "")
        for line in lines:
            line.mend()
        cluster.until("the street's has ended", lambda: is_over(cluster, WEATHER), seconds=600)
    assert [problem for problem in people.problems if "cannot decide on it" not in problem] == []

    citizens.stop(city)
    for system in (WEATHER, *HERE):
        found = [str(finding) for row in session.journal.migrations(system=system) for finding in session.notes.findings(row.id)]
        assert [(row.ending, row.why) for row in session.journal.migrations(system=system)] == [("accepted", None)], found
        verdict = judge.judge(case_of(cluster, system, ledgers, baselines[system]))
        assert verdict.acknowledged > 0
        assert (verdict.lost, verdict.duplicated) == (0, 0), verdict.details
    assert session.journal.verify() == []
