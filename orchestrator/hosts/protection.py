"""How a host is protected, as the host itself shows it (R6, R14): who administers it, what is let in, what is written down, its clock.

One read-only script and one round trip. Only hosts with systemd are looked at; what cannot be seen there counts as not there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.models import Standard
from orchestrator.texts import Words, say
from orchestrator.tools.ssh import SshConnection

_SCRIPT = r"""
LC_ALL=C; PATH="$PATH:/usr/sbin:/sbin"; export LC_ALL PATH
[ -d /run/systemd/system ] || exit 0
echo looked
up() { systemctl -q is-active "$1" 2>/dev/null; }
nft list ruleset 2>/dev/null | awk '
    /hook input/ { if (/policy drop/) found = 1; inside = 1 }
    /hook (output|forward|prerouting|postrouting)/ { inside = 0 }
    inside { gsub(/counter packets [0-9]+ bytes [0-9]+/, ""); gsub(/log( prefix "[^"]*")?( level [a-z]+)?( flags [a-z]+)?/, "") }
    inside && /^[ \t]*(drop|reject( with .*)?)[ \t]*(#.*)?$/ { found = 1 }
    END { exit !found }' && echo filtered
iptables -S INPUT 2>/dev/null | grep -qE '^-P INPUT DROP|^-A INPUT -j (DROP|REJECT)' && echo filtered
up auditd && echo audited
if up rsyslog; then grep -hEs '^[^#]*([[:space:]]@@?[[:alnum:]([]|omfwd|omrelp)' /etc/rsyslog.conf /etc/rsyslog.d/*.conf | grep -q . && echo forwarded; fi
if up syslog-ng; then grep -hEs '^[^#]*(network|syslog|tcp|udp)\(' /etc/syslog-ng/*.conf /etc/syslog-ng/conf.d/*.conf | grep -q . && echo forwarded; fi
up systemd-journal-upload && echo forwarded
for unit in chrony chronyd ntp ntpd ntpsec systemd-timesyncd; do up "$unit" && echo clock && break; done
sshd -T 2>/dev/null | sed -n 's/^permitrootlogin yes$/root-by-password/p; s/^passwordauthentication yes$/passwords/p'
awk -F: '$3 == 0 { print "administrator " $1 }' /etc/passwd
for group in sudo wheel admin; do getent group "$group" | cut -d: -f4 | tr ',' '\n' | sed -n 's/^\(.\{1,\}\)$/administrator \1/p'; done
sed -n 's/^[[:space:]]*\([A-Za-z_][A-Za-z0-9_.-]*\)[[:space:]].*=.*$/administrator \1/p' /etc/sudoers /etc/sudoers.d/* 2>/dev/null |
    grep -vE ' (Defaults|User_Alias|Runas_Alias|Host_Alias|Cmnd_Alias)$'
for unit; do up "$unit" && echo "active $unit"; done
:
"""
"""A constant; the units come as its arguments."""
FLAGS = ("filtered", "audited", "forwarded", "clock", "passwords", "root-by-password")


@dataclass(frozen=True)
class Protection:
    """What a host showed. ``seen``: those of ``FLAGS`` that hold; ``administrators``: accounts that are or may become root."""

    seen: frozenset[str]
    administrators: frozenset[str]
    active: frozenset[str] = frozenset()
    """Of the units that were asked about, those at work."""

    def to_json(self) -> dict[str, Any]:
        """For the journal; what of it is compared later."""
        return {"seen": sorted(self.seen), "administrators": sorted(self.administrators)}

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Protection:
        return cls(frozenset(row["seen"]), frozenset(row["administrators"]))


def look(connection: SshConnection, units: Sequence[str] = ()) -> Protection | None:
    """What the host shows; None where no systemd runs. Raises ToolError when it does not answer."""
    lines = connection.run(["sh", "-c", _SCRIPT, "protection", *units], timeout=60, check=True).stdout.split("\n")
    if "looked" not in lines:
        return None
    named = {word: frozenset(line.removeprefix(f"{word} ") for line in lines if line.startswith(f"{word} ")) for word in ("administrator", "active")}
    return Protection(frozenset(flag for flag in FLAGS if flag in lines), named["administrator"], named["active"])


GOOD = {
    "filtered": say("protection.filtered"), "audited": say("protection.audited"), "forwarded": say("protection.forwarded"),
    "clock": say("protection.clock"),
}  # fmt: skip
BAD = {"passwords": say("protection.passwords"), "root-by-password": say("protection.root_by_password")}


def find_weaker(before: Protection, after: Protection, ours: Collection[str] = ()) -> list[Words]:
    """In what the new host is protected less than the old one was. ``ours``: accounts by which this migration works there."""
    found: list[Words] = [say("protection.gone", what=what) for flag, what in GOOD.items() if flag in before.seen - after.seen]
    found += [say("protection.came", what=what) for flag, what in BAD.items() if flag in after.seen - before.seen]
    if new := sorted(after.administrators - before.administrators - set(ours)):
        found.append(say("protection.administrators", names=tuple(new)))
    return found


def find_lacking(there: Protection, standard: Standard) -> list[Words]:
    """What a standard demands and the host does not show."""
    found: list[Words] = [say("protection.lacks", what=what) for flag, what in GOOD.items() if getattr(standard, flag) and flag not in there.seen]
    if standard.passwords is False:
        found += [say("protection.has", what=what) for flag, what in BAD.items() if flag in there.seen]
    found += [say("protection.no_backup", unit=unit) for unit in standard.backup if unit not in there.active]
    found += [say("protection.no_monitoring", unit=unit) for unit in standard.monitoring if unit not in there.active]
    found += [say("protection.no_agent", unit=unit) for unit in standard.agents if unit not in there.active]
    return found


def units_of(standards: Sequence[Standard]) -> list[str]:
    """Every unit that they ask for."""
    return sorted({unit for one in standards for unit in (*one.backup, *one.monitoring, *one.agents)})
