"""What a server is asked before it is moved: by its own shell and tools, nothing is installed, nothing is written.

Every answer is NUL-separated, since names are bytes. Who writes is asked of the kernel (open files, shared mappings), not of lists of
products: a database that nobody told us of is found as well as one that everybody knows.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from orchestrator.movers.server.scope import Mount, broad, is_below, read_mounts, topmost
from orchestrator.tools.ssh import SshConnection

MAX_LIST = 50_000_000
_FACTS = r"""
LC_ALL=C; export LC_ALL
say() { printf '%s\0%s\0' "$1" "$2"; }
say processor "$(uname -m)"
say kernel "$(uname -r)"
[ -d /run/systemd/system ] && say systemd yes
say machine "$(cat /etc/machine-id 2>/dev/null)"
say rsync "$(rsync --version 2>/dev/null | head -n 1)"
for name in rsync find sort sha256sum flock lsattr chattr systemctl systemd-run xargs readlink grep awk; do
    command -v "$name" >/dev/null 2>&1 || say lacks "$name"
done
say mounts "$(cat /proc/self/mountinfo)"
say swaps "$(tail -n +2 /proc/swaps 2>/dev/null)"
for each in /sys/class/block/*/dm/uuid; do
    [ -r "$each" ] && say mapped "$(cat "$each")"
done
[ -e /sys/fs/selinux/enforce ] && say selinux "$(cat /sys/fs/selinux/enforce)"
say ports "$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '$4 == "0A" { print $2 }' | sort -u)"
df -Pk 2>/dev/null | tail -n +2 | while read -r _ size used free _ place; do say "space $size $used $free" "$place"; done
df -Pi 2>/dev/null | tail -n +2 | while read -r _ size used free _ place; do say "entries $used" "$place"; done
if grep -q ' / / [^-]* - overlay ' /proc/self/mountinfo; then  # its numbers are those of the disk below
    free=$(df -Pk / | awk 'NR == 2 { print $4 }')
    say "space 0 $(du -skx / 2>/dev/null | cut -f 1) $free" /
    say "entries $(du -sx --inodes / 2>/dev/null | cut -f 1)" /
fi
"""
_WRITERS = r"""
LC_ALL=C; export LC_ALL
find /proc/[0-9]*/fd -maxdepth 1 -type l -perm -u+w -lname '/*' ! -lname '/dev/*' ! -lname '/proc/*' ! -lname '/sys/*' ! -lname '/run/*' \
    ! -lname '/memfd:*' ! -lname '* (deleted)' -printf 'open\0%p\0%l\0' 2>/dev/null
awk '$2 ~ /w.s/ && $6 ~ /^\// && $6 !~ /^\/(dev|proc|sys|run|memfd:|SYSV)/ && $0 !~ / \(deleted\)$/ {
    path = $0; for (n = 0; n < 5; n++) sub(/^[^ ]+ +/, "", path); printf "mapped%c%s%c%s%c", 0, FILENAME, 0, path, 0 }' /proc/[0-9]*/maps 2>/dev/null
:
"""
_GROUP = r"""
LC_ALL=C; export LC_ALL
group() {
    group=
    while IFS= read -r line; do
        case $line in 0::*|[0-9]*:name=systemd:*) group=${line#*:*:}; return;; esac
    done 2>/dev/null <"/proc/$1/cgroup"
}
"""
"""``group PID``: its control group, in ``$group``. Nothing is started for it: a host has thousands of processes and open files."""
_ABOUT = _GROUP + r"""
for pid; do
    IFS= read -r comm 2>/dev/null <"/proc/$pid/comm" || continue
    group "$pid"
    printf '%s\0%s\0%s\0' "$pid" "$comm" "$group"
done
:
"""
_APPENDS = r"""
LC_ALL=C; export LC_ALL
for each; do
    while read -r key flags; do
        [ "$key" = flags: ] || continue
        case $flags in *[2367]???) printf '%s\0' "$each";; esac
        break
    done 2>/dev/null <"${each%/fd/*}/fdinfo/${each##*/}"
