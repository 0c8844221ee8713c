"""May this plan run? Each action is judged by what it does to which kind of thing, and by where the system stands. Pure.

The table, after a system was handed over (``Stand.HANDED_OVER`` and later):

| kind | create | update | delete, replace, forget |
|---|---|---|---|
| server, port, volume, unknown | refused: it would not be the one that was lost | refused, but for harmless attributes | refused |
| asked (what a server was to be) | – | refused: it would silently do nothing | refused with its server |
| access (a security group) | – | – | refused |
| rule, placement, record | – | – | – |

Before: everything may be made and changed; what is to be deleted or replaced must bear the mark of a run of ours that never
came to its end. Drift is always said, and never mended by making an empty one.

At any time: what is there already is taken into the state only by `orchestrator cloud adopt`. Somebody's server that a plan
imports would be destroyed with ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.cloud.changes import Action, Changes
from orchestrator.cloud.kinds import HOLDS_DATA, Kind, Kinds
from orchestrator.cloud.stand import STAND_WORDS, Position, Stand
from orchestrator.errors import Finding
from orchestrator.texts import Words, say

TAKES_AWAY = frozenset({"delete", "replace", "forget"})
KNOWN_ACTIONS = frozenset({"create", "update", *TAKES_AWAY})
_TAINTED = frozenset({"replace_because_tainted"})
_NOT_ASKED_FOR = frozenset({
    "delete_because_each_key", "delete_because_no_resource_config", "delete_because_no_module", "delete_because_count_index",
    "delete_because_wrong_repetition",
})  # fmt: skip


@dataclass(frozen=True)
class Judgement:
    """``refusals``: any of them, and nothing of the plan runs. ``notes``: what an operator should read."""

    refusals: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()


def judge(changes: Changes, position: Position, kinds: Kinds, *, adopting: frozenset[str] = frozenset()) -> Judgement:
    """Every refusal of a plan at once, by name, with what changed and what a person can do.

    ``adopting``: the cloud's ids of what `orchestrator cloud adopt` has proved to be this system's.
    """
    gone = {item.address for item in changes.drift if item.action == "delete"}
    refusals = []
    for action in changes.actions:
        if action.imported and action.imported not in adopting:
            finding: Finding | None = _refused(action, position, say("cloud.taken_over", imported=action.imported), _REMEDY_IMPORT)
        elif action.action == "import":
            finding = None
        elif position.stand is Stand.NOTHING:
            finding = _judge_before(action, position)
        else:
            finding = _judge_after(action, position, kinds, was_there=action.address in gone)
        if finding is not None:
            refusals.append(finding)
    return Judgement(tuple(refusals), tuple(describe_drift(changes.drift, position)))


def _judge_before(action: Action, position: Position) -> Finding | None:
    """Nothing was handed over: only what is proved to be left by ourselves may be taken away."""
    if action.action not in KNOWN_ACTIONS:
        return _refused(action, position, say("cloud.unknown_action", action=action.action), say("cloud.upgrade"))
    if action.kind not in HOLDS_DATA or action.action not in TAKES_AWAY or action.run in position.unfinished - {""}:
        return None
    made_by = (
        say("cloud.made_by_run", run=action.run) if action.run else say("cloud.made_by_nobody")
    )
    return _refused(
        action, position, say("cloud.taken_unproved", word=_word(action), why=_why(action), made_by=made_by),
        say("cloud.look_at_it"),
    )  # fmt: skip


def _judge_after(action: Action, position: Position, kinds: Kinds, *, was_there: bool) -> Finding | None:
    """Its servers may hold the only copy: nothing that holds data is made anew, taken away or stopped."""
    if action.action not in KNOWN_ACTIONS:
        return _refused(action, position, say("cloud.unknown_action", action=action.action), say("cloud.upgrade"))
    if action.kind not in HOLDS_DATA:
        return _judge_beside(action, position)
    if action.action == "update":
        return _judge_update(action, position, kinds)
    if action.action in TAKES_AWAY:
        return _refused(action, position, say("cloud.taken_away", word=_word(action), why=_why(action)), _remedy_taken(action))
    if was_there:
        return _refused(action, position, say("cloud.made_in_place"), _REMEDY_GONE)
    return _refused(action, position, say("cloud.made_anew"), _REMEDY_NEW)


def _judge_beside(action: Action, position: Position) -> Finding | None:
    """What holds no data itself, and still decides over what does."""
    if action.kind is Kind.ASKED and action.action != "create":
        return _refused(action, position, say("cloud.asked_other", changed=_changed(action)), _REMEDY_ASKED)
    if action.kind is Kind.ACCESS and action.action in TAKES_AWAY:
        return _refused(action, position, say("cloud.unreachable", word=_word(action), why=_why(action)), _REMEDY_BACK)
    return None


def _judge_update(action: Action, position: Position, kinds: Kinds) -> Finding | None:
    """In place means: the same thing, but perhaps stopped, resized or moved. Only what the module calls harmless is."""
    harmless = kinds.harmless_of(action.resource_type)
    stopping = [item for item in action.differences if item.attribute.split(".")[0] not in harmless]
    if action.differences and not stopping:
        return None
    told = tuple(item.says for item in stopping) or say("cloud.plan_silent")
    return _refused(action, position, say("cloud.changed_in_use", told=told), _REMEDY_IN_USE)


_REMEDY_ASKED = (
    say("cloud.mend_asked")
)
_REMEDY_IMPORT = say("cloud.mend_import")
_REMEDY_BACK = say("cloud.set_back_plan")
_REMEDY_GONE = (
    say("cloud.mend_gone")
)
_REMEDY_NEW = (
    say("cloud.mend_new")
)
_REMEDY_IN_USE = say("cloud.mend_in_use")


def _remedy_taken(action: Action) -> Words:
    if action.reason in _NOT_ASKED_FOR:
        return say("cloud.mend_unasked")
    if action.reason in _TAINTED:
        return say("cloud.mend_tainted")
    return say("cloud.mend_changed")


def _word(action: Action) -> Words:
    words = {"delete": say("cloud.destroyed"), "replace": say("cloud.destroyed_anew"), "forget": say("cloud.forgotten")}
    return words.get(str(action.action), action.action)


def _why(action: Action) -> Words:
    if action.forced_by:
        return say("cloud.why_changed", forced_by=tuple(item.says for item in action.forced_by))
    if action.reason in _NOT_ASKED_FOR:
        return say("cloud.why_unasked")
    if action.reason in _TAINTED:
        return say("cloud.why_tainted")
    return say("cloud.why_changed", forced_by=tuple(item.says for item in action.differences)) if action.differences else ""


def _changed(action: Action) -> Words:
    return say("cloud.changed_how", differences=tuple(item.says for item in action.differences)) if action.differences else _why(action)


def _refused(action: Action, position: Position, said: Words, remedy: Words) -> Finding:
    return Finding(
        "plan-would-lose",
        "error",
        say("cloud.plan_would", label=action.label, said=said, stand=STAND_WORDS[position.stand], address=action.address),
        remedy,
        system=position.system,
    )


def describe_drift(drift: Sequence[Action], position: Position) -> list[Finding]:
    """What was changed outside since the last apply, in a sentence each."""
    findings = []
    for item in drift:
        if item.action == "delete":
            said = say("cloud.drift_gone", label=item.label)
            again = say("cloud.another_made") if position.stand is Stand.NOTHING else say("cloud.none_made")
            remedy = say("cloud.ask_who", again=again)
        elif item.differences:
            said = say("cloud.drift_changed", label=item.label, differences=tuple(part.says for part in item.differences))
            remedy = say("cloud.set_back_cloud")
        else:
            continue
        findings.append(Finding("cloud-drift", "warning", said, remedy, system=position.system))
    return findings
