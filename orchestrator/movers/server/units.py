"""What runs on a server: stopped in order and seen to be stopped, kept from coming back with a boot, started again as it was.

Whatever keeps a process is stopped, but what the machine needs to be reached. What keeps none (a oneshot that set the firewall)
writes nothing and is left. A machine that boots while it is stopped stands by: ssh answers, nothing else runs.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.errors import ToolError
from orchestrator.movers.server.questions import Writer
from orchestrator.texts import say
from orchestrator.tools.ssh import SshConnection

STANDBY = "orchestrator-standby.target"
HOME = "/var/lib/orchestrator/standby"
"""Each side's own record of how it was: carried by no pass."""
KEPT = re.compile(
    r"(sshd?(@.*)?|dropbear|systemd-.*|dbus(-broker)?|polkit|getty@.*|serial-getty@.*|console-getty|container-getty@.*|networking|network"
    r"|NetworkManager.*|wpa_supplicant.*|dhclient.*|dhcpcd.*|ifup@.*|wickedd?.*|connman|nftables|ip6?tables|netfilter-persistent|firewalld|ufw"
    r"|cloud-(init|config|final).*|qemu-guest-agent|vmtoolsd|open-vm-tools|hv-.*|walinuxagent|auditd|multipathd|iscsid?|lvm2-.*|dm-event"
    r"|mdmonitor|sssd.*|nscd|nslcd|winbind|user-runtime-dir@.*|init|orchestrator-pass)\.(service|socket)"
)
"""Units without which the machine is not reached, or not well: its network, its log-ins, its disks. They are no writers of data."""
STATES = ("active", "activating", "reloading", "deactivating")
_UNITS = r"""
LC_ALL=C; export LC_ALL
set -- $(systemctl list-units --all --no-legend --no-pager --plain --full --type=service,timer,socket,path | awk '{ print $1 }')
systemctl show --no-pager -p Id -p ActiveState -p SubState -p RefuseManualStop -- "$@"
"""
_REMEMBER = r"""
umask 077; mkdir -p -m 0700 -- "$1"
[ ! -e "$1/units" ] || exit 0
readlink /etc/systemd/system/default.target >"$1/default.new" 2>/dev/null || :
mv -- "$1/default.new" "$1/default"
cat /proc/sys/kernel/random/boot_id >"$1/boot"
cat >"$1/units.new"; mv -- "$1/units.new" "$1/units"
"""
_STAND_BY = r"""
umask 022; cat >"/etc/systemd/system/$1"; ln -sfn -- "/etc/systemd/system/$1" /etc/systemd/system/default.target
systemctl daemon-reload
"""
_STAND_UP = r"""
[ -d "$2" ] || exit 0
if [ -s "$2/default" ]; then ln -sfn -- "$(cat "$2/default")" /etc/systemd/system/default.target
elif [ "$(readlink /etc/systemd/system/default.target)" = "/etc/systemd/system/$1" ]; then rm -f /etc/systemd/system/default.target; fi
rm -f -- "/etc/systemd/system/$1"
systemctl daemon-reload
"""
_IS_STANDBY = 'test "$(readlink /etc/systemd/system/default.target)" = "/etc/systemd/system/$1"'
"""Constants; names of units and places come as their arguments."""
_STANDBY_TEXT = """# This server's work goes on at another site. It must not be done twice: do not take this file away by hand.
[Unit]
Description=Reached over ssh, and nothing else runs
Requires=sysinit.target
After=sysinit.target
Wants=dbus.socket systemd-user-sessions.service systemd-logind.service {wants}
AllowIsolate=yes
"""


@dataclass(frozen=True)
class Unit:
    """A unit of systemd as it is now."""

    name: str
    active: str
    sub: str
    refuses: bool = False
    """It does not let itself be stopped."""

    @property
    def is_kept(self) -> bool:
        return self.refuses or KEPT.fullmatch(self.name) is not None

    @property
    def works(self) -> bool:
        """Keeps a process, or begins one by itself."""
        return self.active in STATES and self.sub not in ("exited", "dead")


def read_units(connection: SshConnection) -> list[Unit]:
    """Every service, timer, socket and path that the host has loaded."""
    return parse_units(connection.run(["sh", "-c", _UNITS, "units"], 180, check=True, max_output=20_000_000).stdout)