done
:
"""
_DETACHED = _GROUP + r"""
for each in /proc/[0-9]*; do
    [ -e "$each/exe" ] || continue
    group "${each#/proc/}"
    case $group in *.scope) ;; *) continue;; esac
    case $group in */init.scope) continue;; esac
    set -- $(sed 's/.*) //' "$each/stat" 2>/dev/null); [ "$5" = 0 ] || continue
    comm=$(cat "$each/comm" 2>/dev/null)
    case $comm in sshd|sshd-session|sftp-server|sudo|su|sh|bash|dash|env|find|sed|awk|cat|systemd|'(sd-pam)') continue;; esac
    case $comm in ssh-agent|gpg-agent|dbus-daemon|dbus-launch|gvfs*|pulseaudio) continue;; esac  # a log-in's own
    printf '%s\0%s\0%s\0' "${each#/proc/}" "$comm" "$group"
done
"""
_DEVICES = r"""
LC_ALL=C; export LC_ALL
find /proc/[0-9]*/fd -maxdepth 1 -type l -lname '/dev/*' -printf '%p\0%l\0' 2>/dev/null; :
"""
"""Constants; numbers of processes and places of open files come as their arguments."""
_HARMLESS = re.compile(
    r"/dev/(null|zero|full|u?random|tty|console|ptmx|pts/.*|shm/.*|mqueue.*|log|hpet|rtc.*|kmsg|fuse|autofs|hugepages.*|input/event\d+|tty\d+)"
)


@dataclass(frozen=True)
class Writer:
    """A file that a process has open for writing."""

    path: str
    program: str
    unit: str
    """The unit or scope that it belongs to; empty outside of all."""
    only_adds: bool


@dataclass(frozen=True)
class Space:
    """Of one mount point: bytes used and free, entries used (0: its file system does not count them)."""

    used: int
    free: int
    entries: int = 0


@dataclass(frozen=True)
class ServerFacts:
    """What one host said of itself."""

    processor: str = ""
    kernel: str = ""
    systemd: bool = False
    machine_id: str = ""
    rsync: tuple[int, ...] = ()
    """Its version; empty when there is none."""
    lacks: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    swaps: tuple[str, ...] = ()
    mapped: tuple[str, ...] = ()
    """The device mapper's names of what its disks are made of."""
    selinux: bool = False
    ports: tuple[tuple[str, int], ...] = ()
    """(address, port) of what listens over IPv4 on one address only."""
    space: dict[str, Space] = field(default_factory=dict)


def ask_facts(connection: SshConnection) -> ServerFacts:
    """One round trip. Raises ToolError where the host cannot be asked."""
    return read_facts(connection.output(["sh", "-c", _FACTS, "server-facts"], 900, limit=MAX_LIST))


def read_facts(data: bytes) -> ServerFacts:
    """What the host's answer says. Pure."""
    words = [part.decode("utf-8", "surrogateescape") for part in data.split(b"\0")]
    said: dict[str, list[str]] = {}
    used: dict[str, tuple[int, int]] = {}
    entries: dict[str, int] = {}
    for key, value in zip(words[::2], words[1::2], strict=False):
        kind, *numbers = key.split(" ")
        if kind == "space" and all(number.isdigit() for number in numbers):
            used[value] = (int(numbers[1]) * 1024, int(numbers[2]) * 1024)
        elif kind == "entries" and numbers[0].isdigit():
            entries[value] = int(numbers[0])
        else:
            said.setdefault(kind, []).append(value)
    version = re.search(r"version v?(\d+(?:\.\d+)*)", "".join(said.get("rsync", [])))
    return ServerFacts(
        processor="".join(said.get("processor", [])), kernel="".join(said.get("kernel", [])), systemd="systemd" in said,
        machine_id="".join(said.get("machine", [])), rsync=tuple(map(int, version[1].split("."))) if version else (),
        lacks=tuple(said.get("lacks", ())), mounts=tuple(read_mounts("\n".join(said.get("mounts", ())))),
        swaps=tuple(line.split()[0] for line in "\n".join(said.get("swaps", ())).splitlines() if line.split()),
        mapped=tuple(said.get("mapped", ())), selinux="selinux" in said,
        ports=tuple(_own_ports("\n".join(said.get("ports", ())))),
        space={path: Space(*amounts, entries.get(path, 0)) for path, amounts in used.items()},
    )  # fmt: skip


def _own_ports(text: str) -> Iterable[tuple[str, int]]:
    """``0101A8C0:1F90`` is 192.168.1.1:8080; what listens on every address, on loopback or over IPv6 alone is none."""
    for word in text.split():
        address, _, port = word.partition(":")
        if len(address) == 8 and address not in ("00000000", "0100007F"):
            numbers = [int(address[place : place + 2], 16) for place in (6, 4, 2, 0)]
            yield ".".join(map(str, numbers)), int(port, 16)


