"""What the fingerprint asks of functions, types, operators, text search, extensions, servers and schemas."""

from __future__ import annotations

from orchestrator.movers.postgresql.catalog import (
    Query,
    explicit_rights,
    not_of_extension,
    of_user,
    owner,
    rights,
    row_without,
    sorted_words,
)

SCHEMAS = Query(
    f"""SELECT 'schema ' || quote_ident(n.nspname) AS object, {owner("n.nspowner")} AS owner,
 {rights("n.nspacl", "n", "n.nspowner")} AS rights FROM pg_namespace n
 WHERE (n.oid >= 16384 OR n.nspname = 'public') AND n.nspname <> %(ours)s AND n.nspname !~ '^pg_(toast|temp)'
 AND {not_of_extension("pg_namespace", "n")}"""
)

_FUNCTION = """concat(CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END, ' ',
 quote_ident(n.nspname), '.', quote_ident(p.proname), '(', pg_get_function_identity_arguments(p.oid), ')')"""

FUNCTIONS = Query(
    f"""SELECT {_FUNCTION} AS object, CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END AS definition,
 {owner("p.proowner")} AS owner, {rights("p.proacl", "f", "p.proowner")} AS rights,
 pg_get_function_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result
 FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {of_user("pg_proc", "p", "n")}"""
)

AGGREGATES = Query(
    f"""SELECT {_FUNCTION} AS object, p.proparallel::text AS parallel, {row_without("a", "aggfnoid", "aggtranstype", "aggmtranstype", "aggsortop")} AS steps,
 concat_ws(' ', a.aggtranstype::regtype, a.aggmtranstype::regtype, nullif(a.aggsortop, 0)::regoperator) AS types
 FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_aggregate a ON a.aggfnoid = p.oid
 WHERE {of_user("pg_proc", "p", "n")}"""
)

TYPES = Query(
    f"""SELECT concat(CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'r' THEN 'range' WHEN 'c' THEN
 'composite type' WHEN 'p' THEN 'shell type' ELSE 'type' END, ' ', quote_ident(n.nspname), '.', quote_ident(t.typname)) AS object,
 {owner("t.typowner")} AS owner, {rights("t.typacl", "T", "t.typowner")} AS rights,
 (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid) AS labels,
 CASE WHEN t.typtype = 'd' THEN concat_ws(' ', format_type(t.typbasetype, t.typtypmod), CASE WHEN t.typnotnull THEN 'not null' END,
  CASE WHEN t.typcollation <> b.typcollation THEN t.typcollation::regcollation END) END AS "based on",
 CASE WHEN t.typtype = 'd' THEN t.typdefault END AS "default",
 (SELECT concat_ws(' ', format_type(r.rngsubtype, NULL), nullif(r.rngcollation, 0)::regcollation,
   (SELECT concat(o.opcnamespace::regnamespace, '.', o.opcname) FROM pg_opclass o WHERE o.oid = r.rngsubopc),
   r.rngcanonical, r.rngsubdiff, to_jsonb(r) ->> 'rngmultitypid' IS NOT NULL) FROM pg_range r WHERE r.rngtypid = t.oid) AS range,
 CASE WHEN t.typtype = 'b' THEN {row_without("t", "typowner", "typnamespace", "typacl", "typrelid", "typelem", "typarray", "typbasetype", "typcollation", "typdefaultbin")} END AS details
 FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_type b ON b.oid = t.typbasetype
 WHERE t.typtype IN ('e', 'd', 'r', 'b', 'p', 'c') AND {of_user("pg_type", "t", "n")}
 AND NOT EXISTS (SELECT 1 FROM pg_type a WHERE a.typarray = t.oid)
 AND (t.typrelid = 0 OR EXISTS (SELECT 1 FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c'))"""
)

COLLATIONS = Query(
    f"""SELECT format('collation %%I.%%I', n.nspname, k.collname) AS object, {owner("k.collowner")} AS owner,
 {row_without("k", "collnamespace", "collowner", "collversion")} AS definition, k.collversion AS version
 FROM pg_collation k JOIN pg_namespace n ON n.oid = k.collnamespace WHERE {of_user("pg_collation", "k", "n")}"""
)

OPERATORS = Query(
    f"""SELECT format('operator %%I.%%s (%%s, %%s)', n.nspname, o.oprname, o.oprleft::regtype, o.oprright::regtype) AS object,
 {owner("o.oprowner")} AS owner, concat_ws(' ', o.oprresult::regtype, o.oprcode, o.oprrest, o.oprjoin,
 nullif(o.oprcom, 0)::regoperator, nullif(o.oprnegate, 0)::regoperator, o.oprcanmerge, o.oprcanhash) AS definition
 FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE {of_user("pg_operator", "o", "n")}"""
)

