"""What a folder lacks to boot as a machine, case by case and all at once; and the fstab that no missing disk stops."""

import dataclasses

import pytest

from orchestrator.errors import StepFailed
from orchestrator.models import Landing
from orchestrator.movers.server.bootable import (
    NETWORKS,
    Ground,
    find_unbootable,
    fstab_for,
    gave_up,
    insist_mounted,
    note_disk,
    read_ground,
)
from orchestrator.texts import LANGUAGES, spoken

LANDING = Landing(name="bay", address="10.0.0.9", root="/srv/landing/box", boots="machine", boot=("on",), off=("off",))
GROUND = Ground(
    kernel="6.1.0",
    size=9,
    device="/dev/vdb1",
    uuid="1-2",
    disk="/dev/vdb",
    readable=True,
    server_has=("networkctl",),
    enabled=("systemd-networkd.service",),
)
OWN = ("/etc/systemd/network/eth0.network", "/etc/hosts")


def codes(ground: Ground, own=OWN):
    found = find_unbootable(ground, LANDING, own, "box")
    for _, message, remedy in found:
        for language in LANGUAGES:
            assert spoken(message, language)
            assert spoken(remedy, language)
    return sorted(code for code, _, _ in found)


def ground(**changed):
    return dataclasses.replace(GROUND, **changed)


def test_a_disk_with_everything_at_hand_boots():
    assert codes(GROUND) == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"lacks": ("grub-install",)}, "program-missing"),
        ({"server_lacks": ("udevadm",)}, "program-missing"),
        ({"kernel": ""}, "landing-kernel"),
        ({"device": "", "uuid": "", "disk": "", "readable": False}, "landing-unmounted"),
        ({"disk": ""}, "landing-disk"),
        ({"uuid": ""}, "landing-disk"),
        ({"readable": False}, "landing-disk"),
        ({"unready": True}, "landing-disk"),
        ({"below": ("/srv/landing/box/srv",)}, "landing-mounts"),
        ({"server_has": ("ifup",)}, "landing-network"),
        ({"enabled": ()}, "landing-network"),
    ],
)
def test_what_is_missing_is_refused_by_its_name(changed, code):
    assert codes(ground(**changed)) == [code]


@pytest.mark.parametrize("own", [(), ("/etc/hosts",), ("/etc/networks",), ("/etc/systemd/networkd.conf",)])
def test_the_new_machines_network_is_said_ahead(own):
    assert codes(GROUND, own) == ["landing-network"]


@pytest.mark.parametrize(
    ("path", "program", "unit"),
    [
        ("/etc/network/interfaces", "ifup", "networking.service"),
        ("/etc/network/interfaces.d/eth0", "ifup", "networking.service"),
        ("/etc/NetworkManager/system-connections/eth0.nmconnection", "nmcli", "NetworkManager.service"),
        ("/etc/netplan/01.yaml", "netplan", ""),
    ],
)
def test_a_network_is_of_the_program_that_the_server_has(path, program, unit):
    assert codes(ground(server_has=(program,), enabled=(unit,)), (path,)) == []
    assert codes(ground(server_has=tuple(each for _, each, _ in NETWORKS if each != program)), (path,)) == ["landing-network"]


def test_a_link_of_its_own_enables_a_network():
    own = (*OWN, "/etc/systemd/system/multi-user.target.wants/systemd-networkd.service")
    assert codes(ground(enabled=()), own) == []


def test_everything_is_found_at_once():
    assert codes(Ground(lacks=("mkinitramfs", "grub-probe"), server_lacks=("modprobe",)), ()) == [
        "landing-kernel", "landing-network", "landing-unmounted", "program-missing", "program-missing", "program-missing"
    ]  # fmt: skip


def test_both_answers_are_read_word_by_word():
    there = "lacks dd\nkernel 6.1.0-9\nsize 100\ndevice /dev/vdb1\nuuid a-b\ndisk /dev/vdb\nunready\nbelow /srv/x y\nreadable ext2\n"
    assert read_ground(there, "lacks udevadm\nhas ifup\nenabled networking.service\n") == Ground(
        ("dd",),
        "6.1.0-9",
        102_400,
        "/dev/vdb1",
        "a-b",
        "/dev/vdb",
        True,
        ("/srv/x y",),
        True,
        ("udevadm",),
        ("ifup",),
        ("networking.service",),
    )
    assert read_ground("kernel 6\nreadable \n", "") == Ground(kernel="6")


FSTAB = """# /etc/fstab
UUID=old / ext4 defaults 0 1
UUID=other\t/srv ext4 defaults 0 2
/dev/sdc1 none swap sw 0 0
nas:/x /mnt/x nfs4 _netdev 0 0
tmpfs /tmp tmpfs size=1g 0 0
/srv/a /mnt/a none bind 0 0
/srv/b /mnt/b none rw,rbind,nofail 0 0

broken line
"""


def test_no_disk_that_is_not_there_stops_the_boot():
    lines = fstab_for(FSTAB, "new").splitlines()
    mounted = [line.split() for line in lines if line and not line.startswith("#")]
    assert [fields[:3] for fields in mounted] == [
        ["UUID=new", "/", "ext4"], ["tmpfs", "/tmp", "tmpfs"], ["/srv/a", "/mnt/a", "none"], ["/srv/b", "/mnt/b", "none"]
    ]  # fmt: skip
    assert all("nofail" in fields[3].split(",") for fields in mounted[1:])
    assert [fields[3].count("nofail") for fields in mounted[1:]] == [1, 1, 1]


def test_every_line_of_the_old_one_can_still_be_read():
    new = fstab_for(FSTAB, "new")
    for line in FSTAB.splitlines():
        assert line in new or line.split()[1] in new


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n"])
def test_a_server_without_an_fstab_has_its_root(text):
    assert fstab_for(text, "new").splitlines()[0].split()[:2] == ["UUID=new", "/"]


@pytest.mark.parametrize(
    "end",
    [
        "(initramfs)", "---[ end Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0) ]---", "grub rescue>", "grub>",
        "Press Enter for maintenance", "(or press Control-D to continue):", "No bootable device.",
    ],
)  # fmt: skip
def test_a_console_that_waits_for_somebody_ends_the_waiting_but_not_that_of_a_former_boot(end):
    assert gave_up((), ("Linux version 6.1", end))
    assert gave_up(("box login:",), (end,))
    assert not gave_up(("so", end), ("so", end))


@pytest.mark.parametrize(
    "end", ["box login:", "[  OK  ] Started ssh", "Dropping to a shell (initramfs) was not needed", "loading grub>cfg"]
)
def test_a_console_that_goes_on_says_nothing(end):
    assert not gave_up((), ("Kernel panic - not syncing", end))
    assert not gave_up((), ())


class Answering:
    """A landing's machine that answers every script alike; which were run."""

    name = "bay"

    def __init__(self, said: str = "", code: int = 0) -> None:
        self.said, self.code, self.ran = said, code, []

    def run(self, argv, *_, **__):
        self.ran.append(argv[3])
        return dataclasses.make_dataclass("Done", ["code", "stdout"])(self.code, self.said)


def test_nothing_is_written_where_another_disk_or_none_is_mounted():
    with pytest.raises(StepFailed):
        insist_mounted(Answering(code=1), LANDING, "/record")
    bay = Answering("kernel 6.1\n")
    with pytest.raises(StepFailed):
        note_disk(bay, LANDING, "/record")
    assert bay.ran == ["look"]
    bay = Answering("device /dev/vdb1\nuuid a-b\n")
    note_disk(bay, LANDING, "/record")
    assert bay.ran == ["look", "note", "mounted"]
