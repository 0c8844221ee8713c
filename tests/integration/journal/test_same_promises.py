"""The journal's promises, the same cases as on SQLite, on a real PostgreSQL."""

import pytest

from tests.unit.engine import test_journal as cases
from tests.unit.engine.conftest import Play, lease, play, started  # noqa: F401 - fixtures of the cases
from tests.unit.engine.test_runner import (  # noqa: F401 - the runner's story on it
    test_a_turn_back_after_the_switch_goes_the_way_back,
    test_a_turn_back_is_honoured_before_the_next_step,
)

pytestmark = pytest.mark.servers
FIXTURE = type(cases.chained)

for name, case in vars(cases).copy().items():
    if name.startswith("test_") or isinstance(case, FIXTURE):
        globals()[name] = case
