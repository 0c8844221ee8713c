"""What the fingerprint asks of the database's own row, settings, roles and what is published."""

from __future__ import annotations

from orchestrator.movers.postgresql.catalog import Query, explicit_rights, owner, rights, row_without

_THIS = "(SELECT oid FROM pg_database WHERE datname = current_database())"
_OUR_ROLES = "(r.rolname !~ '^pg_' AND r.rolname <> %(engine)s AND r.oid <> 10 AND NOT starts_with(r.rolname, %(ours)s))"
_LISTED = "(%(roles)s::text[] IS NULL OR r.rolname = ANY(%(roles)s::text[]))"

DATABASE = Query(
    f"""SELECT 'database' AS object, {owner("d.datdba")} AS owner, {rights("d.datacl", "d", "d.datdba")} AS rights,
 {
        row_without(
            "d",
            "datname",
            "datdba",
            "datacl",
            "datlastsysoid",
            "datfrozenxid",
            "datminmxid",
            "dattablespace",
            "datcollversion",
            "datconnlimit",
            "encoding",
        )
    } AS definition,
 pg_encoding_to_char(d.encoding)::text AS encoding, d.datconnlimit::text AS "connection limit",
 shobj_description(d.oid, 'pg_database') AS comment,
 (SELECT string_agg(concat(provider, ': ', label), ', ' ORDER BY provider) FROM pg_shseclabel s
  WHERE s.classoid = 'pg_database'::regclass AND s.objoid = d.oid) AS "security label"
 FROM pg_database d WHERE d.datname = current_database()"""
)

_SETTING = """SELECT concat('setting ', split_part(c, '=', 1), ' of ', {whom}) AS object,
 coalesce(nullif(substr(c, strpos(c, '=') + 1), ''), '(empty)') AS {value}
 FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole CROSS JOIN LATERAL unnest(s.setconfig) AS c
 WHERE s.setdatabase IN (0, {this}) AND (s.setrole = 0 OR {roles} AND {listed})
 AND {condition}"""
_WHOM = """CASE WHEN s.setrole = 0 THEN 'every role' ELSE concat('role ', quote_ident(r.rolname)) END,
 CASE WHEN s.setdatabase <> 0 THEN ' in this database' END"""


def _settings(condition: str) -> str:
    return _SETTING.format(whom=_WHOM, value="value", this=_THIS, roles=_OUR_ROLES, listed=_LISTED, condition=condition)


SETTINGS = Query(_settings("split_part(c, '=', 1) !~ '[.]'"))
OWN_SETTINGS = Query(_settings("split_part(c, '=', 1) ~ '[.]'"), secret=("value",))
# A parameter with a dot is the application's own: keys and passwords have been seen there.

ROLES = Query(
    f"""SELECT 'role ' || quote_ident(r.rolname) AS object,
 concat_ws(' ', CASE WHEN r.rolsuper THEN 'superuser' END, CASE WHEN NOT r.rolinherit THEN 'noinherit' END,
  CASE WHEN r.rolcreaterole THEN 'createrole' END, CASE WHEN r.rolcreatedb THEN 'createdb' END,
  CASE WHEN r.rolcanlogin THEN 'login' ELSE 'nologin' END, CASE WHEN r.rolreplication THEN 'replication' END,
  CASE WHEN r.rolbypassrls THEN 'bypassrls' END) AS attributes,
 nullif(r.rolconnlimit, -1)::text AS "connection limit", (r.rolvaliduntil AT TIME ZONE 'UTC')::text AS "valid until",
 r.rolpassword AS verifier, shobj_description(r.oid, 'pg_authid') AS comment,
 (SELECT string_agg(concat(provider, ': ', label), ', ' ORDER BY provider) FROM pg_shseclabel s
  WHERE s.classoid = 'pg_authid'::regclass AND s.objoid = r.oid) AS "security label"
 FROM pg_authid r WHERE {_OUR_ROLES} AND {_LISTED}""",
    secret=("verifier",),
)

MEMBERSHIPS = Query(
    f"""SELECT concat('membership of ', quote_ident(r.rolname), ' in ', quote_ident(g.rolname)) AS object,
 string_agg(concat('member', CASE WHEN m.admin_option THEN ' with admin option' END), ', ' ORDER BY m.admin_option) AS kind
 FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member JOIN pg_roles g ON g.oid = m.roleid
 WHERE {_OUR_ROLES} AND {_LISTED} GROUP BY r.rolname, g.rolname"""
)

PUBLICATIONS = Query(
    f"""SELECT 'publication ' || quote_ident(p.pubname) AS object, {owner("p.pubowner")} AS owner,
 {row_without("p", "pubname", "pubowner")} AS definition,
 (SELECT string_agg(concat(t.schemaname, '.', t.tablename, ' ', to_jsonb(t) ->> 'attnames', ' ', to_jsonb(t) ->> 'rowfilter'), ', '
  ORDER BY t.schemaname, t.tablename) FROM pg_publication_tables t WHERE t.pubname = p.pubname AND t.schemaname <> %(ours)s) AS tables
 FROM pg_publication p WHERE NOT starts_with(p.pubname, %(ours)s)"""
)

SUBSCRIPTIONS = Query(
    f"""SELECT 'subscription ' || quote_ident(s.subname) AS object, {owner("s.subowner")} AS owner, s.subconninfo AS connection,
 concat_ws(' ', s.subenabled, s.subslotname, s.subpublications) AS definition
 FROM pg_subscription s WHERE s.subdbid = {_THIS} AND NOT starts_with(s.subname, %(ours)s)""",
    secret=("connection",),
)

PARAMETER_RIGHTS = Query(f"""SELECT 'parameter ' || p.parname AS object, {explicit_rights("p.paracl")} AS rights FROM pg_parameter_acl p""")
"""From PostgreSQL 15 on."""

SHARED_QUERIES = (
    DATABASE, SETTINGS, OWN_SETTINGS, ROLES, MEMBERSHIPS, PUBLICATIONS, SUBSCRIPTIONS,
)  # fmt: skip
