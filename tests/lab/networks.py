"""The lab's networks: bridges in one switch namespace that also routes between them. The machine's own network is untouched."""

from __future__ import annotations

from dataclasses import dataclass

from tests.lab.shell import run

SUBNETS = {"office": "10.80.0", "room": "10.80.1", "cloud": "10.80.2", "street": "10.80.3"}
"""Where the controller stands, the old room, the cloud centre, and where citizens come from."""


@dataclass(frozen=True)
class Networks:
    """All namespaces of one lab begin with its prefix, so that two labs on one machine do not meet."""

    prefix: str

    @property
    def switch(self) -> str:
        return f"{self.prefix}-switch"

    def namespace(self, host: str) -> str:
        return f"{self.prefix}-{host}"

    def make(self) -> None:
        """Bridges and the way between them."""
        run(["ip", "netns", "add", self.switch])
        self._inside("sysctl", "-qw", "net.ipv4.ip_forward=1")
        self._inside("ip", "link", "set", "lo", "up")
        for bridge, subnet in SUBNETS.items():
            self._inside("ip", "link", "add", bridge, "type", "bridge")
            self._inside("ip", "address", "add", f"{subnet}.1/24", "dev", bridge)
            self._inside("ip", "link", "set", bridge, "up")

    def plug_in(self, host: str, port: str, network: str, address: str) -> None:
        """A namespace for a host with an interface ``eth0`` that has its address and a way to the other networks."""
        namespace = self.namespace(host)
        run(["ip", "netns", "add", namespace])
        run(["ip", "-n", namespace, "link", "set", "lo", "up"])
        self._inside("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        self.move(host, port, network, address)

    def move(self, host: str, port: str, network: str, address: str) -> None:
        """The cable into another network's switch, and the address that is right there. The host may run or not."""
        namespace = self.namespace(host)
        self._inside("ip", "link", "set", port, "master", network)
        self._inside("ip", "link", "set", port, "up")
        run(["ip", "-n", namespace, "address", "flush", "dev", "eth0"])
        run(["ip", "-n", namespace, "address", "add", f"{address}/24", "dev", "eth0"])
        run(["ip", "-n", namespace, "link", "set", "eth0", "up"])
        run(["ip", "-n", namespace, "route", "replace", "default", "via", f"{SUBNETS[network]}.1"])

    def add_tap(self, port: str, network: str) -> None:
        """A port for a machine that has an interface of its own; its cable is out."""
        self._inside("ip", "tuntap", "add", port, "mode", "tap")
        self._inside("ip", "link", "set", port, "master", network)

    def pull_cable(self, port: str) -> None:
        self._inside("ip", "link", "set", port, "down")

    def put_cable_back(self, port: str) -> None:
        self._inside("ip", "link", "set", port, "up")

    def cut_off(self, network: str) -> None:
        """A whole site loses its line to the others; its hosts still see each other."""
        for word in ("from", "to"):
            self._inside("ip", "rule", "add", word, f"{SUBNETS[network]}.0/24", "priority", "100", "type", "blackhole")

    def join_again(self, network: str) -> None:
        for word in ("from", "to"):
            self._inside("ip", "rule", "del", word, f"{SUBNETS[network]}.0/24", "priority", "100", "type", "blackhole")

    def slow_down(self, host: str, port: str, rate: str) -> None:
        """Both directions of a host's line at a rate such as ``4mbit``."""
        shape = ["root", "tbf", "rate", rate, "burst", "32k", "latency", "400ms"]
        self._inside("tc", "qdisc", "replace", "dev", port, *shape)
        run(["tc", "-n", self.namespace(host), "qdisc", "replace", "dev", "eth0", *shape])

    def full_speed(self, host: str, port: str) -> None:
        self._inside("tc", "qdisc", "del", "dev", port, "root")
        run(["tc", "-n", self.namespace(host), "qdisc", "del", "dev", "eth0", "root"])

    def remove(self) -> None:
        """Every namespace of this lab; interfaces go with them."""
        for line in run(["ip", "netns", "list"]).splitlines():
            name = line.split(" ", 1)[0]
            if name.startswith(f"{self.prefix}-"):
                run(["ip", "netns", "delete", name])

    def _inside(self, *argv: str) -> None:
        run(["ip", "netns", "exec", self.switch, *argv])
