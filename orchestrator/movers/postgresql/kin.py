"""Servers that speak PostgreSQL's protocol and are not PostgreSQL: who they are is asked, and what never ran on them is not tried."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

import psycopg

from orchestrator.movers.contract import Part
from orchestrator.movers.postgresql import reach
from orchestrator.texts import Words, say

FORKS = (
    "opengauss", "gaussdb", "mogdb", "vastbase", "kingbase", "highgo", "瀚高", "uxdb", "polardb", "antdb", "greenplum", "enterprisedb",
    "yugabyte", "cockroach", "redshift", "babelfish", "citus", "panwei", "oceanbase",
)  # fmt: skip
"""What their ``version()`` says of itself, also where it begins with PostgreSQL's name."""
_FACTS = {
    "version": "SELECT version()",
    "encoding": "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()",
    "bytes": "SELECT pg_database_size(current_database())",
    "tables": "SELECT count(*) FROM information_schema.tables WHERE table_type = 'BASE TABLE'"
    " AND table_schema NOT IN ('pg_catalog', 'information_schema')",
    "wal_level": "SELECT current_setting('wal_level')",
}


@dataclass(frozen=True)
class Kin:
    """One server as it describes itself. A question that it does not understand stays unanswered."""

    version: str = ""
    encoding: str = ""
    bytes: int | None = None
    tables: int | None = None
    wal_level: str = ""
    unanswered: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def other_than_postgresql(version: str) -> Words:
    """What a server calls itself, where that is not PostgreSQL; empty where it is."""
    lowered = version.casefold()
    if re.match(r"postgresql \d+(\.\d+)*((alpha|beta|rc)\d+|devel)?( |,|$)", lowered) and not any(fork in lowered for fork in FORKS):
        return ""
    return version.strip()[:120] or say("postgresql.nameless")


def ask(part: Part) -> Kin:
    """Asks as any client may, with no setting of ours that only PostgreSQL knows. Raises psycopg.Error where it lets nobody in."""
    answers: dict[str, Any] = {}
    with psycopg.connect(reach.plain_dsn_of(part, "source"), autocommit=True, prepare_threshold=None, connect_timeout=5) as session:
        for name, query in _FACTS.items():
            try:
                row = session.execute(query.encode()).fetchone()
                answers[name] = row[0] if row else None
            except psycopg.Error:
                answers.setdefault("unanswered", []).append(name)
    return Kin(**{**answers, "unanswered": tuple(answers.get("unanswered", ()))})


def ask_or_say_why(part: Part) -> dict[str, Any] | str:
    """The same as plain facts, or why there are none."""
    try:
        return ask(part).as_json()
    except psycopg.Error as error:
        return str(error).strip()
