"""Who is connected to the ports of a host's services, as its kernel tells it. Read-only; nothing has to be installed there."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

from orchestrator.tools.ssh import SshConnection

LOOKS, PAUSE = 5, "0.2"
_SCRIPT = r"""
LC_ALL=C; export LC_ALL
looks=$1; pause=$2; ports=$3
while [ "$looks" -gt 0 ]; do
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -E "^ *[0-9]+: [0-9A-F]+:($ports) [0-9A-F]+:[0-9A-F]+ 0[1-9] " | sed 's/^ *[0-9]*: \([^ ]* [^ ]*\) .*/\1/'
    looks=$((looks - 1)); [ "$looks" -eq 0 ] || sleep "$pause"
done | sort -u
"""
"""A constant; how often, how long apart, and the ports come as its arguments. States 01 to 09: connected, or closing since a minute."""
_LINE = re.compile(r"([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) ([0-9A-F]{8}|[0-9A-F]{32}):[0-9A-F]{4}")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def look(connection: SshConnection, ports: Sequence[int]) -> dict[int, set[str]]:
    """By port, the addresses that are connected to it, but for the host's own: a few looks within a second. Raises ToolError when the
    host does not answer."""
    pattern = "|".join(f"{port:04X}" for port in ports)
    said = connection.run(["sh", "-c", _SCRIPT, "visitors", str(LOOKS), PAUSE, pattern], timeout=30, check=True).stdout
    return read(said, ports)


def read(table: str, ports: Sequence[int]) -> dict[int, set[str]]:
    """The same from the addresses in lines of ``/proc/net/tcp`` and ``tcp6``: the host's end, the other end."""
    found: dict[int, set[str]] = {port: set() for port in ports}
    for line in table.splitlines():
        if (match := _LINE.fullmatch(line)) is None or int(match[2], 16) not in found:
            continue
        own, other = _address(match[1]), _address(match[3])
        if other != own and not other.is_loopback:
            found[int(match[2], 16)].add(str(other))
    return found


def _address(words: str) -> Address:
    """The kernel prints each 32-bit word as its machine holds it: the last byte first."""
    data = b"".join(bytes.fromhex(words[at : at + 8])[::-1] for at in range(0, len(words), 8))
    address = ipaddress.ip_address(data)
    return address.ipv4_mapped or address if isinstance(address, ipaddress.IPv6Address) else address
