"""What of a server is carried, and what each side keeps for itself. Pure: from what the host says to lists of paths.

One pass for each file system: rsync is kept on the one that it begins on (``-x``), so what is mounted below is left out there
and has a pass of its own.
"""

from __future__ import annotations

import dataclasses
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

CARRIED = ("ext2", "ext3", "ext4", "overlay")
"""Kinds of file system of which a move was run."""
VOLATILE = ("/proc", "/sys", "/dev", "/run")
"""Made anew by every boot. On the way back these folders are a living system's: even their times are let alone."""
NOT_CARRIED = ("/tmp/*", "/var/tmp/*", "lost+found", "/var/lib/orchestrator")  # noqa: S108 - names of what is left out
"""As rsync's patterns. Our own folder is each side's record of what we did there."""
PER_SIDE = (
    "/etc/fstab",
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/adjtime",
    "/etc/network",
    "/etc/netplan",
    "/etc/systemd/network",
    "/etc/sysconfig/network-scripts",
    "/etc/NetworkManager/system-connections",
    "/etc/udev/rules.d/70-persistent-net.rules",
    "/etc/initramfs-tools",
    "/etc/systemd/system/default.target",
    "/etc/systemd/system/orchestrator-standby.target",
    "/boot",
    "/lib/modules",
    "/usr/lib/modules",
    "/var/lib/dhcp",
    "/var/lib/systemd/random-seed",
    "/var/lib/systemd/timers",
    "/var/lib/private/systemd",
    "/var/log/journal",
    "/var/log/wtmp",
    "/var/log/btmp",
    "/var/log/lastlog",
)
"""How a machine reaches its network and its disks, its kernel, and what it notes of its own boots. The first copy brings them
once, since a server without them is worse; later passes leave them, in both directions. Host keys, machine-id, accounts and
the host's name are no matter of the place: they move along."""
NETWORK_FILES = (
    "/etc/network/interfaces",
    "/etc/network/interfaces.d/*",
    "/etc/netplan/*",
    "/etc/systemd/network/*",
    "/etc/NetworkManager/system-connections/*",
    "/etc/udev/rules.d/70-persistent-net.rules",
)
"""As rsync's patterns: by these a machine would take the old one's address. Not even the first copy brings them to one."""
_REMOTE = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "ceph", "glusterfs", "9p", "lustre", "gpfs", "ocfs2", "gfs2", "afs", "davfs")
_UNREAL = (
    *("proc", "sysfs", "devtmpfs", "devpts", "tmpfs", "cgroup", "cgroup2", "securityfs", "pstore", "efivarfs", "bpf", "tracefs", "debugfs"),
    *("configfs", "hugetlbfs", "mqueue", "fusectl", "autofs", "binfmt_misc", "rpc_pipefs", "nsfs", "selinuxfs", "ramfs", "fuse.lxcfs"),
)
"""Kinds that hold nothing of the server's."""


@dataclass(frozen=True)
class Mount:
    """One line of what is mounted where."""

    path: str
    kind: str
    source: str
    device: str
    """``major:minor``."""
    inner: str
    """What of its file system is seen there: ``/`` for the whole, a folder for a bind mount."""

    @property
    def is_remote(self) -> bool:
        return self.kind in _REMOTE or (self.kind.startswith("fuse.") and self.kind not in _UNREAL)

    @property
    def is_real(self) -> bool:
        """Holds something of the server's own."""
        return self.kind not in _UNREAL and not self.is_remote


def read_mounts(text: str) -> list[Mount]:
    """From ``/proc/self/mountinfo``, in its order; of several on one path the last, which is the one that is seen."""
    found: dict[str, Mount] = {}
    for line in text.splitlines():
        words, _, rest = line.partition(" - ")
        fields, tail = words.split(" "), rest.split(" ")
        if len(fields) < 5 or len(tail) < 2:
            continue
        path = _plain(fields[4])
        found.pop(path, None)
        found[path] = Mount(path, tail[0], _plain(tail[1]), fields[2], _plain(fields[3]))
    return list(found.values())