OPERATOR_CLASSES = Query(
    f"""SELECT concat('operator class ', quote_ident(n.nspname), '.', quote_ident(k.opcname), ' of ', m.amname) AS object,
 {owner("k.opcowner")} AS owner, concat_ws(' ', k.opcintype::regtype, k.opcdefault, nullif(k.opckeytype, 0)::regtype, f.opfname) AS definition
 FROM pg_opclass k JOIN pg_namespace n ON n.oid = k.opcnamespace JOIN pg_am m ON m.oid = k.opcmethod
 JOIN pg_opfamily f ON f.oid = k.opcfamily WHERE {of_user("pg_opclass", "k", "n")}"""
)

OPERATOR_FAMILIES = Query(
    f"""SELECT concat('operator family ', quote_ident(n.nspname), '.', quote_ident(f.opfname), ' of ', m.amname) AS object,
 {owner("f.opfowner")} AS owner,
 (SELECT string_agg(concat(o.amopstrategy, ':', o.amopopr::regoperator, ':', o.amoppurpose), ', '
   ORDER BY o.amopstrategy, o.amopopr::regoperator::text) FROM pg_amop o WHERE o.amopfamily = f.oid) AS operators,
 (SELECT string_agg(concat(o.amprocnum, ':', o.amproc::regprocedure), ', ' ORDER BY o.amprocnum, o.amproc::regprocedure::text)
  FROM pg_amproc o WHERE o.amprocfamily = f.oid) AS functions
 FROM pg_opfamily f JOIN pg_namespace n ON n.oid = f.opfnamespace JOIN pg_am m ON m.oid = f.opfmethod
 WHERE {of_user("pg_opfamily", "f", "n")}"""
)

CASTS = Query(
    f"""SELECT format('cast %%s as %%s', k.castsource::regtype, k.casttarget::regtype) AS object,
 concat_ws(' ', nullif(k.castfunc, 0)::regprocedure, k.castcontext, k.castmethod) AS definition
 FROM pg_cast k WHERE {of_user("pg_cast", "k")}"""
)

CONVERSIONS = Query(
    f"""SELECT format('conversion %%I.%%I', n.nspname, k.conname) AS object, {owner("k.conowner")} AS owner,
 concat_ws(' ', pg_encoding_to_char(k.conforencoding), pg_encoding_to_char(k.contoencoding), k.conproc, k.condefault) AS definition
 FROM pg_conversion k JOIN pg_namespace n ON n.oid = k.connamespace WHERE {of_user("pg_conversion", "k", "n")}"""
)

LANGUAGES = Query(
    f"""SELECT 'language ' || quote_ident(l.lanname) AS object, {owner("l.lanowner")} AS owner,
 {rights("l.lanacl", "l", "l.lanowner")} AS rights, concat_ws(' ', l.lanpltrusted, nullif(l.lanplcallfoid, 0)::regprocedure,
 nullif(l.laninline, 0)::regprocedure, nullif(l.lanvalidator, 0)::regprocedure) AS definition
 FROM pg_language l WHERE {of_user("pg_language", "l")}"""
)

TRANSFORMS = Query(
    f"""SELECT format('transform for %%s language %%s', k.trftype::regtype, l.lanname) AS object,
 concat_ws(' ', k.trffromsql, k.trftosql) AS definition
 FROM pg_transform k JOIN pg_language l ON l.oid = k.trflang WHERE {of_user("pg_transform", "k")}"""
)

ACCESS_METHODS = Query(
    f"""SELECT 'access method ' || quote_ident(m.amname) AS object, concat_ws(' ', m.amhandler, m.amtype) AS definition
 FROM pg_am m WHERE {of_user("pg_am", "m")}"""
)

TEXT_SEARCH_CONFIGURATIONS = Query(
    f"""SELECT format('text search configuration %%I.%%I', n.nspname, c.cfgname) AS object, {owner("c.cfgowner")} AS owner,
 (SELECT p.prsname::text FROM pg_ts_parser p WHERE p.oid = c.cfgparser) AS parser,
 (SELECT string_agg(concat(m.maptokentype, ':', m.mapdict::regdictionary), ', ' ORDER BY m.maptokentype, m.mapseqno)
  FROM pg_ts_config_map m WHERE m.mapcfg = c.oid) AS mappings
 FROM pg_ts_config c JOIN pg_namespace n ON n.oid = c.cfgnamespace WHERE {of_user("pg_ts_config", "c", "n")}"""
)

