"""What was changed since the copy, on either side, and what the two sides do not share: each object by name.

Event triggers refuse most of it, but not what a superuser does, nor roles, settings, large objects and rights on what
the cluster shares. So the fingerprint that was taken at the copy is asked again by every later check.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from orchestrator.errors import Finding, StepFailed
from orchestrator.movers.contract import Part
from orchestrator.movers.postgresql import clustered, fingerprint, roles
from orchestrator.movers.postgresql.connections import Connection
from orchestrator.movers.postgresql.fingerprint import Change
from orchestrator.movers.postgresql.names import Names
from orchestrator.movers.postgresql.reach import names_of
from orchestrator.texts import Words, say
from orchestrator.texts.names import side_name

SHOWN = 20
_ROLES = re.compile(r"^(?:role (.*)|membership of (.*) in .*|setting .* of role (.*?)(?: in this database)?)$")
_TAKEN_OVER = say("postgresql.by_hand")
_NEW_PASSWORD = say("postgresql.new_password")


def remember(part: Part, source: Connection, target: Connection) -> None:
    """Right after the copy: both sides are the same, and each remembers how it was. Raises StepFailed with all that is not
    the same."""
    before, after = _both(part, source, target)
    differ = across(before, after)
    if differ:
        listed = tuple(change.says for change in differ[:SHOWN])
        raise StepFailed(
            say("postgresql.copy_differs", name=part.name, count=len(differ), listed=listed),
            where=part.name,
            remedy=say("postgresql.report_it"),
        )
    fingerprint.keep(source, names_of(part), before)
    fingerprint.keep(target, names_of(part), after)


def findings(part: Part, source: Connection, target: Connection) -> list[Finding]:
    """Every change since the copy, and every difference between the sides that no change explains."""
    names = names_of(part)
    now = dict(zip(("source", "target"), _both(part, source, target), strict=True))
    found: list[Finding] = []
    explained: set[str] = set()
    for side, connection in (("source", source), ("target", target)):
        then = fingerprint.kept(connection, names)
        if then is None:
            continue
        for change in _changes(then, now[side]):
            explained.add(change.object)
            said = say("postgresql.changed_on", side=side_name(side), change=change.says)
            found.append(_finding(part, "changed", said, _NEW_PASSWORD if change.part == "verifier" else _TAKEN_OVER))
    for change in across(now["source"], now["target"]):
        if change.object not in explained:
            found.append(_finding(part, "sides-differ", say("postgresql.sides_differ", change=change.says)))
    return found


def changes_since_copy(connection: Connection, names: Names, role: str) -> list[Change]:
    """What was changed on one side; for the guard, which sees each side by itself. Nothing remembered: nothing changed."""
    then = fingerprint.kept(connection, names)
    return _changes(then, _take(names, role, connection)) if then is not None else []


def across(source: fingerprint.Fingerprint, target: fingerprint.Fingerprint) -> list[Change]:
    """What the two sides do not share. Roles that only the target's cluster has are others'."""
    known = {role for thing, _ in source if (role := _role_of(thing))}
    of_ours = {key: value for key, value in target.items() if not (role := _role_of(key[0])) or role in known}
    differ = _changes(source, of_ours, restored=True)
    return [change for change in differ if change.part != "version" or "collation" not in change.object]


def _changes(before: fingerprint.Fingerprint, after: fingerprint.Fingerprint, *, restored: bool = False) -> list[Change]:
    """Without the marks that are brought to the other side while it goes on."""
    return [change for change in fingerprint.changes(before, after, restored=restored) if change.part != clustered.PART]


def _role_of(thing: str) -> str | None:
    match = _ROLES.match(thing)
    return next((group for group in match.groups() if group), None) if match else None


def _both(part: Part, source: Connection, target: Connection) -> tuple[Mapping[tuple[str, str], str], Mapping[tuple[str, str], str]]:
    names = names_of(part)
    with ThreadPoolExecutor(2) as pool:
        before, after = pool.map(_take, (names, names), (part.role, part.role), (source, target))
    return before, after


def _take(names: Names, role: str, connection: Connection) -> Mapping[tuple[str, str], str]:
    named = [role] if role else []
    listed = roles.depended_on(connection, named=named, ours=[names.schema])
    return fingerprint.take(connection, names, roles=listed)


def _finding(part: Part, code: str, message: Words, remedy: Words = _TAKEN_OVER) -> Finding:
    return Finding(code, "error", say("error.of", name=part.name, said=message), remedy, system=part.system)
