"""What a cloud has against what the state knows: left by us, somebody else's, or lost. Pure; the caller removes and refuses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from orchestrator.cloud.kinds import Kind
from orchestrator.cloud.listing import REMOVAL_ORDER, ServerDeeds, Thing
from orchestrator.cloud.stand import Position, Stand
from orchestrator.errors import Finding
from orchestrator.texts import Words, say

_BY_NAME = frozenset({Kind.PLACEMENT})
"""Kinds that bear no mark: known by their system's name, and only while nothing hangs on them."""
_HOLDERS = frozenset({Kind.SERVER, Kind.PORT, Kind.VOLUME})


@dataclass(frozen=True)
class Comparison:
    """``leftovers``: proved to be left by our own unfinished run, in the order in which they can be taken away. ``refusals``: what
    nobody may touch until a person has said whose it is. ``notes``: what is named and left."""

    leftovers: tuple[Thing, ...] = ()
    refusals: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()


def compare(things: Iterable[Thing], known: frozenset[str], position: Position, *, left: frozenset[str] = frozenset()) -> Comparison:
    """``known``: ids that the state holds. ``left``: ids that stay by a person's word or are kept (volumes of an earlier migration).

    A leftover is deletable only while nothing was handed over *and* its mark names this system and a run of ours that never came
    to its end. A run's id is random and only in our journal and on what it made: that is the proof.
    """
    listed = sorted(things, key=lambda thing: (REMOVAL_ORDER.index(thing.kind), thing.name, thing.id))
    leftovers: list[Thing] = []
    refusals: list[Finding] = []
    notes: list[Finding] = []
    for thing in listed:
        if thing.id in known or thing.id in left:
            continue
        if _is_leftover(thing, known | {item.id for item in leftovers}, position):
            leftovers.append(thing)
        elif thing.system and thing.system != position.system:
            notes.append(_note(thing, position, say("cloud.belongs_to", system=thing.system)))
        elif thing.kind in _HOLDERS:
            refusals.append(_refusal(thing, position))
        elif thing.kind is Kind.RULE and thing.group in known:
            said = say("cloud.attached_by_other") if thing.detail.get("attachment") else say("cloud.opened_by_other")
            notes.append(_note(thing, position, said))
        elif thing.kind is not Kind.RULE:
            notes.append(_note(thing, position, say("cloud.bears_name")))
    return Comparison(tuple(leftovers), tuple(refusals), tuple(notes))


def _is_leftover(thing: Thing, ours: frozenset[str], position: Position) -> bool:
    if position.stand is not Stand.NOTHING or not position.unfinished:
        return False
    if thing.kind is Kind.RULE:
        return thing.group in ours and not thing.detail.get("foreign")
    if thing.kind in _BY_NAME:
        return thing.name == position.system and not set(thing.used_by) - ours
    return thing.system == position.system and thing.run in position.unfinished - {""}


def _refusal(thing: Thing, position: Position) -> Finding:
    if thing.system:
        who = say("cloud.marked_unknown", run=thing.run or "(none)", system=thing.system)
        remedy = say("cloud.adopt_or_delete")
    else:
        who = say("cloud.named_unmarked")
        remedy = say("cloud.rename_or_allow", id=thing.id)
    told = say(
        "cloud.thing_unknown", label=thing.label, who=who, status=say("cloud.status_is", status=thing.status) if thing.status else ""
    )
    return Finding("cloud-unknown", "error", told, remedy, system=position.system)


def _note(thing: Thing, position: Position, said: Words) -> Finding:
    return Finding(
        "cloud-other", "warning", say("cloud.thing_said", label=thing.label, said=said), say("cloud.nothing_done"), system=position.system
    )


def describe_missing(
    things: Iterable[Thing], wanted: Iterable[str], position: Position, known: Mapping[str, str] | None = None
) -> list[Finding]:
    """Servers that the journal says were handed over and that the cloud does not have, or has in error, with the cloud's own reason.

    ``known``: name → id of those that the state holds; one that somebody renamed is not gone, and a stranger of its name is not it.
    """
    servers = [thing for thing in things if thing.kind is Kind.SERVER]
    by_id, by_name = {thing.id: thing for thing in servers}, {thing.name: thing for thing in servers}
    findings = []
    for name in sorted(wanted):
        ident = (known or {}).get(name)
        thing = by_id.get(ident) if ident else by_name.get(name)
        if thing is not None and thing.name != name:
            said = say("cloud.server_renamed", name=name, id=thing.id, now=thing.name)
            findings.append(Finding("server-renamed", "warning", said, say("cloud.set_back_cloud"), system=position.system))
        if thing is None:
            remedy = say("cloud.find_who_deleted")
            findings.append(Finding("server-gone", "error", say("cloud.server_gone", name=name), remedy, system=position.system))
        elif thing.status.upper() not in ("", "ACTIVE"):
            why = say("cloud.because", why=thing.why) if thing.why else ""
            remedy = say("cloud.start_on_cloud")
            findings.append(
                Finding(
                    "server-status",
                    "error",
                    say("cloud.server_status", name=name, status=thing.status, why=why),
                    remedy,
                    system=position.system,
                )
            )
    return findings


def describe_rebuilt(deeds: ServerDeeds, known: Mapping[str, str], position: Position) -> list[Finding]:
    """Servers that were made anew under their own ids: to Terraform, which compares ids, nothing happened. ``known``: name → id of
    those that the cloud has."""
    findings = []
    for name, ident in sorted(known.items()):
        for when in deeds.rebuilt_at(ident):
            said = say("cloud.server_rebuilt", name=name, id=ident, when=when)
            findings.append(Finding("server-rebuilt", "warning", said, say("cloud.find_who_rebuilt"), system=position.system))
    return findings