TEXT_SEARCH_DICTIONARIES = Query(
    f"""SELECT format('text search dictionary %%I.%%I', n.nspname, d.dictname) AS object, {owner("d.dictowner")} AS owner,
 concat((SELECT t.tmplname FROM pg_ts_template t WHERE t.oid = d.dicttemplate), ' ', d.dictinitoption) AS definition
 FROM pg_ts_dict d JOIN pg_namespace n ON n.oid = d.dictnamespace WHERE {of_user("pg_ts_dict", "d", "n")}"""
)

TEXT_SEARCH_TEMPLATES = Query(
    f"""SELECT format('text search template %%I.%%I', n.nspname, t.tmplname) AS object,
 concat_ws(' ', t.tmplinit, t.tmpllexize) AS definition
 FROM pg_ts_template t JOIN pg_namespace n ON n.oid = t.tmplnamespace WHERE {of_user("pg_ts_template", "t", "n")}"""
)

TEXT_SEARCH_PARSERS = Query(
    f"""SELECT format('text search parser %%I.%%I', n.nspname, p.prsname) AS object,
 concat_ws(' ', p.prsstart, p.prstoken, p.prsend, p.prsheadline, p.prslextype) AS definition
 FROM pg_ts_parser p JOIN pg_namespace n ON n.oid = p.prsnamespace WHERE {of_user("pg_ts_parser", "p", "n")}"""
)

EXTENSIONS = Query(
    f"""SELECT 'extension ' || quote_ident(e.extname) AS object, e.extversion AS version, n.nspname::text AS schema,
 CASE WHEN e.oid >= 16384 THEN {owner("e.extowner")} END AS owner,
 (SELECT string_agg(concat(t.oid::regclass, ' ', t.condition), ', ' ORDER BY t.oid::regclass::text)
  FROM unnest(e.extconfig, e.extcondition) AS t(oid, condition)) AS configuration
 FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace"""
)

WRAPPERS = Query(
    f"""SELECT 'foreign data wrapper ' || quote_ident(w.fdwname) AS object, {owner("w.fdwowner")} AS owner,
 {rights("w.fdwacl", "F", "w.fdwowner")} AS rights, {sorted_words("w.fdwoptions")} AS options,
 concat_ws(' ', nullif(w.fdwhandler, 0)::regprocedure, nullif(w.fdwvalidator, 0)::regprocedure) AS functions
 FROM pg_foreign_data_wrapper w WHERE {of_user("pg_foreign_data_wrapper", "w")}""",
    secret=("options",),
)

SERVERS = Query(
    f"""SELECT 'foreign server ' || quote_ident(s.srvname) AS object, {owner("s.srvowner")} AS owner,
 {rights("s.srvacl", "S", "s.srvowner")} AS rights, {sorted_words("s.srvoptions")} AS options,
 concat_ws(' ', w.fdwname, s.srvtype, s.srvversion) AS definition
 FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw WHERE {of_user("pg_foreign_server", "s")}""",
    secret=("options",),
)

USER_MAPPINGS = Query(
    f"""SELECT concat('user mapping of ', CASE WHEN m.umuser = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(m.umuser)::text END, ' at ',
 quote_ident(s.srvname)) AS object, coalesce({sorted_words("m.umoptions")}, '') AS options
 FROM pg_user_mapping m JOIN pg_foreign_server s ON s.oid = m.umserver""",
    secret=("options",),
)

DEFAULT_RIGHTS = Query(
    f"""SELECT concat('default rights of ', pg_get_userbyid(d.defaclrole), ' on ', d.defaclobjtype, coalesce(' in ' || n.nspname, ''))
 AS object, coalesce({explicit_rights("d.defaclacl")}, 'none') AS rights
 FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace"""
)

EVENT_TRIGGERS = Query(
    f"""SELECT 'event trigger ' || quote_ident(e.evtname) AS object, {owner("e.evtowner")} AS owner, e.evtenabled::text AS enabled,
 concat_ws(' ', e.evtevent, e.evtfoid::regprocedure, {sorted_words("e.evttags")}) AS definition
 FROM pg_event_trigger e WHERE {of_user("pg_event_trigger", "e")} AND NOT starts_with(e.evtname, %(ours)s)"""
)

_INFORMATION = "'information_schema'::regnamespace"


