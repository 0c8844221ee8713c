"""One embedded city for all tests of this folder that only look or mend what they break; each module that breaks it has its own."""

import subprocess
from collections.abc import Callable, Iterator

import pytest

from orchestrator.embedded import hosts
from orchestrator.embedded.city import City
from orchestrator.tools import programs


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """A city of its own, far from the checkout's."""
    own = City(tmp_path_factory.mktemp("city"))
    own.up()
    try:
        yield own
    finally:
        own.down()


@pytest.fixture(scope="session")
def ssh() -> Callable[..., subprocess.CompletedProcess[str]]:
    """``ssh(city, host, command…)``: as the engine would, host key checked."""

    def run(city: City, host: str, *command: str) -> subprocess.CompletedProcess[str]:
        address, port = hosts.address_of(city.folder, host)
        argv = [str(programs.find("ssh")), "-F", "none", "-i", str(city.settings()["ssh_key"]), "-p", str(port), "-o", "BatchMode=yes"]
        argv += ["-o", f"UserKnownHostsFile={city.folder}/known_hosts", "-o", "StrictHostKeyChecking=yes", address, *command]
        return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)

    return run
