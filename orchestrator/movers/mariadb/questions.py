"""The questions of a check as data: a query whose every row is the sentence of one finding, naming its object.

``{database}`` stands for the application's database, ``{ours}`` for ours, ``{admin}`` for our account, as values. Queries read only.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.movers.mariadb.comparison import KNOWN


@dataclass(frozen=True)
class Question:
    """One reason for a refusal (``error``), or something that a person should know (``warning``)."""

    code: str
    query: str
    remedy: str
    severity: str = "error"


_PREPARE = "plan the change, and the restart that it needs, in an earlier window"
_TABLES = "information_schema.tables t WHERE t.table_schema = {database}"
_TYPES = ", ".join(f"'{name}'" for name in sorted(KNOWN))
_COLUMN = "CONCAT('column ', c.column_name, ' of ', c.table_name, ' ')"
_COLUMNS = (
    "information_schema.columns c JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name"
    " WHERE c.table_schema = {database} AND t.table_type = 'BASE TABLE'"
)

VERSION = Question(
    "version-never-run",
    "SELECT CONCAT('the server is ', VERSION(), ', and only MariaDB 10.11 was ever moved') FROM DUAL"
    " WHERE VERSION() NOT LIKE '10.11.%%' OR VERSION() NOT LIKE '%%MariaDB%%'",
    "it is vendor-run until this version was shown: plan human tasks for its copy",
)
"""Asked first: another version or product may not know what the others ask for."""

EITHER_SIDE: tuple[Question, ...] = (
    Question("binary-log", "SELECT 'the binary log is off' FROM DUAL WHERE NOT @@GLOBAL.log_bin", f"set log_bin: {_PREPARE}"),
    Question(
        "binary-log-form",
        "SELECT CONCAT('binlog_format is ', @@GLOBAL.binlog_format) FROM DUAL WHERE @@GLOBAL.binlog_format <> 'ROW'"
        " UNION ALL SELECT CONCAT('binlog_row_image is ', @@GLOBAL.binlog_row_image) FROM DUAL WHERE @@GLOBAL.binlog_row_image <> 'FULL'",
        "set binlog_format = ROW and binlog_row_image = FULL, here and in its configuration; sessions that stand keep the former one",
    ),
    Question(
        "binary-log-filter",
        "SELECT CONCAT(variable_name, ' is ', global_value) FROM information_schema.system_variables WHERE variable_name IN"
        " ('REPLICATE_DO_DB', 'REPLICATE_IGNORE_DB', 'REPLICATE_DO_TABLE', 'REPLICATE_IGNORE_TABLE', 'REPLICATE_WILD_DO_TABLE',"
        " 'REPLICATE_WILD_IGNORE_TABLE', 'REPLICATE_REWRITE_DB') AND global_value <> ''",
        "what is filtered out would be lost: take the filter away first",
    ),
    Question(
        "server-number",
        "SELECT 'server_id is 0' FROM DUAL WHERE @@GLOBAL.server_id = 0",
        "give it a number of its own in its configuration",
    ),
    Question(
        "durability",
        "SELECT CONCAT('innodb_flush_log_at_trx_commit is ', @@GLOBAL.innodb_flush_log_at_trx_commit) FROM DUAL"
        " WHERE @@GLOBAL.innodb_flush_log_at_trx_commit <> 1"
        " UNION ALL SELECT CONCAT('sync_binlog is ', @@GLOBAL.sync_binlog) FROM DUAL WHERE @@GLOBAL.sync_binlog <> 1",
        "a decision must outlive a crash, and both sides must agree after one: set both to 1",
    ),
    Question(
        "cluster",
        "SELECT 'the server is a node of a Galera cluster' FROM information_schema.system_variables"
        " WHERE variable_name = 'WSREP_ON' AND global_value = 'ON'",
        "a cluster was never moved by this software: plan human tasks for its copy",
    ),
)

SOURCE: tuple[Question, ...] = (
    Question(
        "server-shared",
        "SELECT CONCAT('database ', schema_name, ' lives on the same server') FROM information_schema.schemata WHERE schema_name NOT IN"
        " ('information_schema', 'performance_schema', 'mysql', 'sys', {database}, {ours}) ORDER BY 1",
        "its accounts would be shut out and its changes copied too: give the application's database a server of its own first",
    ),
    Question(
        "engine",
        f"SELECT CONCAT('table ', t.table_name, ' has the engine ', t.engine) FROM {_TABLES} AND t.table_type = 'BASE TABLE'"
        " AND (t.engine IS NULL OR t.engine <> 'InnoDB') ORDER BY 1",
        "ALTER TABLE … ENGINE=InnoDB: others know no transactions, and a snapshot does not hold for them",
    ),
    Question(
        "system-versioned",
        f"SELECT CONCAT('table ', t.table_name, ' is system-versioned') FROM {_TABLES} AND t.table_type = 'SYSTEM VERSIONED' ORDER BY 1",
        "its history was never carried by this software: plan human tasks for its copy",
    ),
    Question(
        "table-option",
        f"SELECT CONCAT('table ', t.table_name, ' has the option ', t.create_options) FROM {_TABLES}"
        " AND LOWER(t.create_options) REGEXP 'encrypt|data directory|index directory|page_compressed' ORDER BY 1",
        "it was never carried by this software: take the option away first",
    ),
    Question(
        "type",
        f"SELECT CONCAT({_COLUMN}, 'is a ', c.data_type) FROM {_COLUMNS} AND LOWER(c.data_type) NOT IN ({_TYPES}) ORDER BY 1",
        "values of this type were never carried and compared by this software: plan human tasks for its copy",
    ),
    Question(
        "character-set",
        f"SELECT CONCAT({_COLUMN}, 'is written in ', c.character_set_name) FROM {_COLUMNS}"
        " AND c.character_set_name NOT IN ('utf8mb4', 'utf8mb3', 'utf8', 'latin1', 'ascii', 'binary') ORDER BY 1",
        "whether every text outlives a dump was never shown for it: ALTER TABLE … CONVERT TO CHARACTER SET utf8mb4",
    ),
    Question(
        "column-kind",
        f"SELECT CONCAT({_COLUMN}, 'is ', LOWER(c.extra)) FROM {_COLUMNS}"
        " AND UPPER(c.extra) REGEXP 'INVISIBLE|ROW START|ROW END|WITHOUT SYSTEM' ORDER BY 1",
        "columns of this kind were never carried by this software: plan human tasks for its copy",
    ),
    Question(
        "event",
        "SELECT CONCAT('event ', event_name) FROM information_schema.events WHERE event_schema = {database} ORDER BY 1",
        "an event must run on one side only, which was never shown: have the application's own scheduler do it, and drop the event",
    ),
    Question(
        "package",
        "SELECT CONCAT(LOWER(routine_type), ' ', routine_name) FROM information_schema.routines"
        " WHERE routine_schema = {database} AND routine_type NOT IN ('PROCEDURE', 'FUNCTION') ORDER BY 1",
        "it was never carried by this software: use procedures and functions",
    ),
    Question(
        "definer-missing",
        "SELECT CONCAT(o.what, ' belongs to ', o.definer, ', and there is no such account') FROM ("
        " SELECT CONCAT('view ', table_name) AS what, definer FROM information_schema.views WHERE table_schema = {database}"
        " UNION ALL SELECT CONCAT(LOWER(routine_type), ' ', routine_name), definer FROM information_schema.routines"
        " WHERE routine_schema = {database}"
        " UNION ALL SELECT CONCAT('trigger ', trigger_name), definer FROM information_schema.triggers WHERE trigger_schema = {database}"
        ") o WHERE o.definer NOT IN (SELECT CONCAT(user, '@', host) FROM mysql.global_priv) ORDER BY 1",
        "it fails whenever it is used: give it a DEFINER that is there",
    ),
    Question(
        "role",
        "SELECT CONCAT('role ', user) FROM mysql.global_priv WHERE JSON_VALUE(priv, '$.is_role') = 1 ORDER BY 1",
        "roles were never carried by this software: give the rights to the accounts themselves",
    ),
    Question(
        "log-in-method",
        "SELECT CONCAT('account ', user, '@', host, ' logs in by ', JSON_VALUE(priv, '$.plugin')) FROM mysql.global_priv"
        " WHERE COALESCE(JSON_VALUE(priv, '$.plugin'), 'mysql_native_password') NOT IN ('mysql_native_password', '')"
        " AND user NOT IN ('root', 'mysql', 'mariadb.sys', 'debian-sys-maint', {admin})"
        " AND COALESCE(JSON_VALUE(priv, '$.is_role'), 0) <> 1 ORDER BY 1",
        "only mysql_native_password was ever carried: give the account a password of that kind",
    ),
    Question(
        "read-only",
        "SELECT 'the server is read only' FROM DUAL WHERE @@GLOBAL.read_only",
        "the source must be the server that takes the writes",
    ),
    Question(
        "log-kept",
        "SELECT CONCAT('the binary log is dropped after ', @@GLOBAL.binlog_expire_logs_seconds, ' s') FROM DUAL"
        " WHERE @@GLOBAL.binlog_expire_logs_seconds BETWEEN 1 AND 86399",
        "the copy needs what is written while it lasts: keep it a day at least",
    ),
    Question(
        "keyless",
        f"SELECT CONCAT('table ', t.table_name, ' has no primary or unique key') FROM {_TABLES} AND t.table_type = 'BASE TABLE'"
        " AND NOT EXISTS (SELECT 1 FROM information_schema.statistics s WHERE s.table_schema = t.table_schema"
        " AND s.table_name = t.table_name AND s.non_unique = 0) ORDER BY 1",
        "each changed row costs a scan of the table on the other side: give it a key",
        "warning",
    ),
    Question(
        "superuser-session",
        "SELECT CONCAT('session ', id, ' of ', user, ' from ', host, ' in ', COALESCE(db, 'no database')) FROM"
        " information_schema.processlist WHERE user IN ('root', 'mysql', 'debian-sys-maint') ORDER BY id",
        "it must be ended before the switch: administrators are not shut out",
        "warning",
    ),
    Question(
        "other-consumer",
        "SELECT CONCAT(user, ' from ', host, ' follows the binary log: it falls silent after the switch') FROM"
        " information_schema.processlist WHERE command = 'Binlog Dump' AND user <> {admin} ORDER BY 1",
        "it is a link of the system: agree with its owner who points it at the new side, and when",
        "warning",
    ),
)

TARGET: tuple[Question, ...] = (
    Question(
        "target-in-use",
        "SELECT CONCAT('database ', schema_name, ' is on the target''s server') FROM information_schema.schemata WHERE schema_name NOT IN"
        " ('information_schema', 'performance_schema', 'mysql', 'sys', {ours}, CONCAT({ours}, '_rehearsal'))"
        " AND (schema_name <> {database} OR {ours} NOT IN (SELECT schema_name FROM information_schema.schemata)) ORDER BY 1",
        "the target's server must be empty: it is this database's alone",
    ),
    Question(
        "target-log-kept",
        "SELECT CONCAT('the target drops its binary log after ', @@GLOBAL.binlog_expire_logs_seconds, ' s') FROM DUAL"
        " WHERE @@GLOBAL.binlog_expire_logs_seconds <> 0",
        "the way back needs it as long as the trial run lasts: set expire_logs_days = 0 in the target's configuration",
    ),
    Question(
        "target-writes-again",
        "SELECT 'log_slave_updates is on at the target' FROM DUAL WHERE @@GLOBAL.log_slave_updates",
        "what came from the source would be sent back to it: set log_slave_updates = 0 in the target's configuration",
    ),
    Question(
        "target-read-only",
        "SELECT 'the target is read only' FROM DUAL WHERE @@GLOBAL.read_only",
        "set read_only = 0 in the target's configuration: its accounts are locked until the switch",
    ),
)