def _changed(catalog: str, prefix: str, kind: str, name: str, beside: str = "", only: str = "") -> Query:
    """Rights that were given or taken on what is the system's or an extension's. What initdb gives is no change; it
    records that in pg_init_privs, but not of information_schema: ``beside`` is what everybody has there."""
    acl, owner_of = f"o.{prefix}acl", f"o.{prefix}owner"
    default = f"acldefault('{kind[0]}', {owner_of})"
    if beside:
        place, right = beside.split()
        everybody = f"makeaclitem(0, {owner_of}, '{right}', false)"
        default = f"CASE WHEN {place} = {_INFORMATION} THEN {default} || {everybody} ELSE {default} END"
    usual = f"coalesce(i.initprivs, {default})"
    entries = "SELECT a.grantee, a.privilege_type, a.is_grantable FROM aclexplode({}) AS a"
    word = "concat(CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee)::text END, ' ', privilege_type, CASE WHEN is_grantable THEN '*' END)"
    differ = f"""(SELECT string_agg(entry, ', ' ORDER BY entry) FROM (
  SELECT concat('given ', {word}) AS entry FROM ({entries.format(acl)} EXCEPT {entries.format(usual)}) AS g
  WHERE grantee <> {owner_of}
  UNION ALL SELECT concat('taken ', {word}) FROM ({entries.format(usual)} EXCEPT {entries.format(acl)}) AS t
  WHERE grantee <> {owner_of}) AS entries)"""
    return Query(
        f"""SELECT object, rights AS "rights given or taken" FROM (
 SELECT concat('{kind[1:]} of the system ', {name}) AS object, {differ} AS rights
 FROM {catalog} o LEFT JOIN pg_init_privs i ON i.objoid = o.oid AND i.classoid = '{catalog}'::regclass AND i.objsubid = 0
 WHERE {acl} IS NOT NULL AND ({acl} IS DISTINCT FROM i.initprivs) AND (o.oid < 16384 OR NOT {not_of_extension(catalog, "o")})
 {only}) AS changed WHERE rights IS NOT NULL"""
    )


CHANGED_RIGHTS = (
    _changed("pg_proc", "pro", "ffunction", "o.oid::regprocedure"),
    _changed("pg_class", "rel", "rrelation", "o.oid::regclass", "o.relnamespace SELECT"),
    _changed("pg_type", "typ", "Ttype", "o.oid::regtype"),
    _changed("pg_language", "lan", "llanguage", "o.lanname"),
    _changed("pg_namespace", "nsp", "nschema", "o.nspname", "o.oid USAGE", "AND o.nspname <> 'public'"),
)

COMMENTS = Query(
    """SELECT concat(a.type, ' ', a.identity) AS object, d.description AS comment
 FROM pg_description d CROSS JOIN LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) AS a
 WHERE (d.objoid >= 16384 OR a.type = 'large object' OR a.type = 'schema' AND a.identity = 'public') AND a.identity IS NOT NULL
 AND a.schema IS DISTINCT FROM %(ours)s AND strpos(a.identity, %(ours)s) = 0 AND coalesce(a.schema, '') !~ '^pg_(toast|temp)'
 AND NOT EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = d.classoid AND x.objid = d.objoid AND x.deptype = 'e')"""
)

LABELS = Query(
    """SELECT concat(objtype, ' ', objname) AS object, string_agg(concat(provider, ': ', label), ', ' ORDER BY provider)
 AS "security label" FROM pg_seclabels WHERE objnamespace IS DISTINCT FROM (SELECT oid FROM pg_namespace WHERE nspname = %(ours)s)
 AND objtype NOT IN ('role', 'database', 'tablespace') GROUP BY objtype, objname"""
)

LARGE_OBJECTS = Query(
    f"""SELECT 'large object ' || o.oid AS object, {owner("o.lomowner")} AS owner, {rights("o.lomacl", "L", "o.lomowner")} AS rights
 FROM pg_largeobject_metadata o"""
)

CODE_QUERIES = (
    SCHEMAS, FUNCTIONS, AGGREGATES, TYPES, COLLATIONS, OPERATORS, OPERATOR_CLASSES, OPERATOR_FAMILIES, CASTS, CONVERSIONS,
    LANGUAGES, TRANSFORMS, ACCESS_METHODS, TEXT_SEARCH_CONFIGURATIONS, TEXT_SEARCH_DICTIONARIES, TEXT_SEARCH_TEMPLATES,
    TEXT_SEARCH_PARSERS, EXTENSIONS, WRAPPERS, SERVERS, USER_MAPPINGS, DEFAULT_RIGHTS, EVENT_TRIGGERS, *CHANGED_RIGHTS,
    COMMENTS, LABELS, LARGE_OBJECTS,
)  # fmt: skip
