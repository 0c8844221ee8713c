"""A new server's host key, from the cloud's own console log: another way than the network on which somebody could stand in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol, runtime_checkable

from orchestrator import texts
from orchestrator.errors import NeedsPerson
from orchestrator.tools.known_hosts import forget, remember, remembered
from orchestrator.tools.terraform import Server

BEGIN, END = "BEGIN SSH HOST KEY KEYS", "END SSH HOST KEY KEYS"
KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa")
"""Accepted kinds, the preferred first."""
BOOT_SECONDS = 600.0


@runtime_checkable
class Console(Protocol):
    """A cloud that shows what a server writes on its console. Reading changes nothing."""

    def console_of(self, server: Server) -> str:
        """What this server wrote so far; not a stranger's of the same name. Raises ToolError when the cloud does not show it."""


def read_host_keys(console: str) -> list[tuple[str, str]]:
    """(kind, base64 key) between the lines that cloud-init prints, of the last boot that printed them; accepted kinds only, the
    preferred first. Empty while the block is not there whole."""
    _, begun, block = console.rpartition(BEGIN)
    block, ended, _ = block.partition(END)
    if not begun or not ended:
        return []
    found: dict[str, str] = {}
    for line in block.splitlines():
        words = line.split()
        while words and words[0] not in KINDS:  # a console may put a time or a name before what is written on it
            words = words[1:]
        if len(words) >= 2:
            found[words[0]] = words[1]
    return [(kind, found[kind]) for kind in KINDS if kind in found]


def pin_host_keys(
    console: Console, servers: list[Server], known_hosts: Path, say: Callable[[str], None], *, seconds: float = BOOT_SECONDS
) -> None:
    """Put the key of every server on record, or compare it with the one that is.

    Raises NeedsPerson where a server shows another key than the one on record, or none within ``seconds``: a person compares
    it then; it is never trusted blindly.
    """
    deadline = time.monotonic() + seconds
    for server in servers:
        keys = read_host_keys(console.console_of(server))
        while not keys and not remembered(known_hosts, server.address, server.ssh_port):
            if time.monotonic() > deadline:
                raise NeedsPerson(
                    texts.say("cloud.no_console_key", name=server.name, seconds=seconds), where=server.address,
                    remedy=texts.say("cloud.compare_console_key"),
                )  # fmt: skip
            time.sleep(2.0)
            keys = read_host_keys(console.console_of(server))
        _compare(server, keys, known_hosts, say)


def forget_host_keys(places: Iterable[tuple[str, int]], known_hosts: Path, say: Callable[[str], None]) -> None:
    """Servers that were taken away by us: whoever is given one of their addresses next shows another key, and rightly."""
    for address, port in sorted(set(places)):
        if forget(known_hosts, address, port):
            say(str(texts.say("cloud.key_forgotten", address=address)))


def _compare(server: Server, keys: list[tuple[str, str]], known_hosts: Path, say: Callable[[str], None]) -> None:
    on_record = remembered(known_hosts, server.address, server.ssh_port)
    if not keys:
        return  # a person trusted it; its console shows nothing to compare
    if not on_record:
        kind, key = keys[0]
        remember(known_hosts, server.address, server.ssh_port, kind, key)
        say(str(texts.say("cloud.key_from_console", name=server.name, kind=kind)))
    elif not set(on_record) & set(keys):
        raise NeedsPerson(
            texts.say("cloud.another_key", name=server.name, address=server.address),
            where=str(known_hosts),
            remedy=texts.say("cloud.find_key_why"),
        )
