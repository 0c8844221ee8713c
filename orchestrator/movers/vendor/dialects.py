"""What each vendor's SQL needs for counts and sums to be printed so that no client's habits change them.

Every value leaves the database as text of our own form: a line ``ORCH|…|.`` with no sign that a locale, a width or a heading could
touch. Names come from the vendor's catalogue and are hostile: quoted, and refused where no quoting helps.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.texts import Words, say

UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\u2028\u2029|]")


@dataclass(frozen=True)
class Dialect:
    """One family of engines."""

    name: str
    engines: tuple[str, ...]
    """As inventories write them, lower case, without signs."""
    client: str
    """How a person runs a statement file with the vendor's own client."""
    preamble: str
    """What makes the client print nothing but values, whole."""
    catalogue: str
    """A query that gives one line ``ORCH|COLUMN|schema|table|column|type|scale|.`` a column; empty: a person lists them."""
    server: str
    """An expression that tells servers apart; empty where there is none."""
    dual: str = ""
    """What a SELECT without a table needs."""
    quote: Callable[[str], str] = field(default=lambda name: '"' + name.replace('"', '""') + '"')
    joined: Callable[[list[str]], str] = field(default="\n || ".join)
    count: str = "CAST(COUNT(*) AS VARCHAR(40))"
    number: str = "COALESCE(CAST(SUM({0}) AS VARCHAR(80)), 'NULL')"
    text: str = "COALESCE(CAST(SUM(LENGTH({0})) AS VARCHAR(80)), 'NULL')"
    binary: str = ""
    """Sum of lengths of large objects; empty: rows that are not null are counted."""
    filled: str = "CAST(COUNT({0}) AS VARCHAR(40))"
    unreadable: frozenset[str] = frozenset()
    """Types that nothing can be asked of."""
    ending: str = ";"
    ran_on: str = ""
    """Where we ran its statements. Empty: they are made from the vendor's documentation, and their output alone shows whether they worked."""
    forbidden: str = ""
    """Signs in a name that its client would take for something of its own."""


_ORACLE_OWN = (
    "'SYS','SYSTEM','OUTLN','DBSNMP','APPQOSSYS','AUDSYS','CTXSYS','DVSYS','DVF','GSMADMIN_INTERNAL','LBACSYS','MDSYS','OJVMSYS','OLAPSYS',"
    "'ORDDATA','ORDSYS','ORDPLUGINS','SI_INFORMTN_SCHEMA','WMSYS','XDB','ANONYMOUS','EXFSYS','SYSMAN','MGMT_VIEW','FLOWS_FILES','DIP','ORACLE_OCM'"
)
_ALL_TAB_COLUMNS = """SELECT 'ORCH|COLUMN|' || c.OWNER || '|' || c.TABLE_NAME || '|' || c.COLUMN_NAME || '|' || c.DATA_TYPE
 || '|' || COALESCE(TO_CHAR(c.DATA_SCALE), '') || '|.'
FROM ALL_TAB_COLUMNS c JOIN ALL_TABLES t ON t.OWNER = c.OWNER AND t.TABLE_NAME = c.TABLE_NAME
WHERE c.OWNER NOT IN ({own}) AND {only}
ORDER BY c.OWNER, c.TABLE_NAME, c.COLUMN_ID"""
_INFORMATION_SCHEMA = """SELECT 'ORCH|COLUMN|' || c.table_schema || '|' || c.table_name || '|' || c.column_name || '|' || c.data_type
 || '|' || COALESCE(CAST(c.numeric_scale AS VARCHAR(10)), '') || '|.'
FROM information_schema.columns c JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
WHERE t.table_type = 'BASE TABLE' AND c.table_schema NOT IN ({own})
ORDER BY c.table_schema, c.table_name, c.ordinal_position"""

