"""Who is let in, as the server's own file says it: the other side's engine, and the gateways that lead the application there."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg import sql

from orchestrator.movers import registry
from orchestrator.movers.contract import Hands, Moment
from tests.contracts.mover.servers import APPLICATION, Servers

pytestmark = pytest.mark.servers

GATEWAY = "10.9.8.7"


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with tempfile.TemporaryDirectory(prefix="hba-") as folder:
        Path(folder).chmod(0o755)
        with Servers(Path(folder)) as running:
            with running.connect("source", "postgres") as admin:
                admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(APPLICATION)))
                admin.execute(sql.SQL("CREATE DATABASE records OWNER {}").format(sql.Identifier(APPLICATION)))
            yield running


@contextmanager
def _rule(servers: Servers, side: str, line: str) -> Iterator[None]:
    """One line before all others of a side's file, and the file as it was."""
    with servers.connect(side, "postgres") as admin:
        file = Path(str(admin.execute("SHOW hba_file").fetchall()[0][0]))
        before = file.read_bytes()
        try:
            file.write_bytes(line.encode() + b"\n" + before)
            admin.execute("SELECT pg_reload_conf()")
            yield
        finally:
            file.write_bytes(before)
            admin.execute("SELECT pg_reload_conf()")


def _said(servers: Servers) -> list[str]:
    mover = registry.make_mover("postgresql", Hands(folder=servers.folder))
    part = replace(servers.part("records"), gateways=(GATEWAY,))
    found = mover.check(part, Moment.COPY)
    return [f"{finding.severity}: {finding.message}" for finding in found if finding.code == "pg-hba-gateway"]


def test_a_gateway_that_a_side_does_not_let_in_is_named_with_the_side(servers: Servers) -> None:
    source, target = _said(servers)
    for side, text in (("source", source), ("target", target)):
        assert text == f"warning: records: on the {side}: pg_hba.conf has no line for {APPLICATION} at {GATEWAY} in database records"


@pytest.mark.parametrize(
    "line",
    [
        f"host records {APPLICATION} {GATEWAY}/32 scram-sha-256",
        f'host "records" "{APPLICATION}" 10.9.0.0 255.255.0.0 md5',
        f"hostnossl all,other {APPLICATION} all scram-sha-256",
    ],
)
def test_a_gateway_that_is_let_in_is_not_spoken_of(servers: Servers, line: str) -> None:
    with _rule(servers, "target", line):
        (only,) = _said(servers)
    assert "on the source" in only


def test_a_line_for_tls_only_is_passed_over_where_tls_is_off(servers: Servers) -> None:
    with _rule(servers, "target", f"hostssl all {APPLICATION} all reject\nhost records {APPLICATION} all scram-sha-256"):
        (only,) = _said(servers)
    assert "on the source" in only


def test_a_line_that_the_server_cannot_read_is_named(servers: Servers) -> None:
    with _rule(servers, "target", f"host records {APPLICATION} nonsense/33 scram-sha-256"):
        _, target = _said(servers)
    assert "line 1 of pg_hba.conf cannot be read" in target


def test_the_line_that_shuts_a_gateway_out_is_named(servers: Servers) -> None:
    with _rule(servers, "target", f"host all {APPLICATION} 10.0.0.0/8 reject"):
        _, target = _said(servers)
    assert "line 1 of pg_hba.conf rejects" in target
