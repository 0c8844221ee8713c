"""Servers that speak PostgreSQL's protocol are told apart by what they say of themselves."""

import pytest

from orchestrator.movers.postgresql.kin import other_than_postgresql


@pytest.mark.parametrize(
    "version",
    [
        "PostgreSQL 15.18 (Debian 15.18-0+deb12u1) on x86_64-pc-linux-gnu, compiled by gcc (Debian 12.2.0-14) 12.2.0, 64-bit",
        "PostgreSQL 9.6.24 on x86_64-pc-linux-gnu", "PostgreSQL 16beta1 on aarch64-unknown-linux-gnu", "PostgreSQL 12.3 (Ubuntu 12.3-1.pgdg18.04+1)",
    ],
)  # fmt: skip
def test_postgresql_is_itself_whoever_built_it(version: str) -> None:
    assert other_than_postgresql(version) == ""


@pytest.mark.parametrize(
    "version",
    [
        "(openGauss 5.0.0 build a07d57c3) compiled at 2023-03-29 03:07:56 commit 0 last mr  on x86_64-unknown-linux-gnu",
        "PostgreSQL 9.2.4 (openGauss 2.0.1 build d97c0e8a) compiled at 2021-06-02", "PostgreSQL 9.2.4 (Vastbase G100 V2.2 (Build 5.0))",
        "KingbaseES V008R006C007B0012 on x86_64-pc-linux-gnu, compiled by gcc", "PostgreSQL 12.1 (KingbaseES V009R001)",
        "PostgreSQL 9.4.26 (Greenplum Database 6.20.3)", "PostgreSQL 14.8 (EnterpriseDB Advanced Server 14.8.0)", "CockroachDB CCL v22.1.0",
        "PostgreSQL 11.2-YB-2.15.0.0-b0", "PostgreSQL 11.9 (PolarDB 11.9.12)", "HighGo Database 6 Release 6.0.4", "", "  ",
    ],
)  # fmt: skip
def test_what_is_not_is_named(version: str) -> None:
    assert str(other_than_postgresql(version)) in (version.strip()[:120], "a server that does not say what it is")
    assert other_than_postgresql(version)
