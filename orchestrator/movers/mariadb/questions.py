"""The questions of a check as data: a query whose every row is what the sentence of one finding speaks of, its object by name.

``{database}`` stands for the application's database, ``{ours}`` for ours, ``{admin}`` for our account, as values. Queries read only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.movers.mariadb.comparison import KNOWN
from orchestrator.texts import Sentence, say


@dataclass(frozen=True)
class Question:
    """One reason for a refusal (``error``), or something that a person should know (``warning``)."""

    code: str
    query: str
    says: Callable[..., Sentence]
    """Given a row's columns, as text."""
    mend: Sentence
    severity: str = "error"


_TABLES = "information_schema.tables t WHERE t.table_schema = {database}"
_TYPES = ", ".join(f"'{name}'" for name in sorted(KNOWN))
_COLUMN = "c.column_name, c.table_name"
_COLUMNS = (
    "information_schema.columns c JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name"
    " WHERE c.table_schema = {database} AND t.table_type = 'BASE TABLE'"
)

VERSION = Question(
    "version-never-run",
    "SELECT VERSION() FROM DUAL WHERE VERSION() NOT LIKE '10.11.%%' OR VERSION() NOT LIKE '%%MariaDB%%'",
    lambda version: say("mariadb.version", version=version),
    say("mariadb.vendor_run"),
)
"""Asked first: another version or product may not know what the others ask for."""

EITHER_SIDE: tuple[Question, ...] = (
    Question(
        "binary-log",
        "SELECT 1 FROM DUAL WHERE NOT @@GLOBAL.log_bin",
        lambda _one: say("mariadb.log_off"),
        say("mariadb.set_log_bin"),
    ),
    Question(
        "binary-log-form",
        "SELECT 'binlog_format', @@GLOBAL.binlog_format FROM DUAL WHERE @@GLOBAL.binlog_format <> 'ROW'"
        " UNION ALL SELECT 'binlog_row_image', @@GLOBAL.binlog_row_image FROM DUAL WHERE @@GLOBAL.binlog_row_image <> 'FULL'",
        lambda name, value: say("mariadb.variable_is", name=name, value=value),
        say("mariadb.set_row"),
    ),
    Question(
        "binary-log-filter",
        "SELECT variable_name, global_value FROM information_schema.system_variables WHERE variable_name IN"
        " ('REPLICATE_DO_DB', 'REPLICATE_IGNORE_DB', 'REPLICATE_DO_TABLE', 'REPLICATE_IGNORE_TABLE', 'REPLICATE_WILD_DO_TABLE',"
        " 'REPLICATE_WILD_IGNORE_TABLE', 'REPLICATE_REWRITE_DB') AND global_value <> ''",
        lambda name, value: say("mariadb.variable_is", name=name, value=value),
        say("mariadb.no_filter"),
    ),
    Question(
        "server-number",
        "SELECT 'server_id', 0 FROM DUAL WHERE @@GLOBAL.server_id = 0",
        lambda name, value: say("mariadb.variable_is", name=name, value=value),
        say("mariadb.own_server_id"),
    ),
    Question(
        "durability",
        "SELECT 'innodb_flush_log_at_trx_commit', @@GLOBAL.innodb_flush_log_at_trx_commit FROM DUAL"
        " WHERE @@GLOBAL.innodb_flush_log_at_trx_commit <> 1"
        " UNION ALL SELECT 'sync_binlog', @@GLOBAL.sync_binlog FROM DUAL WHERE @@GLOBAL.sync_binlog <> 1",
        lambda name, value: say("mariadb.variable_is", name=name, value=value),
        say("mariadb.durability"),
    ),
    Question(
        "cluster",
        "SELECT 1 FROM information_schema.system_variables WHERE variable_name = 'WSREP_ON' AND global_value = 'ON'",
        lambda _one: say("mariadb.galera"),
        say("mariadb.cluster_by_hand"),
    ),
)

