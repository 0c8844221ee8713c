"""Going back when the special equipment has already travelled: the data goes back at once, the device by carriage, each measured apart."""

import re
import socket

import psycopg
import pytest

from orchestrator.embedded import citizens
from orchestrator.gateways.haproxy import Runtime
from orchestrator.models import HttpGateway
from tests.faults.conftest import REGISTER

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]


def signs(address: str, port: int) -> bool:
    """Whether the device signs there."""
    try:
        with socket.create_connection((address, port), timeout=2) as connection:
            connection.sendall(b"42\n")
            return bool(re.fullmatch(rb"[0-9a-f]{128}\n", connection.makefile("rb").readline()))
    except OSError:
        return False


def test_a_device_that_was_carried_away_comes_back_and_signs_where_it_was(city, begin, capsys):
    file = city.folder / "inventory" / "natural-resources.yaml"
    alone = file.read_text("utf-8").replace("- citizen-portal", "").replace("depends_on:\n", "depends_on: []\n")
    file.write_text(re.sub(r"trial_run_seconds: \d+(\.0)?", "trial_run_seconds: 600", alone), "utf-8")  # it is asked back while the engine watches
    baseline = citizens.baseline(city, REGISTER)
    story = begin(REGISTER)
    device = next(s for s in city.systems() if s["id"] == REGISTER)["devices"][0]
    links = [Runtime(HttpGateway(**city.site(kind)["haproxy"])) for kind in ("room", "cloud")]
    engine = story.start("migrate", "--system", REGISTER, "--direct", "--wait")
    story.until_step("trial_run")
    assert signs(device["new_address"], device["port"])
    assert not signs(device["address"], device["port"])

    assert story.run("rollback", REGISTER, "--reason", "the device is wanted back", "--direct") == 0, story.said()
    assert engine.wait(120) == 4, story.said()

    assert (story.row.state, story.row.ending, story.row.live) == ("ended", "rolled_back_after_cutover", "source")
    assert signs(device["address"], device["port"])
    assert not signs(device["new_address"], device["port"])
    wanted = f"{device['address']}:{device['port']}"
    assert [link.address(f"device-{device['name']}", "dev") for link in links] == [wanted, wanted]
    verdict = story.judged(baseline, live="source")
    assert verdict.faults == [], verdict.details
    assert (verdict.lost, verdict.duplicated) == (0, 0)
    measured = {(m.kind, m.direction): m for m in story.session.decisions.measurements(story.row.id)}
    back, outage = measured[("cutover", "back")], measured[("device_outage", "back")]
    assert back.ended < outage.ended  # the data did not wait for the carriage
    with psycopg.connect(story.dsn("source")) as connection:
        assert connection.execute("SELECT count(*) FROM pg_replication_slots").fetchone() == (0,)
    with capsys.disabled():
        print(f"\n  back {back.longest_gap_ms} ms; device away {outage.longest_gap_ms / 1000:.1f} s")
