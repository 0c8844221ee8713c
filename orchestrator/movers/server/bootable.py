"""A landing that is a disk: what its folder needs beside the server's files to boot as a machine, and who may have it open when.

Kernel, modules, initial file system and boot loader come from the landing's own distribution; nothing of it is installed on the
server, nothing goes back. Everything is prepared while the server still runs. Before the boot the disk is let go, and is seen to be.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.errors import StepFailed
from orchestrator.models import Landing
from orchestrator.movers.server.scope import is_below
from orchestrator.texts import Words, say
from orchestrator.tools.ssh import SshConnection

INITRD_BYTES = 200_000_000
"""Room for an initial file system with drivers for most machines, and the boot loader."""
NETWORKS = (
    ("/etc/network/interfaces", "ifup", "networking.service"),
    ("/etc/systemd/network", "networkctl", "systemd-networkd.service"),
    ("/etc/NetworkManager/system-connections", "nmcli", "NetworkManager.service"),
    ("/etc/netplan", "netplan", ""),
)
"""Where a network is configured, by which program of the server's, and the unit that does it at boot (netplan's makes its own)."""
GAVE_UP = re.compile(
    r"\(initramfs\)$|Kernel panic - not syncing|^grub( rescue)?>$|Press Enter for maintenance|press Control-D to continue|[Nn]o bootable"
)
"""A console that ends so waits for somebody: a disk that is not found, a file system that is not mounted."""
_LOOK = r"""
LC_ALL=C; export LC_ALL
for each in grub-install grub-probe mkinitramfs blkid blockdev findmnt mountpoint umount mount perl; do command -v "$each" >/dev/null || echo "lacks $each"; done
[ -e /usr/lib/grub/i386-pc/modinfo.sh ] || echo "lacks grub-pc-bin"
for each in $(ls /boot | sed -n 's/^vmlinuz-//p' | sort -rV); do
    [ -e "/lib/modules/$each/modules.dep" ] || continue
    echo "kernel $each"; echo "size $(du -skc "/lib/modules/$each" "/boot/vmlinuz-$each" | tail -n 1 | cut -f 1)"; break
done
device=$(findmnt -rno SOURCE -M "$1") || exit 0
name=$(basename "$(readlink -f -- "$device")")
echo "device $device"; echo "uuid $(blkid -s UUID -o value -- "$device")"
if [ -e "/sys/class/block/$name/partition" ]; then
    disk=$(basename "$(dirname "$(readlink -f "/sys/class/block/$name")")"); echo "disk /dev/$disk"
    if [ "$(blkid -p -s PTTYPE -o value -- "/dev/$disk")" = gpt ]; then
        for each in "/sys/class/block/$disk"/*/partition; do
            each=${each%/partition}; blkid -p -s PART_ENTRY_TYPE -o value -- "/dev/${each##*/}"
        done 2>/dev/null | grep -qi '^21686148-6449-6e6f-744e-656564454649' || echo "unready"
    fi
