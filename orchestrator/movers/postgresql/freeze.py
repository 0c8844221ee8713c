"""The freeze: while two databases are kept in step, the application's schema changes are refused on the live side.

Judged by what happened to which object, not by the words of the statement: what is temporary passes, a refresh passes, and
whatever changed nothing (IF NOT EXISTS of something there, the same function again, a sequence restarted) passes. What event
triggers cannot see (roles, settings, superusers, large objects) is the fingerprint's to find.
"""

from __future__ import annotations

from psycopg import sql

from orchestrator.errors import Finding
from orchestrator.movers.postgresql.connections import Connection, scalar
from orchestrator.movers.postgresql.names import Names
from orchestrator.texts import say

# What an object is, as its catalogue rows say, without what moves by itself (sizes, statistics, ages). Null: not known here.
_DEFINED = r"""
CREATE OR REPLACE FUNCTION {schema}.defined(class oid, object oid) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $body$
  SELECT md5(string_agg(x.definition, E'\x01' ORDER BY x.definition)) FROM (
    SELECT 'p' || p::text FROM pg_proc p WHERE class = 'pg_proc'::regclass AND p.oid = object
    UNION ALL SELECT 'n' || n::text FROM pg_namespace n WHERE class = 'pg_namespace'::regclass AND n.oid = object
    UNION ALL SELECT 'y' || t::text FROM pg_type t WHERE class = 'pg_type'::regclass AND t.oid = object
    UNION ALL SELECT 'e' || e.enumlabel FROM pg_enum e WHERE class = 'pg_type'::regclass AND e.enumtypid = object
    UNION ALL SELECT 'x' || e::text FROM pg_extension e WHERE class = 'pg_extension'::regclass AND e.oid = object
    UNION ALL SELECT 'D' || d::text FROM pg_description d WHERE d.classoid = class AND d.objoid = object
    UNION ALL SELECT concat_ws(',', 'c', c.relname, c.relnamespace, c.reltype, c.reloftype, c.relowner, c.relam, c.reltablespace,
        c.relisshared, c.relpersistence, c.relkind, c.relnatts, c.relchecks, c.relrowsecurity,
        c.relforcerowsecurity, c.relreplident, c.relispartition, c.relacl, c.reloptions, c.relpartbound)
      FROM pg_class c WHERE class = 'pg_class'::regclass AND c.oid = object
    UNION ALL SELECT concat_ws(',', 'a', a.attname, a.atttypid, a.attnum, a.atttypmod, a.attnotnull, a.atthasdef, a.attidentity, a.attgenerated,
        a.attisdropped, a.attislocal, a.attinhcount, a.attcollation, a.attacl, a.attoptions, a.attfdwoptions, a.attstorage, a.attstattarget)
      FROM pg_attribute a WHERE class = 'pg_class'::regclass AND a.attrelid = object
    UNION ALL SELECT concat_ws(',', 'f', f.adnum, pg_get_expr(f.adbin, f.adrelid)) FROM pg_attrdef f WHERE class = 'pg_class'::regclass AND f.adrelid = object
    UNION ALL SELECT concat_ws(',', 'k', k.oid, k.conname, pg_get_constraintdef(k.oid)) FROM pg_constraint k WHERE class = 'pg_class'::regclass AND k.conrelid = object
    UNION ALL SELECT concat_ws(',', 'i', pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisreplident)
      FROM pg_index i WHERE class = 'pg_class'::regclass AND (i.indrelid = object OR i.indexrelid = object)
    UNION ALL SELECT concat_ws(',', 't', t.oid, t.tgenabled, pg_get_triggerdef(t.oid)) FROM pg_trigger t WHERE class = 'pg_class'::regclass AND t.tgrelid = object
    UNION ALL SELECT concat_ws(',', 'r', r.rulename, r.ev_enabled, pg_get_ruledef(r.oid)) FROM pg_rewrite r WHERE class = 'pg_class'::regclass AND r.ev_class = object
    UNION ALL SELECT 'l' || l::text FROM pg_policy l WHERE class = 'pg_class'::regclass AND l.polrelid = object
    UNION ALL SELECT 'h' || h::text FROM pg_inherits h WHERE class = 'pg_class'::regclass AND (h.inhrelid = object OR h.inhparent = object)
    UNION ALL SELECT 's' || s::text FROM pg_sequence s WHERE class = 'pg_class'::regclass AND s.seqrelid = object
  ) AS x(definition)
$body$;
CREATE OR REPLACE FUNCTION {schema}.rights() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $body$
  SELECT md5(string_agg(x.acl, E'\x01' ORDER BY x.acl)) FROM (
    SELECT concat_ws(',', 'c', oid, relacl) FROM pg_class WHERE relacl IS NOT NULL AND relpersistence <> 't'
    UNION ALL SELECT concat_ws(',', 'a', attrelid, attnum, attacl) FROM pg_attribute WHERE attacl IS NOT NULL
    UNION ALL SELECT concat_ws(',', 'p', oid, proacl) FROM pg_proc WHERE proacl IS NOT NULL
    UNION ALL SELECT concat_ws(',', 'n', oid, nspacl) FROM pg_namespace WHERE nspacl IS NOT NULL AND nspname !~ '^pg_(toast_)?temp'
    UNION ALL SELECT concat_ws(',', 'y', oid, typacl) FROM pg_type WHERE typacl IS NOT NULL
    UNION ALL SELECT concat_ws(',', 'l', oid, lanacl) FROM pg_language WHERE lanacl IS NOT NULL
    UNION ALL SELECT concat_ws(',', 'w', oid, fdwacl) FROM pg_foreign_data_wrapper WHERE fdwacl IS NOT NULL
    UNION ALL SELECT concat_ws(',', 's', oid, srvacl) FROM pg_foreign_server WHERE srvacl IS NOT NULL
    UNION ALL SELECT concat_ws(',', 'd', oid, defaclacl) FROM pg_default_acl
    UNION ALL SELECT concat_ws(',', 'o', oid, lomacl) FROM pg_largeobject_metadata WHERE lomacl IS NOT NULL
  ) AS x(acl)
$body$;
"""

