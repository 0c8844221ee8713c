"""A lab: hosts that really boot, a controller among them, networks between them, faults as methods. Root on Debian is needed."""

from __future__ import annotations

import contextlib
import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.lab import groups
from tests.lab.base import HOME, base_root
from tests.lab.hosts import LabHost
from tests.lab.networks import SUBNETS, Networks
from tests.lab.shell import LabError, run

CHECKOUT = Path(__file__).resolve().parents[2]
CONTROLLER = "controller"
ENGINEER, LEADER = "engineer", "leader"
"""Accounts on the controller, without sudo: the engine runs as one, and the other decides."""
WATCHERS = Path("/proc/sys/fs/inotify/max_user_instances")
ENOUGH_WATCHERS = 1024
"""Every booted systemd has several, all of them root's: 128, the kernel's own limit, is two labs."""
DEFAULT_HOSTS = "app@room db@room gw-room@room app-new@cloud db-new@cloud gw-cloud@cloud edge@street"
FIRST_ADDRESS = 11


class Lab:
    """One lab under its name. What stands is on record in its folder, so another process can load it, and ``down`` needs no memory."""

    def __init__(self, name: str) -> None:
        if not name.isalnum() or len(name) > 12:
            raise LabError(f"{name!r} is no name for a lab: up to twelve letters and digits")
        self.name = f"lab-{name}"
        self.folder = HOME / "labs" / name
        self.networks = Networks(self.name)
        self.hosts: dict[str, LabHost] = {}

    # ------------------------------------------------------------ up and down

    def up(
        self, hosts: str = DEFAULT_HOSTS, *, packages: Sequence[str] = (), answers: Sequence[str] = (), further: Mapping[str, Sequence[str]] | None = None,
    ) -> None:  # fmt: skip
        """``NAME@NETWORK`` for each host, separated by blanks; the controller comes by itself. All of them boot at once.
        ``packages``: what all hosts have beside the usual (``answers``: to their questions); ``further``: what single ones have."""
        wanted = [word.partition("@") for word in hosts.split()]
        for name, _, network in wanted:
            if network not in SUBNETS:
                raise LabError(f"{name}@{network}: the networks are {', '.join(SUBNETS)}")
        if self.folder.exists():
            raise LabError(f"a lab {self.folder.name} stands, or was not taken away: make lab-down")
        base = base_root(packages, answers)
        bases = {name: base_root((*packages, *more), answers) for name, more in (further or {}).items()}
        if int(WATCHERS.read_text()) < ENOUGH_WATCHERS:
            WATCHERS.write_text(str(ENOUGH_WATCHERS))
        self.folder.mkdir(parents=True)
        try:
            self.networks.make()
            key = self.folder / "key"
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", ENGINEER, "-f", str(key)])
            authorised = key.with_suffix(".pub").read_text()
            known = []
            for number, (name, _, network) in enumerate([(CONTROLLER, "@", "office"), *wanted]):
                host = self._new_host(name, number, network, bases.get(name, base))
                known.append(f"{host.address} {host.lay_out(authorised, sudo=name != CONTROLLER)}\n")
                host.boot()
            (self.folder / "known_hosts").write_text("".join(known))
            self._save()
            for host in self.hosts.values():
                host.wait_ready()
            self._furnish_controller()
        except BaseException:
            self.down()
            raise

    def _new_host(self, name: str, number: int, network: str, base: Path) -> LabHost:
        taken = {host.address for host in self.hosts.values()}
        free = (f"{SUBNETS[network]}.{last}" for last in range(FIRST_ADDRESS, 250))
        address = next(each for each in free if each not in taken)
        binds = controller_binds() if name == CONTROLLER else ()
        folder = self.folder / "hosts" / name
        self.hosts[name] = LabHost(self.name, name, number, network, address, folder, base, binds)
        return self.hosts[name]

    def down(self) -> None:
        """Takes everything away that this lab's name stands for; the base root stays. Works on what is half up, too."""
        for folder in sorted((self.folder / "hosts").glob("*")):
            groups.end(self.name, folder.name)
            with contextlib.suppress(LabError):
                run(["umount", str(folder / "root")])
        self.networks.remove()
        groups.remove(self.name)
        if self.folder.exists():
            run(["rm", "-rf", "--one-file-system", str(self.folder)])

    def _save(self) -> None:
        record = [[h.name, h.number, h.network, h.address, str(h.base)] for h in self.hosts.values()]
        (self.folder / "lab.json").write_text(json.dumps(record, indent=1))

    @classmethod
    def load(cls, name: str) -> Lab:
        """A lab that another process brought up. Raises LabError when there is none."""
        lab = cls(name)
        file = lab.folder / "lab.json"
        if not file.exists():
            raise LabError(f"no lab {name} stands; bring one up: make lab-up")
        for host, number, network, address, base in json.loads(file.read_text()):
            binds = controller_binds() if host == CONTROLLER else ()
            lab.hosts[host] = LabHost(lab.name, host, number, network, address, lab.folder / "hosts" / host, Path(base), binds)
        return lab

    def __getitem__(self, name: str) -> LabHost:
        """A host by its name. Raises LabError with the names that there are."""
        if name not in self.hosts:
            raise LabError(f"no host {name} in this lab: there are {', '.join(self.hosts)}")
        return self.hosts[name]

    # ------------------------------------------------------------ faults

    def relocate(self, name: str, network: str) -> str:
        """A host, running or off, into another network; its address there."""
        host = self[name]
        if network not in SUBNETS:
            raise LabError(f"no network {network}: the networks are {', '.join(SUBNETS)}")
        taken = {each.address for each in self.hosts.values()}
        address = next(a for last in range(FIRST_ADDRESS, 250) if (a := f"{SUBNETS[network]}.{last}") not in taken)
        host.relocate(network, address)
        self._save()
        return address

    def partition(self, name: str) -> None:
        """A host's cable, or a network's line to the others, is out."""
        if name in SUBNETS:
            self.networks.cut_off(name)
        else:
            self.networks.pull_cable(self[name].port)

    def heal(self, name: str) -> None:
        if name in SUBNETS:
            self.networks.join_again(name)
        else:
            self.networks.put_cable_back(self[name].port)

    def slow(self, name: str, rate: str) -> None:
        self.networks.slow_down(name, self[name].port, rate)

    def fast(self, name: str) -> None:
        self.networks.full_speed(name, self[name].port)

    # ------------------------------------------------------------ the controller

    def _furnish_controller(self) -> None:
        """An ordinary account with the key, the host keys and a folder to work in."""
        controller = self.hosts[CONTROLLER]
        for account in (ENGINEER, LEADER):
            controller.run("useradd", "--create-home", "--shell", "/bin/bash", "--groups", "users", account)
        controller.run("chmod", "0711", "/root")  # Python may lie below it; nothing in it becomes readable by that
        home = f"/home/{ENGINEER}"
        controller.run("chmod", "0711", home)
        controller.run("install", "-d", "-o", ENGINEER, "-m", "0700", f"{home}/.ssh")
        controller.run("install", "-d", "-o", ENGINEER, "-g", "users", "-m", "0750", f"{home}/city")
        controller.run("install", "-d", "-o", ENGINEER, "-g", "users", "-m", "2770", f"{home}/city/.orchestrator")
        for name in ("key", "known_hosts"):
            controller.write(f"{home}/.ssh/{name}", (self.folder / name).read_bytes(), mode=0o600, owner=f"{ENGINEER}:{ENGINEER}")
        shutil.copyfile(self.folder / "known_hosts", controller.root / "etc/ssh/ssh_known_hosts")

    @property
    def city(self) -> Path:
        """The engineer's working folder as the machine sees it."""
        return self.hosts[CONTROLLER].root / "home" / ENGINEER / "city"

    def engineer(self, *argv: str, limit: float = 600, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Runs a program as the engineer on the controller, in the working folder, with the checkout's Python first on the path."""
        line = self.engineer_argv(argv, environment or {})
        return subprocess.run(line, capture_output=True, text=True, errors="replace", timeout=limit, check=False, stdin=subprocess.DEVNULL)

    def engineer_argv(self, argv: Sequence[str], environment: Mapping[str, str], *, account: str = ENGINEER) -> list[str]:
        """The argv behind ``engineer``, for what is started and watched."""
        values = {
            "PATH": f"{CHECKOUT}/.venv/bin:{CHECKOUT}/.tools/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "PYTHONPATH": str(CHECKOUT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": f"/home/{account}",
            "LANG": "C.UTF-8",
            **environment,
        }
        script = f'umask 007; cd /home/{ENGINEER}/city && exec "$@"'
        words = ["env", *(f"{name}={value}" for name, value in values.items()), "sh", "-c", script, "engineer", *argv]
        return self.hosts[CONTROLLER].inside(words, account=account)

    def orchestrator(
        self, *words: str, limit: float = 600, environment: Mapping[str, str] | None = None, account: str = ENGINEER
    ) -> subprocess.CompletedProcess[str]:
        """The command line of this checkout, as the engineer, or as the one who decides."""
        line = self.engineer_argv(["python", "-m", "orchestrator.cli.main", *words], environment or {}, account=account)
        return subprocess.run(line, capture_output=True, text=True, errors="replace", timeout=limit, check=False, stdin=subprocess.DEVNULL)

    def ssh(self, name: str, *argv: str, limit: float = 60) -> subprocess.CompletedProcess[str]:
        """A command on a host over SSH as ``ops``, from the controller: what the engine would see."""
        options = ["-i", f"/home/{ENGINEER}/.ssh/key", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5"]
        return self.engineer("ssh", *options, f"ops@{self.hosts[name].address}", shlex.join(argv), limit=limit)


def controller_binds() -> tuple[str, ...]:
    """What of this machine the controller sees, read only: the checkout, the Python of its environment, Terraform."""
    wanted = [CHECKOUT, CHECKOUT / ".venv", CHECKOUT / ".tools", Path(sys.base_prefix)]
    terraform = shutil.which("terraform")
    if terraform:
        wanted.append(Path(terraform))
    present = [path.resolve() for path in wanted if path.exists()]
    outside = [path for path in present if not any(path != other and path.is_relative_to(other) for other in present)]
    return tuple(dict.fromkeys(str(path) for path in outside if not path.is_relative_to("/usr/bin") and str(path) != "/usr"))
