"""What a database runs on, in one cell with its version (``Oracle 11g R2``, ``达梦8``), or said by how one connects to it (a JDBC URL)."""

from __future__ import annotations

import re
from typing import Any

from orchestrator.inventory.cells import Value, folded, text_of
from orchestrator.inventory.endpoints import servers_said
from orchestrator.texts import say

_KNOWN = {
    "postgresql": "postgresql", "postgres": "postgresql", "pgsql": "postgresql", "pg": "postgresql", "mysql": "mysql", "mariadb": "mariadb",
    "oracle": "oracle", "oracledatabase": "oracle", "oracle数据库": "oracle", "mysql数据库": "mysql", "postgresql数据库": "postgresql",
}  # fmt: skip
_PRODUCTS = {
    "达梦", "达梦dm", "dm", "dameng", "人大金仓", "金仓", "人大金仓kingbase", "人大金仓kingbasees", "kingbase", "kingbasees", "sqlserver", "mssqlserver", "microsoftsqlserver", "mssql",
    "sql", "db2", "ibmdb2", "h2", "gbase", "gbase8a", "gbase8s", "gbase8t", "南大通用", "南大通用gbase", "神通", "oscar", "oceanbase", "tidb", "informix", "sybase", "mongodb", "mongo",
    "redis", "gaussdb", "opengauss", "高斯", "华为gaussdb", "vastbase", "highgo", "瀚高", "greenplum", "polardb", "tdsql", "goldendb", "access", "sqlite", "clickhouse", "elasticsearch",
    "hbase", "influxdb",
}  # fmt: skip
"""Others whose names are kept as they are written, without the version."""
_NAMED_BY_NUMBER = r"db2|h2|gbase\s*8[ast]"
_WHOLE_NAME = re.compile(_NAMED_BY_NUMBER, re.IGNORECASE)
_WITH_VERSION = re.compile(
    rf"(?P<name>{_NAMED_BY_NUMBER}|[^\d,;、/+和及]*?[^\d\s.,;、/+和及(（_-])[\s_-]*(?P<open>[(（])?[vV]?(?P<version>\d[^,;、/+和及]{{0,39}}?)(?(open)[)）]?)", re.IGNORECASE
)
_URL = re.compile(r"(?:jdbc:)?(?P<scheme>[a-z][a-z0-9]*)(?::(?:thin|oci|tcp))*:(?:@|//|@//)", re.IGNORECASE)
_SCHEMES = {
    "postgresql": "postgresql", "postgres": "postgresql", "mysql": "mysql", "mariadb": "mariadb", "oracle": "oracle", "sqlserver": "sqlserver", "dm": "dm",
    "kingbase": "kingbase", "kingbase8": "kingbase", "opengauss": "opengauss", "gaussdb": "gaussdb", "oscar": "oscar", "oceanbase": "oceanbase", "db2": "db2",
    "gbase": "gbase", "mongodb": "mongodb", "redis": "redis", "highgo": "highgo",
}  # fmt: skip
_DATABASE = re.compile(
    r"(?:\d|[A-Za-z][\w.-]*)(?::\d{1,5})?/(?P<path>[A-Za-z_]\w{0,62})(?=$|[?;&\s])|:\d{1,5}:(?P<sid>[A-Za-z_]\w{0,62})(?=$|[?;&\s])"
    r"|databaseName=(?P<name>[A-Za-z_]\w{0,62})|SERVICE_NAME\s*=\s*(?P<service>[A-Za-z_]\w{0,62})",
    re.IGNORECASE,
)


def engine(raw: Any) -> Value:
    """A database engine: the ones we have names for by those, any other as it is written; with the version where the cell says one."""
    text = text_of(raw)
    if said := _said_by_url(text):
        return Value(said["engine"], said["engine"], {field: value for field, value in said.items() if field != "engine"})
    known = _KNOWN.get(folded(text))
    if known is None and not _WHOLE_NAME.fullmatch(text) and (found := _WITH_VERSION.fullmatch(text)) and (name := _named(found["name"])):
        version = found["version"].strip()
        return Value(name, say("inventory.engine_of_version", engine=name, version=version), {"version": version})
    return Value(known or text, known if known and known != text else "")


def _named(words: str) -> str:
    """A product's name as it is kept; empty for words that name none."""
    name = folded(words)
    return _KNOWN.get(name) or (words.strip() if name.removesuffix("数据库") in _PRODUCTS else "")


def connection(raw: Any) -> Value:
    """Where a database is: its host's name, or how one connects to it, which is kept until all hosts are known (see ``build.hosts_named``). A URL
    tells engine and name of the database as well."""
    from orchestrator.inventory.values import host  # there: what a machine is called

    text = text_of(raw)
    if not servers_said(text):
        return host(raw)
    return Value(text, "", _said_by_url(text))


def _said_by_url(text: str) -> dict[str, Any]:
    """Engine, name and port that a URL tells; nothing of a text that is none of a database. A password in it goes nowhere."""
    url = _URL.match(text)
    of = _SCHEMES.get(url["scheme"].casefold()) if url else None
    if not url or not of:
        return {}
    said: dict[str, Any] = {"engine": of}
    if found := _DATABASE.search(text, url.end() - 1):
        said["name"] = next(name for name in found.groups() if name)
    if (servers := servers_said(text)) and len(servers) == 1 and servers[0][1]:
        said["port"] = servers[0][1]
    return said
