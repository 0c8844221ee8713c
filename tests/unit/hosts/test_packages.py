"""Which package owns what runs, asked of this machine's own dpkg; what a host lacks, and what its archive offers."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.hosts import packages

debian = pytest.mark.skipif(not shutil.which("dpkg-query"), reason="this machine has no dpkg")


class Here:
    """This machine as a host, but for what ``told`` answers."""

    def __init__(self, told: str | None = None) -> None:
        self.told = told

    def run(self, argv: Sequence[str], timeout: float = 60, **_: Any) -> Any:
        if self.told is not None:
            return SimpleNamespace(stdout=self.told)
        return subprocess.run(list(argv), capture_output=True, text=True, timeout=timeout, check=False)


def here(told: str | None = None) -> Any:
    return Here(told)


@debian
def test_owners_are_found_through_links_and_merged_folders_and_strangers_left_out() -> None:
    found = packages.find_owners(here(), ["/bin/sh", "/usr/bin/env", "/bin/env", "/no/such thing", "/usr/bin/dpkg-query", "/usr/bin/*"])
    assert found["coreutils"] == "/usr/bin/env"
    assert found["dpkg"] == "/usr/bin/dpkg-query"
    assert "/no/such thing" not in found.values()


@debian
def test_what_is_installed_is_not_lacking_and_what_nobody_offers_says_so() -> None:
    owners = {"dpkg": "/usr/bin/dpkg", "no-such-package-anywhere": "/usr/bin/x", "; touch /tmp/hostile": "/usr/bin/y"}
    lacking = {each.package: each for each in packages.find_lacking(here(), owners)}
    assert set(lacking) == {"no-such-package-anywhere", "; touch /tmp/hostile"}
    assert lacking["no-such-package-anywhere"].candidate == ""
    assert lacking["no-such-package-anywhere"].path == "/usr/bin/x"


def test_removed_but_configured_packages_are_lacking_and_offers_are_told() -> None:
    told = "nginx-light\trc \t1.22.1-9\nredmine\tun\t(none)\npython3\tii \t3.11\n"
    lacking = packages.find_lacking(here(told), {"nginx-light": "/usr/sbin/nginx", "redmine": "/usr/share/x", "python3": "/usr/bin/python3"})
    assert [(each.package, each.candidate) for each in lacking] == [("nginx-light", "1.22.1-9"), ("redmine", "")]


def test_programs_of_units_and_files_that_a_package_brought() -> None:
    told = (
        "ExecStart={ path=/usr/bin/python3 ; argv[]=/usr/bin/python3 /opt/permits/permits.py web ; ignore_errors=no }\n"
        "FragmentPath=/etc/systemd/system/permits-web.service\n\n"
        "ExecStart={ path=/usr/sbin/nginx ; argv[]=/usr/sbin/nginx -g daemon on; master_process on; ; ignore_errors=no }\n"
        "FragmentPath=/lib/systemd/system/nginx.service\n"
    )
    assert packages.find_programs(here(told), ["a", "b"]) == ["/usr/bin/python3", "/usr/sbin/nginx", "/lib/systemd/system/nginx.service"]
    assert packages.find_programs(here(told), []) == []
    assert packages.find_owners(here(""), ["/usr/bin/python3"]) == {}
