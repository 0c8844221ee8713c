"""The questions of a check as data: a query whose every row is what the sentence of one finding speaks of, its object by name.

``%(ours)s`` is our own schema, ``%(role)s`` the application's role. Queries read catalogs only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
    lasting: float = 0.0
    """Seconds: only what is still there after them is meant."""


_OUR_SESSION = "(a.application_name LIKE 'orchestrator%%' OR a.pid = pg_backend_pid())"
_WHO = "a.pid, coalesce(a.usename::text, a.backend_type), coalesce(nullif(a.application_name, ''), 'no name')"
_THIS = "(SELECT oid FROM pg_database WHERE datname = current_database())"

_OF_THE_SYSTEM = " UNION ALL ".join(
    f"SELECT '{kind} ' || {name} AS what FROM {catalog} o WHERE {prefix}namespace = 'pg_catalog'::regnamespace AND oid >= 16384"
    f" AND NOT EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = '{catalog}'::regclass AND x.objid = o.oid AND x.deptype IN ('e', 'i'))"
    f" {only}"
    for kind, catalog, prefix, name, only in (
        ("relation", "pg_class", "rel", "quote_ident(relname)", "AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')"),
        ("type", "pg_type", "typ", "quote_ident(typname)", "AND typrelid = 0 AND typcategory <> 'A'"),
        ("operator", "pg_operator", "opr", "oid::regoperator", ""),
        ("aggregate", "pg_proc", "pro", "oid::regprocedure", "AND prokind IN ('a', 'w')"),
        ("collation", "pg_collation", "coll", "quote_ident(collname)", ""),
    )
)
"""What somebody put into the system's own schema; its functions are carried (``beginnings``)."""

_HASHED_BY_NUMBER = """
WITH RECURSIVE used AS (
  SELECT format('%%I.%%I', n.nspname, c.relname) AS of, a.attname::text AS column, format_type(a.atttypid, a.atttypmod) AS kind, a.atttypid AS oid
  FROM pg_partitioned_table p JOIN pg_class c ON c.oid = p.partrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (p.partattrs::int2[])
  WHERE p.partstrat = 'h' AND n.nspname <> %(ours)s
  UNION SELECT u.of, u.column, u.kind, part.oid FROM used u JOIN pg_type t ON t.oid = u.oid CROSS JOIN LATERAL (
    VALUES (t.typelem), (t.typbasetype)
    UNION ALL SELECT a.atttypid FROM pg_attribute a WHERE t.typrelid <> 0 AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE t.oid IN (r.rngtypid, r.rngmultitypid)) AS part (oid) WHERE part.oid <> 0)
SELECT DISTINCT u.of, u.column, u.kind FROM used u JOIN pg_type t ON t.oid = u.oid WHERE t.typtype = 'e' ORDER BY 1, 2
"""
"""An enum's hash is of its object number: on the target the same value belongs into another partition."""

_READ_BY_CHECKS = r"""
WITH RECURSIVE checks AS (
  SELECT con.conname, coalesce(nullif(con.conrelid, 0)::regclass::text, con.contypid::regtype::text) AS of, d.refobjid AS function
  FROM pg_constraint con JOIN pg_namespace n ON n.oid = con.connamespace AND n.nspname <> %(ours)s
  JOIN pg_depend d ON d.classid = 'pg_constraint'::regclass AND d.objid = con.oid AND d.refclassid = 'pg_proc'::regclass
  WHERE con.contype = 'c' AND con.coninhcount = 0
   AND NOT EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid IN ('pg_class'::regclass, 'pg_type'::regclass)
    AND x.objid IN (con.conrelid, con.contypid) AND x.deptype = 'e')),
bodies AS (
  -- without remarks, and without the other meanings of FROM: extract(year FROM x), IS DISTINCT FROM x
  SELECT p.oid, lower(p.proname) AS name, regexp_replace(regexp_replace(regexp_replace(regexp_replace(
    lower(p.prosrc), '/\*.*?\*/', ' ', 'g'), '--[^\n]*', ' ', 'g'), '\mdistinct\s+from\M', ' ', 'g'),
    '\m(extract|substring|trim|overlay)\s*\([^()]*\mfrom\M', ' ', 'g') AS body
  FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
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
SELECT quote_ident(conname), of, function::regprocedure::text, string_agg(DISTINCT relation::regclass::text, ', ')
FROM read GROUP BY conname, of, function ORDER BY 1
"""
"""Found by what a function's body says: nothing in the catalog tells it. A name that is put together while it runs is not found."""

