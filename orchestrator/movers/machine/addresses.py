"""Where a machine's own configuration names its address, and the exchange of that for another, which can be taken back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from orchestrator.tools.ssh import SshConnection

LIMIT = 200
_NAMING = r"""
word=$1; shift
find "$@" -xdev -type f -size -1024k -exec grep -IlwFZ -e "$word" -- {} + 2>/dev/null | head -z -n 200; :
"""
_KEEP = """
kept="$2$1"; [ ! -e "$kept" ] || exit 0
mkdir -p -m 0700 -- "$2" "${kept%/*}" && cp -a -- "$1" "$kept.half-kept" && mv -- "$kept.half-kept" "$kept"
"""
_GIVE_BACK = """
[ -d "$1" ] || exit 0
cd -- "$1"; find . -type f ! -name '*.half-kept' -exec sh -euc 'for kept; do
    cat -- "$kept" >"/${kept#./}"; touch -r "$kept" -- "/${kept#./}"
done' give-back {} +
cd /; rm -rf -- "$1"
"""
"""Constants; words and paths come as their arguments. Files are written into, not replaced: owner, list and links stay."""


def find_naming(connection: SshConnection, address: str, folders: Sequence[str]) -> list[str]:
    """Text files below the folders that name an address as a word of its own; at most ``LIMIT``."""
    if not folders:
        return []
    data = connection.output(["sh", "-c", _NAMING, "naming", address, *folders], 120)
    return sorted(name.decode("utf-8", "surrogateescape") for name in data.split(b"\0") if name)


def exchange(connection: SshConnection, files: Sequence[str], addresses: Mapping[str, str], keep: str) -> list[str]:
    """Every old address for its new one, all in one pass; what a file was is kept in ``keep`` first. Returns what was changed."""
    wanted = re.compile(b"|".join(_as_word(old).encode() for old in addresses))
    changed = []
    for path in files:
        before = connection.read_file(path)
        after = wanted.sub(lambda match: addresses[match[0].decode()].encode(), before)
        if after == before:
            continue
        connection.run(["sh", "-c", _KEEP, "keep", path, keep], check=True)
        connection.run(["sh", "-c", 'cat >"$1"', "write-into", path], 60, after, check=True)
        changed.append(path)
    return changed


def _as_word(address: str) -> str:
    """A pattern for an address that is no part of a longer one: ``10.1.1.1:5432`` names it, ``10.1.1.10`` and ``10.1.1.1.5`` do not."""
    if ":" in address:
        before, after = r"(?<![0-9A-Fa-f:.])", r"(?![0-9A-Fa-f:.])"
    elif re.fullmatch(r"[0-9.]+", address):
        before, after = r"(?<![0-9A-Za-z.])", r"(?![0-9A-Za-z]|\.[0-9])"
    else:
        before, after = r"(?<![0-9A-Za-z_.-])", r"(?![0-9A-Za-z_-]|\.[0-9A-Za-z])"
    return f"{before}{re.escape(address)}{after}"


def give_back(connection: SshConnection, keep: str) -> None:
    """Every file is as it was; nothing happens when none was changed."""
    connection.run(["sh", "-euc", _GIVE_BACK, "give-back", keep], check=True)
