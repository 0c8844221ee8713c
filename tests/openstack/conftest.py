"""An OpenStack for the tests: one for all modules with the same compute driver. Skipped where none can be.

A test's limit is its own (``func_only``): what all of them share is made within the first one, and has limits of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from orchestrator.tools import openstack_api
from tests.lab.shell import NoLab
from tests.openstack import parts
from tests.openstack.cloud import LabCloud
from tests.openstack.machine import why_not


@pytest.fixture(scope="session")
def provider() -> Path:
    """Terraform's command line configuration, with package root and provider made. Skipped where what they are made from cannot be
    fetched; where it was and they still cannot be made, that is an error."""
    obstacle = why_not()
    if obstacle:
        pytest.skip(obstacle)
    try:
        return parts.make_ready()
    except NoLab as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def bring_up(provider: Path) -> Iterator[Callable[[str], LabCloud]]:  # noqa: ARG001 - parts first
    """Brings a cloud of a driver up, once; at the end all are taken away, whatever happens, and proved to be gone."""
    clouds: dict[str, LabCloud] = {}
    standing = os.environ.get("OPENSTACK_LAB_USE", "")
    with ExitStack() as undone:

        def up(driver: str) -> LabCloud:
            if driver not in clouds:
                cloud = LabCloud(standing or f"{os.getpid()}-{driver}", driver)
                if not standing:
                    undone.callback(cloud.down)
                    cloud.up()
                clouds[driver] = cloud
            return clouds[driver]

        yield up


@pytest.fixture(scope="module")
def cloud(request: pytest.FixtureRequest, provider: Path, bring_up: Callable[[str], LabCloud]) -> Iterator[LabCloud]:
    """The cloud of the driver that the module names in ``DRIVER``, with this thread in its caller's network."""
    lab = bring_up(request.module.DRIVER)
    environment = dict(os.environ)
    os.environ.update(lab.environment() | {"TF_CLI_CONFIG_FILE": str(provider)})
    openstack_api.log_out()  # all labs have the same addresses, each in networks of its own: a kept line would lead to another one
    try:
        with lab.entered():
            yield lab
    finally:
        os.environ.clear()
        os.environ.update(environment)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What tests have to tell beside that they passed: figures that were seen."""
    for report in [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]:
        for name, text in getattr(report, "user_properties", ()):
            if name == "told" and report.when == "call":
                terminalreporter.section(report.nodeid.rpartition("::")[2], sep="-")
                terminalreporter.line(text)