def find_writers(connection: SshConnection) -> list[Writer]:
    """Every file that a process of the host has open for writing, or mapped so, on a file system of its own."""
    data = connection.output(["sh", "-c", _WRITERS, "writers"], 120, limit=MAX_LIST)
    parts = [part.decode("utf-8", "surrogateescape") for part in data.split(b"\0")]
    places = list(zip(parts[::3], parts[1::3], parts[2::3], strict=False))
    pids = sorted({place.split("/")[2] for _, place, _ in places})
    about = _ask_about(connection, pids)
    appending = _ask_appending(connection, [place for how, place, _ in places if how == "open"])
    found = {}
    for how, place, path in places:
        pid = place.split("/")[2]
        if pid in about:
            program, group = about[pid]
            found[path, program, how == "open" and place in appending] = unit_of(group)
    return [Writer(path, program, unit, only_adds) for (path, program, only_adds), unit in sorted(found.items())]


def _ask_about(connection: SshConnection, pids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Number of a process → its program and control group."""
    found = {}
    for begin in range(0, len(pids), 500):
        data = connection.output(["sh", "-c", _ABOUT, "about", *pids[begin : begin + 500]], 60, limit=MAX_LIST)
        parts = [part.decode("utf-8", "replace") for part in data.split(b"\0")]
        found.update({pid: (program, group) for pid, program, group in zip(parts[::3], parts[1::3], parts[2::3], strict=False)})
    return found


def _ask_appending(connection: SshConnection, places: Sequence[str]) -> set[str]:
    """Those open files that are only added to: logs."""
    found: set[str] = set()
    for begin in range(0, len(places), 500):
        data = connection.output(["sh", "-c", _APPENDS, "appends", *places[begin : begin + 500]], 120, limit=MAX_LIST)
        found.update(part.decode("utf-8", "surrogateescape") for part in data.split(b"\0") if part)
    return found


def unit_of(group: str) -> str:
    """``/system.slice/redis-server.service`` is of redis-server.service; the innermost unit counts."""
    for word in reversed(group.split("/")):
        if word.endswith((".service", ".scope", ".socket")):
            return word
    return ""


def find_detached(connection: SshConnection) -> list[tuple[str, str]]:
    """Programs that somebody started from a login and left running (no terminal, no unit): program, scope. Nobody would start
    them again after a boot."""
    data = connection.output(["sh", "-c", _DETACHED, "detached"], 60, limit=MAX_LIST)
    parts = [part.decode("utf-8", "replace") for part in data.split(b"\0")]
    return sorted({(program, unit_of(group)) for _, program, group in zip(parts[::3], parts[1::3], parts[2::3], strict=False)})


def find_devices(connection: SshConnection) -> list[tuple[str, str]]:
    """Devices that programs hold open and that another machine may not have: program, device."""
    data = connection.output(["sh", "-c", _DEVICES, "devices"], 60, limit=MAX_LIST)
    parts = [part.decode("utf-8", "surrogateescape") for part in data.split(b"\0")]
    open_ones = [(place.split("/")[2], device) for place, device in zip(parts[::2], parts[1::2], strict=False)]
    wanted = [(pid, device) for pid, device in open_ones if not _HARMLESS.fullmatch(device)]
    about = _ask_about(connection, sorted({pid for pid, _ in wanted}))
    return sorted({(about[pid][0], device) for pid, device in wanted if pid in about})


LOGS = ("/var/log", "/var/spool/mail", "/var/mail")


def find_at_rest(writers: Sequence[Writer], declared: Sequence[str], per_side: Sequence[str]) -> list[str]:
    """Trees that mean something only while nobody writes: the declared ones, and the folders of whatever is open for more than
    adding to. Of a folder that holds much more than one program's data, the file alone. Pure."""
    found = set(declared)
    for writer in writers:
        if writer.only_adds or any(is_below(writer.path, path) for path in (*LOGS, *per_side, "/tmp", "/var/tmp")):  # noqa: S108
            continue
        folder = posixpath.dirname(writer.path)
        found.add(writer.path if broad(folder) else folder)
    return topmost(found)
