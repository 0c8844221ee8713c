"""The engine's own connections to lab hosts, from the test's process: its threads stand in the lab's network meanwhile."""

from __future__ import annotations

import contextlib
from pathlib import Path

from orchestrator.models import Host
from orchestrator.tools import ssh
from orchestrator.tools.ssh import SshConnection
from tests.lab.hosts import within_network
from tests.lab.lab import Lab


def host_of(lab: Lab, name: str, **fields: str) -> Host:
    """A lab host as an inventory has it."""
    return Host(name=name, address=lab[name].address, ssh_user="ops", **fields)  # type: ignore[arg-type]  # pydantic reads the words


def connection_to(lab: Lab, name: str, **fields: str) -> SshConnection:
    """Made within the lab's network; an open socket stays in the namespace in which it was made."""
    with within_network(f"/run/netns/{lab.networks.switch}"):
        return ssh.connect(host_of(lab, name, **fields), Path(lab.folder / "known_hosts"), Path(lab.folder / "key"))


def in_the_lab(lab: Lab) -> contextlib.AbstractContextManager[None]:
    """This thread stands in the lab's network."""
    return within_network(f"/run/netns/{lab.networks.switch}")
