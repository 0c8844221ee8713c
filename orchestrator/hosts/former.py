"""What stood at paths of a host before we wrote there, and which folders above them we had to make: kept there, put back from there."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from orchestrator.tools.ssh import SshConnection

FIND_MISSING = """
find_missing() {
    above=$(dirname -- "$1")
    while [ ! -e "$above" ] && [ ! -L "$above" ]; do printf '%s\\n' "$above"; above=$(dirname -- "$above"); done
}
"""
"""A function for other scripts: every folder above a path that is not there, the deepest first."""
REMOVE_EMPTY = """
remove_empty() { while IFS= read -r made; do rmdir -- "$made" 2>/dev/null || :; done; }
"""
"""Folders by its input, the deepest first; one in which somebody has put something stays."""
_LIST = FIND_MISSING + 'for path do find_missing "$path"; done'
_REMOVE = REMOVE_EMPTY + "remove_empty"
_SAVE = 'mkdir -p -m 0700 -- "$1" && if [ -e "$2" ] || [ -L "$2" ]; then cp -a --no-target-directory -- "$2" "$1/$3"; fi'
_PUT_BACK = """
if [ -e "$1" ] || [ -L "$1" ]; then cp -a --remove-destination --no-target-directory -- "$1" "$2"; else rm -f -- "$2"; fi
"""
_REMOVE_OURS = """
for path do
    rm -rf -- "$path"; above=$(dirname -- "$path")
    while [ "$above" != "${above#*/orchestrator/}" ] && rmdir -- "$above" 2>/dev/null; do above=$(dirname -- "$above"); done
done
"""
"""Constants; every path comes as an argument and is never read as shell."""


def remove_ours(connection: SshConnection, *paths: str) -> None:
    """Paths below our folder of a host (/var/lib/orchestrator), and the folders above them that this leaves empty; ours itself stays,
    with the rights that services need to read in it."""
    if paths:
        connection.run(["sh", "-euc", _REMOVE_OURS, "remove-ours", *paths], timeout=600, check=True)


def save(connection: SshConnection, folder: str, paths: Sequence[str]) -> list[str]:
    """Copies of what is there, by their number, in a folder of ours; returned are the folders that writing there would have to make."""
    for number, path in enumerate(paths):
        connection.run(["sh", "-euc", _SAVE, "save", folder, path, str(number)], check=True)
    return list_missing(connection, paths)


def list_missing(connection: SshConnection, paths: Sequence[str]) -> list[str]:
    """Folders above these paths that are not there."""
    if not paths:
        return []
    found = connection.run(["sh", "-euc", _LIST, "list-missing", *paths], check=True).stdout.splitlines()
    return list(dict.fromkeys(found))


def put_back(connection: SshConnection, folder: str, paths: Sequence[str], made: Sequence[str] | None) -> None:
    """Every path as it was, and none of the folders that were made for it, where nobody else uses them by now. ``made`` None: an older
    engine kept the paths only."""
    for number, path in enumerate(paths):
        connection.run(["sh", "-euc", _PUT_BACK, "put-back", f"{folder}/{number}", path], check=True)
    folders = made if made is not None else [posixpath.dirname(path) for path in paths]
    deepest_first = sorted(set(folders), key=lambda path: -path.count("/"))
    if deepest_first:
        connection.run(["sh", "-euc", _REMOVE, "remove-empty"], input="".join(f"{path}\n" for path in deepest_first).encode(), check=True)
