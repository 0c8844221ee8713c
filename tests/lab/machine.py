"""A machine in the lab: QEMU with a disk that the bay fills while it is off. Its switch is the bay's, its console a file there.

KVM where this machine's boots a guest, else emulated, many times slower.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shlex
import socket
import struct
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab import groups, landing
from tests.lab.hosts import KEEP_BOOTING, LabHost
from tests.lab.lab import Lab
from tests.lab.landing import LandedHost
from tests.lab.networks import SUBNETS
from tests.lab.shell import LabError, run
from tests.openstack.parts import ALONE

PACKAGES = ("linux-image-cloud-amd64", "initramfs-tools", "grub-pc-bin", "grub2-common", "qemu-system-x86")
"""What the bay has beside the others: kernel and boot loader of its own distribution, and what machines run on here."""
DISK_MB = 4096
POWER = "/var/lib/power"
NETWORK = """[Match]
Name=eth0
[Network]
Address={address}/24
Gateway={gateway}
LinkLocalAddressing=no
"""
RUN = """
mount --make-rprivate /
mount --bind /dev "$1/dev"
mount -t tmpfs none "$1/tmp"
mkdir "$1/tmp/disk" "$1/tmp/power"
mount --bind "$2" "$1/tmp/disk"
mount --bind "$3" "$1/tmp/power"
root=$1; shift 3
exec chroot "$root" "$@"
"""
ON_THE_BUS = ("-device", "virtio-blk-pci,drive=disk")
ON_ANOTHER_BUS = ("-device", "lsi53c895a", "-device", "scsi-hd,drive=disk")
"""The firmware and the boot loader read a disk there; the kernel has no driver for it and finds no root."""


@dataclass
class Machine(LandedHost):
    """Runs from the disk; reached over ssh alone, as any machine is."""

    power: Path = Path()
    accelerator: str = "tcg,thread=multi"
    device: str = ""
    """The disk's partition, as the bay has it."""
    misplaced: bool = False
    """Its disk is on a bus that its kernel does not know."""

    def boot(self) -> None:
        self.networks.put_cable_back(self.port)
        folders = groups.make(self.lab, self.name)
        (self.power / "console").unlink(missing_ok=True)
        qemu = [
            *("qemu-system-x86_64", "-accel", self.accelerator, "-m", "1024", "-display", "none", "-nodefaults"),
            *("-drive", "file=/tmp/disk/disk.img,format=raw,if=none,id=disk"), *(ON_ANOTHER_BUS if self.misplaced else ON_THE_BUS),
            *("-netdev", f"tap,id=net,ifname={self.port},script=no,downscript=no", "-device", "virtio-net-pci,netdev=net,mac=52:54:00:80:02:60"),
            *("-device", "virtio-rng-pci", "-serial", "file:/tmp/power/console", "-monitor", "unix:/tmp/disk/monitor,server=on,wait=off"),
        ]  # fmt: skip
        argv = [
            "ip",
            "netns",
            "exec",
            self.networks.switch,
            "unshare",
            "--mount",
            "sh",
            "-ec",
            RUN,
            "run",
            str(self.base),
            str(self.folder),
        ]
        with (self.folder / "console").open("ab") as log:
            subprocess.Popen(
                ["sh", "-c", KEEP_BOOTING, "keep-booting", *argv, str(self.power), *qemu],
                env={**os.environ, "GROUPS_OF_HOST": " ".join(map(str, folders))}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def switch_off(self, *, limit: float = 90) -> None:
        """The power button is pressed; who does not hear it loses power."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as monitor:
            monitor.settimeout(5)
            monitor.connect(str(self.folder / "monitor"))
            monitor.sendall(b"system_powerdown\n")
            until = time.monotonic() + limit
            while groups.members(self.lab, self.name) and time.monotonic() < until:
                time.sleep(0.1)
        groups.end(self.lab, self.name)
        self.networks.pull_cable(self.port)

    def inside(self, argv: Sequence[str], *, account: str = "root") -> list[str]:
        options = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=30", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        key = str(self.folder.parents[1] / "key")
        command = shlex.join(["sudo", "-u", account, "--", *argv])
        enter = ["ip", "netns", "exec", self.networks.switch]
        return [*enter, "ssh", "-q", "-i", key, *options, f"ops@{self.address}", command]


@contextlib.contextmanager
def furnish(lab: Lab, bay: str, address: str, accelerator: str) -> Iterator[Machine]:
    """A disk with one partition, mounted at the bay's folder; what the new machine has of its own beside it; a machine for the disk."""
    host: LabHost = lab[bay]
    folder = lab.folder / "hosts" / "landed"
    folder.mkdir()
    image = folder / "disk.img"
    run(["truncate", "-s", f"{DISK_MB}M", str(image)])
    _partition(image)
    loop = run(["losetup", "--find", "--show", "--partscan", str(image)]).strip()
    try:
        run(["partx", "--add", loop], check=False)  # where the kernel's loop devices look for no partitions themselves
        run(["mkfs.ext4", "-q", f"{loop}p1"])
        for device in (loop, f"{loop}p1"):
            number = Path(device).stat().st_rdev
            host.script(f"mknod {device} b {os.major(number)} {os.minor(number)}")
        host.script(f"mkdir -p {POWER} {landing.PLACE}; mount {loop}p1 {landing.PLACE}")
        own = landing.OWN
        host.write(f"{own}/etc/hosts", f"127.0.0.1 localhost\n{address} box\n")
        host.write(f"{own}/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        host.write(f"{own}/etc/systemd/network/eth0.network", NETWORK.format(address=address, gateway=f"{SUBNETS['cloud']}.1"))
        wants = f"{own}/etc/systemd/system/multi-user.target.wants"
        host.script(f"mkdir -p {wants}; ln -s /lib/systemd/system/systemd-networkd.service {wants}/")
        host.write("/usr/local/sbin/box-power", landing.SWITCH.replace("-lt 1200", "-lt 4800"), mode=0o755)
        machine = Machine(
            lab.name, "landed", 90, "cloud", address, folder, host.base, power=host.root / POWER.lstrip("/"), accelerator=accelerator,
            device=f"{loop}p1",
        )  # fmt: skip
        lab.networks.add_tap(machine.port, "cloud")
        lab.hosts[machine.name] = machine
        yield machine
    finally:
        groups.end(lab.name, "landed")
        if host.is_on:
            with contextlib.suppress(LabError):
                host.script(f"umount {landing.PLACE}")
        run(["partx", "--delete", loop], check=False)
        run(["losetup", "--detach", loop], check=False)


def _partition(image: Path) -> None:
    """One partition from 1 MB to the end, by which the firmware's boot sector has room."""
    sectors = image.stat().st_size // 512
    with image.open("r+b") as disk:
        disk.seek(446)
        disk.write(struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", 2048, sectors - 2048) + bytes(48) + b"\x55\xaa")


def why_not() -> str:
    """Why this machine cannot hold another one; empty when it can."""
    lacking = [device for device in ("/dev/loop-control", "/dev/net/tun") if not Path(device).exists()]
    if platform.machine() != "x86_64":
        return "the machine in the lab is an x86_64"
    return f"the lab's machine needs {', '.join(lacking)}" if lacking else ""


def find_accelerator(base: Path) -> str:
    """``kvm`` where a kernel says its name on it, else emulation. A /dev/kvm that makes virtual machines is no proof that they run."""
    if not Path("/dev/kvm").exists():
        return "tcg,thread=multi"
    kernel = max(base.glob("boot/vmlinuz-*")).relative_to(base)
    qemu = [
        "timeout",
        "20",
        "qemu-system-x86_64",
        "-accel",
        "kvm",
        "-m",
        "512",
        "-display",
        "none",
        "-nodefaults",
        "-no-reboot",
        "-serial",
        "stdio",
    ]
    words = [*qemu, "-kernel", f"/{kernel}", "-append", "console=ttyS0 panic=-1"]
    argv = [*ALONE, "sh", "-ec", RUN, "run", str(base), "/tmp", "/tmp", *words]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as guest:
        assert guest.stdout is not None
        booted = any(b"Linux version" in line for line in guest.stdout)
        guest.kill()
    return "kvm" if booted else "tcg,thread=multi"
