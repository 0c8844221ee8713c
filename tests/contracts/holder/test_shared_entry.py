"""Several systems share one entry and move at the same time: each takes its turn to put its hold into HAProxy's one file and to take it
out, nobody undoes what another one did, and in the end every byte is as it was."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.gateways.holder import Place
from orchestrator.gateways.http_hold_install import HoldInstaller
from orchestrator.models import HttpGateway
from orchestrator.steps.turns import one_at_a_time
from orchestrator.tools import programs

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]
ADDRESS = f"127.{90 + os.getpid() % 9}.{os.getpid() // 9 % 250}.7"
SYSTEMS = ("records", "portal", "permits", "weather")
PORT = 8100
HEAD = """global
    stats socket {folder}/admin.sock level admin
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
"""
SECTIONS = """
frontend {name}
    bind {address}:{port}
    default_backend {name}
backend {name}
    server one {address}:{there}
"""


def _shell() -> list[str]:
    return ["env", f"PATH={programs.search_path()}", "sh"]


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "etc/haproxy.cfg"
    file.parent.mkdir()
    sections = (SECTIONS.format(name=name, address=ADDRESS, port=PORT + n, there=PORT + 100 + n) for n, name in enumerate(SYSTEMS))
    file.write_text(HEAD.format(folder=file.parent) + "".join(sections), "utf-8")
    process = subprocess.Popen([str(programs.find("haproxy")), "-W", "-db", "-f", str(file)], stderr=subprocess.DEVNULL)
    until = time.monotonic() + 20
    while True:
        with socket.socket(socket.AF_UNIX) as console:
            if console.connect_ex(str(file.parent / "admin.sock")) == 0:
                break
        assert time.monotonic() < until
        time.sleep(0.05)
    yield file
    process.terminate()
    process.wait(20)


def _at_once(config: Path, act: Callable[[HoldInstaller], object]) -> None:
    """Everybody's, in threads that begin together."""
    together = threading.Barrier(len(SYSTEMS))
    context: Any = SimpleNamespace(
        settings=SimpleNamespace(state=config.parent), system=SimpleNamespace(id="s"), migration="s-1", pause=time.sleep, say=print,
        records=SimpleNamespace(event=print), progress=lambda _progress: None,
    )  # fmt: skip
    gateway = HttpGateway(host="edge", address=ADDRESS, runtime_socket=str(config.parent / "admin.sock"), config_file=str(config))

    def run(number: int) -> None:
        place = Place(ADDRESS, PORT + 100 + number)
        installer = HoldInstaller(gateway, _shell(), SYSTEMS[number], [(place, place)])
        together.wait()
        try:
            with one_at_a_time(context, ["edge"]):
                act(installer)
        finally:
            installer.disconnect()

    with ThreadPoolExecutor(len(SYSTEMS)) as pool:
        list(pool.map(run, range(len(SYSTEMS))))


def test_all_install_at_once_and_take_it_out_at_once_and_every_byte_is_as_it_was(config: Path) -> None:
    before = config.read_bytes()
    _at_once(config, lambda installer: installer.find_inability() or installer.install())
    installed: list[bool] = []
    _at_once(config, lambda installer: installed.append(installer.is_installed()))
    assert installed == [True] * len(SYSTEMS)
    _at_once(config, lambda installer: installer.uninstall())
    assert config.read_bytes() == before
