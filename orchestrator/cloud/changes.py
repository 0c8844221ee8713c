"""What a Terraform plan would do, and what was changed behind our back, read from the plan's JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.cloud.kinds import Kind, Kinds
from orchestrator.texts import Sentence, Words, say

SHOWN = 80
"""Characters of a value that are shown."""
HIDDEN = say("cloud.not_shown")
GENERATED = frozenset({
    "id", "updated_at", "created_at", "revision_number", "status", "all_metadata", "all_tags", "timeouts",
    "device_owner",  # goes with device_id, which is compared
})  # fmt: skip
"""Attributes that the cloud changes by itself: no news."""


@dataclass(frozen=True)
class Difference:
    """One attribute, before and after, as text for people."""

    attribute: str
    before: Words
    after: Words

    @property
    def says(self) -> Sentence:
        """What was changed into what."""
        return say("cloud.difference", attribute=self.attribute, before=self.before, after=self.after)


@dataclass(frozen=True)
class Action:
    """What a plan does to one resource, or (drift) what was done to it outside."""

    address: str
    kind: Kind
    resource_type: str
    name: str
    """What people call it: the server's name, or the resource's where there is one only."""
    action: Words
    """``create``, ``update``, ``delete``, ``replace`` or ``forget``."""
    reason: str = ""
    """Terraform's own word for why, e.g. ``delete_because_each_key``."""
    differences: tuple[Difference, ...] = ()
    forced_by: tuple[Difference, ...] = ()
    """Attributes that cannot be changed in place: they make it a replacement."""
    run: str = ""
    """The run of ours that made it, by its mark; empty: it bears none."""
    imported: str = ""
    """The cloud's id of what is there already and would be taken into the state; empty: nothing is."""

    @property
    def label(self) -> str:
        """Kind and name: ``server portal-db-cloud``."""
        return f"{self.resource_type if self.kind is Kind.UNKNOWN else self.kind} {self.name}"


@dataclass(frozen=True)
class Changes:
    """A plan's actions without reads and no-ops, and its drift."""

    actions: tuple[Action, ...] = ()
    drift: tuple[Action, ...] = field(default=())


def read_changes(plan: Mapping[str, Any], kinds: Kinds) -> Changes:
    """From ``terraform show -json`` of a plan. Data sources are read, never made: they are left out."""
    actions = [
        *_actions(plan.get("resource_changes") or (), kinds),
        *_deferred(plan.get("deferred_changes") or (), kinds),
        *_invocations(plan.get("action_invocations") or ()),
    ]
    return Changes(tuple(actions), tuple(_actions(list(_outside(plan, kinds)), kinds)))


def _outside(plan: Mapping[str, Any], kinds: Kinds) -> Iterator[Mapping[str, Any]]:
    """Drift without what nobody did: an apply writes a port down before its server hangs on it, and ``null`` where the cloud says
    that there is none. To read it all again after each apply would cost the cloud half as many calls as making it."""
    known = _mapping(_mapping(_mapping(plan.get("prior_state")).get("values")).get("root_module"))
    servers = set(_server_ids(known, kinds))
    for row in plan.get("resource_drift") or ():
        change = row.get("change") or {}
        before, after = _mapping(change.get("before")), _mapping(change.get("after"))
        filled = kinds.filled_of(str(row.get("type")))
        same = {}
        for name, value in after.items():
            was, now = _strip(before.get(name)), _strip(value)
            if was == now or (was is None and name in filled and servers.issuperset(_named(now, filled[name]))):
                same[name] = value
        yield {**row, "change": {**change, "before": {**before, **same}}} if before and after else row


def _server_ids(module: Mapping[str, Any], kinds: Kinds) -> Iterator[str]:
    for resource in module.get("resources") or ():
        if kinds.kind_of(str(resource.get("type")), str(resource.get("name"))) is Kind.SERVER:
            yield str(_mapping(resource.get("values")).get("id"))
    for child in module.get("child_modules") or ():
        yield from _server_ids(child, kinds)


def _named(value: object, key: str) -> Iterator[str]:
    """The ids in an attribute: itself, or under ``key`` of each of its entries."""
    for entry in value if isinstance(value, list) else [value]:
        yield str(_mapping(entry).get(key) if key else entry)


def _strip(value: object) -> object:
    """A value without what is empty in it: to the cloud none, no entries and no words are the same."""
    if isinstance(value, Mapping):
        parts = {name: _strip(part) for name, part in value.items()}
        return {name: part for name, part in parts.items() if part is not None} or None
    if isinstance(value, list):
        return [_strip(part) for part in value] or None
    return value if value not in ("", None) else None


def _deferred(rows: Sequence[Mapping[str, Any]], kinds: Kinds) -> Iterator[Action]:
    """What a plan would leave for a later one, since a provider cannot say it yet: what that would do is not known now."""
    for action in _actions([row.get("resource_change") or {} for row in rows], kinds):
        yield replace(action, action=say("cloud.left_for_later", action=action.action))