def parse_units(text: str) -> list[Unit]:
    """From ``systemctl show``: a block a unit. Pure."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.partition("=")[::2] for line in block.splitlines())
        if fields.get("Id"):
            refuses = fields.get("RefuseManualStop") == "yes"
            found.append(Unit(fields["Id"], fields.get("ActiveState", ""), fields.get("SubState", ""), refuses))
    return found


def units_to_stop(units: Sequence[Unit], first: Sequence[str], keep: Sequence[str], login: str) -> list[str]:
    """In order: what begins others by itself, then what the inventory names (``first``), then all others. ``login``: the number of the
    account that we came in by. Pure."""
    kept = (*keep, f"user@{login}.service")
    working = [unit.name for unit in units if unit.works and not unit.is_kept and unit.name not in kept]
    begins = [name for name in working if name.endswith((".timer", ".path", ".socket"))]
    named = [name for name in first if name in working and name not in begins]
    return [*begins, *named, *(name for name in working if name not in begins and name not in named)]


def standby_text(units: Sequence[Unit], keep: Sequence[str]) -> str:
    """Our own target for a machine that stands by: what is kept now comes up with it. timers.target is none of it: a source's timer
    ran again. systemd-user-sessions is: without it ssh refuses every ordinary account. Pure."""
    wants = sorted({unit.name for unit in units if unit.active in STATES and (KEPT.fullmatch(unit.name) or unit.name in keep)})
    passing = [name for name in wants if not name.startswith(("orchestrator-pass", "user@", "user-runtime-dir@", "init."))]
    return _STANDBY_TEXT.format(wants=" ".join(passing))


# ---------------------------------------------------------------- acts


def is_standby(connection: SshConnection) -> bool:
    """Whether a boot of the host would bring nothing up."""
    return connection.run(["sh", "-c", _IS_STANDBY, "is-standby", STANDBY], timeout=20).code == 0


def remembered(connection: SshConnection) -> list[str]:
    """What was stopped, in order; empty when nothing was."""
    done = connection.run(["cat", "--", f"{HOME}/units"], timeout=20)
    return done.stdout.split() if done.code == 0 else []


def stop_all(connection: SshConnection, first: Sequence[str], keep: Sequence[str], *, seconds: float) -> list[str]:
    """Stopped in order, observed; the names in that order. A run after an interruption stops what is left. Raises ToolError for a unit
    that does not stop."""
    units = read_units(connection)
    login = connection.run(["sh", "-c", 'echo "${SUDO_UID:-$(id -u)}"'], timeout=20).stdout.strip()
    wanted = units_to_stop(units, first, keep, login)
    listed = "".join(f"{name}\n" for name in wanted).encode()
    connection.run(["sh", "-euc", _REMEMBER, "remember", HOME], 60, listed, check=True)
    if not is_standby(connection):
        text = standby_text(units, keep).encode()
        connection.run(["sh", "-euc", _STAND_BY, "stand-by", STANDBY], 120, text, check=True)  # first: whoever boots it now finds it
    until = time.monotonic() + seconds
    begins = [name for name in wanted if name.endswith((".timer", ".path", ".socket"))]
    named = [name for name in first if name in wanted and name not in begins]
    rest = [name for name in wanted if name not in begins and name not in named]
    for group in (begins, *([name] for name in named), rest):
        if group:
            connection.run(["systemctl", "stop", "--", *group], timeout=max(5.0, until - time.monotonic()))
    while left := [unit.name for unit in read_units(connection) if unit.works and unit.name in wanted]:
        if time.monotonic() > until:
            raise ToolError(say("hosts.not_stopped", units=tuple(left)), where=connection.name, remedy=say("hosts.stop_by_hand"))
        connection.run(["systemctl", "stop", "--", *left], timeout=max(5.0, until - time.monotonic()))  # something began them again
        time.sleep(0.2)
    return remembered(connection)


def is_stopped(connection: SshConnection) -> bool:
    """Everything that was to be stopped is, and no boot brings it back."""
    names = remembered(connection)
    return is_standby(connection) and bool(names) and not [u for u in read_units(connection) if u.works and u.name in names]


def start_again(connection: SshConnection, *, seconds: float) -> list[str]:
    """The undo: boots as before, and runs what was stopped. Nothing when nothing was. Returns what does not come up."""
    names = remembered(connection)
    forget_standby(connection, keep_record=True)
    if names:
        now = connection.run(["cat", "/proc/sys/kernel/random/boot_id"], timeout=20).stdout.strip()
        was = connection.run(["cat", "--", f"{HOME}/boot"], timeout=20).stdout.strip()
        if now != was:  # it booted meanwhile, and stood by
            default = connection.run(["systemctl", "get-default"], timeout=60).stdout.strip()
            connection.run(["systemctl", "start", "--", default], timeout=seconds)
        triggers = [name for name in names if name.endswith((".timer", ".path", ".socket"))]
        services = [name for name in names if name not in triggers]
        for group in (triggers, services):  # sockets first: a service that is handed them looks for them at its start
            if group:
                connection.run(["systemctl", "start", "--", *group], timeout=seconds)
    known = {unit.name: unit for unit in read_units(connection)}
    down = [name for name in names if name not in known or known[name].active not in STATES]
    connection.run(["rm", "-rf", "--", HOME], check=True)
    return down


def forget_standby(connection: SshConnection, *, keep_record: bool = False) -> None:
    """The next boot is an ordinary one. ``keep_record``: what was stopped stays on record."""
    connection.run(["sh", "-euc", _STAND_UP, "stand-up", STANDBY, HOME], 120, check=True)
    if not keep_record:
        connection.run(["rm", "-rf", "--", HOME], check=True)


def writers_left(writers: Sequence[Writer], keep: Sequence[str]) -> list[Writer]:
    """Who still has a file open for writing after everything was stopped, but those that were kept and the logs of our own log-in."""
    return [
        writer
        for writer in writers
        if not (KEPT.fullmatch(writer.unit) or writer.unit in keep or writer.program in ("systemd", "sshd", "rsync"))
    ]
