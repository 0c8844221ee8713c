"""The questions of a check as data: a query whose every row is the sentence of one finding, naming its object.

``%(ours)s`` is our own schema, ``%(role)s`` the application's role. Queries read catalogs only.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """One reason for a refusal (``error``), or something that a person should know (``warning``)."""

    code: str
    query: str
    remedy: str
    severity: str = "error"


_OUR_SESSION = "(a.application_name LIKE 'orchestrator%%' OR a.pid = pg_backend_pid())"
_WHO = (
    "format('pid %%s of %%s (%%s)', a.pid, coalesce(a.usename::text, a.backend_type), coalesce(nullif(a.application_name, ''), 'no name'))"
)
_THIS = "(SELECT oid FROM pg_database WHERE datname = current_database())"

_READ_BY_CHECKS = r"""
WITH RECURSIVE checks AS (
  SELECT con.conname, coalesce(nullif(con.conrelid, 0)::regclass::text, con.contypid::regtype::text) AS of, d.refobjid AS function
  FROM pg_constraint con JOIN pg_namespace n ON n.oid = con.connamespace AND n.nspname <> %(ours)s
  JOIN pg_depend d ON d.classid = 'pg_constraint'::regclass AND d.objid = con.oid AND d.refclassid = 'pg_proc'::regclass
  WHERE con.contype = 'c' AND con.coninhcount = 0
   AND NOT EXISTS (SELECT 1 FROM pg_depend x WHERE x.objid IN (con.conrelid, con.contypid) AND x.deptype = 'e')),
bodies AS (
  SELECT p.oid, lower(p.proname) AS name, lower(p.prosrc) AS body FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
  WHERE p.oid >= 16384 AND l.lanname NOT IN ('c', 'internal')),
called AS (
  SELECT conname, of, function, function AS callee FROM checks
  UNION SELECT c.conname, c.of, c.function, b.oid FROM called c JOIN bodies f ON f.oid = c.callee JOIN bodies b ON strpos(f.body, b.name) > 0),
read AS (
  SELECT c.conname, c.of, c.function, t.oid AS relation FROM called c JOIN bodies f ON f.oid = c.callee
  JOIN pg_class t ON t.relkind IN ('r', 'p', 'v', 'm', 'f') AND t.oid >= 16384 AND strpos(f.body, lower(t.relname)) > 0
   AND f.body ~ ('\m(from|join|only)\s+[(\s]*(\S+\.)?"?' || regexp_replace(lower(t.relname), '(\W)', '\\\1', 'g') || '"?(\W|$)')
  JOIN pg_namespace n ON n.oid = t.relnamespace AND n.nspname NOT IN ('information_schema', %(ours)s) AND n.nspname !~ '^pg_'
  UNION SELECT c.conname, c.of, c.function, d.refobjid FROM called c JOIN pg_depend d ON d.classid = 'pg_proc'::regclass
   AND d.objid = c.callee AND d.refclassid = 'pg_class'::regclass AND d.refobjid >= 16384)
SELECT format('check %%I of %%s calls %%s, which reads %%s', conname, of, function::regprocedure,
  string_agg(DISTINCT relation::regclass::text, ', ')) FROM read GROUP BY conname, of, function ORDER BY 1
"""
"""Found by what a function's body says: nothing in the catalog tells it. A name that is put together while it runs is not found."""

