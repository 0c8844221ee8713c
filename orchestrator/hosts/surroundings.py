"""What holds a system to the machine that it stands on, looked for on that machine: certificates, its addresses in files, licence keys.

Read-only, bounded in time and number; what could not be looked at within that is not found.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.tools.ssh import SshConnection

FEW = 20
_SCRIPT = r"""
LC_ALL=C; PATH="$PATH:/usr/sbin:/sbin"; export LC_ALL PATH
words=$1; shift
lim() { timeout -k 2 "$@" 2>/dev/null </dev/null; }
if command -v lsusb >/dev/null 2>&1; then lim 8 lsusb
else for d in /sys/bus/usb/devices/*; do [ -r "$d/idVendor" ] && echo "ID $(cat "$d/idVendor"):$(cat "$d/idProduct") $(cat "$d/product" 2>/dev/null)"; done; fi |
    head -n 100 | sed 's/^/device /'
lim 8 ps -eo comm= | sort -u | grep -xE 'hasplmd(_x86_64)?|aksusbd(_x86_64)?|lmgrd|lmadmin|CodeMeterLin|lservnt|sntlkeyssrvr|slmd' | sed 's/^/licence /'
[ -z "$words" ] || lim 20 find "$@" -xdev -type f -size -1024k \( -name '*.conf' -o -name '*.cfg' -o -name '*.ini' -o -name '*.env' -o -name '*.y*ml' \
    -o -name '*.xml' -o -name '*.properties' -o -name '*.json' -o -name '*.php' -o -name '*.toml' -o -name '*.js' -o -name '*.sh' -o -name '*.py' \) \
    -exec grep -IlwE -e "$words" -- {} + | head -n 50 | sed 's/^/naming /'
command -v openssl >/dev/null 2>&1 || exit 0
lim 10 find "$@" /etc/nginx /etc/apache2 /etc/httpd /etc/haproxy /etc/tomcat* /etc/ssl/private /etc/pki/tls -xdev -type f -size -64k \
    \( -name '*.pem' -o -name '*.crt' -o -name '*.cer' \) ! -path '/etc/pki/tls/certs/ca-*' | head -n 50 | while IFS= read -r file; do
    end=$(lim 5 openssl x509 -noout -enddate -in "$file") || continue
    names=$(lim 5 openssl x509 -noout -ext subjectAltName -in "$file" | sed -n 's/IP Address://gp' | tr -d ' \n')
    printf 'certificate %s|%s|%s\n' "${end#notAfter=}" "$names" "$file"
done
:
"""
"""A constant; the addresses come as one pattern, the folders as its arguments."""
_KEY = re.compile("0529:|064f:|096e:|1bc0:|hasp|sentinel|wibu|codemeter|rockey|dongle|加密|深思", re.IGNORECASE)
"""A licence key, by makers' numbers and words."""


@dataclass(frozen=True)
class Certificate:
    """``addresses``: those that it is made out to."""

    path: str
    ends: dt.datetime
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Surroundings:
    """What a host showed. ``devices``: what is plugged in; ``licences``: licence servers at work; ``naming``: files of the system that
    name one of the addresses."""

    devices: tuple[str, ...]
    licences: tuple[str, ...]
    naming: tuple[str, ...]
    certificates: tuple[Certificate, ...]

    @property
    def licence_keys(self) -> list[str]:
        """Of the devices, those for which a program asks before it runs."""
        return [line for line in self.devices if _KEY.search(line)]


def look(connection: SshConnection, addresses: Sequence[str], folders: Sequence[str]) -> Surroundings:
    """Raises ToolError when the host does not answer."""
    pattern = "|".join(re.escape(address) for address in addresses) if folders else ""
    lines = connection.run(["sh", "-c", _SCRIPT, "surroundings", pattern, *folders], timeout=90, check=True).stdout.split("\n")

    def after(word: str) -> tuple[str, ...]:
        return tuple(sorted({line.removeprefix(word) for line in lines if line.startswith(word)}))

    found = [certificate for line in after("certificate ") if (certificate := _read_certificate(line))]
    return Surroundings(after("device "), after("licence "), after("naming "), tuple(found))


def _read_certificate(line: str) -> Certificate | None:
    ends, names, path = (*line.split("|", 2), "", "")[:3]
    try:
        moment = dt.datetime.strptime(ends.strip(), "%b %d %H:%M:%S %Y GMT").replace(tzinfo=dt.UTC)
    except ValueError:
        return None
    return Certificate(path, moment, tuple(word for word in re.split(r"[,;]|DNS:[^,]*", names) if word))