def _plain(text: str) -> str:
    """The kernel writes blanks, tabs, line breaks and backslashes of a path as ``\\ooo``."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def is_below(path: str, folder: str) -> bool:
    """Whether a path is a folder or lies in it."""
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


def anchor(path: str) -> str:
    """A path as rsync's pattern: from the top, and no sign stands for others. A backslash escapes only where there is such a sign."""
    return re.sub(r"([*?\[\\])", r"\\\1", path) if re.search(r"[*?\[]", path) else path


@dataclass(frozen=True)
class Scope:
    """What is carried of one server. ``systems``: the mount points of its own file systems, ``/`` first. ``shadows``: mount points
    whose content is no part of the file system that they stand in, or is left out."""

    systems: tuple[str, ...]
    shadows: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    per_side: tuple[str, ...] = PER_SIDE
    never_back: tuple[str, ...] = ()
    """What was changed or laid over for the new server: comes with every pass forward, goes with none back."""
    at_rest: tuple[str, ...] = ()
    never_there: tuple[str, ...] = ()
    """rsync's patterns of what not even the first copy brings."""

    def as_json(self) -> dict[str, list[str]]:
        """For the record."""
        return {name: list(paths) for name, paths in dataclasses.asdict(self).items()}

    @classmethod
    def from_json(cls, kept: Mapping[str, Sequence[str]]) -> Scope:
        """As it was kept."""
        return cls(**{name: tuple(paths) for name, paths in kept.items()})

    def left_out(self, system: str, *, first: bool = False, back: bool = False, at_rest: bool = True) -> list[str]:
        """rsync's patterns for the pass of one file system. ``first``: into an empty folder. ``at_rest``: whether trees that mean
        something only at rest are carried."""
        whole = [*self.exclude, *(() if first else self.per_side), *(self.never_back if back else ())]
        whole += [] if at_rest else list(self.at_rest)
        whole += list(VOLATILE) if back else []
        inside = [*self.shadows, *(other for other in self.systems if other != system), *(() if back else VOLATILE)]
        patterns = [anchor(below) for path in whole if (below := _within(path, system))]
        patterns += [below for pattern in self.never_there if (below := _within(pattern, system))]
        patterns += [f"{anchor(below)}/*" for path in inside if (below := _within(path, system)) and below != "/"]
        patterns += [below for pattern in NOT_CARRIED if (below := _within(pattern, system))]
        return list(dict.fromkeys(patterns))

    def unseen(self, *, back: bool = False) -> list[str]:
        """Absolute paths that a comparison of both sides does not look at, themselves or what is below them."""
        paths = [*VOLATILE, *self.exclude, *self.per_side, *self.shadows, "/tmp", "/var/tmp", "/var/lib/orchestrator"]  # noqa: S108
        return list(dict.fromkeys([*paths, *(self.never_back if back else ())]))


def _within(path: str, system: str) -> str:
    """A path as seen from the top of a file system; empty when it lies elsewhere. What is no path from the top is a name anywhere."""
    if not path.startswith("/"):
        return path
    if system == "/":
        return path
    return path[len(system) :] if path.startswith(f"{system}/") else ""


def topmost(paths: Iterable[str]) -> list[str]:
    """Without those that lie within another one."""
    kept: list[str] = []
    for path in sorted(set(paths)):
        if not any(is_below(path, other) for other in kept):
            kept.append(path)
    return kept


def carried_systems(mounts: Sequence[Mount], exclude: Sequence[str]) -> tuple[list[str], list[str]]:
    """Mount points of the server's own file systems, and those that shadow what they stand in: other kinds, bind mounts, a file
    system that is mounted a second time, what is left out."""
    systems, shadows, devices = [], [], set()
    for mount in sorted(mounts, key=lambda each: each.path != "/"):
        left_out = any(is_below(mount.path, path) for path in exclude)
        if any(is_below(mount.path, path) for path in VOLATILE):
            continue
        if not mount.is_real or left_out or mount.device in devices or (mount.inner != "/" and mount.path != "/"):
            shadows.append(mount.path)
            continue
        devices.add(mount.device)
        systems.append(mount.path)
    return sorted(systems), shadows


def broad(path: str) -> bool:
    """Whether a folder holds much more than one program's data."""
    return path.count("/") < 2 or posixpath.dirname(path) in ("/", "/etc") or path in ("/var/lib", "/usr/lib", "/usr/local", "/usr/share")
