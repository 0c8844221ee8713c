"""What Ansible is given: hosts and variables in which no string from outside is ever a template.

Ansible evaluates ``{{ … }}`` in every string of an inventory or of extra variables. So every string leaf is wrapped as
``{"__ansible_unsafe": …}`` here, and what cannot be wrapped (names of groups, hosts and variables, keys, connection
variables) must match a pattern that no template fits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath

from orchestrator.errors import Finding, Refused
from orchestrator.models import Host
from orchestrator.texts import Words, say
from orchestrator.tools import privilege

GROUP = re.compile(r"[a-z][a-z0-9_]{0,62}")
HOST = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
ADDRESS = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z.:-]{0,252}[0-9A-Za-z])?")
USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
VARIABLE = re.compile(r"(?!ansible_)[a-z][a-z0-9_]{0,99}")
KEY = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}")
INTERPRETER = re.compile(r"/[A-Za-z0-9_./+-]{1,500}")


def unsafe(value: object, place: str = "variables") -> object:
    """The value as JSON data with every string leaf marked unsafe. Raises Refused for keys or types that are not allowed."""
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, str | PurePath):  # also every StrEnum
        return {"__ansible_unsafe": str(value)}
    if isinstance(value, Mapping):
        return {_name(KEY, key, "key", place): unsafe(item, f"{place}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return [unsafe(item, f"{place}[{number}]") for number, item in enumerate(items)]
    raise _refused(say("tools.no_handing", kind=type(value).__name__), place, say("tools.hand_text"))


def variables(given: Mapping[str, object], place: str = "variables") -> dict[str, object]:
    """Variables of a play or a host; names that begin with ``ansible_`` would steer Ansible itself and are refused."""
    return {_name(VARIABLE, name, "variable", place): unsafe(value, f"{place}.{name}") for name, value in given.items()}


def interpreter(host: Host) -> str:
    """Python on a host: the one that the inventory names, else the distribution's."""
    return host.python or "/usr/bin/python3"


def inventory(
    hosts: Mapping[str, list[Host]], *, python: str | None = None, host_variables: Mapping[str, Mapping[str, object]] | None = None
) -> dict[str, object]:
    """An Ansible inventory of groups and hosts. Raises Refused when a name, an address or a user could be a template."""
    own = host_variables or {}
    known = {host.name for group in hosts.values() for host in group}
    if strangers := sorted(set(own) - known):
        raise _refused(say("tools.strangers", strangers=tuple(strangers)), say("tools.host_variables"), say("tools.name_hosts"))
    children = {}
    for group, members in hosts.items():
        children[_name(GROUP, group, say("tools.group"), "hosts")] = {
            "hosts": {
                _name(HOST, host.name, say("tools.host_name"), group): {
                    **variables(own.get(host.name, {}), host.name),
                    "ansible_host": _name(ADDRESS, host.address, say("tools.address"), host.name),
                    "ansible_port": int(host.ssh_port),
                    "ansible_user": _name(USER, host.ssh_user, say("tools.ssh_user"), host.name),
                    **privilege.ansible_variables(host),
                    "ansible_python_interpreter": _name(
                        INTERPRETER, python or interpreter(host), say("tools.python_interpreter"), host.name
                    ),
                }
                for host in members
            }
        }
    return {"all": {"children": children}}


def _name(pattern: re.Pattern[str], value: object, what: Words, place: Words) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _refused(say("tools.not_allowed", what=what, value=str(value)[:80]), place, say("tools.form_is", pattern=pattern.pattern))
    return value


def _refused(message: Words, place: Words, remedy: Words) -> Refused:
    return Refused(
        message, where=place, remedy=remedy, findings=[Finding(code="ansible-data", severity="error", says=message, mend=remedy)]
    )
