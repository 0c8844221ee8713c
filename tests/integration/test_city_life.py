"""Up, down, crash and neighbours: exactly the city's processes start and end."""

import os
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from orchestrator.embedded import databases, hosts
from orchestrator.embedded.city import City
from orchestrator.errors import ToolError

pytestmark = pytest.mark.servers


def test_two_cities_stand_at_once_a_crashed_one_recovers_and_down_ends_only_its_own(tmp_path, ssh):
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"])
    first, second = City(tmp_path / "one"), City(tmp_path / "two")
    try:
        assert first.up()["up"]
        pids = {record.pid for record in first.book.records()}
        assert first.up()["up"]
        assert {record.pid for record in first.book.records()} == pids, "a city that stands is left as it is"
        assert second.up()["up"]
        assert first.placement != second.placement
        for record in first.book.records():
            if record.name in ("portal-db.postgres", "edge.haproxy", "slot"):
                os.kill(record.pid, signal.SIGKILL)
        deadline = time.monotonic() + 5
        while len(first.status()["dead"]) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert set(first.status()["dead"]) == {"portal-db.postgres", "edge.haproxy", "slot"}
        assert first.up()["up"]
        first.down()
        assert first.book.strays() == []
        assert second.status()["up"], "the neighbour still stands"
        assert ssh(second, "portal-app", "echo in").stdout == "in\n", "and lets people in"
        assert bystander.poll() is None
        for child in psutil.Process().children(recursive=True):
            assert str(tmp_path / "one") not in " ".join(child.cmdline())
    finally:
        first.down()
        second.down()
        bystander.kill()
        bystander.wait()


def test_a_city_that_cannot_be_built_leaves_nothing_running(tmp_path, monkeypatch):
    city = City(tmp_path / "city")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(databases, "fill", interrupted)
    with pytest.raises(KeyboardInterrupt):
        city.up()
    assert city.book.strays() == []
    assert city.book.records() == []


def test_an_sshd_that_cannot_start_is_named_with_its_log(tmp_path):
    folder = tmp_path.resolve()
    hosts.make_key(folder / "ssh" / "id", "x")
    hosts.make(folder, "one")
    city = City(folder)
    try:
        with socket.create_server(("127.119.250.2", 0)) as taken:
            hosts.start(folder, "one", "127.119.250.2", taken.getsockname()[1])
            with pytest.raises(ToolError, match="sshd of one ended"):
                hosts.wait(folder, "one")
    finally:
        city.down()
