"""The sudoers file that a host needs when an ordinary account logs in: as little as the work allows, and no longer than it lasts."""

from __future__ import annotations

import datetime as dt

from orchestrator.models import Host
from orchestrator.tools import privilege

_TEXT = """\
# For moving this host to the government cloud. Put it into /etc/sudoers.d/orchestrator with mode 0440; `visudo -c` checks it.
# One account, one account to become, no password (nobody is there to type one){until}.
# Not narrowed to single commands: installing, owners of files and services need a shell as that account, and whoever has one
# has them all. Narrow instead who logs in: from="{controller}" before the key in that account's authorized_keys.
Defaults:{user} !requiretty
Defaults:{user} env_keep += "SSH_CONNECTION"
{user} ALL=({become}) {limit}NOPASSWD: ALL
"""


def sudoers(host: Host, *, until: dt.date | None = None, controller: str = "CONTROLLER") -> str:
    """The file's text; empty when the account that logs in does the work itself. ``until``: the last day that it is good for, UTC."""
    become = privilege.account(host)
    if become is None:
        return ""
    limit = f"NOTAFTER={until:%Y%m%d}235959Z " if until else ""
    said = f", until {until.isoformat()}" if until else ""
    return _TEXT.format(user=host.ssh_user, become=become, until=said, limit=limit, controller=controller)