SOURCE: tuple[Question, ...] = (
    Question(
        "server-shared",
        "SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN"
        " ('information_schema', 'performance_schema', 'mysql', 'sys', {database}, {ours}) ORDER BY 1",
        lambda name: say("mariadb.same_server", name=name),
        say("mariadb.own_server"),
    ),
    Question(
        "engine",
        f"SELECT t.table_name, t.engine FROM {_TABLES} AND t.table_type = 'BASE TABLE'"
        " AND (t.engine IS NULL OR t.engine <> 'InnoDB') ORDER BY 1",
        lambda table, engine: say("mariadb.table_engine", table=table, engine=engine),
        say("mariadb.to_innodb"),
    ),
    Question(
        "system-versioned",
        f"SELECT t.table_name FROM {_TABLES} AND t.table_type = 'SYSTEM VERSIONED' ORDER BY 1",
        lambda table: say("mariadb.versioned", table=table),
        say("mariadb.history_by_hand"),
    ),
    Question(
        "table-option",
        f"SELECT t.table_name, t.create_options FROM {_TABLES}"
        " AND LOWER(t.create_options) REGEXP 'encrypt|data directory|index directory|page_compressed' ORDER BY 1",
        lambda table, option: say("mariadb.table_option", table=table, option=option),
        say("mariadb.take_option"),
    ),
    Question(
        "type",
        f"SELECT {_COLUMN}, c.data_type FROM {_COLUMNS} AND LOWER(c.data_type) NOT IN ({_TYPES}) ORDER BY 1",
        lambda column, table, kind: say("mariadb.column_type", column=column, table=table, kind=kind),
        say("mariadb.type_by_hand"),
    ),
    Question(
        "character-set",
        f"SELECT {_COLUMN}, c.character_set_name FROM {_COLUMNS}"
        " AND c.character_set_name NOT IN ('utf8mb4', 'utf8mb3', 'utf8', 'latin1', 'ascii', 'binary') ORDER BY 1",
        lambda column, table, charset: say("mariadb.column_charset", column=column, table=table, charset=charset),
        say("mariadb.to_utf8mb4"),
    ),
    Question(
        "column-kind",
        f"SELECT {_COLUMN}, LOWER(c.extra) FROM {_COLUMNS}"
        " AND UPPER(c.extra) REGEXP 'INVISIBLE|ROW START|ROW END|WITHOUT SYSTEM' ORDER BY 1",
        lambda column, table, extra: say("mariadb.column_extra", column=column, table=table, extra=extra),
        say("mariadb.column_by_hand"),
    ),
    Question(
        "event",
        "SELECT event_name FROM information_schema.events WHERE event_schema = {database} ORDER BY 1",
        lambda name: say("mariadb.event", name=name),
        say("mariadb.drop_event"),
    ),
    Question(
        "package",
        "SELECT LOWER(routine_type), routine_name FROM information_schema.routines"
        " WHERE routine_schema = {database} AND routine_type NOT IN ('PROCEDURE', 'FUNCTION') ORDER BY 1",
        lambda kind, name: say("mariadb.routine", kind=kind, name=name),
        say("mariadb.use_procedures"),
    ),
    Question(
        "definer-missing",
        "SELECT o.what, o.definer FROM ("
        " SELECT CONCAT('view ', table_name) AS what, definer FROM information_schema.views WHERE table_schema = {database}"
        " UNION ALL SELECT CONCAT(LOWER(routine_type), ' ', routine_name), definer FROM information_schema.routines"
        " WHERE routine_schema = {database}"
        " UNION ALL SELECT CONCAT('trigger ', trigger_name), definer FROM information_schema.triggers WHERE trigger_schema = {database}"
        ") o WHERE o.definer NOT IN (SELECT CONCAT(user, '@', host) FROM mysql.global_priv) ORDER BY 1",
        lambda what, definer: say("mariadb.no_definer", what=what, definer=definer),
        say("mariadb.give_definer"),
    ),
    Question(
        "role",
        "SELECT user FROM mysql.global_priv WHERE JSON_VALUE(priv, '$.is_role') = 1 ORDER BY 1",
        lambda name: say("mariadb.role", name=name),
        say("mariadb.rights_to_accounts"),
    ),
    Question(
        "log-in-method",
        "SELECT CONCAT(user, '@', host), JSON_VALUE(priv, '$.plugin') FROM mysql.global_priv"
        " WHERE COALESCE(JSON_VALUE(priv, '$.plugin'), 'mysql_native_password') NOT IN ('mysql_native_password', '')"
        " AND user NOT IN ('root', 'mysql', 'mariadb.sys', 'debian-sys-maint', {admin})"
        " AND COALESCE(JSON_VALUE(priv, '$.is_role'), 0) <> 1 ORDER BY 1",
        lambda account, plugin: say("mariadb.logs_in_by", account=account, plugin=plugin),
        say("mariadb.native_password"),
    ),
    Question(
        "read-only",
        "SELECT 1 FROM DUAL WHERE @@GLOBAL.read_only",
        lambda _one: say("mariadb.server_read_only"),
        say("mariadb.must_take_writes"),
    ),
    Question(
        "log-kept",
        "SELECT @@GLOBAL.binlog_expire_logs_seconds FROM DUAL WHERE @@GLOBAL.binlog_expire_logs_seconds BETWEEN 1 AND 86399",
        lambda seconds: say("mariadb.log_dropped", seconds=seconds),
        say("mariadb.keep_a_day"),
    ),
    Question(
        "connections-end",
        "SELECT COUNT(*) FROM information_schema.processlist WHERE user NOT IN"
        " ('root', 'mysql', 'debian-sys-maint', 'system user', 'event_scheduler', 'unauthenticated user', {admin})"
        " AND command NOT IN ('Binlog Dump', 'Daemon') HAVING COUNT(*) > 0",
        lambda count: say("mariadb.connections_end", count=count),
        say("mariadb.validate_connections"),
        "warning",
    ),
    Question(
        "keyless",
        f"SELECT t.table_name FROM {_TABLES} AND t.table_type = 'BASE TABLE'"
        " AND NOT EXISTS (SELECT 1 FROM information_schema.statistics s WHERE s.table_schema = t.table_schema"
        " AND s.table_name = t.table_name AND s.non_unique = 0) ORDER BY 1",
        lambda table: say("mariadb.keyless", table=table),
        say("mariadb.give_key"),
        "warning",
    ),
    Question(
        "superuser-session",
        "SELECT id, user, host, COALESCE(db, 'no database') FROM"
        " information_schema.processlist WHERE user IN ('root', 'mysql', 'debian-sys-maint') ORDER BY id",
        lambda id, user, host, database: say("mariadb.administrator", id=id, user=user, host=host, database=database),
        say("mariadb.end_administrators"),
        "warning",
    ),
    Question(
        "other-consumer",
        "SELECT user, host FROM information_schema.processlist WHERE command = 'Binlog Dump' AND user <> {admin} ORDER BY 1",
        lambda user, host: say("mariadb.follows_log", user=user, host=host),
        say("mariadb.link_of_system"),
        "warning",
    ),
)

TARGET: tuple[Question, ...] = (
    Question(
        "target-in-use",
        "SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN"
        " ('information_schema', 'performance_schema', 'mysql', 'sys', {ours}, CONCAT({ours}, '_rehearsal'))"
        " AND (schema_name <> {database} OR {ours} NOT IN (SELECT schema_name FROM information_schema.schemata)) ORDER BY 1",
        lambda name: say("mariadb.on_target", name=name),
        say("mariadb.target_alone"),
    ),
    Question(
        "target-log-kept",
        "SELECT @@GLOBAL.binlog_expire_logs_seconds FROM DUAL WHERE @@GLOBAL.binlog_expire_logs_seconds <> 0",
        lambda seconds: say("mariadb.target_log", seconds=seconds),
        say("mariadb.keep_target_log"),
    ),
    Question(
        "target-writes-again",
        "SELECT 1 FROM DUAL WHERE @@GLOBAL.log_slave_updates",
        lambda _one: say("mariadb.slave_updates"),
        say("mariadb.no_slave_updates"),
    ),
    Question(
        "target-read-only",
        "SELECT 1 FROM DUAL WHERE @@GLOBAL.read_only",
        lambda _one: say("mariadb.target_read_only"),
        say("mariadb.target_writable"),
    ),
)
