"""Other people's haproxy.cfg, told to a real HAProxy: each is switched, durable over a restart and given back byte for byte, or refused
by name with everything as it was."""

from __future__ import annotations

import http.client
import os
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
import pytest

from orchestrator.gateways.haproxy_entry import PROOF, HaproxyEntry
from orchestrator.gateways.holder import Place
from orchestrator.gateways.http_hold_install import HoldInstaller
from orchestrator.models import HttpGateway
from orchestrator.tools import programs
from tests.contracts.holder.gateways import _serve

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]
ADDRESS = f"127.{100 + os.getpid() % 40}.{os.getpid() // 40 % 250}.7"
PORTS = {"source": 8081, "target": 8082}
HEAD = """\
global
    stats socket {folder}/admin.sock mode 600 level admin
defaults
    mode http
    timeout connect 2s
    timeout client 1h
    timeout server 1h
"""
WEB = "frontend web\n    bind {a}:8080\n    default_backend portal\n"
PORTAL = "backend portal\n    server old1 {a}:8081 check inter 200ms\n"


@dataclass(frozen=True)
class World:
    files: dict[str, str]
    arguments: tuple[str, ...] = ("-f", "haproxy.cfg")
    config: str = "haproxy.cfg"
    refused: str = ""
    """The code of the finding; empty: it is carried."""
    names: tuple[str, ...] = ()
    """What the finding must name."""
    variables: dict[str, str] = field(default_factory=dict)


def one(text: str, refused: str = "", *names: str) -> World:
    """A configuration in one file, behind the usual head and frontend."""
    return World({"haproxy.cfg": HEAD + WEB + text}, refused=refused, names=names)


NAMED = HEAD.replace("defaults\n", "defaults base\n") + "defaults strict from base\n    balance static-rr\n"
SPLIT = {"conf/00-global.cfg": HEAD, "conf/10-web.cfg": WEB, "conf/20-portal.cfg": PORTAL}
WORLDS = {
    "sections-indented-servers-not": World({
        "haproxy.cfg": HEAD + " frontend web\n bind {a}:8080\n default_backend portal\n  backend portal\nserver old1 {a}:8081 check inter 200ms\n"
    }),
    "names-in-quotes": one('backend "portal"\n    server "old1" "{a}:8081" check inter 200ms   # "a remark\n'),
    "defaults-chosen-by-name": World({"haproxy.cfg": NAMED + WEB.replace("web", "web from base") + PORTAL.replace("portal", "portal from base", 1)}),
    "defaults-by-name-that-forbid": World(
        {"haproxy.cfg": NAMED + "defaults last from base\n" + WEB + PORTAL.replace("portal", "portal from strict", 1)},
        refused="gateways.balances", names=("portal", "static-rr"),
    ),
    "never-checked": one("backend portal\n    server old1 {a}:8081\n"),
    "health-tracked": one("backend other\n    server m {a}:8081 check inter 200ms\nbackend portal\n    server old1 {a}:8081 track other/m\n"),
    "health-asked-of-another-address": one("backend portal\n    server old1 {a}:8081 check addr {a} inter 200ms\n"),
    "names-looked-up": World({
        "haproxy.cfg": HEAD + "resolvers dns\n    nameserver a 127.0.0.1:1\n" + WEB
        + "backend portal\n    server old1 {a}:8081 check inter 200ms resolvers dns init-addr last,libc,none\n"
    }),
    "options-from-default-server": one("backend portal\n    default-server check inter 200ms weight 7\n    server old1 {a}:8081\n"),
    "a-folder-of-files": World(SPLIT, arguments=("-f", "conf"), config="conf/20-portal.cfg"),
    "several-files-and-variables": World(
        {"haproxy.cfg": HEAD, "portal.cfg": WEB.replace("{a}", '"${LISTEN}"') + PORTAL}, arguments=("-f", "haproxy.cfg", "-f", "portal.cfg"),
        config="portal.cfg", variables={"LISTEN": ADDRESS},
    ),
    "a-file-that-is-not-read": World(
        SPLIT | {"haproxy.cfg": HEAD + WEB + PORTAL}, arguments=("-f", "conf"), refused="gateways.reads_others", names=("haproxy.cfg", "conf"),
    ),
    "operator-only": World(
        {"haproxy.cfg": HEAD.replace("level admin", "level operator") + WEB + PORTAL}, refused="gateways.takes_no_server", names=("portal", "Permission denied"),
    ),
    "an-option-that-no-added-server-may-have": one(
        "backend portal\n    server old1 {a}:8081 check inter 200ms non-stick\n", "gateways.takes_no_server", "portal", "non-stick",
    ),
    "a-successors-name-is-taken": one(
        PORTAL + "    server old1-cloud 10.9.9.9:80 disabled\n", "gateways.name_taken", "portal/old1-cloud", "10.9.9.9",
    ),
    "two-lines-behind-a-condition": one(
        "backend portal\n.if version_atleast(2.4)\n" + PORTAL.split("\n")[1] + "\n.else\n    server old1 10.0.0.1:1\n.endif\n",
        "gateways.line_repeated", "old1", "portal",
    ),
    "servers-by-template": one("backend portal\n    server-template app 1-2 {a}:8081 check inter 200ms\n", "gateways.no_line", "app1", "app2"),
}  # fmt: skip


