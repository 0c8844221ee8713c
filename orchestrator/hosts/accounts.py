"""Accounts and groups on hosts: who owns what there, brought over by name before anything of theirs comes, with their ids where free."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestrator.errors import ToolError
from orchestrator.texts import say
from orchestrator.tools.ssh import SshConnection

_OWNERS = r"""
LC_ALL=C; export LC_ALL
find "$@" -printf 'user %U %u\ngroup %G %g\n' 2>/dev/null | sort -u
command -v getfacl >/dev/null && getfacl -R -p -s -- "$@" 2>/dev/null |
    sed -n -e 's/^\(default:\)\{0,1\}user:\([^:]\{1,\}\):.*/acluser \2/p' -e 's/^\(default:\)\{0,1\}group:\([^:]\{1,\}\):.*/aclgroup \2/p' | sort -u
:
"""
_USERS = 'for name; do getent passwd "$name"; done; :'
_GROUPS = 'for name; do getent group "$name"; done; :'
_MEMBER_OF = 'for name; do printf "%s " "$name"; id -Gn -- "$name" 2>/dev/null || echo; done'
_ADD_GROUP = (
    'getent group "$1" >/dev/null || { getent group "$2" >/dev/null || set -- "$1" "$2" known; groupadd ${3:+--gid "$2"} -- "$1"; }'
)
_ADD_USER = """
getent passwd "$1" >/dev/null && exit 0
getent passwd "$2" >/dev/null || free=yes
useradd ${free:+--uid "$2"} --gid "$3" --home-dir "$4" --shell "$5" --no-create-home --no-log-init ${6:+--groups "$6"} -- "$1"
"""
"""Constants; every name comes as an argument. An id that is taken there is left to whom it belongs: names decide, not numbers."""


@dataclass(frozen=True)
class Owners:
    """Who owns what in some trees: number → name; an empty name where the host itself knows none."""

    users: dict[int, str]
    groups: dict[int, str]


@dataclass(frozen=True)
class Account:
    """An account as /etc/passwd has it, with the groups that it belongs to."""

    name: str
    uid: int
    group: str
    home: str
    shell: str
    groups: tuple[str, ...]


def read_owners(connection: SshConnection, paths: Sequence[str]) -> Owners:
    """Owners of everything below ``paths``, those that access lists name included."""
    text = connection.output(["sh", "-c", _OWNERS, "owners", *paths], 600).decode("utf-8", "replace")
    users: dict[int, str] = {}
    groups: dict[int, str] = {}
    named: list[tuple[str, str]] = []
    for line in text.splitlines():
        kind, first, *rest = line.split()
        if kind in ("user", "group"):
            table = users if kind == "user" else groups
            table[int(first)] = "" if rest == [first] else rest[0]
        else:
            named.append((kind.removeprefix("acl"), first))
    ids = _ids(connection, [name for kind, name in named if kind == "user"], _USERS)
    users |= {number: name for name, number in ids.items()}
    ids = _ids(connection, [name for kind, name in named if kind == "group"], _GROUPS)
    groups |= {number: name for name, number in ids.items()}
    return Owners(users, groups)


def _ids(connection: SshConnection, names: Sequence[str], script: str) -> dict[str, int]:
    """Name → number, of those that the host knows; both databases have the number in the third field."""
    if not names:
        return {}
    text = connection.run(["sh", "-c", script, "ids", *names], timeout=30).stdout
    return {fields[0]: int(fields[2]) for line in text.splitlines() if len(fields := line.split(":")) > 2}


def read_accounts(connection: SshConnection, names: Iterable[str]) -> list[Account]:
    """Accounts of a host by name; those that it does not know are left out."""
    wanted = sorted(set(names))
    if not wanted:
        return []
    passwd = connection.run(["sh", "-c", _USERS, "passwd", *wanted], timeout=30).stdout
    member_of = connection.run(["sh", "-c", _MEMBER_OF, "member-of", *wanted], timeout=30).stdout
    groups = {words[0]: tuple(words[1:]) for line in member_of.splitlines() if (words := line.split())}
    found = []
    for line in passwd.splitlines():
        name, _, uid, gid, _, home, shell = line.split(":")
        primary = connection.run(["getent", "group", gid], timeout=30).stdout.partition(":")[0]
        found.append(Account(name, int(uid), primary, home, shell, groups.get(name, ())))
    return found


def bring_accounts(source: SshConnection, target: SshConnection, users: Iterable[str], groups: Iterable[str]) -> list[str]:
    """Makes on the target what it lacks of the source's accounts and groups. Returns the names of what was made: ``user x``, ``group y``."""
    accounts = read_accounts(source, users)
    all_groups = {*groups, *(a.group for a in accounts), *(name for a in accounts for name in a.groups)} - {""}
    numbers = _ids(source, sorted(all_groups), _GROUPS)
    there = _ids(target, sorted(all_groups), _GROUPS)
    made = []
    for name in sorted(all_groups - set(there)):
        _act(target, _ADD_GROUP, f"group {name}", name, str(numbers[name]))
        made.append(f"group {name}")
    known = _ids(target, [account.name for account in accounts], _USERS)
    for account in accounts:
        if account.name in known:
            continue
        others = ",".join(name for name in account.groups if name != account.group)
        shell = account.shell or "/usr/sbin/nologin"
        _act(target, _ADD_USER, f"user {account.name}", account.name, str(account.uid), account.group, account.home, shell, others)
        made.append(f"user {account.name}")
    return made


