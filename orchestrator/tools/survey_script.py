"""The read-only script that a survey runs on a host: plain POSIX sh, a constant. ``$1`` is the mark that opens each section.

Nothing in it writes, installs or needs root; what the account may not see is left out. Every outside command has a limit of its own.
"""

SCRIPT = r"""
LC_ALL=C; LANG=C; export LC_ALL LANG
PATH="$PATH:/usr/sbin:/sbin:/usr/local/sbin"; export PATH
say() { printf '\n==%s== %s\n' "$MARK" "$1"; }
MARK=$1
lim() { if command -v timeout >/dev/null 2>&1; then timeout 8 "$@"; else "$@"; fi 2>/dev/null </dev/null; }
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
sed -n 's/^\([0-9]*\): uart:\([^u][^ ]*\).*tx:\([1-9][0-9]*\).*/ttyS\1 \2 tx \3/p' /proc/tty/driver/serial 2>/dev/null
say mysql; for p in mariadbd mysqld; do command -v $p >/dev/null 2>&1 && lim $p --version; done
pg() { if [ "$(id -u)" = 0 ] && id postgres >/dev/null 2>&1; then lim runuser -u postgres -- psql -XAtw -h "$dir" -p "$port" "$@"
  else lim psql -XAtw -h "$dir" -p "$port" -d postgres "$@" || lim sudo -n -u postgres psql -XAtw -h "$dir" -p "$port" "$@"; fi; }
BASES="FROM pg_database WHERE NOT datistemplate AND datallowconn AND datname ~ '^[A-Za-z0-9_]+$' AND datname <> 'postgres'
  ORDER BY pg_database_size(datname) DESC LIMIT 20"
if command -v psql >/dev/null 2>&1; then
  for sock in /var/run/postgresql/.s.PGSQL.* /tmp/.s.PGSQL.*; do
    case $sock in *.lock) continue;; esac
    [ -S "$sock" ] || continue
    dir=${sock%/*}; port=${sock##*.}
    say "postgresql $port"
    pg -F '|' -d postgres -c "SELECT 'server', current_setting('server_version'), current_setting('wal_level'), current_setting('max_replication_slots')"
    pg -F '|' -d postgres -c "SELECT 'database', datname, pg_database_size(datname) $BASES"
    for base in $(pg -d postgres -c "SELECT datname $BASES"); do
      pg -F '|' -d "$base" -c "SELECT 'detail', current_database(),
        (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r'
          AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)),
        (SELECT count(*) FROM pg_largeobject_metadata), (SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relpersistence = 'u'),
        (SELECT string_agg(extname, ',') FROM pg_extension WHERE extname <> 'plpgsql')"
    done
  done
fi
say end
"""
