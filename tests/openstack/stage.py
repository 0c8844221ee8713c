"""One system on the lab's cloud, as the engine has it: real Terraform, real provider, real API; the journal in memory or in a file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestrator.cloud.book import Book
from orchestrator.cloud.listing import Thing
from orchestrator.cloud.openstack import OpenStackListing
from orchestrator.cloud.openstack_offer import OpenStackOffer
from orchestrator.cloud.servers import CloudServers
from orchestrator.cloud.stand import Position, Stand
from orchestrator.settings import HOME
from orchestrator.tools.terraform import SystemTerraform
from tests.support.cloud_chain import ChainInMemory

MODULE = HOME / "terraform" / "modules" / "openstack"
SERVER = {"zone": "government_extranet", "vcpus": 1, "memory_gb": 0.5, "disk_gb": 2}
OWN = {"admin_cidrs": ["10.50.0.1/32"], "client_cidrs": ["10.50.0.10/32"]}


class ChainInFile(ChainInMemory):
    """What is put on it is there after a SIGKILL."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file
        if file.exists():
            self.facts = [(kind, payload) for kind, payload in json.loads(file.read_text())]

    def event(self, kind: str, payload: Any) -> None:
        super().event(kind, payload)
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps(self.facts))
        new.rename(self.file)


class Stage:
    """``servers``: by name, as the module takes them."""

    def __init__(self, folder: Path, system: str = "citizen-portal", **inputs: Any) -> None:
        self.folder, self.system = folder, system
        self.chain = ChainInFile(folder / f"{system}.chain.json")
        self.said: list[str] = []
        self.inputs: dict[str, Any] = {"servers": {"portal-app": dict(SERVER, ports=[8001]), "portal-db": dict(SERVER)}, **OWN, **inputs}
        self.not_ours: frozenset[str] = frozenset()

    def open(self, cancelled: Callable[[], bool] | None = None) -> CloudServers:
        terraform = SystemTerraform(MODULE, self.folder / "work", self.system, cancelled=cancelled)
        servers = CloudServers(
            self.system, MODULE, self.inputs, terraform, OpenStackListing(), Book(self.chain, self.system), self.said.append, self.not_ours,
            OpenStackOffer(),
        )  # fmt: skip
        terraform.check = servers.check
        return servers

    def make(self) -> CloudServers:
        servers = self.open()
        servers.make()
        return servers

    def hand_over(self) -> None:
        self.chain.stands = Stand.LIVE

    def things(self) -> list[Thing]:
        return self.open().list_things()

    def labels(self) -> list[str]:
        """Everything of the system on the cloud but rules, which have no names."""
        return sorted(f"{thing.kind} {thing.name}" for thing in self.things() if thing.kind != "rule")

    def lose_state(self, *, copies: bool) -> None:
        for file in self.folder.glob(f"work/{self.system}/terraform.tfstate*"):
            file.unlink()
        for file in self.folder.glob(f"work-copies/{self.system}/*") if copies else ():
            file.unlink()

    def is_settled(self) -> bool:
        """Nothing on the cloud that the state does not know, and nothing in the state that the cloud does not have."""
        comparison = self.open().compare(Position(self.system, Stand.NOTHING))
        return comparison.leftovers == () and comparison.refusals == () and self.open().make().keys() == self.inputs["servers"].keys()

    def run_and_kill(self, deed: str, after: float) -> bool:
        """``make`` or ``take_back`` in a process of its own, which is killed with all that it started after so many seconds of
        Terraform's own work. False: it had ended before."""
        code = (
            "import json, pathlib, sys\n"
            "from tests.openstack.stage import Stage\n"
            "told = json.loads(sys.argv[1])\n"
            "stage = Stage(pathlib.Path(told['folder']), told['system'])\n"
            "stage.inputs, stage.not_ours = told['inputs'], frozenset(told['not_ours'])\n"
            "print('begun', flush=True)\n"
            "stage.make() if told['deed'] == 'make' else stage.open().take_back(expected=list(stage.inputs['servers']), keep_volumes=False)\n"
        )
        told = {"folder": str(self.folder), "system": self.system, "inputs": self.inputs, "not_ours": sorted(self.not_ours), "deed": deed}
        environment = {**os.environ, "PYTHONPATH": str(HOME)}
        with (self.folder / "killed.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", code, json.dumps(told)], cwd=HOME, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        sign = "terraform apply" if deed == "make" else "terraform destroy"
        terraform = self._wait_for_terraform(process, sign)
        deadline = time.monotonic() + after
        while terraform and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        ended = process.poll() is not None
        for pid in {*terraform, *_children(process.pid)}:
            _kill(pid)
        _kill(process.pid)
        process.wait(30)
        self.chain = ChainInFile(self.chain.file)
        return not ended

    @staticmethod
    def _wait_for_terraform(process: subprocess.Popen[bytes], sign: str) -> list[int]:
        deadline = time.monotonic() + 300
        while process.poll() is None and time.monotonic() < deadline:
            found = [pid for pid in _children(process.pid) if sign in _command(pid)]
            if found:
                return _children(process.pid)
            time.sleep(0.05)
        return []


def _children(pid: int) -> list[int]:
    from orchestrator.tools.minder import descendants

    return descendants(pid)


def _command(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return ""
    return " ".join(Path(os.fsdecode(word)).name if number == 0 else os.fsdecode(word) for number, word in enumerate(words))


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
