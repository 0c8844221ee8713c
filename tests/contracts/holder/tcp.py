"""HAProxy in TCP mode as the table of promises wants it: two ports of one database, one of somebody else's, and servers that speak
first and say which side they are."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orchestrator.gateways.hold_word import LUA
from orchestrator.gateways.holder import Place
from orchestrator.gateways.tcp_hold import TcpHold
from orchestrator.tools import programs

_HEAD = """\
# of the operations office
global
    lua-load {folder}/hold.lua
    lua-load {folder}/hold.lua
    stats socket {folder}/admin.sock mode 600 level admin
    stats timeout 1h
{chroot}defaults
    mode tcp
    timeout connect 2s
    timeout client 1h
    timeout server 1h
"""
SECTIONS = """\
frontend {name}
    bind {address}:{port}
    tcp-request inspect-delay 500ms
    tcp-request content lua.hold_connect {word}
    default_backend {name}
backend {name}
    tcp-request inspect-delay 60s
    tcp-request content lua.hold_connect {word}
    tcp-request content reject unless {{ var(txn.hold_host) -m found }}
    tcp-request content set-dst var(txn.hold_host)
    tcp-request content set-dst-port var(txn.hold_port)
    server live 0.0.0.0:0
"""
PORTS = {"records": 8100, "records read": 8101, "theirs": 8102}
SIDES = {"source": 8091, "target": 8092}


class TcpWorld:
    """``records`` is reached by two ports, of which the second has a file of its own."""

    name = "tcp_hold"
    stages = True

    def __init__(self, folder: Path, address: str, *, chroot: bool = False) -> None:
        """``chroot``: HAProxy sees nothing but the folder, as /."""
        self.folder, self.address, self.chroot = folder, address, chroot
        self.words = folder / "words"
        self.words.mkdir()
        (folder / "hold.lua").write_text(LUA, "utf-8")
        self.config = folder / "haproxy.cfg"
        for name in PORTS:
            there = ("10.9.9.9", 1) if name == "theirs" else (address, SIDES["source"])
            self.word(name).write_text("old\n", "utf-8")
            self.word(name).with_suffix(".places").write_text(f"# of the operations office\nold {there[0]} {there[1]}\n\n", "utf-8")
        self.file().chmod(0o640)
        self.servers = [_serve(address, port, side) for side, port in SIDES.items()]
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def word(self, name: str) -> Path:
        return self.words / name.replace(" ", "%20")

    def start(self, words: Path | None = None) -> None:
        seen = Path("/words") if self.chroot else words or self.words
        sections = [
            SECTIONS.format(name=name.replace(" ", "-"), address=self.address, port=port, word=seen / self.word(name).name)
            for name, port in PORTS.items()
        ]
        head = _HEAD.format(folder=self.folder, chroot=f"    chroot {self.folder}\n" if self.chroot else "")
        self.config.write_text(head + "".join(sections), "utf-8")
        argv = [str(programs.find("haproxy")), "-W", "-db", "-f", str(self.config)]
        self.process = subprocess.Popen(argv, stderr=subprocess.DEVNULL, start_new_session=True)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                self.ask("records")
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError("HAProxy does not listen")

    def stop(self) -> None:
        """As a machine that loses power: master and worker at once."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def reload(self) -> None:
        """A new worker takes over the ports; the former one keeps its connections."""
        assert self.process is not None
        before = self.runtime_pid()
        self.process.send_signal(signal.SIGUSR2)
        until = time.monotonic() + 20
        while self.runtime_pid() in ("", before):
            assert time.monotonic() < until, "no new worker"
            time.sleep(0.02)

    def runtime_pid(self) -> str:
        try:
            with socket.socket(socket.AF_UNIX) as console:
                console.connect(str(self.folder / "admin.sock"))
                console.sendall(b"show info\n")
                answer = b"".join(iter(lambda: console.recv(65536), b""))
        except OSError:
            return ""
        return next((line for line in answer.decode().splitlines() if line.startswith("Pid:")), "")

    def close(self) -> None:
        self.stop()
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def holder(self, to: str, part: str = "records", *, channel: Sequence[str] = ("sh",), hold_seconds: float = 20) -> TcpHold:
        places = {side: {"host": self.address, "port": port} for side, port in SIDES.items()}
        gateway = {"host": "gateway", "address": self.address, "runtime_socket": str(self.folder / "admin.sock")}
        leads = [{"part": part, "to": to, **places}]
        return TcpHold(
            gateway=gateway, channel=channel, folder=str(self.words), ports=PORTS, hold_seconds=hold_seconds, leads=leads
        )

    def ask(self, name: str) -> str:
        with socket.create_connection((self.address, PORTS[name]), timeout=60) as client:
            return client.recv(100).decode()

    def answered_by(self) -> str:
        answer = self.ask("records")
        assert self.ask("records read") == answer, "the second name leads elsewhere"
        return answer

    def restart(self) -> None:
        self.stop()
        self.start()

    def file(self) -> Path:
        return self.word("records").with_suffix(".places")

    def break_reading(self) -> None:
        """Somebody's configuration comes back: its frontends read words that nobody writes any more."""
        former = self.folder / "former"
        shutil.copytree(self.words, former, dirs_exist_ok=True)
        self.stop()
        self.start(former)

    def mend_reading(self) -> None:
        self.restart()

    def others(self) -> Any:
        word = self.word("theirs")
        return word.read_bytes(), word.with_suffix(".places").read_bytes()

    def foreign(self) -> tuple[str, str, Place]:
        """A holder's part, and a name of somebody else's that leads elsewhere."""
        return "records", "theirs", Place("10.0.0.1", 3306)


def _serve(address: str, port: int, side: str) -> socketserver.ThreadingTCPServer:
    class Greeting(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                self.request.sendall(side.encode())
                self.request.recv(1)

    socketserver.ThreadingTCPServer.allow_reuse_address = True
    socketserver.ThreadingTCPServer.daemon_threads = True
    socketserver.ThreadingTCPServer.request_queue_size = 1024
    server = socketserver.ThreadingTCPServer((address, port), Greeting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