EITHER_SIDE: tuple[Question, ...] = (
    Question(
        "engine-rights",
        "SELECT format('our role %%I is no superuser', rolname) FROM pg_roles WHERE rolname = session_user AND NOT rolsuper",
        "give the engine a superuser of its own: slots, subscriptions and roles of others need one",
    ),
    Question(
        "prepared-transaction",
        "SELECT format('transaction %%L was prepared by %%s in database %%s on %%s and is left open: slots wait for it', gid, owner,"
        " database, prepared::timestamp(0)) FROM pg_prepared_xacts ORDER BY prepared",
        "COMMIT PREPARED or ROLLBACK PREPARED it",
    ),
    Question(
        "wal-level",
        "SELECT format('wal_level is %%s, not logical', setting) FROM pg_settings WHERE name = 'wal_level' AND setting <> 'logical'",
        "plan the restart that changes it in an earlier window",
    ),
    Question(
        "open-transaction",
        f"SELECT format('%%s in database %%s keeps a transaction open since %%s', {_WHO}, a.datname, a.xact_start::timestamp(0))"
        f" FROM pg_stat_activity a WHERE a.xact_start < now() - interval '60 seconds' AND NOT {_OUR_SESSION}"
        " AND a.backend_type = 'client backend' AND (a.backend_xid IS NOT NULL OR a.datname = current_database()) ORDER BY a.xact_start",
        "the copy and the switch wait for it: have it ended before then",
        "warning",
    ),
    Question(
        "slot-limit",
        "SELECT format('max_slot_wal_keep_size is %%s MB: a slot that falls behind further is given up', setting)"
        " FROM pg_settings WHERE name = 'max_slot_wal_keep_size' AND setting <> '-1'",
        "give it room for what is written while the copy or the trial run lasts",
        "warning",
    ),
)

