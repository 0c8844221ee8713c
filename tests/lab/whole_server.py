"""A server that nobody can install again: Redis, which no mover of ours moves, a program beside it, and the oddest things a disk may hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.lab import furnish, inventory
from tests.lab.hosts import LabHost
from tests.lab.lab import Lab
from tests.lab.landing import OWN, PLACE
from tests.lab.shell import LabError, run

LEDGER = Path(__file__).with_name("ledger.py")
UNIT = """[Unit]
Description=Ledger ({what})
After=redis-server.service
[Service]
User=ledger
EnvironmentFile=/etc/ledger.env
ExecStart=/usr/bin/python3 /opt/ledger/ledger.py {what}
Restart=always
[Install]
WantedBy=multi-user.target
"""
ODD = r"""
mkdir -p /srv/archive /srv/odd /opt/odd; cd /srv/odd
echo one >listed; setfacl -m u:ops:rw,u:4711:r listed; setfattr -n user.origin -v '档案室' listed
mkdir inherits; setfacl -d -m g:ledger:rwx inherits; echo kept >inherits/file
cp /bin/sleep capable; setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 capable
echo linked >first; ln first second; ln first /opt/odd/elsewhere 2>/dev/null || ln first third
truncate -s 256M sparse; printf end >>sparse
cp /bin/true setuid; chmod 4755 setuid; cp /bin/true setgid; chmod 2755 setgid; mkdir sticky; chmod 1777 sticky
mknod null c 1 3; mknod disk b 7 250; mkfifo pipe
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
echo fixed >immutable; echo log >only-added
printf x >"$(printf '\271\253\316\304')"; printf x >"$(printf 'line\nbreak')"; printf x >'-rf'; printf x >' blank '; printf x >'back\slash'
printf x >'[star*?]'; printf x >"$(printf 'bell\007')"; echo hidden >.hidden
echo secret >nobody; chmod 0000 nobody; echo far >far; chown 4000000000:4000000001 far
ln -s /nowhere/at/all dangling; ln -s "$(printf '%0200d' 0)" long
mkdir -p deep/$(printf 'd%.0s/' $(seq 60)); echo old >old; touch -d '1999-12-31 23:59:59.123456789' old
echo app >/opt/odd/app; chmod 0640 /opt/odd/app; chown root:ledger /opt/odd/app
chattr +i immutable; chattr +a only-added
"""
PHOTOGRAPH = r"""
cd /; export LC_ALL=C
find /etc /opt /srv/odd /srv/archive/ /usr /var/spool/cron /home -xdev ! -type d -printf '%y %m %U:%G %n %s %T@ %l %p\n' | sort
find /etc /opt /srv/odd /srv/archive/ /usr /var/spool/cron /home -xdev -type d ! -name lost+found -printf '%m %U:%G %p\n' | sort
find /etc /opt /srv/odd /srv/archive/ -xdev -type f -size -1000k -exec sha256sum {} + | sort
getfacl -R -p /opt /srv/odd; getfattr -R -h -d -m - /opt /srv/odd
lsattr -d /srv/odd/immutable /srv/odd/only-added; stat -c '%n %t:%T' /srv/odd/null /srv/odd/disk; [ $(stat -c %b /srv/odd/sparse) -lt 1000 ] && echo holes
cat /etc/machine-id /etc/hostname /etc/ssh/ssh_host_ed25519_key.pub
for unit in redis-server ledger churn cron tick.timer; do echo "$unit $(systemctl is-enabled $unit) $(systemctl is-active $unit)"; done
systemctl get-default; ls -A /etc/systemd/system
"""
"""By other tools than the engine's: every entry with its owner, mode, links, size, time to the nanosecond, content."""


