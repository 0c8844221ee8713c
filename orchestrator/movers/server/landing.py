"""The folder that a server is brought to, filled from outside, and what is booted from it: emptied, flagged, laid over, on and off."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.errors import ToolError
from orchestrator.models import Host, Landing
from orchestrator.movers.machine import addresses
from orchestrator.movers.server import bootable
from orchestrator.texts import Words, say
from orchestrator.tools.ssh import SshConnection

HOME = "/var/lib/orchestrator/landings"
LAST_WORDS = 12
FORBIDDEN = ("/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/proc", "/root", "/run", "/sbin", "/sys", "/tmp", "/usr", "/var")  # noqa: S108
_LOOK = r"""
[ -d "$1" ] || { echo absent; exit 0; }
[ "$(readlink -f -- "$1")" = "$1" ] || echo linked
[ "$(stat -c %d:%i -- "$1")" != "$(stat -c %d:%i /)" ] || echo root
[ -z "$(find "$1" -mindepth 1 -maxdepth 1 ! -name lost+found -print -quit)" ] || echo filled
cat -- "$2/system" 2>/dev/null | sed 's/^/of /'
for each in /proc/[0-9]*; do
    [ "$(readlink "$each/root")" = "$1" ] && { echo running; break; }
done
df -Pk -- "$1" | tail -n 1 | awk '{ print "free " $4 * 1024 }'
df -Pi -- "$1" | tail -n 1 | awk '{ print "entries " $4 }'
stat -f -c 'kind %T' -- "$1"
:
"""
_CLAIM = 'umask 077; mkdir -p -- "$1"; printf "%s\\n" "$2" >"$1/system"'
_EMPTY = r"""
[ "$(cat -- "$2/system" 2>/dev/null)" = "$3" ] || exit 0
cd -- "$1"
find . -xdev \( -type f -o -type d \) -exec lsattr -d -- {} + 2>/dev/null | grep '^[^ ]*[ia]' | sed 's/^[^ ]* //' \
    | tr '\n' '\0' | xargs -0 -r chattr -f -i -a -- || :
find . -xdev -mindepth 1 -delete
rm -rf -- "$2"
"""
_FLAGGED = r"""
LC_ALL=C; export LC_ALL
cd -- "$1" || exit 9
if [ -n "${2:-}" ]; then  # little changed: all of it, also what lost its flags
    find . -xdev -newerct "$2" \( -type f -o -type d \) -exec lsattr -d -- {} + 2>/dev/null
