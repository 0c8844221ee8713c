"""How tests are spread over workers (`make test` has two): what shares costly servers stays together."""

from __future__ import annotations

import pytest

_SINGLE = ("tests/contracts/mover/test_movers.py", "tests/contracts/guard/test_guard.py", "tests/unit/", "tests/property/")
"""Every case of these stands for itself: the next free worker takes it. All other files are kept whole, since their tests share a
city, a Prefect server, a cluster."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what belongs to one file as one group."""
    for item in items:
        if not item.nodeid.startswith(_SINGLE):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
