#!/bin/bash
# Process 1 of the control plane. `init.sh build`: make schemas, keys and catalogue, then end. `init.sh run`: start everything, stay.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 PYTHONWARNINGS=ignore PBR_VERSION_CHECK=0
unset OS_CLOUD http_proxy https_proxy
began=$SECONDS
say() { printf '%4d s %s\n' $((SECONDS - began)) "$*"; }

own_folders() { # a /dev, /run and /tmp of our own: no disks
    mount -t tmpfs -o mode=755,size=1m tmpfs /dev
    local device
    for device in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0"; do
        # shellcheck disable=SC2086
        mknod -m666 /dev/${device%% *} c ${device#* }
    done
    mkdir -p /dev/net /dev/pts /dev/shm /dev/mqueue
    mknod -m666 /dev/net/tun c 10 200
    if grep -qs '^virt_type = kvm' /etc/nova/nova.conf; then mknod -m666 /dev/kvm c 10 232; fi
    ln -s /proc/self/fd /dev/fd
    ln -s /proc/self/fd/0 /dev/stdin
    ln -s /proc/self/fd/1 /dev/stdout
    ln -s /proc/self/fd/2 /dev/stderr
    mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts /dev/pts
    ln -s pts/ptmx /dev/ptmx
    mount -t tmpfs -o mode=1777 tmpfs /dev/shm
    mount -t tmpfs -o mode=755 tmpfs /run
    mount -t tmpfs -o mode=1777,size=2g tmpfs /tmp
    mkdir -p /run/{mysqld,lock/lab,libvirt,netns,sudo} /var/log/lab /srv/volumes /lab/pid
    mkdir -p /var/lib/{glance/{images,tasks,staging},nova/instances,neutron,cinder/{mnt,conversion}}
    hostname osc
    printf '127.0.0.1 localhost osc\n' > /etc/hosts
    : > /etc/resolv.conf
    printf 'Defaults !use_pty\n' > /etc/sudoers.d/zz-lab
    chmod 440 /etc/sudoers.d/zz-lab
    # "NFS" without NFS in the kernel: the share is a folder of this root. Cinder and nova call mount -t nfs, which calls this.
    printf '#!/bin/sh\n[ $# -ge 2 ] || exit 0\nexec mount --no-canonicalize --bind "${1#*:}" "$2"\n' > /sbin/mount.nfs
    chmod 755 /sbin/mount.nfs
}

start() { # NAME ARGV…
    local name=$1
    shift
    (exec setsid "$@" >> "/var/log/lab/$name.out" 2>&1 < /dev/null) &
    echo $! > "/lab/pid/$name"
}

wait_port() { # ADDRESS PORT, at most a minute
    local try
    for try in $(seq 1 600); do
        (exec 3<> "/dev/tcp/$1/$2") 2> /dev/null && return 0
        sleep 0.1
    done
    say "TIMEOUT: nothing listens at $1:$2 after $try tries"
    return 1
}

start_base() {
    [ -d /var/lib/mysql/mysql ] || {
        mkdir -p /var/lib/mysql
        mariadb-install-db --user=root --datadir=/var/lib/mysql --auth-root-authentication-method=normal --skip-test-db \
            > /var/log/lab/mariadb-install.out 2>&1
    }
    start mariadb mariadbd --no-defaults --user=root --datadir=/var/lib/mysql --socket=/run/mysqld/mysqld.sock --skip-networking \
        --skip-grant-tables --innodb-flush-method=fsync --innodb-flush-log-at-trx-commit=0 --skip-log-bin \
        --innodb-buffer-pool-size=96M --max-connections=400 --character-set-server=utf8mb3 --innodb-use-native-aio=0 \
        --performance-schema=OFF
    mkdir -p /var/lib/rabbitmq /var/log/rabbitmq
    rm -rf /var/lib/rabbitmq/mnesia
    ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_NODENAME=rabbit@localhost RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_LOGS=- \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none" \
        start rabbitmq /usr/lib/rabbitmq/bin/rabbitmq-server
    local try
    for try in $(seq 1 600); do mariadb -uroot -e 'select 1' > /dev/null 2>&1 && break; sleep 0.1; done
    say "mariadb answers after $try tries"
}

wsgi() { # NAME PORT FILE PROCESSES
    # processes of one thread: eventlet's locks cannot be handed from one real thread to another ("cannot switch to a different
    # thread"), and a request beside another then hangs for ever: every second POST of nova, keystone now and then on a busy machine
    start "$1" uwsgi --plugin python3 --master --need-app --die-on-term --http-socket "10.70.0.1:$2" --lazy-apps \
        --processes "$4" --threads 1 --enable-threads --rem-header Content-Length --socket-timeout 60 \
        --buffer-size 65535 --thunder-lock --log-format '%(addr) %(method) %(uri) %(status)' --wsgi-file "$3"
}

start_keystone() {
    wsgi keystone 5000 /usr/bin/keystone-wsgi-public 3
    wait_port 10.70.0.1 5000
    say "keystone listens"
}

start_rest() {
    local neutron="--config-file /etc/neutron/neutron.conf"
    wait_port 127.0.0.1 5672
    wsgi placement 8778 /usr/bin/placement-api 1
    # shellcheck disable=SC2086
    start neutron-server neutron-server $neutron --config-file /etc/neutron/ml2.ini
    start glance glance-api --config-file /etc/glance/glance-api.conf
    start nova-conductor nova-conductor
    start nova-scheduler nova-scheduler
    wsgi nova-api 8774 /usr/bin/nova-api-wsgi 2
    wsgi cinder-api 8776 /usr/bin/cinder-wsgi 2
    start cinder-scheduler cinder-scheduler
    start cinder-volume cinder-volume
    if grep -q '^compute_driver = libvirt' /etc/nova/nova.conf; then
        printf 'user = "root"\ngroup = "root"\nsecurity_driver = "none"\nremember_owner = 0\nnamespaces = []\ncgroup_controllers = []\n' \
            > /etc/libvirt/qemu.conf
        start virtlogd virtlogd
        start libvirtd libvirtd
    fi
    wait_port 10.70.0.1 8778
    start nova-compute nova-compute
    wait_port 10.70.0.1 9696
    # agents only now: a call made before the server's worker listens hangs for a whole rpc_response_timeout (60 s)
    # shellcheck disable=SC2086
    start linuxbridge-agent neutron-linuxbridge-agent $neutron --config-file /etc/neutron/ml2.ini
    # shellcheck disable=SC2086
    start dhcp-agent neutron-dhcp-agent $neutron --config-file /etc/neutron/agents.ini
    wait_port 10.70.0.1 9292
    wait_port 10.70.0.1 8774
    wait_port 10.70.0.1 8776
}

build_databases() {
    set -e
    start_base
    local name
    for name in keystone placement glance nova_api nova nova_cell0 neutron cinder; do
        mariadb -uroot -e "CREATE DATABASE IF NOT EXISTS $name CHARACTER SET utf8mb3"
    done
    mkdir -p /etc/keystone/{fernet-keys,credential-keys}
    chmod 700 /etc/keystone/*-keys
    # The longest ones beside the others: each waits for nobody, and two cores are there.
    local neutron="--config-file /etc/neutron/neutron.conf --config-file /etc/neutron/ml2.ini" beside=()
    # shellcheck disable=SC2086
    (neutron-db-manage $neutron upgrade head) &
    beside+=($!)
    (glance-manage db_sync && cinder-manage db sync && placement-manage db sync) &
    beside+=($!)
    keystone-manage db_sync
    keystone-manage fernet_setup --keystone-user root --keystone-group root
    keystone-manage credential_setup --keystone-user root --keystone-group root
    local url=http://10.70.0.1:5000/v3
    keystone-manage bootstrap --bootstrap-username admin --bootstrap-password admin --bootstrap-project-name admin \
        --bootstrap-role-name admin --bootstrap-service-name keystone --bootstrap-region-id RegionOne \
        --bootstrap-public-url $url --bootstrap-internal-url $url --bootstrap-admin-url $url
    nova-manage api_db sync
    nova-manage cell_v2 map_cell0 --database_connection 'mysql+pymysql://root@localhost/nova_cell0?unix_socket=/run/mysqld/mysqld.sock'
    nova-manage db sync
    nova-manage cell_v2 create_cell --name cell1
    # which cell the only compute host is in is said beforehand: its discovery would take a minute
    mariadb -uroot -e "INSERT INTO nova_api.host_mappings (created_at, cell_id, host)
        SELECT now(), id, 'osc' FROM nova_api.cell_mappings WHERE name = 'cell1'"
    start_keystone
    python3 /lab/catalog.py
    local process
    for process in "${beside[@]}"; do wait "$process"; done
    mariadb -uroot -e SHUTDOWN
    sleep 2
    say "built"
}

own_folders
case $1 in
build) build_databases ;;
run)
    trap 'exit 0' TERM
    start_base
    start_keystone
    start_rest
    say "all started"
    while :; do wait -n 2> /dev/null || sleep 1; done
    ;;
esac
