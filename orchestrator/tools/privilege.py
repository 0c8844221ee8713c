"""Becoming the account that does the work on a host: the one place in which every channel to a host is wrapped.

Commands over SSH, rsync's far side, the shell that a guard keeps open on a gateway, Ansible: each logs in as ``Host.ssh_user``
and works as the account that ``account`` names, through sudo. Where the two are one, nothing is put in front.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from orchestrator.models import Host


def account(host: Host) -> str | None:
    """The account that work on a host is done as, when another one logs in; None when the one that logs in does it itself.

    A host with systemd is worked on as root unless it names another account: nobody else keeps its services and owners.
    """
    wanted = host.become or (host.ssh_user if host.manager == "processes" else "root")
    return None if wanted == host.ssh_user else wanted


def _words(become: str) -> list[str]:
    """Never asks for a password: there is nobody to type one."""
    return ["sudo", "-n", "-H", "-u", become, "--"]


def command_line(become: str | None, argv: Sequence[str]) -> str:
    """What sshd gives to the login shell. Where a client came from (SSH_CONNECTION) stays known, though sudo clears it."""
    if become is None:
        return shlex.join(argv)
    return f'{shlex.join(_words(become))} env SSH_CONNECTION="$SSH_CONNECTION" {shlex.join(argv)}'


def open_shell(host: Host) -> str:
    """The remote command of a shell that stays open and takes commands on its input."""
    become = account(host)
    return f"exec {shlex.join([*_words(become), 'sh'])}" if become else "exec sh"


def rsync_path(host: Host) -> list[str]:
    """rsync's options that make its far side the account that may read and write everything there."""
    become = account(host)
    return [f"--rsync-path={shlex.join([*_words(become), 'rsync'])}"] if become else []


def ansible_variables(host: Host) -> dict[str, object]:
    """Connection variables of a host; the account's name is an allow-listed word (``models.UserName``)."""
    become = account(host)
    if become is None:
        return {"ansible_become": False}
    return {"ansible_become": True, "ansible_become_method": "sudo", "ansible_become_user": become, "ansible_become_flags": "-n -H"}
