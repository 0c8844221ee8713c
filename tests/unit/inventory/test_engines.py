"""Engine and version in one cell, and what a URL says of a database and of a service's health."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.inventory.values import read_value


def read(kind: str, cell: str) -> tuple[Any, dict[str, Any]]:
    found = read_value(kind, cell)
    return found.value, dict(found.also)


@pytest.mark.parametrize(
    ("cell", "engine", "version"),
    [
        ("PostgreSQL 15.3", "postgresql", "15.3"), ("Oracle 11g R2", "oracle", "11g R2"), ("MySQL5.7", "mysql", "5.7"), ("达梦8", "达梦", "8"), ("人大金仓V8", "人大金仓", "8"),
        ("KingbaseES V8R6", "KingbaseES", "8R6"), ("SQL Server 2008 R2", "SQL Server", "2008 R2"), ("DB2 11.1", "DB2", "11.1"), ("GBase 8a V9.5", "GBase 8a", "9.5"),
        ("Oracle Database 19c", "oracle", "19c"), ("MySQL(5.7)", "mysql", "5.7"), ("PostgreSQL-12", "postgresql", "12"), ("MongoDB 4.4", "MongoDB", "4.4"),
        ("MySQL 5.7.30 (社区版)", "mysql", "5.7.30 (社区版)"), ("DM8", "DM", "8"),
    ],
)  # fmt: skip
def test_an_engine_and_its_version_are_told_apart(cell: str, engine: str, version: str) -> None:
    assert read("engine", cell) == (engine, {"version": version})


@pytest.mark.parametrize("cell", ["DB2", "GBase 8a", "神通", "Redis", "MySQL 5.7、Redis 5.0", "MySQL5.7/Redis", "MySQL 5.7和Oracle 11g", "SQL Server"])
def test_what_names_no_version_or_two_engines_stays_as_it_is_written(cell: str) -> None:
    assert read("engine", cell) == (cell, {})


@pytest.mark.parametrize(
    ("cell", "also"),
    [
        ("jdbc:postgresql://10.1.1.12:5432/tax", {"engine": "postgresql", "name": "tax", "port": 5432}),
        ("jdbc:mysql://u:p@10.1.1.11:3306/fw?useSSL=false", {"engine": "mysql", "name": "fw", "port": 3306}),
        ("jdbc:oracle:thin:@10.1.1.1:1521:orcl", {"engine": "oracle", "name": "orcl", "port": 1521}),
        ("jdbc:oracle:thin:@//10.1.1.1:1521/pdb1", {"engine": "oracle", "name": "pdb1", "port": 1521}),
        ("jdbc:sqlserver://10.1.1.2:1433;databaseName=hr", {"engine": "sqlserver", "name": "hr", "port": 1433}),
        ("jdbc:dm://10.1.1.3:5236?schema=YS", {"engine": "dm", "port": 5236}),
        ("10.1.1.3:50000", {}), ("http://10.1.1.3:80/x", {}), ("db-01", {}),
    ],
)  # fmt: skip
def test_a_url_tells_what_it_connects_to(cell: str, also: dict[str, Any]) -> None:
    found = read_value("connection", cell)
    assert (found.value, dict(found.also), found.understood) == (cell, also, "")


@pytest.mark.parametrize(
    ("kind", "cell", "value", "also"),
    [
        ("health", "http://10.1.1.1:8080/health", "/health", {"health.kind": "http", "host": "10.1.1.1", "port": 8080}),
        ("health", "https://app-01", "/", {"health.kind": "https", "host": "app-01", "port": 443}),
        ("health", "10.1.1.1:8080", "", {"health.kind": "tcp", "host": "10.1.1.1", "port": 8080}),
        ("health", "/actuator/health", "/actuator/health", {"health.kind": "http"}), ("health", "SELECT 1", "SELECT 1", {}),
        ("check", "http://10.1.1.1:8080/health", "http", {"host": "10.1.1.1", "port": 8080, "health.target": "/health"}), ("check", "端口", "tcp", {}),
        ("count", "叁台", 3.0, {}), ("count", "壹拾贰台", 12.0, {}), ("count", "两台", 2.0, {}), ("cores", "叁拾贰核", 32.0, {}), ("size", "伍佰G", 500.0, {}),
    ],
)  # fmt: skip
def test_an_address_of_health_and_numbers_as_on_cheques(kind: str, cell: str, value: Any, also: dict[str, Any]) -> None:
    assert read(kind, cell) == (value, also)