def _invocations(rows: Sequence[Mapping[str, Any]]) -> Iterator[Action]:
    """A provider's own deeds that a module asks for beside its resources (Terraform 1.14): what they do to what is not said."""
    for row in sorted(rows, key=lambda row: str(row.get("address"))):
        yield Action(str(row.get("address")), Kind.UNKNOWN, str(row.get("type")), str(row.get("name")), "invoke")


def _actions(rows: Sequence[Mapping[str, Any]], kinds: Kinds) -> Iterator[Action]:
    for row in sorted(rows, key=lambda row: str(row.get("address"))):
        change = row.get("change") or {}
        action = name_action(change.get("actions") or ())
        imported = str((change.get("importing") or {}).get("id") or "")
        if row.get("mode", "managed") != "managed" or (action in ("no-op", "read") and not imported):
            continue
        differences = tuple(_differences(change))
        forced = {str(path[0]) for path in change.get("replace_paths") or () if path}
        yield Action(
            address=str(row.get("address")),
            kind=kinds.kind_of(str(row.get("type")), str(row.get("name"))),
            resource_type=str(row.get("type")),
            name=_name(row, change),
            action="import" if imported and action == "no-op" else action,
            reason=str(row.get("action_reason") or ""),
            differences=differences,
            forced_by=tuple(item for item in differences if item.attribute in forced),
            run=run_of(change.get("before")),
            imported=imported,
        )


def _name(row: Mapping[str, Any], change: Mapping[str, Any]) -> str:
    """What people call it: its key; where the module around it has the key, the name that it bears on the cloud."""
    if row.get("index") is not None:
        return str(row["index"])
    for moment in ("before", "after"):
        name = _mapping(change.get(moment)).get("name")
        if isinstance(name, str) and name and not _mapping(change.get(f"{moment}_sensitive")).get("name"):
            return name
    return str(row.get("name"))


def name_action(actions: Sequence[str]) -> str:
    """One word for Terraform's list of them. A deed that this does not know keeps its own name, and is judged as harmful."""
    if sorted(actions) == ["create", "delete"]:
        return "replace"
    return "+".join(actions) or "no-op"


def run_of(values: object) -> str:
    """The mark of the run that made a resource: in its metadata, its record's input, or the words of its description."""
    if not isinstance(values, Mapping):
        return ""
    for name in ("metadata", "input"):
        holder = values.get(name)
        if isinstance(holder, Mapping) and holder.get("run"):
            return str(holder["run"])
    return read_mark(str(values.get("description") or ""), "run")


def system_of(values: object) -> str:
    """The mark of the system that a resource was made for; empty: it bears none."""
    if not isinstance(values, Mapping):
        return ""
    for holder, name in (("metadata", "system"), ("input", "system_id")):
        marks = values.get(holder)
        if isinstance(marks, Mapping) and marks.get(name):
            return str(marks[name])
    return read_mark(str(values.get("description") or ""), "system")


def read_mark(text: str, name: str) -> str:
    """``citizen-portal`` of ``等保 3 system:citizen-portal run:…``; empty when the text bears no such mark."""
    for word in text.split():
        if word.startswith(f"{name}:"):
            return word.removeprefix(f"{name}:")
    return ""


def _differences(change: Mapping[str, Any]) -> Iterator[Difference]:
    """Attributes that differ. One that has a value now and is not known before the apply may become any other: it counts."""
    before, after = _mapping(change.get("before")), _mapping(change.get("after"))
    unknown = _mapping(change.get("after_unknown"))
    marks = _mapping(change.get("before_sensitive")), _mapping(change.get("after_sensitive"))
    secret = {name: [mark.get(name) for mark in marks] for name in {*marks[0], *marks[1]}}
    forced = {str(path[0]) for path in change.get("replace_paths") or () if path}
    if not before or (not after and not unknown):
        return
    for name in sorted({*before, *after}):
        open_ended = unknown.get(name) is True
        if open_ended and name not in forced and before.get(name) is None:
            continue
        if before.get(name) == after.get(name) and not open_ended:
            continue
        if name in GENERATED and name not in forced:
            continue
        if _has_secret(secret.get(name)):
            yield Difference(name, HIDDEN, HIDDEN)
        else:
            yield from _parts(name, before.get(name), say("cloud.known_later") if open_ended else after.get(name))


def _has_secret(mark: object) -> bool:
    """Terraform marks a value, or parts of it at any depth, with true."""
    if isinstance(mark, Mapping):
        return any(_has_secret(part) for part in mark.values())
    if isinstance(mark, list):
        return any(_has_secret(part) for part in mark)
    return mark is True


def _parts(name: str, before: object, after: object) -> Iterator[Difference]:
    """A mapping's changed entries one by one: of a record of eight values the one that changed."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            if before.get(key) != after.get(key):
                yield Difference(f"{name}.{key}", shown(before.get(key)), shown(after.get(key)))
        return
    yield Difference(name, shown(before), shown(after))


def shown(value: object) -> Words:
    """A value as text, cut where it is long; words of ours as they are."""
    if isinstance(value, Sentence):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
