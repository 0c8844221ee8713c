"""What keeps a server from being moved whole, case by case: each by its own name, all at once."""

import dataclasses

import pytest

from orchestrator.models import Host, Landing
from orchestrator.movers.server.check import Asked, find_problems, needed, scope_of
from orchestrator.movers.server.questions import ServerFacts, Space, Writer
from orchestrator.movers.server.scope import Mount
from orchestrator.texts import LANGUAGES, spoken

ROOT = Mount("/", "ext4", "/dev/sda1", "8:1", "/")
FACTS = ServerFacts(
    processor="x86_64", systemd=True, machine_id="old", rsync=(3, 2, 7), mounts=(ROOT,), space={"/": Space(5_000_000_000, 1, 90_000)}
)
THERE = dataclasses.replace(FACTS, machine_id="bay")
LANDING = Landing(name="bay", address="10.0.0.9", root="/srv/landing/box", boot=("on",), off=("off",))
HOST = Host(name="box", address="10.0.0.1")


def codes(asked: Asked, landing: Landing = LANDING, severity: str = "error") -> list[str]:
    found = find_problems(HOST, landing, asked, "system")
    for finding in found:
        for language in LANGUAGES:
            assert spoken(finding.says, language) and spoken(finding.mend, language)
    return sorted(finding.code for finding in found if finding.severity == severity)


def facts(**changed) -> ServerFacts:
    return dataclasses.replace(FACTS, **changed)


def mounted(*mounts: Mount) -> ServerFacts:
    return facts(mounts=(ROOT, *mounts))


def test_an_ordinary_server_may_be_moved_and_what_it_costs_is_told():
    assert codes(Asked(FACTS, THERE)) == []
    assert codes(Asked(FACTS, THERE), severity="warning") == ["estimate"]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (Asked(facts(processor="aarch64"), THERE), "other-processor"),
        (Asked(FACTS, FACTS), "same-machine"),
        (Asked(facts(lacks=("rsync",), rsync=()), THERE), "program-missing"),
        (Asked(facts(rsync=(3, 1, 2)), THERE), "rsync-old"),
        (Asked(FACTS, dataclasses.replace(THERE, rsync=(3, 0, 9))), "rsync-old"),
        (Asked(facts(systemd=False), THERE), "no-systemd"),
        (Asked(facts(selinux=True), THERE), "selinux"),
        (Asked(facts(mapped=("CRYPT-LUKS2-0123-root",)), THERE), "encrypted"),
        (Asked(facts(mapped=("LVM-abc-cow",)), THERE), "snapshots"),
        (Asked(mounted(Mount("/mnt/share", "nfs4", "nas:/x", "0:44", "/")), THERE), "remote-mount"),
        (Asked(mounted(Mount("/mnt/s", "fuse.sshfs", "x:/", "0:44", "/")), THERE), "remote-mount"),
        (Asked(mounted(Mount("/data", "btrfs", "/dev/sdb", "0:33", "/")), THERE), "file-system"),
        (Asked(mounted(Mount("/data", "zfs", "tank", "0:33", "/")), THERE), "file-system"),
        (Asked(mounted(Mount("/var/lib/docker/overlay2/x/merged", "overlay", "overlay", "0:33", "/")), THERE), "file-system"),
        (Asked(mounted(Mount("/data", "ext4", "/dev/sdb1", "8:17", "/inner")), THERE), "part-mounted"),
        (Asked(mounted(Mount("/mnt/again", "ext4", "/dev/sda1", "8:1", "/")), THERE), "mounted-twice"),
        (Asked(FACTS, THERE, programs=("bash", "dockerd")), "guests"),
        (Asked(FACTS, THERE, programs=("containerd-shim",)), "guests"),
        (Asked(FACTS, THERE, detached=(("java", "session-3.scope"),)), "no-unit"),
    ],
)
def test_what_was_never_run_or_cannot_be_is_refused_by_its_name(asked, code):
    assert codes(asked) == [code]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (Asked(facts(swaps=("/swapfile",)), THERE), "swap"),
        (Asked(mounted(Mount("/mnt/b", "ext4", "/dev/sda1", "8:1", "/var/lib/app")), THERE), "bind-mounts"),
        (Asked(FACTS, THERE, devices=(("modem", "/dev/ttyUSB0"),)), "device-open"),
        (Asked(facts(ports=(("10.0.0.1", 8080), ("10.0.0.1", 22))), THERE), "own-address"),
        (Asked(FACTS, THERE, naming=("/opt/app/conf.ini",)), "address-named"),
        (Asked(FACTS, THERE, writers=(Writer("/var/lib/db/data", "db", "db.service", False),)), "at-rest"),
    ],
)
def test_what_a_person_should_know_stops_nobody(asked, code):
    assert codes(asked) == []
    assert code in codes(asked, severity="warning")


def test_everything_is_found_at_once():
    asked = Asked(facts(processor="aarch64", selinux=True, mapped=("CRYPT-x",)), THERE, programs=("dockerd",))
    assert codes(asked) == ["encrypted", "guests", "other-processor", "selinux"]


def test_a_machine_never_gets_the_old_ones_network_a_container_does_once():
    first = {
        boots: scope_of(LANDING.model_copy(update={"boots": boots}), Asked(FACTS, THERE)).left_out("/", first=True)
        for boots in ("machine", "container")
    }
    of_a_network = {"/etc/network/interfaces", "/etc/netplan/*", "/etc/systemd/network/*", "/etc/udev/rules.d/70-persistent-net.rules"}
    assert of_a_network <= set(first["machine"])
    assert of_a_network.isdisjoint(first["container"])


def test_a_mount_that_the_inventory_leaves_out_is_somebody_elses_care():
    asked = Asked(mounted(Mount("/mnt/share", "nfs4", "nas:/x", "0:44", "/")), THERE)
    assert codes(asked, LANDING.model_copy(update={"exclude": ("/mnt/share",)})) == []


@pytest.mark.parametrize(("path", "kind"), [("/boot", "ext4"), ("/boot", "xfs"), ("/boot/efi", "vfat"), ("/usr/lib/modules", "squashfs")])
def test_a_file_system_that_each_side_has_for_itself_is_no_pass_of_its_own(path, kind):
    """A pass of it would delete the kernel and the boot loader that the new machine has there."""
    asked = Asked(mounted(Mount(path, kind, "/dev/sda2", "8:2", "/")), THERE)
    assert codes(asked) == []
    scope = scope_of(LANDING, asked)
    assert scope.systems == ("/",)
    for first in (True, False):
        assert f"{path}/*" in scope.left_out("/", first=first)


def test_files_whose_address_changes_are_carried_forward_and_never_back():
    scope = scope_of(LANDING.model_copy(update={"readdress": ("/etc/app.env",)}), Asked(FACTS, THERE, own=("/etc/motd",)))
    assert "/etc/app.env" not in scope.left_out("/")
    assert {"/etc/app.env", "/etc/motd"} <= set(scope.left_out("/", back=True))


def test_room_is_needed_for_what_is_carried_only():
    asked = Asked(
        facts(mounts=(ROOT, Mount("/srv", "ext4", "/dev/sdb1", "8:17", "/")), space={"/": Space(5, 0, 7), "/srv": Space(50, 0, 70)}), THERE
    )
    assert needed(scope_of(LANDING, asked), asked.facts) == (55, 77)
    assert needed(scope_of(LANDING.model_copy(update={"exclude": ("/srv",)}), asked), asked.facts) == (5, 7)
