"""The embedded city: hosts, databases, gateways, applications and the device, all on loopback, all inside one folder."""

from __future__ import annotations

import datetime as dt
import getpass
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import sys
import time
import urllib.request
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypedDict

from orchestrator.embedded import courier, databases, device, gateways, hosts, mariadb, placement
from orchestrator.embedded.placement import SSH_PORT, Placement
from orchestrator.embedded.processes import Book, end, wait_for
from orchestrator.errors import Refused, ToolError

HOME = Path(__file__).resolve().parents[2]
APPS = Path(__file__).parent / "apps"
BEHIND_POOL = ("portal", "register", "weather")
"""Databases that applications reach through the old room's PgBouncer; insurance's vendor wired it directly."""
RULES = {"weather": ("http-request allow if { path /health }",)}
"""What somebody wrote into an entry's frontend: no rule after it is looked at, so weather's writes cannot be held there. Preflight says
so, and its requests and files follow after its database."""
LOAD = "load"
"""The load's name in the book: it comes and goes while the city stands."""


class Status(TypedDict):
    """What stands and what does not."""

    folder: str
    slot: int | None
    up: bool
    alive: list[str]
    dead: list[str]


class City:
    """One embedded city in one folder. Every method may be called from another process than the one that called ``up``."""

    def __init__(self, folder: Path | None = None, inventory: Path | None = None) -> None:
        self.folder = (folder or HOME / ".city").resolve()
        self.source = (inventory or HOME / "inventories" / "demo").resolve()
        self.book = Book(self.folder)

    # ------------------------------------------------------------ up, down, status

    def up(self, today: dt.date | None = None) -> Status:
        """Bring the city up from its seed. A city that stands whole is left as it is; of a crashed one, all is ended and made anew.

        Returns when every entry answers. Raises ToolError or Refused; then, and on Ctrl-C, nothing is left running.
        """
        with hosts.locked(self.folder, "up.lock"):
            if self.status()["up"]:
                return self.status()
            self._end_all()
            self._clear()
            try:
                self._build(today or dt.date.today())  # noqa: DTZ011 - the user's own day
            except BaseException:
                self._end_all()
                raise
            (self.folder / "complete").touch()
        return self.status()

    def down(self) -> None:
        """End every process of the city and nothing else. Files stay for whoever wants to look; the next ``up`` makes new ones."""
        if not self.folder.exists():
            return
        with hosts.locked(self.folder, "up.lock"):
            self._end_all()

    def status(self) -> Status:
        """Looks only. ``up``: the last ``up`` was finished and everything it started, or a courier switched on, is alive."""
        records = [record for record in self.book.records() if record.name != LOAD]
        alive = [record.name for record in records if self.book.alive(record)]
        dead = [record.name for record in records if record.name not in alive]
        slot = Placement.load(self.folder).slot if (self.folder / "placement.json").exists() else None
        whole = bool(alive) and not dead and (self.folder / "complete").exists()
        return Status(folder=str(self.folder), slot=slot, up=whole, alive=alive, dead=dead)

    def settings(self) -> dict[str, Any]:
        """Keyword arguments for the engine's Settings. Raises Refused when the city was never brought up."""
        cloud = self.site("cloud")
        return {
            "inventory": self.folder / "inventory",
            "known_hosts": self.folder / "known_hosts",
            "ssh_key": self.folder / "ssh" / "id_ed25519",
            "terraform_module": "embedded",
            "cloud": {
                "inputs": {
                    "city": str(self.folder),
                    "address_range": cloud["address_range"],
                    "ssh_user": cloud["gateway"]["ssh_user"],
                    "ssh_port": cloud["gateway"]["ssh_port"],
                    "program": [sys.executable, "-m", "orchestrator.embedded.cloud"],
                    "python": placement.host_python(),
                }
            },
        }

    def settings_environment(self) -> dict[str, str]:
        """The same as environment variables."""
        return {
            f"ORCHESTRATOR_{name.upper()}": json.dumps(value) if isinstance(value, dict) else str(value)
            for name, value in self.settings().items()
        }

    # ------------------------------------------------------------ looking things up

    @property
    def placement(self) -> Placement:
        return Placement.load(self.folder)

    def documents(self) -> dict[str, Any]:
        """The placed inventory's documents by file name."""
        return placement.read(self.folder / "inventory")

    def systems(self) -> list[dict[str, Any]]:
        """The placed inventory's systems that have hosts: those that stand in this city."""
        return [system for document in self.documents().values() for system in document.get("systems", ()) if system.get("hosts")]

    def sites(self) -> dict[str, Any]:
        return dict(self.documents()["sites.yaml"])

    def site(self, kind: str) -> dict[str, Any]:
        """The first site of a kind, ``room`` or ``cloud``."""
        return next(dict(site) for site in self.sites()["sites"] if site["kind"] == kind)

    def host_folder(self, name: str) -> Path:
        """A host's folder: its disk. It exists whether the host is switched on or not."""
        return hosts.folder_of(self.folder, name)

    def entry_url(self, entry: str) -> str:
        """Where citizens reach an entry, e.g. ``http://127.20.0.2:8080``."""
        edge = self.sites()["entry"]
        return f"http://{edge['address']}:{edge['ports'][entry]}"

    def _system(self, system_id: str) -> dict[str, Any]:
        found = next((system for system in self.systems() if system["id"] == system_id), None)
        if found is None:
            raise Refused(f"no system {system_id} with hosts in the embedded city", remedy="see the inventory")
        return found

    def system_services(self, system_id: str) -> list[dict[str, Any]]:
        """A system's services as the placed inventory has them."""
        return list(self._system(system_id).get("services", ()))

    def environment(self, service_name: str) -> dict[str, str]:
        """What a service of the source side runs with: every reference resolved."""
        for system in self.systems():
            for service in system.get("services", ()):
                if service["name"] == service_name:
                    values = self._references(system, service)
                    return {name: values.get(value, value) for name, value in service["environment"].items()}
        raise Refused(f"no service {service_name} in the embedded city", remedy="see the inventory's services")

    def source_database(self, system_id: str, name: str = "") -> databases.Source:
        """The source database of a system, where it stands by the inventory. ``name``: which of several."""
        return next(source for source in self._sources() if source.system == system_id and name in ("", source.name))

    def device_public_key(self, name: str = "signer-1") -> str:
        """Hex of the Ed25519 key that registrations are verified with."""
        return (self.device_folder(name) / "public.hex").read_text(encoding="utf-8").strip()

    def device_folder(self, name: str) -> Path:
        return self.folder / "devices" / name

    # ------------------------------------------------------------ the courier and the engineer (simulated people)

    def power_off(self, host: str) -> list[str]:
        """Switch a host off: PostgreSQL is shut down if it still runs, everything else loses power. What was still running."""
        hosts.address_of(self.folder, host)
        return courier.power_off(self.folder, host)

    def transport(self, host: str, new_address: str) -> None:
        """Carry a host that is switched off to another place. Raises Refused when it is on or the address is taken."""
        courier.transport(self.folder, host, new_address)

    def power_on(self, host: str) -> None:
        """Switch a host on where it stands: its sshd only; the engine starts and re-addresses the rest."""
        courier.power_on(self.folder, host)

    def power_off_device(self, name: str = "signer-1") -> None:
        """Unplug the device; its sessions break."""
        courier.power_off_device(self.folder, name)

    def move_device(self, name: str, new_address: str) -> None:
        """Carry the device to another address and switch it on: management answers there, signing waits for its configuration."""
        courier.move_device(self.folder, self._device(name), new_address)

    def mend_weather(self, host_folder: Path | str) -> None:
        """The simulated engineer mends the weather service's cause: the outbox that nobody had made on the new host."""
        (Path(host_folder) / "srv/weather/outbox").mkdir(parents=True, exist_ok=True)

    # ------------------------------------------------------------ building

    def _build(self, today: dt.date) -> None:
        documents = placement.read(self.source)
        where, holder = placement.claim(documents)
        with holder:
            self._hold(holder)
            where.save(self.folder)
            placement.place(documents, self.folder, where, today)
            self._secrets()
            self._keys_and_hosts()
            with ThreadPoolExecutor(4) as pool:
                device_ready = pool.submit(self._devices)
                copies = self._templates(pool)
                verifiers = list(pool.map(lambda source: self._database(source, copies[source.engine].result()), self._sources()))
                device_ready.result()
            self._gateways({name: verifier for part in verifiers for name, verifier in part.items()})
            self._applications()
            self._edge()
            self._await_entries()

    def _hold(self, holder: socket.socket) -> None:
        """A process that does nothing but keep the slot's socket open as long as the city stands."""
        argv = [shutil.which("sleep") or "/bin/sleep", "2147483647"]
        self.book.start("slot", argv, cwd=self.folder, log=self.folder / "log/slot.log", pass_fds=(holder.fileno(),))

    def _secrets(self) -> None:
        folder = self.folder / "secrets"
        folder.mkdir(mode=0o700, exist_ok=True)
        wanted = {reference.rpartition("/")[2] for reference in self._secret_references()}
        for name in sorted(wanted):
            path = folder / name
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(16), encoding="utf-8")

    def _secret_references(self) -> list[str]:
        prefix = f"file:{self.folder}/secrets/"
        return [text for document in self.documents().values() for text in placement.strings(document) if text.startswith(prefix)]

    def _keys_and_hosts(self) -> None:
        key = self.folder / "ssh" / "id_ed25519"
        hosts.make_key(key, f"{getpass.getuser()}@embedded-city")
        shutil.copyfile(key.with_suffix(".pub"), self.folder / "ssh" / "authorized_keys")
        sites = self.sites()
        wanted = [(site["gateway"]["name"], site["gateway"]["address"], site["gateway"]["ssh_port"]) for site in sites["sites"]]
        wanted.append((sites["entry"]["host"], sites["entry"]["address"], self.placement.port(SSH_PORT)))
        wanted += [(host["name"], host["address"], host["ssh_port"]) for system in self.systems() for host in system["hosts"]]
        for name, address, port in wanted:
            hosts.make(self.folder, name)
            hosts.start(self.folder, name, address, port)
        for name, _, _ in wanted:
            hosts.wait(self.folder, name)

    def _sources(self) -> list[databases.Source]:
        found = []
        for system in self.systems():
            addresses = {host["name"]: host["address"] for host in system["hosts"]}
            for base in system.get("databases", ()):
                found.append(
                    databases.Source(
                        system=system["id"],
                        host=base["host"],
                        address=addresses[base["host"]],
                        port=base["port"],
                        name=base["name"],
                        role=base["role"],
                        secret=Path(base["secret"].removeprefix("file:")),
                        admin_role=base["admin_role"],
                        admin_secret=Path(base["admin_secret"].removeprefix("file:")),
                        engine=base["engine"],
                    )
                )
        return found

    def _templates(self, pool: ThreadPoolExecutor) -> dict[str, Future[Path]]:
        """By engine: the data folder that its servers are copied from, being made."""
        copies: dict[str, Future[Path]] = {}
        for source in self._sources():
            if source.engine not in copies:
                make = mariadb.template if source.engine == "mariadb" else databases.template
                copies[source.engine] = pool.submit(make, self.folder, source.admin_role, source.admin_secret)
        return copies

    def _database(self, source: databases.Source, copy_of: Path) -> dict[str, str]:
        if source.engine == "mariadb":
            mariadb.lay_out(self.folder, source, copy_of, number=1 + [each.name for each in self._sources()].index(source.name))
            mariadb.start(self.folder, source)
            mariadb.fill(source)
            return {}
        databases.lay_out(self.folder, source, copy_of)
        databases.start(self.folder, source)
        databases.fill(source, databases.SCHEMAS / f"{source.name}.sql")
        return databases.verifiers(source) if source.name in BEHIND_POOL else {}

    def _gateways(self, verifiers: dict[str, str]) -> None:
        lines = [
            f"{source.name} = host={source.address} port={source.port} dbname={source.name}"
            for source in self._sources()
            if source.name in BEHIND_POOL
        ]
        for site in self.sites()["sites"]:
            old = site["kind"] == "room"
            pool = site["pgbouncer"]
            gateways.start_pgbouncer(
                self.folder,
                pool["host"],
                address=pool["address"],
                port=pool["port"],
                admin=pool["admin_role"],
                admin_password=Path(pool["secret"].removeprefix("file:")).read_text(encoding="utf-8").strip(),
                databases=Path(pool["databases_file"]),
                lines=lines if old else [],
                verifiers=verifiers if old else {},
            )
            proxy = site["haproxy"]
            links = [gateways.link(item["name"], proxy["address"], item["port"], item["address"]) for item in self._all_devices()]
            links += self._held(site)
            runtime = proxy["runtime_port"]
            gateways.start_haproxy(self.folder, proxy["host"], address=proxy["address"], runtime=runtime, sections=links)

    def _held(self, site: dict[str, Any]) -> list[str]:
        """Ports of databases whose new connections the site's HAProxy holds; the old room's lead to their servers."""
        tcp = site.get("tcp")
        if tcp is None:
            return []
        folder = Path(tcp["folder"])
        folder.mkdir(parents=True, exist_ok=True)
        for source in self._sources():
            if site["kind"] == "room" and source.name in tcp["ports"]:
                gateways.lead(folder, source.name, source.address, source.port)
        return [gateways.held(name, tcp["address"], port, folder) for name, port in tcp["ports"].items()]

    def _all_devices(self) -> list[dict[str, Any]]:
        return [dict(item) for system in self.systems() for item in system.get("devices", ())]

    def _device(self, name: str) -> dict[str, Any]:
        found = next((item for item in self._all_devices() if item["name"] == name), None)
        if found is None:
            raise Refused(f"no device {name} in the embedded city", remedy="see the inventory's devices")
        return found

    def _devices(self) -> None:
        for item in self._all_devices():
            folder = self.device_folder(item["name"])
            device.make(folder, item["address"], item["port"])
            hosts.make_key(folder / "host_key", item["name"])
            courier.switch_on_device(self.folder, item, item["address"])

    def _applications(self) -> None:
        for system in self.systems():
            for service in system.get("services", ()):
                self._install(Path(service["command"][0]))
                environment = self.environment(service["name"])
                for name in ("UPLOADS", "OUTBOX", "PAGES"):
                    if name in environment:
                        Path(environment[name]).mkdir(parents=True, exist_ok=True)
                if "UPLOADS" in environment:
                    _seed_uploads(Path(environment["UPLOADS"]))
                if "PAGES" in environment:
                    _seed_pages(Path(environment["PAGES"]))
                home = self.host_folder(service["host"])
                record = self.book.start(
                    f"{service['host']}.{service['name']}",
                    service["command"],
                    cwd=home,
                    log=home / f"var/log/{service['name']}.log",
                    host=service["host"],
                    env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", **environment},
                )
                (home / "run" / f"{service['name']}.pid").write_text(f"{record.pid}\n", encoding="utf-8")

    def _references(self, system: dict[str, Any], service: dict[str, Any]) -> dict[str, str]:
        """What the inventory's references mean on the source side."""
        room = self.site("room")
        devices = system.get("devices", ())
        values = {
            "@listen.address": next(host["address"] for host in system["hosts"] if host["name"] == service["host"]),
            "@listen.port": str(service["port"]),
            "@device.host": room["haproxy"]["address"],
            "@device.port": str(devices[0]["port"]) if devices else "",
        }
        own = [source for source in self._sources() if source.system == system["id"]]
        for base in own:
            prefix = "@database" if len(own) == 1 else f"@database.{base.name}"
            pooled = base.name in BEHIND_POOL
            values |= {
                f"{prefix}.host": room["pgbouncer"]["address"] if pooled else base.address,
                f"{prefix}.port": str(room["pgbouncer"]["port"] if pooled else base.port),
                f"{prefix}.name": base.name,
                f"{prefix}.role": base.role,
                f"{prefix}.secret_file": str(base.secret),
            }
        return values

    def _install(self, target: Path) -> None:
        """An application as one executable file, and what it shares with the others beside it."""
        target.parent.mkdir(parents=True, exist_ok=True)
        # Read by sh first, then by Python: works with any length of path, unlike a shebang. -B: leaves no files of its own.
        first = f'#!/bin/sh\n"exec" "{sys.executable}" "-B" "$0" "$@"\n'
        body = (APPS / f"{target.name}.py").read_text(encoding="utf-8")
        body = body.replace("from __future__ import annotations\n", "")  # would have to stand first
        target.write_text(first + body.replace("from orchestrator.embedded.apps.service", "from service"), encoding="utf-8")
        target.chmod(0o755)
        shutil.copyfile(APPS / "service.py", target.parent / "service.py")

    def _edge(self) -> None:
        edge = self.sites()["entry"]
        behind: dict[str, list[gateways.Server]] = {}
        for system in self.systems():
            addresses = {host["name"]: host["address"] for host in system["hosts"]}
            for service in system.get("services", ()):
                if service.get("entry"):
                    server = gateways.Server(service["name"], addresses[service["host"]], service["port"])
                    behind.setdefault(service["entry"], []).append(server)
        ports = edge["ports"]
        sections = [gateways.entry(name, edge["address"], ports[name], servers, RULES.get(name, ())) for name, servers in behind.items()]
        gateways.start_haproxy(self.folder, edge["host"], address=edge["address"], runtime=edge["runtime_port"], sections=sections)

    def _await_entries(self) -> None:
        names = {service["entry"] for system in self.systems() for service in system.get("services", ()) if service.get("entry")}
        for name in sorted(names):
            url = f"{self.entry_url(name)}/health"
            wait_for(lambda url=url: _answers(url), what=f"the entry {name} at {url}", seconds=20)  # type: ignore[misc]

    # ------------------------------------------------------------ ending

    def _end_all(self) -> None:
        (self.folder / "complete").unlink(missing_ok=True)
        records = self.book.records()
        servers = [record for record in records if record.name.endswith(".postgres")]
        self.book.stop([record for record in records if record not in servers], first=signal.SIGKILL)
        courier.shut_down_postgres(self.folder)
        self.book.stop(servers, first=courier.FAST, grace=10)
        for _ in range(20):
            left = self.book.strays()
            if not left:
                break
            end(left, grace=2)
            time.sleep(0.02)
        else:
            raise ToolError(f"{len(self.book.strays())} processes of the city will not end", where=str(self.folder), remedy="try again")
        hosts.remove_run_sshd(self.folder)

    def _clear(self) -> None:
        """Everything an earlier city left in the folder, except what is not a city's."""
        for name in (
            "inventory", "hosts", "devices", "ssh", "secrets", "run", "addresses", "template", "template-mariadb", "quarantine", "log",
        ):  # fmt: skip
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for name in ("known_hosts", "placement.json"):
            (self.folder / name).unlink(missing_ok=True)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - an http URL of our own making
            return bool(answer.status == 200)
    except OSError:
        return False


def _seed_uploads(folder: Path) -> None:
    """Files that citizens uploaded in earlier years, the same in every city."""
    for number in range(200):
        data = hashlib.sha256(str(number).encode()).digest() * (8 + number % 120)
        path = folder / f"{number // 50}" / f"材料-{number:04}.bin"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (1767225600 + number * 3600,) * 2)


def _seed_pages(folder: Path) -> None:
    """The web site's pages, the same in every city."""
    (folder / "index.html").write_text("<h1>文旅服务</h1>", encoding="utf-8")
    for number in range(200):
        (folder / f"公告-{number}.html").write_text(f"公告 {number}", encoding="utf-8")
