"""What the fingerprint asks of tables, views, indexes, sequences and what hangs on them."""

from __future__ import annotations

from orchestrator.movers.postgresql.catalog import (
    Query,
    column_options,
    explicit_rights,
    of_user,
    owner,
    rights,
    sorted_words,
)

_OWN = of_user("pg_class", "c", "n")
_FROM = "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
_NAME = "format('%%I.%%I', n.nspname, c.relname)"
_KIND = """CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view' WHEN 'm' THEN
 'materialized view' WHEN 'f' THEN 'foreign table' WHEN 'S' THEN 'sequence' WHEN 'c' THEN 'composite type' END"""
_PARENTS = """(SELECT string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno)
 FROM pg_inherits i WHERE i.inhrelid = c.oid)"""

RELATIONS = Query(
    f"""SELECT {_KIND} || ' ' || {_NAME} AS object, {owner("c.relowner")} AS owner,
 {rights("c.relacl", "r", "c.relowner")} AS rights,
 c.relpersistence::text AS persistence, am.amname::text AS "access method", t.spcname::text AS tablespace,
 {sorted_words("c.reloptions")} AS options, {sorted_words("toast.reloptions")} AS "toast options",
 CASE WHEN c.relrowsecurity THEN 'on' END AS "row security",
 CASE WHEN c.relforcerowsecurity THEN 'on' END AS "forced row security",
 CASE WHEN c.reloftype <> 0 THEN c.reloftype::regtype::text END AS "of type", {_PARENTS} AS parents,
 pg_get_expr(c.relpartbound, c.oid) AS "partition bound", pg_get_partkeydef(c.oid) AS "partition key",
 CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END AS definition,
 CASE WHEN c.relkind = 'm' THEN c.relispopulated::text END AS populated,
 CASE WHEN f.ftrelid IS NOT NULL THEN s.srvname || ' ' || coalesce({sorted_words("f.ftoptions")}, '') END AS server
 {_FROM} LEFT JOIN pg_am am ON am.oid = c.relam LEFT JOIN pg_tablespace t ON t.oid = c.reltablespace
 LEFT JOIN pg_class toast ON toast.oid = c.reltoastrelid LEFT JOIN pg_foreign_table f ON f.ftrelid = c.oid
 LEFT JOIN pg_foreign_server s ON s.oid = f.ftserver
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {_OWN}"""
)

IDENTITIES = Query(
    f"""SELECT {_KIND} || ' ' || {_NAME} AS object,
 CASE c.relreplident WHEN 'f' THEN 'full' WHEN 'n' THEN 'nothing' WHEN 'i' THEN
  (SELECT 'index ' || x.relname FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
   WHERE i.indrelid = c.oid AND i.indisreplident) END AS "replica identity"
 {_FROM} WHERE c.relkind IN ('r', 'p') AND {_OWN}"""
)

# An identity by an index that was dropped since reads as none: no dump can say it, and the drop itself is named.

COLUMNS = Query(
    f"""SELECT concat('column ', {_NAME}, '.', quote_ident(a.attname)) AS object,
 (row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum))::text AS position,
 format_type(a.atttypid, a.atttypmod) AS type, CASE WHEN a.attnotnull THEN 'not null' END AS "not null",
 pg_get_expr(d.adbin, d.adrelid) AS "default", nullif(a.attgenerated::text, '') AS generated,
 nullif(a.attidentity::text, '') AS identity,
 CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END AS collation,
 CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage::text END AS storage,
 nullif(a.attcompression::text, '') AS compression,
 CASE WHEN a.attstattarget >= 0 THEN a.attstattarget::text END AS statistics,
 {column_options("a.attoptions")} AS options, {sorted_words("a.attfdwoptions")} AS "foreign options",
 CASE WHEN a.attacl IS NOT NULL THEN {explicit_rights("a.attacl")} END AS rights,
 CASE WHEN a.attinhcount > 0 THEN concat(a.attinhcount, ' parents', CASE WHEN a.attislocal THEN ', its own' END) END
  AS inherited
 {_FROM} JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 JOIN pg_type t ON t.oid = a.atttypid
 LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND {_OWN}"""
)

CONSTRAINTS = Query(
    f"""SELECT concat('constraint ', quote_ident(k.conname), ' on ', CASE WHEN c.oid IS NULL THEN k.contypid::regtype::text
  ELSE {_NAME} END) AS object,
 pg_get_constraintdef(k.oid) AS definition, CASE WHEN NOT k.convalidated THEN 'not validated' END AS validity,
 CASE WHEN k.connoinherit AND k.contype = 'c' THEN 'no inherit' END AS "no inherit",
 CASE WHEN k.coninhcount > 0 THEN concat(k.coninhcount, ' parents', CASE WHEN k.conislocal THEN ', its own' END) END
  AS inherited,
 (SELECT x.relname::text FROM pg_class x WHERE x.oid = k.conindid AND k.contype IN ('p', 'u', 'x')) AS index
 FROM pg_constraint k LEFT JOIN pg_class c ON c.oid = k.conrelid LEFT JOIN pg_type y ON y.oid = k.contypid
 JOIN pg_namespace n ON n.oid = coalesce(c.relnamespace, y.typnamespace)
 WHERE k.contype <> 't' AND k.oid >= 16384 AND n.nspname <> %(ours)s AND n.nspname !~ '^pg_(toast|temp)'
 AND NOT EXISTS (SELECT 1 FROM pg_depend x WHERE x.deptype = 'e'
  AND (x.classid, x.objid) IN (('pg_class'::regclass, k.conrelid), ('pg_type'::regclass, k.contypid)))
 AND NOT EXISTS (SELECT 1 FROM pg_constraint p WHERE p.oid = k.conparentid AND p.contype = 'f' AND p.conrelid = k.conrelid)"""
)
# A foreign key to a partitioned table has a row for each partition, the server's own, numbered as they were made.

