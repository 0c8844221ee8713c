"""The root file system that every lab host begins from: Debian, made once, kept outside of the checkout."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.lab.shell import LabError, NoLab, run

HOME = Path(os.environ.get("LAB_HOME", "/var/tmp/orchestrator-lab"))
SUITE = "bookworm"
PACKAGES = (
    *("systemd-sysv", "dbus", "libpam-systemd", "openssh-server", "sudo", "cron", "procps", "iproute2", "nftables", "curl"),
    *("python3", "python3-psycopg2", "python3-pymysql", "rsync", "acl", "attr", "postgresql", "mariadb-server", "nginx-light", "haproxy"),
    "pgbouncer",
)
"""Hosts have no way out of the lab: what any of them may need is in here."""
CUSTOMISE = (
    'chroot "$1" systemctl --quiet disable postgresql mariadb nginx haproxy pgbouncer console-getty',
    'sed -i "s/^port = .*/port = 5432/" "$1"/etc/postgresql/*/main/postgresql.conf',  # another one if this machine has 5432 in use
    'rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/machine-id "$1"/var/lib/dbus/machine-id',
    'useradd --root "$1" --uid 2001 --create-home --shell /bin/bash ops',
    'printf "%s\\n" "PermitRootLogin no" "PasswordAuthentication no" "UseDNS no" >"$1"/etc/ssh/sshd_config.d/lab.conf',
)
"""No server starts by itself; no host shares its keys with another; root cannot log in."""


UNREACHABLE = ("apt-get update --error-on=any", "Failed to fetch", "Temporary failure resolving", "Could not connect")
"""What mmdebstrap says when there is no way to an archive: that is no fault of the lab's."""
MAKING_SECONDS = 900
"""An archive so slow that a root is not made by then is as good as none."""


def base_root(packages: Sequence[str] = (), answers: Sequence[str] = ()) -> Path:
    """The folder of the base root; made on the first call (about 75 s), then only looked at. ``packages``: further ones, for a
    root apart; ``answers``: to what they ask when they are installed. Raises NoLab when there is no way to Debian's archive."""
    hooks = [f"--customize-hook={line}" for line in CUSTOMISE]
    hooks += [f'--essential-hook=echo {shlex.quote(line)} | chroot "$1" debconf-set-selections' for line in answers]
    return make_root("base", (*PACKAGES, *packages), hooks)


def make_root(kind: str, packages: Sequence[str], hooks: Sequence[str] = ()) -> Path:
    """A root of Debian's essential packages and these, made once. ``hooks``: mmdebstrap's options. Raises NoLab as above."""
    recipe = "\n".join((SUITE, *packages, *hooks))
    folder = HOME / f"{kind}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / f"{kind}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():
            return folder
        staged = folder.with_name(f"{folder.name}.new")
        run(["rm", "-rf", "--one-file-system", str(staged)])
        argv = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(packages)}", *hooks, SUITE, str(staged)]
        try:
            run(argv, limit=MAKING_SECONDS)
        except (LabError, subprocess.TimeoutExpired) as error:
            run(["rm", "-rf", "--one-file-system", str(staged)])
            if isinstance(error, subprocess.TimeoutExpired) or any(words in str(error) for words in UNREACHABLE):
                raise NoLab(f"no way to Debian's archive, and no {kind} root in {HOME}: {str(error)[-300:]}") from error
            raise
        staged.rename(folder)
    return folder