_CLOCKS = "txid_current|txid_current_snapshot|pg_current_xact_id|pg_current_snapshot|pg_current_wal_lsn|pg_current_wal_insert_lsn"
_COUNTED_ELSEWHERE = rf"""
SELECT format('%%I.%%I: %%I', n.nspname, c.relname, a.attname) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped AND c.oid >= 16384
  AND n.nspname <> %(ours)s AND n.nspname !~ '^pg_'
  AND (a.atttypid IN ('xid'::regtype, 'xid8'::regtype, 'pg_lsn'::regtype, 'pg_snapshot'::regtype, 'txid_snapshot'::regtype)
    OR pg_get_expr(d.adbin, d.adrelid) ~ '\m({_CLOCKS})\(')
  AND NOT EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = 'pg_class'::regclass AND x.objid = c.oid AND x.deptype = 'e')
UNION ALL SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.oid >= 16384 AND n.nspname <> %(ours)s AND lower(p.prosrc) ~ '\m({_CLOCKS})\s*\('
  AND NOT EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = 'pg_proc'::regclass AND x.objid = p.oid AND x.deptype = 'e')
ORDER BY 1
"""
"""What an application may take for a clock: on the target it begins elsewhere, and mostly lower."""

def _who(pid: str, account: str, application: str) -> Sentence:
    return say("postgresql.pid_of_application", pid=pid, account=account, application=application)


EITHER_SIDE: tuple[Question, ...] = (
    Question(
        "engine-rights",
        "SELECT quote_ident(rolname) FROM pg_roles WHERE rolname = session_user AND NOT rolsuper",
        lambda role: say("postgresql.no_superuser", role=role),
        say("postgresql.give_superuser"),
    ),
    Question(
        "prepared-transaction",
        "SELECT quote_literal(gid), owner::text, database::text, prepared::timestamp(0)::text FROM pg_prepared_xacts ORDER BY prepared",
        lambda gid, owner, database, since: say("postgresql.left_prepared", gid=gid, owner=owner, database=database, since=since),
        say("postgresql.end_prepared"),
        lasting=2.0,  # an application that commits in two phases always has one under way
    ),
    Question(
        "wal-level",
        "SELECT setting FROM pg_settings WHERE name = 'wal_level' AND setting <> 'logical'",
        lambda setting: say("postgresql.wal_level", setting=setting),
        say("postgresql.plan_restart"),
    ),
    Question(
        "open-transaction",
        f"SELECT {_WHO}, a.datname::text, a.xact_start::timestamp(0)::text"
        f" FROM pg_stat_activity a WHERE a.xact_start < now() - interval '60 seconds' AND NOT {_OUR_SESSION}"
        " AND a.backend_type = 'client backend' AND (a.backend_xid IS NOT NULL OR a.datname = current_database()) ORDER BY a.xact_start",
        lambda pid, account, application, database, since: say(
            "postgresql.open_transaction", who=_who(pid, account, application), database=database, since=since
        ),
        say("postgresql.end_before"),
        "warning",
    ),
    Question(
        "slot-limit",
        "SELECT setting FROM pg_settings WHERE name = 'max_slot_wal_keep_size' AND setting <> '-1'",
        lambda setting: say("postgresql.slot_limit", setting=setting),
        say("postgresql.give_room"),
        "warning",
    ),
)

