"""A machine with nothing but Debian's essential packages can show the city: what its hosts need is fetched."""

from __future__ import annotations

import re

from orchestrator.settings import HOME
from orchestrator.steps.preflight_hosts import FOR_TREES
from orchestrator.tools.programs import PROGRAMS

ESSENTIAL = {"find", "sha256sum"}
"""findutils and coreutils: on every Debian."""


def test_the_programs_that_the_city_and_preflight_call_are_fetched() -> None:
    script = (HOME / "scripts" / "programs.sh").read_text("utf-8")
    fetched = {word for words in re.findall(r'^(?:others|postgresql)="(.*)"$', script, re.M) for word in words.split()}
    assert set(FOR_TREES) - ESSENTIAL <= fetched
    assert set(PROGRAMS) - {"terraform"} <= fetched
