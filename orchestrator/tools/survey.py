"""Look at many hosts at once over SSH: one constant, read-only script each, with limits of time and output. A bad host costs only itself."""

from __future__ import annotations

import secrets
import shlex
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import OrchestratorError, ToolError
from orchestrator.models import Host
from orchestrator.tools.ssh import open_client
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
    problem: str = ""
    remedy: str = ""


def survey(
    hosts: Sequence[Host], known_hosts: Path | None, key: Path | None, *, workers: int = WORKERS, seconds: float = SCRIPT_SECONDS
) -> Iterator[Surveyed]:
    """Every host once, in the order in which they answer. Never raises for a host."""
    with ThreadPoolExecutor(max_workers=max(1, min(workers, len(hosts) or 1)), thread_name_prefix="survey") as pool:
        waiting = [pool.submit(_one, host, known_hosts, key, seconds) for host in hosts]
        for done in as_completed(waiting):
            yield done.result()


def _one(host: Host, known_hosts: Path | None, key: Path | None, seconds: float) -> Surveyed:
    began = time.monotonic()
    try:
        client = open_client(
            host.name, host.address, host.ssh_port, host.ssh_user, known_hosts=known_hosts, key=key, password=None, timeout=CONNECT_SECONDS
        )
        try:
            mark = secrets.token_hex(16)
            output, problem = _run(client, mark, seconds)
        finally:
            client.close()
    except OrchestratorError as error:
        return Surveyed(host, {}, time.monotonic() - began, error.what, error.remedy)
    except Exception as error:  # noqa: BLE001 - whatever a hostile host makes the library raise is that host's problem
        return Surveyed(host, {}, time.monotonic() - began, f"SSH failed: {type(error).__name__}", "see the host's sshd log")
    sections = _sections(output, mark)
    if not sections and not problem:
        problem = "its answer is not that of a shell"
    return Surveyed(host, sections, time.monotonic() - began, problem, "log in by hand and see what it answers" if problem else "")


def _run(client: paramiko.SSHClient, mark: str, seconds: float) -> tuple[bytes, str]:
    """The script's output, and what cut it short. Closing the channel ends the script on the host (SIGHUP or a broken pipe)."""
    transport = client.get_transport()
    if transport is None:
        raise ToolError("the connection is gone", remedy="try again", retryable=True)
    deadline = time.monotonic() + seconds
    channel = transport.open_session(timeout=CONNECT_SECONDS)
    collected = bytearray()
    with channel:
        channel.settimeout(1.0)
        channel.exec_command(shlex.join(["sh", "-c", SCRIPT, "survey", mark]))
        channel.shutdown_write()
        while True:
            if time.monotonic() > deadline:
                return bytes(collected), f"gave no end within {seconds:g} s"
            if len(collected) > MAX_OUTPUT:
                return bytes(collected[:MAX_OUTPUT]), f"wrote more than {MAX_OUTPUT // 1024} KB"
            try:
                piece = channel.recv(65536)
            except TimeoutError:
                continue
            if not piece:
                return bytes(collected), ""
            collected += piece


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
            f"shows no host key: {error or type(error).__name__}", where=where, remedy="see whether sshd answers there", retryable=True
        ) from error
    digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
    return key.get_name(), key.get_base64(), f"SHA256:{digest}"