SOURCE: tuple[Question, ...] = (
    Question(
        "large-objects",
        "SELECT count(*), string_agg(oid::text, ', ' ORDER BY oid) FILTER (WHERE nr <= 5)"
        " FROM (SELECT oid, row_number() OVER (ORDER BY oid) AS nr FROM pg_largeobject_metadata) AS o HAVING count(*) > 0",
        lambda count, some: say("postgresql.large_objects", count=count, some=some),
        say("postgresql.keep_bytea"),
    ),
    Question(
        "unlogged",
        "SELECT format('%%I.%%I', n.nspname, c.relname), pg_size_pretty(pg_relation_size(c.oid))"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND c.relpersistence = 'u'"
        " AND n.nspname <> %(ours)s AND pg_relation_size(c.oid) > 0 ORDER BY 1",
        lambda table, size: say("postgresql.unlogged", table=table, size=size),
        say("postgresql.set_logged"),
    ),
    Question(
        "object-numbers",
        "SELECT a.attname::text, format('%%I.%%I', n.nspname, c.relname), format_type(a.atttypid, a.atttypmod)"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid"
        " JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = t.typbasetype"
        " WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND a.attnum > 0 AND NOT a.attisdropped AND n.nspname <> %(ours)s"
        " AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
        " AND coalesce(b.typname, t.typname) ~ '^_?reg(class|proc|procedure|oper|operator|type|config|dictionary|namespace|role|collation)$'"
        " AND coalesce(b.typnamespace, t.typnamespace) = 'pg_catalog'::regnamespace"
        " AND NOT EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = 'pg_class'::regclass AND x.objid = c.oid AND x.deptype = 'e')"
        " ORDER BY 2, 1",
        lambda column, table, kind: say("postgresql.object_number", column=column, table=table, kind=kind),
        say("postgresql.keep_name"),
    ),
    Question(
        "hash-partition",
        _HASHED_BY_NUMBER,
        lambda table, column, kind: say("postgresql.hashed_by_number", table=table, column=column, kind=kind),
        say("postgresql.partition_by_list"),
    ),
    Question(
        "system-schema",
        f"SELECT what FROM ({_OF_THE_SYSTEM}) AS o ORDER BY 1",
        lambda what: say("postgresql.in_system_schema", what=what),
        say("postgresql.move_to_schema"),
    ),
    Question(
        "plpgsql-missing",
        "SELECT quote_ident(current_database()) WHERE NOT EXISTS (SELECT 1 FROM pg_language WHERE lanname = 'plpgsql')",
        lambda database: say("postgresql.no_plpgsql", database=database),
        say("postgresql.create_plpgsql"),
    ),
    Question(
        "check-reads-tables",
        _READ_BY_CHECKS,
        lambda check, of, function, tables: say("postgresql.check_reads", check=check, of=of, function=function, tables=tables),
        say("postgresql.no_check"),
    ),
    Question(
        "role-missing",
        "SELECT quote_ident(%(role)s::text) WHERE %(role)s <> '' AND NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = %(role)s)",
        lambda role: say("postgresql.role_missing", role=role),
        say("postgresql.correct_role"),
    ),
    Question(
        "superuser-application",
        "SELECT quote_ident(rolname) FROM pg_roles WHERE rolname = %(role)s AND rolsuper AND rolname <> session_user",
        lambda role: say("postgresql.role_superuser", role=role),
        say("postgresql.ordinary_role"),
    ),
    Question(
        "superuser-application",
        f"SELECT {_WHO} FROM pg_stat_activity a"
        " JOIN pg_roles r ON r.oid = a.usesysid WHERE a.datname = current_database() AND r.rolsuper AND a.backend_xid IS NOT NULL"
        f" AND a.backend_type = 'client backend' AND NOT {_OUR_SESSION}",
        lambda *who: say("postgresql.superuser_writes", who=_who(*who)),
        say("postgresql.ordinary_role"),
    ),
    Question(
        "superuser-session",
        f"SELECT {_WHO}, a.backend_start::timestamp(0)::text FROM pg_stat_activity a"
        " JOIN pg_roles r ON r.oid = a.usesysid WHERE a.datname = current_database() AND r.rolsuper AND a.backend_xid IS NULL"
        f" AND a.backend_type = 'client backend' AND NOT {_OUR_SESSION} ORDER BY a.backend_start",
        lambda pid, account, application, since: say("postgresql.superuser_there", who=_who(pid, account, application), since=since),
        say("postgresql.end_superusers"),
        "warning",
    ),
    Question(
        "advisory-lock",
        f"SELECT {_WHO}, count(*) FROM pg_stat_activity a JOIN pg_locks l USING (pid) WHERE l.locktype = 'advisory' AND l.granted AND l.database = {_THIS}"
        f" AND a.state = 'idle' AND NOT {_OUR_SESSION} GROUP BY 1, 2, 3 ORDER BY 1",
        lambda pid, account, application, count: say("postgresql.advisory_lock", who=_who(pid, account, application), count=count),
        say("postgresql.lock_transactions"),
        "warning",
    ),
    Question(
        "background-worker",
        f"SELECT {_WHO} FROM pg_stat_activity a WHERE a.datname = current_database()"
        " AND a.backend_type NOT IN ('client backend', 'autovacuum worker', 'parallel worker', 'walsender', 'logical replication worker')"
        " AND a.backend_type !~ '^logical replication'",
        lambda *who: say("postgresql.works_here", who=_who(*who)),
        say("postgresql.let_rest"),
        "warning",
    ),
    Question(
        "background-worker",  # one that comes for each job is not there when it is looked for
        "SELECT 'cron.use_background_workers' WHERE current_setting('cron.use_background_workers', true) IN ('on', 'true', '1', 'yes')",
        lambda setting: say("postgresql.jobs_by_workers", setting=setting),
        say("postgresql.jobs_by_connections"),
        "warning",
    ),
    Question(
        "inbound-subscription",
        "SELECT quote_ident(subname), array_to_string(subpublications, ', ')"
        f" FROM pg_subscription WHERE subdbid = {_THIS} AND subenabled AND NOT starts_with(subname, %(ours)s)",
        lambda name, publications: say("postgresql.inbound", name=name, publications=publications),
        say("postgresql.disable_inbound"),
    ),
    Question(
        "other-consumer",
        "SELECT slot_name::text, coalesce(plugin::text, slot_type), CASE WHEN active THEN 'active' ELSE 'not active' END"
        " FROM pg_replication_slots"
        f" WHERE NOT starts_with(slot_name, %(ours)s) AND NOT temporary AND (datoid = {_THIS} OR slot_type = 'physical')"
        " AND slot_name !~ '^pg_[0-9]+_sync_'",
        lambda slot, plugin, state: say("postgresql.others_slot", slot=slot, plugin=plugin, state=state),
        say("postgresql.link_of_system"),
        "warning",
    ),
    Question(
        "other-consumer",
        "SELECT quote_ident(pubname) FROM pg_publication WHERE NOT starts_with(pubname, %(ours)s)",
        lambda name: say("postgresql.others_publication", name=name),
        say("postgresql.link_of_system"),
        "warning",
    ),
    Question(
        "other-consumer",
        f"SELECT quote_ident(subname) FROM pg_subscription WHERE subdbid = {_THIS} AND NOT subenabled AND NOT starts_with(subname, %(ours)s)",
        lambda name: say("postgresql.subscription_stays", name=name),
        say("postgresql.link_of_system"),
        "warning",
    ),
    Question(
        "other-consumer",
        "SELECT coalesce(nullif(application_name, ''), usename::text), coalesce(client_addr::text, 'a local socket')"
        " FROM pg_stat_replication s WHERE NOT starts_with(application_name, %(ours)s)"
        " AND application_name NOT LIKE 'pg_%%_sync_%%' AND application_name NOT LIKE 'orchestrator%%'"
        " AND NOT EXISTS (SELECT 1 FROM pg_replication_slots p WHERE p.active_pid = s.pid)",
        lambda name, address: say("postgresql.follows_slotless", name=name, address=address),
        say("postgresql.link_of_system"),
        "warning",
    ),
    Question(
        "foreign-server",
        "SELECT quote_ident(srvname),"
        " coalesce((SELECT string_agg(o, ' ') FROM unnest(srvoptions) AS o WHERE o ~ '^(host|hostaddr|port|dbname)='), 'no host')"
        " FROM pg_foreign_server ORDER BY srvname",
        lambda name, options: say("postgresql.foreign_server", name=name, options=options),
        say("postgresql.name_link"),
        "warning",
    ),
    Question(
        "role-expired",
        "SELECT quote_ident(rolname), rolvaliduntil::text FROM pg_roles"
        " WHERE rolname = %(role)s AND rolvaliduntil < now() + interval '90 days'",
        lambda role, until: say("postgresql.role_expires", role=role, until=until),
        say("postgresql.prolong"),
        "warning",
    ),
    Question(
        "transaction-numbers",
        _COUNTED_ELSEWHERE,
        lambda what: say("postgresql.counted_elsewhere", what=what),
        say("postgresql.compares_numbers"),
        "warning",
    ),
)
