"""A lab for each module of tests, with the hosts that the module names in ``HOSTS``, and the further packages of
``PACKAGES`` (answers to their questions in ``ANSWERS``; those of single hosts in ``FURTHER``). Skipped where no lab can be."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.lab.lab import Lab
from tests.lab.permitted import why_not
from tests.lab.shell import NoLab


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first (``MINUTES`` of its module, as seen once), so that two workers end at about the same time."""
    items.sort(key=lambda item: -getattr(getattr(item, "module", None), "MINUTES", 0))


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Booted hosts, taken away at the end whatever happens. ``LAB_KEEP=1`` leaves them standing for a look."""
    obstacle = why_not()
    if obstacle:
        pytest.skip(obstacle)
    name = f"t{os.getpid() % 100000}{request.module.__name__.rpartition('_')[2][:5]}"
    lab = Lab(name)
    try:
        module = request.module
        lab.up(
            module.HOSTS, packages=getattr(module, "PACKAGES", ()), answers=getattr(module, "ANSWERS", ()), further=getattr(module, "FURTHER", None)
        )  # fmt: skip
    except NoLab as error:
        pytest.skip(str(error))
    try:
        yield lab
    finally:
        if os.environ.get("LAB_KEEP"):
            print(f"left standing: LAB={name}")
        else:
            lab.down()
