"""HAProxy's configuration as other people write it: read where it matters to us, changed server line by server line.

A server that gets a successor stays as it is written and is ``disabled``; its successor is the same line with another name and
address, so that options (``ssl``, ``weight``, ``send-proxy`` …) go with it. Everything else keeps its bytes. Marks in comments
make it possible to take back exactly what was changed, without a memory of our own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.texts import say

ADDED = "# added by orchestrator"
FORMER = "# before orchestrator: "

_SECTION = re.compile(r"^(global|defaults|frontend|backend|listen|userlist|peers|resolvers|mailers|cache|program|http-errors|ring)\b\s*(\S*)")
_SERVER = re.compile(r"^(\s+server\s+)(\S+)(\s+)(\S+)(.*?)(\s*)$")


class NotUnderstood(ValueError):
    """The configuration has no such server line."""


@dataclass(frozen=True)
class Backend:
    """What a backend says about itself, its defaults included."""

    name: str
    balance: str
    hash_type: str
    persistence: tuple[str, ...]
    """The lines by which clients stay with a server: cookies, stick tables."""
    servers: dict[str, str]
    """Server name → the rest of its line."""


def read_backends(text: str) -> dict[str, Backend]:
    """Backends and listens by name, each with what the ``defaults`` before it gave."""
    found: dict[str, Backend] = {}
    defaults = Backend("", "roundrobin", "", (), {})
    current: Backend | None = None
    in_defaults = False
    for line in text.splitlines():
        if section := _SECTION.match(line):
            in_defaults = section[1] == "defaults"
            current = None
            if in_defaults:
                defaults = Backend("", "roundrobin", "", (), {})
            elif section[1] in ("backend", "listen"):
                current = Backend(section[2], defaults.balance, defaults.hash_type, defaults.persistence, {})
                found[section[2]] = current
            continue
        owner = defaults if in_defaults else current
        if owner is None:
            continue
        changed = _with_line(owner, line)
        if in_defaults:
            defaults = changed
        else:
            current = found[changed.name] = changed
    return found


def _with_line(owner: Backend, line: str) -> Backend:
    words = line.split()
    if not words or words[0].startswith("#"):
        return owner
    balance, hash_type, persistence, servers = owner.balance, owner.hash_type, owner.persistence, owner.servers
    if words[0] == "balance" and len(words) > 1:
        balance = words[1]
    elif words[0] == "hash-type" and len(words) > 1:
        hash_type = words[1]
    elif words[0] in ("cookie", "appsession") or words[:2] in (["stick", "on"], ["stick", "match"], ["option", "persist"]):
        persistence = (*persistence, " ".join(words))
    elif words[0] == "server" and len(words) > 2:
        servers = {**servers, words[1]: " ".join(words[3:])}
    return Backend(owner.name, balance, hash_type, persistence, servers)


def takes_servers_at_run_time(backend: Backend) -> bool:
    """Whether ``add server`` works here: a method that can be changed while it runs."""
    if backend.balance in ("roundrobin", "leastconn", "first", "random") or backend.balance.startswith("random("):
        return True
    return backend.balance != "static-rr" and backend.hash_type == "consistent"


def replace_server(text: str, backend: str, server: str, successor: str, address: str, port: int) -> str:
    """The same text with a successor beside a server, and the server itself disabled. Again is fine. Raises NotUnderstood."""
    lines = text.splitlines(keepends=True)
    at = _find_server(lines, backend, server)
    if _find_server(lines, backend, successor, missing=True) >= 0:
        return text
    parts = _SERVER.match(lines[at])
    assert parts is not None  # noqa: S101 - it was found by it
    bare = lines[at].lstrip()
    space = lines[at][: len(lines[at]) - len(bare)]
    options = re.split(r"(?<!\\)\s#", parts[5])[0].rstrip()  # a comment behind it would hide what is added
    lines[at : at + 1] = [
        space + FORMER + bare,
        f"{parts[1]}{parts[2]}{parts[3]}{parts[4]}{options} disabled\n",
        f"{space}{ADDED}\n",
        f"{parts[1]}{successor}{parts[3]}{address}:{port}{successor_options(options)}\n",
    ]
    return "".join(lines)


def restore_server(text: str, backend: str, server: str, successor: str) -> str:
    """The same text as before ``replace_server``; where that is not to be seen, the text as it is."""
    lines = text.splitlines(keepends=True)
    at = _find_server(lines, backend, successor, missing=True)
    if at > 0 and lines[at - 1].strip() == ADDED:
        del lines[at - 1 : at + 1]
    at = _find_server(lines, backend, server, missing=True)
    if at > 0 and lines[at - 1].strip().startswith(FORMER):
        space = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
        lines[at - 1 : at + 1] = [space + lines[at - 1].lstrip().removeprefix(FORMER)]
    return "".join(lines)


def successor_options(options: str) -> str:
    """A server's options as its successor has them."""
    kept: list[str] = []
    words = iter(options.split())
    for word in words:
        if word in ("cookie", "id", "track"):
            next(words, None)
        elif word not in ("backup", "disabled"):
            kept.append(word)
    return " " + " ".join(kept) if kept else ""


def _find_server(lines: list[str], backend: str, server: str, *, missing: bool = False) -> int:
    for number, name, line in _in_sections(lines):
        parts = _SERVER.match(line)
        if name == backend and parts is not None and parts[2] == server:
            return number
    if missing:
        return -1
    raise NotUnderstood(say("gateways.conf_no_line", server=server, backend=backend))


def _in_sections(lines: list[str]) -> Iterator[tuple[int, str, str]]:
    name = ""
    for number, line in enumerate(lines):
        if section := _SECTION.match(line):
            name = section[2] if section[1] in ("backend", "listen") else ""
        yield number, name, line
