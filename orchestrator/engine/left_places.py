"""What steps and movers keep, by where it lies: the one table that ``clean`` reads, so that nothing is left without a name.

A new place needs its row here (a test reads the sources for them); until then what lies there is listed and left for a person to look at.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


class Stay(StrEnum):
    """How long something is kept."""

    USED = "used"
    """In use, or what keeps a side as it is, or on record for good: no leftover."""
    SHORT = "short"
    """``clean_after_days``."""
    LONG = "long"
    """``keep_backups_days``: a backup."""
    PREPARED = "prepared"
    """Until ``prepare-source --undo``."""
    UNKNOWN = "unknown"
    """Nobody here knows what it is."""


@dataclass(frozen=True)
class Kind:
    """``what`` it is called, and how long it stays."""

    what: str
    stay: Stay


_USED = Kind("", Stay.USED)
_UNKNOWN = Kind("not known", Stay.UNKNOWN)

HERE = {
    "relay": Kind("what files were carried through", Stay.SHORT),
    "passes": Kind("what files were carried through in a switch", Stay.SHORT),
    "ansible": Kind("records of playbooks", Stay.SHORT),
    "dumps": Kind("dumps", Stay.SHORT),
    "copy": Kind("dumps", Stay.SHORT),
    "backup": Kind("the backup before the switch", Stay.LONG),
    "cold": Kind("the cold backup", Stay.LONG),
    "manifests": _USED,
    "vendor": _USED,
    "handed_in": _USED,
}
"""Below a system's folder of the controller. What stays: names and digests, statements and evidence."""
_RECORDS_HERE = re.compile(r"guard\.\w+|decision[^/]*\.(json|lock)|[^/]+\.(samples|stop)")
_SCHEMA_HERE = re.compile(r"orchestrator_[0-9a-f]{10}\.schema")

BY_MIGRATION = {
    "quarantine": Kind("quarantined files", Stay.SHORT),
    "former-files": Kind("files as they stood before", Stay.SHORT),
    "cold": Kind("a cold backup that was restored for its comparison", Stay.SHORT),
}
"""Folders of ours on a host in which each entry is called by its migration."""
OF_A_HOST = {
    "services": Kind("services as they stood before", Stay.SHORT),
    "prepared-source": Kind("what prepare-source changed", Stay.PREPARED),
    "readdressed": Kind("configuration with its former addresses", Stay.SHORT),
    "accounts": Kind("which accounts were made", Stay.SHORT),
    "secrets": _USED,
    "mariadb": _USED,
    "postgresql": _USED,
    "standby": _USED,
    "landings": _USED,
}
"""Others there. What stays: live servers, the passwords that live services read, what keeps a former server down."""
FORMER_OF_SERVICE = ("former.json", "former", "former-files")
"""Of a unit or a job of cron; beside them lies what it goes on with. At the source they stay: there they go with what holds it."""
_ACCOUNTS = re.compile(r"accounts-(?P<migration>.+)\.json")
_SERVERS = re.compile(r"(mariadb|postgresql)(\.(cnf|out|log|tenants))?")


@dataclass(frozen=True)
class Whose:
    """The names by which something of a host belongs to a system: its own, its migrations', everybody's migrations', its services'."""

    system: str
    migrations: Collection[str]
    others: Collection[str]
    services: Collection[str]


def kind_here(name: str) -> Kind:
    """What an entry of a system's folder on the controller is."""
    if _RECORDS_HERE.fullmatch(name):
        return _USED
    return HERE["dumps"] if _SCHEMA_HERE.fullmatch(name) else HERE.get(name, _UNKNOWN)


def kind_on_host(path: str, whose: Whose, side: str) -> Kind | None:
    """What an entry of our folder on a host is (``path`` is relative to it); None: another system's, or listed by its parts."""
    top, _, name = path.partition("/")
    if match := _ACCOUNTS.fullmatch(path):
        return _of(OF_A_HOST["accounts"], match["migration"], whose)
    if top in BY_MIGRATION:
        return _of(BY_MIGRATION[top], name, whose) if name else None
    if top == "prepared-source":
        return OF_A_HOST[top] if re.sub(r"(-mariadb)?\.json$", "", name) == whose.system else None
    if top == "services":
        service, _, piece = name.removesuffix(".former").partition("/")
        is_former = piece in FORMER_OF_SERVICE or name.endswith(".former")
        return OF_A_HOST[top] if is_former and side == "target" and service in whose.services else None
    if name:
        return None  # listed whole
    return _USED if _SERVERS.fullmatch(top) else OF_A_HOST.get(top, _UNKNOWN)


def _of(kind: Kind, name: str, whose: Whose) -> Kind | None:
    def bears(migrations: Collection[str]) -> bool:
        return any(name == each or name.startswith(f"{each}-") for each in migrations)

    if bears(whose.migrations):
        return kind
    return None if bears(whose.others) else Kind(kind.what, Stay.UNKNOWN)
