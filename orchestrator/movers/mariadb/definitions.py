"""Everything that is defined on a side beside rows, as the server itself writes it: name of the object → its definition.

Two sides are equal when these are; what was changed since the copy is what differs from what was written down then.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping

from orchestrator.movers.mariadb import accounts
from orchestrator.movers.mariadb.connections import Connection, fill
from orchestrator.movers.names import Names
from orchestrator.texts import Words, say

SHOWN = 20
_NEXT_NUMBER = re.compile(r" AUTO_INCREMENT=\d+")
SETTINGS = (
    "sql_mode", "character_set_server", "collation_server", "time_zone", "system_time_zone", "lower_case_table_names", "init_connect",
    "default_storage_engine", "innodb_strict_mode", "tx_isolation", "explicit_defaults_for_timestamp", "old_mode", "autocommit",
    "group_concat_max_len", "auto_increment_increment", "auto_increment_offset", "div_precision_increment", "sql_auto_is_null",
    "character_set_client", "collation_connection", "innodb_rollback_on_timeout", "innodb_default_row_format", "optimizer_switch",
    "default_week_format", "lc_time_names", "ft_min_word_len", "innodb_ft_min_token_size", "innodb_ft_max_token_size", "ft_stopword_file",
    "innodb_ft_enable_stopword", "foreign_key_checks", "unique_checks", "check_constraint_checks", "sql_select_limit", "sql_safe_updates",
    "default_password_lifetime", "log_bin_trust_function_creators", "concat_compat", "secure_auth", "local_infile", "completion_type",
    "wait_timeout", "interactive_timeout", "innodb_lock_wait_timeout", "lock_wait_timeout", "max_statement_time", "max_user_connections",
)  # fmt: skip
"""What changes the meaning of a statement or of a log-in. One that a server does not know is left out."""


def take(connection: Connection, names: Names, admin: str, *, schema: str = "") -> dict[str, str]:
    """All of it. ``schema``: of another database instead (a restored copy); its accounts and settings are left out then."""
    database = schema or names.database
    found = _relations(connection, database) | _code(connection, database) | _database(connection, database)
    if not schema:
        found |= take_accounts(connection, names, admin) | take_settings(connection)
    return found


def _database(connection: Connection, database: str) -> dict[str, str]:
    row = connection.execute(
        "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata WHERE schema_name = %s", database
    )
    return {"database": " ".join(map(str, row[0]))} if row else {}


def _relations(connection: Connection, database: str) -> dict[str, str]:
    found = {}
    listed = connection.execute(
        "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = %s ORDER BY 1", database
    )
    for name, kind in listed:
        shown = connection.execute(fill("SHOW CREATE TABLE {}", [database, name]))[0]
        word = {"VIEW": "view", "SEQUENCE": "sequence"}.get(str(kind), "table")
        found[f"{word} {name}"] = _NEXT_NUMBER.sub("", _without_place(str(shown[1]), database))
    return found


def _code(connection: Connection, database: str) -> dict[str, str]:
    found = {}
    for name, kind in connection.execute(
        "SELECT routine_name, routine_type FROM information_schema.routines WHERE routine_schema = %s", database
    ):
        if kind in ("PROCEDURE", "FUNCTION"):
            row = connection.execute(fill(f"SHOW CREATE {kind} {{}}", [database, name]))[0]
            found[f"{str(kind).lower()} {name}"] = _without_place(" / ".join(map(str, row[1:])), database)
    triggers = connection.execute("SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = %s", database)
    for (name,) in triggers:
        row = connection.execute(fill("SHOW CREATE TRIGGER {}", [database, name]))[0]
        found[f"trigger {name}"] = _without_place(" / ".join(map(str, row[1:6])), database)  # the seventh is when it was made
    order = "SELECT trigger_name, event_object_table, action_order FROM information_schema.triggers WHERE trigger_schema = %s"
    for name, table, place in connection.execute(order, database):
        found[f"trigger {name}"] += f" / {table} {place}"
    for name, body in connection.execute("SELECT name, body FROM mysql.event WHERE db = %s", database):
        found[f"event {name}"] = bytes(body).decode("utf-8", "replace") if isinstance(body, bytes) else str(body)
    return found


def _without_place(text: str, database: str) -> str:
    """A copy under another name is the same: where the server puts the database's name before an object, it is left out."""
    return text.replace("`" + database.replace("`", "``") + "`.", "")


def take_accounts(connection: Connection, names: Names, admin: str) -> dict[str, str]:
    """Every account: its attributes and rights, without the lock (the fence's) and without what we gave it on our own database."""
    found = {}
    for known in accounts.read_accounts(connection, admin):
        if known.account.user == names.rehearsal or known.is_role:
            continue
        described = [text for text in accounts.describe(connection, known.account) if f"`{names.schema}" not in text]
        digest = hashlib.sha256("\n".join(sorted(described)).encode()).hexdigest()
        rights = sorted(text.split(" IDENTIFIED ")[0] for text in described[1:])
        found[f"account {known.account}"] = f"{'; '.join(rights)} ({digest[:12]})"
    return found


def take_settings(connection: Connection) -> dict[str, str]:
    """Global variables that applications feel."""
    rows = connection.execute("SELECT variable_name, global_value FROM information_schema.system_variables WHERE global_value IS NOT NULL")
    wanted = {name.upper() for name in SETTINGS}
    return {f"setting {str(name).lower()}": str(value) for name, value in rows if str(name).upper() in wanted}


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[Words]:
    """What is not the same, each object once, in words."""
    found: list[Words] = []
    for name in sorted({*before, *after}):
        if name not in after:
            found.append(say("mariadb.missing", name=name))
        elif name not in before:
            found.append(say("mariadb.is_new", name=name))
        elif before[name] != after[name]:
            found.append(say("mariadb.is_another", name=name, how=_where_it_differs(before[name], after[name])))
    return found


def _where_it_differs(before: str, after: str) -> Words:
    at = next((i for i, (x, y) in enumerate(zip(before, after, strict=False)) if x != y), min(len(before), len(after)))
    begin = max(0, at - 20)
    return say("mariadb.became", before=before[begin : at + 60], after=after[begin : at + 60])


def write(found: Mapping[str, str]) -> str:
    """As one text, for our database's memory."""
    return json.dumps(dict(found), ensure_ascii=False, sort_keys=True)


def read(text: str) -> dict[str, str]:
    """The same back."""
    return dict(json.loads(text))


