"""An OpenStack for each module of tests, with the compute driver that the module names in ``DRIVER``. Skipped where none can be."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.shell import LabError
from tests.openstack import parts
from tests.openstack.cloud import LabCloud, why_not


@pytest.fixture(scope="module")
def cloud(request: pytest.FixtureRequest) -> Iterator[LabCloud]:
    """A cloud that is up, with this thread in its caller's network; taken away at the end whatever happens."""
    obstacle = why_not()
    if obstacle:
        pytest.skip(obstacle)
    folder = Path(tempfile.mkdtemp(prefix="osc-", dir="/var/tmp"))
    lab = LabCloud(str(os.getpid() % 100_000), folder, getattr(request.module, "DRIVER", "fake"))
    environment = dict(os.environ)
    try:
        try:
            configuration = parts.terraform_rc()
            lab.up()
        except LabError as error:
            pytest.fail(f"the lab did not come up: {error}")
        os.environ.update(lab.environment() | {"TF_CLI_CONFIG_FILE": str(configuration)})
        with lab.entered():
            yield lab
    finally:
        os.environ.clear()
        os.environ.update(environment)
        lab.down()
