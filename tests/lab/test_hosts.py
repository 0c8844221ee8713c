"""The lab itself: hosts boot, let in whom they should, and suffer the faults that tests ask of them."""

from __future__ import annotations

import time

import pytest

from tests.lab.hosts import ACCOUNT
from tests.lab.lab import Lab
from tests.lab.shell import LabError, run

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]
HOSTS = "app@room db@room app-new@cloud"


def _reaches(lab: Lab, source: str, target: str) -> bool:
    knock = f"exec 3<>/dev/tcp/{lab[target].address}/22"
    return run([*lab[source].inside(["timeout", "2", "bash", "-c", f"{knock} && echo yes"])], check=False).strip() == "yes"


def test_every_host_runs_a_systemd_of_its_own(lab: Lab) -> None:
    for name in ("app", "db", "app-new", "controller"):
        assert lab[name].run("systemctl", "is-system-running", "--wait").strip() == "running"
    identities = {lab[name].run("cat", "/etc/machine-id", "/etc/ssh/ssh_host_ed25519_key.pub") for name in lab.hosts}
    assert len(identities) == len(lab.hosts)


def test_an_ordinary_account_logs_in_and_becomes_root_and_root_does_not_log_in(lab: Lab) -> None:
    assert lab.ssh("app", "id", "-un").stdout.strip() == ACCOUNT
    assert lab.ssh("app", "sudo", "-n", "id", "-un").stdout.strip() == "root"
    refused = lab.engineer("ssh", "-i", "/home/engineer/.ssh/key", "-o", "BatchMode=yes", f"root@{lab['app'].address}", "true")
    assert refused.returncode == 255
    assert "Permission denied" in refused.stderr


def test_the_engine_runs_as_an_account_without_rights(lab: Lab) -> None:
    assert lab.engineer("id", "-un").stdout.strip() == "engineer"
    assert lab.engineer("sudo", "-n", "true").returncode != 0
    assert lab.orchestrator("--help").returncode == 0
    written = lab.engineer("sh", "-c", 'touch "$0"', str(__file__))
    assert "Read-only" in written.stderr or "Permission denied" in written.stderr


def test_no_host_reaches_the_network_of_the_machine(lab: Lab) -> None:
    interfaces = lab["app"].run("ip", "-brief", "link").split()
    assert [word.partition("@")[0] for word in interfaces if word.partition("@")[0] in ("lo", "eth0")] == ["lo", "eth0"]
    routed = run(["ip", "netns", "exec", lab.networks.switch, "ip", "route", "show", "default"])
    assert routed.strip() == ""


def test_power_cut_clean_shutdown_and_boot(lab: Lab) -> None:
    host = lab["db"]
    first = host.run("cat", "/proc/sys/kernel/random/boot_id")
    host.script("mkdir -p /srv && echo kept >/srv/note && sync")
    host.cut_power()
    assert not host.is_on
    assert not _reaches(lab, "app", "db")
    with pytest.raises(LabError, match="switched off"):
        host.run("true")
    host.boot()
    host.wait_ready()
    assert host.run("cat", "/srv/note").strip() == "kept"
    host.script("systemd-run --quiet --unit=farewell --property=ExecStop='/bin/touch /srv/stopped-in-order' sleep infinity")
    host.switch_off()
    assert (host.root / "srv/stopped-in-order").exists()
    host.boot()
    host.wait_ready()
    assert first  # a guest shares the kernel's boot id: who asks a host whether it booted anew asks its systemd


def test_a_host_that_hangs_answers_nobody_and_goes_on_afterwards(lab: Lab) -> None:
    lab["app"].hang()
    try:
        assert not lab["app"].greets()
    finally:
        lab["app"].wake()
    assert lab["app"].greets()


def test_partitions_of_a_host_and_of_a_site(lab: Lab) -> None:
    lab.partition("app")
    assert not _reaches(lab, "db", "app")
    lab.heal("app")
    assert _reaches(lab, "db", "app")
    lab.partition("room")
    assert _reaches(lab, "db", "app")
    assert not _reaches(lab, "app-new", "app")
    lab.heal("room")
    assert _reaches(lab, "app-new", "app")


def test_a_slow_line_is_slow_and_fast_again(lab: Lab) -> None:
    lab["app"].script("head -c 1000000 /dev/urandom >/home/ops/megabyte; chmod 644 /home/ops/megabyte")

    def fetch() -> float:
        began = time.monotonic()
        assert lab.ssh("app", "cat", "/home/ops/megabyte").returncode == 0
        return time.monotonic() - began

    lab.slow("app", "2mbit")
    slow = fetch()
    lab.fast("app")
    assert slow >= 3.5  # a million bytes at two megabits a second: four seconds less the burst; no upper bound on a busy machine


def test_a_running_host_is_carried_to_another_network(lab: Lab) -> None:
    before = lab["app"].address
    after = lab.relocate("app", "cloud")
    assert (before, lab["app"].is_on) == ("10.80.1.11", True)
    assert after.startswith("10.80.2.")
    assert _reaches(lab, "app-new", "app")
    assert lab.relocate("app", "room") == before


def test_a_lab_leaves_nothing_behind(lab: Lab) -> None:
    assert lab.name  # machines without a lab are skipped by the fixture
    other = Lab(f"x{lab.name[-8:].replace('-', '')}")
    other.up("lonely@room")
    pids = [other["lonely"].leader(), other["controller"].leader()]
    other.down()
    assert not other.folder.exists()
    assert other.name not in run(["ip", "netns", "list"])
    assert other.name not in run(["mount"])
    assert run(["find", "/sys/fs/cgroup", "-maxdepth", "2", "-name", f"{other.name}*"]).strip() == ""
    states = [run(["ps", "-o", "stat=", "-p", str(pid)], check=False).strip() for pid in pids]
    assert all(state == "" or state.startswith("Z") for state in states)  # ended, whether or not its parent has looked yet