_MEMORY = """
CREATE TABLE IF NOT EXISTS {schema}.frozen (class oid, object oid, definition text NOT NULL, PRIMARY KEY (class, object));
DELETE FROM {schema}.frozen;
INSERT INTO {schema}.frozen SELECT o.class, o.oid, d.definition FROM (
    SELECT 'pg_class'::regclass::oid, c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {schema_name})
    UNION ALL SELECT 'pg_proc'::regclass::oid, p.oid FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
      WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {schema_name})
    UNION ALL SELECT 'pg_type'::regclass::oid, t.oid FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
      WHERE t.typtype IN ('e', 'd', 'r') AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', {schema_name})
    UNION ALL SELECT 'pg_namespace'::regclass::oid, n.oid FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> {schema_name}
    UNION ALL SELECT 'pg_extension'::regclass::oid, e.oid FROM pg_extension e
  ) AS o(class, oid), LATERAL (SELECT {schema}.defined(o.class, o.oid)) AS d(definition) WHERE d.definition IS NOT NULL;
INSERT INTO {schema}.frozen VALUES (0, 0, {schema}.rights());
"""

_REFUSE = r"""
CREATE OR REPLACE FUNCTION {schema}.refuse_change(what text, tag text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
  RAISE EXCEPTION 'schema changes are frozen while this database is being migrated: % of %', tag, what
    USING ERRCODE = 'object_not_in_prerequisite_state',
          HINT = 'Temporary tables are not concerned. Make the change after the migration, or have it taken over on both sides by hand.';
END $body$;

CREATE OR REPLACE FUNCTION {schema}.refuse_made() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $body$
DECLARE command record;
BEGIN
  IF (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) OR tg_tag IN ('REFRESH MATERIALIZED VIEW', 'REINDEX') THEN RETURN; END IF;
  FOR command IN SELECT * FROM pg_event_trigger_ddl_commands() LOOP
    CONTINUE WHEN command.schema_name LIKE 'pg\_temp%' OR command.object_identity LIKE 'pg\_temp%';
    IF command.objid IS NULL OR command.command_tag = 'ALTER DEFAULT PRIVILEGES' THEN  -- GRANT and REVOKE name no object
      CONTINUE WHEN {schema}.rights() = (SELECT definition FROM {schema}.frozen WHERE class = 0);
    ELSE
      CONTINUE WHEN {schema}.defined(command.classid, command.objid)
        = (SELECT definition FROM {schema}.frozen f WHERE f.class = command.classid AND f.object = command.objid);
    END IF;
    PERFORM {schema}.refuse_change(coalesce(command.object_type || ' ' || command.object_identity, command.object_type, 'an object'), tg_tag);
  END LOOP;
END $body$;

CREATE OR REPLACE FUNCTION {schema}.refuse_dropped() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $body$
DECLARE gone record;
BEGIN
  IF (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) OR tg_tag IN ('REFRESH MATERIALIZED VIEW', 'REINDEX') THEN RETURN; END IF;
  FOR gone IN SELECT * FROM pg_event_trigger_dropped_objects() LOOP
    CONTINUE WHEN gone.is_temporary OR gone.schema_name LIKE 'pg\_temp%' OR gone.address_names[1] LIKE 'pg\_temp%';
    PERFORM {schema}.refuse_change(gone.object_type || ' ' || gone.object_identity, tg_tag);
  END LOOP;
END $body$;

CREATE OR REPLACE FUNCTION {schema}.refuse_rewritten() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
  IF (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) THEN RETURN; END IF;
  IF (SELECT relpersistence FROM pg_class WHERE oid = pg_event_trigger_table_rewrite_oid()) <> 't' THEN
    PERFORM {schema}.refuse_change('table ' || pg_event_trigger_table_rewrite_oid()::regclass, tg_tag);
  END IF;
END $body$;

-- CONCURRENTLY commits on its way: refused at its end it would leave an invalid index behind, so it is refused at its beginning
CREATE OR REPLACE FUNCTION {schema}.refuse_begun() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
  gap text := '(?:\s|/\*.*?\*/|--[^\n]*\n)+';
  named text := substring(current_query() FROM '(?i)\mif\s+not\s+exists\s+("(?:[^"]|"")+"|[^\s"(]+)\s+on\M');
BEGIN
  IF (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) THEN RETURN; END IF;
  -- the very words: REFRESH ... CONCURRENTLY alters a temporary table inside
  IF current_query() !~* ('\mindex' || gap || 'concurrently\M|\mdetach\M.*\mconcurrently\M') THEN RETURN; END IF;
  IF named IS NOT NULL AND EXISTS (SELECT 1 FROM pg_class WHERE relkind IN ('i', 'I')
      AND relname = CASE WHEN named LIKE '"%' THEN replace(trim(both '"' FROM named), '""', '"') ELSE lower(named) END) THEN RETURN; END IF;
  PERFORM {schema}.refuse_change(coalesce(named, 'an index or a partition'), tg_tag || ' CONCURRENTLY');
END $body$;

CREATE EVENT TRIGGER {freeze} ON ddl_command_end EXECUTE FUNCTION {schema}.refuse_made();
CREATE EVENT TRIGGER {freeze_dropped} ON sql_drop EXECUTE FUNCTION {schema}.refuse_dropped();
CREATE EVENT TRIGGER {freeze_rewritten} ON table_rewrite EXECUTE FUNCTION {schema}.refuse_rewritten();
CREATE EVENT TRIGGER {freeze_begun} ON ddl_command_start WHEN TAG IN ('CREATE INDEX', 'DROP INDEX', 'ALTER TABLE')
  EXECUTE FUNCTION {schema}.refuse_begun();
"""