SOURCE: tuple[Question, ...] = (
    Question(
        "large-objects",
        "SELECT format('%%s large objects (%%s)', count(*), string_agg(oid::text, ', ' ORDER BY oid) FILTER (WHERE nr <= 5))"
        " FROM (SELECT oid, row_number() OVER (ORDER BY oid) AS nr FROM pg_largeobject_metadata) AS o HAVING count(*) > 0",
        "logical replication does not carry them: keep them in a bytea column, or plan this database's move by hand",
    ),
    Question(
        "unlogged",
        "SELECT format('table %%I.%%I is unlogged and holds %%s of rows', n.nspname, c.relname, pg_size_pretty(pg_relation_size(c.oid)))"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND c.relpersistence = 'u'"
        " AND n.nspname <> %(ours)s AND pg_relation_size(c.oid) > 0 ORDER BY 1",
        "unlogged rows cannot be followed: ALTER TABLE … SET LOGGED, or TRUNCATE it",
    ),
    Question(
        "object-numbers",
        "SELECT format('column %%s of %%I.%%I is a %%s', a.attname, n.nspname, c.relname, format_type(a.atttypid, a.atttypmod))"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid"
        " JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = t.typbasetype"
        " WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND a.attnum > 0 AND NOT a.attisdropped AND n.nspname <> %(ours)s"
        " AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
        " AND coalesce(b.typname, t.typname) ~ '^_?reg(class|proc|procedure|oper|operator|type|config|dictionary|namespace|role|collation)$'"
        " AND coalesce(b.typnamespace, t.typnamespace) = 'pg_catalog'::regnamespace"
        " AND NOT EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = 'pg_class'::regclass AND x.objid = c.oid AND x.deptype = 'e')"
        " ORDER BY 1",
        "it holds an object's number, which is another one on the target: keep the name as text",
    ),
    Question(
        "check-reads-tables",
        _READ_BY_CHECKS,
        "PostgreSQL's own backups of it cannot be restored, for rows come back in another order: make it a foreign key or a trigger",
    ),
    Question(
        "role-missing",
        "SELECT format('the application''s role %%I does not exist', %(role)s::text) WHERE %(role)s <> ''"
        " AND NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = %(role)s)",
        "correct the role in the inventory",
    ),
    Question(
        "superuser-application",
        "SELECT format('the application''s role %%I is a superuser', rolname) FROM pg_roles"
        " WHERE rolname = %(role)s AND rolsuper AND rolname <> session_user"
        f" UNION ALL SELECT format('%%s is a superuser''s and writes: it cannot be shut out', {_WHO}) FROM pg_stat_activity a"
        " JOIN pg_roles r ON r.oid = a.usesysid WHERE a.datname = current_database() AND r.rolsuper AND a.backend_xid IS NOT NULL"
        f" AND a.backend_type = 'client backend' AND NOT {_OUR_SESSION}",
        "a superuser cannot be shut out while the switch is made: give the application an ordinary role",
    ),
    Question(
        "superuser-session",
        f"SELECT format('%%s is a superuser''s session, there since %%s', {_WHO}, a.backend_start::timestamp(0)) FROM pg_stat_activity a"
        " JOIN pg_roles r ON r.oid = a.usesysid WHERE a.datname = current_database() AND r.rolsuper AND a.backend_xid IS NULL"
        f" AND a.backend_type = 'client backend' AND NOT {_OUR_SESSION} ORDER BY a.backend_start",
        "it must be ended before the switch: superusers are not shut out",
        "warning",
    ),
    Question(
        "background-worker",
        f"SELECT format('%%s works in this database', {_WHO}) FROM pg_stat_activity a WHERE a.datname = current_database()"
        " AND a.backend_type NOT IN ('client backend', 'autovacuum worker', 'parallel worker', 'walsender', 'logical replication worker')"
        " AND a.backend_type !~ '^logical replication'",
        "an extension's worker may write although clients are shut out: see that it rests during the switch",
        "warning",
    ),
    Question(
        "inbound-subscription",
        "SELECT format('subscription %%I writes what %%s publishes into this database', subname, array_to_string(subpublications, ', '))"
        f" FROM pg_subscription WHERE subdbid = {_THIS} AND subenabled AND NOT starts_with(subname, %(ours)s)",
        "no fence shuts it out: ALTER SUBSCRIPTION … DISABLE before the copy, make it anew on the target after the switch",
    ),
    Question(
        "other-consumer",
        "SELECT format('slot %%s (%%s, %%s) is somebody else''s: what it feeds falls silent after the switch', slot_name,"
        " coalesce(plugin::text, slot_type), CASE WHEN active THEN 'active' ELSE 'not active' END) FROM pg_replication_slots"
        f" WHERE NOT starts_with(slot_name, %(ours)s) AND NOT temporary AND (datoid = {_THIS} OR slot_type = 'physical')"
        " AND slot_name !~ '^pg_[0-9]+_sync_'"
        " UNION ALL SELECT format('publication %%I is somebody else''s: who follows it falls silent after the switch', pubname)"
        " FROM pg_publication WHERE NOT starts_with(pubname, %(ours)s)"
        " UNION ALL SELECT format('subscription %%I is not carried', subname) FROM pg_subscription"
        f" WHERE subdbid = {_THIS} AND NOT subenabled AND NOT starts_with(subname, %(ours)s)"
        " UNION ALL SELECT format('%%s at %%s follows this cluster without a slot', coalesce(nullif(application_name, ''), usename),"
        " coalesce(client_addr::text, 'a local socket')) FROM pg_stat_replication s WHERE NOT starts_with(application_name, %(ours)s)"
        " AND application_name NOT LIKE 'pg_%%_sync_%%' AND application_name NOT LIKE 'orchestrator%%'"
        " AND NOT EXISTS (SELECT 1 FROM pg_replication_slots p WHERE p.active_pid = s.pid)",
        "it is a link of the system: agree with its owner who points it at the new side, and when",
        "warning",
    ),
    Question(
        "foreign-server",
        "SELECT format('foreign server %%I (%%s) must be reached from the new host too', srvname,"
        " coalesce((SELECT string_agg(o, ' ') FROM unnest(srvoptions) AS o WHERE o ~ '^(host|hostaddr|port|dbname)='), 'no host'))"
        " FROM pg_foreign_server ORDER BY srvname",
        "it is a link of the system: name it in the inventory, so that the route is checked",
        "warning",
    ),
    Question(
        "role-expired",
        "SELECT format('the application''s role %%I is valid until %%s only', rolname, rolvaliduntil) FROM pg_roles"
        " WHERE rolname = %(role)s AND rolvaliduntil < now() + interval '90 days'",
        "prolong it: the same date holds on the new side",
        "warning",
    ),
)
