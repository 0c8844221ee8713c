"""The same work by the engine's tools and by hand: a server made with Terraform, and PostgreSQL placed on it with Ansible, in turns."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from orchestrator.embedded.city import City
from orchestrator.models import Host
from orchestrator.settings import Settings
from orchestrator.tools import ansible_data, programs, unprivileged
from orchestrator.tools.ansible import run_playbook
from orchestrator.tools.terraform import SystemTerraform, root_module

SECRET = "secret-of-the-engine"


class Work:
    """One server each time, in a city that stands."""

    def __init__(self, city: City, folder: Path) -> None:
        self.folder = folder
        self.settings = Settings(state=folder / "state", **city.settings())

    def _inputs(self, name: str) -> dict[str, Any]:
        server = {"disk_gb": 50.0, "memory_gb": 4.0, "ports": [8001], "vcpus": 2, "zone": "internet"}
        return {**self.settings.cloud.inputs, "links": [], "protection_grade": 2, "run": name, "servers": {name: server}}

    def _variables(self, address: str) -> dict[str, Any]:
        return {
            "install_postgresql_manager": "process", "install_postgresql_package": "", "install_postgresql_bin_dir": str(programs.find("initdb").parent),
            "install_postgresql_data": "/var/lib/orchestrator/postgresql", "install_postgresql_address": address, "install_postgresql_port": 5432,
            "install_postgresql_admin_role": "orchestrator", "install_postgresql_clients": ["127.0.0.0/8"],
            "install_postgresql_run_as": list(unprivileged.prefix()), "install_postgresql_tenant": "bare",
        }  # fmt: skip

    @staticmethod
    def _own(name: str) -> dict[str, dict[str, Any]]:
        return {name: {"prepare_host_directories": ["/var/lib/orchestrator"]}}

    @staticmethod
    def _groups(host: Host) -> dict[str, list[Host]]:
        return {"targets": [host], "databases": [host], "mariadb": []}

    def by_engine(self, name: str) -> float:
        """Seconds."""
        began = time.monotonic()
        terraform = SystemTerraform(self.settings.terraform, self.folder / "terraform", name)
        made = terraform.apply(terraform.plan(self._inputs(name)))
        server = made[name]
        host = Host(name=server.name, address=server.address, ssh_port=server.ssh_port, ssh_user=server.ssh_user, **server.kind)
        assert self.settings.known_hosts is not None
        run_playbook(
            "prepare_target", self._groups(host), self._variables(host.address), secrets={"install_postgresql_admin_secret": SECRET}, playbooks=self.settings.playbooks,
            artifacts=self.folder / "ansible", known_hosts=self.settings.known_hosts, ssh_key=self.settings.ssh_key, host_variables=self._own(name),
        )  # fmt: skip
        return time.monotonic() - began

    def by_hand(self, name: str) -> float:
        """Seconds of `terraform init`, `apply`, `output` and `ansible-playbook` with the same module, inputs, hosts and variables."""
        place = self.folder / "by-hand" / name
        place.mkdir(parents=True)
        inputs = self._inputs(name) | {"system_id": name}
        (place / "main.tf.json").write_text(json.dumps(root_module(self.settings.terraform.resolve(), sorted(inputs))), "utf-8")
        (place / "inputs.json").write_text(json.dumps(inputs), "utf-8")
        terraform = [str(programs.find("terraform")), f"-chdir={place}"]
        began = time.monotonic()
        subprocess.run([*terraform, "init", "-no-color"], check=True, capture_output=True)
        subprocess.run([*terraform, "apply", "-auto-approve", "-no-color", "-var-file=inputs.json"], check=True, capture_output=True)
        said = json.loads(subprocess.run([*terraform, "output", "-json"], check=True, capture_output=True, text=True).stdout)
        server = said["servers"]["value"][name]
        host = Host(**{key: value for key, value in server.items() if key in Host.model_fields} | {"name": name})
        hosts = ansible_data.inventory(self._groups(host), host_variables=self._own(name))
        (place / "hosts.json").write_text(json.dumps(hosts), "utf-8")
        (place / "secret").write_text(SECRET, "utf-8")
        extra = self._variables(host.address) | {"install_postgresql_admin_secret_file": str(place / "secret")}
        (place / "extra.json").write_text(json.dumps(extra), "utf-8")
        argv = [sys.executable, str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(place / "hosts.json"), "-e", f"@{place / 'extra.json'}"]
        options = f"-F /dev/null -o ControlMaster=auto -o ControlPersist=60s -o UserKnownHostsFile={self.settings.known_hosts} -i {self.settings.ssh_key}"
        environment = {"ANSIBLE_PIPELINING": "True", "ANSIBLE_GATHERING": "explicit", "ANSIBLE_SSH_ARGS": options, "ANSIBLE_SSH_EXECUTABLE": str(programs.find("ssh"))}
        subprocess.run([*argv, str(self.settings.playbooks / "prepare_target.yml")], check=True, capture_output=True, env=os.environ | environment)
        return time.monotonic() - began


def compare(city: City, folder: Path, rounds: int) -> dict[str, Any]:
    """Seconds of each, in turns; what was loaded once (modules of Python) is loaded before."""
    work = Work(city, folder)
    work.by_engine("first-e")
    work.by_hand("first-h")
    engine, hand = [], []
    for number in range(rounds):
        engine.append(work.by_engine(f"e-{number}"))
        hand.append(work.by_hand(f"h-{number}"))
    return {
        "engine_s": [round(each, 2) for each in engine], "by_hand_s": [round(each, 2) for each in hand],
        "ratio": round(statistics.median(engine) / statistics.median(hand), 3),
    }  # fmt: skip