ORACLE = Dialect(
    name="oracle", engines=("oracle",), client="sqlplus -S -L USER@SERVICE @FILE > OUTPUT",
    preamble="SET DEFINE OFF SQLBLANKLINES ON ECHO OFF HEADING OFF FEEDBACK OFF VERIFY OFF PAGESIZE 0 LINESIZE 32767 TRIMOUT ON TAB OFF WRAP ON",
    catalogue=_ALL_TAB_COLUMNS.format(own=_ORACLE_OWN, only="t.TEMPORARY = 'N' AND t.NESTED = 'NO' AND t.SECONDARY = 'N'"),
    server="SYS_CONTEXT('USERENV', 'SERVER_HOST') || '/' || SYS_CONTEXT('USERENV', 'DB_UNIQUE_NAME')", dual=" FROM DUAL",
    count="TO_CHAR(COUNT(*), 'TM9')",
    number="NVL(TO_CHAR(SUM({0}), 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,'''), 'NULL')",
    text="NVL(TO_CHAR(SUM(LENGTH({0})), 'TM9'), 'NULL')", binary="NVL(TO_CHAR(SUM(DBMS_LOB.GETLENGTH({0})), 'TM9'), 'NULL')",
    filled="TO_CHAR(COUNT({0}), 'TM9')", unreadable=frozenset({"long", "long raw"}), ending=";\n",
)  # fmt: skip
SQLSERVER = Dialect(
    name="sqlserver", engines=("sqlserver", "mssql", "microsoftsqlserver", "mssqlserver"),
    client="sqlcmd -S SERVER -d DATABASE -i FILE -o OUTPUT -h -1 -W -w 65535 -x -f o:65001", preamble="SET NOCOUNT ON;",
    catalogue="""SELECT CONCAT('ORCH|COLUMN|', c.TABLE_SCHEMA, '|', c.TABLE_NAME, '|', c.COLUMN_NAME, '|', c.DATA_TYPE, '|', c.NUMERIC_SCALE, '|.')
FROM INFORMATION_SCHEMA.COLUMNS c JOIN INFORMATION_SCHEMA.TABLES t ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME
WHERE t.TABLE_TYPE = 'BASE TABLE'
ORDER BY c.TABLE_SCHEMA, c.TABLE_NAME, c.ORDINAL_POSITION""",
    server="CONCAT(@@SERVERNAME, '/', DB_NAME())", quote=lambda name: "[" + name.replace("]", "]]") + "]",
    joined=lambda parts: "CONCAT(" + ",\n ".join(parts) + ")", count="CONVERT(varchar(40), COUNT_BIG(*))",
    number="COALESCE(CONVERT(varchar(80), SUM(CAST({0} AS decimal(38, {scale})))), 'NULL')",
    text="COALESCE(CONVERT(varchar(40), SUM(CAST(DATALENGTH({0}) AS bigint))), 'NULL')",
    binary="COALESCE(CONVERT(varchar(40), SUM(CAST(DATALENGTH({0}) AS bigint))), 'NULL')",
    filled="CONVERT(varchar(40), SUM(CASE WHEN {0} IS NULL THEN CAST(0 AS bigint) ELSE 1 END))", ending=";\nGO", forbidden="$(",
)  # fmt: skip
DM = Dialect(
    name="dm", engines=("dm", "dameng", "达梦"), client="disql USER@SERVER:PORT -S < FILE > OUTPUT",
    preamble="SET DEFINE OFF\nSET ECHO OFF\nSET HEADING OFF\nSET FEEDBACK OFF\nSET PAGESIZE 0\nSET LINESIZE 32767",
    catalogue=_ALL_TAB_COLUMNS.format(own="'SYS','SYSAUDITOR','SYSSSO','SYSDBO','CTISYS'", only="1 = 1"), server="", dual=" FROM DUAL",
    binary="COALESCE(CAST(SUM(LENGTH({0})) AS VARCHAR(80)), 'NULL')",
)  # fmt: skip
KINGBASE = Dialect(
    name="kingbase", engines=("kingbase", "kingbasees", "人大金仓", "opengauss", "gaussdb", "vastbase", "highgo", "瀚高", "uxdb", "优炫"),
    client="ksql | gsql | psql -h SERVER -d DATABASE -X -A -t -f FILE > OUTPUT", preamble="\\pset format unaligned\n\\pset tuples_only on\n\\pset pager off",
    catalogue=_INFORMATION_SCHEMA.format(
        own="'pg_catalog','information_schema','sys','sys_catalog','sysmac','sys_hm','src_restrict','xlog_record_read','anon','perf','wmsys',"
        "'dbe_perf','snapshot','dbe_pldeveloper','dbe_pldebugger','dbe_sql_util','pkg_service','sqladvisor','blockchain','cstore','db4ai','pg_toast'"
    ),
    server="COALESCE(host(inet_server_addr()) || ':' || inet_server_port(), '')",
    binary="COALESCE(CAST(SUM(LENGTH({0})) AS VARCHAR(80)), 'NULL')", ran_on="PostgreSQL, by psql",
)  # fmt: skip
MYSQL_KIN = Dialect(
    name="mysql-kin", engines=("mysql", "mariadb", "tidb", "oceanbase", "gbase8a", "南大通用", "goldendb", "tdsql"),
    client="mysql -h SERVER -D DATABASE --batch --skip-column-names --raw < FILE > OUTPUT", preamble="SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES';",
    catalogue="""SELECT CONCAT('ORCH|COLUMN|', c.table_schema, '|', c.table_name, '|', c.column_name, '|', c.data_type, '|', COALESCE(c.numeric_scale, ''), '|.')
FROM information_schema.columns c JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
WHERE t.table_type = 'BASE TABLE' AND c.table_schema NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')
ORDER BY c.table_schema, c.table_name, c.ordinal_position""",
    server="CONCAT(@@hostname, ':', @@port)", quote=lambda name: "`" + name.replace("`", "``") + "`",
    joined=lambda parts: "CONCAT(" + ",\n ".join(parts) + ")", count="CAST(COUNT(*) AS CHAR(40))",
    number="COALESCE(CAST(SUM({0}) AS CHAR(80)), 'NULL')", text="COALESCE(CAST(SUM(CHAR_LENGTH({0})) AS CHAR(80)), 'NULL')",
    binary="COALESCE(CAST(SUM(LENGTH({0})) AS CHAR(80)), 'NULL')", filled="CAST(COUNT({0}) AS CHAR(40))",
)  # fmt: skip
ANSI = Dialect(
    name="ansi", engines=(), client="the vendor's own client, one statement after the other, output into one file", preamble="",
    catalogue="", server="", ran_on="SQLite",
)  # fmt: skip
"""For every engine that nobody named here: SQL of the standard, and a list of tables that a person hands in."""