def remove_accounts(target: SshConnection, made: Sequence[str]) -> None:
    """Takes away what ``bring_accounts`` made, accounts first; what is gone already is fine."""
    for kind, command in (("user", ["userdel", "--"]), ("group", ["groupdel", "--"])):
        for entry in made:
            if entry.startswith(f"{kind} "):
                target.run([*command, entry.removeprefix(f"{kind} ")], timeout=60)


def _act(connection: SshConnection, script: str, what: str, *arguments: str) -> None:
    done = connection.run(["sh", "-euc", script, "accounts", *arguments], timeout=60)
    if done.code != 0:
        said = done.stderr.strip()[-300:]
        raise ToolError(say("hosts.not_made", what=what, said=said), where=connection.name, remedy=say("hosts.make_by_hand"))


@dataclass(frozen=True)
class IdMap:
    """Numbers of one host → numbers of another, by name. ``strangers``: owners without a name here whose number is somebody's there."""

    users: dict[int, int]
    groups: dict[int, int]
    strangers: tuple[str, ...] = ()

    def options(self) -> list[str]:
        """rsync's, for its receiving side; empty where every number stays."""
        made = []
        for option, table in (("--usermap", self.users), ("--groupmap", self.groups)):
            changed = [f"{here}:{there}" for here, there in sorted(table.items()) if here != there]
            if changed:
                made.append(f"{option}={','.join(changed)}")
        return made


def map_ids(owners: Owners, other: SshConnection) -> IdMap:
    """How files of these owners are owned on another host. Raises ToolError for a name that it does not know."""
    users = _ids(other, sorted({name for name in owners.users.values() if name}), _USERS)
    groups = _ids(other, sorted({name for name in owners.groups.values() if name}), _GROUPS)
    missing = [f"user {name}" for name in owners.users.values() if name and name not in users]
    missing += [f"group {name}" for name in owners.groups.values() if name and name not in groups]
    if missing:
        raise ToolError(say("hosts.unknown_there", missing=tuple(sorted(missing))), where=other.name, remedy=say("hosts.make_there"))
    unnamed = [str(number) for number, name in owners.users.items() if not name]
    strangers = tuple(f"user {number}" for number in unnamed if _ids(other, [number], _USERS))
    user_map = {number: users[name] if name else number for number, name in owners.users.items()}
    group_map = {number: groups[name] if name else number for number, name in owners.groups.items()}
    return IdMap(user_map, group_map, strangers)