fi
findmnt -rno TARGET -R "$1" | tail -n +2 | sed 's/^/below /'
command -v grub-probe >/dev/null && echo "readable $(grub-probe -t fs -d "$device" 2>/dev/null)"
:
"""
_SERVER = r"""
for each in udevadm modprobe; do command -v "$each" >/dev/null || echo "lacks $each"; done
for each; do
    unit=${each#*=}; command -v "${each%%=*}" >/dev/null && echo "has ${each%%=*}"
    [ -n "$unit" ] && systemctl is-enabled --quiet -- "$unit" 2>/dev/null && echo "enabled $unit"
done
:
"""
_NOTE = 'umask 077; [ -e "$1/disk" ] || printf "%s\\n" "$2" >"$1/disk"'
_MOUNTED = '[ -s "$2/disk" ] && [ "$(blkid -s UUID -o value -- "$(findmnt -rno SOURCE -M "$1")")" = "$(cat -- "$2/disk")" ]'
_PREPARE = r"""
LC_ALL=C; export LC_ALL; umask 022
root=$1 home=$2 kernel=$3 uuid=$4 disk=$5 lib=$1/lib
[ ! -L "$lib" ] || lib=$root/usr/lib
mkdir -p -- "$root/etc" "$root/boot/grub" "$lib/modules"
for each in "$root/etc" "$root/boot/grub" "$lib/modules"; do  # a link of the server's may lead to the landing's own files
    [ "$(readlink -f -- "$each")" = "$each" ] || { echo "$each: a link on its way" >&2; exit 9; }
done
rm -f -- "$root/etc/fstab"; cat >"$root/etc/fstab"
rsync -a --delete -- "/lib/modules/$kernel/" "$lib/modules/$kernel/"
if [ ! -e "$home/initrd-$kernel" ]; then
    rm -rf -- "$home/conf"; cp -a /etc/initramfs-tools "$home/conf"
    sed -i 's/^MODULES=.*/MODULES=most/' "$home/conf/initramfs.conf"; rm -f "$home/conf"/conf.d/*; echo RESUME=none >"$home/conf/conf.d/resume"
    mkinitramfs -d "$home/conf" -o "$home/initrd.new" "$kernel"; mv -- "$home/initrd.new" "$home/initrd-$kernel"
fi
cp --remove-destination -- "/boot/vmlinuz-$kernel" "$root/boot/vmlinuz-$kernel"
cp --remove-destination -- "$home/initrd-$kernel" "$root/boot/initrd.img-$kernel"
grub-install --target=i386-pc --no-floppy --boot-directory="$root/boot" "$disk"
rm -f -- "$root/boot/grub/grub.cfg"; cat >"$root/boot/grub/grub.cfg" <<END
serial --unit=0 --speed=115200
terminal_output console serial
search --no-floppy --fs-uuid --set=root $uuid
linux /boot/vmlinuz-$kernel root=UUID=$uuid ro net.ifnames=0 cloud-init=disabled console=tty0 console=ttyS0,115200
initrd /boot/initrd.img-$kernel
boot
END
sync
"""
_LET_GO = r"""
LC_ALL=C; export LC_ALL
sync
while mountpoint -q -- "$1"; do umount -- "$1"; done
disk=$(blkid -U "$(cat -- "$2/disk")") || exit 0
perl -MFcntl -e 'sysopen(my $disk, $ARGV[0], O_RDWR | O_EXCL) or die "$ARGV[0]: $!\n"' -- "$disk"
"""
_TAKE_BACK = r"""
[ -e "$2/disk" ] || exit 0
! mountpoint -q -- "$1" || exit 0
n=0; until disk=$(blkid -U "$(cat -- "$2/disk")"); do n=$((n + 1)); [ "$n" -lt 600 ] || { echo "no disk $(cat -- "$2/disk")" >&2; exit 1; }; sleep 0.1; done
blockdev --flushbufs "$disk"  # what it was before somebody else wrote to it
mount -- "$disk" "$1"
"""
"""Constants; folder, record, kernel and disk come as their arguments, fstab on its input. An exclusive opening fails while anybody has
a file system of the device mounted, in whatever namespace: a machine that booted beside would see old blocks."""


@dataclass(frozen=True)
class Ground:
    """What a landing's machine and the server said about booting a disk."""

    lacks: tuple[str, ...] = ()
    kernel: str = ""
    """The newest of the landing's that has its modules."""
    size: int = 0
    """Bytes of kernel and modules."""
    device: str = ""
    """What is mounted at the folder; empty when nothing is."""
    uuid: str = ""
    disk: str = ""
    """Where that is a partition of."""
    readable: bool = False
    """Whether the boot loader reads its file system."""
    below: tuple[str, ...] = ()
    """What is mounted within."""
    unready: bool = False
    """Divided by GPT without a partition for the boot loader."""
    server_lacks: tuple[str, ...] = ()
    server_has: tuple[str, ...] = ()
    enabled: tuple[str, ...] = ()
    """Network units that the server's boots start."""

    @property
    def needed(self) -> int:
        """Bytes beside the server's own."""
        return self.size + INITRD_BYTES


def ask(bay: SshConnection, source: SshConnection, landing: Landing) -> Ground:
    """Both machines, read only. Raises ToolError."""
    there = bay.run(["sh", "-c", _LOOK, "look", landing.root], 60, check=True).stdout
    words = [f"{program}={unit}" for _, program, unit in NETWORKS]
    return read_ground(there, source.run(["sh", "-c", _SERVER, "server", *words], 60, check=True).stdout)


def read_ground(there: str, here: str) -> Ground:
    """From both answers: a word and a value a line. Pure."""
    said, ours = (_read(text) for text in (there, here))

    def only(word: str) -> str:
        return next(iter(said.get(word, ())), "")

    return Ground(
        tuple(said.get("lacks", ())), only("kernel"), int(only("size") or 0) * 1024, only("device"), only("uuid"), only("disk"),
        bool(only("readable")), tuple(said.get("below", ())), "unready" in said,
        tuple(ours.get("lacks", ())), tuple(ours.get("has", ())), tuple(ours.get("enabled", ())),
    )  # fmt: skip


def _read(text: str) -> dict[str, list[str]]:
    said: dict[str, list[str]] = {}
    for line in text.splitlines():
        word, _, value = line.partition(" ")
        said.setdefault(word, []).append(value)
    return said


def find_unbootable(ground: Ground, landing: Landing, own: Sequence[str], host: str) -> list[tuple[str, Words, Words]]:
    """Code, what is wrong, what to do: why the folder would not come up as a machine. All at once. Pure."""
    name, root = landing.name, landing.root
    rows: list[tuple[str, Words, Words]] = [
        ("program-missing", say("server.lacks", host=name, program=each), say("steps.install_package", package=each))
        for each in ground.lacks
    ]
    rows += [("program-missing", say("server.lacks", host=host, program=each), say("server.needs_to_boot")) for each in ground.server_lacks]
    if not ground.kernel:
        rows.append(("landing-kernel", say("server.no_kernel", landing=name), say("server.install_kernel")))
    if not ground.device:
        rows.append(("landing-unmounted", say("server.not_mounted", root=root), say("server.mount_disk")))
    else:
        if not ground.disk or not ground.uuid:
            rows.append(("landing-disk", say("server.no_partition", root=root, device=ground.device), say("server.mount_disk")))
        if ground.unready:
            rows.append(("landing-disk", say("server.no_boot_partition", disk=ground.disk), say("server.give_boot_partition")))
        if not ground.readable and "grub-probe" not in ground.lacks:
            rows.append(("landing-disk", say("server.unreadable", device=ground.device), say("server.format_plainly")))
        if ground.below:
            rows.append(("landing-mounts", say("server.mounted_below", root=root, paths=ground.below), say("server.one_disk")))
    networks = [row for row in NETWORKS if any(is_below(path, row[0]) or path.startswith(f"{row[0]}.d/") for path in own)]
    if not networks:
        rows.append(("landing-network", say("server.no_network"), say("server.give_network", places=tuple(row[0] for row in NETWORKS))))
    for place, program, unit in networks:
        if program not in ground.server_has:
            rows.append(
                ("landing-network", say("server.not_its_network", host=host, place=place, program=program), say("server.its_network"))
            )
        elif unit and unit not in ground.enabled and not any(path.endswith(f".wants/{unit}") for path in own):
            rows.append(("landing-network", say("server.network_off", host=host, unit=unit), say("server.enable_network", unit=unit)))
    return rows


def fstab_for(text: str, uuid: str) -> str:
    """The new machine's: the one disk for the root, in which everything of the server's lies; of the server's own lines those that
    need no other disk, none of which stops the boot; all others as a remark. Pure."""
    lines = [f"UUID={uuid} / ext4 errors=remount-ro 0 1"]
    for line in text.splitlines():
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            lines.append(line)
            continue
        options = fields[3].split(",") if len(fields) > 3 else []
        bound = "bind" in options or "rbind" in options
        if len(fields) > 3 and fields[1] != "/" and (fields[2] == "tmpfs" or bound):
            fields[3] = ",".join(dict.fromkeys([*options, "nofail"]))
            lines.append(" ".join(fields))
        else:
            lines.append(f"# at the old place: {line}")
    return "\n".join(lines) + "\n"


def gave_up(before: Sequence[str], now: Sequence[str]) -> bool:
    """Whether a console says that the boot ended without a server. What stood there ``before`` the boot says nothing. Pure."""
    return bool(now) and tuple(now) != tuple(before) and GAVE_UP.search(now[-1]) is not None


# ---------------------------------------------------------------- acts. ``record``: where the landing's machine notes whose the folder is


def note_disk(connection: SshConnection, landing: Landing, record: str) -> None:
    """Which disk the folder is, from here on. Raises StepFailed when it is none, or another one than it was."""
    ground = read_ground(connection.run(["sh", "-c", _LOOK, "look", landing.root], 60, check=True).stdout, "")
    if not ground.uuid:
        raise StepFailed(say("server.not_mounted", root=landing.root), where=landing.name, remedy=say("server.mount_disk"))
    connection.run(["sh", "-euc", _NOTE, "note", record, ground.uuid], check=True)
    insist_mounted(connection, landing, record)


def insist_mounted(connection: SshConnection, landing: Landing, record: str) -> None:
    """The folder is that disk, and not an empty one on the landing's own. Raises StepFailed."""
    if connection.run(["sh", "-c", _MOUNTED, "mounted", landing.root, record], 60).code != 0:
        raise StepFailed(say("server.not_mounted", root=landing.root), where=landing.name, remedy=say("server.mount_again"))


def prepare(connection: SshConnection, landing: Landing, record: str, fstab: str) -> None:
    """Kernel, modules, initial file system, boot loader and fstab are there. ``fstab``: the server's own."""
    ground = read_ground(connection.run(["sh", "-c", _LOOK, "look", landing.root], 60, check=True).stdout, "")
    words = [landing.root, record, ground.kernel, ground.uuid, ground.disk]
    connection.run(["sh", "-euc", _PREPARE, "prepare", *words], 1800, fstab_for(fstab, ground.uuid).encode(), check=True)


def let_go(connection: SshConnection, landing: Landing, record: str) -> None:
    """Everything is on the disk, nothing of it is mounted any more, and nobody else on that machine has it. Raises ToolError."""
    connection.run(["sh", "-euc", _LET_GO, "let-go", landing.root, record], 900, check=True)


def take_back(connection: SshConnection, landing: Landing, record: str) -> None:
    """Mounted again, once what ran from it is off; a disk that is attached again may take a while to appear."""
    connection.run(["sh", "-euc", _TAKE_BACK, "take-back", landing.root, record], 300, check=True)
