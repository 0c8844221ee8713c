"""A machine with nothing but Debian's essential packages can show the city: what its hosts need is fetched."""

from __future__ import annotations

import re

from orchestrator.settings import HOME
from orchestrator.steps.preflight_hosts import FOR_TREES

ESSENTIAL = {"find", "sha256sum"}
"""findutils and coreutils: on every Debian."""


def test_the_programs_that_preflight_asks_of_a_host_with_files_are_fetched() -> None:
    script = (HOME / "scripts" / "programs.sh").read_text("utf-8")
    (fetched,) = re.findall(r'^others="(.*)"$', script, re.M)
    assert set(FOR_TREES) - ESSENTIAL <= set(fetched.split())
