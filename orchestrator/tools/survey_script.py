"""The read-only script that a survey runs on a host: plain POSIX sh, a constant. ``$1`` is the mark that opens each section.

Nothing in it writes, installs or needs root; what the account may not see is left out. Every outside command has a limit of its own,
and a watcher ends all of it when its input ends: the connection is gone, nobody waits for the answer.
The questions to PostgreSQL are asked by the script over a local socket, or through a tunnel (``survey_postgres``): the same words.
"""

from __future__ import annotations

import shlex

PG_OPTIONS = "-c default_transaction_read_only=on -c search_path=pg_catalog -c statement_timeout=8000"
"""Nothing is written, and no function of a database's owner is called by a name that looks like PostgreSQL's own."""

_BASES = """FROM pg_database WHERE NOT datistemplate AND datallowconn AND datname ~ '^[A-Za-z0-9_]+$' AND datname <> 'postgres'
  ORDER BY datname LIMIT 50"""
SERVER_SQL = """SELECT 'server', current_setting('server_version'), current_setting('wal_level'),
  (SELECT min(setting::int)::text FROM pg_settings WHERE name IN ('max_replication_slots', 'max_wal_senders'))"""
BASES_SQL = f"""SELECT 'database', datname::text, (CASE WHEN has_database_privilege(datname, 'CONNECT') THEN pg_database_size(datname) END)::text {_BASES}"""
NAMES_SQL = f"SELECT datname {_BASES}"
DETAIL_SQL = """WITH mine AS (SELECT c.oid, c.relname, n.nspname, c.relreplident, c.relpersistence FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND n.nspname !~ '^orchestrator_[0-9a-f]+$'),
  keyless AS (SELECT nspname || '.' || relname AS name FROM mine m WHERE relpersistence = 'p' AND (relreplident = 'n'
    OR relreplident = 'd' AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = m.oid AND i.indisprimary)
    OR relreplident = 'i' AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = m.oid AND i.indisreplident)))
SELECT 'detail', current_database()::text, (SELECT count(*)::text FROM keyless), (SELECT count(*)::text FROM pg_largeobject_metadata),
  (SELECT count(*)::text FROM mine WHERE relpersistence = 'u'), (SELECT string_agg(extname, ',' ORDER BY extname) FROM pg_extension WHERE extname <> 'plpgsql'),
  (SELECT string_agg(translate(name, '|,', '??'), ',') FROM (SELECT name FROM keyless ORDER BY name LIMIT 10) few)"""

SCRIPT = r"""
LC_ALL=C; LANG=C; export LC_ALL LANG
PATH="$PATH:/usr/sbin:/sbin:/usr/local/sbin"; export PATH
say() { printf '\n==%s== %s\n' "$MARK" "$1"; }
MARK=$1
exec 3<&0
if read -r told <&3 && [ "$told" = "$MARK" ]; then ( exec >/dev/null 2>&1; read -r told <&3; kill 0 ) & watcher=$!; fi
lim() { if command -v timeout >/dev/null 2>&1; then timeout -k 2 8 "$@"; else "$@"; fi 2>/dev/null </dev/null; }
say uname; uname -srm
say os; cat /etc/os-release 2>/dev/null || cat /etc/redhat-release /etc/kylin-release 2>/dev/null || uname -sr
say cpus; getconf _NPROCESSORS_ONLN 2>/dev/null || nproc 2>/dev/null
say memory; sed -n 's/^MemTotal:[^0-9]*\([0-9]*\).*/\1/p' /proc/meminfo 2>/dev/null
say disks; lim df -Pk -l | head -n 100
say addresses; lim ip -o addr show | head -n 200 || true
say listening; lim ss -Htlnp | head -n 500 || true
say established; lim ss -Htnp state established | head -n 2000 || true
say proc_tcp; if ! command -v ss >/dev/null 2>&1; then head -n 2000 /proc/net/tcp; head -n 2000 /proc/net/tcp6; fi 2>/dev/null
say processes; lim ps -eo comm= | sort -u | head -n 500
say usb; if command -v lsusb >/dev/null 2>&1; then lim lsusb | head -n 100
  else for d in /sys/bus/usb/devices/*; do [ -r "$d/idVendor" ] && printf 'ID %s:%s %s %s\n' "$(cat "$d/idVendor")" "$(cat "$d/idProduct")" \
    "$(cat "$d/manufacturer" 2>/dev/null)" "$(cat "$d/product" 2>/dev/null)"; done 2>/dev/null | head -n 100; fi
say pci; if command -v lspci >/dev/null 2>&1; then lim lspci -nn | head -n 300
  else for d in /sys/bus/pci/devices/*; do [ -r "$d/vendor" ] && printf '%s class %s [%s:%s]\n' "${d##*/}" "$(cat "$d/class")" "$(cat "$d/vendor")" \
    "$(cat "$d/device")"; done 2>/dev/null | head -n 300; fi
say serial; for t in /dev/ttyUSB* /dev/ttyACM*; do [ -e "$t" ] && echo "$t"; done
sed -n 's/^\([0-9]*\): uart:\([^u][^ ]*\).*tx:\([1-9][0-9]*\).*/ttyS\1 \2 tx \3/p' /proc/tty/driver/serial 2>/dev/null |
  while read -r port rest; do grep -q "^$port " /proc/consoles 2>/dev/null || echo "$port $rest"; done
say mysql; for p in mariadbd mysqld; do command -v $p >/dev/null 2>&1 && lim $p --version; done
pg() { if [ "$(id -u)" = 0 ] && id postgres >/dev/null 2>&1; then lim runuser -u postgres -- env PGOPTIONS="$PGOPTIONS" psql -XAtw -h "$dir" -p "$port" "$@"
  else lim psql -XAtw -h "$dir" -p "$port" "$@" || lim sudo -n -u postgres env PGOPTIONS="$PGOPTIONS" psql -XAtw -h "$dir" -p "$port" "$@"; fi; }
PGOPTIONS=@OPTIONS@; export PGOPTIONS
if command -v psql >/dev/null 2>&1; then
  for sock in /var/run/postgresql/.s.PGSQL.* /tmp/.s.PGSQL.*; do
    case $sock in *.lock) continue;; esac
    [ -S "$sock" ] || continue
    dir=${sock%/*}; port=${sock##*.}
    say "postgresql $port"
    pg -F '|' -d postgres -c @SERVER@
    pg -F '|' -d postgres -c @BASES@
    for base in $(pg -d postgres -c @NAMES@); do pg -F '|' -d "$base" -c @DETAIL@; done
  done
fi
say end
[ -z "${watcher:-}" ] || kill "$watcher" 2>/dev/null
"""
for _name, _value in (("OPTIONS", PG_OPTIONS), ("SERVER", SERVER_SQL), ("BASES", BASES_SQL), ("NAMES", NAMES_SQL), ("DETAIL", DETAIL_SQL)):
    SCRIPT = SCRIPT.replace(f"@{_name}@", shlex.quote(_value))