else find . -xdev \( -type f -o -type d \) -exec lsattr -d -- {} + 2>/dev/null | grep -E '^[^ ]*[ia][^ ]* '; fi
:
"""
_UNFLAG = 'cd -- "$1" && xargs -0 -r chattr -f -i -a -- || :'
_FLAG = r"""
cd -- "$1"; kind=$2 xargs -0 -r sh -euc 'for each; do [ ! -e "$each" ] || chattr "$kind" -- "$each"; done' flag
"""
_LAY_OVER = 'rsync -aHAX --numeric-ids -- "$1/" "$2/"'
_OWN = r"""cd -- "$1" && find . ! -type d -printf '%P\0'"""
"""Constants; folders, systems and flags come as their arguments, names on their input."""


def machine_of(host: Host, landing: Landing) -> Host:
    """The machine that the folder stands on, as a host."""
    return Host(name=landing.name, address=landing.address, ssh_port=landing.ssh_port, ssh_user=landing.ssh_user, room=host.room)


def record_of(landing: Landing) -> str:
    """Where the machine notes whose the folder is."""
    return f"{HOME}/{landing.root.strip('/').replace('/', '_')}"


def find_unfit(connection: SshConnection, landing: Landing, system: str, *, needed: int, entries: int) -> list[tuple[str, Words, Words]]:
    """Code, what is wrong, what to do: why this folder cannot take the server. ``needed``: bytes. Reads only."""
    found: list[tuple[str, Words, Words]] = []
    root = landing.root
    if root.rstrip("/") in ("", *FORBIDDEN) or ".." in root.split("/") or root.rstrip("/").count("/") < 2:
        return [("landing-root", say("server.root_forbidden", root=root), say("server.give_folder"))]
    said = connection.run(["sh", "-c", _LOOK, "look", root, record_of(landing)], 60, check=True).stdout.splitlines()
    words = dict(line.partition(" ")[::2] for line in said)
    if "absent" in words:
        return [("landing-absent", say("server.root_absent", root=root), say("server.make_folder"))]
    if "linked" in words or "root" in words:
        found.append(("landing-root", say("server.root_forbidden", root=root), say("server.give_folder")))
    if "running" in words:
        found.append(("landing-running", say("server.root_running", root=root), say("server.switch_off")))
    if "filled" in words and words.get("of") != system:
        found.append(("landing-filled", say("server.root_filled", root=root), say("server.empty_folder")))
    free, free_entries = int(float(words.get("free", 0))), int(float(words.get("entries", 0)))
    if "filled" not in words and free < needed:
        found.append(
            ("landing-space", say("server.root_space", root=root, free=free / 1e9, needed=needed / 1e9), say("steps.enlarge_disk"))
        )
    if "filled" not in words and 0 < free_entries < entries:
        found.append(
            ("landing-entries", say("server.root_entries", root=root, free=free_entries, needed=entries), say("steps.enlarge_disk"))
        )
    return found


def claim(connection: SshConnection, landing: Landing, system: str) -> None:
    """From here on the folder is this system's, and is emptied when its migration goes back."""
    connection.run(["sh", "-euc", _CLAIM, "claim", record_of(landing), system], check=True)
    if landing.boots == "machine":
        bootable.note_disk(connection, landing, record_of(landing))


def insist_there(connection: SshConnection, landing: Landing) -> None:
    """What is written into the folder comes onto the disk that will boot. Raises StepFailed."""
    if landing.boots == "machine":
        bootable.insist_mounted(connection, landing, record_of(landing))


def is_claimed(connection: SshConnection, landing: Landing, system: str) -> bool:
    """Whether it was, and not given back."""
    done = connection.run(["cat", "--", f"{record_of(landing)}/system"], timeout=20)
    return done.code == 0 and done.stdout.strip() == system


def is_filled(connection: SshConnection, landing: Landing) -> bool:
    """Whether a whole first pass ended there."""
    return connection.run(["test", "-e", f"{record_of(landing)}/filled"], timeout=20).code == 0


def note_filled(connection: SshConnection, landing: Landing) -> None:
    """A whole first pass has ended."""
    connection.run(["touch", "--", f"{record_of(landing)}/filled"], check=True)


def empty(connection: SshConnection, landing: Landing, system: str) -> None:
    """Takes away what was brought, once what ran from it is off. A folder that is not this system's is left as it is."""
    if landing.boots == "machine":
        bootable.take_back(connection, landing, record_of(landing))
    connection.run(["sh", "-euc", _EMPTY, "empty", landing.root, record_of(landing), system], 3600, check=True)


def release(connection: SshConnection, landing: Landing) -> None:
    """What stands in the folder is a server in use: nobody's migration fills or empties it any more."""
    connection.run(["rm", "-rf", "--", record_of(landing)], check=True)


# ---------------------------------------------------------------- flags that no pass carries


@dataclass(frozen=True)
class Flags:
    """Which entries had flags at a moment (seconds since the epoch, by their own machine's clock)."""

    at: int
    names: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """For the record."""
        return {"at": self.at, "names": self.names}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Flags:
        """As it was kept."""
        return cls(int(kept["at"]), dict(kept["names"]))


