"""An old room of booted hosts (tests/lab) beside an OpenStack that makes the servers: one routed network, one controller."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.lab import furnish, inventory
from tests.lab.furnish import Passwords
from tests.lab.hosts import LabHost
from tests.lab.journey import Journey
from tests.lab.lab import CONTROLLER, ENGINEER, Lab
from tests.lab.shell import run
from tests.openstack.cloud import CALLER, LabCloud

HOSTS = "app@room db@room gw-room@room gw-cloud@cloud edge@street"
OUR_SIDE, THEIR_SIDE = "10.60.0.1", "10.60.0.2"
ROOM, EXTRANET, API = "10.80.0.0/16", "10.50.0.0/24", "10.70.0.0/24"
UNITS_LEFT_OUT = ("permits-worker.service", "permits-nightly.timer")
"""What runs once only is tests/lab's to hold; each service more is minutes on an emulated server, twice there and once back."""
COMMAND_SECONDS = 2400
"""Servers without KVM are some thirty times as slow, and a playbook is a few hundred commands."""


class CityOnOpenStack(Lab):
    """``terraform_rc``: where Terraform finds the provider, which the controller cannot fetch."""

    def __init__(self, name: str, cloud: LabCloud, terraform_rc: Path) -> None:
        super().__init__(name)
        self.cloud, self.terraform_rc = cloud, terraform_rc

    def up(self, hosts: str = HOSTS) -> None:
        super().up(hosts)
        self._lay_a_way()

    def _new_host(self, name: str, number: int, network: str, base: Path) -> LabHost:
        host = super()._new_host(name, number, network, base)
        if name == CONTROLLER:
            host.binds = (*host.binds, str(self.terraform_rc.parent))
        return host

    def _lay_a_way(self) -> None:
        """A wire from the lab's switch to the gateway of the cloud's networks, and the routes on both ends."""
        switch, outside = self.networks.switch, self.cloud.outside
        run(["ip", "link", "add", "toroom", "netns", outside, "type", "veth", "peer", "name", "tocloud", "netns", switch])
        for namespace, device, address in ((outside, "toroom", OUR_SIDE), (switch, "tocloud", THEIR_SIDE)):
            run(["ip", "-n", namespace, "addr", "add", f"{address}/24", "dev", device])
            run(["ip", "-n", namespace, "link", "set", device, "up"])
        run(["ip", "netns", "exec", outside, "sysctl", "-qw", "net.ipv4.ip_forward=1"])
        run(["ip", "-n", outside, "route", "add", ROOM, "via", THEIR_SIDE])
        run(["ip", "-n", self.cloud.inside, "route", "add", ROOM, "via", CALLER])
        for network in (EXTRANET, API):
            run(["ip", "-n", switch, "route", "add", network, "via", OUR_SIDE])

    def engineer_argv(self, argv: Sequence[str], environment: Mapping[str, str], *, account: str = ENGINEER) -> list[str]:
        """With the cloud's credentials, as a person exports them."""
        exported = {**self.cloud.environment(), "TF_CLI_CONFIG_FILE": str(self.terraform_rc)}
        return super().engineer_argv(argv, {**exported, **environment}, account=account)

    def furnish(self) -> Passwords:
        """The permits system in the old room, behind its gateway and the edge; what is at the cloud centre is Terraform's to make."""
        passwords = Passwords()
        clients = [self[name].address for name in (CONTROLLER, "app", "gw-room", "gw-cloud")]
        furnish.postgresql(self["db"], clients=clients, passwords=passwords, base="permits", role="permits_app")
        # Which addresses the new servers will have nobody knows before they are made: the whole network of theirs is let in.
        lines = "; ".join(f'echo "host {base} all {EXTRANET} scram-sha-256"' for base in ("all", "replication"))
        self["db"].script(f"{{ {lines}; }} >>/etc/postgresql/15/main/pg_hba.conf; systemctl reload postgresql")
        line = f"permits = host={self['db'].address} port=5432 dbname=permits"
        users = {"permits_app": furnish.verifier(self["db"], "permits_app")}
        furnish.gateway(self["gw-room"], passwords=passwords, lines=[line], users=users)
        furnish.gateway(self["gw-cloud"], passwords=passwords, lines=[], users={})
        furnish.permits(self["app"], database=self["db"], pool=self["gw-room"].address, pool_port=6432, passwords=passwords)
        entry = {"name": "permits", "port": 8080, "server": "permits-web", "to": self["app"].address, "to_port": 8001}
        furnish.edge(self["edge"], [entry])
        self["app"].run("systemctl", "disable", "--quiet", "--now", *UNITS_LEFT_OUT)
        return passwords

    def write_inventory(self, passwords: Passwords) -> None:
        """As for any lab, but small servers with the web service alone, and a cloud to make them on."""
        system: dict[str, Any] = inventory.permits(self)
        for host in system["hosts"]:
            host.update(vcpus=1, memory_gb=1, disk_gb=4)
        (web, *_) = system["services"]
        system["services"] = [web | {"start_seconds": 120}]
        system.update(vcpus=2, memory_gb=2, storage_gb=8, interruption={"gap_ms": 20000, "failed_requests": 0})
        inventory.write(self, [system], passwords, entries={"permits": 8080})
        settings = self.city / "orchestrator.toml"
        text = settings.read_text().replace('terraform_module = "existing"', 'terraform_module = "openstack"')
        admin = json.dumps([f"{self[CONTROLLER].address}/32"])
        settings.write_text(f"{text}\n[cloud.inputs]\nadmin_cidrs = {admin}\nclient_cidrs = []\nmetadata_service = false\n")

    def server_address(self, name: str) -> str:
        """Where a server of that name answers, by the cloud itself. To be asked inside of the cloud's network."""
        server = self.cloud.connect().compute.find_server(name, ignore_missing=False)
        (address,) = [item["addr"] for items in server.addresses.values() for item in items]
        return str(address)


class PatientJourney(Journey):
    """Each command may take as long as an emulated server needs."""

    def command(self, *words: str, limit: float = COMMAND_SECONDS) -> Any:
        return super().command(*words, limit=limit)
