"""Look at many hosts at once over SSH: one constant, read-only script each, then their databases; with limits of time and output.

A bad host costs only itself, and nothing of a survey lives on there.
"""

from __future__ import annotations

import contextlib
import secrets
import shlex
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import OrchestratorError, ToolError
from orchestrator.models import Database, Host
from orchestrator.texts import Words, say
from orchestrator.tools.ssh import SshConnection, open_client
from orchestrator.tools.survey_postgres import Blind, look_into
from orchestrator.tools.survey_script import SCRIPT

if TYPE_CHECKING:
    import paramiko

WORKERS = 64
CONNECT_SECONDS = 10.0
SCRIPT_SECONDS = 25.0
MAX_OUTPUT = 512 * 1024


@dataclass(frozen=True)
class Surveyed:
    """What one host said. ``sections`` by name; ``problem`` in an operator's words when it said nothing, or not all."""

    host: Host
    sections: dict[str, str]
    seconds: float
    problem: Words = ""
    remedy: Words = ""
    blind: tuple[Blind, ...] = ()
    """Databases that could not be looked into, each with its remedy."""


def survey(
    hosts: Sequence[Host],
    known_hosts: Path | None,
    key: Path | None,
    *,
    databases: Mapping[str, Sequence[Database]] | None = None,
    workers: int = WORKERS,
    seconds: float = SCRIPT_SECONDS,
) -> Iterator[Surveyed]:
    """Every host once, in the order in which they answer. ``databases``: what the inventory has, by host name. Never raises for a host."""
    theirs = databases or {}
    with ThreadPoolExecutor(max_workers=max(1, min(workers, len(hosts) or 1)), thread_name_prefix="survey") as pool:
        waiting = [pool.submit(_one, host, known_hosts, key, seconds, theirs.get(host.name, ())) for host in hosts]
        for done in as_completed(waiting):
            yield done.result()


def _one(host: Host, known_hosts: Path | None, key: Path | None, seconds: float, bases: Sequence[Database]) -> Surveyed:
    began = time.monotonic()
    blind: list[Blind] = []
    try:
        client = open_client(
            host.name, host.address, host.ssh_port, host.ssh_user, known_hosts=known_hosts, key=key, password=None, timeout=CONNECT_SECONDS
        )
        deadline = time.monotonic() + seconds
        guard = threading.Timer(seconds + CONNECT_SECONDS, client.close)  # whatever still waits for the host is cut off
        guard.start()
        try:
            mark = secrets.token_hex(16)
            output, problem = _run(client, mark, deadline, seconds)
            sections = _sections(output, mark)
            if sections and not problem:
                blind = look_into(SshConnection(host.name, client), host, bases, sections, deadline)
        finally:
            guard.cancel()
            client.close()
    except OrchestratorError as error:
        return Surveyed(host, {}, time.monotonic() - began, error.says, error.mend)
    except Exception as error:  # noqa: BLE001 - whatever a hostile host makes the library raise is that host's problem
        return Surveyed(host, {}, time.monotonic() - began, say("tools.ssh_failed", error=type(error).__name__), say("tools.host_log"))
    if not sections and not problem:
        problem = say("tools.no_shell")
    remedy: Words = say("tools.log_in_by_hand") if problem else ""
    return Surveyed(host, sections, time.monotonic() - began, problem, remedy, tuple(blind))


def _run(client: paramiko.SSHClient, mark: str, deadline: float, seconds: float) -> tuple[bytes, Words]:
    """The script's output, and what cut it short. Its input stays open: closing the channel ends the script on the host."""
    transport = client.get_transport()
    if transport is None:
        raise ToolError(say("tools.connection_gone"), remedy=say("tools.try_again"), retryable=True)
    channel = transport.open_session(timeout=CONNECT_SECONDS)
    collected = bytearray()
    with channel:
        channel.settimeout(1.0)
        channel.exec_command(shlex.join(["sh", "-c", SCRIPT, "survey", mark]))
        with contextlib.suppress(OSError):  # a command that ended at once reads nothing: what it said is read all the same
            channel.sendall(f"{mark}\n".encode())
        last = f"=={mark}== end".encode()
        while last not in collected[-200:]:  # not its end of file: a process left behind may hold that open
            if time.monotonic() > deadline:
                return bytes(collected), say("tools.survey_no_end", seconds=seconds)
            if len(collected) > MAX_OUTPUT:
                return bytes(collected[:MAX_OUTPUT]), say("tools.wrote_more_kb", limit=MAX_OUTPUT // 1024)
            try:
                piece = channel.recv(65536)
            except TimeoutError:
                continue
            if not piece:
                return bytes(collected), ""
            collected += piece
    return bytes(collected), ""


def _sections(output: bytes, mark: str) -> dict[str, str]:
    """Text between marks. The mark is random: nothing that a host prints can pass for one."""
    found: dict[str, str] = {}
    for part in output.decode("utf-8", "replace").split(f"=={mark}== ")[1:]:
        name, _, text = part.partition("\n")
        found[name.strip()[:40]] = "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text).strip("\n")
    return found


def host_key(address: str, port: int, *, timeout: float = CONNECT_SECONDS) -> tuple[str, str, str]:
    """(type, base64 key, SHA256 fingerprint) that a host shows now, without logging in. Raises ToolError."""
    import base64
    import hashlib
    import socket

    import paramiko

    where = f"{address}:{port}"
    try:
        with socket.create_connection((address, port), timeout=timeout) as connection:
            transport = paramiko.Transport(connection)
            try:
                transport.banner_timeout = timeout
                transport.start_client(timeout=timeout)
                key = transport.get_remote_server_key()
            finally:
                transport.close()
    except (OSError, EOFError, paramiko.SSHException) as error:
        raise ToolError(
            say("tools.shows_no_key", error=str(error) or type(error).__name__),
            where=where,
            remedy=say("tools.see_answers"),
            retryable=True,
        ) from error
    digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
    return key.get_name(), key.get_base64(), f"SHA256:{digest}"