class Running:
    """A HAProxy with these files."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.folder = world, folder
        for name, text in world.files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text.replace("{folder}", str(folder)).replace("{a}", ADDRESS), encoding="utf-8")
            (folder / name).chmod(0o640)
        self.start()

    def start(self) -> None:
        program = str(programs.find("haproxy"))
        self.process = subprocess.Popen(
            [program, "-db", *self.world.arguments], cwd=self.folder, env=os.environ | self.world.variables, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                socket.create_connection((ADDRESS, 8080), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError("HAProxy does not listen")

    def stop(self) -> None:
        workers = psutil.Process(self.process.pid).children() if self.process.poll() is None else []
        self.process.kill()
        for worker in workers:
            worker.kill()
        self.process.wait()

    def photograph(self) -> dict[str, tuple[bytes, int]]:
        files = [self.folder / name for name in self.world.files]
        return {str(file): (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) for file in files}

    def entry(self, to: str) -> HaproxyEntry:
        gateway = {
            "host": "edge", "address": ADDRESS, "runtime_socket": str(self.folder / "admin.sock"), "config_file": str(self.folder / self.world.config),
        }  # fmt: skip
        places = {side: {"host": ADDRESS, "port": port} for side, port in PORTS.items()}
        return HaproxyEntry(gateway=gateway, channel=["env", f"PATH={programs.search_path()}", "sh"], leads=[{"part": "portal", "to": to, **places}])

    def lead(self, to: str) -> None:
        entry = self.entry(to)
        entry.stage()
        entry.switch_and_resume()
        if to == "source":
            entry.unlearn("portal")
        entry.disconnect()

    def is_led(self, to: str) -> bool:
        entry = self.entry(to)
        try:
            return entry.is_led()
        finally:
            entry.disconnect()


@pytest.fixture(scope="module", autouse=True)
def services() -> Iterator[None]:
    running = [_serve(ADDRESS, port, side) for side, port in PORTS.items()]
    yield
    for service in running:
        service.shutdown()
        service.server_close()


def answered_by() -> set[str]:
    answers = set()
    for _ in range(4):
        connection = http.client.HTTPConnection(ADDRESS, 8080, timeout=10)
        connection.request("GET", "/")
        answers.add(connection.getresponse().read().decode())
        connection.close()
    return answers


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="haproxy-") as name:
        yield Path(name)


@pytest.mark.parametrize("name", WORLDS)
def test_somebody_elses_configuration(name: str, folder: Path) -> None:
    world = WORLDS[name]
    running = Running(world, folder)
    try:
        before = running.photograph()
        entry = running.entry("target")
        found = entry.obstacles()
        left = [server.name for server in entry._runtime.list_servers() if server.name == PROOF]
        entry.disconnect()
        assert running.photograph() == before, "looking changed something"
        assert left == []
        assert {getattr(words, "code", str(words)) for words in found} == ({world.refused} if world.refused else set()), [str(words) for words in found]
        for wanted in world.names:
            assert wanted in "; ".join(map(str, found))
        if not world.refused:
            must_be_carried(running, before)
    finally:
        running.stop()


def must_be_carried(running: Running, before: dict[str, tuple[bytes, int]]) -> None:
    running.lead("target")
    assert answered_by() == {"target"}
    others = {file: seen for file, seen in running.photograph().items() if not file.endswith(running.world.config)}
    assert others == {file: seen for file, seen in before.items() if file in others}
    running.stop()
    running.start()
    wait_until_led(running, "target")
    assert answered_by() == {"target"}
    running.lead("source")
    assert answered_by() == {"source"}
    assert running.photograph() == before


def wait_until_led(running: Running, to: str) -> None:
    """A HAProxy that has just started takes its servers for healthy until its first checks."""
    until = time.monotonic() + 20
    while not running.is_led(to):
        assert time.monotonic() < until, f"a restart forgot the {to}"
        time.sleep(0.1)


def test_a_server_that_somebody_switched_off_stays_switched_off(folder: Path) -> None:
    world = one("backend portal\n    server broken {a}:8081 disabled\n    server old1 {a}:8081 check inter 200ms\n")
    running = Running(world, folder)
    try:
        before = running.photograph()
        must_be_carried(running, before)
        entry = running.entry("source")
        assert entry._runtime.servers("portal")["broken"] == "MAINT"
        assert "broken-cloud" not in entry._runtime.servers("portal")
        entry.disconnect()
    finally:
        running.stop()


def test_an_added_server_has_what_its_neighbour_inherits(folder: Path) -> None:
    running = Running(WORLDS["options-from-default-server"], folder)
    try:
        running.lead("target")
        entry = running.entry("target")
        rows = {row["svname"]: row["weight"] for row in entry._runtime.servers_of("portal")}
        entry.disconnect()
        assert rows["old1-cloud"] == "7"
    finally:
        running.stop()


def test_states_that_a_reload_wrote_down_do_not_leave_out_who_serves_again(folder: Path) -> None:
    """As distributions' reload scripts do it: `show servers state` into a file that is read at the next start."""
    head = HEAD.replace("global\n", "global\n    server-state-file {folder}/states\n") + "    load-server-state-from-file global\n"
    running = Running(World({"haproxy.cfg": head + WEB + PORTAL}), folder)
    try:
        running.lead("target")
        entry = running.entry("target")
        (folder / "states").write_text(entry._runtime.command("show servers state") + "\n", encoding="utf-8")
        entry.disconnect()
        running.lead("source")
        running.stop()
        running.start()
        wait_until_led(running, "source")
        assert answered_by() == {"source"}
    finally:
        running.stop()


@pytest.mark.parametrize(("name", "code"), [("a-folder-of-files", "gateways.hold_split"), ("names-in-quotes", ""), ("defaults-chosen-by-name", "")])
def test_whether_its_writes_can_be_held_is_said_of_the_whole_configuration(name: str, code: str, folder: Path) -> None:
    running = Running(replace(WORLDS[name], arguments=("-W", *WORLDS[name].arguments)), folder)
    try:
        gateway = HttpGateway(
            host="edge", address=ADDRESS, runtime_socket=str(folder / "admin.sock"), config_file=str(folder / running.world.config)
        )
        places = (Place(ADDRESS, PORTS["source"]), Place(ADDRESS, PORTS["target"]))
        installer = HoldInstaller(gateway, ["env", f"PATH={programs.search_path()}", "sh"], "records", [places])
        assert [words.code for words in installer.find_inability()] == ([code] if code else [])
        installer.disconnect()
    finally:
        running.stop()