def furnish_box(lab: Lab, box: LabHost) -> None:
    """The server as it stands in the old room, behind the edge."""
    box.script(
        "useradd --system --home-dir /opt/ledger ledger; install -d -o ledger -g ledger /srv/ledger /srv/ledger/uploads /srv/ledger/churn; mkdir -p /opt/ledger"
    )
    box.write("/opt/ledger/ledger.py", LEDGER.read_bytes())
    box.write("/etc/ledger.env", f"LISTEN_ADDRESS={box.address}\n", mode=0o640)
    box.write("/etc/systemd/system/ledger.service", UNIT.format(what="serve"))
    box.write("/etc/systemd/system/churn.service", UNIT.format(what="churn"))
    box.write("/etc/systemd/system/tick.service", "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'date >>/srv/ledger/ticks'\n")
    box.write("/etc/systemd/system/tick.timer", "[Timer]\nOnCalendar=*:*:0/5\n[Install]\nWantedBy=timers.target\n")
    box.script(
        "sed -i 's/^appendonly .*/appendonly yes/; s/^appendfsync .*/appendfsync always/; s/^bind .*/bind 127.0.0.1/' /etc/redis/redis.conf"
    )
    box.script(
        "systemctl daemon-reload; systemctl enable --quiet redis-server; systemctl restart redis-server; systemctl enable --quiet --now ledger churn tick.timer"
    )
    box.script(ODD)
    box.script(f"until curl -fsS http://{box.address}:8001/health >/dev/null 2>&1; do sleep 0.2; done", limit=60)
    furnish.edge(lab["edge"], [{"name": "ledger", "port": 8080, "server": "old-box", "to": box.address, "to_port": 8001}])


def give_disk(lab: Lab, box: LabHost) -> bool:
    """A file system of its own at /srv/archive, as a second disk; False where this machine can mount none."""
    folder, image = lab.folder / "archive", lab.folder / "archive.img"
    folder.mkdir()
    run(["truncate", "-s", "300M", str(image)])
    try:
        run(["mkfs.ext4", "-q", str(image)])
        run(["mount", "-o", "loop", str(image), str(folder)])
    except (LabError, OSError):
        return False
    box.switch_off()
    (box.root / "srv/archive").mkdir(parents=True)
    box.disks = (f"{folder}:/srv/archive",)
    box.boot()
    box.wait_ready()
    box.script(
        "echo minutes >/srv/archive/minutes; ln /srv/archive/minutes /srv/archive/second; chown ops: /srv/archive/minutes; mknod /srv/archive/tty c 4 1"
    )
    return True


def take_disk(lab: Lab) -> None:
    """Nothing of the lab's folder is mounted any more."""
    run(["umount", str(lab.folder / "archive")], check=False)


def system(lab: Lab, *, new_address: str, **landing: Any) -> dict[str, Any]:
    """As an office writes it: one machine, an engine without a mover, no package, no vendor; and where it may land."""
    base = inventory.permits(lab, app="box", db="box")
    place = {
        "name": "bay", "address": lab["bay"].address, "ssh_user": "ops", "root": PLACE, "own": OWN, "boot": ["/usr/local/sbin/box-power", "on"],
        "off": ["/usr/local/sbin/box-power", "off"], "boot_seconds": 60, "readdress": ["/etc/ledger.env"],
    }  # fmt: skip
    health = {"kind": "http", "target": "/health", "expected": "200"}
    services = [
        {"name": "ledger", "host": "box", "unit": "ledger.service", "port": 8001, "health": health, "singleton": True, "entry": "ledger"},
        {"name": "churn", "host": "box", "unit": "churn.service", "singleton": True, "health": {"kind": "tcp", "target": ""}},
    ]
    return {
        **base, "id": "ledger", "name": "台账系统", "name_en": "Ledger", "installable": False, "supported": False, "virtualised": False, "servers": 1,
        "dbms": "Redis", "max_interruption_minutes": 120, "interruption": {"gap_ms": 3000, "failed_requests": 0, "outage_minutes": 30},
        "hosts": [inventory.host(lab, "box", new_address=new_address, landing={**place, **landing})],
        "databases": [{"name": "ledger", "engine": "redis", "host": "box", "port": 6379, "data_directory": "/var/lib/redis"}],
        "file_trees": [], "services": services, "data_resources": [], "links": [],
    }  # fmt: skip


def kept_numbers(host: LabHost) -> set[int]:
    """What Redis holds, asked by its own client."""
    said = host.run("redis-cli", "--raw", "LRANGE", "entries", "0", "-1")
    return {int(line.split()[0]) for line in said.splitlines() if line}


def kept_uploads(host: LabHost) -> set[int]:
    """What lies in the folder."""
    return {int(name) for name in host.run("ls", "/srv/ledger/uploads").split() if name.isdigit()}
