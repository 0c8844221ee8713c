"""What a tree holds, entry by entry: kind, mode, owners by name, size, time, content's hash, access list, extended attributes.

Read by the host's own find, sha256sum, getfacl and getfattr: other tools than the one that copied. Names are bytes; in Python
they are text with surrogates (``os.fsdecode``), and are made printable only where a person reads them.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import Refused, ToolError
from orchestrator.texts import Name, Words, say
from orchestrator.tools.ssh import SshConnection

MAX_LIST = 200_000_000
_SCRIPT = r"""
LC_ALL=C; export LC_ALL
cd -- "$1" || exit 9; shift
find "$@" -printf '%y %m %u %g %s %T@ %p\0%l\0' 2>/dev/null; printf '\n==\n'
find "$@" -type f -print0 2>/dev/null | xargs -0 -r sha256sum -z -- 2>/dev/null; printf '\n==\n'
if command -v getfacl >/dev/null; then getfacl -R -P -s -E -- "$@" 2>/dev/null; fi; printf '\n==\n'
if command -v getfattr >/dev/null; then getfattr -R -P -h -d -m '^(user|security|trusted)\.' -e hex -- "$@" 2>/dev/null; fi; printf '\n==\n'
"""
"""A constant; the tree and the names within it come as its arguments. What vanishes while it looks is left out of all four lists."""


@dataclass(frozen=True)
class Entry:
    """One file, folder or link. ``time``: of its content, to the nanosecond, of files only."""

    kind: str
    mode: str
    user: str
    group: str
    size: int
    time: str
    link: str
    digest: str
    acl: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()

    @property
    def content(self) -> tuple[str, str, str]:
        """What the application reads."""
        return (self.kind, self.digest, self.link)

    def differs(self, other: Entry) -> list[Name]:
        """In which respects, as people say them."""
        pairs = {
            "kind": (self.kind, other.kind), "content": (self.digest or self.link, other.digest or other.link), "mode": (self.mode, other.mode),
            "owner": (f"{self.user}:{self.group}", f"{other.user}:{other.group}"), "access list": (self.acl, other.acl),
            "attributes": (self.attributes, other.attributes),
        }  # fmt: skip
        return [_RESPECTS[name] for name, (mine, theirs) in pairs.items() if mine != theirs]


Manifest = dict[str, Entry]
_RESPECTS = {
    "kind": Name("类型", "kind"), "content": Name("内容", "content"), "mode": Name("权限", "mode"), "owner": Name("属主", "owner"),
    "access list": Name("访问控制列表", "access list"), "attributes": Name("扩展属性", "attributes"),
}  # fmt: skip


def read_manifest(connection: SshConnection, path: str, only: Sequence[str] = (".",), *, timeout: float = 1800) -> Manifest:
    """Every entry below a folder, by its name relative to it. Raises ToolError for a file that is there and cannot be read."""
    if not re.fullmatch(r"/[^\x00\n\r]*", path):
        raise Refused(say("movers.no_usable_path", path=path[:200]), remedy=say("movers.absolute_path"))
    starts = [name if name == "." else f"./{name}" for name in only]
    data = connection.output(["sh", "-c", _SCRIPT, "manifest", path, *starts], timeout, limit=MAX_LIST)
    listed, hashes, lists, attributes = data.split(b"\n==\n")[:4]
    digests = _read_hashes(hashes)
    acls, xattrs = _read_dump(lists), _read_dump(attributes)
    found: Manifest = {}
    parts = listed.split(b"\0")
    for head, link in zip(parts[::2], parts[1::2], strict=False):
        kind, mode, user, group, size, time, name = os.fsdecode(head).split(" ", 6)
        plain = _plain(name)
        if kind == "f" and plain not in digests:
            continue  # vanished between the two looks; unreadable ones are found below
        found[plain] = Entry(
            kind, mode, user, group, int(size) if kind == "f" else 0, time if kind == "f" else "", os.fsdecode(link), digests.get(plain, ""),
            acls.get(plain, ()), xattrs.get(plain, ()),
        )  # fmt: skip
    _refuse_unreadable(connection, path, [_plain(os.fsdecode(h).split(" ", 6)[6]) for h in parts[::2] if h.startswith(b"f ")], digests)
    return dict(sorted(found.items()))


def _refuse_unreadable(connection: SshConnection, path: str, files: Sequence[str], digests: dict[str, str]) -> None:
    """A file that was listed, has no hash and is still there cannot be read: that is no vanishing."""
    for name in [name for name in files if name not in digests][:20]:
        if connection.run(["test", "-e", f"{path}/{name}"], timeout=20).code == 0:
            raise ToolError(say("movers.unreadable", name=shown(name)), where=f"{connection.name}:{path}", remedy=say("movers.let_read"))


def _read_hashes(data: bytes) -> dict[str, str]:
    found = {}
    for entry in filter(None, data.split(b"\0")):
        digest, _, name = os.fsdecode(entry).partition("  ")
        found[_plain(name)] = digest
    return found


def _read_dump(data: bytes) -> dict[str, tuple[str, ...]]:
    """getfacl's and getfattr's blocks: ``# file: NAME`` with octal escapes, then a line for each entry."""
    found: dict[str, tuple[str, ...]] = {}
    name: str | None = None
    lines: list[str] = []
    for line in [*os.fsdecode(data).split("\n"), "# file: "]:
        if line.startswith("# file: "):
            if name is not None and lines:
                found[_plain(name)] = tuple(sorted(lines))
            name, lines = _unescaped(line.removeprefix("# file: ")), []
        elif line and not line.startswith("#"):
            lines.append(line)
    return found


def _unescaped(text: str) -> str:
    data = re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), os.fsencode(text))
    return os.fsdecode(data)


def _plain(name: str) -> str:
    return name.removeprefix("./") or "."


def shown(name: str) -> str:
    """A name for people: bytes that are no UTF-8 are read as GB18030 where they are that, else escaped."""
    data = os.fsencode(name)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        try:
            text = f"{data.decode('gb18030')} (GB18030)"
        except UnicodeDecodeError:
            text = data.decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def differences(here: Manifest, there: Manifest) -> list[Words]:
    """Each entry that is not the same on both sides, with what differs."""
    found: list[Words] = []
    for name in sorted(here.keys() | there.keys()):
        mine, theirs = here.get(name), there.get(name)
        if mine is None or theirs is None:
            found.append(say("movers.one_side_only", name=shown(name)))
        elif respects := mine.differs(theirs):
            found.append(say("movers.respects", name=shown(name), respects=tuple(respects)))
    return found


def keep(file: Path, manifest: Manifest) -> None:
    """Writes a manifest down, for a later comparison."""
    file.parent.mkdir(exist_ok=True, mode=0o700)
    file.write_text(json.dumps({name: dataclasses.astuple(entry) for name, entry in manifest.items()}), encoding="ascii")


def load(file: Path) -> Manifest:
    """A manifest as it was kept."""
    entries = json.loads(file.read_text(encoding="ascii"))
    return {name: entry_of(values) for name, values in entries.items()}


def entry_of(values: list[Any]) -> Entry:
    """An entry as it was written down."""
    kind, mode, user, group, size, time, link, digest, acl, attributes = values
    return Entry(kind, mode, user, group, size, time, link, digest, tuple(acl), tuple(attributes))
