"""One system on hosts that boot: to the cloud and back, by inventory alone; the old host is as it was, owner for owner.

The engine runs as an ordinary account and logs in as one; whoever decides is another. Citizens ask through the entry all the time.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator

import pytest

from tests.lab import furnish, inventory
from tests.lab.hosts import LabHost
from tests.lab.lab import DEFAULT_HOSTS, LEADER, Lab
from tests.lab.shell import LabError

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1800)]
HOSTS = DEFAULT_HOSTS
TREES = "/opt/permits /srv/permits /etc/permits"
UNITS = "permits-web.service permits-worker.service permits-nightly.timer"


@pytest.fixture(scope="module")
def city(lab: Lab) -> Lab:
    """The permits system in the old room, and its inventory on the controller."""
    passwords = furnish.whole_city(lab)
    inventory.write(lab, [inventory.permits(lab)], passwords, entries={"permits": 8080})
    return lab


def photograph(host: LabHost) -> str:
    """Every entry of the system's folders and units by a checker of its own: owners, modes, lists, attributes, content."""
    return host.script(f"""
        cd /; export LC_ALL=C
        find {TREES} -printf '%y %m %u:%g %s %l %p\\n' | sort
        find {TREES} -type f -exec sha256sum {{}} + | sort
        getfacl -R -p {TREES}; getfattr -R -h -d -m - {TREES}
        find /etc/systemd/system -type f -exec sha256sum {{}} + | sort
        for unit in {UNITS}; do echo "$unit $(systemctl is-enabled $unit) $(systemctl is-active $unit)"; done
    """)


class Citizens:
    """Asks through the entry, ten times a second, and remembers what was acknowledged."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.acknowledged: list[int] = []
        self.failed: list[str] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._ask_on, daemon=True)

    def __enter__(self) -> Citizens:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join(60)

    def _ask_on(self) -> None:
        url = f"http://{self.lab['edge'].address}:8080/permits"
        while not self._ending.is_set():
            try:
                said = self.lab["controller"].run("curl", "-sS", "-m", "30", "-X", "POST", "-d", "citizen", "-w", " %{http_code}", url)
                body, _, code = said.rpartition(" ")
                if code == "201":
                    self.acknowledged.append(json.loads(body)["id"])
                else:
                    self.failed.append(said[:200])
            except LabError as error:
                self.failed.append(str(error)[-200:])
            time.sleep(0.1)


def rows(host: LabHost, statement: str, port: int = 5432) -> list[str]:
    """Asked on the server itself, as its own superuser."""
    script = f'psql -qAt -h /var/run/postgresql -p {port} -d permits -c "{statement}"'
    return host.run("runuser", "-u", "postgres", "--", "sh", "-c", script).split()


@pytest.fixture(scope="module")
def trip(city: Lab) -> Iterator[dict[str, str]]:
    """Forward to the final gate, then back."""
    before = photograph(city["app"])
    with Citizens(city) as citizens:
        said = ""
        done = city.orchestrator("migrate", "--system", "permits", "--direct", limit=900)
        said += done.stdout + done.stderr
        for verb in ("accept", "approve"):
            assert done.returncode == 6, said[-6000:]
            digest = re.findall(r"of plan ([0-9a-f]{8})", done.stdout)[-1]
            decided = city.orchestrator(verb, "permits", "--digest", digest, account=LEADER)
            assert decided.returncode == 0, decided.stdout + decided.stderr
            done = city.orchestrator("resume", "permits", "--direct", limit=900)
            said += done.stdout + done.stderr
        assert done.returncode == 6, said[-6000:]
        there = city["app-new"].script(f"for u in {UNITS}; do systemctl is-active $u; done; :")
        here = city["app"].script("for u in permits-worker.service permits-nightly.timer; do systemctl is-active $u; done; :")
        owners = city["app-new"].run("find", "/srv/permits", "-printf", "%u:%g %m %P\\n")
        backwards = city.orchestrator("rollback", "permits", "--reason", "the trial of going back", "--direct", limit=900)
        said += backwards.stdout + backwards.stderr
    yield {
        "said": said, "before": before, "after": photograph(city["app"]), "there": there, "here": here, "owners": owners,
        "code": str(backwards.returncode), "acknowledged": json.dumps(citizens.acknowledged), "failed": json.dumps(citizens.failed),
    }  # fmt: skip


def test_it_went_there_and_came_back(trip: dict[str, str]) -> None:
    assert trip["code"] == "4", trip["said"][-4000:]
    assert trip["there"].split() == ["active", "active", "active"]


def test_what_runs_once_ran_once(trip: dict[str, str]) -> None:
    assert trip["here"].split() == ["inactive", "inactive"]


def test_files_belong_there_to_whom_they_belonged_here(trip: dict[str, str]) -> None:
    assert "permits:permits 700 uploads" in trip["owners"]
    assert "root:archive 2750 archive" in trip["owners"]


def test_the_old_host_is_as_it_was_owner_for_owner(trip: dict[str, str]) -> None:
    assert trip["after"] == trip["before"]


def test_nothing_was_lost_and_nobody_was_turned_away(city: Lab, trip: dict[str, str]) -> None:
    kept = set(rows(city["db"], "SELECT id FROM permits"))
    acknowledged = [str(number) for number in json.loads(trip["acknowledged"])]
    assert len(acknowledged) > 20
    assert [number for number in acknowledged if number not in kept] == []
    assert json.loads(trip["failed"]) == []
