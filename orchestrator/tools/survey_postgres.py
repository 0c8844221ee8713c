"""What a host's PostgreSQL says of itself, asked through the SSH connection that is open already. Read-only, bounded, no secret leaves us.

The password stays on this machine: libpq proves that it knows it (SCRAM, or MD5 of old servers) and refuses to say it in the clear.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from orchestrator.errors import OrchestratorError
from orchestrator.models import Database, Host
from orchestrator.texts import Words, say
from orchestrator.tools import secrets
from orchestrator.tools.ssh import SshConnection
from orchestrator.tools.survey_script import BASES_SQL, DETAIL_SQL, PG_OPTIONS, SERVER_SQL

MAX_BYTES = 512 * 1024
"""What one database may answer, all questions together."""
Blind = tuple[Words, Words]
"""(what could not be seen, what to do about it)."""


def look_into(ssh: SshConnection, host: Host, bases: Iterable[Database], known: dict[str, str], deadline: float) -> list[Blind]:
    """Fill ``known`` with a section ``postgresql PORT`` for the PostgreSQL databases of a host. Never raises for a database.

    A database that a local login has described already is asked only where the inventory names a role and a secret.
    """
    blind: list[Blind] = []
    for base in bases:
        if "postgres" not in base.engine.casefold():
            continue
        section = f"postgresql {base.port}"
        role, secret = (base.admin_role, base.admin_secret) if base.admin_secret else (base.role, base.secret)
        if not role or not secret:
            if f"detail|{base.name}|" not in known.get(section, ""):
                blind.append(
                    (
                        say("tools.base_no_role", name=base.name),
                        say("tools.fill_admin"),
                    )
                )
            continue
        lines: list[str] = []
        try:
            _ask(ssh, host.address, base, role, secrets.resolve(secret), deadline, lines)
        except OrchestratorError as error:
            blind.append((say("tools.base_says", name=base.name, said=error.says), error.mend))
        except Exception as error:  # noqa: BLE001 - whatever a hostile server makes the library raise is that database's problem
            said = "".join(char if char.isprintable() else " " for char in secrets.MASKER(str(error)))[:200]
            remedy = say("tools.see_login", role=role, address=host.address, port=base.port)
            blind.append((say("tools.base_failed", name=base.name, kind=type(error).__name__, said=said), remedy))
        if lines:
            known[section] = "\n".join(dict.fromkeys([*lines, *known.get(section, "").splitlines()]))
    return blind


def _ask(ssh: SshConnection, address: str, base: Database, role: str, password: str, deadline: float, lines: list[str]) -> None:
    """Adds to ``lines`` what each question brings; an old server that cannot answer the last one has answered the others."""
    import psycopg

    with (
        ssh.tunnel(address, base.port, limit=MAX_BYTES) as port,
        psycopg.connect(
            host="127.0.0.1", port=port, dbname=base.name, user=role, password=password, options=PG_OPTIONS, autocommit=True,
            connect_timeout=max(2, int(deadline - time.monotonic())), require_auth="scram-sha-256,md5", sslmode="disable",
            gssencmode="disable", application_name="orchestrator discover",
        ) as connection,
    ):  # fmt: skip
        for question in (SERVER_SQL, BASES_SQL, DETAIL_SQL):
            lines += [_line(row) for row in connection.execute(question).fetchmany(100)]


def _line(row: tuple[object, ...]) -> str:
    cells = ("" if cell is None else str(cell)[:2000] for cell in row)
    return "|".join("".join(char if char.isprintable() and char != "|" else "\ufffd" for char in cell) for cell in cells)
