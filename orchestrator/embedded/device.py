"""The signature device signer-1: an appliance with an interactive SSH command line for managing it and a TCP port for signing.

It is no host: no shell, no files to copy. Its folder (key, host key, configuration) is inside the appliance. It signs only
when the network address it was configured with is the address at which it really stands: after a move, management
answers, signing waits for ``set network address A port P`` and ``commit``.

Signing protocol: a line with a decimal number in, a line with the hex Ed25519 signature of those digits out; connections are kept.
"""

from __future__ import annotations

import argparse
import hmac
import json
import os
import re
import signal
import socket
import socketserver
import sys
import threading
from pathlib import Path
from typing import Any

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED, OPEN_SUCCEEDED

_NUMBER = re.compile(rb"-?\d{1,18}")
_SET = re.compile(r"set network address (\d{1,3}(?:\.\d{1,3}){3}) port (\d{1,5})")


def make(folder: Path, address: str, port: int) -> None:
    """A new device: signing key, host key, and a configuration for the place where it stands first."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = Ed25519PrivateKey.generate()
    raw = key.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption())
    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    (folder / "signing.key").write_bytes(raw)
    (folder / "signing.key").chmod(0o600)
    (folder / "public.hex").write_text(public.hex(), encoding="utf-8")
    _save(folder, {"address": address, "port": port})


def _save(folder: Path, network: dict[str, Any]) -> None:
    temporary = folder / "network.new"
    temporary.write_text(json.dumps(network), encoding="utf-8")
    temporary.rename(folder / "network.json")


class Device:
    """The appliance's state while it is switched on."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder
        self.address = address
        """Where it physically stands."""
        self.network: dict[str, Any] = json.loads((folder / "network.json").read_text(encoding="utf-8"))
        self._key = Ed25519PrivateKey.from_private_bytes((folder / "signing.key").read_bytes())
        self._server: socketserver.ThreadingTCPServer | None = None
        self.signed = 0

    def sign(self, number: bytes) -> bytes:
        self.signed += 1
        return self._key.sign(number).hex().encode()

    @property
    def serving(self) -> bool:
        return self._server is not None

    def serve(self) -> str:
        """Start signing if the configuration fits the place; what happened, in the device's words."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        if self.network["address"] != self.address:
            return f"signing off: configured {self.network['address']}, standing at {self.address}"
        device = self

        class Line(socketserver.StreamRequestHandler):
            disable_nagle_algorithm = True

            def handle(self) -> None:
                while line := self.rfile.readline(64):
                    number = line.strip()
                    self.wfile.write((device.sign(number) if _NUMBER.fullmatch(number) else b"error") + b"\n")

        class Signing(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Signing((self.address, int(self.network["port"])), Line)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        return f"signing on {self.address}:{self.network['port']}"

    def command(self, line: str, pending: dict[str, Any]) -> str:
        """Answer one line of the command line; ``pending`` holds what is set but not committed."""
        if line == "show status":
            state = "on" if self.serving else "off"
            return f"model: SJJ1012\r\nserial: SJJ1012-0007\r\nsigning: {state}\r\nsigned: {self.signed}"
        if line == "show network":
            return f"address: {self.network['address']}\r\nport: {self.network['port']}\r\nstanding: {self.address}"
        if match := _SET.fullmatch(line):
            pending.update(address=match[1], port=int(match[2]))
            return "ok, not committed"
        if line == "commit":
            return self.commit(pending)
        return f"error: unknown command: {line}" if line else ""

    def commit(self, pending: dict[str, Any]) -> str:
        """Take over what was set, durably, and sign at the new address; refused when this place does not have it."""
        if not pending:
            return "error: nothing to commit"
        if pending["address"] != self.address:
            return f"error: this network has no {pending['address']}"
        self.network = dict(pending)
        pending.clear()
        _save(self.folder, self.network)
        return f"committed, {self.serve()}"


class Login(paramiko.ServerInterface):
    """Password login for one account; a shell only, nothing is executed."""

    def __init__(self, user: str, password: str) -> None:
        self._user, self._password = user, password
        self.shell = threading.Event()

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002 - the base class's name
        return "password"

    def check_auth_password(self, username: str, password: str) -> int:
        given, wanted = f"{username}\0{password}", f"{self._user}\0{self._password}"
        return AUTH_SUCCESSFUL if hmac.compare_digest(given.encode(), wanted.encode()) else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002 - the base class's name
        return OPEN_SUCCEEDED if kind == "session" else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_pty_request(self, *_: Any) -> bool:
        return True

    def check_channel_shell_request(self, channel: paramiko.Channel) -> bool:  # noqa: ARG002 - the base class's name
        self.shell.set()
        return True


def _converse(connection: socket.socket, device: Device, name: str, host_key: paramiko.PKey, login: Login) -> None:
    transport = paramiko.Transport(connection)
    transport.add_server_key(host_key)
    try:
        transport.start_server(server=login)
        channel = transport.accept(30)
        if channel is None or not login.shell.wait(10):
            return
        pending: dict[str, Any] = {}
        prompt = f"{name}> ".encode()
        channel.sendall(prompt)
        buffer = b""
        while data := channel.recv(1024):
            channel.sendall(data.replace(b"\r", b"\r\n") if b"\n" not in data else data)
            buffer += data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            while b"\n" in buffer:
                line, buffer = buffer.split(b"\n", 1)
                words = " ".join(line.decode(errors="replace").split())
                if words == "exit":
                    channel.send_exit_status(0)
                    channel.close()
                    return
                answer = device.command(words, pending)
                channel.sendall((f"{answer}\r\n" if answer else "").encode() + prompt)
    except (OSError, EOFError, paramiko.SSHException):
        pass  # the other side went away: the appliance does not mind
    finally:
        transport.close()


def main(argv: list[str] | None = None) -> int:
    """Switch the device on at an address; runs until SIGTERM."""
    parser = argparse.ArgumentParser(description="The embedded city's signature device.")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--address", required=True)
    parser.add_argument("--management-port", type=int, required=True)
    parser.add_argument("--user", required=True)
    parser.add_argument("--secret", type=Path, required=True)
    asked = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    device = Device(asked.folder, asked.address)
    host_key = paramiko.Ed25519Key(filename=str(asked.folder / "host_key"))
    password = asked.secret.read_text(encoding="utf-8").strip()
    print(device.serve(), flush=True)
    with socket.create_server((asked.address, asked.management_port)) as listener:
        while True:
            connection, _ = listener.accept()
            login = Login(asked.user, password)
            arguments = (connection, device, asked.name, host_key, login)
            threading.Thread(target=_converse, args=arguments, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
