"""HAProxy's configuration as other people write it: read where it matters to us, changed server line by server line.

A server that gets a successor stays as it is written and is ``disabled``; its successor is the same line with another name and
address, so that options (``ssl``, ``weight``, ``send-proxy`` …) go with it. Everything else keeps its bytes. Marks in comments
make it possible to take back exactly what was changed, without a memory of our own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from orchestrator.gateways.haproxy_words import read_head, split_lines, split_words, without_remark
from orchestrator.texts import say

ADDED = "# added by orchestrator"
FORMER = "# before orchestrator: "

_SERVER = re.compile(r"^(\s*server\s+)(\S+)(\s+)(\S+)(.*?)(\s*)$", re.DOTALL)
_OF_ITSELF = {"cookie", "id", "track", "addr", "agent-addr", "resolvers", "init-addr", "resolve-prefer", "resolve-net", "resolve-opts"}
"""Options, each with a word of its own, that say who a server is, how its name is looked up, or that somebody else is asked how it is: a
successor is another one, and has an address."""


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
    inherited: dict[str, str] = field(default_factory=dict)
    """Server name → what the ``default-server`` lines before it give it."""
    switched_off: frozenset[str] = frozenset()
    """Servers that somebody else wrote down as disabled."""
    repeated: frozenset[str] = frozenset()
    """Servers that stand there more than once (``.if`` blocks): nobody can tell which line is in force."""
    default_server: str = ""


_FIRST = Backend("", "roundrobin", "", (), {})


def read_backends(text: str) -> dict[str, Backend]:
    """Backends and listens by name, each with what the ``defaults`` in force for it gave."""
    found: dict[str, Backend] = {}
    named: dict[str, Backend] = {}
    latest = current = _FIRST
    kind, above = "", ""
    for line in split_lines(text):
        if head := read_head(line):
            kind, name, parent = head
            given = named.get(parent, latest) if parent or kind != "defaults" else _FIRST
            current = replace(given, name=name)
        elif kind in ("defaults", "backend", "listen"):
            current = _with_line(current, line, is_ours=above.strip().startswith(FORMER))
        if kind == "defaults":
            latest = named[current.name] = current
        elif kind in ("backend", "listen"):
            found[current.name] = current
        above = line
    return found


def _with_line(owner: Backend, line: str, *, is_ours: bool) -> Backend:
    words = split_words(line)
    word, value = (*words, "", "")[:2]
    if word == "balance" and value:
        owner = replace(owner, balance=value)
    elif word == "hash-type" and value:
        owner = replace(owner, hash_type=value)
    elif word in ("cookie", "appsession") or (word, value) in (("stick", "on"), ("stick", "match"), ("option", "persist")):
        owner = replace(owner, persistence=(*owner.persistence, " ".join(words)))
    elif word == "default-server":
        owner = replace(owner, default_server=f"{owner.default_server} {' '.join(words[1:])}".strip())
    elif word == "server" and len(words) > 2:
        owner = _with_server(owner, words, is_ours=is_ours)
    return owner


def _with_server(owner: Backend, words: list[str], *, is_ours: bool) -> Backend:
    name, options = words[1], words[3:]
    is_off = "disabled" in [*owner.default_server.split(), *options] and "enabled" not in options and not is_ours
    return replace(
        owner,
        servers=owner.servers | {name: " ".join(options)},
        inherited=owner.inherited | {name: owner.default_server},
        switched_off=owner.switched_off | {name} if is_off else owner.switched_off,
        repeated=owner.repeated | {name} if name in owner.servers else owner.repeated,
    )


def find_state_file(text: str) -> str:
    """The file from which HAProxy takes its servers' states when it starts; empty where it has none."""
    path = base = kind = ""
    for line in split_lines(text):
        kind = head[0] if (head := read_head(line)) else kind
        word, value = (*split_words(line), "", "")[:2]
        if kind == "global" and word == "server-state-file":
            path = value
        elif kind == "global" and word == "server-state-base":
            base = value
    return str(PurePosixPath(base) / path) if path else ""


def takes_servers_at_run_time(backend: Backend) -> bool:
    """Whether ``add server`` works here: a method that can be changed while it runs."""
    if backend.balance in ("roundrobin", "leastconn", "first", "random") or backend.balance.startswith("random("):
        return True
    return backend.balance != "static-rr" and backend.hash_type == "consistent"


def replace_server(text: str, backend: str, server: str, successor: str, address: str, port: int) -> str:
    """The same text with a successor beside a server, and the server itself disabled. Again is fine. Raises NotUnderstood."""
    lines = split_lines(text)
    at = _find_server(lines, backend, server)
    if _find_server(lines, backend, successor, missing=True) >= 0:
        return text
    parts = _SERVER.match(lines[at])
    assert parts is not None  # noqa: S101 - it was found by it
    bare = lines[at].lstrip()
    space = lines[at][: len(lines[at]) - len(bare)]
    options = without_remark(parts[5]).rstrip()  # a comment behind it would hide what is added
    inherited = read_backends(text)[backend].inherited.get(server, "")
    lines[at : at + 1] = [
        space + FORMER + bare,
        f"{parts[1]}{parts[2]}{parts[3]}{parts[4]}{options} disabled\n",
        f"{space}{ADDED}\n",
        f"{parts[1]}{successor}{parts[3]}{address}:{port}{successor_options(options, inherited)}\n",
    ]
    return "".join(lines)


def restore_server(text: str, backend: str, server: str, successor: str) -> str:
    """The same text as before ``replace_server``; where that is not to be seen, the text as it is."""
    lines = split_lines(text)
    at = _find_server(lines, backend, successor, missing=True)
    if at > 0 and lines[at - 1].strip() == ADDED:
        del lines[at - 1 : at + 1]
    at = _find_server(lines, backend, server, missing=True)
    if at > 0 and lines[at - 1].strip().startswith(FORMER):
        space = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
        lines[at - 1 : at + 1] = [space + lines[at - 1].lstrip().removeprefix(FORMER)]
    return "".join(lines)


def successor_options(options: str, inherited: str = "") -> str:
    """A server's options as its successor's line has them. It is always checked, itself and at its own address: nobody would know whether
    it answers. ``inherited``: what it has from ``default-server`` all the same."""
    kept: list[str] = []
    words = iter(options.split())
    for word in words:
        if word in _OF_ITSELF:
            next(words, None)
        elif word not in ("backup", "disabled", "no-check"):
            kept.append(word)
    if "check" not in [*inherited.split(), *kept] or "no-check" in inherited.split():
        kept.append("check")
    return " " + " ".join(kept) if kept else ""


def run_time_options(backend: Backend, server: str) -> str:
    """The same for one that is added while HAProxy runs: it inherits nothing then."""
    return successor_options(f"{backend.inherited.get(server, '')} {backend.servers.get(server, '')}").strip()


def _find_server(lines: list[str], backend: str, server: str, *, missing: bool = False) -> int:
    for number, name, line in _in_sections(lines):
        words = split_words(line)
        if name == backend and words[:1] == ["server"] and words[1:2] == [server] and _SERVER.match(line):
            return number
    if missing:
        return -1
    raise NotUnderstood(say("gateways.conf_no_line", server=server, backend=backend))


def _in_sections(lines: list[str]) -> Iterator[tuple[int, str, str]]:
    name = ""
    for number, line in enumerate(lines):
        if head := read_head(line):
            name = head[1] if head[0] in ("backend", "listen") else ""
        yield number, name, line