def read_flags(connection: SshConnection, folder: str, systems: Sequence[str], known: Flags | None = None) -> Flags:
    """Entries that may not be changed (``i``) or only added to (``a``), relative to the folder. rsync neither carries these flags nor
    gets past them. ``known``: only what changed since is looked at, so that it does not take longer the more entries there are."""
    at = connection.run(["date", "+%s"], timeout=20, check=True).stdout.strip()
    since = [f"@{known.at - 5}"] if known else []
    found: dict[str, str] = dict(known.names) if known else {}
    for system in systems:
        place = f"{folder.rstrip('/')}{system}".rstrip("/") or "/"
        data = connection.output(["sh", "-c", _FLAGGED, "flagged", place, *since], 900, limit=200_000_000)
        for line in data.decode("utf-8", "surrogateescape").split("\n"):
            flags, _, name = line.partition(" ")
            below = f"{system.strip('/')}/{name.strip().removeprefix('./')}".strip("/")
            kinds = "".join(each for each in "ia" if each in flags)
            if kinds and len(flags) > 10 and name:
                found[below] = kinds
            else:
                found.pop(below, None)
    return Flags(int(at), found)


def take_flags_off(connection: SshConnection, folder: str, names: Sequence[str]) -> None:
    """So that a pass may write there. What is not there yet is no matter."""
    connection.run(["sh", "-c", _UNFLAG, "unflag", folder], 300, _listed(names), check=True)


def put_flags_on(connection: SshConnection, folder: str, flags: Mapping[str, str]) -> None:
    """As they were where the entries came from."""
    for kind in sorted(set(flags.values())):
        names = [name for name in flags if flags[name] == kind]
        connection.run(["sh", "-euc", _FLAG, "flag", folder, f"+{kind}"], 300, _listed(names), check=True)


def _listed(names: Sequence[str]) -> bytes:
    return b"".join(f"./{name}".encode("utf-8", "surrogateescape") + b"\0" for name in names)


# ---------------------------------------------------------------- what the new server has of its own


def own_paths(connection: SshConnection, landing: Landing) -> list[str]:
    """What is laid over the root before it boots, as the new server sees it."""
    if landing.own is None:
        return []
    data = connection.output(["sh", "-c", _OWN, "own", landing.own], 120, limit=20_000_000)
    return [f"/{name.decode('utf-8', 'surrogateescape')}" for name in data.split(b"\0") if name]


def make_its_own(connection: SshConnection, landing: Landing, new: Mapping[str, str]) -> list[str]:
    """Lays over what the new server has of its own, and gives it its addresses; the files in which that changed anything."""
    if landing.own is not None:
        connection.run(["sh", "-euc", _LAY_OVER, "lay-over", landing.own, landing.root], 900, check=True)
    files = [f"{landing.root.rstrip('/')}{path}" for path in landing.readdress]
    return addresses.exchange(connection, files, new, f"{record_of(landing)}/readdressed")


# ---------------------------------------------------------------- on and off


def switch_on(connection: SshConnection, landing: Landing) -> None:
    """Everything is on disk before it boots. Returns when the machine says that it did; it may be up later."""
    connection.run(["sync"], timeout=900, check=True)
    if landing.boots == "machine":
        bootable.let_go(connection, landing, record_of(landing))
    connection.run(list(landing.boot), timeout=landing.boot_seconds, check=True)


def switch_off(connection: SshConnection, landing: Landing) -> None:
    """Shut down; it may be off already."""
    connection.run(list(landing.off), timeout=landing.stop_seconds, check=True)


def last_words(connection: SshConnection, landing: Landing) -> tuple[str, ...]:
    """The end of what the new server wrote to its console; nothing where nobody can tell."""
    if not landing.console:
        return ()
    said = connection.run(list(landing.console), timeout=60, max_output=200_000).stdout
    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|[^\x20-\uffff]", "", line).strip() for line in said.splitlines()]
    return tuple([line for line in lines if line][-LAST_WORDS:])


def who_runs(connection: SshConnection) -> str:
    """What changes with every boot."""
    script = "cat /proc/sys/kernel/random/boot_id; awk '{ print $22 }' /proc/1/stat"
    return " ".join(connection.run(["sh", "-c", script], timeout=20, check=True).stdout.split())


def reboot(connection: SshConnection) -> None:
    """Told to boot anew; it ends this connection."""
    with contextlib.suppress(ToolError):  # it may go so fast that nobody answers
        connection.run(["systemctl", "reboot"], timeout=60)
    connection.close()  # what it was connected to is gone: the next one is another boot