DIALECTS = (ORACLE, SQLSERVER, DM, KINGBASE, MYSQL_KIN, ANSI)
NUMBERS = re.compile(r"^(number|numeric|decimal|dec|(tiny|small|medium|big)?int(eger)?( unsigned)?|int[1248]|byte|money|smallmoney|integer|bit)\b")
FLOATS = re.compile(r"^(float|real|double|binary_(float|double))")
TEXTS = re.compile(r"^(n?(var)?char2?|character( varying)?|bpchar|n?text|n?clob|(tiny|medium|long)text|string|long ?varchar)\b")
BINARIES = re.compile(r"^(blob|(tiny|medium|long)blob|bytea|image|(var)?binary|raw|long ?varbinary)\b")


def dialect_of(engine: str) -> Dialect:
    """The dialect that an engine's statements are made in; an unknown engine gets the standard's."""
    word = re.sub(r"[\s._\-]", "", engine.casefold())
    bare = word.rstrip("0123456789")
    for dialect in DIALECTS:
        if bare in dialect.engines or any(word.startswith(known) for known in dialect.engines if len(known) > 2):
            return dialect
    return ANSI


def faults_of_name(dialect: Dialect, name: str) -> Words:
    """Why a name cannot stand in a statement of this dialect; empty when it can."""
    if not name or len(name) > 200 or UNPRINTABLE.search(name):
        return say("vendor.name_unusable")
    if "�" in name or re.search(r"\?{2,}", name):
        return say("vendor.letters_lost")
    if dialect.forbidden and dialect.forbidden in name:
        return say("vendor.client_variable", forbidden=dialect.forbidden)
    return ""
