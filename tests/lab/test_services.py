"""The table of services on a booted host: real units, real reboots. And what only systemd has: timers, templates, packaged units."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import OrchestratorError
from orchestrator.hosts.cron import Cron
from orchestrator.hosts.services import CarriedFile, Placed, ServiceManager, State
from orchestrator.hosts.systemd import Systemd
from orchestrator.tools.ssh import SshConnection
from tests.contracts.service import story
from tests.lab.connect import connection_to
from tests.lab.hosts import LabHost
from tests.lab.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]
MINUTES = 4
HOSTS = "app@room"
HOME = "/var/lib/orchestrator/services"
FOREIGN = """[Unit]
Description=somebody else's
[Service]
User=ops
Environment=GREETING=foreign
ExecStart={command}
Restart=always
[Install]
WantedBy=multi-user.target
"""


class BootedHost:
    """A lab host, worked on over SSH as ``ops`` with sudo."""

    kind = "systemd"

    def __init__(self, lab: Lab, host: LabHost) -> None:
        self.lab, self.host = lab, host
        self.address = host.address
        self._port = 9000
        self._connection: SshConnection | None = None
        host.write("/opt/program.py", story.PROGRAM)

    def connection(self) -> SshConnection:
        if self._connection is None or not self._connection.alive:
            self._connection = connection_to(self.lab, self.host.name)
        return self._connection

    def manager(self) -> ServiceManager:
        return Systemd(self.connection(), HOME)

    def argv(self, *arguments: str) -> tuple[str, ...]:
        return ("/usr/bin/python3", "/opt/program.py", *arguments)

    def free_port(self) -> int:
        self._port += 1
        return self._port

    def get(self, port: int) -> str:
        return self.host.run("curl", "-fsS", f"http://{self.address}:{port}/")

    def start_foreign(self, service: Placed) -> None:
        self.host.write(f"/etc/systemd/system/{service.name}.service", FOREIGN.format(command=" ".join(service.argv)))
        self.host.run("systemctl", "daemon-reload")
        self.host.run("systemctl", "enable", "--quiet", "--now", f"{service.name}.service")
        if service.port:
            self.host.script(f"until curl -fsS http://{self.address}:{service.port}/ >/dev/null 2>&1; do sleep 0.1; done", limit=20)

    def try_by_hand(self, service: Placed) -> None:
        self.host.run("systemctl", "start", f"{service.name}.service", check=False)

    def restart_host(self) -> None:
        self.host.cut_power()
        self.host.boot()
        self.host.wait_ready()
        self.host.run("systemctl", "is-system-running", "--wait", check=False)

    def photograph(self) -> str:
        looked = "find /etc/systemd/system /var/lib/orchestrator -not -type d -printf '%p %m %u %g %l %s %T@\\n' 2>/dev/null | sort"
        return self.host.script(f"{looked}; find /etc/systemd/system -type f -exec sha256sum {{}} + | sort")


@pytest.fixture(scope="module")
def booted(lab: Lab) -> BootedHost:
    return BootedHost(lab, lab["app"])


@pytest.fixture(autouse=True)
def _clean(booted: BootedHost, request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    name = request.node.callspec.id if hasattr(request.node, "callspec") else ""
    if name:
        booted.host.run("systemctl", "disable", "--quiet", "--now", f"{name}.service", check=False)
        booted.host.script(f"rm -rf /etc/systemd/system/{name}.* {HOME}; systemctl daemon-reload; systemctl reset-failed || :")


@pytest.mark.parametrize("case", story.CASES, ids=lambda path: path.stem)
def test_case(booted: BootedHost, case: Path) -> None:
    story.tell(case, booted)


def _unit(booted: BootedHost, name: str, text: str) -> None:
    booted.host.write(f"/etc/systemd/system/{name}", text)
    booted.host.run("systemctl", "daemon-reload")


def test_a_timer_and_its_job_are_handed_over_and_a_run_under_way_comes_to_its_end(booted: BootedHost) -> None:
    job = "sleep 2; echo done >>/var/tmp/nightly"
    _unit(booted, "nightly.service", f"[Service]\nType=oneshot\nExecStart=/bin/sh -c '{job}'\n")
    _unit(booted, "nightly.timer", "[Timer]\nOnCalendar=*:*:*\nAccuracySec=100ms\n[Install]\nWantedBy=timers.target\n")
    booted.host.run("systemctl", "enable", "--quiet", "--now", "nightly.timer")
    before = booted.photograph()
    booted.host.script(
        "until systemctl is-active --quiet nightly.service || [ $(systemctl is-active nightly.service) = activating ]; do :; done"
    )
    manager, timer = booted.manager(), Placed("nightly", unit="nightly.timer")
    manager.hold(timer)
    runs = booted.host.run("cat", "/var/tmp/nightly").count("done")
    assert runs >= 1  # the run that was under way was not cut off
    booted.host.run("systemctl", "start", "nightly.service", "nightly.timer", check=False)
    booted.host.script("sleep 3.5")
    assert booted.host.run("cat", "/var/tmp/nightly").count("done") == runs
    assert not manager.state(timer).active
    manager.restore(timer)
    assert manager.state(timer).active
    assert booted.photograph() == before
    booted.host.script(f"until [ $(grep -c done /var/tmp/nightly) -gt {runs} ]; do sleep 0.2; done", limit=20)
    booted.host.script("systemctl disable --quiet --now nightly.timer; systemctl stop nightly.service")


def test_a_timer_that_is_brought_leaves_nothing_behind(booted: BootedHost) -> None:
    before = booted.photograph()
    job = CarriedFile("/etc/systemd/system/brought.service", b"[Service]\nType=oneshot\nExecStart=/bin/true\n")
    timer = CarriedFile("/etc/systemd/system/brought.timer", b"[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n")
    manager, service = booted.manager(), Placed("brought", unit="brought.timer", files=(timer, job), environment={"GREETING": "x"})
    manager.place(service)
    manager.hold(service)
    manager.release(service)
    manager.place(service)
    manager.start(service)
    assert manager.state(service).active
    manager.restore(service)
    assert booted.photograph() == before
    assert booted.host.script("ls -d /etc/systemd/system/brought* 2>/dev/null || :") == ""


def test_a_template_is_held_for_one_instance_only(booted: BootedHost) -> None:
    _unit(booted, "queue@.service", "[Service]\nExecStart=/bin/sleep infinity\nRestart=always\n[Install]\nWantedBy=multi-user.target\n")
    booted.host.run("systemctl", "enable", "--quiet", "--now", "queue@1.service", "queue@2.service")
    manager, one, two = booted.manager(), Placed("queue-1", unit="queue@1.service"), Placed("queue-2", unit="queue@2.service")
    manager.hold(one)
    assert (manager.state(one).active, manager.state(two).active) == (False, True)
    manager.restore(one)
    assert manager.state(one).active
    booted.host.run("systemctl", "disable", "--quiet", "--now", "queue@1.service", "queue@2.service")


def test_a_packaged_unit_gets_a_dropin_and_keeps_its_file(booted: BootedHost) -> None:
    manager = booted.manager()
    proxy = Placed("proxy", unit="nginx.service", environment={"GREETING": "x"}, enabled=False)
    before = booted.photograph()
    manager.place(proxy)
    assert "nginx.service.d/50-orchestrator.conf" in booted.photograph()
    assert booted.host.run("systemctl", "is-enabled", "nginx", check=False).strip() == "disabled"
    manager.restore(proxy)
    assert booted.photograph() == before


def test_a_unit_is_carried_with_its_mode_its_owner_and_what_stood_there_before(booted: BootedHost) -> None:
    booted.host.write("/etc/carried.env", "OLD=1\n", mode=0o600)
    manager = booted.manager()
    unit = CarriedFile(
        "/etc/systemd/system/carried.service", b"[Service]\nUser=ops\nEnvironmentFile=/etc/carried.env\nExecStart=/bin/sleep 99\n"
    )
    values = CarriedFile("/etc/carried.env", "NAME=档案\n".encode(), mode=0o640, group="ops")
    service = Placed("carried", unit="carried.service", files=(unit, values))
    manager.place(service)
    manager.start(service)
    assert booted.host.run("stat", "-c", "%a %U %G", "/etc/carried.env").strip() == "640 root ops"
    assert booted.host.run("systemctl", "show", "-p", "User", "--value", "carried").strip() == "ops"
    manager.restore(service)
    assert booted.host.run("cat", "/etc/carried.env") == "OLD=1\n"
    assert booted.host.run("stat", "-c", "%a %U %G", "/etc/carried.env").strip() == "600 root root"
    assert not manager.state(service).present


JOBS = '# the office\'s own\nMAILTO=""\n* * * * * root sleep 4; echo done >>/var/tmp/cron-runs\n@daily root true\n'


def _cron(booted: BootedHost) -> ServiceManager:
    return Cron(booted.connection(), HOME)


def test_jobs_of_cron_are_laid_aside_held_over_a_power_cut_and_given_back(booted: BootedHost) -> None:
    booted.host.write("/etc/cron.d/office", JOBS, mode=0o640)
    photographed = "stat -c '%a %U:%G %s %Y' /etc/cron.d/office; cat /etc/cron.d/office; ls -A /etc/cron.d"
    before = booted.host.script(photographed)
    service = Placed("office-jobs", cron="/etc/cron.d/office")
    _cron(booted).hold(service)
    booted.restart_host()
    assert _cron(booted).state(service) == State(present=True, active=False, held=True, ours=True, as_given=True)
    with pytest.raises(OrchestratorError, match="is held"):
        _cron(booted).start(service)
    _cron(booted).restore(service)
    assert booted.host.script(photographed) == before
    elsewhere = Placed("brought", cron="/etc/cron.d/brought", files=(CarriedFile("/etc/cron.d/brought", JOBS.encode(), mode=0o640),))
    manager = _cron(booted)
    manager.place(elsewhere)
    assert not manager.state(elsewhere).active
    manager.hold(elsewhere)
    manager.release(elsewhere)
    manager.place(elsewhere)
    manager.start(elsewhere)
    assert booted.host.script("stat -c '%a %U:%G' /etc/cron.d/brought").strip() == "640 root:root"
    manager.restore(elsewhere)
    assert "brought" not in booted.host.run("ls", "-A", "/etc/cron.d")
    booted.host.script(f"rm -rf /etc/cron.d/office {HOME}")


@pytest.mark.long
def test_a_job_of_cron_under_way_comes_to_its_end_and_none_begins_after_it(booted: BootedHost) -> None:
    booted.host.write("/etc/cron.d/office", JOBS)
    under_way = "until pgrep -fx 'sleep 4' >/dev/null; do sleep 0.2; done; cat /var/tmp/cron-runs 2>/dev/null | wc -l"
    before = int(booted.host.script(under_way, limit=150))
    service = Placed("office-jobs", cron="/etc/cron.d/office", start_seconds=60)
    _cron(booted).hold(service)
    count = "wc -l </var/tmp/cron-runs"
    assert int(booted.host.script(count)) == before + 1
    booted.host.script("sleep $((70 - $(date +%-S)))", limit=100)  # past the next turn: cron has read anew before it
    assert int(booted.host.script(count)) == before + 1
    _cron(booted).restore(service)
    booted.host.script(f"until [ $(wc -l </var/tmp/cron-runs) -gt {before + 1} ]; do sleep 1; done", limit=200)
    booted.host.script(f"rm -rf /etc/cron.d/office {HOME}")


@pytest.mark.long
def test_a_job_of_cron_runs_at_each_turn_on_one_side_or_the_other(booted: BootedHost) -> None:
    """Handed over right before a minute's turn: what is due at it runs where it was."""
    booted.host.write("/etc/cron.d/office", "* * * * * root echo done >>/var/tmp/cron-turns\n")
    service = Placed("office-jobs", cron="/etc/cron.d/office", start_seconds=60)
    booted.host.script("until [ $(date +%S) -ge 54 ]; do sleep 0.2; done", limit=100)
    before = int(booted.host.script("cat /var/tmp/cron-turns 2>/dev/null | wc -l"))
    _cron(booted).hold(service)
    assert int(booted.host.script("wc -l </var/tmp/cron-turns")) == before + 1
    assert 5 <= int(booted.host.run("date", "+%-S")) < 50  # and the other side has time to begin before the next one
    _cron(booted).restore(service)
    booted.host.script(f"rm -rf /etc/cron.d/office {HOME}")


def test_children_that_outlive_their_unit_are_seen(booted: BootedHost) -> None:
    command = "/bin/sh -c 'setsid sleep 4 & exec sleep infinity'"
    _unit(booted, "leaver.service", f"[Service]\nExecStart={command}\nKillMode=process\n")
    booted.host.run("systemctl", "start", "leaver.service")
    manager, service = booted.manager(), Placed("leaver", unit="leaver.service", start_seconds=15)
    manager.stop(service)
    assert booted.host.run("pgrep", "-fx", "sleep 4", check=False).strip() == ""


def test_a_unit_that_nobody_brought_is_named(booted: BootedHost) -> None:
    with pytest.raises(OrchestratorError, match=r"no unit absent\.service"):
        booted.manager().place(Placed("absent", unit="absent.service"))
    booted.manager().restore(Placed("absent", unit="absent.service"))