INDEXES = Query(
    f"""SELECT concat('index ', {_NAME}) AS object, pg_get_indexdef(i.indexrelid) AS definition,
 CASE WHEN i.indisclustered THEN 'clustered' END AS clustered, t.spcname::text AS tablespace, {_PARENTS} AS parents,
 (SELECT string_agg(concat(a.attnum, ':', a.attstattarget), ', ' ORDER BY a.attnum) FROM pg_attribute a
  WHERE a.attrelid = c.oid AND a.attstattarget >= 0) AS statistics
 {_FROM} JOIN pg_index i ON i.indexrelid = c.oid LEFT JOIN pg_tablespace t ON t.oid = c.reltablespace
 WHERE (i.indisvalid OR c.relkind = 'I') AND {_OWN}
 AND NOT EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = 'pg_class'::regclass AND x.objid = i.indrelid AND x.deptype = 'e')"""
)
# An invalid index is what a failed CREATE INDEX CONCURRENTLY left: pg_dump leaves it out, too.

SEQUENCES = Query(
    f"""SELECT 'sequence ' || {_NAME} AS object, {owner("c.relowner")} AS owner,
 {rights("c.relacl", "s", "c.relowner")} AS rights, c.relpersistence::text AS persistence,
 concat_ws(' ', s.seqtypid::regtype, 'start', s.seqstart, 'by', s.seqincrement, 'from', s.seqmin, 'to', s.seqmax,
  'cache', s.seqcache, CASE WHEN s.seqcycle THEN 'cycle' END) AS parameters,
 (SELECT concat(d.refobjid::regclass, '.', a.attname, ' ', d.deptype) FROM pg_depend d
  JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass
  AND d.deptype IN ('a', 'i') LIMIT 1) AS "belongs to"
 {_FROM} JOIN pg_sequence s ON s.seqrelid = c.oid WHERE {_OWN}"""
)

RULES = Query(
    f"""SELECT concat('rule ', quote_ident(r.rulename), ' on ', {_NAME}) AS object, pg_get_ruledef(r.oid) AS definition,
 r.ev_enabled::text AS enabled {_FROM} JOIN pg_rewrite r ON r.ev_class = c.oid
 WHERE r.rulename <> '_RETURN' AND {_OWN}"""
)

TRIGGERS = Query(
    f"""SELECT concat('trigger ', quote_ident(t.tgname), ' on ', {_NAME}) AS object,
 pg_get_triggerdef(t.oid) AS definition, t.tgenabled::text AS enabled
 {_FROM} JOIN pg_trigger t ON t.tgrelid = c.oid WHERE NOT t.tgisinternal AND {_OWN}"""
)

KEY_TRIGGERS = Query(
    f"""SELECT concat('constraint ', quote_ident(k.conname), ' on ', k.conrelid::regclass) AS object,
 string_agg(concat({_NAME}, ' ', p.proname, ' ', t.tgenabled), ', ' ORDER BY n.nspname, c.relname, p.proname)
  AS "not enforced as usual"
 {_FROM} JOIN pg_trigger t ON t.tgrelid = c.oid JOIN pg_constraint k ON k.oid = t.tgconstraint
 JOIN pg_proc p ON p.oid = t.tgfoid
 WHERE t.tgisinternal AND t.tgenabled <> 'O' AND {_OWN} GROUP BY k.conname, k.conrelid"""
)
# ALTER TABLE … DISABLE TRIGGER ALL by a superuser: foreign keys that nobody holds; pg_dump says nothing of it.

POLICIES = Query(
    f"""SELECT concat('policy ', quote_ident(p.polname), ' on ', {_NAME}) AS object, p.polcmd::text AS command,
 CASE WHEN NOT p.polpermissive THEN 'restrictive' END AS restrictive,
 (SELECT string_agg(CASE WHEN r = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(r)::text END, ', ' ORDER BY pg_get_userbyid(r))
  FROM unnest(p.polroles) AS r) AS roles,
 pg_get_expr(p.polqual, p.polrelid) AS using, pg_get_expr(p.polwithcheck, p.polrelid) AS "with check"
 {_FROM} JOIN pg_policy p ON p.polrelid = c.oid WHERE {_OWN}"""
)

STATISTICS = Query(
    f"""SELECT format('statistics %%I.%%I', n.nspname, e.stxname) AS object, pg_get_statisticsobjdef(e.oid) AS definition,
 {owner("e.stxowner")} AS owner, nullif(e.stxstattarget, -1)::text AS target
 FROM pg_statistic_ext e JOIN pg_namespace n ON n.oid = e.stxnamespace WHERE {of_user("pg_statistic_ext", "e", "n")}"""
)

RELATION_QUERIES = (
    RELATIONS, IDENTITIES, COLUMNS, CONSTRAINTS, INDEXES, SEQUENCES, RULES, TRIGGERS, KEY_TRIGGERS, POLICIES, STATISTICS,
)  # fmt: skip