KINDS = ("", "_dropped", "_rewritten", "_begun")


def freeze_schema(connection: Connection, names: Names) -> None:
    """Refuses the application's schema changes from this commit on. Our schema must be there; again is fine.

    What stands at this moment is what may be said again: the definitions are written down in the same transaction.
    """
    values: dict[str, sql.Composable] = {f"freeze{kind}": sql.Identifier(names.freeze + kind) for kind in KINDS}
    values |= {"schema": sql.Identifier(names.schema), "schema_name": sql.Literal(names.schema)}
    with connection.transaction():
        _drop_triggers(connection, names)
        connection.execute(sql.SQL(_DEFINED).format(**values))
        connection.execute(sql.SQL(_MEMORY).format(**values))
        connection.execute(sql.SQL(_REFUSE).format(**values))
        for kind in KINDS:
            connection.execute(
                sql.SQL("COMMENT ON EVENT TRIGGER {} IS {}").format(sql.Identifier(names.freeze + kind), sql.Literal(names.mark))
            )


def remember_definitions(connection: Connection, names: Names) -> None:
    """Takes what stands now as what may be said again: after a change of our own."""
    with connection.transaction():
        connection.execute(sql.SQL(_MEMORY).format(schema=sql.Identifier(names.schema), schema_name=sql.Literal(names.schema)))


def answering_triggers(connection: Connection, names: Names) -> list[Finding]:
    """Event triggers that answer to our own changes of the schema, too. Reads only. Ordinary ones do not: our sessions are
    replicas to them; and from PostgreSQL 17 on we switch all of them off."""
    if connection.info.server_version >= 170000:
        return []
    query = (
        "SELECT evtname::text FROM pg_event_trigger e WHERE evtenabled IN ('A', 'R') AND obj_description(oid, 'pg_event_trigger') IS DISTINCT FROM %s"
        " AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_event_trigger'::regclass AND d.objid = e.oid AND d.deptype = 'e') ORDER BY 1"
    )
    remedy = say("postgresql.would_answer")
    found = []
    for (name,) in connection.execute(query, (names.mark,)).fetchall():
        message = say("postgresql.trigger_always", database=names.database, name=name)
        found.append(Finding("event-trigger-always", "error", message, remedy, system=names.system))
    return found


def is_frozen(connection: Connection, names: Names) -> bool:
    """Whether all of the freeze is there and at work."""
    there = scalar(
        connection,
        "SELECT count(*) FROM pg_event_trigger WHERE evtname = ANY(%s) AND evtenabled IN ('O', 'A')",
        [names.freeze + kind for kind in KINDS],
    )
    return int(there) == len(KINDS)


def unfreeze_schema(connection: Connection, names: Names) -> None:
    """The application may change its schema again; not frozen is fine, and what does not bear our mark stays."""
    with connection.transaction():
        _drop_triggers(connection, names)


def _drop_triggers(connection: Connection, names: Names) -> None:
    marked = connection.execute(
        "SELECT evtname::text FROM pg_event_trigger WHERE evtname = ANY(%s) AND obj_description(oid, 'pg_event_trigger') = %s",
        ([names.freeze + kind for kind in KINDS], names.mark),
    ).fetchall()
    for (name,) in marked:
        connection.execute(sql.SQL("DROP EVENT TRIGGER {}").format(sql.Identifier(name)))
