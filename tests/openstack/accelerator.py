"""Whether this machine's KVM boots a guest, or whether guests are emulated: many times slower, and possible everywhere."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.openstack import parts

SECONDS = 20
BOOT = f"""
mount --make-rprivate /
mount --bind /dev "$1/dev"
mount -t tmpfs none "$1/tmp"
mkdir "$1/tmp/guest"
mount --bind "$2" "$1/tmp/guest"
exec chroot "$1" timeout {SECONDS} qemu-system-x86_64 -accel kvm -m 512 -display none -nodefaults -no-reboot -serial stdio \\
    -snapshot -drive file=/tmp/guest/$3,if=virtio
"""


def find_accelerator(root: Path, image: Path) -> str:
    """``kvm`` or ``qemu``, by booting the guest image until its kernel says its name. A /dev/kvm that makes virtual machines is no
    proof: there are machines, themselves virtual, whose KVM stops for ever within a guest's firmware, and its server stays ACTIVE."""
    if not Path("/dev/kvm").exists():
        return "qemu"
    argv = [*parts.ALONE, "sh", "-ec", BOOT, "boot", str(root), str(image.parent), image.name]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as guest:
        assert guest.stdout is not None
        booted = any(b"Linux version" in line for line in guest.stdout)
        guest.kill()
    return "kvm" if booted else "qemu"
