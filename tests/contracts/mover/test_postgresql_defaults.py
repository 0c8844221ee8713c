"""What the server sets for everybody is given to the target; what the engine's own account or database has set is nobody else's."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.movers.postgresql import session_defaults
from tests.contracts.mover.servers import Servers

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with tempfile.TemporaryDirectory(prefix="defaults-") as folder:
        Path(folder).chmod(0o755)
        with Servers(Path(folder)) as running:
            yield running


def test_settings_of_the_engines_own_account_and_database_are_not_the_servers(servers: Servers) -> None:
    with servers.connect("source", "postgres") as admin:
        admin.execute("ALTER SYSTEM SET datestyle = 'SQL, DMY'")
        admin.execute("ALTER SYSTEM SET timezone = 'Asia/Shanghai'")
        admin.execute("SELECT pg_reload_conf()")
        admin.execute("ALTER ROLE engine_admin SET default_transaction_read_only = on")
        admin.execute("ALTER ROLE engine_admin SET timezone = 'Europe/Paris'")
        admin.execute("ALTER ROLE ALL SET xmlbinary = hex")
        admin.execute("ALTER DATABASE postgres SET bytea_output = 'escape'")
    differ = session_defaults.find_differences(servers.part("postgres"))
    assert {name: here for name, (here, _) in differ.items()} == {"DateStyle": "SQL, DMY", "TimeZone": "Asia/Shanghai"}
